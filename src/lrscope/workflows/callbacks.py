"""What a workflow tells while it runs, and how it is stopped. Whoever starts one decides what is shown of it.

def show(progress: Progress) -> None:
if isinstance(progress, TrialEvent) and progress.event.kind == "done":
print(progress.row.config, progress.row.status)

stop = StopHandle()  # stop.stop() from a signal handler, another thread or `show` itself
sweep(config, folder, callbacks=Callbacks(on_progress=show, stop=stop))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lrscope.config import AnyStudy
from lrscope.records import Record, Unit
from lrscope.runners.base import Event
from lrscope.schedules.horizon import TrainingSize
from lrscope.sinks.target import Target
from lrscope.store.trials import TrialRow
from lrscope.studies.kept_tune import KeptTune
from lrscope.studies.run_times import SecondsLeft
from lrscope.tuning.bracket import Reason
from lrscope.tuning.policy import Recommendation


@dataclass(frozen=True, kw_only=True)
class CostEstimated:
    """What a study will take, before anything of it runs. `num_bytes` are on the disk at the end.

    They are None where they are not known: of the user's own training until a first run has finished. `between` is the
    least and the most that the seconds are by what was measured, where that is known.
    """

    num_settings: int
    num_seeds: int
    num_trials: int
    num_merged: int
    at_once: int
    seconds: float | None
    num_bytes: int | None
    notes: tuple[str, ...]
    between: SecondsLeft | None = None

    @property
    def is_large(self) -> bool:
        """Whether it takes so long, or so much of the disk, that a person is asked first."""
        return (self.seconds or 0.0) > MAX_SECONDS or (self.num_bytes or 0) > MAX_BYTES


MAX_SECONDS, MAX_BYTES = 3600.0, 5 * 2**30


@dataclass(frozen=True)
class TimeKnown:
    """What the runs that are left will take, by those that finished: where nothing was known before one had.

    `taken` are the seconds of those that finished, in the order of their trials.
    """

    seconds: float
    num_left: int
    taken: tuple[float, ...]


@dataclass(frozen=True)
class StudyStarted:
    """Trials of a study begin to run; told again where a rung has planned more of them.

    `unit` is what steps count, `size` what an epoch of the built-in training trains on. So many jobs run at once, 0
    where that is not known; a job may be of several trials.
    """

    folder: Path
    config: AnyStudy
    metric: str
    trials: tuple[TrialRow, ...]
    unit: Unit = "examples"
    size: TrainingSize | None = None
    jobs_at_once: int = 0


@dataclass(frozen=True)
class TrialEvent:
    """What happened to one trial; `row` is how it stood in the store when its state last changed."""

    event: Event
    row: TrialRow


@dataclass(frozen=True)
class StudyEnded:
    """Trials of a study run no more: all have ended, or they were stopped."""

    folder: Path


@dataclass(frozen=True)
class FinetuneStarted:
    """A single fine-tune begins, or goes on. `lines` say of what, on what, and notes for the user.

    `unit` is what steps count, `metric` what settings are compared by, `metric_titles` what people call metrics that
    records call otherwise.
    """

    total_steps: int
    num_epochs: int
    lines: tuple[str, ...]
    unit: Unit = "examples"
    metric_titles: Mapping[str, str] = field(default_factory=dict)
    metric: str = ""


@dataclass(frozen=True)
class FinetuneRecord:
    """One record of a single fine-tune."""

    record: Record


@dataclass(frozen=True)
class PlanMade:
    """How a budget of time is spent: what is known before, and what a run is expected to take, so many at once."""

    kept: KeptTune
    run_seconds: float
    at_once: int


@dataclass(frozen=True)
class RunChosen:
    """Which run a budget is spent on next, and why; `best` is the best rate so far, None before one has run.

    `spent` seconds of the `budget` are gone. `run_seconds` are what a run takes by those that ended, None where nothing
    is known of it, so many at once.
    """

    number: int
    rate: float
    seed: int
    reason: Reason
    best: float | None
    spent: float = 0.0
    budget: float = 0.0
    run_seconds: float | None = None
    at_once: int = 1


@dataclass(frozen=True)
class SearchEnded:
    """What the runs of a budget have found: it is spent, or more runs cannot matter. `seconds` are gone.

    `with_more` says how it goes on with a larger budget.
    """

    found: Recommendation
    seconds: float
    is_spent: bool
    with_more: str = ""


@dataclass(frozen=True)
class CheckTaken:
    """A planned check of what more seeds have shown; `contenders` are the settings that may still be the best."""

    number: int
    num_planned: int
    num_seeds: int
    contenders: tuple[str, ...]


@dataclass(frozen=True)
class ItemsDone:
    """How far a long piece of work is that is no training: so many of these things, such as examples, are done."""

    what: str
    number: int
    total: int


@dataclass(frozen=True)
class Note:
    """A sentence for the user."""

    text: str


@dataclass(frozen=True)
class LogFailed:
    """A sink could not be written to, and is left out: the study goes on. `command` writes what it lacks, later."""

    target: str
    reason: str
    command: str


Progress = (
    CostEstimated | TimeKnown | StudyStarted | TrialEvent | StudyEnded | FinetuneStarted | FinetuneRecord | PlanMade
    | RunChosen | SearchEnded | CheckTaken | ItemsDone | Note | LogFailed
)  # fmt: skip


class StopHandle:
    """Asks a workflow to stop: what runs finishes its step and leaves a snapshot, and the workflow raises `Stopped`.

    >>> handle = StopHandle()
    >>> with handle.running(lambda: print("asked to stop")):
    ...     handle.stop()
    asked to stop
    >>> handle.requested
    True
    """

    def __init__(self) -> None:
        self.requested = False
        self._stop_what_runs: Callable[[], None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether something runs that can be asked to stop."""
        return self._stop_what_runs is not None

    def stop(self) -> None:
        """Ask to stop, now or at the next thing that would run."""
        self.requested = True
        if self._stop_what_runs is not None:
            self._stop_what_runs()

    @contextmanager
    def running(self, stop: Callable[[], None]) -> Iterator[None]:
        """Pass a request to stop on to `stop` for the length of the block."""
        self._stop_what_runs = stop
        try:
            yield
        finally:
            self._stop_what_runs = None


class Stopped(Exception):  # noqa: N818 - no error: what was done is kept
    """A workflow was stopped. What was done is kept; `resume_command` goes on with it.

    With `was_declined` nothing was run, since `Callbacks.agree` said no.
    """

    def __init__(self, resume_command: str, *, was_declined: bool = False) -> None:
        super().__init__(f"go on with: {resume_command}")
        self.resume_command = resume_command
        self.was_declined = was_declined


def _ignore(_: Progress) -> None:
    """Show nothing."""


def _agree(_: CostEstimated) -> bool:
    return True


@dataclass(frozen=True)
class Callbacks:
    """What a workflow calls while it runs, and the handle that stops it.

    `on_progress` is told what happens; `agree` is asked whether a study that is large runs at all. Trials that have
    ended are written to `log` as well (`lrscope.sinks`), which a study remembers when it is gone on with.
    """

    on_progress: Callable[[Progress], None] = _ignore
    agree: Callable[[CostEstimated], bool] = _agree
    stop: StopHandle = field(default_factory=StopHandle)
    log: tuple[Target, ...] = ()

    def check_stop(self, resume_command: str) -> None:
        """Stop here where that was asked for while nothing ran.

        Raises:
            Stopped: it was.
        """
        if self.stop.requested:
            raise Stopped(resume_command)
