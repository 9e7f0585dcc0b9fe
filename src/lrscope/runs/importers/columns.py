"""Tables of anyone's making, column by column: CSV, TSV, JSONL and Parquet, told apart by what is in them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from lrscope.data.table_rows import csv_rows, json_rows, parquet_file
from lrscope.errors import DataError
from lrscope.runs.importers.checked import file_name, number, text
from lrscope.runs.importers.text import decoded, text_of
from lrscope.runs.score_table import Floats

Kind = Literal["csv", "jsonl", "parquet"]
Codes = NDArray[np.int32]
PARQUET = b"PAR1"
MAX_ROWS = 10**8
SEPARATORS = "\t;,"


class Column(Protocol):
    """One column: the texts that occur in it, and which of them each row has."""

    @property
    def texts(self) -> list[str]:
        """Every text that occurs, once."""
        ...

    @property
    def codes(self) -> Codes:
        """The index of each row's text in `texts`."""
        ...

    @property
    def numbers(self) -> Floats | None:
        """Each row's number where the column holds numbers as such, NaN where it is empty."""
        ...


class Table:
    """Columns of one length by their names, and where each row stands in its file."""

    def __init__(
        self, path: Path, columns: Mapping[str, Column], lines: Sequence[int], unit: Literal["line", "row"]
    ) -> None:
        self.path, self.columns, self._lines, self._unit = path, columns, lines, unit
        self._numbers: dict[str, Floats] = {}

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
        if name not in self.columns:
            return ""
        column = self.columns[name]
        return str(column.texts[column.codes[row]])

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
            if each and math.isnan(values[code]) and each.lower().lstrip("+-") != "nan":
                row = int(np.argmax(column.codes == code))
                raise DataError(f"{self.at(row)}: {name} is a number: got {each[:40]!r}")
        return np.asarray(values[column.codes])


class _Values:
    """A column of Python's values."""

    numbers = None

    def __init__(self, values: Iterable[Any]) -> None:
        index: dict[str, int] = {}
        self.codes: Codes = np.fromiter((index.setdefault(text(value), len(index)) for value in values), np.int32)
        self.texts = list(index)


class _Arrow:
    """A column of a Parquet file, read when it is asked for: a text that a million rows have is read once."""

    def __init__(self, path: Path, name: str, kind: str) -> None:
        self._path, self._name, self._kind = path, name, kind

    @cached_property
    def _encoded(self) -> tuple[list[str], Codes]:
        import pyarrow as pa

        is_text = self._kind in ("string", "large_string")
        with parquet_file(self._path, [self._name] if is_text else None) as file:
            column = file.read(columns=[self._name]).column(0)
            if pa.types.is_nested(column.type):
                values = _Values(column.to_pylist())
                return values.texts, values.codes
            if not pa.types.is_dictionary(column.type):
                column = column.dictionary_encode()
            column = column.unify_dictionaries()
            if not column.num_chunks:
                return [], np.zeros(0, np.int32)
            values = _Values([*column.chunk(0).dictionary.to_pylist(), *([None] if column.null_count else [])])
            chunks = [chunk.indices.fill_null(len(values.codes) - 1).to_numpy() for chunk in column.chunks]
            return values.texts, values.codes[np.concatenate(chunks)]

    @property
    def texts(self) -> list[str]:
        return self._encoded[0]

    @property
    def codes(self) -> Codes:
        return self._encoded[1]

    @cached_property
    def numbers(self) -> Floats | None:
        import pyarrow as pa

        if not self._kind.startswith(("int", "uint", "float", "double", "halffloat")):
            return None
        with parquet_file(self._path) as file:
            chunks = file.read(columns=[self._name]).column(0).chunks
            floats = [chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for chunk in chunks]
            return np.concatenate([np.zeros(0), *floats])


