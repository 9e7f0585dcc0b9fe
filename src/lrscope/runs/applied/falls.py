"""Rates that went up, or began at the peak, and then came down once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lrscope.number_text import as_typed
from lrscope.runs.applied.curves import Curve, Fit, Free, Kind, fitted
from lrscope.runs.applied.decays import ENOUGH, Explained, Way, explanations
from lrscope.runs.applied.identified import Identified, Shape
from lrscope.runs.applied.peaks import Peak, likeliest
from lrscope.runs.applied.readings import Readings
from lrscope.runs.applied.rises import LIMIT, Rise, cost_of_warmup, rises
from lrscope.runs.applied.rounding import roundest

SHAPES: dict[Kind, Shape] = {
    "linear": "linear", "cosine": "cosine", "power": "polynomial", "exponential": "exponential",
    "inverse": "inverse-sqrt",
}  # fmt: skip
BLURS = (0.0, 0.75, 1.5, 3.0, 6.0)  # steps that a loss scaler skipped: the schedule is behind the count
MOST_BLUR = 0.01  # of all steps
NEARLY = 2e-3  # of the peak
BENDS = (0.5, 1.5, 2.0, 3.0, 4.0)


def fall(of: Readings, first: int, last: int) -> Identified | None:
    """Return what explains rates whose largest are those from `first` to `last`; None where nothing does."""
    if len(of) < 2 or not np.ptp(of.places) > 0.0:
        return None
    blurs = [blur for blur in BLURS if of.counts_steps and blur <= MOST_BLUR * float(np.ptp(of.places))]
    for blur in blurs or BLURS[:1]:
        if blur == BLURS[1] and not explanations(*_way(of, first, last + 1, blurs[-1])):
            break
        for start in sorted({first, last, last + 1}):
            if start >= len(of) - 1:
                continue
            way, lines = _way(of, first, start, blur)
            found = [each for each in explanations(way, lines) if each.evidence >= ENOUGH]
            from_peaks = [(peak, each) for each in found if (peak := likeliest(each, way, lines)) is not None]
            if from_peaks:
                told, is_clear = _told_apart(from_peaks, way, first)
                if told is not None or not is_clear:
                    return told
        if not blur and last - first >= 2:
            held = _held(of, first, last)
            if held is not None:
                return held
    return None


def _way(of: Readings, first: int, start: int, blur: float) -> tuple[Way, Sequence[Rise]]:
    """Return the way down from the index `start` on, and the lines up before the index `first` of the largest rate."""
    rising = first or min(start, 1)
    return Way(of, min(start, len(of) - 1), rising, blur), rises(of, rising) if rising else []


def _told_apart(found: Sequence[tuple[Peak, Explained]], way: Way, first: int) -> tuple[Identified | None, bool]:
    """Return the explanation whose peak is the likeliest, and whether the curves can be told apart.

    None where different curves explain the rates as well, or where what came before the fall contradicts it.
    """
    least = min(each.fit.worst for _, each in found)
    kinds = {each.curve.kind for _, each in found if each.fit.worst <= max(1.3, 1.3 * least)}
    if len(kinds) > 1:
        return None, False
    same = [(peak, each) for peak, each in found if each.curve.kind in kinds]
    for peak, each in sorted(same, key=lambda pair: pair[0].cost):
        identified = _identified(each, peak, way, first)
        if identified is not None:
            return identified, True
    return None, True


def _identified(of: Explained, peak: Peak, way: Way, first: int) -> Identified | None:
    """Return the schedule of a curve and its peak; None where the rates before the fall are not those of one."""
    readings = way.of
    curve = _settled(of.fit, peak, way)
    shape = SHAPES[curve.kind]
    has_end = shape in ("linear", "cosine", "polynomial")
    warmup, begin = max(curve.begins - peak.late, 0.0), 0.0
    rates = np.asarray(curve.at(readings.places))
    before = readings.places < curve.begins
    if peak.rise is not None:
        at_start = peak.rise.a + peak.rise.b * peak.late
        begin = max(at_start, 0.0) / curve.peak if at_start > peak.rise.b * 2.5 * readings.late else 0.0
        if not readings.counts_steps and not begin:
            warmup = curve.begins - max(peak.rise.zero, 0.0)
        rates[before] = np.minimum(peak.rise.a + peak.rise.b * readings.places[before], curve.peak)
    elif way.rising:
        rates[: way.rising] = readings.rates[: way.rising]
    elif warmup <= 1e-3 or (not readings.counts_steps and warmup < 1.5 * readings.late):
        warmup = 0.0
    if peak.rise is None and curve.begins > readings.places[first] + readings.late + 1e-6:
        return None  # it stayed at the peak first
    off = np.abs(rates - readings.rates)
    if (off[: way.first] > 2.0 * LIMIT * way.tolerances[: way.first]).any():
        return None
    floor, total = max(curve.floor, 0.0), curve.end - peak.late
    ending = curve.at(np.array([readings.total + peak.late]))[0] / curve.peak if shape == "linear" else 0.0
    if readings.total + 1.5 * readings.late < curve.end - peak.late and 5e-3 < ending < 0.9:
        # A line that would be 0 after the training's end is one to a floor at its end, where that is a round share.
        found = roundest(ending - 0.5 * NEARLY, ending + 0.5 * NEARLY, 2)
        if peak.floor or (found is not None and (found[1] == 1 or found[0] in (0.15, 0.25))):
            floor, total = peak.floor or found[0] if found else peak.floor, readings.total
    rate = peak.rate
    if not peak.is_sure(readings.top):  # how the training began is not known
        rate, warmup = as_typed(readings.top), math.nan if peak.is_open or not way.rising else warmup
    elif shape == "inverse-sqrt" and warmup > 1e-3 and not way.rising:  # it falls like that from any higher peak
        rate, warmup = as_typed(readings.top), math.nan
    if way.rising > 3 and peak.rise is None:  # what went up is no warmup that is known
        return Identified(as_typed(readings.top), "curved")
    return Identified(
        rate, shape, float(off.max()) / curve.peak, warmup, total if has_end else math.nan,
        floor if has_end else math.nan, curve.bend, begin,
        start=curve.begins, end=curve.end,
    )  # fmt: skip


def _settled(fit: Fit, peak: Peak, way: Way) -> Curve:
    """Return the fitted curve with the peak that was chosen, and a power's exponent as people write it."""
    curve, free = fit.curve, fit.free
    share = peak.rate / way.of.top
    if curve.kind == "cosine":
        others: tuple[Free, ...] = tuple(name for name in free if name != "peak")
        if abs(share - curve.peak) > 1e-9 and others:
            curve = fitted(replace(curve, peak=share), others, *way.sample).curve
        return replace(curve, peak=share)
    if curve.kind == "power":
        give = fit.give("bend", LIMIT) + 1e-3
        bend = next((each for each in BENDS if abs(each - curve.bend) <= give), curve.bend)
        if bend != curve.bend:
            left: tuple[Free, ...] = tuple(name for name in free if name != "bend")
            curve = fitted(replace(curve, bend=bend), left, *way.sample).curve
    if curve.kind == "inverse":
        return replace(curve, bend=max(curve.bend + peak.start - curve.start, 1e-9), start=peak.start, peak=share)
    if curve.kind == "exponential":
        return replace(curve, start=peak.start, peak=share)
    return replace(curve, start=peak.start, peak=share, floor=curve.floor * curve.peak / share)


