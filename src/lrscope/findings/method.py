"""How the comparison was made, as statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from lrscope.config.metric_names import is_best_of_epochs
from lrscope.runs.quantities import Count, Share
from lrscope.runs.statement import Statement
from lrscope.statistics.conclusions import Conclusions

Rule = Literal["expected", "middle", "cheaper"]


@dataclass(frozen=True)
class Method(Statement):
    """A sentence on how runs were compared."""


@dataclass(frozen=True)
class ByExample(Method):
    """Settings are compared example by example."""


@dataclass(frozen=True)
class ByShare(Method):
    """Only shares of right answers are known."""

    size: Count


@dataclass(frozen=True)
class ByValue(Method):
    """Only one value a seed is known."""


@dataclass(frozen=True)
class RulingOut(Method):
    """When a setting is ruled out, and what that guarantees."""

    error: Share
    level: Share


@dataclass(frozen=True)
class SinglePeak(Method):
    """A single peak along the rates is assumed, and used."""


@dataclass(frozen=True)
class Intervals(Method):
    """What the intervals of gaps mean."""


@dataclass(frozen=True)
class Choosing(Method):
    """The rule by which one of the settings that are left is recommended."""

    WORDINGS = get_args(Rule)

    rule: Rule

    @property
    def wording(self) -> str:
        """The rule."""
        return self.rule


@dataclass(frozen=True)
class ConfidenceRule(Method):
    """What high, medium and low mean."""


@dataclass(frozen=True)
class Looks(Method):
    """Planned looks share the error, and this one spends a part of it."""

    error: Share
    nominal: Share


@dataclass(frozen=True)
class AtEnd(Method):
    """Values are those at the end of training."""


@dataclass(frozen=True)
class AtBestEpoch(Method):
    """Values are those of each run's best epoch."""


@dataclass(frozen=True)
class TestUnused(Method):
    """Test values are not used to choose."""

    __test__ = False  # no tests, whatever pytest reads in its name


def choice_rule(c: Conclusions) -> Rule:
    """Return the rule by which a setting is recommended among those that are left."""
    return "expected" if c.centre is not None else "middle" if c.has_log_rates else "cheaper"


def method(c: Conclusions) -> Iterator[Method]:
    """Yield how these runs were compared."""
    if c.is_by_example:
        yield ByExample()
    elif c.evidence.num_examples:
        yield ByShare(Count(c.runs.sizes.get("dev", 0)))
    else:
        yield ByValue()
    if len(c.arms) > 1:
        yield RulingOut(Share(c.error), Share(1.0 - c.error))
        if c.verdict.single_peak == "assumed":
            yield SinglePeak()
    if len(c.arms) > 1 and c.recommended is not None:
        yield Intervals()
        yield Choosing(choice_rule(c))
        yield ConfidenceRule()
    if c.nominal < c.error:
        yield Looks(Share(c.error), Share(c.nominal))
    if not is_best_of_epochs(c.runs.metric.name):
        yield AtBestEpoch() if c.runs.at_best else AtEnd()
    if any("test" in run.final for run in c.runs.runs):
        yield TestUnused()
