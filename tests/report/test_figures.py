"""The picture of a trial is drawn whatever became of it."""

import math
from pathlib import Path

import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.records import EvaluationRecord, Metric, StepRecord
from lrscope.report.figures import save_trial_curves
from lrscope.store.study import StudyStore

CONFIG = StudyConfig(
    data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1e-3)
)


@pytest.mark.parametrize("name", ["curves.png", "curves.svg", "curves.pdf"])
@pytest.mark.parametrize("num_steps", [0, 1, 7])
def test_any_length_any_format(tmp_path: Path, num_steps: int, name: str) -> None:
    with StudyStore.create(
        tmp_path / "study", CONFIG, fingerprint={}, numerics={}, task_state={}, metric=Metric("value", "maximize")
    ) as store:
        store.add_trial(CONFIG.trial)
        store.update_trial(1, "diverged", step=num_steps, horizon=(7, 3))
        records = [StepRecord(t, 1e-3, math.nan if t == 6 else 1.0, 8, 1.0, 0.1) for t in range(num_steps)]
        metrics = {"loss": 1.0, "value": 0.3}
        evaluations = [
            EvaluationRecord(t, t // 3, "dev", metrics, 0.1, improved=t == 3) for t in (3, 6) if t <= num_steps
        ]
        store.append(1, records, evaluations)
        save_trial_curves(store, 1, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 2000
