"""What one run logged while it trained, as charts: its loss with the evaluations beside it, and its learning rate."""

from __future__ import annotations

import numpy as np

from lrscope.findings.checkup.log_view import LogView, log_view
from lrscope.report.chart import Chart, Series
from lrscope.report.wording import Wording
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats

LOG_CHARTS = ("log-loss", "log-rate")
MAX_POINTS = 600  # of a line: of more, the least and the most of each stretch


def log_charts(runs: Runs, wording: Wording) -> dict[str, Chart]:
    """Return the charts of a run that stands alone, by their names; those that show nothing are left out."""
    view = log_view(runs.runs[0]) if len(runs.runs) == 1 else None
    if view is None:
        return {}
    train = Series(wording.word("train"), _thinned(view.at, view.losses), 0, dots="none")
    dev = Series(wording.word("dev"), view.dev, 1)
    axis, named = unit_word(view, wording), wording.word("applied-rate")
    rate = Series("", _thinned(view.at, view.rates), 0, dots="none", is_named=False, label=named)
    charts = {
        "log-loss": Chart(wording.word("log-loss"), axis, wording.word("loss"), (train, dev)),
        "log-rate": Chart(wording.word("log-rate"), axis, named, (rate,), has_rates=True),
    }
    return {name: chart for name, chart in charts.items() if any(len(each.finite) > 2 for each in chart.series)}


def unit_word(view: LogView, wording: Wording) -> str:
    """Return what a log counts, as its axis is named."""
    return wording.word({"step": "step", "epoch": "epoch", "entry": "log-entry"}[view.unit])


def _thinned(at: Floats, values: Floats) -> list[tuple[float, float]]:
    """Return points for a line that looks the same: of many, the least and the most of each stretch, in order.

    >>> len(_thinned(np.arange(10000.0), np.arange(10000.0))) <= MAX_POINTS
    True
    """
    known = np.flatnonzero(np.isfinite(values))
    if len(known) > MAX_POINTS:
        stretches = np.array_split(known, MAX_POINTS // 2)
        ends = [{int(each[np.argmin(values[each])]), int(each[np.argmax(values[each])])} for each in stretches]
        known = np.array(sorted(set.union(*ends)))
    return list(zip(at[known].tolist(), values[known].tolist(), strict=True))
