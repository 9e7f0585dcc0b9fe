"""What seeds add to all rates is taken off, so that rates with few seeds are compared with rates with many."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrscope.tuning.bracket import Search, around_best, means, next_step, vertex
from lrscope.tuning.policy import is_settled
from lrscope.tuning.seeds import without_seeds


def loss(rate: float, seed: int, drift: float) -> float:
    return 1.0 + 0.2 * (rate + 3.5) ** 2 + drift * seed


@pytest.mark.parametrize("drift", [0.001, -0.001, 0.01])
def test_a_search_stays_where_the_losses_are_least_though_each_seed_is_worse_than_the_one_before(drift: float) -> None:
    costs: dict[float, list[float]] = {}
    search = Search.around(-3.6, 0.3, -6.0, -1.0)
    for number in range(60):
        rate = next_step(costs, search).rate
        costs.setdefault(rate, []).append(loss(rate, len(costs.get(rate, [])), drift))
        if number > 8:
            assert abs(vertex(costs) + 3.5) < 0.12
    assert is_settled(costs)
    assert max(abs(rate + 3.5) for rate in costs) < 0.7


def test_a_lucky_first_seed_does_not_make_a_new_rate_the_best() -> None:
    costs = {-4.0: [1.00, 1.20, 1.21], -3.5: [0.98, 1.18, 1.19], -3.0: [1.02]}
    assert np.mean(costs[-3.5]) > costs[-3.0][0]
    level = means(costs)
    assert level[-3.5] == min(level.values())
    assert around_best(costs) == (-4.0, -3.5, -3.0)


def test_rates_with_the_same_seeds_keep_their_order_and_their_ratios() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        costs = {float(rate): list(1.0 + rng.random(4)) for rate in range(5)}
        level = without_seeds(costs)
        before = np.array([np.log(costs[rate]).mean() for rate in costs])
        after = np.array([np.log(level[rate]).mean() for rate in costs])
        assert np.ptp(after - before) < 1e-12


def test_nothing_is_known_of_seeds_before_two_have_run_at_one_rate() -> None:
    costs = {-4.0: [1.0], -3.0: [2.0]}
    assert without_seeds(costs) == costs
    assert without_seeds({}) == {}


def test_what_diverged_stays_infinite_and_tells_nothing() -> None:
    level = without_seeds({-4.0: [1.0, 1.2], -3.0: [math.inf, 1.3], -2.0: [1.5]})
    assert level[-3.0][0] == math.inf
    assert level[-4.0] == without_seeds({-4.0: [1.0, 1.2]})[-4.0]


def test_costs_that_are_no_losses_are_compared_as_they_are() -> None:
    costs = {-4.0: [-0.8, -0.6, -0.61], -3.0: [-0.83, -0.63, -0.64], -2.0: [-0.805]}
    assert np.mean(costs[-3.0]) > costs[-2.0][0]
    assert means(costs)[-3.0] < means(costs)[-2.0]


def test_differences_come_closer_to_the_truth_where_seeds_are_shared() -> None:
    rng = np.random.default_rng(1)
    raw, paired = [], []
    for _ in range(2000):
        seeds = rng.normal(0.0, 0.02, 3)
        runs = np.exp(0.5 + seeds + rng.normal(0.0, 0.02, (3, 3)))
        costs = {-4.0: list(runs[0]), -3.5: list(runs[1]), -3.0: [float(runs[2][0])]}
        level = means(costs)
        raw.append(np.log(costs[-3.0][0] / np.mean(runs[1])))
        paired.append(np.log(level[-3.0] / level[-3.5]))
    assert np.std(paired) < 0.95 * np.std(raw)
    assert abs(np.mean(paired)) < 0.003
