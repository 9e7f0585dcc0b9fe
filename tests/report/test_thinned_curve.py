"""A curve of very many points keeps what is seen of it: its ends, its extremes, its spikes and its gaps."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from lrscope.records import Metric
from lrscope.report.chart_svg import svg
from lrscope.report.charts import curve_charts
from lrscope.report.locales import locale
from lrscope.report.thinned_curve import MAX_POINTS, thinned
from lrscope.report.wording import Wording
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions

SPIKE = 7777


def noisy(num_points: int = 10_000, seed: int = 0) -> list[tuple[float, float]]:
    numbers = random.Random(seed)
    return [(float(x), 9.0 if x == SPIKE else 2.0 - x / 1e4 + numbers.gauss(0.0, 0.05)) for x in range(num_points)]


def test_a_short_curve_is_drawn_whole() -> None:
    points, spread = noisy(MAX_POINTS), [(0.0, 1.0)] * MAX_POINTS
    assert thinned(points, spread) == (points, spread)


def test_the_line_reaches_as_far_in_every_part() -> None:
    points = noisy()
    kept, _ = thinned(points)
    assert MAX_POINTS / 2 < len(kept) <= MAX_POINTS + 2
    assert set(kept) <= set(points)
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)
    assert (kept[0], kept[-1], max(y for _, y in kept)) == (points[0], points[-1], 9.0)
    parts = MAX_POINTS // 2
    for part in range(parts):
        whole, left = (
            [y for x, y in each if min(int(x / 9999.0 * parts), parts - 1) == part] for each in (points, kept)
        )
        assert (min(whole), max(whole)) == (min(left), max(left))


def test_a_spread_reaches_as_far_and_a_gap_stays() -> None:
    points = [(x, math.nan if 4000 <= x < 6000 else y) for x, y in noisy()]
    spread = [(y - 1.0, 30.0 if x == 1234 else y + 1.0) for x, y in points]
    kept, spread_kept = thinned(points, spread)
    assert len(kept) == len(spread_kept) <= MAX_POINTS * 5 / 4 + 2
    assert max(high for _, high in spread_kept) == 30.0
    inside = [y for x, y in kept if 4000 <= x < 6000]
    assert inside
    assert all(map(math.isnan, inside))
    assert (SPIKE, 9.0) in kept


@pytest.mark.parametrize("xs", [np.zeros(50), np.repeat([0.0, 1.0], 25), np.geomspace(1e-3, 1.0, 50)])
def test_positions_of_any_kind(xs: np.ndarray) -> None:
    points = list(zip(xs.tolist(), np.sin(np.arange(50.0)).tolist(), strict=True))
    kept, _ = thinned(points, most=20)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert max(y for _, y in kept) == max(y for _, y in points)


def test_a_chart_of_a_long_run_is_small_and_shows_its_spike() -> None:
    runs = [
        Run("lr 1e-4", seed, 1e-4, tuple(Point(int(x) + 1, x, {"dev": {"loss": y}}) for x, y in noisy(seed=seed)))
        for seed in range(2)
    ]
    c = Conclusions(Runs("x", Metric("loss", "minimize"), tuple(runs), {}))
    (chart,) = curve_charts(c, Wording(locale("en"), "loss"))
    assert max(chart.y_values) == 9.0
    assert len(svg(chart)) < 250_000
