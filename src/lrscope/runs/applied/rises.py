"""How logged rates went up to their peak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.runs.applied.readings import Readings
from lrscope.runs.applied.rounding import roundest

NICE = (1, 2, 3, 4, 5, 6, 7.5, 8, 10, 15, 20, 25, 30, 40, 50)  # percent of a run that a warmup often takes
LIMIT = 1.6  # tolerances: what a least-squares fit may leave of a rounded number


@dataclass(frozen=True)
class Rise:
    """The line a + b x that rates went up along; `zero` is where it is 0."""

    a: float
    b: float

    @property
    def zero(self) -> float:
        """Where it is 0."""
        return -self.a / self.b

    @property
    def line(self) -> tuple[float, float]:
        """Its two coefficients."""
        return self.a, self.b


def rises(of: Readings, stop: int) -> Sequence[Rise]:
    """Return the lines that the first `stop` rates may have gone up along, the likeliest first.

    A warmup's rate is t / W (transformers), (t + 1) / W (lrscope) or (t + 1) / (W + 1) (nanoGPT) of the peak. One rate
    has to do with these; more show their line, which may begin above 0.
    """
    places, rates, tolerances = of.places[:stop], of.rates[:stop], of.tolerances[:stop]
    zeros = (1.0, 0.0, -1.0) if of.counts_steps else (0.0, of.late, -of.late)
    above = rates > 0.0
    through: list[Rise] = []
    for zero in zeros:
        beyond = places - zero
        if (beyond[above] <= 0.0).any() or not above.any():
            continue
        weights = beyond / tolerances**2
        slope = float(weights @ rates / (weights @ beyond))
        if not slope * float(beyond.max()) > 1e-9:
            continue
        off = np.abs(slope * beyond - rates)
        if (off <= LIMIT * tolerances + slope * of.blur).all():
            through.append(Rise(-slope * zero, slope))
    if through or stop < 2:
        return through
    slope, first = np.polyfit(places, rates, 1, w=1.0 / tolerances) if np.ptp(places) > 0.0 else (0.0, 0.0)
    off = np.abs(first + slope * places - rates)
    goes_up = slope * np.ptp(places) > 4.0 * float(tolerances.max())
    if goes_up and (stop > 2 or not of.counts_steps) and (off <= LIMIT * tolerances + slope * of.blur).all():
        return [Rise(float(first), float(slope))]
    return []


def cost_of_warmup(warmup: float, total: float) -> float:
    """Return how unlikely it is that somebody asked for a warmup of so many steps.

    >>> cost_of_warmup(0.0, 375.0), cost_of_warmup(12.0, 375.0), cost_of_warmup(17.0, 375.0)
    (0.0, 1.0, 2.5)
    """
    if abs(warmup) < 1e-3:
        return 0.0
    count = round(warmup)
    is_share = math.isfinite(total) and any(math.ceil(total * share / 100) == count for share in NICE)
    return 1.0 if is_share or (count >= 10 and roundest(count, count, 1)) else 2.5
