"""The metric as a smooth function of the logarithm of the rate: where its top lies, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrscope.runs.score_table import Floats

REACH_DECADES = 1.5
FEWEST = 4
DRAWS = 4000


@dataclass(frozen=True)
class Peak:
    """The rate at the top of a parabola, and a 95% interval; an end is None where the rates tried do not bound it."""

    rate: float
    low: float | None
    high: float | None


def peak(rates: Floats, values: Floats, variances: Floats, seed: int = 0) -> Peak | None:
    """Return the top of the parabola in log₁₀ rate through the arms within a decade and a half of the best one.

    Weighted least squares, weights 1/variance; the interval from draws of the coefficients. Arms share sentences, so
    these are their own variances, without what is common to all. None with fewer than four arms, or where the parabola
    has no top, in one draw of twenty or more. Source: Box and Wilson, On the experimental attainment of optimum
    conditions, 1951.

    >>> x = 10.0 ** np.arange(-5.0, -2.0, 0.5)
    >>> top = peak(x, 0.4 - 0.02 * (np.log10(x) + 3.5) ** 2, np.full(6, 1e-8))
    >>> round(float(np.log10(top.rate)), 2)
    -3.5
    """
    known = ~np.isnan(values)
    if known.sum() < FEWEST:
        return None
    u = np.log10(rates)
    centre = u[known][int(np.argmax(values[known]))]
    near = known & (np.abs(u - centre) <= REACH_DECADES)
    if near.sum() < FEWEST:
        return None
    x, y = u[near] - centre, values[near]
    weights = 1.0 / np.maximum(variances[near], 1e-12)
    design = np.stack([np.ones_like(x), x, x**2], axis=1)
    information = design.T @ (design * weights[:, None])
    covariance = np.linalg.inv(information)
    fitted = covariance @ (design.T @ (weights * y))
    if fitted[2] >= 0.0:
        return None
    # Where the parabola fits worse than the noise explains, what it misses is noise as well.
    misfit = float(weights @ (y - design @ fitted) ** 2) / max(1, len(x) - 3)
    draws = np.random.default_rng(seed).multivariate_normal(fitted, covariance * max(1.0, misfit), DRAWS)
    tops = draws[:, 2] < 0.0
    if tops.mean() < 0.95:
        return None
    positions = np.where(tops, -draws[:, 1] / (2.0 * np.where(tops, draws[:, 2], -1.0)), np.inf)
    low, high = np.quantile(positions[tops], [0.025, 0.975])
    top = float(-fitted[1] / (2.0 * fitted[2]))
    inside = x.min() <= top <= x.max()
    if not inside:
        return None
    bound = [None if not x.min() <= end <= x.max() else float(10 ** (centre + end)) for end in (low, high)]
    return Peak(float(10 ** (centre + top)), bound[0], bound[1])
