"""The order of the rates: contenders are an interval; noise alone keeps no arm in beyond one that is shown worse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.records import Metric
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import ScoreTable
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.evidence import Evidence
from lrscope.statistics.multiplicity import pair_critical, pair_tail
from lrscope.statistics.noise import assumed
from lrscope.statistics.verdict import Exclusion, Verdict


def evidence(values: list[float], sds: list[float]) -> Evidence:
    """Return evidence of arms whose means have these standard errors, known and independent."""
    x = np.array(values)
    errors = np.sqrt(np.add.outer(np.square(sds), np.square(sds)))
    np.fill_diagonal(errors, 0.0)
    zeros, known = np.zeros_like(errors), np.full_like(errors, np.inf)
    names = tuple(f"arm {number}" for number in range(len(x)))
    return Evidence(names, x, x[:, None] - x, errors, zeros, known, assumed(0.01), (1,) * len(x), 100)


def ordered(values: list[float], sds: list[float]) -> Verdict:
    return Verdict(evidence(values, sds), positions=range(len(values)))


def run_of(name: str, seed: int, rate: float, value: float) -> Run:
    return Run(name, seed, rate, (Point(None, 1, {"dev": {"score": value}}),))


SLOW = ([0.265, 0.343, 0.40, 0.42], [0.1, 0.01, 0.01, 0.01])


def test_a_noisy_arm_beyond_one_that_is_shown_worse_is_out_by_its_order() -> None:
    assert Verdict(evidence(*SLOW)).contenders == (0, 2, 3), "which no reader believes"
    verdict = ordered(*SLOW)
    assert verdict.contenders == (2, 3)
    assert verdict.single_peak == "assumed"
    assert verdict.exclusion(0) == Exclusion(3, through=1)
    assert verdict.exclusion(1) == Exclusion(3)
    assert verdict.exclusion(3) is None


def test_the_same_from_the_other_side_and_in_any_order_of_the_arms() -> None:
    values, sds = (list(reversed(each)) for each in SLOW)
    assert ordered(values, sds).exclusion(3) == Exclusion(0, through=2)
    mixed = Verdict(evidence([0.42, 0.265, 0.40, 0.343], [0.01, 0.1, 0.01, 0.01]), positions=[4.0, 1.0, 3.0, 2.0])
    assert mixed.contenders == (0, 2)
    assert mixed.exclusion(1) == Exclusion(0, through=3)


def test_two_peaks_contradict_a_single_one_and_the_order_is_not_used() -> None:
    values, sds = [0.42, 0.30, 0.41], [0.01] * 3
    verdict = ordered(values, sds)
    assert verdict.single_peak == "contradicted"
    assert verdict.single_peak_p < 0.05
    assert verdict.contenders == Verdict(evidence(values, sds)).contenders == (0, 2)


def test_a_p_value_is_that_of_the_least_contradicted_peak() -> None:
    assert ordered([0.1, 0.2, 0.3], [0.01] * 3).single_peak_p == 1.0
    verdict = ordered([0.42, 0.40, 0.45], [0.01] * 3)
    # A peak at either end is spoken against by one step: the smaller of the two is 0.02.
    assert verdict.single_peak_p == pytest.approx(pair_tail(3, 0.02 / 0.01 / math.sqrt(2.0), math.inf), abs=1e-6)
    assert pair_tail(3, pair_critical(3, 5.0, 0.05), 5.0) == pytest.approx(0.05, abs=1e-4)


def test_an_order_is_not_used_where_there_is_no_middle() -> None:
    two = ordered([0.1, 0.2], [0.01] * 2)
    assert (two.single_peak, math.isnan(two.single_peak_p)) == ("not used", True)
    assert Verdict(evidence(*SLOW)).single_peak == "not used"
    holed = ordered([0.2, math.nan, 0.3], [0.01] * 3)
    assert (holed.single_peak, holed.contenders) == ("not used", (2,))


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_contenders_are_an_interval_with_the_best_mean_in_it(seed: int) -> None:
    draw = np.random.default_rng(seed)
    num = int(draw.integers(3, 9))
    values, sds = draw.normal(0.4, 0.03, num), draw.uniform(0.003, 0.04, num)
    values[draw.random(num) < 0.1] = np.nan
    verdict = ordered(values.tolist(), sds.tolist())
    known = np.flatnonzero(~np.isnan(values)).tolist()
    if not known:
        return
    assert int(np.nanargmax(values)) in verdict.contenders
    if verdict.single_peak == "assumed":
        first, last = known.index(verdict.contenders[0]), known.index(verdict.contenders[-1])
        assert known[first : last + 1] == list(verdict.contenders)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_with_equal_noise_the_order_takes_nothing_out(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values, sds = draw.normal(0.4, 0.03, 6).tolist(), [0.015] * 6
    assert set(ordered(values, sds).contenders) >= set(Verdict(evidence(values, sds)).contenders)


def test_nearly_equal_arms_of_very_different_noise_hold_the_best_in_at_least_95_of_100() -> None:
    draw = np.random.default_rng(2)
    truth, sds = np.linspace(0.4, 0.4 + 1e-5, 6), np.array([0.01] * 5 + [0.05])
    held = [5 in ordered((truth + sds * draw.standard_normal(6)).tolist(), sds.tolist()).contenders for _ in range(800)]
    assert np.mean(held) >= 0.95


def test_conclusions_name_the_arm_that_an_order_is_deduced_from() -> None:
    draw = np.random.default_rng(0)
    means, sds = [0.265, 0.343, 0.40, 0.42, 0.41, 0.40], [0.25, 0.004, 0.004, 0.004, 0.004, 0.004]
    by_seed = np.array(means)[:, None] + np.array(sds)[:, None] * draw.standard_normal((6, 5))
    names = tuple(f"lr {10.0 ** -(6 - n):g}" for n in range(6))
    scores = ScoreTable(names, by_seed[:, :, None] + 0.05 * draw.standard_normal((6, 5, 800)), np.ones(800))
    runs = [
        run_of(name, seed, 10.0 ** -(6 - n), float(scores.means[n, seed]))
        for n, name in enumerate(names)
        for seed in range(5)
    ]
    conclusions = Conclusions(Runs("s", Metric("score", "maximize"), tuple(runs), {}, scores))
    first = conclusions.arms[0]
    assert (first.standing, first.beaten_through) == ("too low", "lr 1e-05")
    assert conclusions.arms[1].standing == "too low"
    assert conclusions.arms[1].beaten_through is None


def test_rates_at_other_settings_have_no_order() -> None:
    runs = tuple(run_of(f"a{n}", 0, 10.0**-n, 0.3 + n / 100) for n in range(2, 5))
    kinds = {"a2": ("1",), "a3": ("2",), "a4": ("1",)}
    confounded = Runs("s", Metric("score", "maximize"), runs, {"dev": 300}, kinds=kinds, varied=("epochs",))
    assert Conclusions(confounded).verdict.single_peak == "not used"
    assert Conclusions(Runs("s", Metric("score", "maximize"), runs, {"dev": 300})).verdict.single_peak == "assumed"
