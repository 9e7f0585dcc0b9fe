"""Classes, fingerprints and overlaps of a study's files."""

import json
from pathlib import Path

import pytest

from lrscope.data.labels import LabelSet, read_label_names
from lrscope.data.splits import Splits, load_split, load_splits
from lrscope.errors import DataError


def files(folder: Path, train: str, dev: str, test: str | None = None, names: object = None) -> Splits:
    paths = {}
    for name, content in (("train", train), ("dev", dev), ("test", test)):
        if content is not None:
            paths[name] = folder / f"{name}.txt"
            paths[name].write_text(content, encoding="utf-8")
    names_path = None
    if names is not None:
        names_path = folder / "names.json"
        names_path.write_text(json.dumps(names), encoding="utf-8")
    return load_splits(paths["train"], paths["dev"], paths.get("test"), label_names=names_path)


def test_names_by_list_and_by_map(tmp_path: Path) -> None:
    lists = files(tmp_path, "0 ||| a\n1 ||| b\n", "1 ||| c\n", names=["bad", "good"])
    assert lists.labels == LabelSet(names=("bad", "good"), keys=("0", "1"))
    assert lists.dev.labels.tolist() == [1]
    by_label = files(tmp_path, "n ||| a\np ||| b\n", "p ||| c\n", names={"n": "bad", "p": "good"})
    assert by_label.labels == LabelSet(names=("bad", "good"), keys=("n", "p"))
    by_name = files(tmp_path, "0 ||| a\n1 ||| b\n", "1 ||| c\n", names={"good": 1, "bad": 0})
    assert by_name.labels.names == ("bad", "good")


def test_labels_may_be_texts_with_or_without_names(tmp_path: Path) -> None:
    found = files(tmp_path, "pos ||| a\nneg ||| b\n", "pos ||| c\n")
    assert found.labels.names == ("neg", "pos")
    assert found.dev.labels.tolist() == [1]
    named = files(tmp_path, "good ||| a\nbad ||| b\n", "bad ||| c\n", names=["bad", "good"])
    assert named.labels.keys == ("bad", "good")


def test_integers_sort_as_numbers_and_may_be_written_as_floats(tmp_path: Path) -> None:
    splits = files(tmp_path, "10 ||| a\n9 ||| b\n-1 ||| c\n", "9.0 ||| d\n")
    assert splits.labels.keys == ("-1", "9", "10")
    assert splits.dev.labels.tolist() == [1]


def test_test_labels_may_be_missing_or_placeholders(tmp_path: Path) -> None:
    splits = files(tmp_path, "0 ||| a\n1 ||| b\n", "1 ||| c\n", "-1 ||| d\n1 ||| e\n ||| f\n")
    assert splits.test is not None
    assert splits.test.labels.tolist() == [-1, 1, -1]
    assert not splits.test.labelled
    assert any("2 of 3 test sentences have no label" in note for note in splits.notes)


@pytest.mark.parametrize(
    ("train", "dev", "test", "names", "says"),
    [
        (
            "0 ||| a\nx ||| b\n",
            "0 ||| c\n",
            None,
            None,
            r"train\.txt:2: a label must be an integer, as on line 1: got 'x'",
        ),
        ("0 ||| a\nx ||| b\n", "0 ||| c\n", None, ["n", "p"], r"train\.txt:2: a label must be an integer, one of 0, 1"),
        ("0 ||| a\n7 ||| b\n", "0 ||| c\n", None, ["n", "p"], r"train\.txt:2: a label must have a name.* got '7'"),
        (
            "0 ||| a\n1 ||| b\n",
            "2 ||| c\n",
            None,
            None,
            r"dev\.txt:1: a dev label must be one of train's, 0, 1: got '2'",
        ),
        ("0 ||| a\n1 ||| b\n", "0 ||| c\n", "5 ||| d\n", None, r"test\.txt:1: a test label must be one of train's"),
        (
            "0 ||| a\n1 ||| b\n",
            "2 ||| c\n",
            None,
            ["n", "m", "p"],
            r"dev\.txt:1: class 'p' appears in dev but never in",
        ),
        ("0 ||| a\n1 ||| b\n", "-1 ||| c\n", None, None, r"dev\.txt:1: a dev label must be one of train's"),
        ("0 ||| a\n0 ||| b\n", "0 ||| c\n", None, None, r"two classes at least: got '0' only"),
        (" ||| a\n0 ||| b\n", "0 ||| c\n", None, None, r"train\.txt:1: a training sentence has a label"),
    ],
)
def test_what_cannot_be_is_named(
    tmp_path: Path, train: str, dev: str, test: str | None, names: object, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        files(tmp_path, train, dev, test, names)


@pytest.mark.parametrize(
    ("content", "says"),
    [("{", "JSON list or map"), ("3", "JSON list or map"), ('["a", "a"]', "twice"), ('["a"]', "two classes")],
)
def test_label_names_that_are_none(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "names.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_label_names(path)


def test_overlaps_are_counted_whatever_case_and_spacing(tmp_path: Path) -> None:
    splits = files(tmp_path, "0 ||| A  treat\n1 ||| b\n", "0 ||| a treat\n1 ||| c\n", "1 ||| C\n1 ||| b\n")
    assert splits.overlaps == {("train", "dev"): 1, ("train", "test"): 1, ("dev", "test"): 1}
    assert "1 of 2 dev sentences are also in train" in splits.notes


def test_a_fingerprint_follows_the_content_alone(tmp_path: Path) -> None:
    first = files(tmp_path, "0 ||| a\n1 ||| b\n", "1 ||| c\n")
    table = tmp_path / "moved.csv"
    table.write_text("text,label\na,0\nb,1\n", encoding="utf-8")
    assert load_split(table, first.labels, "data").fingerprint == first.train.fingerprint
    table.write_text("text,label\na,1\nb,0\n", encoding="utf-8")
    assert load_split(table, first.labels, "data").fingerprint != first.train.fingerprint


@pytest.mark.shared
def test_sst_overlaps(shared: Path) -> None:
    sst = shared / "data" / "sst"
    splits = load_splits(
        sst / "sst-train.txt", sst / "sst-dev.txt", sst / "sst-test.txt", label_names=sst / "sst-label-mapping.json"
    )
    assert [s.num_examples for s in (splits.train, splits.dev, splits.test) if s] == [8544, 1101, 2210]
    assert splits.labels.names == ("awful", "bad", "average", "good", "excellent")
    assert splits.overlaps == {("train", "dev"): 2, ("train", "test"): 2, ("dev", "test"): 0}
