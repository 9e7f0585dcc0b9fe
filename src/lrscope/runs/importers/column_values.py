"""What a column of a table holds, kept small: a text that stands in many rows once, numbers as numbers."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lrscope.data.table_rows import parquet_file
from lrscope.number_text import format_number
from lrscope.runs.importers.checked import MAX_VALUE, number, text
from lrscope.runs.score_table import Floats

Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]
MAX_TEXTS = 4096  # different texts of a column; one that has more of them, and nothing but numbers, is kept as numbers
NAN = "nan"
# What programs and people write where there is nothing: Trainer before it has logged, spreadsheets, Python.
NOTHING = frozenset({"", "no log", "n/a", "na", "none", "null", "-", "--", "\N{EM DASH}", "\N{EN DASH}"})


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

    @property
    def given(self) -> Mask:
        """Which rows have anything in it; what is not a number has."""
        ...

    def text(self, row: int) -> str:
        """Return a row's text, empty where it has none."""
        ...


class Texts:
    """A column of texts, each of which is kept once."""

    numbers = None

    def __init__(self, texts: list[str], codes: Codes) -> None:
        self.texts, self.codes = texts, codes

    @staticmethod
    def of(values: Iterable[Any]) -> Texts:
        """Return a column of Python's values.

        >>> column = Texts.of(["b", 1e-4, None, "b"])
        >>> column.texts, column.codes.tolist(), column.given.tolist()
        (['b', '0.0001', ''], [0, 1, 2, 0], [True, True, False, True])
        """
        index: dict[str, int] = {}
        codes = np.fromiter((index.setdefault(text(value), len(index)) for value in values), np.int32)
        return Texts(list(index), codes)

    @property
    def given(self) -> Mask:
        """Which rows have a text that says something."""
        return np.array([not is_nothing(each) for each in [*self.texts, ""]], np.bool_)[self.codes]

    def text(self, row: int) -> str:
        """Return a row's text."""
        return str(self.texts[self.codes[row]])


class Numbers:
    """A column of nothing but numbers, 8 bytes a row; its texts are made when they are asked for."""

    def __init__(self, numbers: Floats, given: Mask) -> None:
        self.numbers, self.given = numbers, given

    @cached_property
    def _texts(self) -> Texts:
        return Texts.of(map(self.text, range(len(self.numbers))))

    @property
    def texts(self) -> list[str]:
        """Every number that occurs as text."""
        return self._texts.texts

    @property
    def codes(self) -> Codes:
        """The index of each row's text."""
        return self._texts.codes

    def text(self, row: int) -> str:
        """Return a row's number as people write it."""
        value = float(self.numbers[row])
        if not self.given[row]:
            return ""
        return format_number(value) if math.isfinite(value) else str(value)


class Filled:
    """A column that is filled block by block, as a file is read.

    With `compact`, one of many different numbers becomes `Numbers`: it takes no more memory than they do.
    """

    def __init__(self, *, compact: bool) -> None:
        self._compact = compact
        self._index: dict[str, int] = {}
        self._codes: list[Codes] = []
        self._numbers: list[Floats] | None = None
        self._given: list[Mask] = []
        self.length = 0

    def add(self, values: Sequence[Any]) -> None:
        """Take in a block of rows."""
        self.length += len(values)
        if self._numbers is not None and (numbers := _as_numbers(values)) is not None:
            self._numbers.append(numbers[0])
            self._given.append(numbers[1])
            return
        if self._numbers is not None:
            self._back_to_texts()
        index = self._index
        self._codes.append(np.fromiter((index.setdefault(text(value), len(index)) for value in values), np.int32))
        if self._compact and len(index) > MAX_TEXTS:
            self._to_numbers()

    def fill(self, length: int) -> None:
        """Take in empty cells until there are so many rows."""
        if length > self.length:
            self.add([None] * (length - self.length))

    def column(self) -> Column:
        """Return what was taken in."""
        if self._numbers is not None:
            return Numbers(np.concatenate(self._numbers), np.concatenate(self._given))
        return Texts(list(self._index), np.concatenate([np.zeros(0, np.int32), *self._codes]))

    def _to_numbers(self) -> None:
        numbers = _as_numbers(list(self._index))
        if numbers is None:
            self._compact = False
            return
        codes = np.concatenate(self._codes)
        self._numbers, self._given = [numbers[0][codes]], [numbers[1][codes]]
        self._index, self._codes = {}, []

    def _back_to_texts(self) -> None:
        """Keep texts again: something is no number, and an error has to show it."""
        assert self._numbers is not None
        known = Numbers(np.concatenate(self._numbers), np.concatenate(self._given))
        self._compact, self._numbers, self._given = False, None, []
        self._index = {each: code for code, each in enumerate(known.texts)}
        self._codes = [known.codes]


