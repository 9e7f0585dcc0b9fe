"""The peak of a schedule whose way down is known: where the rates went up and came down meet, as a person types it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lrscope.number_text import as_typed
from lrscope.runs.applied.curves import Curve, Fit, fitted
from lrscope.runs.applied.decays import WITHOUT_START, Explained, Way
from lrscope.runs.applied.rises import LIMIT, Rise, cost_of_warmup
from lrscope.runs.applied.rounding import digits_of, roundest, short_numbers

DIGITS = (0.0, 0.0, 1.2, 3.0, 4.5)  # how unlikely it is that a person types a number of so many digits
NOT_ROUND = 6.0
HALVES = ("316", "3162")  # the middle of a decade
# Between how wide bounds, as a share of it, a number of so many digits is none by chance.
WIDTHS = (0.01, 0.12, 0.012, 1.2e-3, 1e-4)
FAR_ABOVE = 1.6
WIDTH_OF_FIVE, WIDTH_OF_HALF = 0.05, 0.03
FLOORS = (0.1, 0.01, 0.05, 0.2, 0.5, 0.02, 0.25, 0.3)  # shares of the peak that schedules often end at


@dataclass(frozen=True)
class Peak:
    """A peak that a way down may have come from.

    `start` is where the fall begins, `late` the place of step 0, `cost` how unlikely it is, `give` the share by which
    the rate is not known, `digits` how many it has, 0 where it is not round. A line goes on to `floor` times the peak
    where the training was told to end, not to 0. `is_open` is whether the start is not known but for the rate's being
    round.
    """

    rate: float
    start: float
    late: float
    cost: float
    give: float
    digits: int = 0
    rise: Rise | None = None
    floor: float = 0.0
    is_open: bool = False

    def is_sure(self, top: float) -> bool:
        """Return whether a peak above the largest logged rate is one by more than chance."""
        if self.rate <= top * (1.0 + 1e-3):
            return True
        if self.is_open and self.rate > FAR_ABOVE * top:
            return False
        width = 2.0 * self.give
        if not self.is_open and width <= WIDTHS[0]:
            return True
        written = _digits(self.rate)
        if not self.digits:
            return False
        if written in HALVES:
            return width <= WIDTH_OF_HALF
        return width <= (WIDTH_OF_FIVE if self.digits == 2 and written[1] == "5" else WIDTHS[self.digits])


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
        give, rise = of.fit.give("peak", LIMIT), of.rise
        for line in lines if rise is None else ():
            if -0.1 <= (start - (of.curve.peak - line.a) / line.b) / way.of.late <= 1.1:
                rise = line
                break
        yield _rounded(of.curve.peak - give, of.curve.peak + give, start, low, cost, way, rise)
    elif lines:
        for rise in lines:
            yield from _met(of, way, rise, low, high, extra)
    elif way.rising:
        before, after = float(way.of.places[way.rising - 1]), float(way.of.places[way.first])
        fit, top = _from(of.fit, before, way), as_typed(way.of.top)
        middle = _rounded(1.0, fit.curve.peak, 0.5 * (before + after), low, extra + 1.0, way)
        met = _where(of.curve, middle.rate / way.of.top, before, after)
        yield replace(middle, start=middle.start if met is None else met, is_open=True)
        digits, met = digits_of(top)[0], _where(of.curve, 1.0, before, after)
        if digits < len(DIGITS) and met is not None:
            cost = extra + _cost_of_digits(top, digits) - (2.0 if _is_fine(way, digits) else 0.0)
            yield Peak(top, met, low, cost, 0.0, digits, is_open=True)
    else:
        yield from _without_rise(of, way, low, high, extra)


def _lates(of: Explained, way: Way) -> list[tuple[float, float, float, float]]:
    """Return between which places step 0 may stand, how unlikely that is, and the floor that goes with it."""
    readings, end, late = way.of, of.curve.end, way.of.late
    has_end = of.curve.kind not in ("exponential", "inverse")
    told = not math.isnan(readings.total) and has_end
    give = of.fit.give("end", LIMIT) + readings.blur
    floors: list[tuple[float, float, float, float]] = []
    if told and not of.told and end > readings.total + 1.5 * late and of.curve.kind == "linear":
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
    each_counts = 0.3 if readings.unit == 1.0 and bool((readings.places == np.round(readings.places)).all()) else 0.9
    if any(not extra for *_, extra, _ in found):
        return [each for each in found if not each[2]]  # the training's end tells
    return [*found, (0.0, 0.12 * late, 0.6, 0.0), (late, late, each_counts, 0.0), (0.0, late, 1.5, 0.0)]


def _without_rise(of: Explained, way: Way, low: float, high: float, extra: float) -> Iterator[Peak]:
    """Yield the peaks of a fall before which nothing was logged: at step 0, or where a warmup ended after it."""
    logged, top = float(way.of.places[0]), way.of.top
    first, last = _from(of.fit, high, way), _from(of.fit, low, way)
    give = first.give("peak", LIMIT)
    give += 2.0 * way.blur * abs(last.curve.peak - 1.0) / max(logged - low, 1e-12)
    if of.curve.kind != "inverse" or last.curve.bend > 2.0 * (logged - low):  # of one that begins at once
        begun = _rounded(first.curve.peak - give, last.curve.peak + give, 0.5 * (low + high), low, extra, way)
        yield replace(begun, is_open=True)
    highest = min(last.curve.peak, 1.5) if of.curve.kind == "inverse" else last.curve.peak
    if of.curve.kind == "inverse" and not way.of.counts_steps:
        return
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
        yield Peak(rate, start, low, cost, 0.0 if doubt < 0.1 else 0.5 * (highest - 1.0), digits, is_open=True)


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
    return sum(digits_of(float(f"{rate:.6g}"))[0] <= digits for rate in others) < 0.1 * len(others)


def _cost_of_digits(rate: float, digits: int) -> float:
    """Return how unlikely it is that a person types a number: 2.5e-5 and √10 are more often typed than 2.6e-5."""
    written = _digits(rate)
    if written in HALVES:
        return 0.9
    return DIGITS[digits] - (0.4 if digits == 2 and written[1] == "5" else 0.0)


def _digits(rate: float) -> str:
    """Return a rate's digits, four at most, without its exponent."""
    return f"{rate:.3e}"[:5].replace(".", "").rstrip("0")


