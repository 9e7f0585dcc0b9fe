"""The learning rate as it was applied while settings were trained, a line a setting, as a chart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrscope.findings.checkup.log_view import LogView, log_view
from lrscope.report.chart import Chart, Points, Series
from lrscope.report.log_charts import unit_word
from lrscope.report.thinned_curve import thinned
from lrscope.report.wording import Wording
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions

MIN_POINTS = 3  # of a line that shows a course
APART = 4.0  # times: peaks that differ by more are drawn on a logarithmic axis
FLOOR = 0.01  # of its peak: lower rates lie below a logarithmic axis, which holds no 0


def applied_rates(c: Conclusions, wording: Wording, shown: Sequence[int]) -> Chart | None:
    """Return the rates that these settings were trained with; None where they were not logged, or on several axes.

    The seeds of a setting share its schedule, of which the run with the most entries is drawn.
    """
    views = {number: view for number in shown if (view := _view(c.arms[number])) is not None}
    if not views or len({view.unit for view in views.values()}) > 1:
        return None
    peaks = [view.peak for view in views.values()]
    is_log = max(peaks) > APART * min(peaks)
    lines = tuple(
        Series(
            wording.setting(c.arms[number].name), _points(view, FLOOR * view.peak if is_log else -1.0), number,
            dots="none", dashes=(0, 2, 3)[number // 7 % 3],
        )
        for number, view in views.items()
    )  # fmt: skip
    axis = unit_word(next(iter(views.values())), wording)
    title = wording.word("applied-rates")
    return Chart(title, axis, wording.word("applied-rate"), lines, log_y=is_log, has_rates=True)


def _view(arm: ArmView) -> LogView | None:
    """Return what the run of a setting with the most rates logged; None where none logged a course of them."""
    views = [view for run in arm.runs if (view := log_view(run)) is not None]
    most = max(views, key=_num_rates, default=None)
    return None if most is None or _num_rates(most) < MIN_POINTS or not most.peak > 0.0 else most


def _num_rates(view: LogView) -> int:
    return int(np.isfinite(view.rates).sum())


def _points(view: LogView, least: float) -> Points:
    kept = np.isfinite(view.rates) & (view.rates >= least)
    points, _ = thinned(tuple(zip(view.at[kept].tolist(), view.rates[kept].tolist(), strict=True)))
    return points
