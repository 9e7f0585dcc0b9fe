"""Rates that stay at a level for a while and then drop to the next one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrscope.runs.applied.readings import Readings
from lrscope.runs.score_table import Floats

CLEAR = 3.0  # units of the last digit: a drop by less may be a rounded slope


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels [k], the places [k] of their first and their last rate, and how many rates were logged at each [k]."""

    rates: Floats
    places: Floats
    ends: Floats
    counts: Floats

    @property
    def drops(self) -> tuple[tuple[float, float], ...]:
        """Between which places each drop lies."""
        return tuple(zip(self.ends[:-1].tolist(), self.places[1:].tolist(), strict=True))

    @property
    def length(self) -> float | None:
        """How long each lasts, None where they differ."""
        lengths = np.diff(self.places)[1 if len(self.places) > 4 else 0 :]  # the first may not be whole
        if len(lengths) < 2:
            return None
        mean = float(lengths.mean())
        return mean if np.ptp(lengths) <= 0.26 * mean else None


def levels(of: Readings, first: int) -> Levels | None:
    """Return the levels that rates from the index `first` on went down by; None where that is not what they did."""
    rates, tolerances = of.rates[first:], of.tolerances[first:]
    changes = np.flatnonzero(np.abs(np.diff(rates)) > 0.75 * (tolerances[1:] + tolerances[:-1])) + 1
    if not 0 < len(changes) <= len(rates) // 2:
        return None
    drops = rates[changes - 1] - rates[changes]
    if (drops < CLEAR * (tolerances[changes] + tolerances[changes - 1])).any():
        return None
    begins = np.insert(changes, 0, 0)
    counts = np.diff(np.append(begins, len(rates))).astype(np.float64)
    singles = int((counts[:-1] < 2).sum()) + (counts[-1] < 2 and len(counts) < 3)
    if singles > len(counts) // 4:
        return None
    ends = np.append(changes, len(rates)) - 1
    return Levels(rates[begins], of.places[first + begins], of.places[first + ends], counts)
