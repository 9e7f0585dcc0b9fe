"""A report's files: the page, the Markdown, the figures, each written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from lrscope.files import write_text
from lrscope.report.charts import course_charts, rate_chart
from lrscope.report.document import Document
from lrscope.report.locales import Locale
from lrscope.report.markdown import markdown
from lrscope.report.page import page
from lrscope.report.wording import Wording

PAGE, TEXT = "report.html", "report.md"


def write_report(doc: Document, language: Locale, folder: Path) -> list[Path]:
    """Write a report into a folder; return what was written, the page first."""
    c = doc.conclusions
    wording = Wording(language, doc.metric)
    by_rate, courses = rate_chart(c, wording), course_charts(c, wording)
    drawn = {"by-rate": by_rate.svg() if by_rate else ""}
    drawn |= {f"curves{number or ''}": chart.svg() for number, chart in enumerate(courses)}
    drawn = {name: svg for name, svg in drawn.items() if svg}
    names = list(dict.fromkeys(series.name for chart in courses for series in chart.series))
    curves = [svg for name, svg in drawn.items() if name.startswith("curves")]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / PAGE, page(doc, wording, drawn.get("by-rate", ""), curves, names))
    pictures = {}
    for name, svg in drawn.items():
        write_text(folder / f"report-{name}.svg", svg)
        pictures[name] = f"report-{name}.svg"
    write_text(folder / TEXT, markdown(doc, wording, pictures))
    return [folder / PAGE, folder / TEXT, *(folder / path for path in pictures.values())]
