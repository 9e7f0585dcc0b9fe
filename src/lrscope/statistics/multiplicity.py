"""Critical values: how far apart arms must be where many are compared, and looked at more than once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from lrscope.runs.score_table import Floats
from lrscope.statistics.distributions import falling_roots, normal_critical, normal_tail

NODES = 64
MIN_FREEDOM = 0.5
MAX_FREEDOM = 1e5  # beyond which a variance is as good as known
POINTS = 33  # at which a critical value is computed; between them it is interpolated
ROUNDS = 40  # of halving an interval of logarithms
FARTHEST = 8.5  # standard deviations
TABLED = 3001


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


def pair_tail(num_arms: int, c: float, freedom: float) -> float:
    """Return the probability that any of all pairs of K equal arms differs by more than c standard errors.

    >>> round(pair_tail(2, 1.96, float("inf")), 3), round(pair_tail(5, pair_critical(5, 8.0, 0.05), 8.0), 3)
    (0.05, 0.05)
    """
    at, chances = _table("pair", num_arms)
    scales, ws = _chi(_share(freedom))
    return float(1.0 - np.interp(c * scales, at, chances) @ ws)


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
    return float(effective_freedoms(np.array([share]), np.array([freedom]), np.array([error]))[0])


def effective_freedoms(shares: Floats, freedoms: Floats, errors: Floats) -> Floats:
    """Return the same of many variances at once."""
    from scipy.special import ndtr, stdtr, stdtrit

    effective = np.where((shares >= 1.0) | ~np.isfinite(freedoms), freedoms, np.inf)
    open_ = np.flatnonzero((shares > 0.0) & (shares < 1.0) & np.isfinite(freedoms))
    if not len(open_):
        return effective
    share, freedom, error = shares[open_], freedoms[open_], errors[open_]
    scales, ws = np.stack([_chi(1.0 / float(each))[0] for each in freedom]), _chi(1.0)[1]
    wide = np.sqrt(share[:, None] / scales**2 + 1.0 - share[:, None])
    logs = falling_roots(
        lambda x: 2.0 * ndtr(-np.exp(x)[:, None] / wide) @ ws - error,
        np.full_like(share, np.log(0.1)), np.full_like(share, np.log(1e6)), ROUNDS,
    )  # fmt: skip
    c = np.exp(logs)
    # The tail of Student's t beyond c falls as its degrees of freedom grow.
    logs = falling_roots(
        lambda x: 2.0 * stdtr(np.exp(x), -c) - error,
        np.log(0.99 * freedom),
        np.full_like(c, np.log(MAX_FREEDOM)),
        ROUNDS,
    )
    effective[open_] = np.where(-stdtrit(MAX_FREEDOM, error / 2.0) >= c, np.inf, np.exp(logs))
    return effective


def _share(freedom: float) -> float:
    return 1.0 / max(freedom, MIN_FREEDOM)


@lru_cache(maxsize=256)
def _interpolated(kind: str, num_arms: int, error: float) -> Callable[[float], float]:
    """Return the critical value as a function of 1/ν: its logarithm is a polynomial in √(1/ν)."""
    at, chances = _table(kind, num_arms)
    most = np.sqrt(1.0 / MIN_FREEDOM)
    roots = (1.0 - np.polynomial.chebyshev.chebpts2(POINTS)) / 2.0 * most
    scales = np.stack([np.broadcast_to(_chi(float(share))[0], 2 * NODES) for share in roots**2])
    ws = _chi(1.0)[1]
    logs = falling_roots(
        lambda x: 1.0 - np.interp(np.exp(x)[:, None] * scales, at, chances) @ ws - error,
        np.full(POINTS, np.log(1e-3)), np.full(POINTS, np.log(1e9)), ROUNDS,
    )  # fmt: skip
    fitted = np.polynomial.Chebyshev.fit(roots, logs, POINTS - 1, domain=[0.0, most])
    return lambda share: float(np.exp(fitted(np.sqrt(share))))


@lru_cache(maxsize=64)
def _table(kind: str, num_arms: int) -> tuple[Any, Any]:
    """Return values c, and the probabilities that no difference is above them where the variance is known."""
    from scipy.special import ndtr

    z, w = _legendre(4 * NODES)
    z = FARTHEST * z
    w = w * np.exp(-(z**2) / 2.0)
    w /= w.sum()
    at = np.linspace(0.0, 2.0 * FARTHEST, TABLED)
    moved = np.sqrt(2.0) * at[:, None]
    if kind == "best":
        return at, ndtr(moved + z) ** (num_arms - 1) @ w
    chances = num_arms * ((ndtr(z) - ndtr(z - moved)) ** (num_arms - 1) @ w)
    return at, chances / chances[-1]


@lru_cache(maxsize=2)
def _legendre(number: int) -> tuple[Any, Any]:
    """Return nodes and weights on [−1, 1]."""
    return np.polynomial.legendre.leggauss(number)


@lru_cache(maxsize=4096)
def _chi(share: float) -> tuple[Any, Any]:
    """Return nodes and weights of s, where s² ~ χ²_ν / ν and share = 1/ν, by shares of its probability."""
    from scipy.special import gammaincinv

    x, w = _legendre(2 * NODES)
    if share == 0.0:
        return np.ones_like(x), w / 2.0
    return np.sqrt(2.0 * gammaincinv(0.5 / share, (x + 1.0) / 2.0) * share), w / 2.0


def spent(shares: Sequence[float], error: float) -> list[float]:
    """Return the error that each planned look may spend, given the share of the seeds that it has.

    α(t) = 2 − 2 Φ(z_{α/2} / √t), and a look gets what has been added since the last. That the looks' statements are
    used as they stand, as if they excluded each other, is a little cautious and asks nothing of their correlation.
    Source: Lan and DeMets, Discrete sequential boundaries for clinical trials, Biometrika, 1983.

    >>> [round(value, 5) for value in spent([0.5, 1.0], 0.05)]
    [0.00557, 0.04443]
    """
    edge = normal_critical(error / 2.0)
    total = [2.0 * normal_tail(edge / math.sqrt(min(1.0, max(share, 1e-9)))) for share in shares]
    return [now - before for now, before in zip(total, [0.0, *total[:-1]], strict=True)]
