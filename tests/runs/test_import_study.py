"""A study's store, read as runs: every evaluation, wherever in an epoch it came."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.findings.learning_curves import course
from lrscope.records import EvaluationRecord, Metric, StepRecord
from lrscope.runs.import_study import read_study
from lrscope.store.study import StudyStore

CONFIG = StudyConfig(
    data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1e-3, epochs=2)
)


def test_evaluations_within_an_epoch_are_all_there(tmp_path: Path) -> None:
    metric = Metric("value", "maximize")
    with StudyStore.create(
        tmp_path / "study", CONFIG, fingerprint={}, numerics={}, task_state={}, metric=metric
    ) as store:
        store.add_trial(CONFIG.trial)
        steps = [StepRecord(step, 1e-3, float(step), 8.0, 0.7, 0.25) for step in range(8)]
        evaluations = [
            EvaluationRecord(step, epoch, "dev", {"value": step / 10}, 0.5) for step, epoch in ((2, 1), (4, 1), (8, 2))
        ]
        store.append(1, steps, evaluations)
        store.update_trial(1, "completed", step=8, horizon=(8, 4))
        runs = read_study(store)
    (run,) = runs.runs
    assert [(point.step, point.epoch) for point in run.points] == [(2, 0.5), (4, 1), (8, 2)]
    assert run.series("dev", "value") == [(0.5, 0.2), (1, 0.4), (2, 0.8)]
    assert run.series("train", "loss") == [(0.5, 0.5), (1, 2.5), (2, 5.5)], "the mean since the evaluation before"
    curve = course([run], "dev", metric, 0.0)
    assert curve is not None
    assert curve.points == ((0.5, pytest.approx(0.2)), (1, pytest.approx(0.4)), (2, pytest.approx(0.8)))
    assert runs.axis == "epoch"
