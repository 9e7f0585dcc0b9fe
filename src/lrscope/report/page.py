"""The report as one self-contained HTML page: no network, all text escaped."""

from __future__ import annotations

from collections.abc import Mapping

from lrscope import __version__
from lrscope.report.chart import PATTERNS, Chart
from lrscope.report.chart_svg import svg
from lrscope.report.document import Document
from lrscope.report.live_page import Live
from lrscope.report.log_charts import LOG_CHARTS
from lrscope.report.result_charts import BY_RATE, CURVES, LOSSES, RATES
from lrscope.report.wording import Wording, inline
from lrscope.visible_text import visible

NARROW = (380, 300)  # of a chart on a phone, in pixels
HIGH, LOW = 400, 260  # of a chart, and of the one of the rates
MAX_OPEN = 7  # lines of rates that a page shows at once; more stand in a part that opens


def page(
    doc: Document,
    wording: Wording,
    charts: Mapping[str, Chart],
    data: str = "",
    live: Live | None = None,
) -> str:
    """Return the page, with its charts, by their names, as SVG.

    `data` is what it holds for programs, as `embedded_json` writes it; `live` how the study stands, of a page
    that is served.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def drawn(chart: Chart) -> tuple[str, str]:
        """Return a chart for wide windows and for narrow ones; charts escape their own text."""
        height = LOW if chart is rates else NARROW[1]
        wide = svg(chart, height=LOW if chart is rates else HIGH, has_values=True)
        return Markup(wide), Markup(svg(chart, width=NARROW[0], height=height))  # noqa: S704

    rates = charts.get(RATES)
    by_rate = charts.get(BY_RATE)
    curves = [chart for name, chart in charts.items() if name.startswith(CURVES) or name == LOSSES]
    logged = [chart for name, chart in charts.items() if name in LOG_CHARTS]
    courses = [*curves, *([rates] if rates else [])]
    lines = [series for chart in courses for series in chart.series if series.finite]
    # Of a setting's lines the pattern that is its own counts, not that of training.
    lines.sort(key=lambda series: (series.number or 0, PATTERNS[series.dashes] != "dashed"))
    named = {series.name: (series.colour, PATTERNS[series.dashes]) for series in lines}
    environment = Environment(
        loader=PackageLoader("lrscope.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    return environment.get_template("report.html").render(
        doc=doc, w=wording, headline=wording.headline(doc.answer), runs=doc.conclusions.runs, version=__version__,
        inline=inline, visible=visible, rate_chart=by_rate and drawn(by_rate), named=named,
        log_charts=[drawn(chart) for chart in logged], rates_chart=rates and drawn(rates),
        rates_folded=rates is not None and len(rates.series) > MAX_OPEN,
        curve_charts=[drawn(chart) for chart in curves], order=doc.order, live=live, data=Markup(data),  # noqa: S704
    )  # fmt: skip
