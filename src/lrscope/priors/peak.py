"""The best rate of one landscape: a parabola through the best of its rates and the neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lrscope.parabola import Parabola
from lrscope.priors.evidence import Edge

SHAPE = 0.2  # how far a parabola misses the best rate, in spacings of the grid: a cliff above is no parabola
FLAT = 0.003  # a share of the loss: what the lowest rates must cost at least, or nothing was learned that rates decide
WIDEST = 1.0  # decades that noise moves a peak at most
BEYOND = 0.5  # how far beyond the edge of a grid the best may lie, in spacings, as a standard error


class Peak(NamedTuple):
    """log10 of the best rate, its standard error, the edge that it lies at, and the loss that is reached there."""

    best: float
    se: float
    edge: Edge
    loss: float


def find_peak(rates: Sequence[float], losses: Sequence[float], noise: float) -> Peak | None:
    """Return the peak of losses at log10 rates in rising order; infinite where a run diverged. `noise` is a loss's sd.

    The standard error is the delta method's for the vertex, with what the grid's spacing leaves open. A best rate whose
    upper neighbour diverged lies below half-way to it. One at the edge of the grid is put where the parabola of the
    three nearest rates has its vertex, at most a spacing beyond, with a wide error. None of fewer than three rates, and
    where no rate below the best costs `FLAT`, at the lowest rate its neighbour above.
    """
    x, y = np.asarray(rates, dtype=float), np.asarray(losses, dtype=float)
    top = int(np.argmin(y))
    ends = np.flatnonzero(np.isfinite(y))
    diverged = x[(x > x[top]) & ~np.isfinite(y)]
    limit = float(diverged.min()) if len(diverged) else math.inf
    inner, values = x[ends], y[ends]
    if len(ends) < 3:
        return None
    at = int(np.flatnonzero(ends == top)[0])
    lower = values[:at] if at else values[1:2]
    if lower.max() < (1.0 + FLAT) * values[at]:
        return None
    middle = min(max(at, 1), len(inner) - 2)
    near = slice(middle - 1, middle + 2)
    through = Parabola.through(inner[near], values[near])
    vertex, drift = through.vertex, through.vertex_sd(noise)
    spacing = float(inner[near][-1] - inner[near][0]) / 2.0
    if 0 < at < len(inner) - 1:
        low, high = (inner[at - 1] + inner[at]) / 2.0, (inner[at] + inner[at + 1]) / 2.0
        best, se = float(np.clip(vertex, low, high)), math.hypot(SHAPE * spacing, min(drift, WIDEST))
        # Never above the least of the three: what is compared with.
        return Peak(best, se, "", min(float(through.at(best)), float(values[near].min())))
    if at == 0:
        best = float(np.clip(vertex, inner[0] - spacing, inner[0] + spacing / 4.0))
        return Peak(best, BEYOND * spacing, "low", float(values[0]))
    if math.isfinite(limit):  # bracketed: the next rate diverged
        best = float(np.clip(vertex, inner[-1] - spacing / 4.0, (inner[-1] + limit) / 2.0))
        return Peak(best, math.hypot(SHAPE * spacing, (limit - inner[-1]) / 4.0), "", float(values[-1]))
    best = float(np.clip(vertex, inner[-1] - spacing / 4.0, inner[-1] + spacing))
    return Peak(best, BEYOND * spacing, "high", float(values[-1]))
