"""Tables of anyone's making, column by column: CSV, TSV, JSONL and Parquet, told apart by what is in them."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lrscope.data.table_rows import parquet_file
from lrscope.errors import DataError
from lrscope.runs.importers.checked import file_name, number
from lrscope.runs.importers.column_values import Arrow, Column, Mask, is_nan, is_nothing
from lrscope.runs.importers.filled_columns import Lines, check_names, flat, from_csv, from_json, from_json_lines
from lrscope.runs.importers.text import decoded
from lrscope.runs.score_table import Floats

Kind = Literal["csv", "jsonl", "json", "parquet"]
PARQUET = b"PAR1"
MAX_ROWS = 10**8
SEPARATORS = "\t;,"
LONGEST, LONGEST_QUOTED = 60, 300  # characters of a column's name
_MARKS = ":={}[]"  # what a sentence of a log has, and no heading that is not quoted
# A JSON list of objects, or an object of lists or objects: a table that is one value.
_ONE_VALUE = re.compile(r'\s*(?:\[\s*\{\s*"|\{\s*"[^"\n]{1,200}"\s*:\s*\[)')


class Table:
    """Columns of one length by their names, and where each row stands in its file."""

    def __init__(self, path: Path, columns: Mapping[str, Column], lines: Lines, unit: Literal["line", "row"]) -> None:
        self.path, self.columns, self._lines, self._unit = path, columns, lines, unit
        self._numbers: dict[str, Floats] = {}
        self._given: dict[str, Mask] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in their order."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(self._lines)

    def at(self, row: int) -> str:
        """Return where a row stands, for whoever has to mend it: the line of a text, the row of what has no lines."""
        number = self._lines[row]
        return f"{file_name(self.path)}:{number}" if self._unit == "line" else f"{file_name(self.path)}, row {number}"

    def text(self, name: str, row: int) -> str:
        """Return a cell as text, empty where there is none."""
        return self.columns[name].text(row) if name in self.columns else ""

    def number(self, name: str, row: int) -> float:
        """Return a cell as a number, NaN where it is empty; infinite beyond range.

        Raises:
            DataError: the column holds something that is no number.
        """
        return float(self.numbers(name)[row]) if name in self.columns else math.nan

    def numbers(self, name: str) -> Floats:
        """Return a column as numbers, NaN where it is empty.

        Raises:
            DataError: it holds something that is no number.
        """
        if name not in self._numbers:
            column = self.columns[name]
            self._numbers[name] = self._parsed(name, column) if column.numbers is None else column.numbers
        return self._numbers[name]

    def _parsed(self, name: str, column: Column) -> Floats:
        values = np.array([number(each) for each in column.texts], dtype=np.float64)
        for code, each in enumerate(column.texts):
            if math.isnan(values[code]) and not (is_nan(each) or is_nothing(each)):
                row = int(np.argmax(column.codes == code))
                raise DataError(f"{self.at(row)}: {name} is a number: got {each[:40]!r}")
        return np.asarray(values[column.codes])

    def part(self, columns: Mapping[str, Column]) -> Table:
        """Return a table of these columns, with the rows of this one."""
        return Table(self.path, columns, self._lines, self._unit)

    def given(self, name: str) -> Mask:
        """Return which rows have anything in a column."""
        if name not in self._given:
            self._given[name] = self.columns[name].given
        return self._given[name]


def kind_of(head: bytes) -> Kind | None:
    r"""Return what kind of table a file's first bytes show: by its mark, by its first line; None where it is none.

    A heading has several names, none of which is a number or a sentence.

    >>> kind_of(b"lr,dev_acc\n1e-4,0.5\n"), kind_of(b'{"lr": 1e-4}\n'), kind_of(b"epoch 0: train loss, then more\n")
    ('csv', 'jsonl', None)
    """
    if head.startswith(PARQUET):
        return "parquet"
    line = first_line(head)
    if line.startswith(("{", "[")):
        return _kind_of_json(head, line)
    names = heading_of(line)
    is_quoted = line.startswith('"')
    longest = LONGEST_QUOTED if is_quoted else LONGEST
    is_heading = len(names) > 1 and all(len(name) <= longest and not _is_number(name) for name in names)
    return "csv" if is_heading and (is_quoted or not any(mark in line for mark in _MARKS)) else None


def _kind_of_json(head: bytes, line: str) -> Kind | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return "json" if _ONE_VALUE.match(decoded(head, errors="replace")) else None
    if isinstance(value, dict):
        has_more = decoded(head, errors="replace").lstrip().partition("\n")[2].lstrip().startswith("{")
        is_one_value = bool(value) and not has_more and all(isinstance(each, list | dict) for each in value.values())
        return "json" if is_one_value else "jsonl"
    return "json" if isinstance(value, list) and value and isinstance(value[0], dict) else None


def _is_number(cell: str) -> bool:
    return not math.isnan(number(cell))


def first_line(head: bytes) -> str:
    """Return the first line with anything in it of a file's first bytes."""
    return next((line.strip() for line in decoded(head, errors="replace").splitlines() if line.strip()), "")


