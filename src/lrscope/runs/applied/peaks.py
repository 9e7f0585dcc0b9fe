"""The peak of a schedule whose way down is known: where the rates went up and came down meet, as a person types it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lrscope.number_text import as_typed
from lrscope.runs.applied.curves import Curve, Fit, fitted
from lrscope.runs.applied.decays import WITHOUT_START, Explained, Way
from lrscope.runs.applied.rises import LIMIT, Rise
from lrscope.runs.applied.rounding import digits_of, roundest, short_numbers

DIGITS = (0.0, 0.0, 1.2, 3.0, 4.5)  # how unlikely it is that a person types a number of so many digits
NOT_ROUND = 6.0
HALVES = ("316", "3162")  # the middle of a decade
FLOORS = (0.1, 0.01, 0.05, 0.2, 0.5, 0.02, 0.25, 0.3, 0.001)  # shares of the peak that schedules often end at
NICE = (1, 2, 3, 4, 5, 6, 7.5, 8, 10, 15, 20, 25, 30, 40, 50)  # percent of a run that a warmup often takes


@dataclass(frozen=True)
class Peak:
    """A peak that a way down may have come from.

    `start` is where the fall begins, `late` the place of step 0, `cost` how unlikely it is, `give` the share by which
    the rate is not known, `digits` how many it has, 0 where it is not round. A line goes on to `floor` times the peak
    where the training was told to end, not to 0.
    """

    rate: float
    start: float
    late: float
    cost: float
    give: float
    digits: int = 0
    rise: Rise | None = None
    floor: float = 0.0


def likeliest(of: Explained, way: Way, lines: Sequence[Rise]) -> Peak | None:
    """Return the likeliest peak that an explained way down may have come from; None where the rise does not meet it."""
    return min(_peaks(of, way, lines), key=lambda peak: peak.cost, default=None)


def _peaks(of: Explained, way: Way, lines: Sequence[Rise]) -> Iterator[Peak]:
    for low, high, extra, floor in _lates(of, way):
        for peak in _of_late(of, way, lines, low, high, extra):
            yield replace(peak, floor=floor)


def _of_late(of: Explained, way: Way, lines: Sequence[Rise], low: float, high: float, extra: float) -> Iterator[Peak]:
    """Yield the peaks of a schedule whose step 0 stands between two places."""
    if of.curve.kind not in WITHOUT_START:
        start = of.curve.begins
        warmup = 0.0 if of.rise is not None or way.rising else start - 0.5 * (low + high)
        if not way.rising and "start" not in of.fit.free and not low - 0.5 <= start <= high + 0.5:
            extra += 3.0  # a start that contradicts the end
        cost = extra + (_cost_of_warmup(warmup, of, way, low) if "start" in of.fit.free else 0.0)
        if of.rise is not None and (of.rise.zero > 0.5) != (low > 0.5) and not of.curve.shift:
            cost += 0.5
        give = of.fit.give("peak", LIMIT)
        yield _rounded(of.curve.peak - give, of.curve.peak + give, start, low, cost, way, of.rise)
    elif lines:
        for rise in lines:
            yield from _met(of, way, rise, low, high, extra)
    elif way.rising:
        before, after = float(way.of.places[way.rising - 1]), float(way.of.places[way.first])
        fit = _from(of.fit, before, way)
        yield _rounded(1.0, fit.curve.peak, 0.5 * (before + after), low, extra + 1.0, way)
    else:
        yield from _without_rise(of, way, low, high, extra)


def _lates(of: Explained, way: Way) -> list[tuple[float, float, float, float]]:
    """Return between which places step 0 may stand, how unlikely that is, and the floor that goes with it."""
    readings, end, late = way.of, of.curve.end, way.of.late
    has_end = of.curve.kind not in ("exponential", "inverse")
    told = not math.isnan(readings.total) and has_end
    give = of.fit.give("end", LIMIT) + readings.blur
    floors: list[tuple[float, float, float, float]] = []
    if told and not of.told and of.curve.kind == "linear":
        for floor in FLOORS:
            at = end - readings.total / (1.0 - floor)
            room = give + 1e-3 + (0.004 * end if readings.unit != 1.0 else 0.0)
            if readings.counts_steps:
                floors += [(each, each, 0.2, floor) for each in (1.0, 0.0) if abs(at - each) <= room]
            elif -room <= at <= late + room:
                floors.append((max(at - room, 0.0), min(max(at + room, 0.0), late), 0.2, floor))
    if readings.counts_steps:
        if of.told and has_end:
            place = max(end - readings.total, 0.0)
            return [(place, place, 0.0 if place else 0.2, 0.0)]
        return floors[:1] or [(1.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.3, 0.0)]
    found = floors[:1]
    if has_end and not floors:
        give = min(give, late)
        first, last = math.ceil((end - late) * readings.unit - 1e-9), math.floor(end * readings.unit + 1e-9)
        whole = [count / readings.unit for count in range(first, last + 1)] if 0 < last < first + 3 else []
        for length, extra in [(readings.total, 0.0)] * told + [(each, 0.3) for each in whole]:
            if -give - 1e-3 * late <= end - length <= late + give:
                spread = give + 0.004 * length if readings.unit != 1.0 else give
                at = end - length
                found.append((max(at - spread, 0.0), min(max(at + spread, 0.0), late), extra, 0.0))
    return [*found, (0.0, 0.12 * late, 0.6, 0.0), (late, late, 0.9, 0.0), (0.0, late, 1.5, 0.0)]


def _without_rise(of: Explained, way: Way, low: float, high: float, extra: float) -> Iterator[Peak]:
    """Yield the peaks of a fall before which nothing was logged: at step 0, or where a warmup ended after it."""
    logged, top = float(way.of.places[0]), way.of.top
    first, last = _from(of.fit, high, way), _from(of.fit, low, way)
    give = first.give("peak", LIMIT)
    if of.curve.kind != "inverse" or last.curve.bend > 2.0 * (logged - low):  # of one that begins at once
        yield _rounded(first.curve.peak - give, last.curve.peak + give, 0.5 * (low + high), low, extra, way)
    highest = min(last.curve.peak, math.sqrt(max(logged - low, 1.0))) if of.curve.kind == "inverse" else last.curve.peak
    steepness = abs(highest - 1.0) / max(logged - low, 1e-12)
    doubt = give / steepness if steepness > 0.0 else math.inf
    is_exact = way.of.counts_steps and doubt < 0.02
    for rate, digits in _candidates(top, highest - 2.0 * give, 3 if is_exact else 2):
        start = _where(of.curve, rate / top, low, logged)
        if start is None or start <= high:
            continue
        warmup = start - low
        if way.of.counts_steps and doubt < 0.2 and abs(warmup - round(warmup)) > doubt + 1e-3:
            continue
        cost = extra + _cost_of_digits(rate, digits) + _cost_of_warmup(warmup, of, way, low)
        if rate == as_typed(top) and _is_fine(way, digits):
            cost -= 2.0  # a short number among long ones is one by intent
        yield Peak(rate, start, low, cost, 0.0, digits)


def _candidates(top: float, highest: float, most: int) -> list[tuple[float, int]]:
    """Return the round rates from the largest that was logged on."""
    found = short_numbers(top * (1.0 - 1e-6), top * highest, most)
    typed = as_typed(top)
    digits, _ = digits_of(typed)
    return found if digits > 3 or any(rate == typed for rate, _ in found) else [*found, (typed, digits)]


def _is_fine(way: Way, digits: int) -> bool:
    """Whether the largest rate has so few digits, beside those of others, that this is no chance."""
    if float(way.of.tolerances[int(np.argmax(way.of.rates))]) > 0.5 * 10.0 ** -(digits + 1):
        return False
    _, rates, _ = way.sample
    others = rates[(rates > 0.0) & (rates < 1.0)] * way.of.top
    return float(np.mean([digits_of(float(f"{rate:.6g}"))[0] <= digits for rate in others])) < 0.1


def _cost_of_digits(rate: float, digits: int) -> float:
    """Return how unlikely it is that a person types a number: 2.5e-5 and √10 are more often typed than 2.6e-5."""
    written = f"{rate:.3e}"[:5].replace(".", "").rstrip("0")
    if written in HALVES:
        return 0.9
    return DIGITS[digits] - (0.4 if digits == 2 and written[1] == "5" else 0.0)


def _met(of: Explained, way: Way, rise: Rise, low: float, high: float, extra: float) -> Iterator[Peak]:
    """Yield the peaks where a line up meets the way down, or, as in lrscope's own warmups, is a step before it."""
    if way.of.counts_steps and not low - 1.5 <= rise.zero <= high + 0.5:
        extra += 2.0
    shifts = (0.0, 1.0) if way.of.counts_steps else (0.0, way.of.late)
    for shift in shifts if rise.zero < 0.5 * way.of.late else (0.0,):
        cost = extra + (0.4 if shift and not way.of.counts_steps else 0.0)
        if way.of.counts_steps and (rise.zero > 0.5) != (low > 0.5) and not shift:
            cost += 0.2
        start = _meeting(of.curve, rise, shift, way)
        if start is None:
            continue
        fit = _from(of.fit, start, way)
        give = fit.give("peak", LIMIT) + 2.0 * float(way.tolerances[way.rising - 1])
        yield _rounded(fit.curve.peak - give, fit.curve.peak + give, start, low, cost, way, rise)


