"""What settings logged while they were trained, a line a setting, as charts: the rates as applied, and the losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lrscope.findings.checkup.log_view import LogView, log_view
from lrscope.report.chart import Chart, Points, Series
from lrscope.report.figures import smoothed
from lrscope.report.log_charts import unit_word
from lrscope.report.thinned_curve import thinned
from lrscope.report.wording import Wording
from lrscope.runs.score_table import Floats
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions

MIN_POINTS = 3  # of a line that shows a course
APART = 4.0  # times: peaks that differ by more are drawn on a logarithmic axis
FLOOR = 0.01  # of its peak: lower rates lie below a logarithmic axis, which holds no 0
SPAN = 0.1  # of the entries of a log, of which a loss is the mean
Column = Callable[[LogView], Floats]


def applied_rates(c: Conclusions, wording: Wording, shown: Sequence[int]) -> Chart | None:
    """Return the rates that these settings were trained with; None where they were not logged, or on several axes.

    The seeds of a setting share its schedule, of which the run with the most entries is drawn.
    """
    views = {number: view for number, view in _views(c, shown, lambda view: view.rates).items() if view.peak > 0.0}
    peaks = [view.peak for view in views.values()]
    is_log = bool(peaks) and max(peaks) > APART * min(peaks)

    def points(view: LogView) -> Points:
        return _points(view, np.where(view.rates >= FLOOR * view.peak, view.rates, np.nan) if is_log else view.rates)

    lines, axis = _lines(c, wording, views, points), _axis(views, wording)
    if axis is None:
        return None
    return Chart(wording.word("applied-rates"), axis, wording.word("applied-rate"), lines, log_y=is_log, has_rates=True)


def logged_losses(c: Conclusions, wording: Wording, shown: Sequence[int]) -> Chart | None:
    """Return the training losses of these settings, means over a tenth of the log; None as of the rates.

    Of a setting's seeds the run with the most entries is drawn.
    """
    views = _views(c, shown, lambda view: view.losses)
    lines = _lines(
        c, wording, views, lambda view: _points(view, smoothed(view.losses, max(1, round(SPAN * len(view.losses)))))
    )
    axis = _axis(views, wording)
    return None if axis is None else Chart(wording.word("logged-losses"), axis, wording.word("loss"), lines)


def _views(c: Conclusions, shown: Sequence[int], column: Column) -> dict[int, LogView]:
    """Return of each setting what the run logged that has the most values, where they are a course."""
    found = {number: _view(c.arms[number], column) for number in shown}
    return {number: view for number, view in found.items() if view is not None}


def _view(arm: ArmView, column: Column) -> LogView | None:
    numbers = [(int(np.isfinite(column(view)).sum()), view) for run in arm.runs if (view := log_view(run)) is not None]
    number, most = max(numbers, key=lambda each: each[0], default=(0, None))
    return most if number >= MIN_POINTS else None


def _axis(views: dict[int, LogView], wording: Wording) -> str | None:
    """Return what all of them count, None where they are none or count different things."""
    words = {unit_word(view, wording) for view in views.values()}
    return words.pop() if len(words) == 1 else None


def _lines(
    c: Conclusions, wording: Wording, views: dict[int, LogView], points: Callable[[LogView], Points]
) -> tuple[Series, ...]:
    return tuple(
        Series(
            wording.setting(c.arms[number].name), points(view), number, dots="none", dashes=(0, 2, 3)[number // 7 % 3]
        )
        for number, view in views.items()
    )


def _points(view: LogView, values: Floats) -> Points:
    kept = np.isfinite(values)
    points, _ = thinned(tuple(zip(view.at[kept].tolist(), values[kept].tolist(), strict=True)))
    return points
