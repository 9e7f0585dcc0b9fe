"""Objects with the lines they stand on, from JSON, JSONL, Parquet, CSV, TSV and text.

JSON      a list of objects, or an object in which one value is such a list ({"version": 1, "data": [...]})
JSONL     an object a line; told from JSON by what stands in the file, not by its ending
Parquet   a row an object, numbered from 1
CSV, TSV  by their ending; a row an object, named by the heading
.txt      a line an object {"text": line}; blank lines are left out
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lrscope.data.conversation_forms import COMPLETIONS, KEYS, PROMPTS, TURN_LISTS
from lrscope.data.readers import read_text, shorten
from lrscope.data.table_rows import json_rows, parquet_file, separated_rows, with_keys_once
from lrscope.errors import DataError

Rows = Iterator[tuple[int, dict[str, Any]]]

PARQUET_ROWS_AT_ONCE = 1000
SPACES = " \t\n\r"
WAY_OUT = "write a list of objects, or one object a line"


def object_rows(path: Path) -> Rows:
    """Yield (line, object) of a file.

    Raises:
        DataError: it is missing, or of no form that can be read; the line is named.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet_rows(path)
        return
    text = read_text(path)
    if kind in (".csv", ".tsv"):
        yield from _separated_rows(path, text)
    elif kind == ".txt":
        yield from ((number, {"text": line}) for number, line in enumerate(text.split("\n"), 1) if line.strip())
    else:
        yield from _json_or_lines(path, text, by_line=kind in (".jsonl", ".ndjson"))


def _parquet_rows(path: Path) -> Rows:
    with parquet_file(path) as file:
        names = list(file.schema_arrow.names)
        _check_names(names, str(path))
        # Without columns that would be read, the first row's keys are named as what was got.
        wanted = [name for name in names if name in KEYS] or names
        number = 0
        for batch in file.iter_batches(batch_size=PARQUET_ROWS_AT_ONCE, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _separated_rows(path: Path, text: str) -> Rows:
    rows = separated_rows(path, text)
    line, header = next(rows, (1, []))
    names = [name.strip() for name in header]
    _check_names(names, f"{path}:{line}")
    for number, row in rows:
        yield number, dict(zip(names, row, strict=True))


def _check_names(names: list[str], where: str) -> None:
    twice = next((name for name in names if name in KEYS and names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{where}: every column has a name of its own: got {twice} twice; rename one")


def _json_or_lines(path: Path, text: str, *, by_line: bool) -> Rows:
    begin = _after_spaces(text, 0)
    if begin == len(text):
        return
    if text[begin] not in "[{":
        raise DataError(
            f"{path}:{_line(text, begin)}: examples are JSON, JSONL, Parquet, CSV, TSV or .txt: got "
            f"{shorten(text[begin : begin + 60].splitlines()[0])}; {WAY_OUT}"
        )
    if text[begin] == "[" and not by_line:
        yield from _list_rows(path, text, begin)
    elif by_line or _is_whole(text[begin:].split("\n", 1)):
        yield from json_rows(path, text)
    else:
        yield from _object_rows(path, text, begin)


def _is_whole(lines: list[str]) -> bool:
    """Return whether the first line is an object by itself, and others follow."""
    try:
        json.loads(lines[0])
    except (ValueError, RecursionError):
        return False
    return len(lines) > 1 and bool(lines[1].strip())


def _list_rows(path: Path, text: str, begin: int) -> Rows:
    """Yield the objects of the list that begins at a place."""
    place, number = _after_spaces(text, begin + 1), _line(text, begin)
    counted = begin
    while place < len(text) and text[place] != "]":
        number += text.count("\n", counted, place)
        counted = place
        row, end = _value(path, text, place)
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: an example is an object: got {shorten(row)}; {WAY_OUT}")
        yield number, row
        place = _after_spaces(text, end)
        comma = text[place : place + 1] == ","
        behind = _after_spaces(text, place + 1) if comma else place
        if place < len(text) and comma == (text[behind : behind + 1] == "]"):
            raise DataError(f"{path}:{_line(text, place)}: a list has commas between its objects alone; {WAY_OUT}")
        place = behind
    if place >= len(text):
        raise DataError(f"{path}:{_line(text, place)}: a list must end with ]: it is cut short; copy the file anew")


def _object_rows(path: Path, text: str, begin: int) -> Rows:
    """Yield the objects of the one list that is in an object, or the object itself where it is an example."""
    values, end = _value(path, text, begin)
    rest = _after_spaces(text, end)
    if rest < len(text):
        raise DataError(f"{path}:{_line(text, rest)}: JSON is one value: got more after it; {WAY_OUT}")
    lists = [key for key, value in values.items() if isinstance(value, list)]
    if not lists or any(key in values for key in (*TURN_LISTS, *PROMPTS, *COMPLETIONS)):
        yield _line(text, begin), values
        return
    if len(lists) > 1:
        named = " and ".join(shorten(key) for key in lists[:3])
        raise DataError(f"{path}: an object with examples has one list: got {named}; keep one")
    yield from _list_rows(path, text, _place_of(path, text, begin, lists[0]))


def _place_of(path: Path, text: str, begin: int, wanted: str) -> int:
    """Return where the value of a key begins in the object, known to be JSON, that begins at a place."""
    place = begin
    while True:
        key, end = _value(path, text, _after_spaces(text, place + 1))  # behind { or a comma
        value_place = _after_spaces(text, _after_spaces(text, end) + 1)  # behind the colon
        if key == wanted:
            return value_place
        place = _after_spaces(text, _value(path, text, value_place)[1])


_DECODER = json.JSONDecoder(object_pairs_hook=with_keys_once)


def _value(path: Path, text: str, place: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else getattr(error, "msg", str(error))
        line = _line(text, getattr(error, "pos", place))
        raise DataError(f"{path}:{line}: not JSON: {reason}; {WAY_OUT}") from error


def _after_spaces(text: str, place: int) -> int:
    while place < len(text) and text[place] in SPACES:
        place += 1
    return place


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
