"""The kinds of findings: what the runs show, each with the quantities that carry it."""

from __future__ import annotations

from dataclasses import dataclass

from lrscope.runs.quantities import (
    Count,
    Difference,
    Epoch,
    Estimate,
    Interval,
    Multiple,
    Names,
    Number,
    Proportion,
    Rate,
    Setting,
    Settings,
    Share,
    Step,
    Text,
    Value,
)  # fmt: skip
from lrscope.runs.statement import Statement


@dataclass(frozen=True)
class Finding(Statement):
    """Something that the runs show."""


@dataclass(frozen=True)
class TooLow(Finding):
    """Rates below those that may be the best; `gap` by how much another setting is better, at least and at most."""

    arms: Settings
    gap: Interval[Value]


@dataclass(frozen=True)
class TooHigh(Finding):
    """Rates above those that may be the best."""

    arms: Settings
    gap: Interval[Value]


@dataclass(frozen=True)
class NotBest(Finding):
    """Settings that are ruled out and lie on no side of those that are left."""

    arms: Settings
    gap: Interval[Value]


@dataclass(frozen=True)
class NotAboveGuessing(Finding):
    """Settings that are not shown to be better than guessing, where others are."""

    arms: Settings
    baseline: Value


@dataclass(frozen=True)
class RuledOutByOrder(Finding):
    """Settings ruled out because one between them and the better ones is shown to be worse."""

    arms: Settings


@dataclass(frozen=True)
class TwoPeaks(Finding):
    """The data contradict a single peak along the rates."""

    p: Value


@dataclass(frozen=True)
class Undecided(Finding):
    """Settings that the evidence does not tell apart; `needed` is the gap that would rule one out."""

    arms: Settings
    needed: Interval[Value]


@dataclass(frozen=True)
class OneSetting(Finding):
    """There is one setting alone."""


@dataclass(frozen=True)
class Confounded(Finding):
    """Settings differ in more than the rate."""

    settings: Names


@dataclass(frozen=True)
class Peak(Finding):
    """The top of a smooth curve through the rates, bounded on both sides."""

    rate: Rate
    interval: Interval[Rate]


@dataclass(frozen=True)
class PeakOpen(Finding):
    """The top of a smooth curve through the rates, which those that were tried do not bound."""

    rate: Rate
    tried: Interval[Rate]


@dataclass(frozen=True)
class PriorHeld(Finding):
    """The best rate lies where it was expected before training: in the prior's 80% interval."""

    expected: Interval[Rate]
    rate: Rate


@dataclass(frozen=True)
class PriorMissed(Finding):
    """The best rate lies outside of the prior's 80% interval; `deviation` is in the prior's standard deviations."""

    expected: Interval[Rate]
    rate: Rate
    deviation: Multiple


@dataclass(frozen=True)
class EdgeLow(Finding):
    """The lowest rate that was tried may be the best."""

    arm: Setting
    rate: Rate


@dataclass(frozen=True)
class EdgeHigh(Finding):
    """The highest rate that was tried may be the best."""

    arm: Setting
    rate: Rate


@dataclass(frozen=True)
class StillImproving(Finding):
    """A setting still improved over the last third of its training, beyond noise."""

    arm: Setting
    gain: Estimate
    at: Epoch | Step


@dataclass(frozen=True)
class Unstable(Finding):
    """A setting's curve fell beyond noise and came back, so many times."""

    arm: Setting
    number: Count
    fall: Estimate


@dataclass(frozen=True)
class WorseAfterBest(Finding):
    """A setting was best at an evaluation and worse at the end, beyond noise."""

    arm: Setting
    at: Epoch | Step
    fall: Estimate


@dataclass(frozen=True)
class Overfitting(Finding):
    """The training set is fitted better than dev, from an evaluation on."""

    arm: Setting
    at: Epoch | Step
    train: Value
    dev: Value


@dataclass(frozen=True)
class DevLossRises(Finding):
    """The dev loss rose again after its least value."""

    arm: Setting
    at: Epoch | Step
    least: Value
    last: Value


@dataclass(frozen=True)
class SeveralOverfit(Statement):
    """What a report says of several settings that overfit: how far train is ahead of dev, at least and at most."""

    arms: Settings
    gap: Interval[Value]


@dataclass(frozen=True)
class SeveralDevLossesRise(Statement):
    """What a report says of several settings whose dev loss rose again, by how much, at least and at most."""

    arms: Settings
    rise: Interval[Value]


@dataclass(frozen=True)
class DevTestGap(Finding):
    """The test value, and dev's less test's with its 95% interval."""

    arm: Setting
    test: Value
    gap: Difference
    interval: Interval[Difference]


@dataclass(frozen=True)
class Diverged(Finding):
    """Some runs of a setting diverged; the 95% interval of how often they do."""

    arm: Setting
    number: Count
    of: Count
    interval: Interval[Share]


@dataclass(frozen=True)
class Failed(Finding):
    """Some runs of a setting failed; the 95% interval of how often they do."""

    arm: Setting
    number: Count
    of: Count
    interval: Interval[Share]


@dataclass(frozen=True)
class SeedCollapsed(Finding):
    """One seed of a setting ended far below its others."""

    arm: Setting
    seed: Number
    value: Value
    middle: Value


@dataclass(frozen=True)
class AssumedSpread(Finding):
    """The standard deviation over seeds that is assumed; `flips` is one at which the verdict would change."""

    WORDINGS = ("default", "default-firm", "asked", "asked-firm")

    sd: Value
    flips: Value | None
    is_asked: bool

    @property
    def wording(self) -> str:
        """Whether it was asked for, and whether another would change anything."""
        return ("asked" if self.is_asked else "default") + ("-firm" if self.flips is None else "")


@dataclass(frozen=True)
class RecordedSpread(Finding):
    """The standard deviation over seeds that is assumed is that of recorded settings of the same kind.

    Of the log-loss it is `usual` in the middle of them, and below `high` in 95% of such: `sd` in these runs. The lead
    of the best setting over the next is `times` that; `flips` is one at which the verdict would change.
    """

    WORDINGS = ("more", "less", "firm")

    settings: Count
    largest: Text
    usual: Share
    high: Share
    sd: Value
    lead: Value
    times: Proportion
    flips: Value | None

    @property
    def wording(self) -> str:
        """Whether more seed noise than is assumed would change anything, or less, or neither."""
        return "firm" if self.flips is None else "more" if self.flips > self.sd else "less"


@dataclass(frozen=True)
class UnknownSpread(Finding):
    """Nothing is known of how seeds differ, and nothing can be assumed."""


@dataclass(frozen=True)
class UnknownSize(Finding):
    """How many examples dev holds is not known."""


@dataclass(frozen=True)
class MeansOnly(Finding):
    """How the metric varies between examples is not known from its means."""
