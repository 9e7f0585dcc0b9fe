"""The charts of a result, by the names that their files have: the page, a notebook and Python show the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lrscope.errors import ConfigError
from lrscope.report.chart import Chart
from lrscope.report.charts import curve_charts, drawn_settings, rate_chart
from lrscope.report.document import Document
from lrscope.report.log_charts import LOG_CHARTS, log_charts
from lrscope.report.logged_courses import applied_rates, logged_losses
from lrscope.report.wording import Wording

BY_RATE, CURVES, LOSSES, RATES = "by-rate", "curves", "losses", "rates"


def result_charts(doc: Document, wording: Wording) -> dict[str, Chart]:
    """Return what there is to draw: the metric by rate where settings are compared, curves, and what runs logged.

    Where runs were evaluated once the losses that they logged stand for the curves.
    """
    c = doc.conclusions
    logged = log_charts(c.runs, wording) if doc.checkup else {}
    by_rate = rate_chart(c, wording) if len(c.arms) > 1 else None
    curves = curve_charts(c, wording, with_loss=LOG_CHARTS[0] not in logged)
    charts = {BY_RATE: by_rate} if by_rate is not None and not by_rate.is_empty else {}
    charts |= {f"{CURVES}{number or ''}": chart for number, chart in enumerate(curves)}
    if len(c.runs.runs) > 1:
        shown = drawn_settings(c)
        losses = logged_losses(c, wording, shown) if not curves else None
        courses = {LOSSES: losses, RATES: applied_rates(c, wording, shown)}
        charts |= {name: chart for name, chart in courses.items() if chart is not None}
    return charts | logged


def leading(charts: dict[str, Chart]) -> list[Chart]:
    """Return the charts to show where there is room for few: the metric by rate, else all."""
    return [charts[BY_RATE]] if BY_RATE in charts else list(charts.values())


def result_figure(doc: Document, wording: Wording, of: str | None = None, path: Path | None = None) -> Any:
    """Return a matplotlib figure of the chart of that name, and write it where a path is given.

    Raises:
        ConfigError: there is no such chart, or nothing to draw.
    """
    from lrscope.report.chart_image import chart_figure, save_charts

    charts = result_charts(doc, wording)
    if not charts:
        raise ConfigError(
            "what is drawn are values at several rates, or of several evaluations: got none; read its answer"
        )
    if of is not None and of not in charts:
        raise ConfigError(f"the charts of this result are {', '.join(charts)}: got {of!r}")
    drawn = leading(charts) if of is None else [charts[of]]
    if path is not None:
        save_charts(drawn, path)
    return chart_figure(drawn)
