"""Rates that rise along half a cosine before they fall (one cycle), or jump back up after they fell (restarts)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lrscope.runs.applied.curves import Curve, Fit
from lrscope.runs.applied.decays import ENOUGH, Way
from lrscope.runs.applied.falls import fall
from lrscope.runs.applied.identified import Identified
from lrscope.runs.applied.readings import Readings
from lrscope.runs.applied.rises import LIMIT
from lrscope.runs.applied.rounding import roundest
from lrscope.runs.score_table import Floats


def one_cycle(of: Readings, first: int) -> Identified | None:
    """Return the cycle whose largest logged rate is at the index `first`, where that is what the rates are."""
    if first < 3 or len(of) - first < 3:
        return None
    # The way up, seen in a mirror, is a way down: from where the cycle turns to where it begins.
    mirrored = replace(of, places=-of.places[: first + 1][::-1], rates=of.rates[: first + 1][::-1],
                       tolerances=of.tolerances[: first + 1][::-1])  # fmt: skip
    way = Way(mirrored, 0)
    low, high = float(of.places[first]), float(of.places[first + 1])
    turns = [low + share * (high - low) for share in (0.05, 0.3, 0.6, 0.95)]
    for late in (1.0, 0.0) if of.counts_steps else (0.0, of.late):
        begun = [Curve("cosine", start=-turn, end=-late) for turn in turns]
        up = way.fits(begun, ("peak", "floor", "start"))
        if up is None or way.evidence(3) < ENOUGH:
            continue
        down = _down(of, first + 1, -up.curve.start, late)
        if down is None:
            continue
        better = min((up, down), key=lambda fit: fit.give("peak", LIMIT))
        give = better.give("peak", LIMIT)
        found = roundest(
            (better.curve.peak - give) * of.top * (1 - 1e-9), (better.curve.peak + give) * of.top * (1 + 1e-9)
        )
        peak = found[0] if found else better.curve.peak * of.top
        error = max(np.abs(fit.deviations * tolerances).max() for fit, tolerances in (
            (up, way.sample[2]), (down, Way(of, first + 1).sample[2])))  # fmt: skip
        return Identified(
            peak, "one-cycle", float(error), -up.curve.start - late, down.curve.end - late, max(down.curve.floor, 0.0),
            begin=max(up.curve.floor, 0.0),
        )  # fmt: skip
    return None


def _down(of: Readings, first: int, start: float, late: float) -> Fit | None:
    way = Way(of, first)
    ends = [way.span * factor for factor in (1.0, 1.01, 1.05, 1.2, 1.5, 2.0, 3.0, 5.0)]
    fit = way.fits([Curve("cosine", start=start, end=end) for end in ends], ("peak", "floor", "end"))
    return fit if fit is not None and way.evidence(3) >= ENOUGH else None


def restarts(of: Readings, jumps: Sequence[int]) -> Identified | None:
    """Return the cosine that begins again at the indices `jumps`, where that is what the rates are."""
    stop = jumps[0]
    begin = replace(of, places=of.places[:stop], rates=of.rates[:stop], tolerances=of.tolerances[:stop], total=math.nan)
    first = int(np.argmax(begin.rates))
    cycle = fall(begin, first, first)
    if cycle is None or cycle.shape != "cosine":
        return None
    period = cycle.total - cycle.warmup
    for late in (1.0, 0.0) if of.counts_steps else (0.0, of.late):
        start = cycle.warmup + late
        again = float(of.places[stop])
        before = float(of.places[stop - 1])
        for length in (period, *np.linspace(max(before - start, 0.5 * period), again - start, 25)):
            for multiplier in (1.0, 2.0, 3.0):
                rates = _cycles(of.places, start, float(length), multiplier, cycle.floor) * cycle.peak / of.top
                off = np.abs(rates - of.rates)[of.places > start]
                allowed = (2.0 * LIMIT * of.tolerances)[of.places > start]
                if (off > allowed).sum() <= len(jumps):
                    good = off[off <= allowed]
                    error = float(good.max()) if len(good) else math.nan
                    total = of.total
                    return Identified(cycle.peak, "restarts", error, cycle.warmup, total, cycle.floor,
                                      period=float(length), multiplier=multiplier)  # fmt: skip
    return None


def _cycles(places: Floats, start: float, period: float, multiplier: float, floor: float) -> Floats:
    beyond = np.maximum(places - start, 0.0)
    if multiplier == 1.0:
        share = (beyond / period) % 1.0
    else:
        number = np.floor(np.log1p(beyond / period * (multiplier - 1.0)) / math.log(multiplier) + 1e-12)
        begun = period * (multiplier**number - 1.0) / (multiplier - 1.0)
        share = (beyond - begun) / (period * multiplier**number)
    return np.asarray(floor + (1.0 - floor) * (0.5 + 0.5 * np.cos(np.pi * share)))
