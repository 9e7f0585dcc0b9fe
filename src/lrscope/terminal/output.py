"""What commands print: results on standard output, as text or, with --json, as one JSON document."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from typing import IO, Any, cast

import typer
from rich.cells import cell_len, set_cell_size  # Chinese characters are two columns wide
from rich.console import Console
from rich.text import Text

from lrscope.json_text import json_text, with_schema
from lrscope.visible_text import visible


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print text on standard output, or on standard error: the one way by which commands print."""
    # What nobody can read any more, such as progress on a terminal that was closed, must not end a run.
    with suppress(OSError) if err else nullcontext():
        typer.echo(visible(text), err=err, nl=nl)


class _Lasting:
    """Standard error, which may be gone while something is drawn on it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def is_redrawn() -> bool:
    """Return whether progress is drawn in place: standard error is a terminal, and one that can move its cursor."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def progress_console() -> Console:
    """Return the console that live progress is drawn on: standard error, with nobody's text read as mark-up.

    It is a terminal where progress is drawn in place, whatever else FORCE_COLOR says. With NO_COLOR nothing is styled.
    """
    styles: dict[str, Any] = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    return Console(
        file=cast(IO[str], _Lasting()), force_terminal=is_redrawn(), highlight=False, soft_wrap=True, markup=False,
        emoji=False, **styles,
    )  # fmt: skip


LEARNED_MARKS = ("⟦", "⟧")


def _dims() -> bool:
    """Return whether standard output can dim text."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return False
    console = Console()
    return console.is_terminal and console.color_system is not None and not console.no_color


def marks_explained() -> str:
    """Return how `echo_pieces` tells learned text from the rest."""
    first, last = LEARNED_MARKS
    return "dimmed text is read but not learned" if _dims() else f"text between {first} and {last} is learned"


def echo_pieces(pieces: Sequence[tuple[str, bool]]) -> None:
    """Print text in pieces, each with whether it is learned: what is not is dimmed, or else marks are around it."""
    if _dims():
        parts = [visible(text) if learned else typer.style(visible(text), dim=True) for text, learned in pieces]
        typer.echo("".join(parts), color=True)
        return
    first, last = LEARNED_MARKS
    echo("".join(f"{first}{text}{last}" if learned else text for text, learned in pieces))


def redraw(text: str) -> None:
    """Draw the line on a terminal anew, on standard error; what would not fit in a line is cut."""
    line, columns = visible(text), shutil.get_terminal_size().columns - 1
    stream = _Lasting()
    stream.write("\r\x1b[K" + (line if cell_len(line) <= columns else set_cell_size(line, columns)))
    stream.flush()


def print_json(schema: str, values: Mapping[str, Any]) -> None:
    """Print one JSON document of this schema, such as "report/1": docs/schemas/report.json describes it."""
    echo(json_text(with_schema(schema, values)))


def table_lines(names: Sequence[str], rows: Sequence[Sequence[str]], *, of_text: bool = False) -> list[str]:
    r"""Return a table as aligned lines: the first column to the left, numbers to the right, the last as it comes.

    A table `of_text` has all columns to the left.

    >>> print(*table_lines(["schedule", "first"], [["linear", "1"]]), sep="\n")
    schedule  first
    linear    1
    """
    widths = [max(cell_len(row[place]) for row in (names, *rows)) for place in range(len(names))]
    lines = []
    for row in (names, *rows):
        room = [" " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        pairs = zip(row[1:-1], room[1:-1], strict=True)
        middle = [cell + space if of_text else space + cell for cell, space in pairs]
        lines.append("  ".join([row[0] + room[0], *middle, row[-1]]).rstrip())
    return lines


def print_table(names: Sequence[str], rows: Sequence[Sequence[str]], *, of_text: bool = False) -> None:
    """Print a table; on a terminal that is too narrow for it, each row as its first cell with the others below it."""
    lines, width = table_lines(names, rows, of_text=of_text), room()
    if width is not None and max(map(cell_len, lines), default=0) > width:
        lines = list(_blocks(names, rows, width))
    echo("\n".join(lines))


def _blocks(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    for first, *cells in rows:
        yield from wrapped(f"{names[0]} {first}", width)
        named = [f"{name} {cell}".strip() for name, cell in zip(names[1:], cells, strict=True) if cell not in ("", "–")]
        yield from wrapped("; ".join(named), width, indent="  ")


def room() -> int | None:
    """Return how many columns standard output has; None where it is no terminal, and lines may be of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Return text as lines of at most so many columns, all of them indented, those after the first by two more.

    Nothing where there is no text.

    >>> wrapped("lr 1e-4 and lr 1e-3", 12, indent="  ")
    ['  lr 1e-4', '    and lr', '    1e-3']
    """
    if not text:
        return []
    room_of_text = max(1, width - len(indent) - 2)
    lines = Text(text).wrap(Console(width=room_of_text, color_system=None), room_of_text)
    return [(indent if place == 0 else f"{indent}  ") + line.plain.rstrip() for place, line in enumerate(lines)]


def metrics_line(metrics: Mapping[str, float], titles: Mapping[str, str] | None = None) -> str:
    """Return metrics as a person reads them; `titles` are what people call those that have another name.

    >>> metrics_line({"loss": 1.23456, "accuracy": 0.375})
    'loss 1.2346, accuracy 0.3750'
    """
    return ", ".join(f"{(titles or {}).get(name, name)} {value:.4f}" for name, value in metrics.items())
