"""Losses and gradients of a training that goes on and learns nothing: what is stuck, zero, or clipped all along."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lrscope.findings.checkup import loss_statements as s
from lrscope.findings.checkup.breaks import zero_stretch
from lrscope.findings.checkup.log_view import LogView, exactly, setting_of
from lrscope.findings.checkup.precision import is_half
from lrscope.findings.checkup.statements import CheckFinding
from lrscope.runs.quantities import Count, Value
from lrscope.runs.score_table import Floats

MIN_ENTRIES = 12
MIN_EQUAL = 4  # evaluations that are equal to so many digits
MOVED = 0.005  # of the loss: less, and it did not move
CLIP_DEFAULT = 1.0  # max_grad_norm of Trainer
CLIP = ("max_grad_norm", "gradient_clipping", "gradient_clip_val", "clip_grad_norm", "grad_clip", "clip_norm")
FAR_ABOVE = 8.0  # times the clipping length: the median norm
MOST = 0.95  # of the entries
SKIPPED = 0.05  # of the updates: fewer, and a loss scale is only being found


def loss_findings(log: LogView) -> Iterator[CheckFinding]:
    """Yield where the loss did not move in a training that did not break."""
    known = log.losses[np.isfinite(log.losses)]
    if len(known) >= MIN_ENTRIES and (known != 0.0).any() and (unmoved := _unmoved(known)) is not None:
        yield unmoved
    values = [value for _, value in log.dev]
    if len(values) >= MIN_EQUAL and len(set(values)) == 1 and math.isfinite(values[0]) and _digits(values[0]) >= 5:
        yield s.DevUnmoved(exactly(Value(values[0])), exactly(Count(len(values))))


def _digits(value: float) -> int:
    return len(repr(float(value)).replace(".", "").replace("-", "").strip("0"))


def _unmoved(losses: Floats) -> s.LossUnmoved | None:
    """Return that losses stayed where they began: all equal, or a change that is surely small.

    Surely small is: the change from the first third to the last, and three of its standard errors, are less than half
    a percent of the loss. A noisy log shows nothing of the kind.
    """
    third = len(losses) // 3
    first, last = losses[:third], losses[-third:]
    ends = exactly(Value(first.mean())), exactly(Value(last.mean()))
    entries = exactly(Count(len(losses)))
    if (losses == losses[0]).all():
        return s.LossUnmoved(*ends, entries, True)
    error = math.sqrt((first.var(ddof=1) + last.var(ddof=1)) / third)
    change = abs(float(first.mean() - last.mean()))
    is_level = change + 3.0 * error < MOVED * abs(float(first.mean()))
    middle = float(losses[third:-third].mean())
    stays = abs(middle - float(first.mean())) < 2.0 * MOVED * abs(float(first.mean()))
    return s.LossUnmoved(*ends, entries, False) if is_level and stays else None


def gradient_findings(log: LogView) -> Iterator[CheckFinding]:
    """Yield what is odd about the norms of the gradient."""
    logged = log.norms[~np.isnan(log.norms)]
    if len(logged) < 2:
        return
    total = exactly(Count(len(logged)))
    zero = logged == 0.0
    if zero.mean() > 0.5 and zero_stretch(log) is None:
        yield s.GradientZero(exactly(Count(zero.sum())), total)
    broken = np.isinf(log.norms) & (np.isfinite(log.losses) & (log.losses != 0.0))
    half = not log.is_planned and is_half(log.settings) is True
    if broken.any() and (not half or broken.sum() > SKIPPED * len(logged)):
        index = int(np.argmax(broken))
        yield s.GradientNotFinite(exactly(Count(broken.sum())), total, log.here(index), half)
    finite = logged[np.isfinite(logged)]
    yield from _clipping(log, finite)


def _clipping(log: LogView, norms: Floats) -> Iterator[CheckFinding]:
    if len(norms) < MIN_ENTRIES:
        return
    named = setting_of(log.settings, CLIP)
    if log.is_planned and not named:  # no Trainer's
        return
    try:
        clip = float(named) if named else CLIP_DEFAULT
    except ValueError:
        return
    if not clip > 0.0:
        return
    middle = float(np.median(norms))
    if middle > FAR_ABOVE * clip and float((norms > clip).mean()) >= MOST:
        yield s.AlwaysClipped(exactly(Value(middle)), exactly(Value(clip)), bool(named))
