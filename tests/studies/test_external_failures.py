"""Runs of the user's own training that all fail alike stop their study; others do not."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from tests.external import Result, bowl, fake, study, study_folder

from lrscope.config import ExternalTrial
from lrscope.errors import StudyError
from lrscope.records import EvaluationRecord, Outcome
from lrscope.store.blobs import STEP
from lrscope.store.study import StudyStore
from lrscope.workflows.sweep import resume_sweep, sweep

RATES = {"peak_rate": (1e-5, 1e-4, 1e-3, 1e-2)}


def failed(reason: str) -> Result:
    return Result(status="failed", reason=reason)


def test_a_study_whose_first_runs_fail_alike_stops_and_goes_on_once_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = fake(monkeypatch, lambda trial: failed(f"exit code 1: no file of step {trial.peak_rate}"))
    with pytest.raises(StudyError, match=r"the first 3 runs failed alike: exit code 1: no file .* go on with: lrscope"):
        sweep(study(RATES), study_folder(tmp_path))
    assert len(runner.ran) == 3
    runner.landscape = bowl
    assert len(resume_sweep(study_folder(tmp_path)).contenders) >= 1
    assert len(runner.ran) == 3 + 4


@pytest.mark.parametrize("reasons", [["a", "b", "c", "d"], ["out of memory"] * 4])
def test_other_failures_do_not_stop_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasons: list[str]
) -> None:
    said = itertools.cycle(reasons)
    runner = fake(monkeypatch, lambda _: failed(next(said)))
    sweep(study(RATES), study_folder(tmp_path))
    assert len(runner.ran) == 2 * 4


def test_one_run_that_finished_is_hope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def landscape(trial: ExternalTrial) -> Result:
        return bowl(trial) if trial.peak_rate == 1e-5 else failed("x")

    runner = fake(monkeypatch, landscape)
    sweep(study(RATES), study_folder(tmp_path))
    assert len(runner.ran) == 1 + 2 * 3


def measured_alike(trial: ExternalTrial, *, decides: tuple[float, ...]) -> Outcome:
    """Return a run that measured another metric than those of these rates."""
    name = "accuracy" if trial.peak_rate in decides else "f1"
    record = EvaluationRecord(10, 1, "dev", {name: 0.5}, 0.0)
    return Outcome("completed", "", 10, 10, 0, 1.0, np.empty(0, dtype=STEP), (record,))


def test_runs_that_measure_something_else_than_the_first_stop_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = fake(monkeypatch, bowl, lambda trial: measured_alike(trial, decides=(1e-5,)))
    said = r"3 runs failed alike: the runs of this study are compared by accuracy: got f1; mend it, and go on with"
    with pytest.raises(StudyError, match=f"^{said}"):
        sweep(study({"peak_rate": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)}), study_folder(tmp_path))
    assert len(runner.ran) == 1 + 3
    with StudyStore.open(study_folder(tmp_path)) as store:
        assert [row.status for row in store.trials()] == ["completed", *["planned"] * 4]
    monkeypatch.setattr(runner, "outcome", lambda trial: measured_alike(trial, decides=(trial.peak_rate,)))
    resume_sweep(study_folder(tmp_path))
    assert len(runner.ran) == 4 + 4


def test_where_two_runs_measure_the_same_others_may_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = fake(monkeypatch, bowl, lambda trial: measured_alike(trial, decides=(1e-5, 1e-4)))
    sweep(study({"peak_rate": (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)}), study_folder(tmp_path))
    assert len(runner.ran) == 6
