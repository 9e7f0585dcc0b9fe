"""The answer, the charts and the table of a result as HTML for a notebook: the report's own, in its colours."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.report.chart_svg import svg
from lrscope.report.document import Document
from lrscope.report.locales import Locale
from lrscope.report.result_charts import leading, result_charts
from lrscope.report.wording import Wording
from lrscope.visible_text import visible


def notebook_html(doc: Document, language: Locale, notes: Sequence[str] = ()) -> str:
    """Return the piece; `notes` stand at its end, as text. It needs no script, and every name of a style is its own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    wording = Wording(language, doc.metric)
    charts = leading(result_charts(doc, wording))
    environment = Environment(loader=PackageLoader("lrscope.report"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("notebook.html").render(
        doc=doc, w=wording, headline=wording.headline(doc.answer), order=doc.order,
        charts=[Markup(svg(chart)) for chart in charts], notes=[visible(note) for note in notes],  # noqa: S704
    )  # fmt: skip
