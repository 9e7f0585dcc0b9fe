"""Why a training diverged: the likelier cause by what its log shows, and that it cannot be told where nothing does.

A rate that is too large shows in gradients that grow over many entries, and in runs that diverge above a rate; an
overflow in norms that are no numbers before the loss is one; a batch in one entry out of nowhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrscope.findings.checkup import loss_statements as s
from lrscope.findings.checkup.breaks import Break
from lrscope.findings.checkup.log_view import LogView, exactly
from lrscope.findings.checkup.precision import is_half
from lrscope.runs.quantities import Count, Share, Value
from lrscope.runs.score_table import Floats

WINDOW, MIN_BEFORE, FEW = 30, 8, 5
GROWN = 3.0  # times: a gradient norm over the entries before
LEVEL = 1.5  # times: less is no growth
LOSS_GROWN = 1.25
IN_ORDER, CLEAR_ORDER = 0.6, 0.8  # rank correlation with the entries' order
LOW_RATE, HIGH_RATE = 0.1, 0.9  # of the peak
NEAR = 0.05  # of the training: entries that lie further apart do not tell at which rate it broke
HUGE = 10.0  # a rate above it is no learning rate of any optimizer here
CLOSE = 5.0  # updates between entries: further apart, a jump may have taken as many


@dataclass(frozen=True)
class Before:
    """What the entries before a break show of the gradient's norm and of the loss."""

    norms: Floats
    losses: Floats
    num_broken_norms: int


