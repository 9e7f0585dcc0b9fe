"""How much values differ over seeds: each arm's own spread says little, and is shrunk towards what all arms share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.runs.arm_summary import Spread
from lrscope.runs.score_table import Floats

MAX_FREEDOM = 1e6


@dataclass(frozen=True)
class SeedNoise:
    """What is known of the variance over seeds of a difference between two arms, before the two are looked at.

    `variance` and its degrees of freedom: 0 where each pair has to speak for itself, infinite where it is assumed.
    `source` says where it comes from. `apart`: arms differ in their noise. `most` is all the freedom that there was in
    what it was estimated from, pairs' own included: theirs is not counted twice.
    """

    variance: float
    freedom: float
    source: str
    apart: bool = False
    most: float = MAX_FREEDOM

    def of_pairs(self, own: Floats, freedom: float) -> tuple[Floats, Floats]:
        """Return pairs' variances shrunk towards this, and their degrees of freedom.

        s̃² = (ν₀ s₀² + ν s²) / (ν₀ + ν). Source: Smyth, Linear models and empirical Bayes methods, 2004. Where arms
        differ in their noise, a pair that is noisier than they are on the whole is not shrunk: it would be
        underestimated just where it matters.

        >>> [float(value) for value in SeedNoise(1.0, 6.0, "").of_pairs(np.array(3.0), 2.0)]
        [1.5, 8.0]
        """
        if np.isinf(self.freedom):
            return np.full_like(own, self.variance), np.full_like(own, np.inf)
        total = self.freedom + freedom
        shrunk = (self.freedom * self.variance + freedom * own) / total
        noisier = (own > self.variance) & self.apart
        known = min(total, max(self.most, freedom))
        return np.where(noisier, own, shrunk), np.where(noisier, freedom, known)


def pooled_sd(spreads: Sequence[Spread]) -> tuple[float, int]:
    """Return the standard deviation over seeds, pooled over arms, and its degrees of freedom; (NaN, 0) with one seed.

    s² = Σ (nᵢ − 1) sᵢ² / Σ (nᵢ − 1). With two or three seeds an arm's own spread says next to nothing.

    >>> pooled_sd([Spread(0.4, 0.01, 2), Spread(0.5, math.nan, 1)])
    (0.01, 1)
    """
    known = [spread for spread in spreads if spread.number > 1]
    freedom = sum(spread.number - 1 for spread in known)
    if not freedom:
        return math.nan, 0
    return math.sqrt(sum(spread.sd**2 * (spread.number - 1) for spread in known) / freedom), freedom


def assumed(sd: float) -> SeedNoise:
    """Return the noise of a difference where each arm's standard deviation over seeds is assumed."""
    return SeedNoise(2.0 * sd**2, np.inf, "assumed")


def shared_noise(means: Floats) -> SeedNoise:
    """Return what arms at shared seeds say of each other's noise; `means` is [K, S], with NaN where a trial is missing.

    What all arms do alike at a seed is taken off: it cancels in differences. How far the arms' variances scatter beyond
    what S seeds let them scatter says how far each may be trusted to be like the others (Smyth, 2004, section 6.2).
    """
    means = means[~np.isnan(means).all(axis=1)]  # an arm without a trial says nothing, and hides nothing
    whole = means[:, ~np.isnan(means).any(axis=0)]
    num_arms, num_seeds = whole.shape
    if num_arms < 3 or num_seeds < 2:
        return SeedNoise(0.0, 0.0, "each pair's own")
    apart = whole - whole.mean(axis=0)
    variances = apart.var(axis=1, ddof=1) * num_arms / (num_arms - 1)
    freedom = num_seeds - 1.0
    pooled, most = float(variances.mean()), (num_arms - 1.0) * freedom
    if pooled <= 0.0:
        return SeedNoise(0.0, most, "pooled over arms", most=most)
    common, prior = _scatter(np.maximum(variances, 1e-3 * pooled), freedom)
    if np.isinf(prior):
        return SeedNoise(2.0 * pooled, most, "pooled over arms", most=most)
    return SeedNoise(2.0 * common, min(prior, most), "shrunk towards all arms", apart=True, most=most)


def total_noise(means: Floats) -> SeedNoise:
    """Return the noise of a difference between arms that share no seed: what seeds do to all arms is in it.

    Twice the variance over an arm's own seeds, pooled over arms.
    """
    counts = (~np.isnan(means)).sum(axis=1)
    able = means[counts > 1]
    freedom = float((counts[counts > 1] - 1).sum())
    if not freedom:
        return SeedNoise(0.0, 0.0, "each pair's own")
    rest = float(np.nansum((able - np.nanmean(able, axis=1, keepdims=True)) ** 2))
    return SeedNoise(2.0 * rest / freedom, freedom, "pooled over arms", most=freedom)


def rough_noise(means: Floats) -> SeedNoise:
    """Return what arms at seeds that they share in part say of their noise: the rest of means = arm + seed.

    Least squares on the trials that are there; all arms are taken to be alike. No more than nothing with two arms, or
    where fewer than two degrees of freedom are left.
    """
    means = means[~np.isnan(means).all(axis=1)]
    arms, seeds = np.nonzero(~np.isnan(means))
    if len(means) > 2 and len(arms):
        design = np.concatenate([np.eye(means.shape[0])[arms], np.eye(means.shape[1])[seeds]], axis=1)
        values = means[arms, seeds]
        fitted, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
        freedom = len(values) - int(rank)
        if freedom > 1:
            rest = float(((values - design @ fitted) ** 2).sum())
            return SeedNoise(2.0 * rest / freedom, float(freedom), "pooled over arms", most=float(freedom))
    return SeedNoise(0.0, 0.0, "each pair's own")


def most_telling(*tables: Floats) -> SeedNoise:
    """Return the shared noise of the table that knows most of it: all arms at the seeds of all, or some at more.

    Arms that were given more seeds say more of noise among themselves than with those that were not.
    """

    def freedom(means: Floats) -> int:
        means = means[~np.isnan(means).all(axis=1)]
        return (len(means) - 1) * (int((~np.isnan(means).any(axis=0)).sum()) - 1) if len(means) > 2 else 0

    return shared_noise(max(tables, key=freedom))


def _scatter(variances: Floats, freedom: float) -> tuple[float, float]:
    """Return the prior variance s₀² and its degrees of freedom ν₀ from the moments of log s²; infinite: all alike."""
    from scipy.special import digamma, polygamma

    logs = np.log(variances) - digamma(freedom / 2) + np.log(freedom / 2)
    excess = float(logs.var(ddof=1) - polygamma(1, freedom / 2))
    if excess <= 0.0:
        return float(variances.mean()), np.inf
    prior = 2.0 * _inverse_trigamma(excess)
    return float(np.exp(logs.mean() + digamma(prior / 2) - np.log(prior / 2))), prior


def _inverse_trigamma(value: float) -> float:
    """Solve ψ′(y) = value by Newton's method (Smyth, 2004, appendix)."""
    from scipy.special import polygamma

    y = 0.5 + 1.0 / value
    for _ in range(50):
        slope = polygamma(1, y)
        step = slope * (1.0 - slope / value) / polygamma(2, y)
        y += step
        if -step / y < 1e-8:
            break
    return float(y)
