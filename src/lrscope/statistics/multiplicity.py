"""Critical values: how far apart arms must be where many are compared, and looked at more than once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

NODES = 64
MIN_FREEDOM = 0.5
POINTS = 33  # at which a critical value is computed; between them it is interpolated


def best_critical(num_arms: int, freedom: float, error: float) -> float:
    """Return c such that P(max over K − 1 rivals of (D_k / se_k) > c) = error: Dunnett's one-sided value.

    For K equal arms each with its own noise, differences from one arm are correlated by ½, and share their estimate of
    variance with ν degrees of freedom: with s² ~ χ²_ν / ν,

        P(max ≤ c) = E_s ∫ φ(z) Φ(√2 c s + z)^{K−1} dz

    Source: Dunnett, JASA 50, 1955; Hsu, Multiple Comparisons, 1996, for comparisons with the best; Gupta, 1965.

    >>> round(best_critical(2, float("inf"), 0.05), 3)  # one rival: the normal quantile
    1.645
    """
    return 0.0 if num_arms < 2 else float(_interpolated("best", num_arms, error)(_share(freedom)))


def pair_critical(num_arms: int, freedom: float, error: float) -> float:
    """Return c such that any of all pairs of K equal arms differs by more than c standard errors with this probability.

    The studentized range over √2: P(range ≤ √2 c) = E_s K ∫ φ(z) (Φ(z) − Φ(z − √2 c s))^{K−1} dz. Source: Tukey, The
    problem of multiple comparisons, 1953; Kramer, 1956, for unequal numbers.

    >>> round(pair_critical(2, float("inf"), 0.05), 3)
    1.96
    """
    return 0.0 if num_arms < 2 else float(_interpolated("pair", num_arms, error)(_share(freedom)))


@lru_cache(maxsize=65536)
def effective_freedom(share: float, freedom: float, error: float) -> float:
    """Return the degrees of freedom of a variance of which a part is known, matched in the tail that matters.

    A variance v + e, v estimated with ν degrees of freedom and making up a share ρ, e known. The tail of a difference
    over its standard error is E_s 2 Φ(−c / √(ρ/s² + 1 − ρ)), s² ~ χ²_ν/ν; returned is the ν′ whose t has the same c.
    Satterthwaite's ν′ is too large just where v came out too small by chance: with three seeds it declares a false
    difference in 9% of studies instead of 5%. Source: Tsui and Weerahandi, generalized p-values, JASA 84, 1989.

    >>> effective_freedom(1.0, 2.0, 0.05), effective_freedom(0.0, 2.0, 0.05)
    (2.0, inf)
    """
    if share >= 1.0 or not np.isfinite(freedom):
        return freedom
    if share <= 0.0:
        return float("inf")
    from scipy import stats
    from scipy.optimize import brentq
    from scipy.special import ndtr

    scales, ws = _chi(1.0 / freedom)
    wide = np.sqrt(share / scales**2 + 1.0 - share)
    c = brentq(lambda c: float(ws @ (2.0 * ndtr(-c / wide))) - error, 0.1, 1e6)
    if stats.t.isf(error / 2.0, 1e5) >= c:
        return float("inf")
    return float(brentq(lambda nu: stats.t.isf(error / 2.0, nu) - c, 0.99 * freedom, 1e5))


def _share(freedom: float) -> float:
    return 1.0 / max(freedom, MIN_FREEDOM)


@lru_cache(maxsize=256)
def _interpolated(kind: str, num_arms: int, error: float) -> Callable[[float], Any]:
    """Return the critical value as a function of 1/ν, its logarithm interpolated."""
    from scipy.interpolate import CubicSpline
    from scipy.optimize import brentq

    below = _best_below if kind == "best" else _pair_below
    shares = np.linspace(0.0, np.sqrt(1.0 / MIN_FREEDOM), POINTS) ** 2
    values = [
        brentq(lambda c, share=share: 1.0 - below(c, num_arms, share) - error, 1e-3, 1e9, xtol=1e-7, maxiter=300)
        for share in shares
    ]
    spline = CubicSpline(shares, np.log(values))
    return lambda share: np.exp(spline(share))


def _best_below(c: float, num_arms: int, share: float) -> float:
    from scipy.special import ndtr

    z, wz = _hermite()
    scales, ws = _chi(share)
    return float(ws @ (ndtr(np.sqrt(2.0) * c * scales[:, None] + z) ** (num_arms - 1) @ wz))


def _pair_below(c: float, num_arms: int, share: float) -> float:
    from scipy.special import ndtr

    z, wz = _hermite()
    scales, ws = _chi(share)
    within = ndtr(z) - ndtr(z - np.sqrt(2.0) * c * scales[:, None])
    return float(num_arms * (ws @ (within ** (num_arms - 1) @ wz)))


@lru_cache(maxsize=1)
def _hermite() -> tuple[Any, Any]:
    """Return nodes and weights of a standard normal variable."""
    x, w = np.polynomial.hermite_e.hermegauss(NODES)
    return x, w / w.sum()


@lru_cache(maxsize=256)
def _chi(share: float) -> tuple[Any, Any]:
    """Return nodes and weights of s, where s² ~ χ²_ν / ν and share = 1/ν, by shares of its probability."""
    if share == 0.0:
        return np.ones(1), np.ones(1)
    from scipy import stats

    x, w = np.polynomial.legendre.leggauss(2 * NODES)
    return np.sqrt(stats.chi2.ppf((x + 1.0) / 2.0, 1.0 / share) * share), w / 2.0


def spent(shares: Sequence[float], error: float) -> list[float]:
    """Return the error that each planned look may spend, given the share of the seeds that it has.

    α(t) = 2 − 2 Φ(z_{α/2} / √t), and a look gets what has been added since the last. That the looks' statements are
    used as they stand, as if they excluded each other, is a little cautious and asks nothing of their correlation.
    Source: Lan and DeMets, Discrete sequential boundaries for clinical trials, Biometrika, 1983.

    >>> [round(value, 5) for value in spent([0.5, 1.0], 0.05)]
    [0.00557, 0.04443]
    """
    from scipy import stats

    edge = stats.norm.isf(error / 2.0)
    total = [float(2.0 * stats.norm.sf(edge / np.sqrt(min(1.0, max(share, 1e-9))))) for share in shares]
    return [now - before for now, before in zip(total, [0.0, *total[:-1]], strict=True)]
