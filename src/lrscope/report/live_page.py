"""Pages of what is not concluded yet, or of several studies: how a study stands, and a list with links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lrscope.report.wording import Wording, inline


@dataclass(frozen=True)
class Live:
    """What a page that is served shows beside what it says: a line on how things stand, and a link up.

    `stamp` is of the state that the page shows: once the server has another one, the page is loaded again.
    """

    line: str
    stamp: str
    has_list: bool = False


@dataclass(frozen=True)
class LiveTable:
    """A table of text; of each row the address that its first cell leads to, empty where it leads nowhere."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    links: Sequence[str] = ()


def live_page(title: str, table: LiveTable, live: Live, wording: Wording) -> str:
    """Return a page of a title, how things stand, and a table."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("lrscope.report"), autoescape=True, undefined=StrictUndefined)
    links = [*table.links, *[""] * (len(table.rows) - len(table.links))]
    return environment.get_template("live.html").render(
        title=title, columns=table.columns, rows=list(zip(links, table.rows, strict=True)), live=live, w=wording,
        inline=inline,
    )  # fmt: skip
