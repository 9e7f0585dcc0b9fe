"""A function as a runner: signs of life, a request to stop, and what it has finished already."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lrscope.config import ExternalStudy, ExternalTrial
from lrscope.config.external import ExternalSweep, TrainerConfig
from lrscope.runners import function
from lrscope.runners.base import Event, Job, JobTrial, Prepared
from lrscope.runners.external.carried_function import FUNCTION_FILE
from lrscope.runners.function import FunctionRunner


def prepared_job(train: Callable[[Any], Any], folder: Path, **trainer: Any) -> tuple[Job, Prepared]:
    """Return a job whose function is read from a file, as a worker does."""
    folder.mkdir(exist_ok=True)
    study = ExternalStudy(
        trainer=TrainerConfig(function="train", function_file=str(folder / FUNCTION_FILE), metric="f1", **trainer),
        trial=ExternalTrial(peak_rate=0.1),
        sweep=ExternalSweep(grid={"peak_rate": [0.1]}),
    )
    (folder / FUNCTION_FILE).write_bytes(FunctionRunner(train).prepare(study).files[FUNCTION_FILE])
    prepared = FunctionRunner().prepare(study)
    trial = JobTrial(1, study.trial, folder / "work")
    return Job((trial,), study, folder, prepared.numerics, prepared.fingerprint), prepared


def events(job: Job, prepared: Prepared, stop_at: str = "") -> list[Event]:
    """Run a job, and ask it to stop at the first event of this kind."""
    stops: list[Callable[[], None]] = []
    got = []
    for event in FunctionRunner().run(job, prepared, stops.append):
        got.append(event)
        if event.kind == stop_at:
            stops[0]()
    return got


def test_a_silent_function_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "ALIVE_SECONDS", 0.05)

    def train(trial: Any) -> float:
        time.sleep(0.3)
        return 0.5

    kinds = [event.kind for event in events(*prepared_job(train, tmp_path / "a"))]
    assert kinds.count("alive") >= 2
    assert kinds[-2:] == ["record", "done"]


def test_an_exception_of_a_function_from_a_file_says_where(tmp_path: Path) -> None:
    def train(trial: Any) -> float:
        return 1 / 0

    end = events(*prepared_job(train, tmp_path / "a"))[-1]
    assert end.reason.startswith("ZeroDivisionError: division by zero (")
    assert "test_function.py:" in end.reason
    assert end.is_final


def test_asked_to_stop_it_ends_at_its_report_and_what_has_ended_is_not_run_again(tmp_path: Path) -> None:
    def train(trial: Any) -> float:
        with (trial.checkpoint / "calls").open("a") as calls:
            calls.write("x")
        for step in range(2000):
            trial.report(step, dev_f1=0.5)
            time.sleep(0.001)
        return 0.5

    job, prepared = prepared_job(train, tmp_path / "a")
    assert [event.kind for event in events(job, prepared, "record")][-1] == "stopped"
    assert events(job, prepared)[-1].kind == "done"
    assert [event.kind for event in events(job, prepared)] == ["done"]
    assert (tmp_path / "a" / "work" / "checkpoint" / "calls").read_text() == "xx"


def test_a_function_that_never_ends_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "GRACE_SECONDS", 0.05)
    got = events(*prepared_job(lambda trial: time.sleep(2.0), tmp_path / "a", timeout=0.1))
    assert got[-1] == Event("failed", 1, reason="it took longer than the study's timeout of 0.1 s", is_final=True)
