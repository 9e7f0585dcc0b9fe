"""Heads trained together equal heads trained alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Toy

from lrscope.config import StudyConfig, SweepConfig
from lrscope.executors.inline import InlineExecutor
from lrscope.executors.processes import ProcessExecutor
from lrscope.runners.native import NativeRunner
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.controller import Controller
from lrscope.training.class_predictions import class_probabilities
from lrscope.training.features import FILE
from lrscope.training.inference import load_trained


def both(config: StudyConfig, folder: Path) -> tuple[Path, Path]:
    with session.begin(config, folder / "alone") as study, pytest.MonkeyPatch.context() as patch:
        for module in ("lrscope.studies.controller", "lrscope.executors.work"):
            patch.setattr(f"{module}.runner_for", lambda _: NativeRunner())
        list(Controller(study.store).run(InlineExecutor(study.prepared)))
    with session.begin(config, folder / "together") as study:
        list(Controller(study.store).run(InlineExecutor(study.prepared)))
    return folder / "alone", folder / "together"


GRIDS = [
    {"peak_rate": [1e-4, 1e-3, 1e-2], "dropout": [0.0, 0.3]},
    {"peak_rate": [1e-2], "weight_decay": [0.0, 0.5], "label_smoothing": [0.0, 0.2], "clip_norm": [0.0, 0.05]},
    {"peak_rate": [1e-2], "schedule": ["warmup(6%) > linear", "cosine(update=1ep)", "plateau(patience=0, gamma=0.5)"]},
    {
        "peak_rate": [1e-2],
        "epochs": [1, 3],
        "batch_size": [8, 16],
        "head_multiplier": [1.0, 3.0],
        "micro_batch": [8, 3],
    },
    {"peak_rate": [1e-2, 1e-1], "optimizer": ["sgd", "adamw"], "beta1": [0.0, 0.9], "weight_decay": [0.1]},
    {"peak_rate": [1e-3, 1e-2], "schedule": ["plateau(patience=0, gamma=0.5)"], "eval_every": ["4st"]},
    {"peak_rate": [1e-2], "patience": [1, 9], "train_metrics": ["running", "full"], "beta2": [0.9, 0.999]},
]


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: ", ".join(grid))
def test_together_equals_alone(grid: dict[str, list[object]], toy: Toy, tmp_path: Path) -> None:
    (every,) = grid.get("eval_every", ["1ep"])
    grid = {name: values for name, values in grid.items() if name != "eval_every"}
    base = toy.config(train_part="head", epochs=3, eval_every=every)
    config = replace(base, sweep=SweepConfig(grid=grid, seeds=2, keep="none"))
    alone, together = both(config, tmp_path)
    with StudyStore.open(alone) as one, StudyStore.open(together) as other:
        rows = one.trials()
        assert [row.config for row in rows] == [row.config for row in other.trials()]
        for row in rows:
            there = other.trial(row.id)
            assert (row.status, row.step, row.total_steps) == (there.status, there.step, there.total_steps)
            ours, theirs = other.steps(row.id), one.steps(row.id)
            assert np.allclose(ours["learning_rate"], theirs["learning_rate"], rtol=1e-12, atol=0.0)
            assert np.allclose(ours["loss"], theirs["loss"], atol=1e-5)
            assert np.allclose(ours["gradient_norm"], theirs["gradient_norm"], atol=1e-4)
            for a, b in zip(one.evaluations(row.id), other.evaluations(row.id), strict=True):
                assert (a.step, a.split, a.improved) == (b.step, b.split, b.improved)
                assert a.metrics["accuracy"] == pytest.approx(b.metrics["accuracy"])
                assert a.metrics["loss"] == pytest.approx(b.metrics["loss"], abs=1e-5)
            for step in {r.step for r in one.evaluations(row.id, "dev")}:
                kept = one.predictions(row.id, step, "test")
                if kept is not None:
                    found = other.predictions(row.id, step, "test")
                    assert found is not None
                    assert (kept.argmax(-1) == found.argmax(-1)).all()
                    assert np.allclose(kept, found, atol=1e-4)


def test_a_diverged_head_leaves_the_others_alone(toy: Toy, tmp_path: Path) -> None:
    grid = {"peak_rate": [1e-2, 1e38]}
    config = replace(toy.config(train_part="head", epochs=2), sweep=SweepConfig(grid=grid, keep="none"))
    alone, together = both(config, tmp_path)
    with StudyStore.open(alone) as one, StudyStore.open(together) as other:
        assert [row.status for row in other.trials()] == [row.status for row in one.trials()]
        assert other.trial(2).status == "diverged"
        assert other.trial(2).step == one.trial(2).step
        assert np.isfinite(other.steps(1)["loss"]).all()


def test_the_best_of_each_arm_is_kept_and_loads(toy: Toy, tmp_path: Path) -> None:
    config = replace(
        toy.config(train_part="head", epochs=2), sweep=SweepConfig(grid={"peak_rate": [1e-3, 1e-2]}, seeds=3)
    )
    alone, together = both(config, tmp_path)
    kept = [sorted(path.parts[-2] for path in (folder / "trials").glob("*/best")) for folder in (alone, together)]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 2
    trained = load_trained(together, "best", int(kept[0][0]))
    assert class_probabilities(trained, ["the film is good"]).shape == (1, 3)
    trained.close()


def test_features_are_computed_once(toy: Toy, tmp_path: Path) -> None:
    config = replace(
        toy.config(train_part="head", epochs=1), sweep=SweepConfig(grid={"peak_rate": [1e-3]}, keep="none")
    )
    _, together = both(config, tmp_path)
    before = (together / FILE).stat().st_mtime_ns
    with session.resume(together, extension={"seeds": 3}) as study:
        events = list(Controller(study.store).run(InlineExecutor(study.prepared)))
    assert [e.trial for e in events if e.kind == "done"] == [2, 3]
    assert (together / FILE).stat().st_mtime_ns == before


@pytest.mark.slow
def test_processes_train_heads_together_too(toy: Toy, tmp_path: Path) -> None:
    config = replace(
        toy.config(train_part="head", epochs=2), sweep=SweepConfig(grid={"peak_rate": [1e-3, 1e-2]}, seeds=2)
    )
    with session.begin(config, tmp_path / "here") as study:
        list(Controller(study.store).run(InlineExecutor(study.prepared)))
    with session.begin(config, tmp_path / "there") as study:
        events = list(Controller(study.store).run(ProcessExecutor(2)))
    assert sorted(event.trial for event in events if event.kind == "done") == [1, 2, 3, 4]
    with StudyStore.open(tmp_path / "here") as here, StudyStore.open(tmp_path / "there") as there:
        for row in here.trials():
            assert (here.steps(row.id)["loss"] == there.steps(row.id)["loss"]).all()
    kept = [sorted(path.parts[-2] for path in tmp_path.glob(f"{name}/trials/*/best")) for name in ("here", "there")]
    assert kept[0] == kept[1]
    assert len(kept[0]) == 2


def test_heads_of_other_implementations_are_estimated_and_trained_one_by_one(toy: Toy, tmp_path: Path) -> None:
    base = toy.config(train_part="head", epochs=1)
    model = replace(base.model, implementation="transformers")
    config = replace(base, model=model, sweep=SweepConfig(grid={"peak_rate": [1e-3, 1e-2]}, seeds=1, keep="none"))
    with session.begin(config, tmp_path / "heads") as study:
        assert study.prepared.cost is not None
        assert study.prepared.cost([config.trial], study.store.folder, processes=1).seconds > 0.0
        list(Controller(study.store).run(InlineExecutor(study.prepared)))
        assert [row.status for row in study.store.trials()] == ["completed", "completed"]
    assert not (tmp_path / "heads" / FILE).exists()
