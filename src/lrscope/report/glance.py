"""What conclusions show of themselves, in English: one line, a few sentences, a figure, a piece of a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lrscope.findings.confidence import confidence
from lrscope.number_text import short_rate
from lrscope.report.document import document
from lrscope.report.locales import locale
from lrscope.report.result_charts import result_figure
from lrscope.report.wording import Wording, number
from lrscope.statistics.conclusions import Conclusions


def one_line(c: Conclusions) -> str:
    """Return the recommendation with its value and its confidence; what there is where nothing is recommended."""
    wording, first = _wording(c), c.recommended
    if first is None:
        return "no setting is recommended"
    if c.follows_search and c.recommended_rate is not None:
        return f"use lr {short_rate(c.recommended_rate)}, confidence {confidence(c)[0]}"
    value = f"{wording.setting(first.name)} ({wording.metric} {number(first.value)}"
    return f"{value})" if c.num_known < 2 else f"use {value}, confidence {confidence(c)[0]})"


def answer(c: Conclusions) -> str:
    """Return which setting to use, how the others compare, and how sure that is, a paragraph a line."""
    return "\n".join(_wording(c).answer(document(c).answer))


def figure(c: Conclusions, of: str | None = None, path: Path | str | None = None) -> Any:
    """Return matplotlib's figure of a chart of the page: "by-rate", "curves", …; the first where none is named."""
    return result_figure(document(c), _wording(c), of, None if path is None else Path(path))


def notebook_piece(c: Conclusions, notes: Sequence[str] = ()) -> str:
    """Return the answer, the charts and the table as HTML."""
    from lrscope.report.notebook import notebook_html

    return notebook_html(document(c), locale("en"), notes)


def _wording(c: Conclusions) -> Wording:
    return Wording(locale("en"), c.runs.metric_title)
