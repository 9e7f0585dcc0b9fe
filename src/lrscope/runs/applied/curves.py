"""Curves that schedules fall along, and their least-squares fit to rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from lrscope.runs.score_table import Floats

Kind = Literal["linear", "cosine", "sqrt", "power", "exponential", "inverse"]
Free = Literal["peak", "floor", "start", "end", "bend"]
FREE: tuple[Free, ...] = ("peak", "floor", "start", "end", "bend")
ROUNDS = 40  # of the least-squares fit at most


@dataclass(frozen=True)
class Curve:
    """A way down: `peak` at the place `start`, `floor` (a share of the peak) from the place `end` on.

    `bend` is a power's exponent, an exponential's rate of decay, an inverse square root's timescale. With `rise`, the
    line a + b x that the rates went up along, it starts `shift` after that reaches the peak.

    >>> Curve("linear", peak=2.0, start=0.0, end=10.0).at(np.array([0.0, 5.0, 20.0])).tolist()
    [2.0, 1.0, 0.0]
    """

    kind: Kind
    peak: float = 1.0
    floor: float = 0.0
    start: float = 0.0
    end: float = 1.0
    bend: float = 1.0
    rise: tuple[float, float] | None = None
    shift: float = 0.0

    @property
    def begins(self) -> float:
        """Where it starts to fall."""
        return self.start if self.rise is None else (self.peak - self.rise[0]) / self.rise[1] + self.shift

    def at(self, places: Floats) -> Floats:
        """Return the rates at places: the peak before its start."""
        left = remaining(self.kind, places, self.begins, self.end, self.bend)
        return np.asarray(self.peak * (self.floor + (1.0 - self.floor) * left))


def remaining(kind: Kind, places: Floats, begins: Any, end: Any, bend: Any) -> Floats:
    """Return what is left of the way from the peak to the floor, for one curve or, as columns, for several."""
    beyond = np.maximum(places - begins, 0.0)
    if kind == "exponential":
        return np.asarray(np.exp(-np.minimum(bend * beyond, 700.0)))
    if kind == "inverse":
        return np.asarray(1.0 / np.sqrt(1.0 + beyond / np.maximum(bend, 1e-12)))
    gone = np.minimum(beyond / np.maximum(end - begins, 1e-12), 1.0)
    if kind == "linear":
        return np.asarray(1.0 - gone)
    if kind == "cosine":
        return np.asarray(0.5 + 0.5 * np.cos(np.pi * gone))
    if kind == "sqrt":
        return np.asarray(1.0 - np.sqrt(gone))
    return np.asarray((1.0 - gone) ** np.minimum(np.maximum(bend, 0.05), 20.0))


@dataclass(frozen=True, eq=False)
class Fit:
    """A curve fitted to rates [n]: the deviations [n] in tolerances, and how what was `free` changes them [n, k].

    Tolerances are counted in `unit`s.
    """

    curve: Curve
    free: tuple[Free, ...]
    deviations: Floats
    changes: Floats
    unit: float = 1.0

    def finer(self, unit: float) -> Fit:
        """Return the fit with its deviations in smaller tolerances."""
        if unit >= 1.0:
            return self
        return replace(self, deviations=self.deviations / unit, changes=self.changes / unit, unit=unit)

    @property
    def worst(self) -> float:
        """The largest deviation, in tolerances."""
        worst = float(np.abs(self.deviations).max())
        return worst if math.isfinite(worst) else math.inf

    def give(self, name: Free, limit: float) -> float:
        """Return by how much a value may be another one, the others following, within deviations of `limit`."""
        if name not in self.free or not np.isfinite(self.changes).all():
            return 0.0
        index = self.free.index(name)
        covariance = np.linalg.pinv(self.changes.T @ self.changes)
        own = covariance[index, index]
        if not own > 0.0:
            return 0.0
        moves = np.abs(self.changes @ covariance[:, index] / own)
        room = np.maximum(limit - np.abs(self.deviations), 0.5)  # least squares leave some no room
        used = moves > 1e-12
        return float((room[used] / moves[used]).min()) if used.any() else 0.0


def fitted(curve: Curve, free: Sequence[Free], places: Floats, rates: Floats, tolerances: Floats) -> Fit:
    """Return the curve with what is free as the rates show it: Levenberg and Marquardt's method from where it is."""
    span = max(float(np.ptp(places)), 1e-9)
    scales = {"peak": 1.0, "floor": 0.1, "start": 0.1 * span, "end": span, "bend": max(abs(curve.bend), 1e-9)}
    scale = np.array([scales[name] for name in free])
    wanted = rates / tolerances

    def deviations(of: Curve) -> Floats:
        return np.asarray(of.at(places) / tolerances - wanted)

    def moved(of: Curve, by: Floats) -> Curve:
        values = [of.peak, of.floor, of.start, of.end, of.bend]
        for name, step in zip(free, by, strict=True):
            values[FREE.index(name)] += float(step)
        return Curve(of.kind, *values, rise=of.rise, shift=of.shift)  # type: ignore[misc, arg-type]

    def changes(of: Curve, at: Floats) -> Floats:
        steps = np.eye(len(free)) * (1e-6 * scale)
        return np.stack([(deviations(moved(of, step)) - at) / 1e-6 for step in steps], axis=1)

    now = deviations(curve)
    damping, size = 1e-3, float(now @ now)
    slope = changes(curve, now)
    for tried in range(ROUNDS):
        normal, toward = slope.T @ slope, slope.T @ now
        weights = np.diag(np.diag(normal) + 1e-12 * max(float(np.trace(normal)), 1e-300))
        for _ in range(8):
            try:
                by = np.linalg.solve(normal + damping * weights, -toward)
            except np.linalg.LinAlgError:
                return Fit(curve, tuple(free), now, slope / scale)
            there = moved(curve, by * scale)
            then = deviations(there)
            if _is_possible(there) and float(then @ then) < size:
                break
            damping = min(damping * 8.0, 1e12)
        else:
            break
        gain = size - float(then @ then)
        curve, now, size = there, then, float(then @ then)
        damping = max(damping * 0.1, 1e-15)
        slope = changes(curve, now)
        stays_away = tried > 6 and gain < 0.1 * size and size > 1e3 * len(now)
        if stays_away or gain < 1e-9 * size or size < 1e-6 * len(now):
            break
    return Fit(curve, tuple(free), now, slope / scale)


