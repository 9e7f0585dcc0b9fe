"""Hundreds of damaged files of conversations, from a fixed seed: each is read, or refused in one line, at once."""

import json
import random
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from tests.test_hostile_input import changed, refused_or_accepted, scrambled, written

from lrscope.data.conversation_readers import read_conversations
from lrscope.data.conversation_splits import load_conversation_splits
from lrscope.data.conversations import ASSISTANT
from lrscope.data.dev_split import DevShare
from lrscope.errors import DataError

MESSAGES = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
ROWS: list[list[dict[str, Any]]] = [
    [{"prompt": f"p {n}", "completion": f"c {n}"} for n in range(6)],
    [{"instruction": f"p {n}", "input": "", "output": n} for n in range(6)],
    [{"messages": MESSAGES} for _ in range(6)],
    [{"conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]} for _ in range(6)],
    [{"prompt": MESSAGES[1:2], "completion": MESSAGES[2:]} for _ in range(6)],
    [{"text": f"t {n}"} for n in range(6)],
]  # fmt: skip
CSV = "prompt,completion\n" + "".join(f'"p ""{n}""",c {n}\n' for n in range(6))


def test_damaged_files(tmp_path: Path) -> None:
    draw = random.Random(11)
    refused = 0
    for number in range(600):
        rows = draw.choice(ROWS)
        if number % 3 == 0:
            rows = changed(rows, draw)
        ending = draw.choice(["json", "jsonl", "dat", "csv", "tsv", "txt"])
        if ending in ("csv", "tsv"):
            text = CSV if ending == "csv" else CSV.replace(",", "\t")
        elif ending == "jsonl" and isinstance(rows, list):
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            text = json.dumps(rows, indent=draw.choice([None, 1]))
        path = written(tmp_path / f"{number}.{ending}", text if number % 3 == 0 else scrambled(text, draw))
        refused += refused_or_accepted(number, partial(_read_and_check, path))
    assert 200 < refused < 600


def _read_and_check(path: Path) -> None:
    for conversation in read_conversations(path):
        assert conversation.line >= 1
        assert conversation.is_plain_text or conversation.turns[-1].role == ASSISTANT
        assert all(turn.text.encode() is not None for turn in conversation.turns)
    load_conversation_splits(path, DevShare(0.3))


def test_damaged_parquet(tmp_path: Path) -> None:
    draw = random.Random(12)
    for number in range(60):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(draw.choice(ROWS)), tmp_path / "a.parquet")
        data = bytearray((tmp_path / "a.parquet").read_bytes())
        for _ in range(draw.randint(1, 5)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(data if number % 4 else data[: draw.randrange(len(data))])
        refused_or_accepted(number, partial(read_conversations, path))


def test_columns_of_odd_types(tmp_path: Path) -> None:
    for number, column in enumerate(
        (
            pyarrow.array([2**62], pyarrow.duration("s")), pyarrow.array([b"\xff"], pyarrow.binary()),
            pyarrow.array([[("k", "v")]], pyarrow.map_(pyarrow.string(), pyarrow.string())),
            pyarrow.array([b"\xff\xfe"], pyarrow.binary()).view(pyarrow.string()),
            pyarrow.array([[["x"]]]), pyarrow.nulls(1),
        )
    ):  # fmt: skip
        path = tmp_path / f"{number}.parquet"
        for names in (["prompt", "completion"], ["messages"]):
            columns = [pyarrow.array(["x"]), column] if len(names) == 2 else [column]
            pyarrow.parquet.write_table(pyarrow.table(columns, names=names), path)
            with pytest.raises(DataError, match=rf"{number}\.parquet") as caught:
                read_conversations(path)
            assert "\n" not in str(caught.value)


def test_what_is_refused_is_shown_short(tmp_path: Path) -> None:
    long = "x" * 100_000
    for row in (
        {long: 1}, {"messages": [{"role": long, "content": "x"}]}, {"messages": long},
        {"prompt": "x", "completion": [long]},
        {"messages": [{"role": "user", "content": [{"type": long}]}]}, {"prompt": {long: long}, "completion": "x"},
    ):  # fmt: skip
        path = written(tmp_path / "a.jsonl", json.dumps(row) + "\n")
        with pytest.raises(DataError) as caught:
            read_conversations(path)
        assert len(str(caught.value)) < 500


def test_large_files_are_read_at_once(tmp_path: Path) -> None:
    rows = [{"messages": [{"role": "user", "content": f"é{n}" * 50}, MESSAGES[2]]} for n in range(20_000)]
    began = monotonic()
    for ending, indent in (("json", 1), ("jsonl", None)):
        text = json.dumps(rows, indent=indent) if indent else "".join(json.dumps(row) + "\n" for row in rows)
        found = read_conversations(written(tmp_path / f"a.{ending}", text))
        assert len(found) == 20_000
    assert monotonic() - began < 20
