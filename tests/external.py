"""A training of the user's own that costs nothing: a runner whose results are a function of the trial."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrscope.config import AnyStudy, AnyTrial, ExternalStudy, ExternalTrial
from lrscope.config.external import ExternalSweep, OwnSettings, TrainerConfig
from lrscope.config.numerics import Numerics
from lrscope.records import UNDECIDED, EvaluationRecord, Outcome, Status
from lrscope.runners.base import Event, Job, OnStart, Prepared
from lrscope.store.blobs import STEP

COMMAND = ("train", "{lr}", "{seed}", "{epochs}")
PLACES = ("lrscope.studies.session", "lrscope.studies.controller", "lrscope.executors.work")


class Result:
    """What a run comes to: `loss` on dev at its end, or a status and a reason; `train` is what it logged."""

    def __init__(
        self,
        loss: float = math.nan,
        *,
        seconds: float = 10.0,
        status: str = "completed",
        reason: str = "",
        train: Sequence[tuple[int, Mapping[str, float]]] = (),
        dev: Sequence[tuple[int, Mapping[str, float]]] = (),
    ) -> None:
        self.seconds, self.status, self.reason = seconds, status, reason
        last = max([10, *(step for step, _ in (*train, *dev))])
        entries = [("train", train), ("dev", dev or [(last, {"loss": loss})] * (status == "completed"))]
        self.records = tuple(
            EvaluationRecord(step, 1, split, dict(values), 0.0) for split, of in entries for step, values in of
        )


Landscape = Callable[[ExternalTrial], Result]


class FakeRunner:
    """Runs trials by asking `landscape`; `ran` are those that it ran, in order."""

    def __init__(self, landscape: Landscape, outcome: Callable[[ExternalTrial], Outcome] | None = None) -> None:
        self.landscape, self.outcome = landscape, outcome
        self.ran: list[ExternalTrial] = []

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        return Prepared(
            metric=UNDECIDED, fingerprint={}, numerics=numerics or Numerics.external(1), sizes={},
            notes=(), cost=None, inputs=None, task_state={},
        )  # fmt: skip

    def group(self, trials: Sequence[AnyTrial], numerics: Numerics) -> list[list[int]]:
        return [[index] for index in range(len(trials))]

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        stopped: list[bool] = []
        on_start(lambda: stopped.append(True))
        (trial,) = job.trials
        assert isinstance(trial.config, ExternalTrial)
        if stopped:
            yield Event("stopped", trial.id)
            return
        self.ran.append(trial.config)
        result = self.landscape(trial.config)
        if result.status == "failed":
            yield Event("failed", trial.id, reason=result.reason)
            return
        for record in result.records:
            yield Event("record", trial.id, record=record)
        status: Status = result.status  # type: ignore[assignment]
        series = np.empty(0, dtype=STEP)
        outcome = Outcome(status, result.reason, 10, 10, 0, result.seconds, series, result.records)
        yield Event("done", trial.id, outcome=self.outcome(trial.config) if self.outcome else outcome)


def fake(
    monkeypatch: pytest.MonkeyPatch,
    landscape: Landscape,
    outcome: Callable[[ExternalTrial], Outcome] | None = None,
) -> FakeRunner:
    """Let studies of the user's own training be run by a fake runner; `outcome` says all that a trial came to."""
    runner = FakeRunner(landscape, outcome)
    for place in PLACES:
        monkeypatch.setattr(f"{place}.runner_for", lambda _: runner)
    return runner


def study(
    grid: Mapping[str, Any] | None = None,
    *,
    seeds: int = 1,
    epochs: float | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ExternalStudy:
    """Return a study of a command, at rates of 1e-4 and 1e-3 where no grid is given."""
    grid = {"peak_rate": (1e-4, 1e-3), **(grid or {})}
    trial = ExternalTrial(peak_rate=1e-4, epochs=epochs, settings=OwnSettings(settings or {}))
    sweep = ExternalSweep(grid=grid, seeds=seeds)
    return ExternalStudy(trainer=TrainerConfig(command=COMMAND), trial=trial, sweep=sweep)


def bowl(trial: ExternalTrial) -> Result:
    """Return a loss that is least at 1e-4, with a little noise that depends on the seed alone."""
    return Result((math.log10(trial.peak_rate) + 4.0) ** 2 + 0.01 * (trial.seed % 3), seconds=10.0)


def study_folder(tmp_path: Path) -> Path:
    return tmp_path / "study"
