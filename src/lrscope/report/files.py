"""A report's files: the page, the Markdown, the figures, each written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from lrscope.files import write_text
from lrscope.report.chart_svg import svg
from lrscope.report.charts import curve_charts, rate_chart
from lrscope.report.document import Document
from lrscope.report.locales import Locale
from lrscope.report.markdown import markdown
from lrscope.report.page import page
from lrscope.report.result_charts import result_charts
from lrscope.report.wording import Wording
from lrscope.statistics.conclusions import Conclusions

PAGE, TEXT = "report.html", "report.md"


def write_report(doc: Document, language: Locale, folder: Path, data: str = "") -> list[Path]:
    """Write a report into a folder; return what was written, the page first. `data` is the page's JSON document."""
    wording = Wording(language, doc.metric)
    charts = result_charts(doc, wording)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / PAGE, page(doc, wording, charts, data))
    pictures = {name: f"report-{name}.svg" for name in charts}
    for name, chart in charts.items():
        write_text(folder / pictures[name], svg(chart, is_alone=True))
    write_text(folder / TEXT, markdown(doc, wording, pictures))
    return [folder / PAGE, folder / TEXT, *(folder / path for path in pictures.values())]


def write_images(c: Conclusions, language: Locale, folder: Path) -> list[Path]:
    """Draw `metric.png` and `curves.png` of a study into its folder; return those that there is anything to draw of."""
    from lrscope.report.chart_image import save_charts

    wording = Wording(language, c.runs.metric_title)
    by_rate = rate_chart(c, wording)
    charts = {"metric.png": [by_rate] if by_rate is not None else [], "curves.png": curve_charts(c, wording)}
    for name, each in charts.items():
        save_charts(each, folder / name)
    return [folder / name for name, each in charts.items() if any(not chart.is_empty for chart in each)]