def kind_of(head: bytes) -> Kind | None:
    r"""Return what kind of table a file's first bytes show: by its mark, by its first line; None where it is none.

    A heading has several names, none of which is a number or a sentence.

    >>> kind_of(b"lr,dev_acc\n1e-4,0.5\n"), kind_of(b'{"lr": 1e-4}\n'), kind_of(b"epoch 0: train loss, then more\n")
    ('csv', 'jsonl', None)
    """
    if head.startswith(PARQUET):
        return "parquet"
    line = first_line(head)
    if line.startswith("{"):
        try:
            return "jsonl" if isinstance(json.loads(line), dict) else None
        except (ValueError, RecursionError):
            return None
    names = heading_of(line)
    is_heading = len(names) > 1 and all(len(name) <= 60 and not _is_number(name) for name in names)
    return "csv" if is_heading and not any(mark in line for mark in ":={}[]") else None


def _is_number(cell: str) -> bool:
    return not math.isnan(number(cell))


def first_line(head: bytes) -> str:
    """Return the first line with anything in it of a file's first bytes."""
    return next((line.strip() for line in decoded(head, errors="replace").splitlines() if line.strip()), "")


def heading_of(line: str) -> list[str]:
    """Return the names in a heading, by the one of tab, semicolon and comma that it has most of."""
    return [cell.strip().strip('"') for cell in line.split(_separator(line))]


def _separator(line: str) -> str:
    return max(SEPARATORS, key=line.count)


def names_in(path: Path, head: bytes) -> frozenset[str]:
    """Return the names of a table's columns by its first bytes, as far as they show; none where it is no table."""
    kind = kind_of(head)
    if kind == "parquet":
        try:
            with parquet_file(path) as file:
                return frozenset(file.schema_arrow.names)
        except DataError:
            return frozenset()
    if kind == "jsonl":
        return frozenset(json.loads(first_line(head)))
    return frozenset(heading_of(first_line(head))) if kind == "csv" else frozenset()


def read_columns(path: Path, only: Sequence[str] | None = None) -> Table:
    """Return a table of any kind; of a Parquet file `only` these columns, where they are named.

    Raises:
        DataError: it cannot be read, has no rows, or a column twice.
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    suffix: dict[str, Kind] = {".parquet": "parquet", ".jsonl": "jsonl"}
    kind = kind_of(head) or suffix.get(path.suffix.lower(), "csv")
    table = _from_parquet(path, only) if kind == "parquet" else _from_json(path) if kind == "jsonl" else _from_csv(path)
    if not len(table):
        raise DataError(f"a table of runs has rows: got none in {file_name(path)}")
    return table


def _from_parquet(path: Path, only: Sequence[str] | None) -> Table:
    with parquet_file(path) as file:
        _check_names(path, file.schema_arrow.names)
        fields = [field for field in file.schema_arrow if only is None or field.name in only]
        num_rows = file.metadata.num_rows
        if num_rows > MAX_ROWS:  # few bytes may claim to be many rows
            raise DataError(f"{file_name(path)}: a table has at most {MAX_ROWS:,} rows: got {num_rows:,}; split it")
        columns = {field.name: _Arrow(path, field.name, str(field.type)) for field in fields}
        return Table(path, columns, range(1, num_rows + 1), "row")


def _from_json(path: Path) -> Table:
    rows = list(json_rows(path, text_of(path)))
    names = dict.fromkeys(text(name) for _, row in rows for name in row)
    columns = {name: _Values(row.get(name) for _, row in rows) for name in names}
    return Table(path, columns, [line for line, _ in rows], "line")


def _from_csv(path: Path) -> Table:
    content = text_of(path)
    rows = csv_rows(path, content, _separator(content.split("\n", 1)[0]), fill=True)
    _, heading = next(rows, (0, []))
    names = [name.strip() for name in heading]
    _check_names(path, [name for name in names if name])
    lines, cells = [], []
    for line, row in rows:
        lines.append(line)
        cells.append(row)
    columns = {name: _Values(row[index] for row in cells) for index, name in enumerate(names)}
    return Table(path, columns, lines, "line")


def _check_names(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{file_name(path)}: every column has a name of its own: got {twice!r} twice; rename one")
