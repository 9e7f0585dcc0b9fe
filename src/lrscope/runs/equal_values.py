"""Whether values are those of another record, as another program writes them: with fewer digits, or less precisely."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

FEWEST_DIGITS = 3  # a value that was rounded to fewer may be another one
HALF = 0.6  # of the last digit, and a little: what is in single precision was rounded twice


class Digits(NamedTuple):
    """How many digits numbers have after the point, and how many in all; trailing zeros are not seen.

    >>> Digits.of(0.3951), Digits.of(120.5), Digits.most([0.5, 1.25])
    (Digits(after=4, significant=4), Digits(after=1, significant=4), Digits(after=2, significant=3))
    """

    after: int
    significant: int

    @staticmethod
    def of(value: float) -> Digits:
        """Return those of a number; none of what is not finite."""
        if not math.isfinite(value):
            return Digits(0, 0)
        _, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
        return Digits(max(-int(exponent), 0), len(digits))

    @staticmethod
    def most(values: Iterable[float]) -> Digits:
        """Return the most that any of several numbers has."""
        each = [Digits.of(value) for value in values]
        return Digits(max(digits.after for digits in each), max(digits.significant for digits in each))

    def room(self, size: float, fewest: int) -> float:
        """Return how far a number of this size, written with these digits, may be from what it was before."""
        by_place = HALF * 10.0**-self.after if self.after >= FEWEST_DIGITS else 0.0
        exponent = math.floor(math.log10(size)) + 1 - self.significant
        return max(by_place, HALF * 10.0**exponent if self.significant >= fewest else 0.0)


def is_rounded(
    values: Sequence[float], others: Sequence[float], *, fewest: int = FEWEST_DIGITS, near: float = 0.0
) -> bool:
    """Return whether values are others, as those of one are where they were rounded to the digits of the other.

    A value may have its own digits, or those that its record writes numbers with: 0.4 is 0.4000 beside 0.3951. `fewest`
    are the significant digits that a record, or a value, must have to be taken for rounded; `near` is how far apart two
    values may be in any case, as a share.

    >>> is_rounded([0.3951, 0.4155], [0.3951033353805542, 0.4154859483242035]), is_rounded([0.3951], [0.3962])
    (True, False)
    >>> is_rounded([0.3951, 0.4], [0.3951033353805542, 0.4000312]), is_rounded([0.4], [0.4000312])
    (True, False)
    """
    if not values or len(values) != len(others):
        return False
    written = (Digits.most(values), Digits.most(others))
    return all(_agree(pair, written, fewest, near) for pair in zip(values, others, strict=True))


def _agree(pair: tuple[float, float], written: Sequence[Digits], fewest: int, near: float) -> bool:
    one, two = pair
    if math.isnan(one) or math.isnan(two):
        return math.isnan(one) and math.isnan(two)
    if one == two or math.isinf(one) or math.isinf(two):
        return one == two
    apart, size = abs(one - two), max(abs(one), abs(two))
    own = min(Digits.of(one), Digits.of(two), key=lambda digits: digits.significant)
    return apart <= near * size or any(apart <= digits.room(size, fewest) for digits in (own, *written))
