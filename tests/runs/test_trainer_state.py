"""Trainer's own record of a run, as it is written and as it is found."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import DataError
from lrscope.runs.comparisons import Asked
from lrscope.runs.importers.trainer_state import TrainerState
from lrscope.runs.sources import importer_of, read_comparisons, read_runs


def written(path: Path, history: Sequence[dict[str, Any]], **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"log_history": history, **more}), encoding="utf-8")
    return path


def test_evaluations_within_an_epoch_have_their_steps(tmp_path: Path) -> None:
    history = [
        {"step": step, "epoch": step / 20, "eval_loss": 2.0 - step / 50, "learning_rate": 1e-4} for step in (5, 10, 20)
    ]
    (run,) = TrainerState().read(written(tmp_path / "a.json", history)).runs
    assert [(point.step, point.epoch) for point in run.points] == [(5, 0.25), (10, 0.5), (20, 1.0)]


def test_several_sets_evaluated_at_one_step_are_one_evaluation(tmp_path: Path) -> None:
    history = [
        {"step": 5, "epoch": 0.5, "loss": 1.5},
        {"step": 10, "epoch": 1.0, "loss": 1.0},
        {"step": 10, "epoch": 1.0, "eval_easy_loss": 0.9},
        {"step": 10, "epoch": 1.0, "eval_hard_loss": 1.9},
    ]
    (run,) = TrainerState().read(written(tmp_path / "a.json", history)).runs
    (point,) = run.points
    assert point.splits == {"dev": {"easy_loss": 0.9, "hard_loss": 1.9}, "train": {"loss": 1.25}}


def test_a_state_without_epochs_is_read_by_steps(tmp_path: Path) -> None:
    history = [{"eval_loss": value, "step": step} for step, value in ((100, 2.0), (200, 1.5))]
    other = [{**entry, "step": entry["step"] * 2, "epoch": entry["step"] / 100} for entry in history]
    paths = [written(tmp_path / "a.json", history), written(tmp_path / "b.json", other)]
    runs = read_runs(paths, {})
    assert runs.axis == "step"
    assert [run.series("dev", "loss") for run in runs.runs] == [[(100, 2.0), (200, 1.5)], [(200, 2.0), (400, 1.5)]]
    del history[0]["step"]
    (run,) = read_runs([written(tmp_path / "c.json", history)], {}).runs
    assert run.series("dev", "loss") == [(1.0, 2.0), (2.0, 1.5)], "evaluations are counted"


def test_a_state_that_nothing_names_is_called_by_its_folder(tmp_path: Path) -> None:
    history = [{"epoch": 1.0, "step": 1, "eval_loss": 0.5}]
    paths = [written(tmp_path / name / "trainer_state.json", history) for name in ("one", "two")]
    assert [run.arm for run in read_runs(paths, {}).runs] == ["one", "two"]


def test_a_state_that_was_never_evaluated(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", [{"step": 1, "loss": 1.0}])
    (run,) = read_runs([path], {}).runs
    assert (run.points, run.log is not None) == ((), True), "it can be checked, not compared"
    with pytest.raises(DataError, match=r"no evaluation in .*a\.json"):
        read_runs([path], {}, "loss")


def test_files_that_disagree_on_the_number_of_examples_are_not_compared(tmp_path: Path) -> None:
    def state(name: str, rate: float) -> Path:
        entry = {"step": 1, "epoch": 1.0, "eval_acc": 0.5, "eval_runtime": 10.0, "eval_samples_per_second": rate}
        return written(tmp_path / name / "trainer_state.json", [entry])

    assert read_runs([state("a", 100.0), state("b", 100.02)], {}).sizes == {"dev": 1000}
    one, two = read_comparisons([state("a", 100.0), state("c", 50.0)], Asked({}))
    assert [(str(each.dev_set), each.sizes) for each in (one, two)] == [
        ("1000 examples", {"dev": 1000}), ("500 examples", {"dev": 500}),
    ]  # fmt: skip
    assert [str(each) for each in one.other_dev_sets] == ["500 examples"]
    with pytest.raises(DataError, match="one dev set: got 1000 examples; 500 examples"):
        read_runs([state("d", 100.0), state("e", 50.0)], {})


@pytest.mark.parametrize("first_step_stands_at", [1, 0])
@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize(
    ("rate", "factor"), [(1e-3, "linear"), (3.16e-4, "linear"), (1e-3, "cosine"), (2e-5, "cosine")]
)
def test_the_peak_of_a_short_run(
    rate: float, factor: str, every: int, first_step_stands_at: int, tmp_path: Path
) -> None:
    """transformers 5 logs the rate that a step was made with, earlier versions that of the next step."""

    def applied(step: int) -> float:
        return 1.0 - step / 20 if factor == "linear" else 0.5 + 0.5 * math.cos(math.pi * step / 20)

    history: list[dict[str, Any]] = [
        {"step": step, "epoch": step / 10, "learning_rate": rate * applied(step - first_step_stands_at), "loss": 1.0}
        for step in range(every, 21, every)
    ]
    history.append({"step": 20, "epoch": 2.0, "eval_loss": 1.0})
    (run,) = TrainerState().read(written(tmp_path / "a.json", history, max_steps=20, global_step=20)).runs
    assert run.rate == pytest.approx(rate, rel=0.001 if factor == "linear" else 0.02)


def test_a_history_alone_is_read_as_a_state(tmp_path: Path) -> None:
    path = tmp_path / "log_history.json"
    history = [
        {"loss": 1.0, "learning_rate": 1e-4, "epoch": 1.0, "step": 5},
        {"eval_loss": 0.5, "epoch": 1.0, "step": 5},
    ]
    path.write_text(json.dumps(history, indent=2), encoding="utf-8")
    assert isinstance(importer_of(path), TrainerState)
    (run,) = TrainerState().read(path).runs
    assert (run.rate, run.points[0].step, run.last("dev", "loss")) == (1e-4, 5, 0.5)
