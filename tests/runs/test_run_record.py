"""A run's own record: what a person writes, what a program does, its scores beside it, several compared in pairs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lrscope.errors import DataError
from lrscope.runs.importers.run_record import RunRecord
from lrscope.runs.recorded_run import read_recorded
from lrscope.runs.sources import importer_of, read_runs


def full(**changes: Any) -> dict[str, Any]:
    evaluations = [
        {"step": 5, "epoch": 0.5, "split": "train", "metrics": {"loss": 2.0, "learning_rate": 5e-5}},
        {"step": 10, "epoch": 1.0, "split": "train", "metrics": {"loss": 1.0, "learning_rate": 1e-4}},
        {"step": 10, "epoch": 1.0, "split": "dev", "metrics": {"eval_loss": 1.2, "f1": 0.5}},
        {"step": 20, "epoch": 2.0, "split": "dev", "metrics": {"loss": 1.1, "f1": 0.6}},
        {"step": 20, "epoch": 2.0, "split": "test", "metrics": {"f1": 0.55}},
    ]
    return {"format": "lrscope-run", "version": 1, "lr": 1e-4, "seed": 3, "settings": {"batch_size": 8},
            "status": "completed", "seconds": 12.5, "evaluations": evaluations, **changes}  # fmt: skip


def written(folder: Path, values: Any, scores: dict[str, list[Any]] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lrscope.json"
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    if scores is not None:
        pq.write_table(pa.table(scores), folder / "scores.parquet")
    return path


def scored(values: list[float], metric: str = "loss", **more: list[Any]) -> dict[str, list[Any]]:
    number = len(values)
    return {"example_id": [f"e{n}" for n in range(number)], "metric": [metric] * number, "value": values, **more}


def test_what_a_person_writes_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, {"dev_f1": "0.41", "loss": 1.2, "step": 100, "test_f1": 0.4, "lr": 3e-5, "note": "mine"})
    assert isinstance(importer_of(path), RunRecord)
    (run,) = RunRecord().read(path).runs
    assert (run.rate, run.final, run.points[0].step) == (3e-5, {"test": {"f1": 0.4}}, 100)
    assert run.points[0].splits == {"dev": {"f1": 0.41, "loss": 1.2}}
    (run,) = RunRecord().read(written(tmp_path, {"dev_f1": 0.4})).runs
    assert (run.points[0].step, run.points[0].epoch, run.arm) == (None, 1.0, "")


def test_what_a_program_writes_is_read_whole(tmp_path: Path) -> None:
    imported = RunRecord().read(written(tmp_path, full(metric={"name": "eval_f1", "direction": "maximize"})))
    (run,) = imported.runs
    assert (run.arm, run.seed, run.seconds, run.settings) == ("lr 1e-4", 3, 12.5, {"batch_size": "8"})
    assert [point.splits.get("train") for point in run.points] == [{"loss": 1.5}, None]
    assert run.series("dev", "f1") == [(1.0, 0.5), (2.0, 0.6)]
    assert run.log is not None
    assert run.log.rates.tolist() == [5e-5, 1e-4]
    assert imported.metric == ("f1", "maximize")


def test_a_run_that_diverged_is_one(tmp_path: Path) -> None:
    evaluations = [*full()["evaluations"], {"step": 25, "split": "train", "metrics": {"loss": math.nan}}]
    written(tmp_path / "a", full(evaluations=evaluations))
    assert read_runs([tmp_path / "a"], {}, "loss").runs[0].status == "diverged"


def test_folders_are_compared_example_by_example(tmp_path: Path) -> None:
    for name, rate, values in (("a", 1e-4, [1.0, 2.0, 3.0]), ("b", 1e-3, [1.1, 2.1, 3.3])):
        written(tmp_path / name, full(lr=rate), scored(values, "eval_loss", weight=[1.0, 2.0, 1.0]))
    runs = read_runs([tmp_path / "a", tmp_path / "b"], {}, "loss")
    assert runs.scores is not None
    assert runs.scores.names == ("lr 1e-4", "lr 1e-3")
    assert runs.scores.means.ravel() == pytest.approx([2.0, 2.15])
    assert [runs.value(run) for run in runs.runs] == pytest.approx([2.0, 2.15]), "the value is the mean of the scores"
    assert runs.sizes == {"dev": 3}
    assert read_runs([tmp_path / "a", tmp_path / "b"], {}, "f1").scores is None, "no scores of it"


def test_seeds_of_a_rate_are_one_arm_and_other_examples_are_refused(tmp_path: Path) -> None:
    for seed in (0, 1):
        written(tmp_path / str(seed), full(seed=seed), scored([1.0, 2.0 + seed]))
    runs = read_runs([tmp_path / "0", tmp_path / "1"], {}, "loss")
    assert runs.scores is not None
    assert runs.scores.values.shape == (1, 2, 2)
    written(tmp_path / "1", full(seed=1), scored([1.0, 2.0, 3.0]))
    with pytest.raises(DataError, match=r"lr 1e-4, seed 0 has 2, lr 1e-4, seed 1 3, of which 2 are the same"):
        read_runs([tmp_path / "0", tmp_path / "1"], {}, "loss")
    written(tmp_path / "1", full(seed=1), scored([1.0, 2.0], weight=[1.0, 5.0]))
    with pytest.raises(DataError, match="an example has one weight in all runs"):
        read_runs([tmp_path / "0", tmp_path / "1"], {}, "loss")


def test_where_one_run_has_no_scores_values_are_compared(tmp_path: Path) -> None:
    written(tmp_path / "a", full(), scored([1.0, 2.0]))
    written(tmp_path / "b", full(lr=1e-3))
    assert read_runs([tmp_path / "a", tmp_path / "b"], {}, "loss").scores is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ('{"dev_loss": 1.2, "ste', "a run's record is JSON"),
        ("[1]", "a run's record is a JSON object: got list"),
        (full(version=2), "a run's record is of lrscope-run 1: got lrscope-run 2"),
        (full(format="other"), "a run's record is of lrscope-run 1"),
        (full(evaluations=[1]), "a list of objects"),
        (full(evaluations=[{"split": "x", "metrics": {}}]), "an evaluation has a split"),
        (full(evaluations=[]), "got nothing of dev"),
        ({"step": 5}, "got nothing of dev"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(values: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words) as error:
        read_runs([written(tmp_path, values).parent], {})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "value", [None, True, [], {}, "x", "9" * 400, 10**400, -1, float("nan"), "\ud800", "\0", [[[]]]]
)
@pytest.mark.parametrize("name", ["lr", "seed", "settings", "status", "reason", "metric", "seconds", "scores"])
def test_values_of_any_kind_are_read_or_refused(name: str, value: Any, tmp_path: Path) -> None:
    record = read_recorded(written(tmp_path, full(**{name: value})))
    assert record.evaluations
    assert record.rate is None or record.rate > 0
    assert read_runs([tmp_path], {}).runs


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"example_id": [1], "value": [1.0]}, "got none of metric"),
        (scored([1.0, math.nan]), "a score is a number: got 'nan'"),
        ({**scored([1.0, 2.0]), "example_id": ["e", "e"]}, "an example is scored once: got e again"),
        (scored([1.0, 2.0], weight=[0.0, 0.0]), "weights are not negative, and not all 0"),
        ({**scored([1.0]), "value": ["x"]}, "value is a number: got 'x'"),
        ({"example_id": [], "metric": [], "value": []}, "got none in"),
    ],
)
def test_scores_that_cannot_be_used_are_refused(columns: dict[str, list[Any]], words: str, tmp_path: Path) -> None:
    written(tmp_path, full(), columns)
    with pytest.raises(DataError, match=words):
        read_runs([tmp_path], {})
