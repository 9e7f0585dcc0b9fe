"""Where a training broke: its loss became no number, or rose far above what it was."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lrscope.findings.checkup import loss_statements as s
from lrscope.findings.checkup.log_view import LogView, exactly
from lrscope.findings.checkup.statements import CheckFinding
from lrscope.runs.quantities import Count, Rate, Share, Value
from lrscope.runs.score_table import Floats

MIN_ENTRIES = 12
STRETCHES = 60  # of a log, whose median losses are its course
LEAST = 1e-3  # a loss below is fitted to the end: how far below says nothing
SMALL_PART = 0.25  # of the rise of the training loss, by logarithms: dev losses that rose by less did not rise with it
NAN_FILTER_FROM = 0.05  # a loss that was above this does not come to exactly 0 by being fitted


@dataclass(frozen=True)
class Break:
    """From entry `index` on the loss or its gradient is no number, 0 in its place, or far above what it was.

    `good` is the last entry before, None where there is none; `before` and `after` are the loss's levels.
    """

    how: s.Kind
    index: int
    good: int | None
    before: float = math.nan
    after: float = math.nan


def find_breaks(log: LogView) -> list[Break]:
    """Return where training diverged and did not come back: where its loss rose, and where it became no number."""
    lost = _to_nan(log) or _to_zero(log) or _without_gradient(log)
    rose = find_rise(log, len(log.losses) if lost is None else lost.index)
    if rose is not None and _evaluates_as_before(log, rose):
        rose = None
    return [each for each in (rose, lost) if each is not None]


def _evaluates_as_before(log: LogView, rose: Break) -> bool:
    """Whether dev losses did not rise with the training loss: other data, or another way to log, raise that alone."""
    before = [value for position, value in log.dev if rose.good is not None and position <= log.at[rose.good]]
    later = [value for position, value in log.dev if position > log.at[rose.index]]
    if not before or not later or not (0.0 < before[-1] < math.inf and 0.0 < later[-1] < math.inf):
        return False
    return math.log(later[-1] / before[-1]) < SMALL_PART * math.log(max(rose.after, LEAST) / max(rose.before, LEAST))


def _to_nan(log: LogView) -> Break | None:
    entries = np.flatnonzero(~np.isnan(log.losses))
    if not len(entries) or not np.isinf(log.losses[entries[-1]]):
        return None
    bad = np.isinf(log.losses[entries])
    num_bad = len(bad) if bad.all() else int(np.argmin(bad[::-1]))
    first = entries[len(entries) - num_bad]
    good = entries[len(entries) - num_bad - 1] if num_bad < len(entries) else None
    if good is None:
        return Break("nan-start", int(first), None)
    return Break("nan", int(first), int(good), float(log.losses[good]))


def _to_zero(log: LogView) -> Break | None:
    """Return from where the loss is exactly 0 and evaluations or gradients are no numbers: NaN that was filtered."""
    stretch = zero_stretch(log)
    if stretch is None:
        return None
    first, good = stretch
    later = [value for position, value in log.dev if position >= log.at[first] - 1e-9]
    has_nan_dev = bool(later) and all(not math.isfinite(value) for value in later)
    has_nan_norm = bool(np.isinf(log.norms[first:]).any())
    if not (has_nan_dev or has_nan_norm):
        return None
    if good is None:
        return Break("zero-start", first, None)
    return Break("zero", first, good, float(log.losses[good]))


def _without_gradient(log: LogView) -> Break | None:
    """Return the last step of a run of lrscope's own that its gradient ended: no update was made with it."""
    last = len(log.losses) - 1
    if not log.is_planned or log.status != "diverged" or not np.isinf(log.norms[last]):
        return None
    return Break("gradient", last, last - 1 if last else None, float(log.losses[last]))


def zero_stretch(log: LogView) -> tuple[int, int | None] | None:
    """Return the first entry from which the loss is exactly 0 to the end, and the last before it; None without any."""
    entries = np.flatnonzero(~np.isnan(log.losses))
    if not len(entries) or log.losses[entries[-1]] != 0.0:
        return None
    zero = log.losses[entries] == 0.0
    num_zero = len(zero) if zero.all() else int(np.argmin(zero[::-1]))
    first = int(entries[len(entries) - num_zero])
    good = int(entries[len(entries) - num_zero - 1]) if num_zero < len(entries) else None
    if good is not None and not log.losses[good] > NAN_FILTER_FROM:
        return None
    return first, good


