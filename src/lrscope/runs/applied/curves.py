"""Curves that schedules fall along, and their least-squares fit to rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from lrscope.runs.score_table import Floats

Kind = Literal["linear", "cosine", "sqrt", "power", "exponential", "inverse"]
Free = Literal["peak", "floor", "start", "end", "bend"]
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
        return self.peak * self.factors(places)

    def factors(self, places: Floats) -> Floats:
        """Return the shares of the peak."""
        beyond = np.maximum(places - self.begins, 0.0)
        if self.kind == "exponential":
            return np.asarray(np.exp(-np.minimum(self.bend * beyond, 700.0)))
        if self.kind == "inverse":
            return np.asarray(1.0 / np.sqrt(1.0 + beyond / max(self.bend, 1e-12)))
        left = 1.0 - np.minimum(beyond / max(self.end - self.begins, 1e-12), 1.0)
        if self.kind == "cosine":
            left = 0.5 - 0.5 * np.cos(np.pi * left)
        elif self.kind == "sqrt":
            left = 1.0 - np.sqrt(1.0 - left)
        elif self.kind == "power":
            left = left ** min(max(self.bend, 0.05), 20.0)
        return np.asarray(self.floor + (1.0 - self.floor) * left)


@dataclass(frozen=True, eq=False)
class Fit:
    """A curve fitted to rates [n]: the deviations [n] in tolerances, and how what was `free` changes them [n, k]."""

    curve: Curve
    free: tuple[Free, ...]
    deviations: Floats
    changes: Floats

    @property
    def worst(self) -> float:
        """The largest deviation, in tolerances."""
        return float(np.abs(self.deviations).max())

    def give(self, name: Free, limit: float) -> float:
        """Return by how much a value may be another one, the others following, within deviations of `limit`."""
        if name not in self.free:
            return 0.0
        index = self.free.index(name)
        covariance = np.linalg.pinv(self.changes.T @ self.changes)
        own = covariance[index, index]
        if not own > 0.0:
            return 0.0
        moves = np.abs(self.changes @ covariance[:, index] / own)
        room = np.maximum(limit - np.abs(self.deviations), 0.0)
        used = moves > 1e-12
        return float((room[used] / moves[used]).min()) if used.any() else 0.0


def fitted(curve: Curve, free: Sequence[Free], places: Floats, rates: Floats, tolerances: Floats) -> Fit:
    """Return the curve with what is free as the rates show it: Levenberg and Marquardt's method from where it is."""
    span = max(float(np.ptp(places)), 1e-9)
    scales = {"peak": 1.0, "floor": 0.1, "start": 0.1 * span, "end": span, "bend": max(abs(curve.bend), 1e-9)}
    scale = np.array([scales[name] for name in free])

    def deviations(of: Curve) -> Floats:
        return np.asarray(np.nan_to_num((of.at(places) - rates) / tolerances, nan=1e30, posinf=1e30, neginf=-1e30))

    def moved(of: Curve, by: Floats) -> Curve:
        values = {name: getattr(of, name) + float(step) for name, step in zip(free, by, strict=True)}
        return replace(of, **values)

    def changes(of: Curve, at: Floats) -> Floats:
        columns = []
        for index in range(len(free)):
            by = np.zeros(len(free))
            by[index] = 1e-6 * scale[index]
            columns.append((deviations(moved(of, by)) - at) / 1e-6)
        return np.stack(columns, axis=1)

    now = deviations(curve)
    damping, size = 1e-3, float(now @ now)
    slope = changes(curve, now)
    for tried in range(ROUNDS):
        normal, toward = slope.T @ slope, slope.T @ now
        weights = np.diag(normal) + 1e-12 * max(float(np.trace(normal)), 1e-300)
        improved = False
        for _ in range(8):
            try:
                by = np.linalg.solve(normal + damping * np.diag(weights), -toward)
            except np.linalg.LinAlgError:
                break
            there = moved(curve, by * scale)
            then = deviations(there)
            if _is_possible(there) and float(then @ then) < size:
                improved = True
                break
            damping = min(damping * 8.0, 1e12)
        if not improved:
            break
        gain = size - float(then @ then)
        if tried > 8 and gain < 0.05 * size and size > 1e3 * len(now):
            break  # it stays far away
        curve, now, size = there, then, float(then @ then)
        damping = max(damping * 0.1, 1e-15)
        slope = changes(curve, now)
        if gain < 1e-9 * size or size < 1e-6 * len(now):
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

    Also by how much it misses them, as a share of how far they reach.
    """
    factors = np.stack(
        [replace(each, floor=0.0, peak=1.0, rise=None, start=each.begins).factors(places) for each in curves]
    )
    peaks = np.array([each.peak for each in curves])
    bottoms = peaks * np.array([each.floor for each in curves])
    if "floor" in free:
        middles = factors.mean(axis=1)
        spread = factors - middles[:, None]
        falls = (spread @ rates) / np.maximum((spread**2).sum(axis=1), 1e-300)
        bottoms = np.maximum(rates.mean() - falls * middles, 0.0)
        if "peak" in free:
            peaks = falls + bottoms
        else:
            bottoms = np.clip(1.0 - ((1.0 - factors) @ (1.0 - rates)) / ((1.0 - factors) ** 2).sum(axis=1), 0.0, 0.99)
    elif "peak" in free:
        peaks = (factors @ rates) / np.maximum((factors**2).sum(axis=1), 1e-300)
    off = np.abs(bottoms[:, None] + (peaks - bottoms)[:, None] * factors - rates).max(axis=1)
    off[~(peaks > 0.0) | ~(bottoms < peaks)] = np.inf
    best = int(np.argmin(np.nan_to_num(off, nan=np.inf)))
    reach = max(float(np.ptp(rates)), 1e-12)
    if not math.isfinite(off[best]):
        return curves[best], math.inf
    sized = replace(curves[best], peak=float(peaks[best]), floor=float(bottoms[best] / peaks[best]))
    return sized, float(off[best]) / reach
