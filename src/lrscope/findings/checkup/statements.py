"""The kinds of findings of a check-up, and those of the schedule: what one run's log shows by itself.

Numbers are intervals, so that what holds of several runs is one sentence: from the least of them to the largest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal, get_args

from lrscope.findings.statements import Finding
from lrscope.runs.applied_schedule import AppliedSchedule
from lrscope.runs.quantities import Count, Epoch, Interval, LogEntry, Rate, Settings, Share, Step, Text

Place = Step | Epoch | LogEntry
End = Literal["unfinished", "longer", "log-ends"]
Places = Interval[Step] | Interval[Epoch] | Interval[LogEntry]


@dataclass(frozen=True)
class CheckFinding(Finding):
    """Something that a run's log shows, in `number` of the `of` runs of `arms`.

    What is not `IS_ODD` is said of a run that stands alone, and not of runs that are compared.
    """

    IS_ODD: ClassVar[bool] = True

    arms: Settings = field(default=Settings(), kw_only=True)
    number: Count = field(default=Count(1), kw_only=True)
    of: Count = field(default=Count(1), kw_only=True)


@dataclass(frozen=True)
class ScheduleApplied(CheckFinding):
    """The schedule that the logged rates show."""

    IS_ODD = False

    schedule: AppliedSchedule


@dataclass(frozen=True)
class ScheduleKnown(CheckFinding):
    """The schedule of a run of lrscope's own, whose rates of every step are kept: what was asked for was applied.

    Said where the rates of so few steps, or of the beginning of a run, do not show a shape.
    """

    IS_ODD = False

    schedule: Text
    peak: Interval[Rate]
    steps: Interval[Count]


@dataclass(frozen=True)
class RatesNotLogged(CheckFinding):
    """No learning rate was found in the log, so that the schedule cannot be checked."""

    IS_ODD = False


@dataclass(frozen=True)
class RateAlwaysZero(CheckFinding):
    """Every rate that was logged is 0; whether the loss fell all the same, so that the rates were rounded away.

    `is_rounded` is None where the losses do not tell.
    """

    WORDINGS = ("untrained", "rounded", "unclear")

    is_rounded: bool | None

    @property
    def wording(self) -> str:
        """Whether the loss shows that something was trained."""
        return "unclear" if self.is_rounded is None else "rounded" if self.is_rounded else "untrained"


@dataclass(frozen=True)
class RateZeroAtFirst(CheckFinding):
    """The first rate that was logged is 0: a warmup begins there."""

    IS_ODD = False

    at: Places


@dataclass(frozen=True)
class RateZeroUntil(CheckFinding):
    """The first rates that were logged are 0, the last of them here."""

    at: Places


@dataclass(frozen=True)
class RateStillHigh(CheckFinding):
    """The rate was still at this share of its peak at the end, at `at`, where the schedule goes on to `length`."""

    WORDINGS = get_args(End)

    share: Interval[Share]
    at: Places
    length: Places
    end: End

    @property
    def wording(self) -> str:
        """Whether the training was cut short, its schedule was too long for it, or it cannot be told which."""
        return self.end


@dataclass(frozen=True)
class RateEndedEarly(CheckFinding):
    """The rate came to its lowest value after this share of the training, and stayed there."""

    WORDINGS = ("zero", "floor")

    share: Interval[Share]
    at: Places
    floor: Interval[Share]

    @property
    def wording(self) -> str:
        """Whether nothing was trained from there on."""
        return "zero" if self.floor.high < 1e-3 else "floor"


@dataclass(frozen=True)
class RateJumps(CheckFinding):
    """The rate went from one value to another between two entries, in the middle of a smooth schedule."""

    at: Places
    before: Interval[Rate]
    after: Interval[Rate]


@dataclass(frozen=True)
class WarmupUnfinished(CheckFinding):
    """The rate still rose when the log ended."""

    WORDINGS = ("complete", "log-ends")

    at: Places
    rate: Interval[Rate]
    is_complete: bool

    @property
    def wording(self) -> str:
        """Whether the training is known to have ended there."""
        return "complete" if self.is_complete else "log-ends"


@dataclass(frozen=True)
class DecayNotApplied(CheckFinding):
    """The settings name a schedule that decays, and the rate was the same all along."""

    asked: Text
    rate: Interval[Rate]


@dataclass(frozen=True)
class TrainedTwice(CheckFinding):
    """A stretch of steps stands twice in the log; `first` and `second` are rates at one step, where they differ."""

    WORDINGS = ("same", "other")

    low: Places
    high: Places
    first: Interval[Rate] | None
    second: Interval[Rate] | None

    @property
    def wording(self) -> str:
        """Whether the rates were other ones the second time."""
        return "same" if self.first is None else "other"


@dataclass(frozen=True)
class StepsDiffer(CheckFinding):
    """An epoch took so many updates, and so many follow from the examples and the batch."""

    steps: Interval[Count]
    expected: Interval[Count]
    examples: Interval[Count]
    batch: Interval[Count]
