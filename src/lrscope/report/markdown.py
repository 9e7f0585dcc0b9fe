"""The report as Markdown."""

from __future__ import annotations

from lrscope import __version__
from lrscope.report.document import Document
from lrscope.report.wording import Wording

ESCAPED = str.maketrans({c: "\\" + c for c in "\\`*_[]<>|#"})


def markdown(doc: Document, wording: Wording, pictures: dict[str, str]) -> str:
    """Return the report; `pictures` are the figures' paths, by the key of their heading."""
    w = wording
    runs = doc.conclusions.runs
    parts = [f"# {w.word('title')}", _text(w.word("source", source=runs.source, version=__version__))]
    parts += [f"## {w.word('answer')}", *(f"**{_text(w.sentence(said))}**" for said in doc.answer[:1])]
    parts += [_text(w.sentence(said)) for said in doc.answer[1:]]
    if "by-rate" in pictures:
        parts += [f"## {w.word('by-rate')}", f"![{w.word('by-rate')}]({pictures['by-rate']})"]
    parts += [f"## {w.word('table')}", _table(doc, w)]
    if "curves" in pictures:
        parts += [f"## {w.word('curves')}", f"![{w.word('curves')}]({pictures['curves']})"]
    parts += [f"## {w.word('findings')}", "\n".join(f"- {_text(w.sentence(said))}" for said in doc.findings)]
    if doc.advice:
        parts.append(f"## {w.word('advice')}")
        for each in doc.advice:
            command = f"{w.cost(each)}\n\n  ```\n  {each.command}\n  ```" if each.command else ""
            parts.append(f"- {_text(w.sentence(each.said))}{command}")
    parts += [f"## {w.word('method')}", *(_text(w.sentence(said)) for said in doc.method)]
    if doc.unread:
        parts += [
            f"## {w.word('unread')}",
            "\n".join(f"- {w.word('line')} {n}: {_text(line)}" for n, line in doc.unread),
        ]
    if doc.commands:
        parts.append(f"## {w.word('reproduce')}")
        parts += [f"```\n{command}\n```" for command in doc.commands]
    if runs.settings:
        listed = "\n".join(f"- {_text(name)}: {_text(value)}" for name, value in runs.settings.items())
        parts += [f"## {w.word('settings')}", listed]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(doc: Document, w: Wording) -> str:
    lines = [
        "| " + " | ".join(_text(w.word(column)) for column in doc.columns) + " |",
        "| --- " * len(doc.columns) + "|",
    ]
    for row in doc.rows:
        cells = [_text(w.cell(cell) + w.note(cell)) for cell in row.cells]
        if row.mark:
            cells[-1] += f"{w.locale.comma}**{w.word(row.mark)}**"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _text(text: str) -> str:
    return text.translate(ESCAPED)
