"""The closed form against the same model written out, and variances recovered from draws of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.priors.builders import RULES, VARIANCES, drawn, parabola

from lrscope.priors.evidence import Evidence, Variances
from lrscope.priors.fitting import coverage, fit_variances, held_out
from lrscope.priors.model import COEFFICIENTS, GROUPS, OWN, Posterior, covariates, group_of
from lrscope.priors.question import Question


def written_out(evidence: Evidence, at: Question) -> tuple[float, float]:
    """Return mean and sd by Bayesian linear regression with every effect of a group as a coefficient of its own."""
    questions = [*(landscape.at for landscape in evidence.landscapes), at]
    keys = {(group, key) for each in questions for group in GROUPS if (key := group_of(each, group))}
    order = {place: number for number, place in enumerate(sorted(keys))}
    families = sorted({each.family for each in questions} - {""})

    def row(question: Question) -> np.ndarray:
        effects, slopes = np.zeros(len(order)), np.zeros((len(families), len(OWN)))
        for group in GROUPS:
            if key := group_of(question, group):
                effects[order[group, key]] = getattr(evidence.variances[question.method], group)
        if question.family:
            slopes[families.index(question.family)] = OWN * covariates(question)
        return np.concatenate([covariates(question), effects, slopes.ravel()])

    num_effects = len(order) + len(families) * len(OWN)
    precision = np.diag(1.0 / np.array([rule.sd for rule in evidence.rules] + [1.0] * num_effects) ** 2)
    prior_mean = np.array([rule.mean for rule in evidence.rules] + [0.0] * num_effects)
    x = np.array([row(each.at) for each in evidence.landscapes])
    residuals = [evidence.variances[each.at.method].residual for each in evidence.landscapes]
    weight = 1.0 / np.array([e.se**2 + own**2 for e, own in zip(evidence.landscapes, residuals, strict=True)])
    covariance = np.linalg.inv(precision + (x.T * weight) @ x)
    y = np.array([each.best for each in evidence.landscapes])
    mean = covariance @ (precision @ prior_mean + x.T @ (weight * y))
    asked = row(at)
    own = evidence.variances[at.method]
    unknown = sum(getattr(own, group) ** 2 for group in GROUPS if not group_of(at, group))
    unknown += 0.0 if at.family else sum((OWN * covariates(at)) ** 2)
    variance = asked @ covariance @ asked + own.residual**2 + unknown
    return float(asked @ mean), float(np.sqrt(variance))


@pytest.mark.parametrize(
    "at",
    [
        Question(method="lora", parameters=7e9, family="f1", model="f1m2", data="d0", rank=8),
        Question(method="lora", parameters=7e9, family="f1", batch_size=16, steps=50),
        Question(method="full", task="classification", parameters=3e8, family="new", model="new", data="new"),
        Question(method="lora", parameters=3e8, alpha=8.0),
    ],
)
def test_the_closed_form_is_the_model_written_out(at: Question) -> None:
    evidence = drawn(num_families=3, models=2)
    full = [dataclasses.replace(each, at=dataclasses.replace(each.at, method="full")) for each in evidence.landscapes]
    wider = Variances(family=0.3, model=0.2, data=0.3, setting=0.2, residual=0.1)
    evidence = dataclasses.replace(
        evidence, landscapes=(*evidence.landscapes, *full[::3]), variances={"lora": VARIANCES, "full": wider}
    )
    answer = Posterior(evidence).answer(at)
    assert (answer.mean, answer.sd) == pytest.approx(written_out(evidence, at), abs=1e-9)


def test_heads_and_fine_tunes_tell_nothing_of_each_other() -> None:
    evidence = drawn(num_families=3)
    head = parabola(Question(method="head", task="classification", parameters=1e6, family="f1"), -1.0, name="head")
    both = dataclasses.replace(evidence, landscapes=(*evidence.landscapes, head))
    at = Question(method="lora", parameters=7e9, family="f1")
    assert Posterior(both, "lora").answer(at) == Posterior(evidence, "lora").answer(at)
    assert Posterior(both, "head").answer(head.at).mean == pytest.approx(-1.0, abs=0.3)


def test_what_was_never_measured_widens_the_answer() -> None:
    posterior = Posterior(drawn())
    known = Question(method="lora", parameters=7e9, family="f1", model="f1m1", data="d0")
    sds = [
        posterior.answer(dataclasses.replace(known, **changes)).sd
        for changes in ({}, {"data": ""}, {"data": "", "model": ""}, {"data": "", "model": "", "family": ""})
    ]
    assert sds == sorted(sds)
    assert sds[0] < 0.13 < 0.2 < sds[-1]


def test_variances_are_recovered_from_many_families() -> None:
    fitted = fit_variances(drawn(num_families=16, models=3, num_data=4))
    for name, true in dataclasses.asdict(VARIANCES).items():
        assert getattr(fitted, name) == pytest.approx(true, rel=0.6), name


def test_few_families_never_make_a_variance_0() -> None:
    still = Variances(family=0.0, model=0.0, data=0.0, setting=0.0, residual=0.01)
    fitted = fit_variances(drawn(num_families=3, variances=still))
    assert 0.005 < fitted.family < 0.1


def test_intervals_of_families_left_out_hold_as_often_as_they_say() -> None:
    found = [each for seed in range(6) for each in held_out(drawn(seed=seed, models=2), refit=False)]
    assert len(found) == 6 * 8 * 2 * 3 * 2
    assert 0.72 < coverage(found) < 0.9
    assert all(each.prior.question.family == "" for each in found)


def test_coefficients_tell_what_the_landscapes_do() -> None:
    coefficients = Posterior(drawn(num_families=20)).coefficients()
    assert list(coefficients) == list(COEFFICIENTS)
    assert coefficients["size"].mean == pytest.approx(-0.15, abs=3 * coefficients["size"].sd)
    assert coefficients["rank"].mean == pytest.approx(0.2, abs=3 * coefficients["rank"].sd)
    assert coefficients["alpha"].sd == pytest.approx(0.3)  # all of them have the same


def test_a_landscape_that_is_badly_known_counts_less() -> None:
    at = Question(method="lora", parameters=1e9, family="a", model="a", data="d")
    evidence = [Evidence((parabola(at, -2.0, se=se),), RULES, {"lora": VARIANCES}) for se in (0.02, 0.5, 2.0)]
    means = [Posterior(each).answer(at).mean for each in evidence]
    assert means == sorted(means, reverse=True)
    assert means[0] == pytest.approx(-2.0, abs=0.02)
