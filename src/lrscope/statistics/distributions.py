"""Quantiles of distributions by scipy.special alone: scipy.stats takes half a second to import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def normal_critical(error: float) -> float:
    """Return z such that a standard normal variable is above it with this probability.

    >>> round(normal_critical(0.025), 3)
    1.96
    """
    from scipy.special import ndtri

    return float(-ndtri(error))


def t_critical(error: float, freedom: float) -> float:
    """Return t such that Student's variable with these degrees of freedom is above it with this probability.

    >>> round(t_critical(0.025, 2.0), 3), round(t_critical(0.025, float("inf")), 3)
    (4.303, 1.96)
    """
    from scipy.special import stdtrit

    return normal_critical(error) if np.isinf(freedom) else float(-stdtrit(freedom, error))


def normal_tail(z: float) -> float:
    """Return the probability that a standard normal variable is above z.

    >>> round(normal_tail(1.96), 3)
    0.025
    """
    from scipy.special import ndtr

    return float(ndtr(-z))


def share_interval(number: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a share of which `number` in `total` were seen.

    Source: Clopper and Pearson, Biometrika 26, 1934.

    >>> [round(end, 3) for end in share_interval(1, 10)]
    [0.003, 0.445]
    """
    from scipy.special import betaincinv

    tail = (1.0 - level) / 2.0
    low = float(betaincinv(number, total - number + 1, tail)) if number else 0.0
    high = float(betaincinv(number + 1, total - number, 1.0 - tail)) if number < total else 1.0
    return low, high


def falling_roots(function: Callable[[Any], Any], low: Any, high: Any, rounds: int = 60) -> Any:
    """Return where a falling function crosses 0 between `low` and `high`, all elements at once, by halving.

    >>> round(float(falling_roots(lambda x: 2.0 - x**2, np.array(0.0), np.array(8.0))), 6)
    1.414214
    """
    for _ in range(rounds):
        middle = (low + high) / 2.0
        is_above = function(middle) > 0.0
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    return (low + high) / 2.0
