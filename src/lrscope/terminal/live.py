"""What a workflow tells, shown on standard error while it runs; Ctrl-C asks it to stop."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from lrscope.number_text import counted
from lrscope.sinks.target import checked
from lrscope.studies.run_times import SecondsLeft
from lrscope.terminal.find_progress import FindProgress
from lrscope.terminal.interrupt import graceful_interrupt
from lrscope.terminal.items_progress import ItemsProgress
from lrscope.terminal.output import echo
from lrscope.terminal.progress import TrialProgress
from lrscope.terminal.search_words import chosen_line, ended_lines, plan_lines
from lrscope.terminal.study_progress import StudyProgress
from lrscope.terminal.time_left import SCATTERS, about, rough
from lrscope.workflows.callbacks import (
    Callbacks,
    CheckTaken,
    CostEstimated,
    FinetuneRecord,
    FinetuneStarted,
    ItemsDone,
    LogFailed,
    Note,
    PlanMade,
    Progress,
    RunChosen,
    SearchEnded,
    StopHandle,
    StudyEnded,
    StudyStarted,
    TimeKnown,
    TrialEvent,
)  # fmt: skip

Drawing = StudyProgress | FindProgress | TrialProgress | ItemsProgress


@contextmanager
def shown(*, quiet: bool = False, yes: bool = False, log: Sequence[str] | None = None) -> Iterator[Callbacks]:
    """Give the callbacks that show a workflow. `quiet` leaves out notes and range tests; `yes` answers questions.

    `log` says where trials are written as well.

    Raises:
        ConfigError: nothing can be written there.
    """
    targets = checked(log or ())
    live, stop = Live(quiet=quiet), StopHandle()

    def agree(_: CostEstimated) -> bool:
        return yes or not sys.stdin.isatty() or typer.confirm("run it?", err=True)

    try:
        with graceful_interrupt(stop):
            yield Callbacks(live.show, agree, stop, targets)
    finally:
        live.close(*sys.exc_info())


class Live:
    """Shows what a workflow tells, each kind in its way; a study in plain lines alone where `is_plain`."""

    def __init__(self, *, quiet: bool, is_plain: bool = False) -> None:
        self._quiet, self._is_plain = quiet, is_plain
        self._drawing: Drawing | None = None
        self._quoted: float | None = None
        self._folder: Any = None

    def show(self, progress: Progress) -> None:
        """Show one thing that happened."""
        drawing = self._drawing
        match progress:
            case StudyStarted():
                self._start_study(progress)
            case TrialEvent() if isinstance(drawing, StudyProgress | FindProgress):
                drawing.update(progress)
            case StudyEnded():
                self.close(None, None, None)
            case FinetuneStarted():
                self._note(*progress.lines)
                drawing = TrialProgress(
                    progress.total_steps, progress.num_epochs, unit=progress.unit, titles=progress.metric_titles,
                    metric=progress.metric,
                )  # fmt: skip
                self._open(drawing)
            case FinetuneRecord() if isinstance(drawing, TrialProgress):
                drawing.update(progress.record)
            case ItemsDone() if not self._quiet:
                if not isinstance(drawing, ItemsProgress):
                    drawing = ItemsProgress()
                    self._open(drawing)
                drawing.update(progress)
            case CostEstimated():
                self._quoted = progress.seconds
                self._note(*cost_lines(progress))
            case TimeKnown(seconds) if seconds >= 1.0:
                self._note(time_line(progress))
            case PlanMade():
                self._note(*plan_lines(progress))
            case CheckTaken(number, num_planned, num_seeds, contenders):
                check = f"Check {number} of {num_planned} ({counted(num_seeds, 'seed')})"
                self._note(f"{check}: still in the running: {'; '.join(contenders)}")
            case RunChosen():
                self._note(chosen_line(progress))
            case SearchEnded():
                self._note(*ended_lines(progress))
            case LogFailed(target, reason, command):
                self._say(f"warning: cannot write to {target}: {reason}. The study goes on; later: {command}")
            case Note(text):
                self._note(text)

    def show_failures(self, progress: Progress) -> None:
        """Show nothing but that a sink could not be written to."""
        if isinstance(progress, LogFailed):
            self.show(progress)

    def close(self, *error: Any) -> None:
        """End what is drawn."""
        if self._drawing is not None:
            self._drawing.__exit__(*error)
        self._drawing = self._folder = None

    def _start_study(self, started: StudyStarted) -> None:
        if isinstance(self._drawing, StudyProgress) and self._folder == started.folder:
            self._drawing.plan(started.trials)
        elif started.config.find is None:
            self._open(StudyProgress(started, is_plain=self._is_plain, quoted=self._quoted))
            self._quoted = None
        elif not self._quiet:
            self._open(FindProgress(started))
        self._folder = started.folder

    def _open(self, drawing: Drawing) -> None:
        self.close(None, None, None)
        self._drawing = drawing
        drawing.__enter__()

    def _note(self, *lines: str) -> None:
        if not self._quiet:
            for line in lines:
                self._say(line)

    def _say(self, line: str) -> None:
        if isinstance(self._drawing, StudyProgress):  # above the table, which would be drawn over it
            self._drawing.say(line)
        else:
            echo(line, err=True)


def cost_lines(cost: CostEstimated) -> list[str]:
    """Return what a study will take, as a person reads it."""
    if cost.seconds is None:
        takes = "; how long is known after the first"
    else:
        between = cost.between or SecondsLeft(cost.seconds, cost.seconds)
        takes = f": {about(between)}"
        takes += "" if cost.num_bytes is None else f" and {_size(cost.num_bytes)}"
    merged = f"the same as others, so not run again: {counted(cost.num_merged, 'combination')}"
    return [
        f"{counted(cost.num_settings, 'setting')} × {counted(cost.num_seeds, 'seed')}, "
        f"{counted(cost.num_trials, 'trial')} to run, {cost.at_once} at a time{takes}",
        *([merged] if cost.num_merged else []),
        *(f"note: {note}" for note in cost.notes),
    ]


def _size(num_bytes: int) -> str:
    """Return a size as a person says it.

    >>> _size(20_000), _size(3 * 2**20)
    ('less than 1 MB', '3 MB')
    """
    return f"{num_bytes / 2**20:.0f} MB" if num_bytes >= 2**19 else "less than 1 MB"


def time_line(known: TimeKnown) -> str:
    """Return what is left will take, and by what that is known.

    >>> print(time_line(TimeKnown(7800, 5, (1560,))))
    about 2 h 10 min for the 5 that are left (the first took 26 min)
    >>> print(time_line(TimeKnown(60, 1, (55.0, 65.0))))
    about 1 min for the one that is left (they take 1 min on average)
    """
    mean = sum(known.taken) / len(known.taken)
    by = f"the first took {rough(mean)}" if len(known.taken) == 1 else f"they take {rough(mean)} on average"
    if max(known.taken) > SCATTERS * min(known.taken):
        by = f"they take {rough(min(known.taken))} to {rough(max(known.taken))}"
    left = "the one that is left" if known.num_left == 1 else f"the {known.num_left} that are left"
    return f"about {rough(known.seconds)} for {left} ({by})"