def _as_numbers(values: Sequence[Any]) -> tuple[Floats, Mask] | None:
    """Return cells as numbers, and which are not empty; None where one of them is something else."""
    try:
        if not isinstance(values[0], str):
            raise TypeError
        numbers = np.array(array("d", [float(each) if each else math.nan for each in values]))
        given = np.fromiter(map(bool, values), np.bool_, len(values))
    except (ValueError, TypeError):
        texts = [text(each) for each in values]
        numbers = np.array([number(each) for each in texts], np.float64)
        given = np.array([not is_nothing(each) for each in texts], np.bool_)
        if any(given[place] and not is_nan(texts[place]) for place in np.flatnonzero(np.isnan(numbers))):
            return None
    numbers[np.abs(numbers) > MAX_VALUE] *= math.inf
    return numbers, given


def is_nothing(cell: str) -> bool:
    """Return whether a text says that there is nothing.

    >>> is_nothing("No log"), is_nothing("nan"), is_nothing("0")
    (True, False, False)
    """
    return len(cell) < 8 and cell.lower() in NOTHING


def is_nan(cell: str) -> bool:
    """Return whether a text says that a number is none.

    >>> is_nan("-NaN"), is_nan("none")
    (True, False)
    """
    return cell.lower().lstrip("+-") == NAN


class Arrow:
    """A column of a Parquet file, read when it is asked for: a text that a million rows have is read once."""

    def __init__(self, path: Path, name: str, kind: str) -> None:
        self._path, self._name, self._kind = path, name, kind

    @cached_property
    def _encoded(self) -> Texts:
        import pyarrow as pa

        is_text = self._kind in ("string", "large_string")
        with parquet_file(self._path, [self._name] if is_text else None) as file:
            column = file.read(columns=[self._name]).column(0)
            if pa.types.is_nested(column.type):
                return Texts.of(column.to_pylist())
            if not pa.types.is_dictionary(column.type):
                column = column.dictionary_encode()
            column = column.unify_dictionaries()
            if not column.num_chunks:
                return Texts.of(())
            values = Texts.of([*column.chunk(0).dictionary.to_pylist(), *([None] if column.null_count else [])])
            chunks = [chunk.indices.fill_null(len(values.codes) - 1).to_numpy() for chunk in column.chunks]
            return Texts(values.texts, values.codes[np.concatenate(chunks)])

    @property
    def texts(self) -> list[str]:
        """Every text that occurs."""
        return self._encoded.texts

    @property
    def codes(self) -> Codes:
        """The index of each row's text."""
        return self._encoded.codes

    @property
    def given(self) -> Mask:
        """Which rows have a text."""
        return self._encoded.given

    def text(self, row: int) -> str:
        """Return a row's text."""
        return self._encoded.text(row)

    @cached_property
    def numbers(self) -> Floats | None:
        """Each row's number where the column's type is one of numbers."""
        import pyarrow as pa

        if not self._kind.startswith(("int", "uint", "float", "double", "halffloat")):
            return None
        with parquet_file(self._path) as file:
            chunks = file.read(columns=[self._name]).column(0).chunks
            floats = [chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False) for chunk in chunks]
            return np.concatenate([np.zeros(0), *floats])
