"""What a wrong rate costs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator
from tests.priors.builders import parabola

from lrscope.priors.question import Question
from lrscope.priors.regret import DIVERGED, NARROW, best_start, excess_at

AT = Question(method="lora", parameters=1e9, family="a", model="a", data="d")


def test_the_curve_goes_through_what_was_measured_and_is_0_at_the_best() -> None:
    landscape = parabola(AT, -3.3)
    assert excess_at(landscape, np.array(landscape.rates)) == pytest.approx(landscape.excess)
    assert excess_at(landscape, np.array([-3.3]))[0] == 0.0


def test_between_rates_it_is_the_monotone_cubic_of_scipy() -> None:
    random = np.random.default_rng(0)
    landscape = parabola(AT, -3.0)
    excess = (*(landscape.excess[:3] + 0.1 * random.random(3)), 0.0, *(landscape.excess[4:] + 0.1 * random.random(3)))
    landscape = dataclasses.replace(landscape, excess=excess)
    inner = np.linspace(landscape.rates[1], landscape.rates[-2], 301)  # ends have other slopes there
    wanted = PchipInterpolator(landscape.rates, landscape.excess)(inner)
    assert np.abs(excess_at(landscape, inner) - wanted).max() < 0.01
    middle = np.linspace(landscape.rates[2], landscape.rates[-3], 101)
    assert excess_at(landscape, middle) == pytest.approx(PchipInterpolator(landscape.rates, excess)(middle), abs=1e-9)


def test_beyond_the_grid_it_goes_on_straight_and_where_a_run_diverged_it_is_a_cliff() -> None:
    landscape = parabola(AT, -3.0)
    slope = (landscape.excess[-1] - landscape.excess[-2]) / 0.5
    assert excess_at(landscape, np.array([-1.0]))[0] == pytest.approx(landscape.excess[-1] + 0.5 * slope)
    cut = dataclasses.replace(landscape, excess=(*landscape.excess[:-1], math.inf))
    below, above = excess_at(cut, np.array([-1.8, -1.7]))
    assert below == pytest.approx(cut.excess[-2] + 0.2 * (cut.excess[-2] - cut.excess[-3]) / 0.5)
    assert above == DIVERGED > below


def test_the_expected_cost_of_a_parabola_is_known() -> None:
    start = best_start([parabola(AT, -3.0, steepness=0.05)], 0.2)
    assert start.shift == pytest.approx(0.0, abs=0.021)
    assert start.regret.mean == pytest.approx(0.05 * 0.2**2, rel=0.2)
    assert start.regret.bound == pytest.approx(0.05 * (1.645 * 0.2) ** 2, rel=0.25)


def test_a_cliff_above_moves_the_start_down_the_further_the_less_is_known() -> None:
    landscape = parabola(AT, -3.0)
    cliff = dataclasses.replace(landscape, excess=(*landscape.excess[:-2], math.inf, math.inf))
    shifts = [best_start([cliff], sd).shift for sd in (0.05, 0.3, 0.5)]
    assert shifts == sorted(shifts, reverse=True)
    assert shifts[-1] < -0.05


def test_where_the_best_rate_is_little_known_the_start_is_the_middle() -> None:
    landscape = parabola(AT, -3.0)
    cliff = dataclasses.replace(landscape, excess=(*landscape.excess[:-2], math.inf, math.inf))
    assert best_start([cliff], NARROW).shift < -0.05
    wide = best_start([cliff], NARROW + 0.01)
    assert wide.shift == 0.0
    assert wide.regret.mean > best_start([cliff], NARROW).regret.mean


def test_a_run_that_is_far_worse_costs_no_more_than_one_that_diverged() -> None:
    landscape = parabola(AT, -3.0)
    steep = [
        dataclasses.replace(landscape, excess=(*landscape.excess[:-2], high, 2.0 * high)) for high in (1.0, 1000.0)
    ]
    bad, absurd = (best_start([each], 0.4) for each in steep)
    assert bad.shift == pytest.approx(absurd.shift, abs=0.05)
    assert bad.regret.mean == pytest.approx(absurd.regret.mean, rel=0.2)
    assert absurd.regret.bound <= DIVERGED


def test_every_family_counts_the_same() -> None:
    steep = parabola(AT, -3.0, steepness=0.4)
    flat = [
        parabola(dataclasses.replace(AT, family="b", model=f"b{number}"), -3.0, steepness=0.0) for number in range(9)
    ]
    alone, mixed = best_start([steep], 0.3).regret.mean, best_start([steep, *flat], 0.3).regret.mean
    assert mixed == pytest.approx(alone / 2)
