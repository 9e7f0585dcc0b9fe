"""What a wrong rate costs, read off the landscapes: by how much, relatively, its loss lies above the best rate's."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrscope.priors.evidence import Landscape

Floats = NDArray[np.float64]
DIVERGED = 0.1  # what a run that diverged costs: it is seen, and run again
NARROW = 0.5  # decades: where the best rate is known less well, costs so far off are mostly beyond what was trained
NODES = 101
OFFSETS = np.linspace(-4.0, 4.0, 401)  # decades from the best rate at which costs are read off
SHIFTS = np.linspace(-1.0, 0.5, 76).round(2)


class Regret(NamedTuple):
    """The expected relative loss against the best rate, and what it stays below with a probability of 90%."""

    mean: float
    bound: float


def excess_at(landscape: Landscape, rates: Floats) -> Floats:
    """Return the relative loss above the best at log10 rates.

    Between rates that were trained, a monotone cubic (Fritsch and Carlson, SIAM J. Numer. Anal. 17, 1980) through them
    and the best rate; beyond them, the straight line of the last two. Above half-way to a rate that diverged,
    `DIVERGED`.
    """
    known = [(x, y) for x, y in zip(landscape.rates, landscape.excess, strict=True) if math.isfinite(y)]
    if all(abs(landscape.best - x) > 0.02 for x, _ in known):
        known.append((landscape.best, 0.0))
    x, y = (np.array(each) for each in zip(*sorted(known), strict=True))
    inside = _monotone_cubic(x, y, rates)
    below = y[0] + (rates - x[0]) * (y[1] - y[0]) / (x[1] - x[0])
    above = y[-1] + (rates - x[-1]) * (y[-1] - y[-2]) / (x[-1] - x[-2])
    found = np.maximum(np.where(rates < x[0], below, np.where(rates > x[-1], above, inside)), 0.0)
    diverged = [rate for rate, each in zip(landscape.rates, landscape.excess, strict=True) if math.isinf(each)]
    limits = [rate for rate in diverged if rate > x[-1]]
    if limits:
        found = np.where(rates > (x[-1] + min(limits)) / 2.0, DIVERGED, found)
    return found


class Start(NamedTuple):
    """Which rate to start at, in decades from the median of the best rate, and what it is expected to cost."""

    shift: float
    regret: Regret


def best_start(landscapes: Sequence[Landscape], sd: float) -> Start:
    """Return the start that is expected to cost least, where log10 of the best rate is normal with this sd.

    The loss is a mixture over landscapes, in which every family counts the same, and `DIVERGED` at most: what costs
    more is seen, and run again. Where it rises more steeply above the best rate than below, the start lies below the
    median, the further the wider the normal; up to `NARROW`, beyond which it is the median.
    """
    shares = Counter(each.at.family for each in landscapes)
    weights = np.array([1.0 / (len(shares) * shares[each.at.family]) for each in landscapes])
    costs = np.array([_around_best(each) for each in landscapes])
    error = sd * np.array([NormalDist().inv_cdf((place + 0.5) / NODES) for place in range(NODES)])
    mean = weights @ costs
    expected = [float(np.interp(shift + error, OFFSETS, mean).mean()) for shift in SHIFTS]
    place = int(np.argmin(expected if sd <= NARROW else np.abs(SHIFTS)))
    shift = float(SHIFTS[place])
    values = np.concatenate([np.interp(shift + error, OFFSETS, each) for each in costs])
    order = np.argsort(values)
    total = np.cumsum(np.repeat(weights, NODES)[order]) / NODES
    bound = min(int(np.searchsorted(total, 0.9)), len(values) - 1)
    return Start(shift, Regret(expected[place], float(values[order][bound])))


@functools.lru_cache(maxsize=4096)
def _around_best(landscape: Landscape) -> Floats:
    return np.minimum(excess_at(landscape, landscape.best + OFFSETS), DIVERGED)


def _monotone_cubic(x: Floats, y: Floats, at: Floats) -> Floats:
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    derivative = np.zeros_like(y)
    derivative[0], derivative[-1] = slope[0], slope[-1]
    rising = slope[:-1] * slope[1:] > 0.0
    w1, w2 = 2.0 * h[1:] + h[:-1], h[1:] + 2.0 * h[:-1]
    safe = np.where(rising, slope[:-1], 1.0), np.where(rising, slope[1:], 1.0)
    derivative[1:-1] = np.where(rising, (w1 + w2) / (w1 / safe[0] + w2 / safe[1]), 0.0)
    place = np.clip(np.searchsorted(x, at) - 1, 0, len(h) - 1)
    t = np.clip((at - x[place]) / h[place], 0.0, 1.0)
    left, right = y[place], y[place + 1]
    d0, d1 = derivative[place] * h[place], derivative[place + 1] * h[place]
    return np.asarray(
        left * (1 + 2 * t) * (1 - t) ** 2 + d0 * t * (1 - t) ** 2 + right * t**2 * (3 - 2 * t) + d1 * t**2 * (t - 1)
    )