def find_rise(log: LogView, end: int | None = None) -> Break | None:
    """Return from where the loss, up to an entry, is far above its lowest level, and stays there to the end.

    Far is most of the way back up to where it began, or beyond. Levels are compared by their logarithms: a loss that
    explodes scatters as widely. A loss of reinforcement learning is none that should fall.
    """
    entries = np.flatnonzero(np.isfinite(log.losses[:end]))
    losses = log.losses[entries]
    if log.is_rewarded or len(losses) < MIN_ENTRIES or (losses < 0.0).any() or not losses.any():
        return None
    logs = np.log(np.maximum(losses, LEAST))
    level, bounds = _levels(logs)
    lowest, last = int(np.argmin(level)), level[-1 - len(level) // 10 :]
    low, high = float(level[lowest]), float(np.median(last))
    middle = 0.5 * (low + high)
    is_far = high - low > max(8.0 * scatter_of(logs), math.log(1.3))
    back = 0.6 * (math.exp(level[0]) - math.exp(low))  # of what had been gained
    if not is_far or math.exp(high) - math.exp(low) <= back or last.min() < middle:
        return None
    bad = len(level) - int(np.argmin((level > middle)[::-1]))  # the stretches from here on lie above
    if bad <= lowest:
        return None
    # Where it rose, the entry from which all lie above, to the end of the stretch.
    begin, stop = bounds[bad - 1], bounds[bad + 1]
    is_above = logs[begin:stop] > middle
    place = begin + (0 if is_above.all() else len(is_above) - int(np.argmin(is_above[::-1])))
    place = bounds[bad] if place in (0, stop) else place
    return Break("rose", int(entries[place]), int(entries[place - 1]), math.exp(low), math.exp(high))


def _levels(losses: Floats) -> tuple[Floats, list[int]]:
    """Return the medians of at most so many stretches of a log, of three entries at least, and their bounds.

    The first entry stands alone: training may break at once.
    """
    number = min(STRETCHES, (len(losses) - 1) // 3)
    bounds = [0, *(round(place) for place in np.linspace(1, len(losses), number + 1))]
    return np.array([np.median(losses[a:b]) for a, b in pairwise(bounds)]), bounds


def scatter_of(losses: Floats) -> float:
    """Return the standard deviation of one entry beside its course: from differences of neighbours, robustly.

    >>> round(scatter_of(np.array([1.0, 1.2, 1.0, 1.2, 1.0])), 2)
    0.21
    """
    return 1.4826 * float(np.median(np.abs(np.diff(losses)))) / math.sqrt(2.0) if len(losses) > 1 else 0.0


def break_findings(log: LogView, breaks: Sequence[Break]) -> Iterator[CheckFinding]:
    """Yield where and how training broke, and losses that are no numbers without its having broken."""
    if breaks:
        yield from _told(log, breaks[0])
        yield from (next(_told(log, each)) for each in breaks[1:])
        return
    yield from _zero(log)
    if (rose := find_rise(log)) is not None:
        ends = exactly(Value(rose.before)), exactly(Value(rose.after))
        yield s.LossRoseAlone(log.here(rose.index), *ends)
    bad = np.isinf(log.losses)
    if bad.any():
        yield s.LossNotFinite(exactly(Count(bad.sum())), log.here(int(np.argmax(bad))))
    not_finite = [position for position, value in log.dev if not math.isfinite(value)]
    trained = log.losses[np.isfinite(log.losses) & (log.losses != 0.0)]
    if not_finite and len(trained) and zero_stretch(log) is None:
        counts = exactly(Count(len(not_finite))), exactly(Count(len(log.dev)))
        yield s.DevNotFinite(*counts, log.place(not_finite[0]))


def _told(log: LogView, broke: Break) -> Iterator[CheckFinding]:
    at, after = log.here(broke.index), None if broke.good is None else log.here(broke.good)
    # An evaluation may show it before a logged loss does.
    lost = [p for p, value in log.dev if not math.isfinite(value) and p < log.at[broke.index]]
    if lost and broke.how != "rose":
        at = log.place(lost[0])
    yield s.LossBroke(
        broke.how, at, after, exactly(Value(broke.before)) if math.isfinite(broke.before) else None,
        exactly(Value(broke.after)) if math.isfinite(broke.after) else None,
    )  # fmt: skip
    rate = log.rate(broke.index if broke.good is None else broke.good)
    if broke.good is not None and math.isfinite(rate) and log.peak > 0.0:
        yield s.BrokeAtRate(exactly(Rate(rate)), exactly(Share(rate / log.peak)))


def _zero(log: LogView) -> Iterator[CheckFinding]:
    """Yield a loss of exactly 0 that no evaluation explains; one with a gradient is a loss that is 0 by its nature."""
    stretch = zero_stretch(log)
    if stretch is None or log.is_rewarded:
        return
    first, good = stretch
    norms = log.norms[first:]
    known = norms[np.isfinite(norms)]
    num_zero = int((log.losses[first:] == 0.0).sum())
    if (known > 0.0).any() or num_zero < 2 or (good is None and not len(known)):
        return
    yield s.LossZero(log.here(first), bool(len(known)))
