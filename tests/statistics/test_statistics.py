"""The statistics of the verdict, held against scipy, against closed forms, and against studies of known truth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from lrscope.errors import StudyError
from lrscope.records import Metric
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import ScoreTable
from lrscope.statistics.choice import allowance, choose
from lrscope.statistics.components import components, pair_components
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.evidence import Evidence, evidence_of, evidence_of_rates, evidence_of_values
from lrscope.statistics.multiplicity import best_critical, effective_freedom, pair_critical, spent
from lrscope.statistics.noise import most_telling, rough_noise, shared_noise
from lrscope.statistics.power import needed
from lrscope.statistics.response import peak
from lrscope.statistics.selection import corrected, expecting, optimism, over_epochs, own_variances
from lrscope.statistics.verdict import Exclusion, Verdict


def table(values: np.ndarray) -> ScoreTable:
    return ScoreTable(tuple(f"arm {a}" for a in range(len(values))), values, np.ones(values.shape[2]))


def drawn(means: list[float], seeds: int = 4, examples: int = 300, seed: int = 0, seed_sd: float = 0.01) -> ScoreTable:
    g = np.random.default_rng(seed)
    k = len(means)
    x = np.array(means)[:, None, None] + g.normal(0, seed_sd, (k, seeds, 1)) + g.normal(0, 0.3, (1, 1, examples))
    return table(x + g.normal(0, 0.1, (k, 1, examples)) + g.normal(0, 0.2, (k, seeds, examples)))


# Variance components


def test_components_are_those_of_the_two_way_analysis_of_variance() -> None:
    d = np.random.default_rng(0).normal(0, 1, (5, 40))
    found = components(d)
    rows, columns, whole = d.mean(axis=1), d.mean(axis=0), d.mean()
    ms_seed = 40 * rows.var(ddof=1)
    ms_example = 5 * columns.var(ddof=1)
    rest = d - rows[:, None] - columns[None, :] + whole
    ms_rest = (rest**2).sum() / (4 * 39)
    assert found.difference == pytest.approx(whole)
    assert found.seeds == pytest.approx(ms_seed / 40)
    assert found.examples == pytest.approx(max(0.0, (ms_example - ms_rest) / 5))


def test_components_are_without_bias() -> None:
    g = np.random.default_rng(1)
    draws = [
        components(g.normal(0, 0.3, (4, 1)) + g.normal(0, 0.5, (1, 60)) + g.normal(0, 1.0, (4, 60))) for _ in range(800)
    ]
    assert np.mean([float(d.seeds) for d in draws]) == pytest.approx(0.09 + 1 / 60, rel=0.06)
    assert np.mean([float(d.examples) for d in draws]) == pytest.approx(0.25, rel=0.06)


@given(st.integers(0, 1000))
def test_all_pairs_at_once_are_the_pairs_one_by_one(seed: int) -> None:
    x = np.random.default_rng(seed).normal(0, 1, (4, 3, 7))
    found = pair_components(x)
    for a in range(4):
        for b in range(4):
            one = components(x[a] - x[b])
            assert found.difference[a, b] == pytest.approx(one.difference)
            assert found.seeds[a, b] == pytest.approx(one.seeds, abs=1e-12)
            assert found.examples[a, b] == pytest.approx(one.examples, abs=1e-12)


# Critical values


@pytest.mark.parametrize("freedom", [2.0, 5.0, 20.0, float("inf")])
@pytest.mark.parametrize("error", [0.05, 0.005])
def test_critical_values_are_scipys(freedom: float, error: float) -> None:
    t = stats.norm if np.isinf(freedom) else stats.t(freedom)
    assert best_critical(2, freedom, error) == pytest.approx(t.isf(error), rel=2e-3)
    assert pair_critical(2, freedom, error) == pytest.approx(t.isf(error / 2), rel=2e-3)
    ranges = stats.studentized_range.isf(error, 5, min(freedom, 1e5)) / np.sqrt(2)
    assert pair_critical(5, freedom, error) == pytest.approx(ranges, rel=5e-3)


def test_the_value_for_comparisons_with_the_best_holds_by_simulation() -> None:
    g = np.random.default_rng(2)
    arms = g.standard_normal((200_000, 6))
    scale = np.sqrt(g.chisquare(8, 200_000) / 8)
    largest = (arms[:, 1:].max(axis=1) - arms[:, 0]) / np.sqrt(2) / scale
    assert (largest > best_critical(6, 8.0, 0.05)).mean() == pytest.approx(0.05, abs=0.002)


def test_a_variance_known_in_part_has_its_tail_by_simulation() -> None:
    g = np.random.default_rng(3)
    num, share, freedom = 400_000, 0.7, 2.0
    estimated = share * g.chisquare(freedom, num) / freedom + 1 - share
    # Each draw with the degrees of freedom that its own estimate suggests.
    shares = np.round(share * (estimated - (1 - share)) / share / estimated, 2)
    values = {s: stats.t.isf(0.025, effective_freedom(float(s), freedom, 0.05)) for s in np.unique(shares)}
    reach = np.array([values[s] for s in shares]) * np.sqrt(estimated)
    assert (np.abs(g.standard_normal(num)) > reach).mean() <= 0.052


def test_looks_spend_all_of_the_error_and_little_of_it_early() -> None:
    parts = spent([3 / 8, 5 / 8, 1.0], 0.05)
    assert sum(parts) == pytest.approx(0.05)
    assert parts == sorted(parts)
    assert parts[0] < 0.002


# Evidence and verdicts


def test_an_arm_far_below_is_out_and_equal_ones_stay() -> None:
    verdict = Verdict(evidence_of(drawn([0.2, 0.4, 0.4])))
    assert verdict.contenders == (1, 2)
    assert verdict.exclusion(0) in (Exclusion(1), Exclusion(2))
    assert verdict.exclusion(1) is None
    assert verdict.between(1, 0).outcome == "better"
    assert verdict.between(0, 1).outcome == "worse"
    assert verdict.between(1, 2).outcome == "undecided"


def test_a_metric_that_is_minimized_turns_the_verdict() -> None:
    verdict = Verdict(evidence_of(drawn([0.2, 0.4, 0.6]), maximize=False))
    assert verdict.contenders == (0,)


def test_a_margin_makes_equal_arms_equivalent() -> None:
    evidence = evidence_of(drawn([0.4, 0.4], seeds=8, examples=4000, seed_sd=0.001))
    assert Verdict(evidence, margin=0.05).between(0, 1).outcome == "equivalent"
    assert Verdict(evidence, margin=0.05).is_decided
    assert not Verdict(evidence, margin=0.0).is_decided


def test_one_seed_takes_the_noise_that_is_assumed() -> None:
    one = drawn([0.36, 0.4], seeds=1, examples=4000)
    calm, wild = (Verdict(evidence_of(one, seed_sd=sd)) for sd in (0.002, 0.05))
    assert len(calm.contenders) == 1
    assert len(wild.contenders) == 2
    assert calm.evidence.noise.source == "assumed"


def test_seeds_that_are_missing_are_left_out_pair_by_pair() -> None:
    whole = drawn([0.2, 0.4, 0.4])
    values = whole.values.copy()
    values[1, 3] = np.nan
    values[2, :2] = np.nan
    evidence = evidence_of(table(values))
    assert evidence.num_seeds == (4, 3, 2)
    assert evidence.differences[0, 1] == pytest.approx((values[0, :3] - values[1, :3]).mean())
    assert evidence.differences[1, 2] == pytest.approx((values[1, 2:3] - values[2, 2:3]).mean())
    assert np.allclose(evidence.differences, -evidence.differences.T)
    assert np.allclose(evidence.errors, evidence.errors.T)


def test_an_arm_without_a_value_is_out_and_hides_no_other() -> None:
    values = drawn([0.4, 0.4, 0.3]).values
    values[2] = np.nan
    verdict = Verdict(evidence_of(table(values)))
    assert verdict.contenders == (0, 1)
    assert verdict.exclusion(2) in (Exclusion(0), Exclusion(1))


def test_weights_are_those_of_a_weighted_mean() -> None:
    weights = np.array([1.0, 3.0])
    scores = ScoreTable(("a",), np.array([[[0.0, 1.0]]]), weights)
    assert scores.means[0, 0] == 0.75


def test_trials_on_other_examples_are_refused() -> None:
    with pytest.raises(StudyError, match="on the same examples"):
        ScoreTable.of({"a": {0: np.zeros(3)}, "b": {0: np.zeros(4)}})


def test_rates_alone_are_coins() -> None:
    evidence = evidence_of_rates({"a": [0.4], "b": [0.3]}, 1000, seed_sd=0.01)
    assert evidence.errors[0, 1] ** 2 == pytest.approx(0.4 * 0.6 / 1000 + 0.3 * 0.7 / 1000 + 2 * 0.01**2)
    several = evidence_of_values({"a": [1.0, 1.2], "b": [1.4, 1.6]}, maximize=False)
    assert several.errors[0, 1] ** 2 == pytest.approx(0.02)
    assert several.freedom[0, 1] == 2
    assert several.differences[0, 1] == pytest.approx(0.4)


def test_noise_that_arms_share_is_pooled_and_noise_that_they_do_not_is_not() -> None:
    g = np.random.default_rng(5)
    alike = shared_noise(g.normal(0, 0.01, (12, 8)) + g.normal(0, 0.05, (1, 8)))
    assert alike.variance == pytest.approx(2e-4, rel=0.3)
    apart = shared_noise(g.normal(0, 1, (12, 8)) * np.geomspace(0.001, 0.1, 12)[:, None])
    assert apart.apart
    assert apart.freedom < 10
    variance, freedom = apart.of_pairs(np.array([1.0]), 7.0)
    assert (variance[0], freedom[0]) == (1.0, 7.0), "a pair that is noisier than the rest is not shrunk"


@pytest.mark.slow
def test_null_studies_are_not_given_winners_at_any_planned_look() -> None:
    looks, false, lost = (3, 5, 8), 0, 0
    for seed in range(300):
        whole = drawn([0.4] * 4, seeds=8, examples=200, seed=seed, seed_sd=0.014)
        said = False
        for look, error in zip(looks, spent([look / 8 for look in looks], 0.05), strict=True):
            verdict = Verdict(evidence_of(table(whole.values[:, :look])), error=error)
            said |= any(verdict.between(a, b).outcome in ("better", "worse") for a in range(4) for b in range(a))
            lost += not verdict.contenders
        false += said
    assert lost == 0
    assert false / 300 < 0.09, "5%, and three standard errors of the simulation"


# Choice, selection, power


def equal(k: int, error: float = 0.02) -> Evidence:
    zero = np.zeros((k, k))
    errors = np.full((k, k), error) * (1 - np.eye(k))
    noise = evidence_of_values({"a": [0.1]}).noise
    names = tuple(f"arm {a}" for a in range(k))
    return Evidence(names, np.full(k, 0.4), zero, errors, zero, np.full((k, k), np.inf), noise, (1,) * k, 100)


def test_among_equals_the_middle_is_chosen_then_the_cheaper() -> None:
    verdict = Verdict(equal(4))
    assert choose(verdict, [-5.0, -4.0, -3.0, -2.0], [4.0, 3.0, 1.0, 1.0]).first == 2
    assert choose(verdict, None, [4.0, 1.0, 2.0, 3.0]).first == 1
    assert choose(verdict, [-5.0, -4.0, -3.0, -2.0]).is_default
    alone = Verdict(evidence_of(drawn([0.2, 0.6, 0.3])))
    assert (choose(alone).first, choose(alone).second, choose(alone).is_default) == (1, 2, False)


def test_the_first_choice_is_within_a_typical_standard_error_of_the_best_mean() -> None:
    five = equal(5)
    values = np.array([0.33, 0.315, 0.052, 0.325, 0.32])
    errors = five.errors.copy()
    errors[2, :] = errors[:, 2] = 0.3
    errors[2, 2] = 0.0
    verdict = Verdict(replace(five, values=values, differences=values[:, None] - values[None, :], errors=errors))
    positions = [-6.0, -5.0, -4.0, -3.0, -2.0]
    assert verdict.contenders == (0, 1, 2, 3, 4)
    assert allowance(verdict) == 0.02, "of ten pairs, four are noisy"
    chosen = choose(verdict, positions)
    assert chosen.first in (1, 3), "the middle one lies far below"
    assert chosen.behind == pytest.approx(0.33 - values[chosen.first])
    assert chosen.second != 2
    unknown = replace(verdict.evidence, errors=np.where(np.eye(5) > 0, 0.0, np.inf))
    for margin, first in ((0.02, (1, 3)), (0.0, (0,))):
        assert choose(Verdict(unknown, margin=margin), positions).first in first


def test_no_expectation_leaves_the_range_of_a_share() -> None:
    runs = [
        Run(f"lr {rate:g}", 0, rate, (Point(None, 1, {"dev": {"accuracy": value}}),))
        for rate, value in ((1e-4, 0.02), (1e-3, 0.03), (1e-2, 0.02), (1e-1, 0.0))
    ]
    c = Conclusions(Runs("s", Metric("accuracy", "maximize"), tuple(runs), {"dev": 30}), seed_sd=0.1)
    assert 0.0 < c.expected < c.arms[c.choice.first].value
    assert c.optimism == pytest.approx(c.arms[c.choice.first].value - c.expected)
    assert corrected(0.4, 0.001, 1000) == pytest.approx(0.399, abs=1e-5)
    for value in (0.0, 0.004, 0.5, 0.999, 1.0):
        assert 0.0 <= corrected(value, 0.5, 100) <= max(value, 0.01)


def test_the_largest_of_equals_is_too_large_by_what_order_statistics_say() -> None:
    # The mean of the largest of five standard normal variables is 1.163.
    assert optimism(equal(5, error=np.sqrt(2) * 0.014), draws=20_000) == pytest.approx(1.163 * 0.014, rel=0.03)
    assert optimism(equal(1)) == 0.0
    assert over_epochs([0.4, 0.4, 0.4], 0.01) == pytest.approx(0.846 * 0.01, rel=0.1)


def test_what_is_far_apart_has_nothing_to_be_chosen_by_chance() -> None:
    evidence = evidence_of(drawn([0.1, 0.3, 0.8]))
    assert abs(optimism(evidence)) < 0.002


def test_variances_of_differences_are_split_into_arms() -> None:
    own = np.array([1.0, 2.0, 3.0, 4.0])
    assert own_variances(np.sqrt(own[:, None] + own[None, :]) * (1 - np.eye(4))) == pytest.approx(own)


def test_what_is_needed_is_enough_by_simulation() -> None:
    need = needed(0.03, seed_variance=4e-4, example_variance=0.05, num_examples=2000, num_arms=4, at_seeds=3, power=0.8)
    assert need.seeds is not None
    g = np.random.default_rng(7)
    error = np.sqrt(4e-4 / 2 / need.seeds + 0.05 / 2 / 2000)
    arms = g.standard_normal((20_000, 4)) * error + np.array([0.03, 0, 0, 0])
    reach = best_critical(4, np.inf, 0.05) * error * np.sqrt(2)
    assert ((arms[:, 0] - arms[:, 1]) > reach).mean() == pytest.approx(0.8, abs=0.1)
    few = needed(0.01, seed_variance=4e-4, example_variance=0.3, num_examples=500, num_arms=4, at_seeds=8)
    assert few.seeds is None
    assert few.examples is not None
    assert few.examples > 500


def test_the_top_of_a_parabola_is_covered_by_its_interval() -> None:
    draw = np.random.default_rng(11)
    rates = 10.0 ** np.arange(-5, -1.9, 0.5)
    truth = 0.4 - 0.03 * (np.log10(rates) + 3.3) ** 2
    covered, found = [], 0
    for seed in range(300):
        top = peak(rates, truth + draw.normal(0, 0.006, len(rates)), np.full(len(rates), 0.006**2), seed)
        if top is not None and top.low is not None and top.high is not None:
            found += 1
            covered.append(top.low <= 10**-3.3 <= top.high)
    assert found > 250
    assert np.mean(covered) >= 0.92


def test_curves_without_a_top_have_none() -> None:
    rates = 10.0 ** np.arange(-5.0, -1.0)
    assert peak(rates, np.log10(rates), np.full(4, 1e-6)) is None
    assert peak(rates, np.log10(rates) ** 2, np.full(4, 1e-6)) is None
    assert peak(rates[:3], np.array([0.1, 0.2, 0.1]), np.full(3, 1e-6)) is None
    assert peak(rates, np.array([0.1, 0.2, 0.2, 0.1]), np.full(4, 1.0)) is None


def test_arms_and_their_scores_are_in_one_order() -> None:
    scores = drawn([0.5, 0.1, 0.3])
    by_rate = {"arm 0": 1e-2, "arm 1": 1e-4, "arm 2": 1e-3}
    runs = [
        Run(name, 0, rate, (Point(None, 1, {"dev": {"m": float(scores.means[place].mean())}}),))
        for place, (name, rate) in enumerate(by_rate.items())
    ]
    found = Conclusions(Runs("s", Metric("m", "maximize"), tuple(runs), {"dev": 300}, scores))
    assert [arm.name for arm in found.arms] == ["arm 1", "arm 2", "arm 0"]
    assert [arm.standing for arm in found.arms] == ["too low", "too low", "contender"]
    assert found.arms[found.choice.first].name == "arm 0"


def test_arms_with_more_seeds_know_their_noise_among_themselves() -> None:
    draw = np.random.default_rng(3)
    means = 0.4 + 0.01 * draw.standard_normal((5, 8))
    means[4, 2:] = np.nan
    assert most_telling(means, means[:4]).freedom == shared_noise(means[:4]).freedom > shared_noise(means).freedom
    assert most_telling(means[:, :2]) == shared_noise(means[:, :2])


def test_the_noise_of_a_table_with_holes_is_that_of_its_additive_model() -> None:
    draw = np.random.default_rng(0)
    found = []
    for _ in range(400):
        means = 0.4 + 0.01 * draw.standard_normal((4, 6)) + 0.02 * draw.standard_normal((1, 6))
        means[0, 1:], means[1, 3:] = np.nan, np.nan
        noise = rough_noise(means)
        assert noise.freedom == 16 - 4 - 6 + 1
        found.append(noise.variance)
    assert np.mean(found) == pytest.approx(2 * 0.01**2, rel=0.1)
    assert rough_noise(means[:2]).freedom == 0
    assert rough_noise(means[:, :1]).freedom == 0


def test_an_arm_with_one_seed_is_judged_by_the_noise_of_the_others() -> None:
    draw = np.random.default_rng(1)
    scores = {
        name: {seed: 0.5 + 0.1 * draw.standard_normal() + np.zeros(50) for seed in range(seeds)}
        for name, seeds in (("a", 1), ("b", 5), ("c", 5))
    }
    found = evidence_of(ScoreTable.of(scores), seed_sd=1e-6)
    assert found.noise.source != "assumed"
    assert found.errors[0, 1] > 0.01
    assert evidence_of(ScoreTable.of({name: {0: rows[0]} for name, rows in scores.items()})).noise.source == "assumed"


@pytest.mark.parametrize("more", [{}, {"c": {}}, {"c": {0: "one"}}])
def test_what_two_arms_know_does_not_grow_with_arms_that_know_nothing(more: dict[str, dict[int, str]]) -> None:
    draw = np.random.default_rng(0)

    def scores(seeds: Iterable[int]) -> dict[int, Any]:
        return {seed: 0.4 + 0.014 * draw.standard_normal() + 0.3 * draw.standard_normal(300) for seed in seeds}

    table = {"a": scores(range(3)), "b": scores(range(3)), **{name: scores(seeds) for name, seeds in more.items()}}
    assert evidence_of(ScoreTable.of(table)).freedom[0, 1] == 2.0


def test_arms_at_other_seeds_are_judged_with_what_seeds_do_to_all() -> None:
    draw = np.random.default_rng(0)
    false = []
    for _ in range(300):
        common = 0.03 * draw.standard_normal(10)
        table = {
            name: {
                seed: 0.4 + common[seed] + 0.01 * draw.standard_normal() + 0.1 * draw.standard_normal(200)
                for seed in seeds
            }
            for name, seeds in (("a", range(5)), ("b", range(5)), ("c", range(5)), ("d", range(5, 10)))
        }
        verdict = Verdict(evidence_of(ScoreTable.of(table)))
        false.append(any(verdict.between(a, 3).outcome in ("better", "worse") for a in range(3)))
    assert np.mean(false) < 0.09


def test_no_spread_among_rounded_values_is_none_that_is_known() -> None:
    found = evidence_of_values({"a": [0.4, 0.4], "b": [0.41, 0.41]}, seed_sd=0.014)
    assert found.noise.source == "assumed"
    assert Verdict(found).contenders == (0, 1)


def test_the_best_is_expected_in_the_middle_of_a_plateau_and_never_over_a_cliff() -> None:
    def evidence(values: list[float], sds: list[float]) -> Evidence:
        errors = np.sqrt(np.add.outer(np.square(sds), np.square(sds)))
        zeros = np.zeros_like(errors)
        x = np.array(values)
        names = tuple(str(n) for n in range(len(x)))
        return Evidence(
            names, x, x[:, None] - x, errors, zeros, zeros, shared_noise(np.zeros((1, 1))), (1,) * len(x), 1
        )

    positions = [-5.0, -4.0, -3.0, -2.0, -1.0]
    flat = evidence([0.4] * 5, [0.01] * 5)
    assert expecting(flat, positions)(flat.values) == pytest.approx(-3.0, abs=0.2)
    cliff = evidence([0.30, 0.38, 0.42, 0.25, 0.22], [0.01, 0.01, 0.01, 0.06, 0.06])
    centre = expecting(cliff, positions)(cliff.values)
    assert centre == pytest.approx(-3.0, abs=0.15)
    verdict = Verdict(cliff)
    assert {3, 4} & set(verdict.contenders) or verdict.contenders == (2,)
    assert choose(verdict, positions, centre=centre).first == 2
    holed = evidence([math.nan, 0.4, 0.5, math.nan, 0.1], [0.01] * 5)
    assert expecting(holed, positions)(holed.values) == pytest.approx(-3.0)
