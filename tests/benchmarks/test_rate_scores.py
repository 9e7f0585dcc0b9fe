"""Rates of range tests, scored on landscapes whose truth is made."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from landscape import Landscape
from left_out import with_best
from rate_scores import (
    Case,
    Said,
    Score,
    alone,
    best_elsewhere,
    inside,
    mean_interval,
    prior_center,
    reliability,
    shifted,
    with_prior,
)
from settings import Part, Setting

from lrscope.priors import Question, predict

RATES = tuple(float(rate) for rate in np.logspace(-4, 0, 17))
PRIOR = predict(Question(method="lora", parameters=1e9))


def landscape(model: str, best: float, *, diverged_above: float = 1.0, part: Part = "lora") -> Landscape:
    """Return a landscape whose loss is 1 + 0.1 · (decades from the best)²."""
    setting = Setting(model, "trec", part, 1000, 16, 2, RATES, 2)
    rows: list[Any] = [
        {"rate": rate, "seed": seed, "dev_loss": 1.0 + 0.1 * (np.log10(rate) - best) ** 2}
        for rate in RATES for seed in range(2) if np.log10(rate) <= diverged_above
    ]  # fmt: skip
    rows += [{"rate": rate, "seed": 0, "dev_loss": None} for rate in RATES if np.log10(rate) > diverged_above]
    return Landscape(setting, Fraction(1), rows)


def case(model: str, best: float, center: float = -2.0, sd: float = 0.4, part: Part = "lora") -> Case:
    return Case(landscape(model, best, part=part), with_best(PRIOR, center, sd))


def said(of: Case, *places: float) -> Said:
    return Said(of, np.array(places))


def rule(bias: float, noise: float = 0.0, seeds: int = 4) -> list[Said]:
    """Return what a rule says of nine settings of three models, off by a bias and, either way, by noise."""
    bests = [-3.0, -2.6, -2.2, -2.8, -2.4, -2.0, -2.9, -2.5, -2.1]
    signs = noise * np.array([1.0, -1.0] * (seeds // 2))
    return [said(case("abc"[place // 3], best), *(best + bias + signs)) for place, best in enumerate(bests)]


def test_regret_is_that_of_the_parabola_and_beyond_the_last_rate_the_worst() -> None:
    whole = landscape("a", -2.0)
    assert whole.best()[0] == pytest.approx(1e-2)
    assert whole.regret(10**-2.5) == pytest.approx(0.1 * 0.25, abs=1e-3)
    assert whole.regret(1e-9) == whole.regret(1e-4) == pytest.approx(0.4)
    cut = landscape("a", -2.0, diverged_above=-1.0)
    assert cut.regret(10**-0.9) == pytest.approx(0.1, abs=1e-3), "nearer to the last that ended than to the next"
    assert cut.regret(10**-0.8) == pytest.approx(0.4), "a run that diverges costs as much as the worst that ended"


def test_a_rule_that_is_only_shifted_finds_the_best_once_other_models_told_its_bias() -> None:
    all_said = rule(bias=1.3)
    assert Score.of(all_said, alone).off == pytest.approx(np.full(9, 1.3), abs=1e-6)
    assert Score.of(all_said, shifted).off == pytest.approx(np.zeros(9), abs=1e-6)
    assert Score.of(all_said, shifted).regret == pytest.approx(np.zeros(9), abs=1e-3)
    known = reliability(all_said, "lora")
    assert known is not None
    assert (known.bias, known.spread) == (pytest.approx(1.3), pytest.approx(0.0, abs=1e-6))
    assert reliability(all_said[:2], "lora") is None


def test_rule_and_prior_are_weighed_by_precision() -> None:
    all_said = rule(bias=0.5, noise=0.4)
    spread = 0.4 * np.sqrt(6 / 5)  # of the six settings of the two other models
    weight = 0.4**-2 / (0.4**-2 + spread**-2)
    for each in all_said:
        expected = weight * -2.0 + (1.0 - weight) * (each.places - 0.5)
        assert with_prior(each, all_said) == pytest.approx(expected)
    sure = [said(case(e.case.model, e.case.best, center=-2.0, sd=1e-3), *e.places) for e in all_said]
    assert Score.of(sure, with_prior).off == pytest.approx(Score.of(sure, prior_center).off, abs=1e-3)


def test_a_part_s_own_settings_tell_more_of_a_rule_s_bias_than_others() -> None:
    of_heads = [said(case("ab"[place % 2], -2.0, part="head"), -2.0 + 0.2) for place in range(4)]
    of_lora = [said(case("ab"[place % 2], -2.5), -2.5 + 1.2) for place in range(4)]
    whole = [*of_heads, *of_lora]
    lora, head = reliability(whole, "lora"), reliability(whole, "head")
    assert lora is not None
    assert head is not None
    assert (lora.bias, head.bias) == (
        pytest.approx((4 * 1.2 + 0.4 * 0.2) / 4.4),
        pytest.approx((4 * 0.2 + 0.4 * 1.2) / 4.4),
    )
    assert 0.2 < lora.spread < 0.6


def test_nothing_of_a_setting_s_own_model_is_seen() -> None:
    all_said = rule(bias=0.5, noise=0.2)
    first = all_said[0]
    others_of_its_model = [said(each.case, *(each.places + 5.0)) for each in all_said[1:3]]
    changed = [first, *others_of_its_model, *all_said[3:]]
    for way in (shifted, with_prior):
        assert np.array_equal(way(first, changed), way(first, all_said))
        assert not np.allclose(way(all_said[4], changed), way(all_said[4], all_said))


def test_without_an_answer_or_without_other_models_the_prior_speaks() -> None:
    all_said = rule(bias=0.5)
    silent = said(case("a", -2.5), np.nan, -1.0)
    for way in (alone, shifted, with_prior):
        places = way(silent, [silent, *all_said[3:]])
        assert places[0] == prior_center(silent, [])[0]
        assert places[1] != places[0]
    for way in (shifted, with_prior):
        assert np.array_equal(way(all_said[0], all_said[:3]), prior_center(all_said[0], [])), "only of its own model"


def test_the_prior_is_held_inside_the_bracket() -> None:
    one = said(case("a", -2.5, center=-2.0), -1.5, 0.0, -4.0, np.nan)
    assert inside(one, []) == pytest.approx([-2.0, -0.75, -3.25, -2.0])


def test_a_rule_is_chosen_on_the_settings_of_other_models() -> None:
    settings = rule(bias=0.0)
    good_for_a = Score(np.array([0.0] * 3 + [2.0] * 6), np.arange(9.0))
    good_elsewhere = Score(np.array([1.0] * 3 + [0.1] * 6), np.arange(9.0) + 10)
    chosen, names = best_elsewhere({"one": good_for_a, "other": good_elsewhere}, settings)
    assert names == ["other"], "what is good for a alone is not chosen for a"
    assert chosen.off.tolist() == good_elsewhere.off.tolist()
    assert chosen.regret.tolist() == good_elsewhere.regret.tolist()


def test_the_interval_is_over_settings() -> None:
    assert mean_interval(np.full(9, 0.3)) == pytest.approx((0.3, 0.3, 0.3))
    values = np.random.default_rng(0).normal(1.0, 0.5, 100)
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.1)
    alike = np.repeat(np.random.default_rng(0).normal(1.0, 0.5, 10), 10)
    _, low, high = mean_interval(alike, [f"group {place // 10}" for place in range(100)])
    assert high - low == pytest.approx(2 * 1.96 * alike.std() / np.sqrt(10), rel=0.15), "ten groups, not a hundred"
