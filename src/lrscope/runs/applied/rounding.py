"""How exactly logged numbers are known: programs print rates and epochs with a few digits."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np

from lrscope.runs.score_table import Floats

SAMPLE = 400  # distinct numbers whose digits are counted
EXACT = 9  # significant digits: a number that has as many was not rounded for people


def digits_of(value: float) -> tuple[int, int]:
    """Return how many significant digits a number's shortest text has, and the exponent of the last one.

    >>> digits_of(0.000156), digits_of(120.0)
    ((3, -6), (2, 1))
    """
    _, digits, exponent = Decimal(repr(float(value))).normalize().as_tuple()
    assert isinstance(exponent, int), "a finite number"
    return len(digits), exponent


def half_units(values: Floats) -> Floats:
    """Return by how much each number may differ from what was rounded to it; zeros where nothing was rounded.

    A program rounds to a number of significant digits (`%.4g`) or of decimals (`%.6f`): whichever the last digits of
    all numbers show.

    >>> half_units(np.array([0.000156, 0.00012, 9.61e-05])).tolist()
    [5e-07, 5e-07, 5e-08]
    >>> half_units(np.array([0.0002, 0.000195, 0.000009])).tolist()
    [5e-07, 5e-07, 5e-07]
    """
    known = np.unique(values[values != 0.0])
    if not len(known):
        return np.zeros_like(values)
    sampled = known[np.unique(np.linspace(0, len(known) - 1, SAMPLE).astype(int))]
    counted = [digits_of(value) for value in sampled]
    most, last = max(digits for digits, _ in counted), min(exponent for _, exponent in counted)
    if most >= EXACT:
        return np.zeros_like(values)
    places = np.floor(np.log10(np.where(values == 0.0, known[0], np.abs(values))) + 1e-9)
    return np.asarray(0.5 * 10.0 ** np.maximum(places - most + 1, last))


def roundest(low: float, high: float, most: int = 4) -> tuple[float, int] | None:
    """Return the number with the fewest digits between two, and how many it has; None where it has more than `most`.

    Of several the one nearest to their middle.

    >>> roundest(1.97e-4, 2.04e-4), roundest(3.1e-4, 3.3e-4), roundest(2.13456e-4, 2.13457e-4)
    ((0.0002, 1), (0.00032, 2), None)
    """
    if not 0.0 < low <= high < math.inf:
        return None
    middle = 0.5 * (low + high)
    for digits in range(1, most + 1):
        exponent = math.floor(math.log10(high)) - digits + 1
        unit = 10.0**exponent
        nearest = (math.floor(middle / unit), math.ceil(middle / unit))
        inside = [number for count in nearest if low <= (number := float(f"{count}e{exponent}")) <= high]
        if inside:
            return min(inside, key=lambda number: abs(number - middle)), digits
    return None


def short_numbers(low: float, high: float, most: int) -> list[tuple[float, int]]:
    """Return the numbers of at most so many digits between two, with how many they have; none where they are many.

    >>> short_numbers(2.85e-4, 3.05e-4, 2)
    [(0.00029, 2), (0.0003, 1)]
    """
    if not 0.0 < low <= high < math.inf:
        return []
    exponent = math.floor(math.log10(high)) - most + 1
    first, last = math.ceil(low / 10.0**exponent), math.floor(high / 10.0**exponent)
    if last - first > 200:
        return []
    numbers = [float(f"{count}e{exponent}") for count in range(first, last + 1)]
    return [(number, digits_of(number)[0]) for number in numbers]