def _is_possible(curve: Curve) -> bool:
    """Return whether a fit has not left what schedules can be."""
    if curve.kind == "power" and not 0.2 < curve.bend < 8.0:
        return False
    if curve.kind in ("exponential", "inverse") and not curve.bend > 0.0:
        return False
    return curve.peak > 0.0 and curve.floor > -0.05 and curve.end > curve.begins


def nearest(curves: Sequence[Curve], free: Sequence[Free], places: Floats, rates: Floats) -> tuple[Curve, float]:
    """Return the curve nearest to the rates, with the peak and the floor that make it so where these are free.

    Also by how much it misses them, as a share of how far they reach. All curves are of one kind.
    """
    begins, ends, bends = (
        np.array(column)[:, None]
        for column in zip(*((each.begins, each.end, each.bend) for each in curves), strict=True)
    )
    left = remaining(curves[0].kind, places, begins, ends, bends)
    peaks = np.array([each.peak for each in curves])
    bottoms = peaks * np.array([each.floor for each in curves])
    if "floor" in free and "peak" in free:
        means = left.mean(axis=1)
        spread = left - means[:, None]
        falls = (spread @ rates) / np.maximum((spread**2).sum(axis=1), 1e-300)
        bottoms = np.maximum(rates.mean() - falls * means, 0.0)
        peaks = falls + bottoms
    elif "floor" in free:
        gone = 1.0 - left
        bottoms = np.clip(1.0 - (gone @ (1.0 - rates)) / np.maximum((gone**2).sum(axis=1), 1e-300), 0.0, 0.99)
    elif "peak" in free:
        peaks = (left @ rates) / np.maximum((left**2).sum(axis=1), 1e-300)
    off = np.abs(bottoms[:, None] + (peaks - bottoms)[:, None] * left - rates).max(axis=1)
    off[~(peaks > 0.0) | ~(bottoms < peaks) | ~np.isfinite(off)] = np.inf
    best = int(np.argmin(off))
    if not math.isfinite(off[best]):
        return curves[best], math.inf
    sized = replace(curves[best], peak=float(peaks[best]), floor=float(bottoms[best] / peaks[best]))
    return sized, float(off[best]) / max(float(np.ptp(rates)), 1e-12)
