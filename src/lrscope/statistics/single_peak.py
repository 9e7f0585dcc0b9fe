"""What the order of the rates adds: along them the metric is taken to rise to one peak and to fall from there.

Let y be shown worse than z, in the statement that holds for all pairs at once (Tukey). With a single peak, the best
then lies on z's side of y, and every arm x beyond y is out: its value is no more than y's. Of these, an arm is taken
out here only where its own mean agrees: it is below z's by what would take it out if its noise were y's (Dunnett). So:

- where arms are alike in their noise, nothing is taken out that would not be out anyway, and the probability that the
  contenders hold the best is that of comparisons with the best, whatever the shape;
- an arm that only its own noise keeps in is taken out by its quieter neighbour, with the error of that neighbour's
  comparison, which is one-sided: about half of that of all pairs.

What is left is an interval of rates: between two arms that may be the best, an arm may be as well. Source: for
one-sided comparisons along an order, Hayter, A one-sided studentized range test, JASA 85, 1990; for the peak, Mack and
Wolfe, K-sample rank tests for umbrella alternatives, JASA 76, 1981. Measured in benchmarks/calibration.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lrscope.runs.score_table import Floats

MIN_ARMS = 3  # that have a middle


@dataclass(frozen=True, eq=False)
class AlongRates:
    """Arms with a value in the order of their rates: all matrices are [row better than column] in that order.

    `arms` are their numbers; `differences` hold row minus column, `best_reach` and `pair_reach` by how much a
    difference must exceed 0 to show that the column is not the best, and that it is worse, among all pairs.
    """

    arms: NDArray[np.intp]
    differences: Floats
    best_reach: Floats
    pair_reach: Floats

    @staticmethod
    def of(
        values: Floats, differences: Floats, best_reach: Floats, pair_reach: Floats, positions: Sequence[float]
    ) -> AlongRates | None:
        """Put arms in order, given all of them; None where fewer than three have a value."""
        order = np.argsort(np.asarray(positions), kind="stable")
        arms = order[~np.isnan(values[order])]
        if len(arms) < MIN_ARMS:
            return None
        inner = np.ix_(arms, arms)
        return AlongRates(arms, differences[inner], best_reach[inner], pair_reach[inner])

    @cached_property
    def _ratios(self) -> Floats:
        """How far each row is better than each column, in units of what shows it; −∞ where that is not known."""
        known = np.isfinite(self.differences) & (self.pair_reach > 0.0)
        ratios = np.divide(self.differences, self.pair_reach, out=np.full_like(self.differences, -np.inf), where=known)
        return np.asarray(ratios)

    @cached_property
    def _above(self) -> tuple[NDArray[np.intp], Floats]:
        """For each arm, which one at a larger rate is most clearly better, and how clearly."""
        return _largest(np.where(np.tri(len(self.arms), k=-1, dtype=bool), self._ratios, -np.inf))

    @cached_property
    def _below(self) -> tuple[NDArray[np.intp], Floats]:
        """The same at smaller rates."""
        return _largest(np.where(np.tri(len(self.arms), k=-1, dtype=bool).T, self._ratios, -np.inf))

    @cached_property
    def limiting(self) -> tuple[float, int, int]:
        """The statistic of the test of a single peak, and the pair (better, worse) that sets it.

        A peak at arm b is spoken against by the clearest rise beyond it: z better than y, where y lies between b and z.
        The statistic is that of the peak that is spoken against least, in units of what shows a difference among all
        pairs: above 1, no peak is left, and a single one is contradicted at the error of those statements.
        """
        (above, rises), (below, falls) = self._above, self._below
        # From each arm on: the clearest of the rises at larger rates, and of the falls at smaller ones.
        right, left = np.maximum.accumulate(rises[::-1])[::-1], np.maximum.accumulate(falls)
        against = np.maximum(right, left)
        peak = int(np.argmin(against))
        if right[peak] >= left[peak]:
            worse = peak + int(np.argmax(rises[peak:]))
            better = int(above[worse])
        else:
            worse = int(np.argmax(falls[: peak + 1]))
            better = int(below[worse])
        return float(against[peak]), int(self.arms[better]), int(self.arms[worse])

    @property
    def is_contradicted(self) -> bool:
        """Whether no arm is left at which a single peak may be."""
        return self.limiting[0] > 1.0

    @cached_property
    def deduced(self) -> dict[int, tuple[int, int]]:
        """The arms that are out by their order: x → (z, y), where y lies between them and is shown worse than z."""
        deduced: dict[int, tuple[int, int]] = {}
        for (better, clear), is_above in ((self._above, True), (self._below, False)):
            shown = np.flatnonzero(clear > 1.0)
            if not len(shown):
                continue
            z = better[shown]
            # An arm's mean below z's, in units of what would show it with the noise of y.
            bars = self.best_reach[z, shown]
            agrees = np.nan_to_num(self.differences[z], nan=-np.inf) > bars[:, None]
            beyond = np.arange(len(self.arms))[None, :] < shown[:, None]
            beyond = beyond if is_above else np.arange(len(self.arms))[None, :] > shown[:, None]
            strength = np.where(agrees & beyond, clear[shown][:, None], -np.inf)
            for x in np.flatnonzero((agrees & beyond).any(axis=0)).tolist():
                pair = int(np.argmax(strength[:, x]))
                deduced.setdefault(int(self.arms[x]), (int(self.arms[z[pair]]), int(self.arms[shown[pair]])))
        return deduced

    def contenders(self, unbeaten: Sequence[int]) -> tuple[int, ...]:
        """Return the interval of arms that may be the best, given those that no other is shown to be better than."""
        left = [arm for arm in unbeaten if arm not in self.deduced] or list(unbeaten)
        index = np.flatnonzero(np.isin(self.arms, left))
        return tuple(sorted(self.arms[index[0] : index[-1] + 1].tolist())) if len(index) else tuple(unbeaten)


def _largest(ratios: Floats) -> tuple[NDArray[np.intp], Floats]:
    rows = ratios.argmax(axis=0)
    return rows, ratios[rows, np.arange(ratios.shape[1])]