def _meeting(curve: Curve, rise: Rise, shift: float, way: Way) -> float | None:
    """Return where a line up, moved by `shift`, meets a curve down."""
    low, high = float(way.of.places[way.rising - 1]) - 1e-9, float(way.of.places[way.first]) + shift + 1e-9

    def above(place: float) -> float:
        return rise.a + rise.b * (place - shift) - _height(curve, place)

    room = 3.0 * float(way.of.tolerances[: way.first + 1].max())
    if above(low) > room or above(high) < -room:
        return None
    if above(high) <= 0.0:
        return high
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if above(middle) > 0.0 else (middle, high)
    return 0.5 * (low + high)


def _height(curve: Curve, place: float) -> float:
    """Return how high a curve whose start is not known was at a place."""
    beyond = place - curve.start
    if curve.kind == "exponential":
        return curve.peak * math.exp(-max(min(curve.bend * beyond, 700.0), -700.0))
    if curve.kind == "inverse":
        return curve.peak / math.sqrt(max(1.0 + beyond / curve.bend, 1e-12))
    left = max(1.0 - beyond / (curve.end - curve.start), 0.0)
    left = left**curve.bend if curve.kind == "power" else left
    return curve.peak * (curve.floor + (1.0 - curve.floor) * left)


def _where(curve: Curve, height: float, low: float, high: float) -> float | None:
    """Return where between two places a curve was at a height."""
    if height <= _height(curve, high) * (1.0 + 1e-6):
        return high if height >= _height(curve, high) * (1.0 - 1e-3) else None
    if height > _height(curve, low):
        return None
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _height(curve, middle) > height else (low, middle)
    return 0.5 * (low + high)


