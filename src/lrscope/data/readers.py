r"""Example files: `label ||| sentence` text, CSV, TSV, JSONL and Parquet, told apart by their ending.

Every reader gives sentences with their labels as written and the line they stand on, so that whatever is wrong can
be named by file and line. Files are UTF-8, with or without a byte order mark; lines end in `\n` or `\r\n`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lrscope.data.table_rows import json_rows, parquet_file, read_bytes, separated_rows
from lrscope.errors import DataError, Problem

SEPARATOR = " ||| "
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
TEXT_COLUMNS = ("text", "sentence")
LABEL_COLUMNS = ("label", "labels")
CONVERSATION_COLUMNS = frozenset(("prompt", "instruction", "messages", "conversations"))  # those of --task sft


class Example(NamedTuple):
    """A sentence, its label as the file writes it (None where there is none), and its line from 1."""

    text: str
    label: str | None
    line: int


def read_examples(
    path: Path, *, text_column: str | None = None, label_column: str | None = None, require_labels: bool = True
) -> list[Example]:
    """Read a file of examples, in any of the formats.

    Without `require_labels`, a text file in which no line has ` ||| ` is one of bare sentences, and a table may lack
    the column of labels.

    Raises:
        DataError: the file is missing, empty, not UTF-8, or wrong on a line.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        examples = list(_from_parquet(path, text_column, label_column, require_labels))
    elif kind in (".csv", ".tsv"):
        examples = list(_from_csv(path, text_column, label_column, require_labels))
    elif kind in (".jsonl", ".ndjson", ".json"):
        examples = list(_from_jsonl(path, text_column, label_column, require_labels))
    else:
        examples = list(_from_text(path, require_labels))
    if not examples:
        raise DataError(f"{path} must hold at least one example: got an empty file; name another")
    for example in examples:
        if require_labels and not example.text.strip():
            raise DataError(f"{path}:{example.line}: a sentence must not be empty; remove the line or write its text")
    return examples


def read_sentences(path: Path, text_column: str | None = None) -> list[str]:
    """Read bare sentences, one a line; a blank line is an empty sentence, so that lines in and out stay aligned.

    Of a table (CSV, TSV, JSONL, Parquet) its column of sentences, a row each.

    Raises:
        DataError: the file is missing, empty or not UTF-8.
    """
    if path.suffix.lower() in TABLES:
        return [row.text for row in read_examples(path, text_column=text_column, require_labels=False)]
    lines = _read_lines(path)
    if not any(line.strip() for line in lines):
        raise DataError(f"{path} must hold at least one sentence: got an empty file; write one sentence a line")
    return [line.strip() for line in lines]


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        DataError: it is missing, cannot be read, or has bytes that are not UTF-8; the line is named.
    """
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}:{line}: text must be UTF-8: got byte 0x{data[error.start]:02x}; save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n")


def _read_lines(path: Path) -> list[str]:
    # Not str.splitlines: that cuts at U+2028 and other characters that may stand inside a sentence.
    lines = read_text(path).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _from_text(path: Path, require_labels: bool) -> Iterator[Example]:
    lines = [(number, line) for number, line in enumerate(_read_lines(path), 1) if line.strip()]
    # An empty label leaves nothing before the bars, an empty sentence nothing behind them.
    bare = not any(SEPARATOR in f" {line} " for _, line in lines)
    for number, line in lines:
        if bare and not require_labels:
            yield Example(line.strip(), None, number)
            continue
        label, separator, text = f" {line} ".partition(SEPARATOR)
        if not separator:
            raise DataError(
                f"{path}:{number}: a line is `label ||| sentence`: got {shorten(line)}; write its label before ' ||| '"
            )
        yield Example(text.strip(), label.strip() or None, number)


def _from_csv(path: Path, text_column: str | None, label_column: str | None, require_labels: bool) -> Iterator[Example]:
    rows = separated_rows(path, read_text(path))
    _, header = next(rows, (0, []))
    if not header:
        return
    text_place, label_place = _columns(path, header, text_column, label_column, require_labels)
    for line, row in rows:
        yield Example(row[text_place].strip(), None if label_place is None else row[label_place].strip() or None, line)


def _columns(
    path: Path, header: Sequence[str], text_column: str | None, label_column: str | None, require_labels: bool
) -> tuple[int, int | None]:
    names = [name.strip() for name in header]

    def find(asked: str | None, usual: Sequence[str], option: str, required: bool) -> int | None:
        fitting = [name for name in names if name in ([asked] if asked else usual)]
        if len(fitting) > 1:
            raise DataError(
                Problem(f"{{{option}}} must be one column", " and ".join(fitting), f"name it with {{{option}}}"),
                source=str(path),
            )
        if fitting:
            return names.index(fitting[0])
        if not required:
            return None
        wanted, way_out = asked or " or ".join(usual), f"name it with {{{option}}}"
        lacks_labels = require_labels and label_column is None and not {*LABEL_COLUMNS} & set(names)
        if asked is None and CONVERSATION_COLUMNS & set(names):
            way_out += ", or train on conversations with {task} sft"
        elif option == "text_column" and lacks_labels:
            way_out += ", and that of the labels with {label_column}"
        raise DataError(
            Problem(f"there must be a column {wanted}", ", ".join(names), way_out),
            source=str(path),
        )

    text = find(text_column, TEXT_COLUMNS, "text_column", required=True)
    label = find(label_column, LABEL_COLUMNS, "label_column", required=require_labels)
    assert text is not None
    return text, label


def _from_jsonl(
    path: Path, text_column: str | None, label_column: str | None, require_labels: bool
) -> Iterator[Example]:
    for number, row in json_rows(path, read_text(path)):
        names = list(row)
        text, label = _columns(Path(f"{path}:{number}"), names, text_column, label_column, require_labels)
        yield _from_values(path, number, row[names[text]], None if label is None else row[names[label]])


def _from_parquet(
    path: Path, text_column: str | None, label_column: str | None, require_labels: bool
) -> Iterator[Example]:
    with parquet_file(path) as file:
        names = list(file.schema_arrow.names)
        text, label = _columns(path, names, text_column, label_column, require_labels)
        table = file.read(columns=[names[place] for place in (text, label) if place is not None])
        texts = table.column(names[text]).to_pylist()
        labels = [None] * len(texts) if label is None else table.column(names[label]).to_pylist()
    for number, (value, mark) in enumerate(zip(texts, labels, strict=True), 1):
        yield _from_values(path, number, value, mark)


def shorten(value: object) -> str:
    """Return a refused value for a message, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def has_half_pair(text: str) -> bool:
    """Return whether a text has half of a surrogate pair, which JSON can write and UTF-8 cannot."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _from_values(path: Path, number: int, text: Any, label: Any) -> Example:
    if not isinstance(text, str):
        problem = Problem("a sentence is text", shorten(text), "name the right column with {text_column}")
        raise DataError(problem, source=f"{path}:{number}")
    if has_half_pair(text) or (isinstance(label, str) and has_half_pair(label)):
        raise DataError(
            f"{path}:{number}: text must be Unicode: got half of a surrogate pair; write the character itself"
        )
    if label is not None and not isinstance(label, str | int | float):
        problem = Problem("a label is a text or a number", shorten(label), "name the column with {label_column}")
        raise DataError(problem, source=f"{path}:{number}")
    return Example(text.strip(), None if label is None else str(label).strip() or None, number)
