"""What the evidence carries: which arms may still be the best, what may be said of two of them, and a choice.

Two error rates are kept apart. The contenders contain the true best with probability 1 − α (comparisons with the best,
one-sided). "A is better than B" is said of any pair, and is wrong of any at all with probability α (all pairs, after
Tukey). Looks that were planned share α between them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import numpy as np

from lrscope.runs.score_table import Floats
from lrscope.statistics.defaults import ERROR
from lrscope.statistics.evidence import Evidence
from lrscope.statistics.multiplicity import (
    best_critical,
    effective_freedom,
    effective_freedoms,
    pair_critical,
    pair_tail,
)
from lrscope.statistics.single_peak import AlongRates

PairOutcome = Literal["better", "worse", "equivalent", "undecided"]
SinglePeak = Literal["assumed", "contradicted", "not used"]


@dataclass(frozen=True)
class PairVerdict:
    """What may be said of one arm beside another: the difference, an interval that holds for all pairs at once."""

    first: int
    second: int
    difference: float
    low: float
    high: float
    outcome: PairOutcome


@dataclass(frozen=True)
class Exclusion:
    """Why an arm is out: `by` is the arm that shows it. None where no arm has a value.

    Where its order says so, `through` is the arm between the two that is shown to be worse than `by`: with a single
    peak, all arms beyond it are worse as well. None where the two were compared directly.
    """

    by: int | None
    through: int | None = None


@dataclass(frozen=True, eq=False)
class Verdict:
    """The conclusions from evidence at an error; `margin` is the difference δ that does not matter, 0 if any does.

    `pair_errors` [K, K] are the errors of single pairs where they differ, as where some were last judged at an earlier
    look: `errors_by_look`. `positions` are the arms' own where they lie along one axis and differ in nothing else, such
    as log rates: then a single peak is assumed, unless the data contradict it.
    """

    evidence: Evidence
    margin: float = 0.0
    error: float = ERROR
    pair_errors: Floats | None = None
    positions: Sequence[float] | None = None

    @cached_property
    def contenders(self) -> tuple[int, ...]:
        """The arms that the evidence cannot tell from the best; all of them contain it with probability 1 − error.

        An arm is out when some other is better by more than the critical value for comparisons with the best; with a
        single peak also by its order, and what is left is an interval.
        """
        left = unbeaten(self.evidence.values, self.evidence.differences, self.best_reach)
        along = self._along
        return tuple(left) if along is None or along.is_contradicted else along.contenders(left)

    @cached_property
    def _contending(self) -> frozenset[int]:
        return frozenset(self.contenders)

    def is_unbeaten_at(self, arm: int, values: Floats) -> bool:
        """Return whether no other would be shown to be better than this arm if the arms had these values."""
        return not bool((values - values[arm] > self.best_reach[:, arm]).any())

    @cached_property
    def _along(self) -> AlongRates | None:
        if self.positions is None:
            return None
        e = self.evidence
        return AlongRates.of(e.values, e.differences, self.best_reach, self.pair_reach, self.positions)

    @property
    def single_peak(self) -> SinglePeak:
        """Whether a single peak along the rates was assumed, was contradicted by the data, or plays no part.

        It plays none where arms differ in more than their rates, or fewer than three have a value.
        """
        if self._along is None:
            return "not used"
        return "contradicted" if self._along.is_contradicted else "assumed"

    @cached_property
    def single_peak_p(self) -> float:
        """The p-value of the data under a single peak, from the range of all arms: cautious; NaN where not used."""
        if self._along is None:
            return math.nan
        e, (ratio, better, worse) = self.evidence, self._along.limiting
        num = self._num_compared
        if not ratio > 0.0:
            return 1.0
        share, freedom = float(np.round(e.shares[better, worse], 2)), float(e.freedom[better, worse])
        freedom = effective_freedom(share, freedom, self.error / (num * (num - 1) // 2))
        return pair_tail(num, float(e.differences[better, worse] / e.errors[better, worse]), freedom)

    def exclusion(self, arm: int) -> Exclusion | None:
        """Return what shows that an arm is not the best; None for a contender."""
        if arm in self._contending:
            return None
        by = self._beaten_by(arm)
        is_direct = by is not None and self.evidence.differences[by, arm] > self.best_reach[by, arm]
        if not is_direct and self._along is not None and arm in self._along.deduced:
            return Exclusion(*self._along.deduced[arm])
        return Exclusion(by)

    def _beaten_by(self, arm: int) -> int | None:
        e = self.evidence
        clear = e.differences[:, arm] - self.best_reach[:, arm]
        if np.isnan(e.values[arm]):
            clear = e.values
        return int(np.nanargmax(clear)) if np.isfinite(clear).any() else None

    def between(self, first: int, second: int) -> PairVerdict:
        """Return what may be said of two arms."""
        difference = float(self.evidence.differences[first, second])
        reach = float(self.pair_reach[first, second])
        low, high = difference - reach, difference + reach
        outcome: PairOutcome = "undecided"
        if low > 0.0:
            outcome = "better"
        elif high < 0.0:
            outcome = "worse"
        elif -self.margin < low and high < self.margin:
            outcome = "equivalent"
        return PairVerdict(first, second, difference, low, high, outcome)

    @cached_property
    def best_reach(self) -> Floats:
        """By how much one arm must be better than another to show that the other is not the best [K, K]."""
        num = self._num_compared
        return self._reach(partial(best_critical, num), num - 1)

    @cached_property
    def pair_reach(self) -> Floats:
        """Half the intervals of all differences, which hold for all pairs at once [K, K]."""
        num = self._num_compared
        return self._reach(partial(pair_critical, num), num * (num - 1) // 2)

    def _reach(self, critical: Callable[[float, float], float], num_compared: int) -> Floats:
        """Return critical values times standard errors, for degrees of freedom in the tail left to each comparison."""
        e = self.evidence
        freedoms = e.freedom.ravel()
        if not np.isnan(freedoms).any() and freedoms.min() == freedoms.max():  # as in most studies: nothing to sort
            known, index = _rounded(freedoms[:1]), np.zeros(freedoms.size, dtype=np.int64)
        else:
            known, index = np.unique(np.nan_to_num(_rounded(freedoms), posinf=np.inf), return_inverse=True)
        errors, at = (self.error,), np.zeros(index.size, dtype=np.int64)
        if self.pair_errors is not None:
            levels, at = np.unique(self.pair_errors, return_inverse=True)
            errors = tuple(levels.tolist())
        # One small number for each kind of comparison, counted rather than sorted.
        kinds = np.rint(np.nan_to_num(e.shares) * 100).astype(np.int64).ravel() * len(known) + index.ravel()
        kinds = kinds * len(errors) + at.ravel()
        distinct = np.flatnonzero(np.bincount(kinds))
        values_of = np.zeros(int(distinct[-1]) + 1)
        kind, level = np.divmod(distinct, len(errors))
        share, freedom = np.divmod(kind, len(known))
        spent = np.asarray(errors)[level]
        each = effective_freedoms(share / 100, known[freedom], spent / max(1, num_compared))
        values_of[distinct] = [critical(float(nu), float(error)) for nu, error in zip(each, spent, strict=True)]
        with np.errstate(invalid="ignore"):  # of an arm beside itself: no error, times infinity where nothing is known
            return np.asarray(values_of[kinds].reshape(e.errors.shape) * e.errors)

    def against_best(self) -> list[PairVerdict]:
        """Return what may be said of the arm with the best mean beside every other, in the order of their means."""
        order = ranked(self.evidence)
        return [self.between(order[0], other) for other in order[1:]]

    @cached_property
    def is_decided(self) -> bool:
        """Whether one arm is left, or all that are left are equivalent within the margin."""
        if len(self.contenders) == 1:
            return True
        farthest = np.abs(self.among(self.evidence.differences)) + self.among(self.pair_reach)
        return self.margin > 0.0 and bool((farthest < self.margin).all())

    def among(self, matrix: Floats) -> Floats:
        """Return the entries of a matrix [K, K] that are of pairs of contenders, each pair once."""
        left = list(self.contenders)
        return np.asarray(matrix[np.ix_(left, left)][np.triu_indices(len(left), 1)])

    @cached_property
    def _num_compared(self) -> int:
        return int((~np.isnan(self.evidence.values)).sum())


def errors_by_look(num_runs: Sequence[int], looks: Sequence[tuple[int, float]]) -> Floats:
    """Return each pair's error [K, K]: that of the look at which its last seeds came in; `looks` are (seeds, error).

    An arm that was given no more seeds is judged by the look that left it out. The same seeds judged anew at a later
    look, which may spend more, would declare a difference falsely more often: in 8% of null studies instead of 5%.

    >>> errors_by_look([3, 8, 8], [(3, 0.001), (8, 0.049)]).tolist()[1]
    [0.001, 0.049, 0.049]
    """
    seeds, errors = [number for number, _ in looks], np.array([error for _, error in looks])
    shared = np.minimum.outer(np.asarray(num_runs), np.asarray(num_runs))
    return np.asarray(errors[np.maximum(0, np.searchsorted(seeds, shared, side="right") - 1)])


def _rounded(freedom: Floats) -> Floats:
    """Round degrees of freedom down by at most a thirtieth, so that critical values are computed once for many pairs.

    >>> _rounded(np.array([2.0, 7.1234, np.inf])).round(1).tolist()
    [2.0, 6.9, inf]
    """
    rounded = 2.0 * 1.035 ** np.floor(np.log(np.maximum(freedom, 1e-3) / 2.0) / np.log(1.035) + 1e-9)
    return np.where(freedom > 1e4, np.inf, rounded)


def unbeaten(values: Floats, differences: Floats, reach: Floats) -> list[int]:
    """Return the arms with a value that no other is better than by more than its reach."""
    clear = np.nan_to_num(differences - reach, nan=-np.inf) > 0.0
    return [int(arm) for arm in np.flatnonzero(~np.isnan(values) & ~clear.any(axis=0))]


def ranked(evidence: Evidence) -> list[int]:
    """Return the arms from the best mean to the worst; those without a value last."""
    values = np.where(np.isnan(evidence.values), -np.inf, evidence.values)
    return [int(arm) for arm in np.argsort(-values, kind="stable")]
