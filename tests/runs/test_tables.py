"""Tables of metrics and of per-example scores, in every format, and what is wrong with them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrscope.errors import DataError
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions


def read_table(path: Path, sizes: dict[str, int]) -> Runs:
    return read_runs([path], sizes)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_metrics_by_epoch(suffix: str, tmp_path: Path) -> None:
    rows = [
        {"lr": lr, "seed": seed, "epoch": epoch, "train_loss": 2 - 0.1 * epoch, "val_acc": acc + 0.01 * epoch}
        for lr, acc in ((1e-4, 0.3), (1e-3, 0.4))
        for seed in (0, 1)
        for epoch in (1, 2)
    ]
    runs = read_table(written(tmp_path / f"runs{suffix}", rows), {"dev": 1000})
    assert runs.metric == ("acc", "maximize")
    assert list(runs.arms) == ["lr 1e-4", "lr 1e-3"]
    assert [len(found) for found in runs.arms.values()] == [2, 2]
    assert runs.runs[0].series("dev", "acc") == [(1, pytest.approx(0.31)), (2, pytest.approx(0.32))]
    assert Conclusions(runs).arms[1].value == pytest.approx(0.42)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_scores_of_anyones(suffix: str, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    difficulty = draw.random(300)
    rows = [
        {
            "arm": arm, "seed": seed, "example_id": f"e{i}", "metric": "exact_match",
            "value": float(draw.random() < p * difficulty[i] * 2), "weight": 1.0,
        }
        for arm, p in (("small", 0.3), ("large", 0.8))
        for seed in range(3)
        for i in range(300)
    ]  # fmt: skip
    runs = read_table(written(tmp_path / f"scores{suffix}", rows), {})
    assert runs.scores is not None
    assert runs.scores.values.shape == (2, 3, 300)
    conclusions = Conclusions(runs)
    assert [arm.name for arm in conclusions.arms if arm.standing == "contender"] == ["large"]


def test_a_loss_is_better_when_it_is_less(tmp_path: Path) -> None:
    rows = [{"arm": arm, "epoch": 1, "dev_loss": loss} for arm, loss in (("a", 1.0), ("b", 2.0))]
    assert read_table(written(tmp_path / "runs.csv", rows), {}).metric == ("loss", "minimize")


SCORE = {"arm": "a", "seed": 0, "example_id": "1", "metric": "acc", "value": 1.0}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"x": 1}], "a table has epoch, arm or lr"),
        ([{"lr": 1e-4, "loss": 1.0}], "if loss was measured on dev, call it dev_loss"),
        (
            [{"lr": 1e-4, "epoch": 1, "dev_acc": 0.1}] * 2,
            ":3: an epoch stands once a run: got epoch 1 of",
        ),
        ([{"lr": 1e-4, "seed": 0.5, "dev_acc": 0.1}], ":2: a seed is a whole number"),
        ([{"lr": "fast", "dev_acc": 0.1}], ":2: lr is a number: got 'fast'"),
        ([{"lr": -1, "dev_acc": 0.1}], ":2: a learning rate is above 0"),
        ([{"arm": "a", "dev_acc": ""}], "no dev column with numbers"),
        ([SCORE, SCORE], ":3: an example is scored once a run: got 1 again"),
        ([SCORE, {**SCORE, "arm": "b", "example_id": "2"}], "all runs are scored on the same examples"),
        ([{**SCORE, "value": ""}], ":2: a score is a number"),
    ],
)
def test_what_is_wrong_with_a_table(rows: list[dict[str, Any]], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_table(written(tmp_path / "t.csv", rows), {})


@pytest.mark.parametrize(("name", "text"), [("t.jsonl", "{"), ("t.parquet", "no"), ("t.csv", "")])
def test_files_that_are_not_what_they_are_called(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError):
        read_table(tmp_path / name, {})


def test_a_last_epoch_that_is_not_a_number_is_no_value_and_not_the_one_before(tmp_path: Path) -> None:
    rows = [
        {"lr": lr, "epoch": epoch, "dev_acc": "nan" if (lr, epoch) == (0.01, 3) else 0.3 + lr + epoch / 100}
        for lr in (0.001, 0.01, 0.1)
        for epoch in (1, 2, 3)
    ]
    conclusions = Conclusions(read_table(written(tmp_path / "t.csv", rows), {"dev": 500}))
    assert [arm.standing == "no value" for arm in conclusions.arms] == [False, True, False]
    assert 1 not in (conclusions.choice.first, conclusions.choice.second)


@pytest.mark.parametrize("weight", [0.0, -1.0])
def test_weights_that_weigh_nothing(weight: float, tmp_path: Path) -> None:
    rows = [{**SCORE, "example_id": str(i), "weight": weight} for i in range(3)]
    with pytest.raises(DataError, match="weights are not negative, and not all 0"):
        read_table(written(tmp_path / "t.csv", rows), {})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_as_a_spreadsheet_writes_them(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('lr; epoch ;dev_acc\r\n0,001;1;0,41\r\n0,01;1;"0,42"\r\n'.encode(encoding))
    runs = read_table(path, {})
    assert [(run.rate, run.last("dev", "acc")) for run in runs.runs] == [(0.001, 0.41), (0.01, 0.42)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.csv", "lr,dev_acc\n1e-4,0.4,0.5\n", ":2: every row has the header's 2 columns: got 3"),
        ("t.csv", 'lr,note,dev_acc\n1e-4,"two\nlines",0.4\n-1,x,0.4\n', ":4: a learning rate is above 0"),
        ("t.jsonl", '{"lr": 1e-4, "dev_acc": 0.4}\n\n{"lr": ', ":3: a line is one JSON object"),
        ("t.jsonl", "[1, 2]\n", ":1: a line is one JSON object: got list"),
    ],
)
def test_where_a_table_is_wrong(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        read_table(tmp_path / name, {})


def test_columns_that_only_later_lines_have(tmp_path: Path) -> None:
    rows = [{"lr": 1e-4, "epoch": 1, "train_loss": 1.0}, {"lr": 1e-4, "epoch": 2, "train_loss": 0.9, "dev_acc": 0.4}]
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert read_table(path, {}).runs[0].series("dev", "acc") == [(2, 0.4)]


def test_columns_that_are_no_metrics(tmp_path: Path) -> None:
    rows = [
        {"lr": lr, "epoch": epoch, "train_file": "a.txt", "eval_loss": 1.0, "eval_wer": 0.2, "eval_runtime": 3.0}
        for lr in (1e-4, 1e-3)
        for epoch in (1, 2)
    ]
    assert read_table(written(tmp_path / "t.csv", rows), {}).metric == ("wer", "minimize")


def test_an_arm_at_several_rates_is_several_arms(tmp_path: Path) -> None:
    rows = [{"arm": "bert", "lr": lr, "epoch": 1, "dev_acc": 0.4} for lr in (1e-4, 1e-3)]
    runs = read_table(written(tmp_path / "t.csv", rows), {})
    assert [(run.arm, run.rate) for run in runs.runs] == [("bert, lr 1e-4", 1e-4), ("bert, lr 1e-3", 1e-3)]
    ids = [{"arm": name, "epoch": 1, "dev_acc": 0.4} for name in ("1", "2", "lr=1e-4")]
    assert [run.rate for run in read_table(written(tmp_path / "i.csv", ids), {}).runs] == [None, None, 1e-4]


def test_the_test_value_is_that_of_the_last_epoch_whatever_the_order(tmp_path: Path) -> None:
    rows = [{"lr": 1e-4, "epoch": epoch, "dev_acc": 0.4, "test_acc": epoch / 10} for epoch in (3, 2, 1)]
    assert read_table(written(tmp_path / "t.csv", rows), {}).runs[0].final == {"test": {"acc": 0.3}}


def test_one_example_is_too_few(tmp_path: Path) -> None:
    rows = [{**SCORE, "seed": seed, "arm": arm} for seed in (0, 1) for arm in ("a", "b")]
    with pytest.raises(DataError, match="several examples"):
        read_table(written(tmp_path / "t.csv", rows), {})


def test_where_one_arm_alone_has_a_value_nothing_warns(tmp_path: Path) -> None:
    last = {1e-2: 3, 1e-3: 1, 1e-4: 1}
    rows = [{"lr": lr, "epoch": at, "dev_top1": 78.0 + at} for lr in last for at in range(1, last[lr] + 1)]
    conclusions = Conclusions(read_table(written(tmp_path / "t.csv", rows), {}))
    assert [arm.standing for arm in conclusions.arms] == ["no value", "no value", "contender"]
    assert conclusions.verdict.against_best()
