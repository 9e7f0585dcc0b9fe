"""Every format gives the same examples; whatever is wrong is named by file and line."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from lrscope.data.readers import Example, read_examples, read_sentences
from lrscope.errors import DataError

ROWS = [("A treat, \"truly\".", "3"), ("Dull\tand | grey", "0"), ("naïve – 映画", "1")]  # fmt: skip


def write(path: Path) -> Path:
    kind = path.suffix
    if kind == ".txt":
        text = "".join(f"{label} ||| {sentence}\n" for sentence, label in ROWS)
    elif kind == ".csv":
        quoted = [(sentence.replace('"', '""'), label) for sentence, label in ROWS]
        text = "id,sentence,label\n" + "".join(f'{n},"{s}",{label}\n' for n, (s, label) in enumerate(quoted))
    elif kind == ".jsonl":
        text = "".join(json.dumps({"text": s, "label": int(label)}) + "\n" for s, label in ROWS)
    else:
        table = pyarrow.table({"text": [s for s, _ in ROWS], "label": [int(label) for _, label in ROWS]})
        pyarrow.parquet.write_table(table, path)
        return path
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["txt", "csv", "jsonl", "parquet"])
def test_every_format_gives_the_same(tmp_path: Path, kind: str) -> None:
    examples = read_examples(write(tmp_path / f"examples.{kind}"))
    assert [(e.text, e.label) for e in examples] == ROWS
    assert [e.line for e in examples] == ([2, 3, 4] if kind == "csv" else [1, 2, 3])


def test_windows_line_ends_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff0 ||| one\r\n\r\n1 ||| two \u2028 still two\r\n".encode())
    assert read_examples(path) == [Example("one", "0", 1), Example("two \u2028 still two", "1", 3)]


def test_the_first_bars_divide(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("2 ||| left ||| right\n", encoding="utf-8")
    assert read_examples(path) == [Example("left ||| right", "2", 1)]


def test_tsv_with_and_without_quoting(tmp_path: Path) -> None:
    plain, quoted = tmp_path / "plain.tsv", tmp_path / "quoted.tsv"
    plain.write_text('sentence\tlabel\n"Dear\t0\nhe said "no"\t1\n', encoding="utf-8")
    quoted.write_text('sentence\tlabel\n"a ""b"" c"\t0\n', encoding="utf-8")
    assert [e.text for e in read_examples(plain)] == ['"Dear', 'he said "no"']
    assert [e.text for e in read_examples(quoted)] == ['a "b" c']


def test_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("review,stars\nfine,4\n", encoding="utf-8")
    assert read_examples(path, text_column="review", label_column="stars") == [Example("fine", "4", 2)]
    with pytest.raises(
        DataError, match=r"got review, stars; name it with text_column, and that of the labels with label_col"
    ):
        read_examples(path)
    with pytest.raises(DataError, match=r"column text or sentence: got review, stars; name it with text_column$"):
        read_examples(path, label_column="stars")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_separates_columns_is_seen_in_the_heading(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'text{separator}label\r\n"fine{separator} so far"{separator}4\r\n', encoding="utf-8-sig")
    assert read_examples(path) == [Example(f"fine{separator} so far", "4", 2)]


def test_a_test_file_may_lack_labels(tmp_path: Path) -> None:
    bare, table, empty = tmp_path / "a.txt", tmp_path / "a.csv", tmp_path / "b.txt"
    bare.write_text("one\ntwo\n", encoding="utf-8")
    table.write_text("text\none\n", encoding="utf-8")
    empty.write_text(" ||| one\n-1 ||| two\n", encoding="utf-8")
    assert [e.label for e in read_examples(bare, require_labels=False)] == [None, None]
    assert [e.label for e in read_examples(table, require_labels=False)] == [None]
    assert [e.label for e in read_examples(empty, require_labels=False)] == [None, "-1"]
    with pytest.raises(DataError, match=r"a\.txt:1: a line is `label \|\|\| sentence`"):
        read_examples(bare)


def test_sentences_stay_aligned_with_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one\n\n three \n", encoding="utf-8")
    assert read_sentences(path) == ["one", "", "three"]


def test_sentences_of_a_table_are_those_of_its_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,review,label\n1,fine,0\n2,,1\n3,so so,\n", encoding="utf-8")
    assert read_sentences(path, "review") == ["fine", "", "so so"]
    with pytest.raises(DataError, match="there must be a column text or sentence: got id, review, label"):
        read_sentences(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", b"", "at least one example"),
        ("a.txt", b"\n \n", "at least one example"),
        ("a.txt", b"0 ||| one\n1 | two\n", r"a\.txt:2: a line is `label \|\|\| sentence`: got '1 \| two'"),
        ("a.txt", b"0 ||| one\n1 ||| caf\xe9\n", r"a\.txt:2: text must be UTF-8: got byte 0xe9"),
        ("a.txt", b"0 ||| \n", r"a\.txt:1: a sentence must not be empty"),
        ("a.csv", b"text,label\n", "at least one example"),
        ("a.csv", b"text,label\none,0\ntwo\n", r"a\.csv:3: every row has the header's 2 columns: got 1"),
        ("a.csv", b'text,label\n"one,0\n', r"a\.csv:\d+: not a CSV row"),
        ("a.csv", b"text,stars\none,0\n", "column label or labels"),
        ("a.jsonl", b'{"text": "one", "label": 0}\n{"text": \n', r"a\.jsonl:2: a line is one JSON object"),
        ("a.jsonl", b'["one", 0]\n', r"a\.jsonl:1: a line is one JSON object: got list"),
        ("a.jsonl", b'{"text": 5, "label": 0}\n', r"a\.jsonl:1: a sentence is text: got 5"),
        ("a.jsonl", b'{"text": "one", "label": [0]}\n', r"a\.jsonl:1: a label is a text or a number"),
        ("a.parquet", b"PAR1 but not really", "not a Parquet file"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=says) as error:
        read_examples(tmp_path / name)
    assert "\n" not in str(error.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    for kind in ("txt", "csv", "parquet"):
        with pytest.raises(DataError, match="no such file"):
            read_examples(tmp_path / f"none.{kind}")
    with pytest.raises(DataError, match="folder"):
        read_examples(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", '{"text": "\\ud800 bad", "label": 1}\n', "half of a surrogate pair"),
        ("a.jsonl", '{"text": "fine", "label": ' + "9" * 5000 + "}\n", "a line is one JSON object: Exceeds the limit"),
        ("a.csv", "text,label,label\nfine,1,2\n", "label and label; name it with label_column"),
        ("a.csv", "prompt,completion\nfine,yes\n", "name it with text_column, or train on conversations with task sft"),
        ("a.csv", "text,sentence,label\nfine,good,1\n", "text and sentence; name it with text_column"),
    ],
)
def test_what_is_ambiguous_or_no_text_is_refused(tmp_path: Path, name: str, content: str, says: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=says.replace("(", r"\(")):
        read_examples(tmp_path / name)
