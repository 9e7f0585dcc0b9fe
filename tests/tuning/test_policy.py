"""What runs say: a rate, the interval of the best one, whether more can matter; on responses whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.tuning.test_belief import PRIOR, TRUTH, UNTRAINED, run

from lrscope.tuning.bracket import Search, next_step
from lrscope.tuning.policy import observed, recommend
from lrscope.tuning.response import BEST, regrets

SEARCH = Search.around(float(PRIOR.mean[BEST]), 0.4, -5.0, -2.0)


def spend(number):
    costs: dict[float, list[float]] = {}
    for place in range(number):
        rate = next_step(costs, SEARCH).rate
        value = run(rate, seed=place).value
        costs.setdefault(rate, []).append(math.inf if math.isnan(value) else math.exp(value))
    return costs


def cost(rate):
    return float(regrets(TRUTH[None], np.array([rate]))[0, 0])


def test_what_is_recommended_costs_less_than_the_centre_of_the_prior():
    found = recommend(spend(6), SEARCH, PRIOR, UNTRAINED)
    assert cost(found.rate) < 0.2 * cost(SEARCH.start)
    assert found.low <= TRUTH[BEST] <= found.high
    assert found.is_bracketed
    assert found.num_runs == 6


@pytest.mark.parametrize("number", [1, 2, 3])
def test_before_the_best_rate_is_bracketed_the_prior_speaks_with_the_runs(number):
    costs = spend(number)
    found = recommend(costs, SEARCH, PRIOR, UNTRAINED)
    assert found.is_bracketed == (number >= 3 and found.is_bracketed)
    assert found.low < found.rate < found.high
    assert not found.is_enough


def test_the_same_runs_say_the_same_in_whatever_order_they_came():
    costs = spend(7)
    turned = dict(reversed(costs.items()))
    assert recommend(costs, SEARCH, PRIOR) == recommend(turned, SEARCH, PRIOR)
    assert len(observed(costs)) == 7


def test_more_runs_do_not_matter_where_the_curve_is_flat_and_known():
    flat = {rate: [1.0 + 1e-5 * (rate + 3.5) ** 2] * 3 for rate in (-4.5, -4.0, -3.5, -3.0, -2.5)}
    assert recommend(flat, SEARCH, PRIOR, UNTRAINED).expected_regret < 0.01
    assert not recommend({-3.5: [1.0]}, SEARCH, PRIOR, UNTRAINED).is_enough


def test_costs_that_are_no_losses_have_no_interval():
    found = recommend({-4.0: [-0.1], -3.5: [-0.3], -3.0: [-0.2]}, SEARCH, PRIOR)
    assert -4.0 < found.rate < -3.0
    assert math.isnan(found.low)
    assert math.isnan(found.expected_regret)
    assert not found.is_enough


def test_a_rate_that_diverged_is_not_recommended():
    found = recommend({-3.9: [1.1], -3.5: [1.0], -3.1: [math.inf]}, SEARCH, PRIOR, UNTRAINED)
    assert found.rate < -3.1
