"""One curve of a range test: the loss at each rate, raw and smoothed, up to where it ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lrscope.number_text import counted, short_rate

Floats = NDArray[np.float64]
WIDTH_DECADES = 0.15
MIN_POINTS = 8
MIN_RATES = 3  # of runs that each speak for themselves


@dataclass(frozen=True, eq=False, repr=False)
class Curve:
    """Losses at rising rates. `end_reason` says why the test ended; a loss that was not finite is left out.

    `diverged_at` is the rate at which the loss showed that it was too large, None where it never did.
    `independent_rates`: every rate began from the same weights, so that its loss speaks for itself; under a ramp it
    speaks for all rates before it.
    """

    rates: Floats
    losses: Floats
    end_reason: str = ""
    diverged_at: float | None = None
    seed: int = 0
    independent_rates: bool = False

    @staticmethod
    def of(
        rates: Sequence[float] | Floats, losses: Sequence[float] | Floats, *, end_reason: str = "", seed: int = 0,
        rose: bool = False, independent_rates: bool = False,
    ) -> Curve:  # fmt: skip
        """Make a curve of what a test recorded; it ends before the first loss that is not finite.

        `rose`: the test was over because the last loss was too large.

        >>> Curve.of([1e-3, 1e-2, 1e-1], [1.6, 1.5, float("nan")]).diverged_at
        0.1
        """
        x, y = np.asarray(rates, dtype=np.float64), np.asarray(losses, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(y))
        end = int(bad[0]) if len(bad) else len(y)
        diverged_at = float(x[end]) if len(bad) else float(x[-1]) if rose and len(x) else None
        return Curve(x[:end], y[:end], end_reason, diverged_at, seed, independent_rates)

    @cached_property
    def smoothed(self) -> Floats:
        """The losses smoothed over neighbouring rates, without lag; see `smooth`."""
        return smooth(self.rates, self.losses)

    def __repr__(self) -> str:
        over = f"{short_rate(self.rates[0])} to {short_rate(self.rates[-1])}" if len(self.rates) else "none finite"
        end = "" if self.diverged_at is None else f", diverged at {short_rate(self.diverged_at)}"
        return f"<curve, seed {self.seed}: {counted(len(self.rates), 'rate')}, {over}{end}>"

    @property
    def is_readable(self) -> bool:
        """Whether there are enough points for any rule."""
        return len(self.rates) >= (MIN_RATES if self.independent_rates else MIN_POINTS)


def smooth(rates: Floats, losses: Floats, width: float = WIDTH_DECADES) -> Floats:
    """Return losses smoothed over the logarithm of the rate.

    At each u = log₁₀ rate, the value of the straight line that fits all losses best under the weights
    exp(−|uᵢ − u| / 0.15). The usual running mean looks back alone: it lags, and shifts every rule towards larger rates.
    A mean in both directions is biased where a curve ends on a slope; a line is not (Fan, Design-adaptive nonparametric
    regression, 1992).

    >>> smooth(np.array([1e-4, 1e-3, 1e-2]), np.array([1.0, 2.0, 3.0])).round(9).tolist()
    [1.0, 2.0, 3.0]
    """
    u = np.log10(rates)
    distance = u[None, :] - u[:, None]
    weight = np.exp(-np.abs(distance) / width)
    s0, s1, s2 = weight.sum(1), (weight * distance).sum(1), (weight * distance**2).sum(1)
    t0, t1 = weight @ losses, (weight * distance) @ losses
    spread = s0 * s2 - s1**2
    flat = spread <= 1e-12 * s0 * np.maximum(s2, 1e-300)
    found: Floats = np.where(flat, t0 / s0, (s2 * t0 - s1 * t1) / np.where(flat, 1.0, spread))
    return found


def noise(curve: Curve) -> float:
    """Return the standard deviation of a step's loss about the curve, from differences of neighbours.

    s = 1.4826 · median |yᵢ₊₁ − yᵢ| / √2: a slow trend hardly touches differences, and the explosion at the end of a
    test hardly touches their median (Hampel, The influence curve and its role in robust estimation, 1974).

    >>> noise(Curve.of([1, 2, 3], [1.0, 1.0, 1.0]))
    0.0
    """
    if len(curve.losses) < 2:
        return math.nan
    return float(1.4826 * np.median(np.abs(np.diff(curve.losses))) / np.sqrt(2))


def wander(curve: Curve) -> float:
    """Return the standard deviation of the smoothed curve: the noise over the steps that the kernel spans."""
    decades = float(np.log10(curve.rates[-1] / curve.rates[0]))
    return noise(curve) / float(np.sqrt(max(1.0, 2 * WIDTH_DECADES * len(curve.rates) / decades)))


def mean_of(curves: Sequence[Curve]) -> Curve:
    """Return the mean of curves at the rates that all of them reached.

    Each seed begins elsewhere: its own beginning is taken off, and the mean beginning put back, so that a curve that
    ends early leaves no step.
    """
    assert curves, "a mean needs a curve"
    longest = max(curves, key=lambda curve: len(curve.rates))
    begins = [float(curve.losses[: max(1, len(curve.losses) // 10)].mean()) for curve in curves if len(curve.losses)]
    level = float(np.mean(begins)) if begins else math.nan
    reached = min(len(curve.rates) for curve in curves)
    rates = longest.rates[:reached]
    stacked = [curve.losses[:reached] - begin + level for curve, begin in zip(curves, begins, strict=False)]
    large = [curve.diverged_at for curve in curves if curve.diverged_at is not None]
    too_large = float(np.exp(np.mean(np.log(large)))) if len(large) == len(curves) else None
    anew = all(curve.independent_rates for curve in curves)
    return Curve(rates, np.mean(stacked, axis=0) if stacked else rates[:0], "", too_large, -1, anew)
