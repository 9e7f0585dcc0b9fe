"""The controller: stopping at any time, keeping checkpoints, and a large study taken up again."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Toy

from lrscope.config import StudyConfig, SweepConfig
from lrscope.executors.inline import InlineExecutor
from lrscope.records import EvaluationRecord, Outcome
from lrscope.store.blobs import STEP
from lrscope.store.outcomes import take_outcome
from lrscope.studies import session
from lrscope.studies.controller import Controller
from lrscope.studies.kept_checkpoints import KeptCheckpoints


def config_of(toy: Toy, **sweep: object) -> StudyConfig:
    settings = {"grid": {"peak_rate": [1e-3, 1e-2]}, "seeds": 2, **sweep}
    return replace(toy.config(epochs=1), sweep=SweepConfig(**settings))


def test_a_stop_before_the_first_event_is_not_lost(toy: Toy, tmp_path: Path) -> None:
    with session.begin(config_of(toy), tmp_path / "study") as study:
        controller = Controller(study.store)
        controller.stop()
        assert list(controller.run(InlineExecutor(study.prepared))) == []
        assert all(row.status == "planned" for row in study.store.trials())
        events = list(Controller(study.store).run(InlineExecutor(study.prepared)))
    assert sum(event.kind == "done" for event in events) == 4


def test_a_stop_between_two_trials_starts_no_other(toy: Toy, tmp_path: Path) -> None:
    with session.begin(config_of(toy), tmp_path / "study") as study:
        controller = Controller(study.store)
        started = []
        for event in controller.run(InlineExecutor(study.prepared)):
            started += [event.trial] if event.kind == "started" else []
            if event.kind == "done":
                controller.stop()
        assert started == [1]
        assert [row.status for row in study.store.trials()] == ["completed", "planned", "planned", "planned"]


def outcome(dev: float | None) -> Outcome:
    evaluations = () if dev is None else (EvaluationRecord(1, 1, "dev", {"accuracy": dev}, 0.0, {}, improved=True),)
    status = "diverged" if dev is None else "completed"
    return Outcome(status, "", 1, 1, 1, 0.0, np.zeros(1, dtype=STEP), evaluations)


@pytest.mark.parametrize(
    ("values", "kept"),
    [([0.5, 0.7], 2), ([0.7, 0.5], 1), ([0.5, 0.5], 1), ([None, 0.5], 2), ([0.5, None], 1)],
    ids=["the later is better", "the earlier is better", "a tie", "the first diverged", "the second diverged"],
)
def test_the_best_of_an_arm_is_kept(values: list[float | None], kept: int, toy: Toy, tmp_path: Path) -> None:
    config = replace(config_of(toy), sweep=SweepConfig(grid={"peak_rate": [1e-3]}, seeds=2, keep="best"))
    with session.begin(config, tmp_path / "study") as study:
        store = study.store
        checkpoints = KeptCheckpoints(store)
        store.add_trials([replace(config.trial, peak_rate=1e-3, seed=seed) for seed in (0, 1)])
        for row, value in zip(store.trials(), values, strict=True):
            if value is not None:
                (store.work_folder(row.id) / "trials" / "0001" / "best").mkdir(parents=True)
            take_outcome(store, row.id, outcome(value))
            checkpoints.take(row.id)
        for fresh in (checkpoints, KeptCheckpoints(store)):
            assert fresh.to_beat(store.trial(1).config) == values[kept - 1]
        assert [path.parts[-2] for path in (tmp_path / "study").glob("trials/*/best")] == [f"{kept:04d}"]


def test_ten_thousand_trials_are_taken_up_again_fast(toy: Toy, tmp_path: Path) -> None:
    rates = [1e-6 * (number + 1) for number in range(400)]
    with session.begin(config_of(toy, grid={"peak_rate": rates}, seeds=25), tmp_path / "study") as study:
        controller = Controller(study.store)
        assert len(controller.pending()) == 10_000
        with study.store.transaction() as connection:
            connection.execute("UPDATE trials SET status = 'completed' WHERE id < 10000")
    began = time.perf_counter()
    with session.resume(tmp_path / "study") as study:
        controller = Controller(study.store)
        controller.recover()
        assert [row.id for row in controller.pending()] == [10_000]
        assert next(controller._jobs(controller.pending())).name == "trial 10000"
    # The figure is three seconds on an idle machine; a loaded one is given more.
    assert time.perf_counter() - began < 12
