"""The picture of a trial shows what the store holds, whatever became of it."""

import math
from pathlib import Path

import numpy as np
import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.figure_style import BLUE, ORANGE
from lrscope.records import EvaluationRecord, Metric, StepRecord
from lrscope.report.figures import save_trial_curves, trial_figure
from lrscope.store.study import StudyStore

CONFIG = StudyConfig(
    data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1e-3)
)
MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def store_of(folder: Path, num_steps: int) -> StudyStore:
    store = StudyStore.create(
        folder, CONFIG, fingerprint={}, numerics={}, task_state={}, metric=Metric("value", "maximize")
    )
    store.add_trial(CONFIG.trial)
    store.update_trial(1, "diverged", step=num_steps, horizon=(7, 3))
    records = [
        StepRecord(t, 1e-3 * (t + 1), math.nan if t == 6 else 2.0 - t / 10, 8, 1.0, 0.1) for t in range(num_steps)
    ]
    evaluations = [
        EvaluationRecord(t, t // 3, "dev", {"loss": 1.0, "value": t / 10}, 0.1, improved=t == 3)
        for t in (3, 5, 6)
        if t <= num_steps
    ]
    store.append(1, records, evaluations)
    return store


@pytest.mark.parametrize("ending", list(MAGIC))
@pytest.mark.parametrize("num_steps", [0, 1, 7])
def test_any_length_any_format(tmp_path: Path, num_steps: int, ending: str) -> None:
    with store_of(tmp_path / "study", num_steps) as store:
        save_trial_curves(store, 1, tmp_path / f"curves.{ending}")
    assert (tmp_path / f"curves.{ending}").read_bytes().startswith(MAGIC[ending])


def test_what_was_trained_is_what_is_drawn(tmp_path: Path) -> None:
    with store_of(tmp_path / "study", 7) as store:
        figure = trial_figure(store, 1)
    loss, metric, rate = (
        next(axes for axes in figure.axes if axes.get_ylabel() == name) for name in ("loss", "value", "learning rate")
    )
    lines = {line.get_label(): line for line in loss.lines}
    assert list(lines) == ["train, each step", "train, running mean", "dev"]
    assert np.isnan(lines["train, each step"].get_ydata()[6]), "what was no number is a gap"
    assert (lines["train, running mean"].get_color(), lines["dev"].get_color()) == (BLUE, ORANGE)
    assert rate.lines[0].get_ydata() == pytest.approx([1e-3 * (t + 1) for t in range(7)])
    (dev,) = metric.lines
    assert dev.get_label() == "dev, best 0.300 at epoch 1"
    assert list(dev.get_xdata()) == pytest.approx([1.0, 5 / 3, 2.0]), (
        "evaluations within an epoch have their own places"
    )
    assert metric.get_title() == "Value"
    assert "diverged" in figure.get_suptitle()
    assert "peak learning rate 1e-3" in figure.get_suptitle()


def test_a_run_without_a_step_has_axes_and_no_lines(tmp_path: Path) -> None:
    with store_of(tmp_path / "study", 0) as store:
        figure = trial_figure(store, 1)
    assert not any(len(line.get_xdata()) for axes in figure.axes for line in axes.lines)
