"""Rates that rise along half a cosine before they fall (one cycle), or jump back up after they fell (restarts)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lrscope.runs.applied.curves import Curve, Free
from lrscope.runs.applied.decays import ENOUGH, Way
from lrscope.runs.applied.falls import fall
from lrscope.runs.applied.identified import Identified
from lrscope.runs.applied.readings import Readings
from lrscope.runs.applied.rises import LIMIT
from lrscope.runs.applied.rounding import roundest
from lrscope.runs.score_table import Floats


def one_cycle(of: Readings, first: int, last: int) -> Identified | None:
    """Return the cycle whose largest logged rates are from the index `first` to `last`, where the rates are one's."""
    stop = first if first > 3 else first + 1  # the largest may be of the way up or of the way down
    if stop < 4 or len(of) - last < 4:
        return None
    # The way up, seen in a mirror, is a way down: from where the cycle turns to where it begins.
    mirrored = replace(
        of, places=-of.places[:stop][::-1], rates=of.rates[:stop][::-1], tolerances=of.tolerances[:stop][::-1]
    )
    way = Way(mirrored, 0)
    low, high = float(of.places[first - 1]), float(of.places[last + 1])
    turns = [low + share * (high - low) for share in (0.05, 0.3, 0.5, 0.7, 0.95)]
    for late in (1.0, 0.0) if of.counts_steps else (0.0, of.late, 0.5 * of.late):
        begun = [Curve("cosine", start=-turn, end=-late) for turn in turns]
        is_open = not of.counts_steps and 0.0 < late < of.late
        free: tuple[Free, ...] = ("peak", "floor", "start", "end") if is_open else ("peak", "floor", "start")
        up = way.fits(begun, free)
        if up is None or way.evidence(up) < ENOUGH or not low <= -up.curve.start <= high:
            continue
        turn, begins = -up.curve.start, -up.curve.end
        down_way = Way(of, last + 1)
        ends = [down_way.span * factor for factor in (1.0, 1.01, 1.05, 1.2, 1.5, 2.0, 3.0, 5.0)]
        begun = [Curve("cosine", start=turn, end=end) for end in ends]
        down = down_way.fits(begun, ("peak", "floor", "end")) or down_way.fits(begun, ("peak", "floor", "start", "end"))
        if down is None or down_way.evidence(down) < ENOUGH or not low <= down.curve.start <= high:
            continue
        better = min((up, down), key=lambda fit: fit.give("peak", LIMIT))
        give = better.give("peak", LIMIT) + 1e-9
        found = roundest((better.curve.peak - give) * of.top, (better.curve.peak + give) * of.top)
        rates = np.where(of.places < turn, up.curve.at(-of.places), down.curve.at(of.places))
        return Identified(
            found[0] if found else better.curve.peak * of.top, "one-cycle", float(np.abs(rates - of.rates).max()),
            turn - begins, down.curve.end - begins, max(down.curve.floor, 0.0), begin=max(up.curve.floor, 0.0),
        )  # fmt: skip
    return None


def restarts(of: Readings, jumps: Sequence[int]) -> Identified | None:
    """Return the cosine that begins again at the indices `jumps`, where that is what the rates are."""
    stop = jumps[0]
    begin = replace(of, places=of.places[:stop], rates=of.rates[:stop], tolerances=of.tolerances[:stop], total=math.nan)
    first = int(np.argmax(begin.rates))
    cycle = fall(begin, first, first)
    if cycle is None or cycle.shape != "cosine":
        return None
    period = cycle.end - cycle.start
    start, before, again = cycle.start, float(of.places[stop - 1]), float(of.places[stop])
    falling = of.places > start
    lengths = [period, *np.linspace(max(before - start, 0.5 * period), again - start, 25).tolist()]
    for multiplier in (1.0, 2.0, 3.0):
        for length in lengths:
            rates = _cycles(of.places, start, length, multiplier, cycle.floor) * cycle.peak / of.top
            off = np.abs(rates - of.rates)[falling]
            fits = off <= 2.0 * LIMIT * of.tolerances[falling]
            if (~fits).sum() <= len(jumps) and fits.sum() > 2 * len(jumps):  # a cycle's end may be the next one's start
                return Identified(
                    cycle.peak, "restarts", float(off[fits].max()), cycle.warmup, of.total, cycle.floor,
                    period=length, multiplier=multiplier,
                )  # fmt: skip
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