def _met(of: Explained, way: Way, rise: Rise, low: float, high: float, extra: float) -> Iterator[Peak]:
    """Yield the peaks where a line up meets the way down, or, as in lrscope's own warmups, is a step before it."""
    if way.of.counts_steps and not low - 1.5 <= rise.zero <= high + 0.5:
        extra += 2.0
    shifts = (0.0, 1.0) if way.of.counts_steps else (0.0, way.of.late)
    before: float | None = None  # the peak without a shift
    for shift in shifts if rise.zero < 0.5 * way.of.late else (0.0,):
        cost = extra + (0.4 if shift and not way.of.counts_steps else 0.0)
        if way.of.counts_steps and (rise.zero > 0.5) != (low > 0.5) and not shift:
            cost += 0.2
        start = _meeting(of.curve, rise, shift, way)
        if start is None:
            continue
        fit = _from(of.fit, start, way)
        give = fit.give("peak", LIMIT) + 2.0 * float(way.tolerances[way.rising - 1])
        high_end = fit.curve.peak + give
        if shift and before is not None and not way.of.counts_steps:  # a step is a part of an entry
            high_end = before
        before = high_end
        found = _rounded(fit.curve.peak - give, high_end, start, low, cost, way, rise)
        met = _where(of.curve, found.rate / way.of.top, start - way.of.late, start) if shift else None
        yield found if met is None else replace(found, start=met)


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
    curve, start = fit.curve, min(start, float(way.of.places[way.first]))
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
    total = way.of.total if of.curve.kind in ("exponential", "inverse") else of.curve.end - late
    return cost_of_warmup(warmup, total) if way.of.counts_steps else 1.5 if abs(warmup) > 1e-3 else 0.0