def heading_of(line: str) -> list[str]:
    """Return the names in a heading, by the one of tab, semicolon and comma that it has most of."""
    try:
        cells = next(csv.reader([line], delimiter=separator_of(line)), [])
    except csv.Error:
        cells = line.split(separator_of(line))
    return [cell.strip().strip('"') for cell in cells]


def separator_of(line: str) -> str:
    """Return the one of tab, semicolon and comma that a heading has most of."""
    return max(SEPARATORS, key=line.count)


def names_in(path: Path, head: bytes) -> frozenset[str]:
    """Return the names of a table's columns by its first bytes, as far as they show; none where it is no table."""
    kind = kind_of(head)
    if kind in ("parquet", "json"):
        try:
            return frozenset(read_columns(path).names)
        except DataError:
            return frozenset()
    if kind == "jsonl":
        return frozenset(name for row in _objects_in(head) for name in flat(row))
    return frozenset(heading_of(first_line(head))) if kind == "csv" else frozenset()


def _objects_in(head: bytes) -> Iterable[Mapping[str, Any]]:
    for line in decoded(head, errors="replace").splitlines():
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def read_columns(path: Path, only: Sequence[str] | None = None, *, compact: bool = False) -> Table:
    """Return a table of any kind; of a Parquet file `only` these columns, where they are named.

    With `compact`, columns of many different numbers keep no texts: numbers read from them are the same.

    Raises:
        DataError: it cannot be read, has no rows, or a column twice.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    suffix: dict[str, Kind] = {".parquet": "parquet", ".jsonl": "jsonl", ".json": "json"}
    kind = kind_of(head) or suffix.get(path.suffix.lower(), "csv")
    if kind == "parquet":
        table = _from_parquet(path, only)
    elif kind == "csv":
        table = Table(path, *from_csv(path, head, separator_of(first_line(head)), compact=compact), "line")
    elif kind == "jsonl":
        table = Table(path, *from_json_lines(path, head, compact=compact), "line")
    else:
        table = Table(path, *from_json(path, compact=compact), "row")
    if not len(table):
        raise DataError(f"a table of runs has rows: got none in {file_name(path)}")
    return table


def _from_parquet(path: Path, only: Sequence[str] | None) -> Table:
    with parquet_file(path) as file:
        check_names(path, file.schema_arrow.names)
        fields = [field for field in file.schema_arrow if only is None or field.name in only]
        num_rows = file.metadata.num_rows
        if num_rows > MAX_ROWS:  # few bytes may claim to be many rows
            raise DataError(f"{file_name(path)}: a table has at most {MAX_ROWS:,} rows: got {num_rows:,}; split it")
        columns = {field.name: Arrow(path, field.name, str(field.type)) for field in fields}
        return Table(path, columns, range(1, num_rows + 1), "row")
