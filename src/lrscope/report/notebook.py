"""A study's answer, chart and table as HTML for a notebook: the report's own, in colours that fit its page."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.report.chart_svg import svg
from lrscope.report.charts import rate_chart
from lrscope.report.document import Document
from lrscope.report.locales import Locale
from lrscope.report.wording import Wording
from lrscope.visible_text import visible


def notebook_html(doc: Document, language: Locale, notes: Sequence[str] = ()) -> str:
    """Return the piece; `notes` stand at its end, as text. It needs no script, and every name of a style is its own."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    wording = Wording(language, doc.metric)
    chart = rate_chart(doc.conclusions, wording)
    environment = Environment(loader=PackageLoader("lrscope.report"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("notebook.html").render(
        doc=doc, w=wording, headline=wording.headline(doc.answer), order=doc.order,
        chart=Markup(svg(chart)) if chart is not None else "", notes=[visible(note) for note in notes],  # noqa: S704
    )  # fmt: skip
