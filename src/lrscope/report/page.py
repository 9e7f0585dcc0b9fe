"""The report as one self-contained HTML page: no network, all text escaped."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope import __version__
from lrscope.report.document import Document
from lrscope.report.wording import Wording, inline
from lrscope.visible_text import visible


def page(doc: Document, wording: Wording, rate_chart: str, course_charts: Sequence[str], names: Sequence[str]) -> str:
    """Return the page; charts are SVG, `names` the series that can be switched on and off."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("lrscope.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    # Charts escape their own text.
    charts = [Markup(chart) for chart in (rate_chart, *course_charts)]  # noqa: S704
    return environment.get_template("report.html").render(
        doc=doc, w=wording, headline=wording.headline(doc), inline=inline, visible=visible, runs=doc.conclusions.runs,
        version=__version__, rate_chart=charts[0], course_charts=charts[1:], names=names,
    )  # fmt: skip
