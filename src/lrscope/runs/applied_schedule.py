"""The schedule that was really applied, read back from the rates that a training logged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lrscope.number_text import as_typed
from lrscope.runs.score_table import Floats

Unit = Literal["step", "epoch", "entry"]
Shape = Literal[
    "constant", "linear", "cosine", "polynomial", "inverse-sqrt", "exponential", "step", "warmup-stable-decay",
    "restarts", "one-cycle", "warming up", "curved", "",
]  # fmt: skip

# The step at which the first step's rate stands: Trainer logs the rate that a step was made with, and logged the rate
# of the next one in earlier versions.
FIRST = (1.0, 0.0)


@dataclass(frozen=True)
class AppliedSchedule:
    """A schedule as logged rates show it.

    `peak` is its largest rate, `is_read_back` whether that was never logged and follows from those that were. `shape`
    is that of what comes after the peak: "warming up" where the rates only rise, "curved" where no known shape fits,
    empty where too little was logged to show it.

    `warmup` is how long the rise is, 0 without one, and `total` how long the whole schedule is as its shape shows, NaN
    where that is not known, both in `unit`s. `floor` is the share of the peak that it ends at, `ended_at` that of the
    last logged rate. `text` is the schedule in lrscope's own language, empty where that cannot say it. `error` is the
    largest deviation of a logged rate, as a share of the peak; `is_whole` whether what was logged reaches its end.
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


def applied_schedule(
    positions: Floats, rates: Floats, total: float = math.nan, *, unit: Unit = "step"
) -> AppliedSchedule | None:
    """Return the schedule that logged rates show, None where all of them are 0.

    Args:
        positions: where each rate was logged, in `unit`s from the beginning of the training, rising.
        rates: the rates.
        total: how many units the training was to take, NaN where that is not known.
        unit: what positions count: updates, passes, or entries of a log.

    >>> schedule = applied_schedule(np.array([10.0, 20.0]), np.array([9.5e-5, 9e-5]))
    >>> schedule.peak, schedule.is_read_back
    (0.0001, True)
    """
    known = rates > 1e-30
    if not known.any():
        return None
    peak = _peak(positions[known], rates[known], total if unit == "step" else math.nan)
    is_read_back = bool(peak > rates.max() * 1.001)
    return AppliedSchedule(peak, _shape(rates), is_read_back, unit=unit, ended_at=float(rates[-1]) / peak)


def _peak(steps: Floats, rates: Floats, num_steps: float) -> float:
    """Return the peak rate: the largest that was logged, or, where that is the first, what it has come down from.

    That is exact for a linear decay and for a cosine over the whole run. Of others, a polynomial through the first
    three values is read back to the first step. Rates are rounded to what a person would type.
    """
    top = float(rates.max())
    is_falling = rates[0] == top and len(rates) > 1 and rates[1] < top
    if is_falling and steps[0] > 0 and len(set(steps[:3])) == len(steps[:3]):
        whole = _peak_of_whole_decay(steps, rates, num_steps)
        top = _read_back(steps[:3], rates[:3], top) if whole is None else whole
    short = float(f"{top:.2g}")
    return short if abs(short / top - 1.0) < 0.004 else as_typed(float(f"{top:.3g}"))


def _peak_of_whole_decay(steps: Floats, rates: Floats, num_steps: float) -> float | None:
    """Return the peak of a linear or cosine decay over all steps, where the rates are those of one."""
    if not 0.0 < num_steps < math.inf:
        return None
    for first in FIRST:
        share = np.clip((steps - first) / num_steps, 0.0, 1.0)
        for factors in (1.0 - share, 0.5 + 0.5 * np.cos(math.pi * share)):
            known = factors > 1e-3
            peaks = rates[known] / factors[known]
            if len(peaks) > 1 and np.ptp(peaks) < 1e-3 * peaks.max():
                return float(peaks.mean())
    return None


def _read_back(steps: Floats, rates: Floats, top: float) -> float:
    """Return the first step's rate by the first three that were logged; `top` where that would go too far."""
    curve = np.polynomial.Polynomial.fit(steps, rates, len(steps) - 1)
    back = min((float(curve(first)) for first in FIRST), key=lambda rate: abs(float(f"{rate:.2g}") - rate))
    rises, falls = np.diff(steps), np.diff(rates)
    on_a_line = len(steps) > 2 and abs(falls[1] * rises[0] - falls[0] * rises[1]) < 1e-3 * top
    return back if top <= back <= (4.0 if on_a_line else 1.15) * top else top


def _shape(rates: Floats) -> Shape:
    """Return the shape of a schedule after its peak, as far as it shows.

    >>> _shape(np.array([0.5, 1.0, 0.5, 0.0])), _shape(np.array([1.0, 0.9, 0.6, 0.0])), _shape(np.array([1.0, 0.5]))
    ('linear', 'curved', '')
    """
    after = rates[int(np.argmax(rates)) :]
    if len(after) < 3:
        return ""
    if after.min() > 0.99 * after.max():
        return "constant"
    chord = np.linspace(after[0], after[-1], len(after))
    return "linear" if np.abs(after - chord).max() < 0.02 * after.max() else "curved"
