"""The schedule that was really applied, read back from the rates that a training logged."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lrscope.number_text import as_typed
from lrscope.runs.applied.cycles import one_cycle, restarts
from lrscope.runs.applied.falls import fall, plateau_warmup
from lrscope.runs.applied.identified import Identified, Shape
from lrscope.runs.applied.levels import Levels, levels
from lrscope.runs.applied.readings import Readings, readings
from lrscope.runs.applied.written import Lengths, written
from lrscope.runs.score_table import Floats

Unit = Literal["step", "epoch", "entry"]

NOTICED = 0.005  # of the largest rate: a rise by less after a fall is none
SAME = 1e-6  # of the largest rate: float32 may differ by less
CLEAR = 3.0  # tolerances: what went on to rise by less could not be seen
# How much of the peak a decay must have lost for its length to be told: of a curve, and of a line in rounding errors.
LEAST_OF_CURVE, LEAST_OF_LINE = 0.1, 50.0
LAG = 2e-3  # of the length that was told
FEW = 3  # rates at one level that make a schedule constant


@dataclass(frozen=True)
class AppliedSchedule:
    """A schedule as logged rates show it.

    `peak` is its largest rate, `is_read_back` whether that was never logged and follows from those that were. `shape`
    is that of what comes after the peak: "warming up" where the rates only rise, "curved" where no known shape fits,
    empty where too little was logged to show it.

    `warmup` is how long the rise is, 0 without one, NaN where nothing tells, and `total` how long the whole schedule is
    as its shape shows, NaN where that is not known, both in `unit`s. `floor` is the share of the peak that
    it ends at, `ended_at` that of the last logged rate. `text` is the schedule in lrscope's own language, empty where
    that cannot say it. `error` is the largest deviation of a logged rate, as a share of the peak; `is_whole` whether
    what was logged reaches its end.
    """

    peak: float
    shape: Shape = ""
    is_read_back: bool = False
    warmup: float = 0.0
    total: float = math.nan
    floor: float = math.nan
    unit: Unit = "step"
    ended_at: float = math.nan
    text: str = ""
    error: float = math.nan
    is_whole: bool = False

    @property
    def has_peak(self) -> bool:
        """Whether the peak is known: without its beginning, and while it rises, a schedule may have, or reach, more."""
        return bool(self.shape) and self.shape != "warming up" and not math.isnan(self.warmup)


def applied_schedule(
    positions: Floats, rates: Floats, total: float = math.nan, *, unit: Unit = "step"
) -> AppliedSchedule | None:
    """Return the schedule that logged rates show, None where all of them are 0.

    Args:
        positions: where each rate was logged, in `unit`s from the beginning of the training; a training that was
            resumed may go back.
        rates: the rates.
        total: how many units the training was to take, NaN where that is not known.
        unit: what positions count: updates, passes, or entries of a log.

    >>> places = np.array([10.0, 20.0, 30.0, 40.0])
    >>> schedule = applied_schedule(places, 2e-4 * (1.0 - (places - 1.0) / 300.0))
    >>> schedule.peak, schedule.shape, schedule.total, schedule.is_read_back
    (0.0002, 'linear', 300.0, True)
    """
    of = readings(np.asarray(positions, np.float64), np.asarray(rates, np.float64), total, unit)
    if of is None:
        return None
    with np.errstate(all="ignore"):  # what overflows fits nothing
        found = _as_far_as_seen(_identified(of), of)
    top = as_typed(of.top)
    peak = found.peak if abs(found.peak / top - 1.0) > 1e-6 else top if as_typed(found.peak) == top else found.peak
    peak = _round_within(peak, found.error)
    # A scheduler lags a little where a loss scaler skipped updates: the length that was told is its length.
    lags = abs(found.total / of.total - 1.0) < LAG
    end = found.total if not (math.isnan(found.total) or lags) else of.total
    gap = float(of.places[-1] - of.places[-2]) if len(of) > 1 else of.late
    scaled = _in_units(found, of.unit, end)
    doubt = 0.0 if of.counts_steps else 1.01 * of.late * of.unit
    suffix = {"step": "st", "epoch": "ep", "entry": ""}[unit if of.counts_steps or unit == "epoch" else "entry"]
    return AppliedSchedule(
        peak=peak,
        shape=found.shape,
        is_read_back=bool(peak > of.top * (1.0 + 1e-3)),
        warmup=scaled.warmup,
        total=scaled.total,
        floor=found.floor,
        unit=unit,
        ended_at=float(of.rates[-1]) * of.top / peak,
        text=written(scaled, Lengths(scaled.total, suffix, doubt)),
        error=found.error,
        is_whole=bool(of.places[-1] >= end - 1.01 * gap - (0.0 if of.counts_steps else of.late)),
    )


def _round_within(peak: float, error: float) -> float:
    """Return the rate of one or two digits that is as near to a peak as its schedule fits; the peak where none is."""
    short = float(f"{peak:.2g}")
    return short if math.isfinite(error) and abs(short / peak - 1.0) <= min(error, 1e-3) else peak


def _as_far_as_seen(found: Identified, of: Readings) -> Identified:
    """Return what was identified, without its shape and length where too little of the fall was logged to tell them.

    The beginning of a cosine is that of many: longer ones, with other floors. A straight line shows its end by its
    slope, as far as the digits of the rates tell it.
    """
    fallen = 1.0 - float(of.rates[-1]) * of.top / found.peak
    if not math.isfinite(found.total) or found.shape not in ("linear", "cosine", "polynomial"):
        return found
    is_told = math.isfinite(of.total) and abs(found.total / of.total - 1.0) < 1e-3 and not found.floor
    least = LEAST_OF_LINE * float(of.tolerances.max()) if found.shape == "linear" else LEAST_OF_CURVE
    return found if is_told or fallen > least else Identified(found.peak, "", found.error, found.warmup)


def _in_units(found: Identified, length: float, end: float) -> Identified:
    """Return what was found with its lengths in the log's unit, places of which are `length` long."""
    bend = found.bend
    if found.shape == "exponential":
        bend = bend / length
    elif found.shape == "inverse-sqrt":
        bend = bend * length
    warmup = 0.0 if found.warmup < 0.0 else _whole(found.warmup * length)
    return replace(
        found, warmup=warmup, total=_whole(end * length), hold=found.hold * length, period=found.period * length,
        bend=bend,
        drops=tuple((before * length, after * length) for before, after in found.drops),
    )  # fmt: skip


