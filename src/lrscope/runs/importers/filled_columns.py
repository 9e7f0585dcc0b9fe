"""Columns as they are filled from a text, block by block: a file of a million rows is never held as a whole."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from lrscope.data.table_rows import csv_rows, json_rows, json_value
from lrscope.errors import DataError
from lrscope.runs.importers.checked import file_name, number, text
from lrscope.runs.importers.column_values import Column, Filled
from lrscope.runs.importers.text import encoding_of, text_of

Lines = Sequence[int]
BLOCK = 8192  # rows that are taken in at once
MAX_COLUMNS, MAX_DEPTH = 5000, 4


@contextmanager
def _opened(path: Path, head: bytes, newline: str = "") -> Iterator[TextIO]:
    """Open a text, in the encoding that its first bytes show; lines end at `newline`, or as they do in the file.

    Raises:
        DataError: it cannot be read, or is no text, as is noticed while it is read.
    """
    try:
        with path.open(encoding=encoding_of(head), newline=newline) as file:
            yield file
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} must be text in UTF-8 or UTF-16: got other bytes at {error.start}; save it as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}; check the path") from error


def from_csv(path: Path, head: bytes, separator: str, *, compact: bool) -> tuple[dict[str, Column], Lines]:
    """Return the columns of text with separators, and the line that each row stands on.

    A heading that stands again, as a program that appends writes it, is no row.
    """
    lines = array("q")
    with _opened(path, head) as file:
        rows = csv_rows(path, file, separator, fill=True)
        _, heading = next(rows, (0, []))
        names = [" ".join(text(name).split()) for name in heading]
        first = list(islice(rows, 1))
        if len(set(names)) < len(names) and first and _is_second_heading(names, first[0][1]):
            below = [" ".join(text(name).split()) for name in first[0][1]]
            names = ["_".join(filter(None, pair)) for pair in zip(names, below, strict=True)]
            first = []
        check_names(path, [name for name in names if name])
        columns = [Filled(compact=compact) for _ in names]
        while block := [*first, *islice(rows, BLOCK)]:
            first = []
            block = [each for each in block if each[1] != heading]
            lines.extend(line for line, _ in block)
            for column, cells in zip(columns, zip(*(row for _, row in block), strict=True), strict=False):
                column.add(cells)
    return {name: each.column() for name, each in zip(names, columns, strict=True)}, lines


def _is_second_heading(names: Sequence[str], row: Sequence[str]) -> bool:
    """Whether a row goes on with the heading, as pandas writes columns of several levels: under what stands twice."""
    return all(bool(cell.strip()) == (names.count(name) > 1) for name, cell in zip(names, row, strict=True)) and all(
        number(cell) != number(cell) for cell in row
    )


def from_json_lines(path: Path, head: bytes, *, compact: bool) -> tuple[dict[str, Column], Lines]:
    """Return the columns of one JSON object a line, and the line that each stands on."""
    with _opened(path, head, "\n") as file:
        return _of_objects(path, json_rows(path, file), compact=compact)


def from_json(path: Path, *, compact: bool) -> tuple[dict[str, Column], Lines]:
    """Return the columns of a table that is one JSON value, and each row's number.

    It is a list of objects; or an object of columns, which are lists of one length, or objects as pandas writes them.
    Those of Keras' history have a row an epoch.
    """
    rule = f"a table as JSON is a list of objects, or an object of lists of one length: {file_name(path)} is not"
    value = json_value(text_of(path), rule, "write one object a row")
    rows: Sequence[Mapping[str, Any]] = []
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        rows = value
    elif isinstance(value, dict) and value:
        columns = [list(each.values()) if isinstance(each, dict) else each for each in value.values()]
        if not all(isinstance(each, list) and len(each) == len(columns[0]) for each in columns):
            raise DataError(f"{rule}: got {', '.join(text(name) for name in list(value)[:5])}; write one object a row")
        rows = [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]
        if {"loss", "val_loss"} <= value.keys() and not value.keys() & {"epoch", "step"}:  # Keras' history: of one run
            rows = [{"epoch": epoch, **row} for epoch, row in enumerate(rows, 1)]
    else:
        raise DataError(f"{rule}: got {type(value).__name__}; write one object a row")
    return _of_objects(path, enumerate(rows, 1), compact=compact)


def _of_objects(
    path: Path, numbered: Iterable[tuple[int, Mapping[str, Any]]], *, compact: bool
) -> tuple[dict[str, Column], Lines]:
    columns: dict[str, Filled] = {}
    lines, length, rows = array("q"), 0, iter(numbered)
    while block := list(islice(rows, BLOCK)):
        lines.extend(line for line, _ in block)
        objects = [flat(row) for _, row in block]
        for name in dict.fromkeys(name for row in objects for name in row):
            if name not in columns and len(columns) == MAX_COLUMNS:
                raise DataError(f"{file_name(path)}: a table has at most {MAX_COLUMNS:,} columns: got more; split it")
            column = columns.setdefault(name, Filled(compact=compact))
            column.fill(length)
            column.add([row.get(name) for row in objects])
        length += len(block)
        for column in columns.values():
            column.fill(length)
    return {name: each.column() for name, each in columns.items()}, lines


def flat(row: Mapping[str, Any], prefix: str = "", depth: int = 1) -> dict[str, Any]:
    """Return an object without objects in it: what stands in one is named after both.

    >>> flat({"loss": 1.0, "config": {"lr": 1e-4, "optim": {"eps": 1e-8}}})
    {'loss': 1.0, 'config/lr': 0.0001, 'config/optim/eps': 1e-08}
    """
    values: dict[str, Any] = {}
    for key, value in row.items():
        name = prefix + " ".join(text(key).split())
        if isinstance(value, dict) and value and depth < MAX_DEPTH:
            values.update(flat(value, f"{name}/", depth + 1))
        else:
            values[name] = value
    return values


def check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse a table with a column that stands twice.

    Raises:
        DataError: one does.
    """
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{file_name(path)}: every column has a name of its own: got {twice!r} twice; rename one")
