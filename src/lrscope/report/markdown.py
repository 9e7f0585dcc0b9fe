"""The report as Markdown: what came from files stays text, and commands stay in their fences."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lrscope import __version__
from lrscope.report.document import Document
from lrscope.report.log_charts import LOG_CHARTS
from lrscope.report.wording import Wording, inline
from lrscope.runs.quantities import Text
from lrscope.visible_text import visible

_ESCAPED = str.maketrans({c: "\\" + c for c in "\\`*_[]<>|#~!&"})
_LEADING = re.compile(r"^(\s*)([-+=](?=[-=\s]|$)|\d+[.)](?=\s|$))")  # would begin a list, or underline a heading
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|www|mailto)([:.])")  # which some renderers turn into links by themselves


def markdown(doc: Document, wording: Wording, pictures: dict[str, str]) -> str:
    """Return the report; `pictures` are the figures' paths, by the key of their heading."""
    w, runs = wording, doc.conclusions.runs
    recommendation, standing = w.headline(doc.head)
    parts = [
        f"# {w.word(doc.title)}",
        w.locale.space.join(part for part in (f"**{escaped(recommendation)}**", escaped(standing)) if part),
        *(escaped(sentence) for sentence in w.answer(doc.head)[1:]),
        escaped(w.next_step(doc)),
        escaped(w.measured(doc)),
        escaped(w.word("source", source=w.text(Text(runs.source)), version=__version__)),
    ]
    if doc.checkup:
        parts += [_heading(w, "checkup"), _list(w.sentence(each) for each in doc.checkup)]
        parts += [f"![{escaped(w.word(key))}]({pictures[key]})" for key in LOG_CHARTS if key in pictures]
    if "by-rate" in pictures:
        parts += [_heading(w, "comparison"), f"![{escaped(w.word('by-rate'))}]({pictures['by-rate']})"]
    parts += [_heading(w, "table"), _table(doc, w), *(escaped(w.word(key)) for key in doc.legend)]
    if doc.spent > 0.0:
        parts.append(escaped(w.word("spent", runs=len(runs.runs), time=w.text(doc.spent))))
    if "curves" in pictures:
        parts += [_heading(w, "curves"), f"![{escaped(w.word('curves'))}]({pictures['curves']})"]
    for key, title in (("losses", "logged-losses"), ("rates", "applied-rates")):
        if key in pictures:
            parts.append(f"![{escaped(w.word(title))}]({pictures[key]})")
    if doc.findings:
        parts += [_heading(w, "findings"), _list(w.finding(each) for each in doc.findings)]
    if doc.advice:
        parts.append(_heading(w, "advice"))
        for each in doc.advice:
            command = f"{w.cost(each)}\n\n{fenced(str(each.command), indent='  ')}" if each.command else ""
            parts.append(f"- {escaped(w.sentence(each.suggestion))}{command}")
    if doc.method:
        parts += [_heading(w, "method"), *(escaped(w.sentence(each)) for each in doc.method)]
    if doc.unread:
        lines = (f"{w.word('line')} {number}: {inline(line)}" for number, line in doc.unread)
        parts += [_heading(w, "unread"), _list(lines)]
    if doc.commands:
        parts += [_heading(w, "reproduce"), *(fenced(command) for command in doc.commands)]
    if runs.settings:
        listed = (f"{inline(name)}: {inline(value)}" for name, value in runs.settings.items())
        parts += [_heading(w, "settings"), _list(listed)]
    return "\n\n".join(part for part in parts if part) + "\n"


def fenced(text: str, indent: str = "") -> str:
    r"""Return text as a block of code, in a fence longer than any run of backticks inside it.

    >>> print(fenced("echo `date`"))
    ```
    echo `date`
    ```
    >>> fenced("a\n```\nb").splitlines()[0]
    '````'
    """
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join(indent + line for line in (fence, *visible(text).splitlines(), fence))


def escaped(text: str) -> str:
    r"""Return text so that Markdown shows it as it is: no heading, HTML, list, emphasis or link comes of it.

    >>> print(escaped("# a [b](c) <i>"), escaped("1. b"), escaped("www.a.b"))
    \# a \[b\](c) \<i\> 1\. b www&#46;a.b
    """
    text = text.translate(_ESCAPED)
    text = _LEADING.sub(lambda match: f"{match[1]}{match[2][:-1]}\\{match[2][-1]}", text)
    return _ADDRESS.sub(lambda match: f"{match[1]}&#{ord(match[2])};", text)


def _heading(w: Wording, key: str) -> str:
    return f"## {escaped(w.word(key))}"


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {escaped(sentence)}" for sentence in sentences)


def _table(doc: Document, w: Wording) -> str:
    lines = [
        "| " + " | ".join(escaped(w.word(column)) for column in doc.columns) + " |",
        "| --- " * len(doc.columns) + "|",
    ]
    for row in doc.rows:
        cells = [escaped(w.text(cell.value) + w.note(cell)) for cell in row.cells]
        if row.mark:
            cells[-1] += f"{w.locale.comma}**{w.word(row.mark)}**"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
