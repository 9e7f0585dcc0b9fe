"""Files of examples that are not what they seem: refused in a line, and at once."""

import json
from pathlib import Path
from time import monotonic

import pyarrow
import pyarrow.parquet
import pytest

from lrscope.data.labels import LabelSet, as_integer, read_label_names
from lrscope.data.readers import read_examples
from lrscope.data.splits import load_splits
from lrscope.errors import DataError, StudyError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_row_numbers_are_no_labels(tmp_path: Path) -> None:
    rows = write(tmp_path / "rows.txt", "".join(f"{number} ||| sentence {number}\n" for number in range(20_000)))
    began = monotonic()
    with pytest.raises(DataError, match="20000 classes, 20000 of them with one sentence"):
        load_splits(rows, rows, None)
    assert monotonic() - began < 10


def test_many_classes_that_come_again_are_classes(tmp_path: Path) -> None:
    train = write(tmp_path / "t.txt", "".join(f"{n} ||| {word} {n}\n" for n in range(2000) for word in ("a", "b")))
    dev = write(tmp_path / "d.txt", "".join(f"{n} ||| c {n}\n" for n in range(2000)))
    began = monotonic()
    assert len(load_splits(train, dev, None).labels.names) == 2000
    assert monotonic() - began < 10


def test_overlaps_count_every_sentence_of_the_second(tmp_path: Path) -> None:
    train = write(tmp_path / "t.txt", "0 ||| One\n1 ||| two\n1 ||| two\n0 ||| three\n")
    dev = write(tmp_path / "d.txt", "0 ||| one\n0 |||  ONE\n1 ||| four\n")
    test = write(tmp_path / "e.txt", "0 ||| four\n1 ||| Two\n")
    overlaps = load_splits(train, dev, test).overlaps
    assert overlaps == {("train", "dev"): 2, ("train", "test"): 1, ("dev", "test"): 1}
    assert list(overlaps) == [("train", "dev"), ("train", "test"), ("dev", "test")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"0": "bad", "0": "good", "1": "fine"}', "'0' stands there twice"),
        ('{"bad": 0, "bad": 1}', "stands there twice"),
        ("[" * 100_000, "nested too deeply"),
        ("[1" + "0" * 10_000 + ", 2]", "JSON"),
        ('["good", null]', "JSON list or map"),
        ('["good", ["bad"]]', "JSON list or map"),
        ('["good", "\\ud800"]', "surrogate"),
        ('{"\\udc00": "good", "1": "bad"}', "surrogate"),
        ("7", "JSON list or map"),
    ],
)  # fmt: skip
def test_label_names(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_label_names(write(tmp_path / "names.json", text))
    assert len(str(caught.value)) < 400


def test_large_integers_stay_different() -> None:
    assert as_integer("9007199254740993") == "9007199254740993"
    assert as_integer("9" * 400) is None
    assert as_integer("²") is None


@pytest.mark.parametrize(
    "state", [{}, {"names": 3, "keys": ["0"]}, {"names": ["a"], "keys": []}, {"names": [1], "keys": [2]}]
)
def test_kept_labels(state: dict[str, object]) -> None:
    with pytest.raises(StudyError, match="damaged"):
        LabelSet.of_state(state)


def test_what_json_can_write_and_text_cannot_hold(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", json.dumps({"text": "fine", "label": "\ud800"}) + "\n")
    with pytest.raises(DataError, match="surrogate"):
        read_examples(path)


def test_refused_values_are_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "e.jsonl", json.dumps({"text": [1] * 100_000, "label": "a"}) + "\n")
    with pytest.raises(DataError) as caught:
        read_examples(path)
    assert len(str(caught.value)) < 400
    train = write(tmp_path / "t.txt", f"{'a' * 100_000} ||| x\n{'b' * 100_000} ||| y\n")
    with pytest.raises(DataError) as caught:
        load_splits(train, write(tmp_path / "d.txt", f"{'c' * 100_000} ||| x\n"), None)
    assert len(str(caught.value)) < 600


def test_parquet_text_that_is_none(tmp_path: Path) -> None:
    bad = pyarrow.array([b"\xff\xfe", b"ok"], pyarrow.binary()).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({"text": bad, "label": ["a", "b"]}), tmp_path / "e.parquet")
    with pytest.raises(DataError, match=r"e\.parquet"):
        read_examples(tmp_path / "e.parquet")
    long = pyarrow.array([2**62, 1], pyarrow.duration("s"))
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": long}), tmp_path / "d.parquet")
    with pytest.raises(DataError, match=r"d\.parquet"):
        read_examples(tmp_path / "d.parquet")
