"""Splits of conversations: by whole conversations, fingerprinted by content, with overlaps counted."""

import json
from pathlib import Path

from lrscope.data.conversation_splits import load_conversation_splits
from lrscope.data.dev_split import DevShare


def pairs(path: Path, *rows: tuple[str, str]) -> Path:
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows), encoding="utf-8")
    return path


def test_overlaps_by_prompt_and_as_a_whole(tmp_path: Path) -> None:
    train = pairs(tmp_path / "t.jsonl", ("One", "1"), ("two", "2"), ("three", "3"), ("two", "II"))
    dev = pairs(tmp_path / "d.jsonl", ("one ", "1"), ("TWO", "zwei"), ("four", "4"))
    test = pairs(tmp_path / "e.jsonl", ("four", "5"), ("six", "6"))
    splits = load_conversation_splits(train, dev, test)
    assert splits.prompt_overlaps == {("train", "dev"): 2, ("train", "test"): 0, ("dev", "test"): 1}
    assert splits.overlaps == {("train", "dev"): 1, ("train", "test"): 0, ("dev", "test"): 0}
    assert splits.notes == (
        "2 of 3 dev examples have a prompt that train has too, 1 of them the whole conversation",
        "1 of 2 test examples have a prompt that dev has too",
    )
    assert list(splits.by_name) == ["train", "dev", "test"]


def test_fingerprints_follow_content_and_order_alone(tmp_path: Path) -> None:
    rows = [("One", "1"), ("two", "2")]
    here = pairs(tmp_path / "t.jsonl", *rows)
    (tmp_path / "elsewhere").mkdir()
    alpaca = tmp_path / "elsewhere" / "a.json"
    alpaca.write_text(json.dumps([{"instruction": p, "output": c} for p, c in rows], indent=3), encoding="utf-8")
    turned = pairs(tmp_path / "r.jsonl", *rows[::-1])
    splits = load_conversation_splits(here, alpaca, turned)
    assert splits.test is not None
    assert splits.train.fingerprint == splits.dev.fingerprint != splits.test.fingerprint
    assert splits.dev.where(1) == f"{alpaca}:6"


def test_a_share_keeps_equal_prompts_together(tmp_path: Path) -> None:
    rows = [(f"prompt {number % 20}", f"reply {number}") for number in range(100)]
    path = pairs(tmp_path / "t.jsonl", *rows)
    splits = load_conversation_splits(path, DevShare(0.2, 5))
    assert (splits.train.num_examples, splits.dev.num_examples) == (80, 20)
    assert splits.prompt_overlaps == {("train", "dev"): 0}
    assert splits.notes == (f"dev is 20 of the 100 examples in {path}, drawn with split seed 5",)
    again = load_conversation_splits(path, DevShare(0.2, 5))
    assert again.dev.fingerprint == splits.dev.fingerprint
    assert load_conversation_splits(path, DevShare(0.2, 6)).dev.fingerprint != splits.dev.fingerprint


def test_lines_with_labels_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("0 ||| a good film\n1 ||| a bad one\nno label\n2 ||| an odd one\n", encoding="utf-8")
    splits = load_conversation_splits(path, DevShare(0.25))
    assert splits.notes[1] == (
        f"3 of the 4 lines in {path} are `label ||| sentence`, and are learned as plain text, labels and all; to learn "
        "the labels of sentences, take --task classification"
    )
    path.write_text("0 ||| a good film\na text\nanother\na third\n", encoding="utf-8")
    assert len(load_conversation_splits(path, DevShare(0.25)).notes) == 1
    table = tmp_path / "t.csv"
    table.write_text("text,label\na good film,0\na bad one,1\n", encoding="utf-8")
    assert load_conversation_splits(table, DevShare(0.5)).notes[1] == (
        f"the texts of {table} are learned as plain text, without their label; to learn the labels of sentences, take "
        "--task classification"
    )
    rows = [("Sort: a ||| b", "0 ||| a"), ("Sort: c ||| d", "1 ||| c")]
    assert load_conversation_splits(pairs(tmp_path / "t.jsonl", *rows), DevShare(0.5)).notes[1:] == ()
