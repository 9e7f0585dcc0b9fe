"""What settings logged, as charts: a line a setting, of what was logged alone."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from lrscope.records import Metric
from lrscope.report.chart_svg import svg
from lrscope.report.document import document
from lrscope.report.files import write_report
from lrscope.report.locales import locale
from lrscope.report.logged_courses import applied_rates, logged_losses
from lrscope.report.result_charts import result_charts
from lrscope.report.wording import Wording
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.training_log import TrainingLog
from lrscope.statistics.conclusions import Conclusions

ENGLISH = Wording(locale("en"), "loss")
FALL = np.linspace(1.0, 0.0, 50)


def run(rate: float, log: TrainingLog | None, seed: int = 0) -> Run:
    return Run(f"lr {rate:g}", seed, rate, (Point(50, 1, {"dev": {"loss": 1.0 + rate}}),), log=log)


def conclusions(*runs: Run) -> Conclusions:
    return Conclusions(Runs("x", Metric("loss", "minimize"), runs, {}))


def test_rates_near_one_another_are_drawn_from_0_as_they_were_applied() -> None:
    c = conclusions(*(run(rate, TrainingLog(rate * FALL)) for rate in (1e-3, 2e-3)))
    chart = applied_rates(c, ENGLISH, [0, 1])
    assert chart is not None
    assert [series.name for series in chart.series] == ["lr 0.001", "lr 0.002"]
    assert chart.series[1].points[0] == (1.0, 2e-3)
    assert chart.series[1].points[-1] == (50.0, 0.0)
    assert (chart.log_y, chart.x_name, chart.y_name) == (False, "step", "learning rate")
    assert ">1e-3</text>" in svg(chart), "rates are written as rates"


def test_rates_far_apart_are_drawn_by_their_logarithm_down_to_a_hundredth_of_their_peaks() -> None:
    c = conclusions(*(run(rate, TrainingLog(rate * FALL)) for rate in (1e-5, 1e-3)))
    chart = applied_rates(c, ENGLISH, [0, 1])
    assert chart is not None
    assert chart.log_y
    for series, peak in zip(chart.series, (1e-5, 1e-3), strict=True):
        assert min(y for _, y in series.points) == pytest.approx(FALL[48] * peak)
    assert "<path" in svg(chart)


def test_of_a_setting_the_run_that_logged_most_is_drawn() -> None:
    short = TrainingLog(np.array([1e-3, 1e-3, 9e-4]))
    c = conclusions(run(1e-3, short), run(1e-3, TrainingLog(1e-3 * FALL), seed=1), run(2e-3, None), run(4e-3, None))
    chart = applied_rates(c, ENGLISH, [0, 1, 2])
    assert chart is not None
    assert [len(series.points) for series in chart.series] == [50]


@pytest.mark.parametrize(
    "logs",
    [
        (None, None),
        (TrainingLog(np.array([1e-3, 1e-3])), None),
        (TrainingLog(np.full(9, math.nan)), None),
        (TrainingLog(1e-3 * FALL), TrainingLog(1e-3 * FALL, counts_entries=True)),
    ],
)
def test_what_was_not_logged_or_stands_on_several_axes_is_not_drawn(logs: tuple[TrainingLog | None, ...]) -> None:
    c = conclusions(*(run(rate, log) for rate, log in zip((1e-3, 2e-3), logs, strict=True)))
    assert applied_rates(c, ENGLISH, [0, 1]) is None


@pytest.mark.parametrize(("number", "is_folded"), [(7, False), (8, True)])
def test_many_lines_stand_in_a_part_that_opens(number: int, is_folded: bool, tmp_path: Path) -> None:
    c = conclusions(*(run(n * 1e-4, TrainingLog(n * 1e-4 * FALL)) for n in range(1, number + 1)))
    written = write_report(document(c), locale("en"), tmp_path)
    page = written[0].read_text(encoding="utf-8")
    assert bool(re.search(r"<details><summary>learning rate as applied</summary><figure", page)) == is_folded
    assert 'class="courses rates"' in page
    assert page.count('type="checkbox"') == number, "on a phone, lines are named there alone"
    assert page.count('class="swatch solid"') == 7
    assert page.count('class="swatch dotted"') == number - 7, "where colours begin again, the pattern tells"
    assert tmp_path / "report-rates.svg" in written
    assert "(report-rates.svg)" in written[1].read_text(encoding="utf-8")


def test_where_runs_were_evaluated_once_their_losses_are_drawn_as_running_means() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.3, 200)
    losses = np.linspace(2.0, 1.0, 200) + noise
    losses[150] = math.inf
    c = conclusions(*(run(rate, TrainingLog(rate * np.ones(200), losses=losses)) for rate in (1e-3, 2e-3)))
    charts = result_charts(document(c), ENGLISH)
    assert list(charts) == ["by-rate", "losses", "rates"]
    chart = logged_losses(c, ENGLISH, [0, 1])
    assert chart is not None
    assert charts["losses"] == chart
    assert [series.name for series in chart.series] == ["lr 0.001", "lr 0.002"]
    points = dict(chart.series[0].points)
    assert len(points) == 200
    assert points[101.0] == pytest.approx(losses[90:110].mean(), abs=1e-6)
    assert max(abs(points[n + 1.0] - points[float(n)]) for n in range(20, 180)) < 0.15, "noise is smoothed"
    assert logged_losses(conclusions(run(1e-3, TrainingLog(FALL)), run(2e-3, None)), ENGLISH, [0, 1]) is None
