"""Whether values are those of another record, as a program that prints fewer digits writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

FEWEST_DIGITS = 3  # a value that was rounded to fewer may be another one


def is_rounded(values: Sequence[float], others: Sequence[float]) -> bool:
    """Return whether values are others, each as one of the two is when it is rounded to the digits of the other.

    >>> is_rounded([0.3951, 0.4155], [0.3951033353805542, 0.4154859483242035]), is_rounded([0.3951], [0.3962])
    (True, False)
    """
    if not values or len(values) != len(others):
        return False
    return all(_is_rounded(*sorted(pair, key=_digits)) for pair in zip(values, others, strict=True))


def _is_rounded(short: float, long: float) -> bool:
    if math.isnan(short) or math.isnan(long):
        return math.isnan(short) and math.isnan(long)
    digits = _digits(short)
    return short == long or (digits >= FEWEST_DIGITS and float(f"{long:.{digits}g}") == short)


def _digits(value: float) -> int:
    """Return how many significant digits a value is written with; trailing zeros are not seen."""
    return len(Decimal(repr(value)).normalize().as_tuple().digits) if math.isfinite(value) else 0
