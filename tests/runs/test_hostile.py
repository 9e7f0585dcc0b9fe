"""Files that are damaged, odd or made to harm: one line that says what is wrong, or a correct reading."""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrscope.errors import LrscopeError
from lrscope.runs.notes import UnreadOmitted
from lrscope.runs.sources import read_runs

LOG = """\
# 1e-4
python run.py --lr 1e-4 --epochs 2 --seed 2
args: {'lr': 1e-4, 'epochs': 2}
epoch 0: train loss :: 1.9, train acc :: 0.25, dev acc :: 0.24
epoch 1: train loss :: 1.5, train acc :: 0.35, dev acc :: 0.31
dev acc :: 0.310
test acc :: 0.300
"""
VALUES: list[Any] = [
    None, True, [], {}, [1], {"a": 1}, "", "x", "²", "9" * 400, 2**63, 10**400, -1, 0, 1e308, -1e308, float("inf"),
    float("nan"), "inf", "1e400", "\ud800", "\x00a", "1,5", 1e-320, [[[]]], "\x1b[2J", "中",
]  # fmt: skip
PIECES = [
    "9" * 400, "nan", "-inf", "1e400", "²", "\x00", "\r", "\n", "epoch 0: ", "epoch", "# ", "1e-5", "::", "seed=",
    "--lr ", "--epochs ", "{", "[", "'", '"', "\x1b[0m", "█", "\ufeff", "50%|██ | 1/2 [00:1<, 2it/s]", "dev acc :: ",
    "99999999999", "1 × 10^-5", "1x10^999",
]  # fmt: skip


def state() -> dict[str, Any]:
    history: list[dict[str, Any]] = []
    for epoch in (1, 2, 3):
        history.append(
            {"loss": 2.0 / epoch, "learning_rate": 1e-4 * (1 - epoch / 10), "epoch": epoch, "step": 10 * epoch}
        )
        history.append({"eval_loss": 1.0 / epoch, "eval_acc": epoch / 10, "epoch": epoch, "step": 10 * epoch})
    ended = {"TrainerControl": {"args": {"should_training_stop": False}}}
    return {
        "epoch": 3.0, "global_step": 30, "max_steps": 30, "num_train_epochs": 3, "train_batch_size": 8,
        "log_history": history, "stateful_callbacks": ended,
    }  # fmt: skip


def read(path: Path) -> str:
    """Return what is wrong with a file, empty where it was read."""
    try:
        read_runs([path], {})
    except LrscopeError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message
    return message


def rows() -> list[dict[str, Any]]:
    return [
        {"lr": lr, "seed": seed, "epoch": epoch, "step": 4 * epoch, "dev_acc": 0.3, "train_loss": 1.9, "batch_size": 8}
        for lr in (1e-4, 1e-3) for seed in (0, 1) for epoch in (1, 2)
    ]  # fmt: skip


def scores() -> list[dict[str, Any]]:
    return [
        {"arm": arm, "seed": 0, "example_id": n, "metric": "m", "value": 0.5, "weight": 1.0}
        for arm in ("a", "b") for n in range(4)
    ]  # fmt: skip


def changed(draw: random.Random, value: Any) -> Any:
    """Put something else in a random place of nested values."""
    here = value
    while True:
        key = draw.choice(list(here) if isinstance(here, dict) else range(len(here)))
        if isinstance(here[key], dict | list) and here[key] and draw.random() < 0.75:
            here = here[key]
            continue
        here[key] = draw.choice(VALUES)
        return value


def a_state(draw: random.Random, folder: Path) -> Path:
    path = folder / "trainer_state.json"
    path.write_text(json.dumps(changed(draw, changed(draw, state()))), encoding="utf-8")
    return path


def a_table(draw: random.Random, folder: Path) -> Path:
    table = changed(draw, draw.choice((rows, scores))())
    path = folder / draw.choice(("t.jsonl", "t.csv"))
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in table), encoding="utf-8")
    else:
        table = [row if isinstance(row, dict) else {} for row in table]
        names = list(table[-1] or table[0])
        cells = [names, *([str(row.get(name, "")) for name in names] for row in table)]
        content = "\n".join(draw.choice(",;\t").join(row) for row in cells)
        path.write_bytes(content.encode(draw.choice(("utf-8", "utf-16")), "replace"))
    return path


def a_log(draw: random.Random, folder: Path) -> Path:
    text = LOG * draw.randint(1, 3)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(text))
        text = text[:at] + draw.choice(PIECES) + text[at + draw.choice((0, 1, 20)) :]
    path = folder / "run.log"
    path.write_text(text, encoding="utf-8")
    return path


def damaged(draw: random.Random, folder: Path) -> Path:
    path = draw.choice((a_state, a_table, a_log))(draw, folder)
    content = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 20)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    path.write_bytes(content[: draw.choice((len(content), draw.randrange(len(content))))])
    return path


