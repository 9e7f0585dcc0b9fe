"""Text from outside, shown so that it cannot act: what would steer a terminal becomes a visible escape."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

# C0 but for tab and line feed, delete, C1; marks and overrides of writing direction; halves of surrogate pairs.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

# What a spreadsheet would compute; a plain number is none.
_FORMULA = re.compile(r"[=@]|[+-](?!\d+(\.\d*)?([eE][+-]?\d+)?$)")


def visible(text: str) -> str:
    r"""Return `text` with every control character as the escape that Python and JSON write.

    Labels, file names and log lines are other people's: an escape sequence in one could rename the window, recolour
    or overwrite what was printed, and a direction override could make a path read as another one. Tabs and line
    feeds are kept. Escaped with four digits each, so that JSON stays JSON.

    >>> print(visible("good\x1b[2J"), visible("a\u202eb"), visible("é 中"))
    good\u001b[2J a\u202eb é 中
    """
    return _ACTS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def paragraphs(lines: Iterable[str]) -> str:
    """Return lines as HTML for a notebook, a paragraph each.

    >>> paragraphs(["a < b"])
    '<p>a &lt; b</p>'
    """
    return "".join(f"<p>{html.escape(visible(line))}</p>" for line in lines)


def as_cell(text: str) -> str:
    """Return text as a spreadsheet shows it: on one line, and never as a formula, which an apostrophe prevents.

    >>> as_cell("very good"), as_cell("-2"), as_cell("=1+1"), as_cell("-1+cmd")
    ('very good', '-2', "'=1+1", "'-1+cmd")
    """
    line = visible(text.replace("\t", " ").replace("\n", " "))
    return f"'{line}" if _FORMULA.match(line) else line
