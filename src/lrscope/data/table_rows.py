"""Rows of CSV, TSV, JSONL and Parquet files with the lines they stand on: what every reader of tables starts from."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lrscope.errors import DataError

if TYPE_CHECKING:
    import pyarrow.parquet

Quoting = Literal[0, 3]  # csv.QUOTE_MINIMAL, csv.QUOTE_NONE


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes.

    Raises:
        DataError: it is missing, a folder, or cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"no such file: {path}; check the path") from error
    except IsADirectoryError as error:
        raise DataError(f"a file is wanted: got the folder {path}; name a file in it") from error
    except OSError as error:  # on Windows a folder is a PermissionError
        what = "is a folder" if path.is_dir() else error.strerror or str(error)
        raise DataError(f"cannot read {path}: {what}; check the path") from error


def csv_rows(
    path: Path, text: str | Iterable[str], separator: str, *, quoting: Quoting = csv.QUOTE_MINIMAL, fill: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of text with separators, or of its lines, the heading first; empty lines are left out.

    With `fill`, a row that is shorter than the heading ends in empty cells.

    Raises:
        DataError: a row cannot be read, or is not as long as the heading; the line is named.
    """
    lines = io.StringIO(text, newline="") if isinstance(text, str) else text
    reader = csv.reader(lines, delimiter=separator, quoting=quoting, strict=True)
    csv.field_size_limit(2**31 - 1)
    last_line, width = 0, 0
    try:
        for row in reader:
            line, last_line = last_line + 1, reader.line_num
            if not row:
                continue
            width = width or len(row)
            if fill:
                row += [""] * (width - len(row))
            if len(row) != width:
                raise DataError(
                    f"{path}:{line}: every row has the header's {width} columns: got {len(row)}; "
                    "quote a field that holds the separator"
                )
            yield line, row
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not a CSV row: {error}; quote fields as spreadsheets do") from error


def separated_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of a CSV file's text, or of a TSV file's, in which quotes may be plain characters.

    What separates the columns of a CSV file is seen in its heading: spreadsheets write semicolons in many countries.

    Raises:
        DataError: a row cannot be read; the line is named.
    """
    tabs = path.suffix.lower() == ".tsv"
    quoting: Quoting = csv.QUOTE_NONE if tabs and not _quotes_close(text) else csv.QUOTE_MINIMAL
    return csv_rows(path, text, "\t" if tabs else _separator(text.partition("\n")[0]), quoting=quoting)


def _separator(heading: str) -> str:
    r"""Return what separates the columns of a CSV file, a comma where there is only one.

    >>> _separator("text,label"), _separator("text;label"), _separator("text\tlabel"), _separator("text")
    (',', ';', '\t', ',')
    """
    return next((each for each in ",;\t" if each in heading), ",")


def _quotes_close(text: str) -> bool:
    """Return whether every field that opens with a quote closes with one; if not, quotes are plain, as in GLUE."""
    fields = (field for line in text.split("\n") for field in line.split("\t") if field.startswith('"'))
    return all(len(field) > 1 and field.endswith('"') for field in fields)


def json_rows(path: Path, text: str | Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    r"""Yield (line, object) of text with one JSON object a line, or of its lines; empty lines are left out.

    Raises:
        DataError: a line is no JSON object, or has a key twice; the line is named.
    """
    # Not str.splitlines: that cuts at U+2028 and other characters that may stand inside a sentence.
    for number, line in enumerate(text.split("\n") if isinstance(text, str) else text, 1):
        if line.strip():
            row = json_value(line, f"{path}:{number}: a line is one JSON object", "write one object a line")
            if not isinstance(row, dict):
                raise DataError(
                    f"{path}:{number}: a line is one JSON object: got {type(row).__name__}; write {{...}} a line"
                )
            yield number, row


def json_value(text: str, rule: str, way_out: str) -> Any:
    """Return what JSON says.

    Raises:
        DataError: it is no JSON, is nested too deeply, or has a key twice: `rule`, what was got, `way_out`.

    >>> json_value("[1]", "a list", "write one")
    [1]
    """
    try:
        return json.loads(text, object_pairs_hook=with_keys_once)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else getattr(error, "msg", str(error))
        raise DataError(f"{rule}: {reason}; {way_out}") from error


def with_keys_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object as a dict.

    Raises:
        ValueError: a key stands there twice.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"got {next(name for name in names if names.count(name) > 1)!r} twice in one object")
    return values


@contextmanager
def parquet_file(path: Path, dictionaries: list[str] | None = None) -> Iterator[pyarrow.parquet.ParquetFile]:
    """Open a Parquet file; its columns are read within, those in `dictionaries` as they are encoded.

    Raises:
        DataError: it is missing, no Parquet file, or holds what cannot be read, such as text that is no UTF-8.
    """
    import pyarrow
    import pyarrow.parquet

    if not path.is_file():
        read_bytes(path)  # which says what is there instead
    try:
        with pyarrow.parquet.ParquetFile(path, memory_map=True, read_dictionary=dictionaries) as file:
            yield file
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} is not a Parquet file that can be read: {reason}; write it anew") from error