def cause(log: LogView, broke: Break, *, above_others: bool) -> s.DivergenceCause:
    """Return the likelier cause of a break; `above_others`: runs diverged at larger rates, and none at smaller ones."""
    before = _before(log, broke)
    share = log.rate(broke.index if broke.good is None else broke.good) / log.peak if log.peak > 0.0 else math.nan
    named = _named(log, broke, before, share, above_others=above_others)
    norms = before.norms
    third = max(1, len(norms) // 3)
    apart = log.spacing if log.unit == "step" and len(log.at) > 1 else 0.0
    entries = len(before.losses) if named == "rate-loss" else before.num_broken_norms or len(norms)
    return s.DivergenceCause(
        named, exactly(Count(entries)),
        exactly(Value(np.median(norms[:third]))) if len(norms) else None,
        exactly(Value(norms[-1])) if len(norms) else None,
        exactly(Share(share)) if math.isfinite(share) else None, exactly(Count(round(apart))),
    )  # fmt: skip


def _before(log: LogView, broke: Break) -> Before:
    window = slice(max(0, broke.index - WINDOW), broke.index)
    norms, losses = log.norms[window], log.losses[window]
    broken = int((np.isinf(norms) & np.isfinite(losses)).sum())
    # Trainer replaced the losses that were no numbers by the mean of those before them: in the last entry, too.
    broken -= broke.how == "zero" and broken > 0 and log.spacing > 1.0
    return Before(norms[np.isfinite(norms)], losses[np.isfinite(losses)], broken)


def _named(log: LogView, broke: Break, before: Before, share: float, *, above_others: bool) -> s.Cause:
    if broke.good is None:
        return "start"
    if log.rate(broke.good) > HUGE:
        return "rate-huge"
    if above_others:
        return "rate-runs"
    if _is_far_below_earlier(log, broke.good):
        return "low-rate"
    if _growth(before.norms) >= GROWN or _climbs(before.norms):
        return "rate-norm"
    if _growth(before.losses) >= LOSS_GROWN or _climbs(before.losses):
        return "rate-loss"
    # A norm that is no number while the loss still is one: in float16 an overflow, whatever the rate.
    half = False if log.is_planned else is_half(log.settings)  # lrscope's own training is never in float16
    if broke.how != "rose" and before.num_broken_norms and half is not False:
        return "precision" if half else "precision-unknown"
    is_close = log.unit == "step" and log.spacing <= CLOSE
    if _is_sudden(log, broke, before):
        if not is_close:
            return "coarse" if log.unit == "step" else "coarse-entries"
        return "batch" if _norm_is_known(log, broke) else "sudden"
    return "highest-rate" if _is_highest(log, broke, broke.good, share) else "unknown"


def _is_far_below_earlier(log: LogView, good: int) -> bool:
    """Whether the rate had come down to a small part of what the same run was trained at before."""
    earlier = log.rates[:good]
    known = earlier[np.isfinite(earlier)]
    return len(known) > 0 and log.rate(good) < LOW_RATE * float(known.max())


def _is_highest(log: LogView, broke: Break, good: int, share: float) -> bool:
    """Whether the rate was the highest so far, or near its peak, of a schedule that is lower elsewhere."""
    is_known = log.at[broke.index] - log.at[good] <= NEAR * log.end
    is_constant = log.schedule is not None and log.schedule.shape == "constant"
    if not math.isfinite(share) or not is_known or is_constant:
        return False
    earlier = log.rates[: broke.index + 1]
    known = earlier[np.isfinite(earlier)]
    return len(known) > 1 and log.rate(broke.index) >= HIGH_RATE * float(known.max())


def _climbs(norms: Floats) -> bool:
    """Whether the last values grew from each to the next, three times at least, to several times what was usual.

    >>> _climbs(np.array([1.0, 1.1, 0.9, 1.0, 1.1, 1.0, 1.0, 1.2, 2.5, 6.0]))
    True
    """
    if len(norms) < 4:
        return False
    return bool((np.diff(norms[-4:]) > 0.0).all()) and float(norms[-1]) > GROWN * float(np.median(norms[:-3]))


def _growth(values: Floats) -> float:
    """Return how many times as large values became, in order; 1 where they did not grow steadily, or are few.

    Of few values twice as much, in a clearer order, is asked for.

    >>> _growth(np.geomspace(1.0, 8.0, 12)) > 3.0, _growth(np.array([1.0] * 11 + [50.0]))
    (True, 1.0)
    """
    if len(values) < FEW:
        return 1.0
    is_few = len(values) < MIN_BEFORE
    third = max(2, len(values) // 3)
    first, last = float(np.median(values[:third])), float(np.median(values[-third:]))
    ranks = np.argsort(np.argsort(values, kind="stable"))
    order = float(np.corrcoef(ranks, np.arange(len(values)))[0, 1]) if len(set(values.tolist())) > 1 else 0.0
    grows = first > 0.0 and order >= (CLEAR_ORDER if is_few else IN_ORDER)
    return last / first / (2.0 if is_few else 1.0) if grows else 1.0


def _is_sudden(log: LogView, broke: Break, before: Before) -> bool:
    """Whether a gradient stood level, and was many times as long at the break, or the one entry before it."""
    if len(before.norms) < MIN_BEFORE:
        return False
    usual = before.norms[:-1]
    third = len(usual) // 3
    first, last = float(np.median(usual[:third])), float(np.median(usual[-third:]))
    is_level = first / LEVEL <= last <= first * LEVEL
    at_break = [log.norms[broke.index], before.norms[-1]]
    return is_level and (broke.how != "rose" or any(norm > 10.0 * last for norm in at_break))


def _norm_is_known(log: LogView, broke: Break) -> bool:
    """Whether the entry at the break, or the one before it, has a norm that is a number, and a huge one."""
    usual = float(np.median(log.norms[: broke.index][np.isfinite(log.norms[: broke.index])]))
    return any(math.isfinite(n) and n > 10.0 * usual for n in log.norms[max(0, broke.index - 1) : broke.index + 1])


def above_all_others(rate: float, diverged: Sequence[float], healthy: Sequence[float]) -> bool:
    """Whether several runs diverged, all at larger rates than any run that did not, of which there are some.

    >>> above_all_others(1e-3, [1e-3, 3e-3], [1e-4]), above_all_others(1e-3, [1e-3], [1e-4])
    (True, False)
    """
    return len(diverged) > 1 and bool(healthy) and rate in diverged and min(diverged) > max(healthy)