def _from(fit: Fit, start: float, way: Way) -> Fit:
    """Return a fit of the same curve with another start."""
    curve = fit.curve
    height = _height(curve, start)
    if curve.kind == "inverse":
        moved = replace(curve, start=start, peak=height, bend=max(curve.bend + start - curve.start, 1e-9))
    else:
        moved = replace(curve, start=start, peak=height, floor=curve.floor * curve.peak / height)
    return fitted(moved, fit.free, *way.sample)


def _rounded(
    low: float, high: float, start: float, late: float, cost: float, way: Way, rise: Rise | None = None
) -> Peak:
    """Return the peak between two shares of the largest rate that a person would type."""
    top = way.of.top
    logged = 1.0 - 2.0 * float(way.of.tolerances[int(np.argmax(way.of.rates))])
    if high < logged:
        cost += 5.0  # a larger rate was logged
    low, high = max(low, logged), max(high, logged)
    found = roundest(low * top * (1.0 - 1e-9), high * top * (1.0 + 1e-9))
    give = (high - low) / 2.0
    if found is None:
        return Peak(as_typed(0.5 * (low + high) * top), start, late, cost + NOT_ROUND, give, 0, rise)
    return Peak(found[0], start, late, cost + _cost_of_digits(*found), give, found[1], rise)


def _cost_of_warmup(warmup: float, of: Explained, way: Way, late: float) -> float:
    """Return how unlikely it is that somebody asked for a warmup of so many steps."""
    if abs(warmup) < 1e-3:
        return 0.0
    if not way.of.counts_steps:
        return 1.5
    count = round(warmup)
    total = of.curve.end - late
    is_share = any(math.ceil(total * share / 100) == count for share in NICE)
    return 1.0 if is_share or (count >= 10 and roundest(count, count, 1)) else 2.5
