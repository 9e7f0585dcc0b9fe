"""The parabola through points: numpy is the oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lrscope.parabola import Parabola


def test_it_is_the_one_of_least_squares() -> None:
    generator = np.random.default_rng(0)
    x = np.repeat([-4.0, -3.4, -3.0], 5)
    y = 2.0 * (x + 3.3) ** 2 + 0.1 * generator.standard_normal(15)
    (a, b, c), covariance = np.polyfit(x - x.mean(), y, 2, cov=True)
    found = Parabola.through(x, y)
    assert (found.a, found.b, found.c) == pytest.approx((a, b, c))
    assert found.vertex == pytest.approx(x.mean() - b / (2 * a))
    slope = np.array([b / (2 * a * a), -1 / (2 * a), 0.0])
    rest = math.sqrt(((y - found.at(x)) ** 2).sum() / 12)
    assert found.vertex_sd(rest) == pytest.approx(math.sqrt(slope @ covariance @ slope))


def test_the_spread_of_the_vertex_is_what_noise_makes_of_it() -> None:
    x, truth, noise = np.array([-4.0, -3.5, -3.0]), np.array([1.2, 1.0, 1.1]), 0.002
    generator = np.random.default_rng(0)
    drawn = [Parabola.through(x, truth + noise * generator.standard_normal(3)).vertex for _ in range(2000)]
    assert Parabola.through(x, truth).vertex_sd(noise) == pytest.approx(np.std(drawn), rel=0.1)


@pytest.mark.parametrize(("y", "side"), [([0.0, 1.0, 1.5], -math.inf), ([1.5, 1.0, 0.0], math.inf)])
def test_one_without_a_least_value_points_where_it_falls(y: list[float], side: float) -> None:
    found = Parabola.through([0.0, 1.0, 2.0], y)
    assert found.vertex == side
    assert found.vertex_sd(0.1) == math.inf
