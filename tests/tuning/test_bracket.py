"""Where runs go: outward until the best rate is bracketed, then seeds, then between; on responses of known truth."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.tuning.bracket import FINEST, Costs, Search, Step, is_bracketed, next_step, next_steps, vertex

SEARCH = Search(-3.5, 0.4, -6.0, -1.0)


def spend(number, cost, search=SEARCH):
    costs: dict[float, list[float]] = {}
    steps = []
    for _ in range(number):
        step = next_step(costs, search)
        costs.setdefault(step.rate, []).append(cost(step.rate, len(costs.get(step.rate, ()))))
        steps.append(step)
    return costs, steps


def bowl(best, noise=0.0, cliff=1.0, seed=0):
    def cost(rate, number):
        if rate - best > cliff:
            return math.inf
        return 1.0 + (rate - best) ** 2 + noise * random.Random(repr((rate, number, seed))).gauss(0, 1)

    return cost


@given(st.floats(-5.5, -1.5))
def test_the_best_rate_is_bracketed_wherever_it_lies(best):
    costs, steps = spend(11, bowl(best))
    assert is_bracketed(costs)
    assert [step.reason for step in steps][:2] == ["start", "lower"]
    assert all(SEARCH.low <= rate <= SEARCH.high for rate in costs)


@given(st.floats(-4.2, -2.8))
def test_few_runs_come_close_to_a_best_rate_that_the_prior_expected_elsewhere(best):
    costs, _ = spend(6, bowl(best))
    assert abs(vertex(costs) - best) < 0.12


def test_noise_is_met_with_seeds_of_the_best_and_its_neighbours_once_rates_are_close():
    costs, steps = spend(16, bowl(-3.4, noise=0.02))
    reasons = [step.reason for step in steps]
    assert "between" in reasons
    assert reasons.count("seed") >= 6
    tried = sorted(costs)
    assert min(after - before for before, after in itertools.pairwise(tried)) >= FINEST - 1e-6


def test_what_diverged_is_not_run_again_and_bounds_the_best():
    costs, steps = spend(12, bowl(-3.5, cliff=0.3))
    assert all(len(runs) == 1 for rate, runs in costs.items() if math.isinf(runs[0]))
    assert is_bracketed(costs)
    assert vertex(costs) <= -3.2
    assert sum(step.reason == "seed" for step in steps) >= 3


def test_where_all_diverged_it_goes_down():
    assert next_step({-3.5: [math.inf], -3.9: [math.inf]}, SEARCH) == Step(-4.3, "lower")


def test_at_the_end_of_the_search_it_stays():
    search = Search(-3.5, 0.4, -3.9, -3.1)
    step = next_step({-3.9: [1.0], -3.5: [1.1], -3.1: [1.2]}, search)
    assert step == Step(-3.9, "seed")


@pytest.mark.parametrize("number", [1, 2, 3, 4, 6])
def test_runs_that_go_at_once_differ(number):
    for costs in ({}, {-3.5: [1.0]}, {-3.9: [1.1], -3.5: [1.0], -3.1: [1.2]}):
        steps = next_steps(costs, SEARCH, number)
        assert len(steps) == number
        new = [step.rate for step in steps if step.rate not in costs]
        assert len(set(new)) >= min(len(new), 2)
        assert steps[0] == next_step(costs, SEARCH)


def test_the_search_is_as_wide_as_little_is_known():
    spacings = [Search.around(-3.5, sd, -6.0, -1.0).spacing for sd in (0.01, 0.4, 3.0)]
    assert spacings == pytest.approx([0.2, 0.28, 0.4])


@pytest.mark.parametrize("best", [-3.7, -3.5, -3.3])
def test_the_vertex_of_a_parabola_is_found(best):
    costs: Costs = {rate: [math.exp(0.1 * (rate - best) ** 2)] for rate in (-4.0, -3.5, -3.0)}
    assert vertex(costs) == pytest.approx(best)
    shifted = {rate: [0.1 * (rate - best) ** 2 - 5.0] for rate in (-4.0, -3.5, -3.0)}
    assert vertex(shifted) == pytest.approx(best), "costs that are no losses"


def test_a_best_rate_at_an_edge_is_taken_as_it_is():
    assert vertex({-4.0: [1.0], -3.5: [1.1], -3.0: [1.2]}) == -4.0
    assert not is_bracketed({})


@given(st.floats(-5.5, -1.5))
def test_upward_the_second_run_lies_above_the_first_unless_that_diverged(best):
    costs, steps = spend(11, bowl(best), Search(-3.5, 0.4, -6.0, -1.0, upward=True))
    assert is_bracketed(costs)
    assert (steps[1].rate > -3.5) == math.isfinite(costs[-3.5][0])
    assert steps[1].reason == ("higher" if math.isfinite(costs[-3.5][0]) else "lower")
