"""How a study stands: what ran, what failed, what is left, and the command that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lrscope.config import ExternalTrial
from lrscope.errors import StudyError
from lrscope.records import FINISHED
from lrscope.runners.work_folder import LOGS
from lrscope.runs.importers.progress_bars import Progress as Bar
from lrscope.runs.live_lines import LiveLines
from lrscope.store.lock import is_held
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.run_times import RunTimes, SecondsLeft, is_open, recent_times
from lrscope.studies.what_is_left import StudyKind, kind_of, resume_command
from lrscope.workflows.study_folder import begun_study

CUT_OFF = "cut off"
LAST_BYTES = 65_536  # of what a command printed, in which its last progress stands


@dataclass(frozen=True)
class TrialStatus:
    """One trial: `row` as it is in the store, of one that runs as far as it has come; `state` as it stands now."""

    row: TrialRow
    state: str

    @property
    def is_left(self) -> bool:
        """Whether it is still to be run, or to its end."""
        return is_open(self.row)


@dataclass(frozen=True, kw_only=True)
class StudyStatus:
    """How a study stands. `resume_command` is empty where nothing is left to run, or a process runs it now."""

    folder: Path
    kind: StudyKind
    running: bool
    trials: tuple[TrialStatus, ...]
    resume_command: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many trials are in each state, by name."""
        return dict(sorted(Counter(trial.state for trial in self.trials).items()))

    @property
    def failed(self) -> list[TrialRow]:
        """The trials that failed."""
        return [trial.row for trial in self.trials if trial.row.status == "failed"]

    @property
    def num_left(self) -> int:
        """How many trials are left."""
        return sum(trial.is_left for trial in self.trials)

    @property
    def seconds_spent(self) -> float:
        """What the trials that ended took."""
        return sum(row.seconds for row in self._ended)

    @property
    def steps(self) -> int:
        """How many updates the trials that ended made."""
        return sum(row.step for row in self._ended)

    @property
    def seconds_left(self) -> float | None:
        """About what is left would take on one worker; None before anything is known of it."""
        between = self.left_between
        return None if between is None else between.middle

    @property
    def left_between(self) -> SecondsLeft | None:
        """The least and the most that is left would take on one worker: by all runs that ended, and by the last ones.

        Before one has ended, by the steps of those that run.
        """
        rows, left = [trial.row for trial in self.trials], [trial.row for trial in self.trials if trial.is_left]
        each = [
            seconds for times in recent_times(rows) or [RunTimes(())] if (seconds := _left(left, times)) is not None
        ]
        return SecondsLeft(min(each), max(each)) if each else None

    @property
    def num_running(self) -> int:
        """How many trials run at this moment."""
        return sum(trial.state == "running" for trial in self.trials)

    @property
    def _ended(self) -> list[TrialRow]:
        return [t.row for t in self.trials if t.row.status in FINISHED and (t.row.total_steps or t.row.seconds)]


def study_status(folder: Path) -> StudyStatus:
    """Return how the study in a folder stands; of a tune's own folder the study that it has come to.

    Raises:
        StudyError: there is none, or it cannot be read.
    """
    home = begun_study(folder)
    with StudyStore.open(home) as store:
        running = is_held(home)
        rows = store.trials()
        kind = kind_of(store.config)
        trials = tuple(_trial_status(store, row, running) for row in rows)
        status = StudyStatus(folder=home, kind=kind, running=running, trials=trials)
        if running or not status.num_left:
            return status
        return replace(status, resume_command=str(resume_command(home, store.config)))


def _left(rows: Sequence[TrialRow], times: RunTimes) -> float | None:
    """Return what is left of these trials, by times of others, and by their own steps so far."""
    paces = [row.seconds / _share(row) for row in rows if row.seconds and _share(row)]
    lengths = [row.config.length or 1.0 for row in rows if row.seconds and _share(row)]
    other = sum(paces) / sum(lengths) if paces else None
    seconds = 0.0
    for row in rows:
        whole = row.seconds / _share(row) if row.seconds and _share(row) else times.seconds_of(row.config)
        if whole is None and other is None:
            return None
        seconds += (other or 0.0) * (row.config.length or 1.0) if whole is None else whole * (1.0 - _share(row))
    return seconds


def _share(row: TrialRow) -> float:
    return min(1.0, row.step / row.total_steps) if row.total_steps else 0.0


def _trial_status(store: StudyStore, row: TrialRow, running: bool) -> TrialStatus:
    # Without a controller nothing runs: what says so was cut off, and goes on when the study does.
    state = CUT_OFF if row.status == "running" and not running else row.status
    return TrialStatus(row if row.status in FINISHED else _reached(store, row), state)


def _reached(store: StudyStore, row: TrialRow) -> TrialRow:
    """Return how a trial stands now: what runs has a store of its own, and writes there at every epoch."""
    if isinstance(row.config, ExternalTrial):
        return _printed(row, store.work_folder(row.id) / LOGS[0]) if row.status == "running" else row
    try:
        with StudyStore.open(store.work_folder(row.id)) as worker:
            here = worker.trials()[0]
            steps, evaluations = worker.steps(here.id), worker.evaluations(here.id)
            seconds = float(steps["seconds"].sum()) + sum(each.seconds for each in evaluations)
            return replace(
                row, step=len(steps), total_steps=here.total_steps, steps_per_epoch=here.steps_per_epoch,
                seconds=seconds,
            )  # fmt: skip
    except (StudyError, IndexError):  # not begun, or being made this moment
        return row


def _printed(row: TrialRow, log: Path) -> TrialRow:
    """Return how far a command has come by what it printed last."""
    lines, bar = LiveLines(), None
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LAST_BYTES))
            for line in file.read(LAST_BYTES).decode("utf-8", "replace").splitlines():
                bar = next((found for found in reversed(lines.take(line)) if isinstance(found, Bar)), bar)
    except OSError:  # nothing was printed yet, or the trial was taken in this moment
        return row
    step = max((record.step for record in lines.records), default=0) if bar is None and lines.tells_steps else 0
    return replace(row, step=step) if bar is None else replace(row, step=bar.done, total_steps=bar.total)
