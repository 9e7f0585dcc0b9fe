"""Rules that read a rate off a curve, each a pure function: curve → rate, or None where the curve has no answer.

All read the smoothed curve, on the logarithm of the rate; losses may be negative.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping

import numpy as np

from lrscope.range_test.curve import Curve, wander

DIVIDED_BY = 10.0
SLIDE_DECADES = 0.75
SLIDE_SHARE = 0.15


def falls(curve: Curve) -> bool:
    """Return whether the loss falls by more than its noise lets the smoothed curve wander.

    The smoothed minimum beyond the first tenth must lie below the mean of that tenth by three standard deviations of
    the smoothed curve, and by a thousandth of the loss.
    """
    if not curve.is_readable:
        return False
    tenth = max(2, len(curve.losses) // 10)
    start = float(curve.losses[:tenth].mean())
    drop = start - float(curve.smoothed[tenth:].min())
    return drop > max(3.0 * wander(curve), 1e-3 * abs(start))


def steepest(curve: Curve) -> float | None:
    """Return the rate at which the loss falls fastest: argmin d loss / d log rate.

    Source: the study's own rule, and pytorch-lr-finder's and Lightning's. The former takes differences of a lagging
    curve, the latter differentiates by the rate itself, which favours the smallest.
    """
    if not falls(curve):
        return None
    slope = np.gradient(curve.smoothed, np.log(curve.rates))
    place = int(slope.argmin())
    return float(curve.rates[place]) if slope[place] < 0 else None


def valley(curve: Curve) -> float | None:
    """Return the middle of the longest valley: the longest strictly falling subsequence of losses.

    Source: fastai's `valley` (2.8.12), which assumes that the subsequence is without gaps, and so starts it too late;
    here it runs from its first point to its last, in O(T log T).
    """
    if not falls(curve):
        return None
    first, last = longest_fall([float(loss) for loss in curve.smoothed])
    return float(np.sqrt(curve.rates[first] * curve.rates[last])) if last > first else None


def longest_fall(values: list[float]) -> tuple[int, int]:
    """Return the first and the last place of a longest strictly falling subsequence.

    Patience sorting: Fredman, On computing the length of longest increasing subsequences, 1975.

    >>> longest_fall([3.0, 9.0, 2.5, 2.7, 2.0, 1.0])
    (1, 5)
    """
    tops: list[float] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        pile = bisect_left(tops, -value)
        before.append(places[pile - 1] if pile else -1)
        if pile == len(tops):
            tops.append(-value)
            places.append(place)
        else:
            tops[pile], places[pile] = -value, place
    if not places:
        return 0, 0
    first = last = places[-1]
    while before[first] >= 0:
        first = before[first]
    return first, last


def slide(curve: Curve) -> float | None:
    """Return the left end of a window slid down from the largest rates until its two ends are equally steep.

    The window spans ¾ of a decade; equally steep means by less than 15% of the curve's largest slope. Source: fastai's
    `slide`, whose window is 15 steps and whose threshold is 0.005 of loss, whatever ramp and loss are.
    """
    if not falls(curve):
        return None
    place = np.log10(curve.rates)
    slope = np.gradient(curve.smoothed, place)
    threshold = SLIDE_SHARE * float(np.abs(slope).max())
    found = None
    for right in range(len(place) - 1, -1, -1):
        left = int(np.searchsorted(place, place[right] - SLIDE_DECADES))
        if place[right] - place[0] < SLIDE_DECADES:
            break
        found = float(curve.rates[left])
        if abs(slope[right] - slope[left]) <= threshold:
            break
    return found


def minimum_divided(curve: Curve) -> float | None:
    """Return a tenth of the rate at which the loss is least. Source: Howard and Gugger, fastai's `minimum`."""
    return float(curve.rates[int(curve.smoothed.argmin())]) / DIVIDED_BY if falls(curve) else None


def divergence_divided(curve: Curve) -> float | None:
    """Return a tenth of the rate that was too large; None where none was.

    Source: Smith, A disciplined approach to neural network hyper-parameters, arXiv 1803.09820, section 4.1.
    """
    return None if curve.diverged_at is None or not curve.is_readable else curve.diverged_at / DIVIDED_BY


def least(curve: Curve) -> float | None:
    """Return the rate with the least loss, for runs that each speak for themselves."""
    return float(curve.rates[int(curve.losses.argmin())]) if curve.is_readable else None


RULES: Mapping[str, Callable[[Curve], float | None]] = {
    "steepest": steepest,
    "valley": valley,
    "slide": slide,
    "minimum / 10": minimum_divided,
    "divergence / 10": divergence_divided,
}
