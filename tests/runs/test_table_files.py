"""Tables that libraries wrote themselves: Keras, Lightning, fastai, timm, Optuna, Ray Tune, MLflow."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lrscope.errors import DataError
from lrscope.runs.run import Run
from lrscope.runs.sources import importer_of, read_runs

TABLES = Path(__file__).parents[1] / "fixtures/tables"


def runs_of(path: Path) -> tuple[Run, ...]:
    importer = importer_of(path)
    assert type(importer).__name__ == "MetricTable"
    return importer.read(path).runs


def the_run(name: str) -> Run:
    (run,) = runs_of(TABLES / name)
    return run


@pytest.mark.parametrize("name", ["keras-logger.csv", "keras-frame.csv", "keras-history.json"])
def test_keras_histories(name: str) -> None:
    run = the_run(name)
    assert (run.arm, run.rate, run.seed, run.status) == ("", None, None, "completed")
    assert [point.epoch for point in run.points] == [1, 2, 3, 4]  # counted from 0 in the file
    assert run.points[-1].splits == {
        "dev": {"accuracy": 0.75, "loss": pytest.approx(0.5067, abs=1e-4)},
        "train": {"accuracy": pytest.approx(2 / 3), "loss": pytest.approx(0.63873, abs=1e-4)},
    }


@pytest.mark.parametrize("name", ["keras-plateau.csv", "keras-plateau-no-epoch.csv", "keras-frame.json"])
def test_a_plateau_lowers_the_rate_of_one_run(name: str) -> None:
    run = the_run(name)
    assert (run.arm, run.rate) == ("lr 1e-2", 0.01)  # the file has 0.009999999776482582
    assert run.log is not None
    assert run.log.rates[-1] == pytest.approx(6.25e-4)
    assert len(run.points) == 6


@pytest.mark.parametrize("name", ["lightning-plain.csv", "lightning-both.csv", "lightning-epochlr.csv"])
def test_lightning_writes_one_evaluation_in_several_rows(name: str) -> None:
    run = the_run(name)
    assert [(point.step, point.epoch) for point in run.points] == [(32, 1), (64, 2), (96, 3)]  # 31, 63, 95 in the file
    assert set(run.points[0].splits["dev"]) == {"acc", "loss"}
    assert run.rate == (None if "plain" in name else 0.01)
    assert set(run.final["test"]) == {"loss"}
    assert run.log is not None
    losses = run.log.losses[~(run.log.losses != run.log.losses)]
    assert losses[:2].tolist() == [pytest.approx(9.75, abs=0.05), pytest.approx(7.95, abs=0.15)]


def test_a_rate_that_lightning_logged_at_a_batch_is_that_of_the_update_it_made() -> None:
    log = the_run("lightning-both.csv").log
    assert log is not None
    rates = dict(zip(log.steps.tolist(), log.rates.tolist(), strict=True))
    assert rates[10.0] == pytest.approx(0.01 * (1 - 9 / 96))


def test_fastai_measures_on_its_validation_set() -> None:
    run = the_run("fastai.csv")
    assert run.points[-1].splits["dev"] == {"loss": pytest.approx(0.33976, abs=1e-5), "accuracy": 0.90625}
    assert set(run.points[-1].splits["train"]) == {"loss"}


def test_timm_logs_the_rate_of_an_epoch() -> None:
    run = the_run("timm-summary.csv")
    assert run.rate == pytest.approx(0.075, rel=0.4)  # what was applied; 0.1 was asked for, and fell on no epoch
    assert run.last("dev", "top1") == 55.0
    assert len(run.points) == 6


@pytest.mark.parametrize("name", ["optuna-trials.csv", "optuna-two-headings.csv"])
def test_optuna_trials(name: str) -> None:
    runs = runs_of(TABLES / name)
    assert [run.status for run in runs] == ["completed"] * 3 + ["interrupted", "failed", "completed"]
    assert runs[0].rate == 1.0470583859395106e-05
    assert runs[0].arm == "lr 1.05e-5, rank 4"
    assert dict(runs[0].settings) == {"batch_size": "8", "rank": "4"}
    assert runs[2].points[0].splits["dev"].keys() == {"value", "loss"}
    assert "value" not in runs[4].points[0].splits["dev"]


def test_ray_results() -> None:
    run = the_run("ray-result.json")
    assert (run.arm, run.seed, dict(run.settings)) == ("lr 1e-4", 1, {"weight_decay": "0.1"})
    assert run.series("dev", "accuracy") == [(1, 0.5), (2, 0.6), (3, 0.7)]
    assert the_run("ray-progress.csv").series("dev", "accuracy") == [(1, 0.5), (2, 0.6), (3, 0.7)]
    assert [each.arm for each in runs_of(TABLES / "ray-frame.csv")] == ["lr 1e-4", "lr 1e-3"]


def test_mlflow_runs() -> None:
    runs = runs_of(TABLES / "mlflow-runs.csv")
    named = {(run.arm, run.seed): (run.status, run.last("dev", "loss")) for run in runs}
    assert len(named) == 7
    assert named["lr 1e-4", 1] == ("completed", 1.03)
    assert named["lr 1e-3", 0][0] == "failed"
    assert math.isnan(named["lr 1e-3", 0][1])


@pytest.mark.parametrize("directions", [["minimize"], ["minimize", "maximize"]])
def test_optuna_as_it_is_installed(directions: list[str], tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: object) -> object:
        rate = trial.suggest_float("lr", 1e-5, 1e-3, log=True)  # type: ignore[attr-defined]
        return rate if len(directions) == 1 else (rate, 1.0 - rate)

    study = optuna.create_study(directions=directions, sampler=optuna.samplers.RandomSampler(0))
    study.optimize(objective, n_trials=4)
    study.trials_dataframe().to_csv(tmp_path / "trials.csv")
    runs = runs_of(tmp_path / "trials.csv")
    assert [run.rate for run in runs] == [pytest.approx(trial.params["lr"]) for trial in study.trials]
    metric = "value" if len(directions) == 1 else "values_0"
    assert [run.last("dev", metric) for run in runs] == [pytest.approx(trial.values[0]) for trial in study.trials]
    with pytest.raises(DataError, match=r"--minimize or --maximize|--metric NAME"):
        read_runs([tmp_path / "trials.csv"], {})
    assert read_runs([tmp_path / "trials.csv"], {}, metric, "minimize").metric == (metric, "minimize")
