"""What decides which metric runs of the user's own training are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from tests.external import bowl, fake, study, study_folder

from lrscope.config import ExternalTrial
from lrscope.records import EvaluationRecord, Metric, Outcome, Status
from lrscope.store.blobs import STEP
from lrscope.store.study import StudyStore
from lrscope.workflows.callbacks import Callbacks, Note, Progress
from lrscope.workflows.sweep import resume_sweep, sweep

LOSS, ACCURACY = Metric("loss", "minimize"), Metric("accuracy", "maximize")
RATES = {"peak_rate": (1e-1, 1e-4, 1e-3)}


def run(status: Status, measured: Mapping[str, float]) -> Outcome:
    record = EvaluationRecord(10, 1, "dev", measured, 0.0)
    return Outcome(status, "", 10, 10, 0, 1.0, np.empty(0, dtype=STEP), (record,))


def diverged_first(trial: ExternalTrial) -> Outcome:
    """Return a run that diverges at the largest rate before its task is scored."""
    if trial.peak_rate == 1e-1:
        return run("diverged", {"loss": 9.0})
    return run("completed", {"loss": 1.0, "accuracy": 0.5})


def metric_of(tmp_path: Path) -> Metric:
    with StudyStore.open(study_folder(tmp_path)) as store:
        return store.metric


def test_a_run_that_diverged_does_not_decide_where_others_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    fake(monkeypatch, bowl, diverged_first)
    result = sweep(study(RATES), study_folder(tmp_path), callbacks=Callbacks(on_progress=told.append))
    assert metric_of(tmp_path) == ACCURACY
    assert [arm.num_diverged for arm in result.settings] == [1, 0, 0]
    notes = [each.text for each in told if isinstance(each, Note) and "compared by" in each.text]
    assert notes == [
        "note: runs are compared by dev accuracy, of which larger is better; measured too: loss "
        "(lrscope report --metric NAME)"
    ]


def test_where_all_diverge_what_there_is_decides_until_one_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, bowl, lambda _: run("diverged", {"loss": 9.0}))
    sweep(study(RATES), study_folder(tmp_path))
    assert metric_of(tmp_path) == LOSS
    fake(monkeypatch, bowl, diverged_first)
    resume_sweep(study_folder(tmp_path), extension={"peak_rate": (1e-5,)})
    assert metric_of(tmp_path) == ACCURACY
