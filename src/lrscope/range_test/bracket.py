"""From curves to an interval of rates that is worth searching, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.number_text import short_rate
from lrscope.range_test.curve import Curve, mean_of, wander
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
    """Return the largest rate at which the loss is still at its least; None where the curve cannot say.

    Where the loss falls: the end of the stretch around the minimum within which the smoothed curve stays within two
    standard deviations of it, or a thousandth. Where it only rises: the last rate at which it is not above where it
    began, by as much.
    """
    if not curve.is_readable:
        return None
    smoothed = curve.smoothed
    margin = max(2.0 * wander(curve), 1e-3 * abs(float(smoothed[0])))
    if falls(curve):
        tenth = max(2, len(curve.losses) // 10)
        least = tenth + int(smoothed[tenth:].argmin())
        above = np.flatnonzero(smoothed[least:] > smoothed[least] + margin)
        return float(curve.rates[least + int(above[0]) - 1]) if len(above) else None
    if curve.diverged_at is None:
        return None
    start = float(curve.losses[: max(2, len(curve.losses) // 10)].mean())
    below = np.flatnonzero(smoothed <= start + margin)
    return float(curve.rates[below[-1]]) if len(below) else None


def bracket_of(curves: Sequence[Curve]) -> Bracket:
    """Return the interval of one and a half decades that ends at the largest stable rate of the curves' mean.

    A rate that trains well to the end lies below what a model stands for a few steps; how far below is what
    docs/range-test.md measures.
    """
    readable = [curve for curve in curves if curve.is_readable]
    if not readable:
        sentence = "no confident answer: the test ended before a curve could be read"
        return Bracket(None, None, None, float("nan"), sentence)
    if all(curve.independent_rates for curve in readable):
        return _around_least(readable)
    whole = mean_of(readable)
    each = [rate for rate in map(largest_stable, readable) if rate is not None]
    high = largest_stable(whole)
    if high is None:
        what = "fell and never rose" if falls(whole) else "neither fell nor rose"
        last = whole.rates[-1]
        sentence = f"no confident answer: the loss {what} up to {short_rate(last)}; try a larger end"
        return Bracket(None, None, None, float("nan"), sentence)
    ratio = max(each) / min(each) if each else float("nan")
    return Bracket(high / 10**WIDTH_DECADES, high, high, ratio, _sentence(whole, len(each), len(readable), ratio))


def _around_least(curves: Sequence[Curve]) -> Bracket:
    """Return the interval of one and a half decades around the rate at which the curves' mean is least.

    Where every rate began anew, a loss needs no reading: the least is the best of these runs.
    """
    whole = mean_of(curves)
    least = int(whole.losses.argmin())
    rate, start = float(whole.rates[least]), float(whole.losses[0])
    if least == 0:
        what = f"the least loss is at the smallest rate, {short_rate(rate)}; try a smaller start"
        return Bracket(None, None, None, float("nan"), f"no confident answer: {what}")
    if least + 1 == len(whole.rates) and whole.diverged_at is None:
        what = f"the least loss is at the largest rate, {short_rate(rate)}; try a larger end"
        return Bracket(None, None, None, float("nan"), f"no confident answer: {what}")
    each = [float(curve.rates[int(curve.losses.argmin())]) for curve in curves]
    ratio = max(each) / min(each)
    stable = float(whole.rates[np.flatnonzero(whole.losses < start)[-1]])
    half = 10 ** (WIDTH_DECADES / 2)
    sentence = _agreement(len(curves), len(curves), ratio)
    return Bracket(rate / half, rate * half, max(stable, rate), ratio, sentence)


def _sentence(whole: Curve, num_stable: int, num_seeds: int, ratio: float) -> str:
    parts = [_agreement(num_stable, num_seeds, ratio)]
    if not falls(whole):
        parts.append("the loss never fell clearly, so only its rise was used")
    if num_stable < num_seeds:
        parts.append(f"in {num_seeds - num_stable} of {num_seeds} seeds it never rose")
    return "; ".join(parts)


def _agreement(num_answers: int, num_seeds: int, ratio: float) -> str:
    if num_seeds == 1:
        return "one seed: agreement between seeds is unknown"
    if num_answers < 2:
        return "too few seeds gave an answer of their own"
    if ratio > AGREE:
        return f"seeds differ by {ratio:.1f}×"
    return f"seeds agree within {ratio:.1f}×"
