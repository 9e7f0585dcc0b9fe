"""MLflow's runs, in the folders and in the tables that it writes (of version 3.17)."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lrscope.errors import DataError
from lrscope.runs.comparisons import Asked
from lrscope.runs.importers.mlflow_runs import MlflowDatabase, MlflowRun
from lrscope.runs.sources import importer_of, read_comparisons, read_runs

Metrics = Mapping[str, Sequence[tuple[int, float]]]
META = """artifact_uri: file:///home/me/mlruns/1/{run}/artifacts
end_time: 1795821689429
entry_point_name: ''
experiment_id: '1'
lifecycle_stage: {stage}
run_id: {run}
run_name: {name}
start_time: 1795821687429
status: {status}
tags: []
user_id: root
"""
TRAINER: Metrics = {
    "loss": [(10, 2.0), (20, 1.5)], "learning_rate": [(10, 1e-4), (20, 5e-5)], "epoch": [(10, 0.5), (20, 1.0)],
    "eval_loss": [(20, 1.4)], "eval/f1": [(20, 0.5)], "system/cpu": [(0, 3.0)],
}  # fmt: skip
PARAMS = {"learning_rate": "0.0002", "seed": "3", "num_train_epochs": "1", "per_device_train_batch_size": "8"}


def folder(
    path: Path,
    metrics: Metrics = TRAINER,
    params: Mapping[str, str] = PARAMS,
    *,
    status: int = 3,
    stage: str = "active",
) -> Path:
    for name, values in metrics.items():
        file = path / "metrics" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{1795821680000 + n} {v!r} {step}\n" for n, (step, v) in enumerate(values)))
    (path / "params").mkdir(parents=True, exist_ok=True)
    for name, value in params.items():
        (path / "params" / name).write_text(value)
    text = META.format(run=path.name, name=f"run-{path.name}", status=status, stage=stage)
    (path / "meta.yaml").write_text(text, encoding="utf-8")
    return path


def test_a_folder_of_the_file_store_is_a_run(tmp_path: Path) -> None:
    path = folder(tmp_path / "mlruns" / "1" / "abc") / "meta.yaml"
    assert isinstance(importer_of(path), MlflowRun)
    (run,) = read_runs([tmp_path], {}).runs
    assert (run.arm, run.rate, run.seed, run.status, run.seconds) == ("lr 2e-4", 2e-4, 3, "completed", 2.0)
    assert run.settings["batch_size"] == "8"
    (point,) = run.points
    assert (point.step, point.epoch) == (20, 1.0)
    assert point.splits == {"dev": {"loss": 1.4, "f1": 0.5}, "train": {"loss": 1.75}}


def test_runs_that_name_no_rate_have_the_name_that_mlflow_gave(tmp_path: Path) -> None:
    for name, value in (("a", 0.5), ("b", 0.4)):
        folder(tmp_path / name, {"val_loss": [(0, value + 1), (0, value)]}, {}, status=4 if name == "b" else 3)
    runs = read_runs([tmp_path], {}).runs
    assert [(run.arm, run.status) for run in runs] == [("run-a", "completed"), ("run-b", "failed")]
    assert runs[0].series("dev", "loss") == [(1.0, 1.5), (2.0, 0.5)], "values without steps are counted"


def test_experiments_are_compared_apart_and_deleted_runs_left_out(tmp_path: Path) -> None:
    for experiment in ("1", "2"):
        folder(tmp_path / experiment / f"a{experiment}")
        meta = f"experiment_id: '{experiment}'\nlifecycle_stage: active\nname: sweep {experiment}\n"
        (tmp_path / experiment / "meta.yaml").write_text(meta)
    folder(tmp_path / "1" / "gone", stage="deleted")
    found = read_comparisons([tmp_path], Asked({}))
    assert [(str(each.dev_set), len(each.runs)) for each in found] == [("sweep 1", 1), ("sweep 2", 1)]
    assert [note.kind for note in found[0].notes if note.kind == "record-not-read"] == ["record-not-read"]


def test_broken_lines_and_files(tmp_path: Path) -> None:
    path = folder(tmp_path / "a")
    (path / "metrics" / "eval_loss").write_text("1795821680000 1.4 20\n1795821680001 nan 30\nword\n1795821680002 1.")
    (run,) = read_runs([tmp_path], {}).runs
    assert [point.step for point in run.points] == [20, 30]
    assert math.isnan(run.points[-1].value("dev", "loss"))
    (path / "metrics" / "eval_loss").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="must be text in UTF-8"):
        read_runs([tmp_path], {})


def database(path: Path, *, experiments: Sequence[str] = ("sweep",)) -> Path:
    with closing(sqlite3.connect(path)) as made, made:
        made.executescript(
            "create table alembic_version (version_num text);"
            "create table experiments (experiment_id integer primary key, name text);"
            "create table runs (run_uuid text, name text, status text, start_time bigint, end_time bigint, "
            "lifecycle_stage text, experiment_id integer);"
            "create table metrics (key text, value float, timestamp bigint, run_uuid text, step bigint, is_nan int);"
            "create table params (key text, value text, run_uuid text);"
        )
        for number, name in enumerate(experiments):
            made.execute("insert into experiments values (?, ?)", (number, name))
            for run, stage in ((f"a{number}", "active"), (f"parent{number}", "active"), (f"gone{number}", "deleted")):
                made.execute("insert into runs values (?, ?, 'FINISHED', 0, 2000, ?, ?)", (run, run, stage, number))
                if run.startswith("parent"):
                    continue
                for key, values in TRAINER.items():
                    made.executemany(
                        "insert into metrics values (?, ?, ?, ?, ?, 0)",
                        [(key, v, n, run, s) for n, (s, v) in enumerate(values)],
                    )
                made.execute("insert into metrics values ('eval_loss', 0.0, 9, ?, 30, 1)", (run,))
                made.executemany("insert into params values (?, ?, ?)", [(*each, run) for each in PARAMS.items()])
    return path


def test_runs_of_a_database_are_those_of_the_folders(tmp_path: Path) -> None:
    path = database(tmp_path / "mlflow.db")
    assert isinstance(importer_of(path), MlflowDatabase)
    (run,) = MlflowDatabase().read(path).runs
    assert (run.arm, run.seed, run.seconds) == ("lr 2e-4", 3, 2.0)
    assert run.points[0].splits["dev"] == {"loss": 1.4, "f1": 0.5}
    assert math.isnan(run.last("dev", "loss")), "NaN is stored as 0 with a flag"
    found = read_comparisons([database(tmp_path / "two.db", experiments=("x", "y"))], Asked({}))
    assert [str(each.dev_set) for each in found] == ["x", "y"]


def test_damaged_and_empty_databases_are_refused(tmp_path: Path) -> None:
    content = database(tmp_path / "a.db").read_bytes()
    for cut in (20, 3_000, len(content) // 2):
        (tmp_path / "cut.db").write_bytes(content[:cut])
        with pytest.raises(DataError):
            read_runs([tmp_path / "cut.db"], {})
    with pytest.raises(DataError, match="has runs with metrics: got none"):
        MlflowDatabase().read(database(tmp_path / "none.db", experiments=()))
