"""The kinds of findings of a check-up that losses, gradients and evaluations show, and why training diverged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lrscope.findings.checkup.statements import CheckFinding, Places
from lrscope.runs.quantities import Count, Interval, Rate, Share, Value

Kind = Literal["nan", "nan-start", "zero", "zero-start", "rose", "gradient"]
Cause = Literal[
    "rate-runs", "rate-norm", "rate-loss", "precision", "precision-unknown", "batch", "sudden", "low-rate",
    "highest-rate", "start", "coarse", "coarse-entries", "unknown", "rate-huge",
]  # fmt: skip


@dataclass(frozen=True)
class LossUnmoved(CheckFinding):
    """The training loss did not move: equal in all entries, or from the first third to the last within its scatter."""

    WORDINGS = ("equal", "level")

    first: Interval[Value]
    last: Interval[Value]
    entries: Interval[Count]
    is_equal: bool

    @property
    def wording(self) -> str:
        """Whether not even a digit changed."""
        return "equal" if self.is_equal else "level"


@dataclass(frozen=True)
class DevUnmoved(CheckFinding):
    """The dev loss is the same to the last digit in so many evaluations."""

    value: Interval[Value]
    evaluations: Interval[Count]


@dataclass(frozen=True)
class GradientZero(CheckFinding):
    """The gradient's norm is 0 in so many entries out of all that have one."""

    entries: Interval[Count]
    all_entries: Interval[Count]


@dataclass(frozen=True)
class GradientNotFinite(CheckFinding):
    """The gradient's norm is no finite number in so many entries, the first here, while the loss is one."""

    WORDINGS = ("half", "unknown")

    entries: Interval[Count]
    all_entries: Interval[Count]
    at: Places
    is_half: bool

    @property
    def wording(self) -> str:
        """Whether it was trained in float16, where that is how its loss scale is found."""
        return "half" if self.is_half else "unknown"


@dataclass(frozen=True)
class AlwaysClipped(CheckFinding):
    """Nearly every gradient is longer than it is clipped to, the median one by far."""

    WORDINGS = ("known", "default")

    norm: Interval[Value]
    clip: Interval[Value]
    is_known: bool

    @property
    def wording(self) -> str:
        """Whether the settings name the length that gradients are clipped to."""
        return "known" if self.is_known else "default"


# Divergence


@dataclass(frozen=True)
class LossBroke(CheckFinding):
    """Training diverged at `at` at the latest, and not before `after`; `first` and `last` are the loss then and now."""

    WORDINGS = get_args(Kind)

    how: Kind
    at: Places
    after: Places | None
    first: Interval[Value] | None
    last: Interval[Value] | None

    @property
    def wording(self) -> str:
        """What the loss became, and whether it was anything else before."""
        return self.how


@dataclass(frozen=True)
class LossRoseAlone(CheckFinding):
    """The training loss rose at `at` from `first` to `last` and stayed there, while the dev loss did not rise."""

    at: Places
    first: Interval[Value]
    last: Interval[Value]


@dataclass(frozen=True)
class BrokeAtRate(CheckFinding):
    """The rate at which training diverged, and the share of the peak that it was."""

    rate: Interval[Rate]
    share: Interval[Share]


@dataclass(frozen=True)
class LossZero(CheckFinding):
    """The loss is exactly 0 from an entry on, and nothing else is known of why."""

    WORDINGS = ("norm-zero", "unclear")

    at: Places
    is_norm_zero: bool

    @property
    def wording(self) -> str:
        """Whether the gradient is 0 too."""
        return "norm-zero" if self.is_norm_zero else "unclear"


@dataclass(frozen=True)
class LossNotFinite(CheckFinding):
    """So many losses are no finite numbers, the first here, and finite ones come after them."""

    entries: Interval[Count]
    at: Places


@dataclass(frozen=True)
class DevNotFinite(CheckFinding):
    """So many evaluations gave a dev loss that is no finite number, while the training loss is one."""

    evaluations: Interval[Count]
    all_evaluations: Interval[Count]
    at: Places


@dataclass(frozen=True)
class LossSpikes(CheckFinding):
    """The loss rose far above what it was, and came back: so many times, most of all here."""

    WORDINGS = ("recovered", "log-ends")

    times: Interval[Count]
    at: Places
    usual: Interval[Value]
    top: Interval[Value]
    share: Interval[Share] | None
    is_back: bool

    @property
    def wording(self) -> str:
        """Whether it came back before the log ended."""
        return "recovered" if self.is_back else "log-ends"


@dataclass(frozen=True)
class DivergenceCause(CheckFinding):
    """Why training diverged, and what shows it; what the evidence does not carry is not said.

    `norm_before` and `norm_after` are the gradient's norm over the `entries` before, at their beginning and their end;
    `share` the rate's share of its peak, `apart` how many updates lie between two entries.
    """

    WORDINGS = get_args(Cause)

    cause: Cause
    entries: Interval[Count]
    norm_before: Interval[Value] | None
    norm_after: Interval[Value] | None
    share: Interval[Share] | None
    apart: Interval[Count]

    @property
    def wording(self) -> str:
        """The cause, and the kind of evidence."""
        return self.cause


@dataclass(frozen=True)
class NothingOdd(CheckFinding):
    """Nothing is odd in a log, or it has too few entries to tell; with `is_whole`, an entry a step was kept."""

    IS_ODD = False
    WORDINGS = ("some", "few", "short")

    entries: Interval[Count]
    is_few: bool
    is_whole: bool

    @property
    def wording(self) -> str:
        """Whether there are enough entries, and whether more could have been logged."""
        return "some" if not self.is_few else "short" if self.is_whole else "few"