@pytest.mark.parametrize("make", [a_state, a_table, a_log, damaged])
def test_three_hundred_odd_files_are_read_or_refused(make: Callable[..., Path], tmp_path: Path) -> None:
    refused = 0
    for seed in range(75):
        folder = tmp_path / str(seed)
        folder.mkdir()
        refused += read(make(random.Random(f"{make.__name__} {seed}"), folder)) != ""
    assert refused < 75, "some are read: the changes are not all fatal"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("trainer_state.json", "", "a trainer state is JSON"),
        ("trainer_state.json", '{"log_history": ' + "[" * 100_000, "nested too deeply"),
        ("trainer_state.json", '{"log_history": [], "log_history": []}', "'log_history' twice"),
        ("trainer_state.json", '{"log_history": null}', "holds a log_history"),
        ("trainer_state.json", '{"log_history": [{"eval_loss": ' + "9" * 5000 + "}]}", "is not: Exceeds the limit"),
        ("t.csv", "lr,dev_acc,dev_acc\n1e-4,0.4,0.5\n", "'dev_acc' twice"),
        ("t.csv", "", "has rows: got none"),
        ("t.csv", 'lr,dev_acc\n1e-4,"0.4\n', "not a CSV row"),
        ("t.csv", "lr,dev_acc\n1e400,0.4\n", ":2: a learning rate is above 0"),
        ("t.csv", "lr,seed,dev_acc\n1e-4,9223372036854775808,0.4\n", ":2: a seed is a whole number"),
        ("t.csv", "lr,step,dev_acc\n1e-4,-1,0.4\n", ":2: step is a number from 0 on"),
        ("t.jsonl", '{"lr": 1e-4, "lr": 1e-3, "dev_acc": 0.4}\n', "'lr' twice"),
        ("t.jsonl", '{"lr": [1e-4], "dev_acc": 0.4}\n', ":1: lr is a number: got 'a list'"),
        ("t.jsonl", '{"lr": 1e-4, "dev_acc": ' + "[" * 100_000 + "\n", "nested too deeply"),
        ("run.log", "\x00" * 100, "got none in"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(name: str, content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert says in read(tmp_path / name)


def test_numbers_beyond_range_are_no_values(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    number = "9" * 400
    path.write_text(
        f"# 1e-4\nepoch ²: dev acc :: 0.1\n{LOG}# {number}\n{LOG.replace('0.31', number)}", encoding="utf-8"
    )
    (one, other) = read_runs([path], {}).runs
    assert (one.rate, one.seed, one.last("dev", "acc")) == (1e-4, 0, 0.31)
    assert other.last("dev", "acc") != other.last("dev", "acc"), "NaN"
    content = {**state(), "max_steps": float("inf"), "global_step": [], "train_batch_size": 10**400}
    (tmp_path / "a.json").write_text(json.dumps(content), encoding="utf-8")
    (run,) = read_runs([tmp_path / "a.json"], {}).runs
    assert (run.status, dict(run.settings)) == ("completed", {"epochs": "3"})


def test_halves_of_surrogate_pairs_do_not_reach_the_report(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"arm": "a\\ud800", "dev_acc": 0.4}\n{"arm": "b", "dev_acc": 0.5}\n', encoding="utf-8")
    assert [run.arm for run in read_runs([path], {}).runs] == ["a?", "b"]


@pytest.mark.skipif(sys.platform != "linux", reason="names are bytes there")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/caf\xe9.log"))
    path.write_text(LOG, encoding="utf-8")
    assert read_runs([path], {}).source.endswith("caf\ufffd.log")


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert "cannot read" in read(tmp_path / ("x" * 300))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    for name, content in (("run.log", LOG), ("a.json", json.dumps(state()))):
        (tmp_path / name).write_bytes((mark + content).encode(encoding))
        assert len(read_runs([tmp_path / name], {}).runs) == 1


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"lr": pa.array([1e-4]), "dev_acc": pa.array([b"\xff"]).view(pa.string())}, "can be read"),
        ({"lr": pa.array([1e-4]), "dev_acc": pa.array([2**62], pa.duration("s"))}, "can be read"),
        ({"lr": pa.array([1e-4]), "dev_acc": pa.array([[1.0]])}, "dev_acc is a number: got 'a list'"),
        ({"lr": pa.array([1e-4]), "dev_acc": pa.array([0.4]), "note": pa.array([2**62], pa.duration("s"))}, ""),
        ({"lr": pa.array([], pa.float64()), "dev_acc": pa.array([], pa.float64())}, "has rows: got none"),
    ],
)
def test_parquet_with_what_cannot_be_read(columns: dict[str, Any], says: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert says in read(tmp_path / "t.parquet")
    assert bool(says) == bool(read(tmp_path / "t.parquet"))


@pytest.mark.parametrize(
    "line",
    [
        "9" * 100_000, "train_" * 20_000, "args: a='" * 20_000, "# " + "1 x " * 30_000, "1%|" * 40_000,
        "args: " + "{" * 50_000,
    ],
)  # fmt: skip
def test_a_long_line_costs_little(line: str, tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text(f"{LOG}{line}\n{LOG.replace('1e-4', '1e-3')}", encoding="utf-8")
    start = time.process_time()
    assert len(read_runs([path], {}).runs) == 2
    assert time.process_time() - start < 1.0


def test_of_many_lines_that_cannot_be_read_a_thousand_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text(LOG + "words and nothing else\n" * 1500, encoding="utf-8")
    runs = read_runs([path], {})
    assert len(runs.unread) == 1000
    assert [note.number for note in runs.notes if isinstance(note, UnreadOmitted)] == [500]
