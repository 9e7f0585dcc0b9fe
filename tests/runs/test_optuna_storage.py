"""Optuna's storage, written by Optuna."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.records import Metric
from lrscope.runs.comparisons import Asked
from lrscope.runs.importers.optuna_storage import OptunaStorage
from lrscope.runs.sources import importer_of, read_comparisons, read_runs

optuna = pytest.importorskip("optuna")
SPACE = {"learning_rate": [1e-5, 1e-4, 1e-3], "optimizer": ["adamw", "sgd"], "layers": [2]}


def study(path: Path, objective: Callable[[Any], Any], *, name: str = "one", direction: str = "minimize") -> Any:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    made = optuna.create_study(
        storage=f"sqlite:///{path}", study_name=name, direction=direction, sampler=optuna.samplers.GridSampler(SPACE, 0)
    )
    made.optimize(objective, n_trials=6, catch=(ValueError,))
    return made


def value(trial: Any) -> float:
    rate = trial.suggest_float("learning_rate", 1e-5, 1e-3, log=True)
    optimizer = trial.suggest_categorical("optimizer", SPACE["optimizer"])
    return abs(math.log10(rate) + 4) + (optimizer == "sgd") + 0.1 * trial.suggest_int("layers", 1, 3)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_trials_are_runs_with_their_curves_and_their_ends(tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        last = value(trial)
        for step in (1, 2, 3):
            trial.report(last + 3 - step, step)
        if trial.params["learning_rate"] == 1e-3 and trial.params["optimizer"] == "sgd":
            raise optuna.TrialPruned
        if trial.params["learning_rate"] == 1e-5 and trial.params["optimizer"] == "sgd":
            raise ValueError("out of memory")
        return last

    path = tmp_path / "storage"
    made = study(path, objective)
    assert isinstance(importer_of(path), OptunaStorage)
    runs = read_runs([path], {})
    assert runs.metric == Metric("objective", "minimize")
    by_arm = {run.arm: run for run in runs.runs}
    assert len(by_arm) == 6
    for trial in made.trials:
        run = by_arm[
            f"lr {trial.params['learning_rate']:.0e}, optimizer {trial.params['optimizer']}".replace("e-0", "e-")
        ]
        assert dict(run.series("dev", "objective")) == trial.intermediate_values, "the last report is the value"
        assert run.rate == trial.params["learning_rate"]
        assert run.settings["optimizer"] == trial.params["optimizer"]
        assert run.settings["layers"] == "2"
        assert run.seconds == pytest.approx(trial.duration.total_seconds())
    assert sorted(run.status for run in runs.runs) == ["completed"] * 4 + ["failed", "interrupted"]
    made.set_metric_names(["eval_f1"])
    assert read_runs([path], {}).metric == Metric("f1", "minimize"), "the study says which way is better"


def test_a_study_that_compares_by_its_best_epoch_keeps_curve_and_value_apart(tmp_path: Path) -> None:
    def objective(trial: Any) -> float:
        best = value(trial)
        trial.report(best, 1)
        trial.report(best + 1.0, 2)
        return best

    study(tmp_path / "a.db", objective)
    run = read_runs([tmp_path], {}).runs[0]
    best = run.last("dev", "objective")
    assert run.series("dev", "objective") == [(1, best), (2, best + 1.0), (3, best)]


def test_studies_of_one_file_are_compared_apart(tmp_path: Path) -> None:
    study(tmp_path / "a.db", value)
    study(tmp_path / "a.db", lambda trial: 2 * value(trial), name="two")
    found = read_comparisons([tmp_path / "a.db"], Asked({}))
    assert [(str(each.dev_set), len(each.runs)) for each in found] == [("one", 6), ("two", 6)]
    study(tmp_path / "a.db", value, name="three", direction="maximize")
    with pytest.raises(DataError, match=r"one \(minimize objective\); .*three \(maximize objective\); export one"):
        read_comparisons([tmp_path / "a.db"], Asked({}))


def test_several_objectives_need_one_to_be_named(tmp_path: Path) -> None:
    made = optuna.create_study(storage=f"sqlite:///{tmp_path / 'a.db'}", directions=["minimize", "maximize"])
    made.add_trial(optuna.create_trial(values=[0.5, 2.0], params={}, distributions={}))
    runs = read_runs([tmp_path / "a.db"], {}, "objective 1", "maximize")
    assert [run.last("dev", "objective 1") for run in runs.runs] == [2.0]
    with pytest.raises(DataError, match="name one with --metric"):
        read_runs([tmp_path / "a.db"], {})


def test_damaged_storages_and_other_versions_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    study(path, value)
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("update version_info set schema_version = 11")
    database.close()
    with pytest.raises(DataError, match=r"is of schema 12, as of Optuna 3 and later: got 11"):
        OptunaStorage().read(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("update version_info set schema_version = 12")
        database.execute("delete from trials")
    database.close()
    with pytest.raises(DataError, match="has studies with trials: got none"):
        OptunaStorage().read(path)
    for cut in (100, 5_000, len(content) // 2):
        (tmp_path / "cut.db").write_bytes(content[:cut])
        with pytest.raises(DataError):
            read_runs([tmp_path / "cut.db"], {})
    for at in range(200, len(content), 3 * 4096):
        (tmp_path / "flipped.db").write_bytes(content[:at] + b"\xff" * 64 + content[at + 64 :])
        with suppress(DataError):  # or it stands where nothing is read
            read_runs([tmp_path / "flipped.db"], {})
    for old in (b"CREATE TABLE trials", b"schema_version INTEGER"):
        (tmp_path / "schema.db").write_bytes(content.replace(old, b"\xff\n" + old[2:]))
        with pytest.raises(DataError, match=r"^cannot read the database [^\n]*$"):
            OptunaStorage().read(tmp_path / "schema.db")