def _whole(length: float) -> float:
    """Return a length as a whole number where it is nearly one."""
    near = 0.004 * abs(length) + 1e-3 if abs(length) < 50.0 else 0.02
    return float(round(length)) if math.isfinite(length) and abs(length - round(length)) <= near else float(length)


def _identified(of: Readings) -> Identified:
    """Return what the rates are identified as: the largest logged rate and no shape where nothing explains them."""
    top = as_typed(of.top)
    at_top = np.flatnonzero(of.rates >= 1.0 - SAME)
    first, last, count = int(at_top[0]), int(at_top[-1]), len(of)
    if (at_top == np.arange(first, count)[: len(at_top)]).all() and last == count - 1:
        return _without_fall(of, first, top)
    noticed = NOTICED + 2.0 * float(of.tolerances.max())
    fallen = np.flatnonzero(np.maximum.accumulate(of.rates) - of.rates > noticed)
    begins = int(np.argmax(of.rates[: fallen[0]])) if len(fallen) else first
    since = of.rates[begins:]
    risen = since - np.minimum.accumulate(since) > noticed
    jumps = begins + 1 + np.flatnonzero(risen[1:] & ~risen[:-1] & (np.diff(since) > NOTICED))
    unknown = Identified(top, "curved" if count - first >= 6 else "")
    if risen.any():
        again = restarts(of, jumps.tolist()) if len(jumps) else None
        return again or unknown
    stairs = levels(of, first)
    if stairs is not None:
        return _stairs(of, first, stairs) or unknown
    return one_cycle(of, first, last) or fall(of, first, last) or unknown


def _without_fall(of: Readings, first: int, top: float) -> Identified:
    """Return what rates are that rose, or stayed, to the end."""
    count = len(of) - first
    slope = (1.0 - of.rates[0]) / max(float(of.places[first] - of.places[0]), 1e-12)
    is_level = not first or slope * float(of.places[-1] - of.places[first]) > CLEAR * of.tolerances[first]
    if count >= FEW and is_level:
        warmup, _ = plateau_warmup(of, first)
        return Identified(top, "constant", float(np.abs(of.rates[first:] - 1.0).max()), warmup, math.nan, 1.0)
    rising = count == 1 and first >= 2 and bool((np.diff(of.rates) > 0.0).all())
    return Identified(top, "warming up" if rising else "")


def _stairs(of: Readings, first: int, stairs: Levels) -> Identified | None:
    """Return a schedule of levels: those of a curve that is stepped once an epoch, or drops."""
    length = stairs.length
    warmup, late = plateau_warmup(of, first)
    if length is not None and len(stairs.rates) >= 4:
        number = np.arange(float(len(stairs.rates)))
        typed = [float(f"{rate:.12g}") for rate in stairs.rates * of.top]
        curve = applied_schedule(number, np.array(typed), unit="entry")
        if curve is not None and curve.shape in ("linear", "cosine", "polynomial"):
            return Identified(
                curve.peak, curve.shape, curve.error, warmup, curve.total * length, curve.floor, period=length
            )
    return Identified(
        as_typed(of.top), "step", 0.0, warmup, math.nan, float(stairs.rates[-1]), levels=tuple(stairs.rates.tolist()),
        drops=tuple((before - late, after - late) for before, after in stairs.drops),
    )  # fmt: skip
