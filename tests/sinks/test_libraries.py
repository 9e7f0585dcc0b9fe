"""W&B, MLflow and Trackio: what they are called with, by stand-ins; where they are installed, what they wrote."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tests.sinks.fake_libraries import fake_mlflow, fake_trackio, fake_wandb
from tests.sinks.records import FAILED, NATIVE, OWN, VERDICT, study_log

from lrscope.errors import ConfigError
from lrscope.sinks.target import Target, checked

STEPS = [0, 1, 2]


def test_wandb_gets_a_run_a_trial_in_the_studys_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    with fake_wandb() as runs:
        sink = Target.parse("wandb:team/tuning").sink()
        sink.check()
        for trial in (NATIVE, OWN):
            sink.write(study_log(tmp_path), trial, is_again=False)
        sink.conclude(study_log(tmp_path), VERDICT)
    first, second, verdict = runs
    begun = {name: first.begun[name] for name in ("entity", "project", "id", "name", "group", "job_type", "tags")}
    assert begun == {
        "entity": "team", "project": "tuning", "id": "abc123-0001", "name": "0001 lr 1e-3, seed 0",
        "group": "mine-abc123", "job_type": "trial", "tags": ["lrscope", "completed"],
    }  # fmt: skip
    assert first.begun["reinit"] == "create_new", "a run of the user's own goes on"
    assert first.config == {**NATIVE.settings, "study": "mine-abc123"}
    assert [step for step, _ in first.logged] == STEPS
    assert (first.summary["status"], first.summary["dev/f1"]) == ("completed", 0.5)
    assert second.begun["tags"] == ["lrscope", "diverged"]
    assert (verdict.begun["job_type"], verdict.begun["tags"]) == (
        "verdict", ["lrscope", "confidence medium", "use lr 1e-3"],
    )  # fmt: skip
    assert verdict.summary == {
        "recommended": "lr 1e-3", "confidence": "medium", "answer": "Use lr 1e-3. Confidence: medium.",
        "standing/lr 1e-3": "may be the best", "f1/lr 1e-3": 0.5, "standing/=cmd()": "no value",
    }  # fmt: skip
    assert all(run.is_over for run in runs)


def test_wandb_logs_in_before_anything_trains_unless_it_is_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_wandb("offline"):
        assert checked(["wandb"]) == (Target("wandb"),)
    with fake_wandb("online"), pytest.raises(ConfigError) as refused:
        checked(["wandb"])
    assert str(refused.value) == (
        "--log wandb cannot be written to: No API key configured. Use `wandb login` to log in. (WANDB_MODE=offline "
        "keeps runs on this machine); leave it out"
    )


def test_wandb_resumes_only_where_there_is_a_server(tmp_path: Path) -> None:
    for mode, resume in (("online", "allow"), ("offline", None)):
        with fake_wandb(mode) as runs:
            Target("wandb").sink().write(study_log(tmp_path), NATIVE, is_again=True)
        assert runs[0].begun["resume"] == resume


def test_mlflow_gets_a_run_of_the_study_and_one_a_trial(tmp_path: Path) -> None:
    study = study_log(tmp_path)
    with fake_mlflow() as server:
        sink = Target.parse("mlflow:tuning").sink()
        sink.check()
        for trial in (NATIVE, OWN, FAILED):
            sink.write(study, trial, is_again=False)
        sink.conclude(study, VERDICT)
    parent, *trials = server.runs.values()
    assert server.experiments == ["tuning"]
    assert [run.status for run in (parent, *trials)] == ["FINISHED", "FINISHED", "FINISHED", "FAILED"]
    assert parent.data.tags["lrscope.recommended"] == "lr 1e-3"
    assert parent.data.tags["lrscope.confidence"] == "medium"
    assert parent.data.tags["lrscope.command"] == "train {lr}"
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parent.info.run_id}
    assert [run.data.tags.get("lrscope.standing") for run in trials] == ["may be the best", "no value", None]
    assert trials[0].params == {
        "lr": "0.001",
        "schedule": "linear",
        "batch_size": "8",
        "is_packed": "True",
        "seed": "0",
    }
    rates = [(each.step, each.value) for each in trials[0].metrics if each.key == "train/learning_rate"]
    assert rates == [(0, 1e-3), (1, 5e-4)]
    assert trials[1].data.tags["lrscope.reason"] == "loss became nan"


def test_mlflow_writes_a_trial_again_in_place_of_what_was_cut_off(tmp_path: Path) -> None:
    study = study_log(tmp_path)
    with fake_mlflow() as server:
        for trial in (NATIVE, OWN, FAILED):  # more than a page of runs
            Target("mlflow").sink().write(study, trial, is_again=True)
        Target("mlflow").sink().write(study, NATIVE, is_again=True)
    left = [run for run in server.runs.values() if "deleted" not in run.data.tags]
    assert sorted(run.data.tags["lrscope.trial"] for run in left) == ["1", "2", "3", "study"]


def test_trackio_gets_a_run_a_trial_and_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = study_log(tmp_path)
    with fake_trackio() as runs:
        sink = Target.parse("trackio").sink()
        for _ in range(2):
            sink.write(study, NATIVE, is_again=True)
        sink.write(study, OWN, is_again=False)
        sink.conclude(study, VERDICT)
    first, second, verdict = runs
    assert (first.begun["project"], first.begun["group"], first.name) == (
        "lrscope",
        "mine-abc123",
        "0001 lr 1e-3, seed 0",
    )
    assert [step for step, _ in first.logged] == STEPS
    assert (first.config["lr"], first.config["status"], second.config["status"]) == (1e-3, "completed", "diverged")
    assert (verdict.config["recommended"], verdict.config["standing/lr 1e-3"]) == ("lr 1e-3", "may be the best")
    assert capsys.readouterr().out == ""


# With the libraries themselves, where somebody has installed them: they are too heavy for the project's environment.


@pytest.mark.filterwarnings("default")
def test_mlflow_itself_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    sink = Target("mlflow").sink()
    for trial in (NATIVE, OWN, NATIVE):
        sink.write(study_log(tmp_path), trial, is_again=True)
    sink.conclude(study_log(tmp_path), VERDICT)
    client = mlflow.MlflowClient()
    runs = client.search_runs([client.get_experiment_by_name("lrscope").experiment_id])
    found = {run.data.tags["lrscope.trial"]: run for run in runs}
    assert (len(runs), sorted(found)) == (3, ["1", "2", "study"])
    assert found["1"].data.tags["lrscope.standing"] == "may be the best"
    history = client.get_metric_history(found["1"].info.run_id, "train/gradient_norm")
    assert (len(history), history[0].value, math.isnan(history[1].value)) == (2, 2.0, True)


@pytest.mark.filterwarnings("default")
def test_trackio_itself_keeps_what_was_written(tmp_path: Path) -> None:
    trackio = pytest.importorskip("trackio")
    project = f"lrscope-test-{tmp_path.name}"
    sink = Target("trackio", project).sink()
    for trial in (NATIVE, OWN, NATIVE):
        sink.write(study_log(tmp_path), trial, is_again=True)
    try:
        runs = list(trackio.Api().runs(project))
        assert sorted(run.config["lrscope_trial"] for run in runs) == ["1", "2"]
    finally:
        trackio.delete_project(project, force=True)


@pytest.mark.filterwarnings("default")
def test_wandb_itself_keeps_a_run_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (target,) = checked(["wandb"])
    target.sink().write(study_log(tmp_path), NATIVE, is_again=False)
    wandb.teardown()  # its own process writes the file a moment after the run has ended
    (file,) = (tmp_path / "wandb").glob("offline-run-*-abc123-0001/run-abc123-0001.wandb")
    content = file.read_bytes()
    assert b"train/learning_rate" in content
    assert b"mine-abc123" in content