def _held(of: Readings, first: int, last: int) -> Identified | None:
    """Return a warmup, a stable phase and a cooldown, where the rates are those of one."""
    way = Way(of, last)
    if len(of) - last < 4:
        return None
    low, high = float(of.places[last]), float(of.places[min(last + 1, len(of) - 1)])
    begun = [low + share * (high - low) for share in (0.0, 0.3, 0.6, 0.95)]
    lates = (1.0, 0.0) if of.counts_steps else (0.0, of.late)
    told = [] if math.isnan(of.total) else [of.total + late for late in lates]
    ends = [high + (way.span - high) * share for share in (0.4, 0.7, 0.95, 1.02, 1.1, 1.3, 1.7, 2.5)]
    kinds: tuple[Kind, ...] = ("linear", "cosine", "sqrt")
    frees: tuple[tuple[Free, ...], ...] = (("start",), ("start", "floor"), ("start", "end"), ("start", "floor", "end"))
    for free in frees:
        fits: list[tuple[Fit, float]] = []
        for places in [[end] for end in told] if "end" not in free else [ends]:
            for kind in kinds:
                curves = [Curve(kind, start=start, end=end) for start in begun for end in places if end > high]
                fit = way.fits(curves, free) if curves else None
                if fit is not None and way.evidence(fit) >= ENOUGH:
                    fits.append((fit, places[0]))
        if fits:
            fit, _ = min(fits, key=lambda pair: pair[0].worst)
            late = math.nan
            if not math.isnan(of.total) and -0.5 <= fit.curve.end - of.total <= of.late + 0.5:
                late = max(fit.curve.end - of.total, 0.0)
            warmup, late = plateau_warmup(of, first, late)
            error = float(np.abs(fit.curve.at(of.places[first:]) - of.rates[first:]).max())
            return Identified(
                of.top, "warmup-stable-decay", error, warmup, fit.curve.end - late, max(fit.curve.floor, 0.0),
                hold=fit.curve.start - late, decay=fit.curve.kind,
            )  # fmt: skip
    return None


def plateau_warmup(of: Readings, first: int, late: float = math.nan) -> tuple[float, float]:
    """Return how long the rise to rates that stay at the peak was, and where step 0 stands, unless `late` tells."""
    usual = 1.0 if of.counts_steps else 0.0
    known = usual if math.isnan(late) else late
    if first == 0:
        return 0.0, known
    lines = [
        (reached, rise)
        for rise in rises(of, first)
        if of.places[first - 1] - 1e-6 <= (reached := (1.0 - rise.a) / rise.b) <= of.places[first] + 1e-6
    ]
    if not lines:
        return max(float(of.places[first]) - known, 0.0), known

    def cost(line: tuple[float, Rise]) -> float:
        reached, rise = line
        usual_first = abs(rise.zero - known) * (0.3 if math.isnan(late) else 4.0)
        return usual_first + (cost_of_warmup(reached - rise.zero, of.total) if of.counts_steps else 0.0)

    reached, rise = min(lines, key=cost)
    return reached - max(rise.zero, 0.0), max(rise.zero, 0.0) if math.isnan(late) else late
