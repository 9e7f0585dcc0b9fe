"""The kinds of advice: what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from lrscope.runs.quantities import Count, Epoch, LogEntry, Rate, Rates, Step, Value
from lrscope.runs.statement import Statement


@dataclass(frozen=True)
class Suggestion(Statement):
    """Something to do next."""


@dataclass(frozen=True)
class MoreSeeds(Suggestion):
    """So many seeds of each setting detect a difference with 80% power."""

    seeds: Count
    difference: Value


@dataclass(frozen=True)
class TrySomeSeeds(Suggestion):
    """That takes more seeds than a person runs; what leads by `lead` may be settled by fewer."""

    seeds: Count
    difference: Value
    lead: Value
    tried: Count


@dataclass(frozen=True)
class MoreExamples(Suggestion):
    """No number of seeds detects the difference on so few examples; so many examples would, with so many seeds."""

    difference: Value
    examples: Count
    seeds: Count


@dataclass(frozen=True)
class Undetectable(Suggestion):
    """No number of seeds or examples within reason detects the difference."""

    difference: Value
    seeds: Count


@dataclass(frozen=True)
class MeasureSeeds(Suggestion):
    """So many seeds of each setting, where their noise is assumed, unknown or measured on fewer."""

    seeds: Count


@dataclass(frozen=True)
class RetryFailed(Suggestion):
    """So many runs failed, and may be run again."""

    number: Count


@dataclass(frozen=True)
class FinishStudy(Suggestion):
    """So many runs of the study have not ended: they come before all else."""

    number: Count


@dataclass(frozen=True)
class FinishTune(Suggestion):
    """A tune has some of its budget left, and runs that may tell more."""


@dataclass(frozen=True)
class MoreBudget(Suggestion):
    """A tune has spent its budget, and more runs may still tell something."""


@dataclass(frozen=True)
class WiderGrid(Suggestion):
    """Try a rate beyond the end of those that were tried."""

    rate: Rate


@dataclass(frozen=True)
class FinerGrid(Suggestion):
    """Try rates between the chosen one and its neighbours."""

    rates: Rates


@dataclass(frozen=True)
class ScaleBatch(Suggestion):
    """How the rate scales to larger batches."""

    batch: Count


@dataclass(frozen=True)
class TrainLonger(Suggestion):
    """Train for more epochs."""

    epochs: Count


@dataclass(frozen=True)
class Regularise(Suggestion):
    """More dropout, or more weight decay."""


@dataclass(frozen=True)
class StopEarly(Suggestion):
    """Stop early."""


@dataclass(frozen=True)
class LongerWarmup(Suggestion):
    """A longer warmup."""


@dataclass(frozen=True)
class CompareSchedules(Suggestion):
    """Compare a constant rate with schedules that decay."""


@dataclass(frozen=True)
class LowerRate(Suggestion):
    """A third of the rate at which training diverged, or a usual one where that was far from any."""

    WORDINGS = ("third", "usual")

    rate: Rate
    is_third: bool

    @property
    def wording(self) -> str:
        """Which of the two it is."""
        return "third" if self.is_third else "usual"


@dataclass(frozen=True)
class UseBfloat16(Suggestion):
    """Another precision, whose range is that of float32."""


@dataclass(frozen=True)
class InspectBatch(Suggestion):
    """The batches where training broke, or jumped."""

    at: Step | Epoch | LogEntry


@dataclass(frozen=True)
class KeepBest(Suggestion):
    """The checkpoint with the least dev loss; of a training of lrscope's own, which keeps it, where `is_own`."""

    WORDINGS = ("trainer", "own")

    at: Epoch | Step
    is_own: bool

    @property
    def wording(self) -> str:
        """Whose training it is."""
        return "own" if self.is_own else "trainer"


@dataclass(frozen=True)
class MatchLength(Suggestion):
    """A schedule that is as long as its training."""


@dataclass(frozen=True)
class LogMore(Suggestion):
    """Every step with its gradient norm, where the log does not tell why training broke."""


@dataclass(frozen=True)
class CheckTrainable(Suggestion):
    """What is in the optimizer, then ten times the rate."""

    rate: Rate
