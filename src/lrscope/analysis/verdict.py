"""What the evidence carries: which arms may still be the best, what may be said of two of them, and a choice.

Two error rates are kept apart. The contenders contain the true best with probability 1 − α (comparisons with the best,
one-sided). "A is better than B" is said of any pair, and is wrong of any at all with probability α (all pairs, after
Tukey). Looks that were planned share α between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from lrscope.analysis.evidence import Evidence
from lrscope.analysis.multiplicity import best_critical, effective_freedom, pair_critical

ERROR = 0.05
Said = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True)
class PairVerdict:
    """What may be said of one arm beside another: the difference, an interval that holds for all pairs at once."""

    first: int
    second: int
    difference: float
    low: float
    high: float
    said: Said


@dataclass(frozen=True, eq=False)
class Verdict:
    """The conclusions from evidence at an error; `margin` is the difference δ that does not matter, 0 if any does."""

    evidence: Evidence
    margin: float = 0.0
    error: float = ERROR

    @cached_property
    def contenders(self) -> tuple[int, ...]:
        """The arms that the evidence cannot tell from the best; all of them contain it with probability 1 − error.

        An arm is out when some other is better by more than the critical value for comparisons with the best.
        """
        return tuple(arm for arm in range(self.evidence.num_arms) if self.beaten_by(arm) is None)

    def beaten_by(self, arm: int) -> int | None:
        """Return the arm that shows most clearly that this one is not the best; None for a contender."""
        e = self.evidence
        if np.isnan(e.values[arm]):
            rivals = np.flatnonzero(~np.isnan(e.values))
            return int(rivals[np.argmax(e.values[rivals])]) if len(rivals) else None
        clearness = np.full(e.num_arms, -np.inf)
        for rival in range(e.num_arms):
            if rival != arm and np.isfinite(e.differences[rival, arm]):
                bound = best_critical(self._num_compared, self._freedom(rival, arm, self._num_compared - 1), self.error)
                clearness[rival] = e.differences[rival, arm] - bound * e.errors[rival, arm]
        rival = int(np.argmax(clearness)) if e.num_arms > 1 else arm
        return rival if clearness[rival] > 0.0 else None

    def between(self, first: int, second: int) -> PairVerdict:
        """Return what may be said of two arms."""
        e = self.evidence
        difference, error = float(e.differences[first, second]), float(e.errors[first, second])
        pairs = self._num_compared * (self._num_compared - 1) // 2
        reach = pair_critical(self._num_compared, self._freedom(first, second, pairs), self.error) * error
        low, high = difference - reach, difference + reach
        said: Said = "undecided"
        if low > 0.0:
            said = "better"
        elif high < 0.0:
            said = "worse"
        elif -self.margin < low and high < self.margin:
            said = "equivalent"
        return PairVerdict(first, second, difference, low, high, said)

    def against_best(self) -> list[PairVerdict]:
        """Return what may be said of the arm with the best mean beside every other, in the order of their means."""
        order = ranked(self.evidence)
        return [self.between(order[0], other) for other in order[1:]]

    @property
    def is_decided(self) -> bool:
        """Whether one arm is left, or all that are left are equivalent within the margin."""
        left = self.contenders
        pairs = [self.between(a, b) for a in left for b in left if a < b]
        return len(left) == 1 or (self.margin > 0.0 and all(_within(pair, self.margin) for pair in pairs))

    def _freedom(self, first: int, second: int, num_compared: int) -> float:
        """Return the degrees of freedom of a pair in the tail that is left to each of so many comparisons."""
        e = self.evidence
        share, freedom = round(float(e.shares[first, second]), 2), _rounded(e.freedom[first, second])
        return effective_freedom(share, freedom, self.error / max(1, num_compared))

    @property
    def _num_compared(self) -> int:
        return int((~np.isnan(self.evidence.values)).sum())


def _within(pair: PairVerdict, margin: float) -> bool:
    return -margin < pair.low and pair.high < margin


def _rounded(value: float) -> float:
    """Round degrees of freedom down by at most a thirtieth, so that critical values are computed once for many pairs.

    >>> _rounded(2.0), round(_rounded(7.1234), 1), _rounded(float("inf"))
    (2.0, 6.9, inf)
    """
    if not np.isfinite(value) or value > 1e4:
        return float("inf")
    return float(2.0 * 1.035 ** np.floor(np.log(value / 2.0) / np.log(1.035) + 1e-9))


def ranked(evidence: Evidence) -> list[int]:
    """Return the arms from the best mean to the worst; those without a value last."""
    values = np.where(np.isnan(evidence.values), -np.inf, evidence.values)
    return [int(arm) for arm in np.argsort(-values, kind="stable")]


@dataclass(frozen=True)
class Choice:
    """A first and a second choice. `is_default`: the evidence does not tell them apart, and a rule has chosen."""

    first: int
    second: int | None
    is_default: bool


def choose(verdict: Verdict, places: Sequence[float] | None = None, costs: Sequence[float] | None = None) -> Choice:
    """Choose among the contenders: nearest to the middle of their `places`, then the lower cost, then the better mean.

    `places` are the arms' own on the axis that they lie along, such as log rates: far from both ends of what may be
    best, a rate is least likely to be far from it. Without places, the lower cost comes first. The second choice is the
    next contender, or, where one arm stands alone, the best of the others.
    """
    order = ranked(verdict.evidence)
    left = [arm for arm in order if arm in verdict.contenders] or order
    middle = 0.0
    if places is not None:
        middle = (min(places[arm] for arm in left) + max(places[arm] for arm in left)) / 2.0

    def key(arm: int) -> tuple[float, float, int]:
        away = 0.0 if places is None else round(abs(places[arm] - middle), 9)
        return away, 0.0 if costs is None else costs[arm], order.index(arm)

    left.sort(key=key)
    if len(left) > 1:
        return Choice(left[0], left[1], is_default=True)
    others = [arm for arm in order if arm != left[0]]
    return Choice(left[0], others[0] if others else None, is_default=False)
