"""The seam between what decides and what trains: jobs in, events out.

A runner runs the trials of a job, wherever an executor places it. What a trial did comes back as an `Outcome`, with the
event that says it is done or, where the trial keeps a store of its own to go on from, through its work folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from lrscope.config import AnyStudy, AnyTrial, TrialConfig
from lrscope.config.numerics import Numerics
from lrscope.records import TRAIN_TOKENS, Metric, Outcome, Record, Unit
from lrscope.schedules.horizon import TrainingSize

# What a process takes before its first job, for Python, torch and the inputs; and every job before its first step.
PROCESS_SECONDS, JOB_SECONDS = 4.0, 0.5
ALIVE_SECONDS = 30.0  # how long the user's own training may be silent before its executor is told that it lives


@dataclass(frozen=True)
class CostEstimate:
    """Seconds of one worker, and bytes on the disk at the end.

    `fastest` and `slowest` are what the seconds would be by the fastest and the slowest of the steps that were timed,
    None where that is not known. `endpoint_seconds` are those of the seconds that do not grow with a run's length: what
    is measured at its end alone.
    """

    seconds: float
    num_bytes: int
    endpoint_seconds: float = 0.0
    fastest: float | None = None
    slowest: float | None = None


class Cost(Protocol):
    """Estimates what trials will cost, by trying a few steps."""

    def __call__(self, trials: Sequence[AnyTrial], folder: Path, *, processes: int) -> CostEstimate:
        """Return the cost of these trials of the study in `folder`, for which so many processes are started."""
        ...


@dataclass(frozen=True, eq=False)
class Prepared:
    """A study's inputs, read and checked. `inputs` is the runner's own; nobody else looks into it.

    `fingerprint` is one digest an input, `sizes` the number of examples a split, `overlaps` (split, split, how many
    examples of the second the first holds too), `task_state` what the task must know again, `notes` are for the user.
    `files` are written into the study's folder, by name, for processes that read the inputs again. `unit` is what steps
    count. `cost` is None where nothing is known of it before a trial has run, as of the user's own training.
    """

    metric: Metric
    fingerprint: Mapping[str, str]
    numerics: Numerics
    sizes: Mapping[str, int]
    notes: tuple[str, ...]
    cost: Cost | None
    inputs: Any
    task_state: Mapping[str, Any]
    overlaps: tuple[tuple[str, str, int], ...] = ()
    unit: Unit = "examples"
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def training_size(self) -> TrainingSize:
        """Return how much an epoch trains on; no examples where that is not known, as of the user's own training."""
        return TrainingSize(self.sizes.get("train", 0), self.task_state.get(TRAIN_TOKENS))


def check_trial(prepared: Prepared, trial: AnyTrial) -> None:
    """Look whether a trial can run on these inputs: its schedule fits, and its evaluations.

    Raises:
        ScheduleError, ConfigError: it cannot.
    """
    if isinstance(trial, TrialConfig):  # of one's own training, the schedule is its own
        trial.evaluation_steps(trial.resolve_schedule(prepared.training_size).horizon)


@dataclass(frozen=True)
class JobTrial:
    """One trial of a job: its number in the study, its configuration, and the folder it may work in.

    A checkpoint is worth writing only where its value of the decision metric is better than `to_beat`; None: always.
    """

    id: int
    config: AnyTrial
    folder: Path
    to_beat: float | None = None


@dataclass(frozen=True)
class Job:
    """Trials that run as one, and what the study decided: its numerics, its fingerprint, which checkpoints it keeps.

    `folder` is the study's, for what trials share; a runner that reads other inputs than the fingerprint's refuses.
    """

    trials: tuple[JobTrial, ...]
    study: AnyStudy
    folder: Path
    numerics: Numerics
    fingerprint: Mapping[str, str]
    checkpoints: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return how a person calls the job: by its trials."""
        first, last = self.trials[0].id, self.trials[-1].id
        return f"trial {first}" if first == last else f"trials {first} to {last}"


@dataclass(frozen=True)
class Event:
    """What happened to a trial. The executor says that it `started`; a `record` has its record.

    `alive` says that it runs, where it has nothing else to say for long; executors keep it to themselves. `failed` and
    `blocked` have their reason; a failure that `is_final` would come again, and is not tried again. `blocked` is what
    is not the trial's fault and would meet the others too: a full disk, an input that changed. `done` brings the
    outcome along, or has left a study of its own in the trial's folder.
    """

    kind: Literal["started", "record", "alive", "done", "failed", "blocked", "stopped"]
    trial: int
    record: Record | None = None
    reason: str = ""
    outcome: Outcome | None = None
    is_final: bool = False

    @property
    def is_end(self) -> bool:
        """Return whether it is the last one of its trial."""
        return self.kind not in ("started", "record", "alive")


OnStart = Callable[[Callable[[], None]], None]  # is given the function that asks what runs to stop


class Runner(Protocol):
    """What runs trials of one kind. Which one a study takes is looked up in `registry.py`.

    `most_gpus` is how many GPUs one trial makes use of.
    """

    most_gpus: float

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        """Read and check everything that a study needs, before anything is run or written.

        `numerics` is what a study has already decided; without it, every `auto` is settled here.

        Raises:
            DataError, CheckpointError, ConfigError: an input cannot be used.
        """
        ...

    def group(self, trials: Sequence[AnyTrial], numerics: Numerics) -> list[list[int]]:
        """Return which of these trials run as one job, by their indices."""
        ...

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        """Run the trials of a job, and yield their records; every trial ends in one event.

        Raises:
            StudyError, OSError: what is not the trials' fault.
            LrscopeError, RuntimeError, MemoryError: how they failed.
        """
        ...


class OneByOne:
    """What runners share that run each trial as a job of its own."""

    def group(self, trials: Sequence[AnyTrial], numerics: Numerics) -> list[list[int]]:
        """Return each trial by itself."""
        return [[index] for index in range(len(trials))]
