"""Runs of the user's own training that all fail alike stop their study; others do not."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from tests.external import Result, bowl, fake, study, study_folder

from lrscope.config import ExternalTrial
from lrscope.errors import StudyError
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
