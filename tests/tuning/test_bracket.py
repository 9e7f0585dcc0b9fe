"""Rates around a centre, and the top of a parabola."""

import numpy as np
import pytest

from lrscope.tuning.bracket import rates, vertex


def test_rates_keep_to_the_range_and_are_run_once():
    assert rates(-3.5, 1, -5.0, -2.0) == [-3.5]
    assert rates(-2.1, 5, -5.0, -2.0) == pytest.approx([-2.6, -2.35, -2.1, -2.0])


def test_the_vertex_of_a_parabola_is_found():
    found = vertex({x: float(np.exp(0.3 * (x + 3.3) ** 2)) for x in (-4.0, -3.75, -3.5, -3.25, -3.0)})
    assert found == pytest.approx(-3.3)


def test_a_best_rate_at_an_edge_is_taken_as_it_is():
    assert vertex({-4.0: 1.0, -3.5: 1.1, -3.0: 1.3}) == -4.0
    assert vertex({-3.0: 2.0}) == -3.0
