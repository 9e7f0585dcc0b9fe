"""From curves to an interval of rates that is worth searching, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.range_test.curve import Curve, mean_of, noise
from lrscope.range_test.suggest import falls

WIDTH_DECADES = 1.5
AGREE = 2.0


@dataclass(frozen=True)
class Bracket:
    """An interval of rates. `disagreement` is the ratio of the seeds' largest stable rates, `sentence` says it.

    `low` and `high` are None where the curves have no answer.
    """

    low: float | None
    high: float | None
    largest_stable: float | None
    disagreement: float
    sentence: str

    def __contains__(self, rate: float) -> bool:
        return self.low is not None and self.high is not None and self.low <= rate <= self.high


def largest_stable(curve: Curve) -> float | None:
    """Return the largest rate up to which the loss is not above where it began; None where it never rises above.

    Above: by more than two standard deviations of the smoothed curve's noise, from there on to the end of the test.
    """
    if not curve.is_readable or curve.too_large is None:
        return None
    tenth = max(2, len(curve.losses) // 10)
    start = float(curve.losses[:tenth].mean())
    span = max(2.0, 0.3 * len(curve.rates) / float(np.log10(curve.rates[-1] / curve.rates[0])))
    margin = 2.0 * noise(curve) * np.sqrt(1 / span + 1 / tenth)
    below = np.flatnonzero(curve.smoothed <= start + margin)
    return float(curve.rates[below[-1]]) if len(below) else None


def bracket_of(curves: Sequence[Curve]) -> Bracket:
    """Return the interval of one and a half decades that ends at the largest stable rate of the curves' mean.

    A rate that trains well to the end lies below what a model stands for a few steps; how far below is what
    docs/range-test.md measures.
    """
    readable = [curve for curve in curves if curve.is_readable]
    if not readable:
        return Bracket(
            None, None, None, float("nan"), "no confident answer: the test ended before a curve could be read"
        )
    whole = mean_of(readable)
    each = [rate for rate in map(largest_stable, readable) if rate is not None]
    if not each:
        what = "fell and never rose" if falls(whole) else "neither fell nor rose"
        last = whole.rates[-1]
        return Bracket(
            None, None, None, float("nan"), f"no confident answer: the loss {what} up to {last:.2g}; raise --end"
        )
    high = float(np.exp(np.median(np.log(each))))
    ratio = max(each) / min(each)
    return Bracket(high / 10**WIDTH_DECADES, high, high, ratio, _sentence(whole, len(each), len(readable), ratio))


def _sentence(whole: Curve, num_stable: int, num_seeds: int, ratio: float) -> str:
    parts = []
    if num_seeds == 1:
        parts.append("one seed: how far others would disagree is not known")
    elif ratio > AGREE:
        parts.append(f"wide: the seeds disagree by {ratio:.1f}×")
    else:
        parts.append(f"narrow: the seeds agree within {ratio:.1f}×")
    if not falls(whole):
        parts.append("the loss never fell clearly, so only its rise is read")
    if num_stable < num_seeds:
        parts.append(f"in {num_seeds - num_stable} of {num_seeds} seeds it never rose")
    return "; ".join(parts)
