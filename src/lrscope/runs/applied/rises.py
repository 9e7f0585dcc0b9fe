"""How logged rates went up to their peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.runs.applied.readings import Readings

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
