"""Logged rates made ready: in order, what a resumption superseded left out, positions as exact as they can be known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrscope.runs.applied.rounding import half_units
from lrscope.runs.score_table import Floats

NOISE = 2e-7  # of a rate: float32 has no more


@dataclass(frozen=True, eq=False)
class Readings:
    """Rates [n] as shares of the largest, `top`, each within its tolerance [n], at places [n].

    Places are steps, or entries where those are regular, else epochs; `unit` is how long one is in the log's own unit,
    and `total` how many the training was to take. `late` is by how much a place may be later than the step that the
    rate was applied at counts: 1 step at most, or a whole entry where steps are not known. `blur` is by how much
    places may be wrong.
    """

    places: Floats
    rates: Floats
    tolerances: Floats
    top: float
    total: float
    unit: float
    late: float
    blur: float
    counts_steps: bool

    def __len__(self) -> int:
        return len(self.places)


def readings(positions: Floats, rates: Floats, total: float, unit: str) -> Readings | None:
    """Return what was logged, made ready; None where no rate is above 0."""
    known = (positions >= 0.0) & (positions < 1e15) & (rates >= 0.0) & (rates < 1e30)  # NaN is neither
    places, rates = positions[known].astype(np.float64), rates[known].astype(np.float64)
    if not len(rates) or not rates.max() > 1e-30:
        return None
    places[places < 1e-12 * places.max()] = 0.0
    counts_steps = unit == "step"
    kept = _not_superseded(places, rates, strict=counts_steps)
    if len(np.unique(places[kept])) < 0.5 * len(np.unique(places)) or not rates[kept].max() > 1e-30:
        counts_steps, unit, total = False, "entry", math.nan  # positions that are none
        places = np.arange(1.0, len(rates) + 1.0)
    else:
        places, rates = places[kept], rates[kept]
    top = float(rates.max())
    rates = np.where(rates < 1e-15 * top, 0.0, rates)
    tolerances = np.maximum(half_units(rates) / top, NOISE * rates / top) + 1e-7
    length, blur = 1.0, 0.0
    late = 1.0
    if unit == "epoch":
        places, length, blur = _exact(places)
        late = float(np.median(np.diff(places))) if len(places) > 1 else 1.0
        total = total / length
    if len(places) > 1 and np.ptp(places) < 1e-9 * max(float(np.abs(places).max()), 1e-3):  # all at one place
        places, total, blur, counts_steps = np.arange(1.0, len(places) + 1.0), math.nan, 0.0, False
        late = 1.0
    total = total if 0.0 < total < 1e15 else math.nan
    return Readings(places, rates / top, tolerances, top, total, length, late, blur, counts_steps)


def _not_superseded(places: Floats, rates: Floats, *, strict: bool) -> np.ndarray:
    """Return which entries count: a training that was resumed logs places again that it had passed."""
    least = np.minimum.accumulate(places[::-1])[::-1]
    kept = np.ones(len(places), np.bool_)
    kept[:-1] = places[:-1] < least[1:] if strict else places[:-1] <= least[1:]
    same = np.zeros(len(places), np.bool_)
    same[1:] = (np.diff(places) == 0.0) & (np.diff(rates) == 0.0)
    if not strict and len(same) > 3 and same[1::2].mean() > 0.9 and same[2::2].mean() < 0.1:  # two processes wrote it
        kept &= ~same
    return kept


def _exact(epochs: Floats) -> tuple[Floats, float, float]:
    """Return places, how many epochs each counts, and by how much they may be wrong.

    Epochs that were rounded to two digits are known better where they were logged at regular intervals: the n-th
    entry then stands at n of these.
    """
    half = half_units(epochs) * (1.0 + 1e-9)
    half += 1e-12 * (half > 0.0)
    number = np.arange(1.0, len(epochs) + 1.0)
    if not half.any() or bool((epochs == np.round(epochs)).all()):
        return epochs, 1.0, 0.0
    low, high = float(((epochs - half) / number).max()), float(((epochs + half) / number).min())
    if len(epochs) > 2 and 0.0 < low <= high:
        return number, 0.5 * (low + high), 0.0
    between = np.diff(epochs)
    pace = float(np.median(between)) if len(between) else 0.0
    if pace > 4.0 * half.max():
        for _ in range(3):
            number = np.round(epochs / pace)
            pace = float(number @ epochs) / max(float(number @ number), 1.0) or 1.0
        if (np.abs(epochs - pace * number) <= 1.05 * half).all() and (np.diff(number) > 0).all():
            return number, pace, 0.0
    return epochs, 1.0, float(half.max())
