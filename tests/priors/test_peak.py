"""The best rate of a landscape: exact where it is a parabola, honest where it lies at an edge."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrscope.priors.peak import find_peak

GRID = [-4.5, -4.0, -3.5, -3.0, -2.5]


def losses(best: float, rates: list[float] = GRID) -> list[float]:
    return [1.0 + 0.1 * (rate - best) ** 2 for rate in rates]


def test_a_parabola_is_found_exactly() -> None:
    for best in (-3.7, -3.5, -3.31):
        peak = find_peak(GRID, losses(best), 0.0)
        assert peak is not None
        assert peak.best == pytest.approx(best)
        assert peak.loss == pytest.approx(1.0)
        assert peak.edge == ""


def test_noise_widens_the_error_as_much_as_it_moves_the_peak() -> None:
    random = np.random.default_rng(0)
    noise = 0.004
    found = [find_peak(GRID, losses(-3.5) + noise * random.standard_normal(5), noise) for _ in range(500)]
    spread = np.std([each.best for each in found if each])
    exact = find_peak(GRID, losses(-3.5), 0.0)
    noisy = find_peak(GRID, losses(-3.5), noise)
    assert exact is not None
    assert noisy is not None
    assert math.sqrt(noisy.se**2 - exact.se**2) == pytest.approx(spread, rel=0.2)


@pytest.mark.parametrize(("best", "edge", "side"), [(-2.2, "high", 1), (-6.0, "low", -1)])
def test_beyond_the_grid_it_is_wide_and_near_the_edge(best: float, edge: str, side: int) -> None:
    peak, inside = find_peak(GRID, losses(best), 0.0), find_peak(GRID, losses(-3.5), 0.0)
    assert peak is not None
    assert inside is not None
    assert peak.edge == edge
    assert peak.se > 2 * inside.se
    end = GRID[-1 if side > 0 else 0]
    assert 0.0 <= side * (peak.best - end) <= 0.5


def test_a_rate_that_diverged_brackets_the_best() -> None:
    rates = [*GRID, -2.0]
    peak = find_peak(rates, [*losses(-1.0), math.inf], 0.0)
    assert peak is not None
    assert peak.edge == ""
    assert -2.5 <= peak.best <= -2.25


def test_a_run_that_diverged_between_others_is_left_out() -> None:
    values = losses(-3.5)
    values[0] = math.inf
    peak = find_peak(GRID, values, 0.0)
    assert peak is not None
    assert peak.best == pytest.approx(-3.5)


def test_where_rates_decide_nothing_there_is_no_peak() -> None:
    flat = [1.002, 1.001, 1.0, 1.01, 1.2]
    assert find_peak(GRID, flat, 0.0) is None
    assert find_peak(GRID, [1.0, 1.001, 1.002, 1.01, 1.2], 0.0) is None
    assert find_peak(GRID, [1.004, *flat[1:]], 0.0) is not None


def test_fewer_than_three_rates_tell_nothing() -> None:
    assert find_peak([-4.0, -3.0], [1.0, 2.0], 0.0) is None
    assert find_peak([-4.0, -3.5, -3.0], [1.0, 2.0, math.inf], 0.0) is None
