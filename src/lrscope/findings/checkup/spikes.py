"""Losses that rose far above what they were and came back."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lrscope.findings.checkup import loss_statements as s
from lrscope.findings.checkup.breaks import scatter_of
from lrscope.findings.checkup.log_view import LogView, exactly
from lrscope.findings.checkup.statements import CheckFinding
from lrscope.runs.quantities import Count, Share, Value
from lrscope.runs.score_table import Floats

WINDOW, MIN_BEFORE = 30, 12  # entries before, that a loss is held against
BLOCK = 20_000  # windows that are held at a time
FAR = 10.0  # standard deviations
RISE = 1.5  # times the median before
HEAVY = 0.02  # of the entries: where more lie outside, far values are how this loss is


def spike_findings(log: LogView, broke_at: int | None) -> Iterator[CheckFinding]:
    """Yield the spikes before an entry at which training broke, as one finding."""
    entries = np.flatnonzero(np.isfinite(log.losses))
    if broke_at is not None:
        entries = entries[entries < broke_at]
    losses = log.losses[entries]
    if len(losses) < MIN_BEFORE + 3 or (losses <= 0.0).any():
        return
    spikes = _spikes(losses)
    if not spikes:
        return
    top = max(spikes, key=lambda spike: spike[2] / spike[3])
    begin, end, value, usual = top
    index = int(entries[begin + int(np.argmax(losses[begin:end]))])
    rate = log.rate(index)
    share = exactly(Share(rate / log.peak)) if math.isfinite(rate) and log.peak > 0.0 else None
    is_back = all(end < len(losses) for _, end, _, _ in spikes) or broke_at is not None
    yield s.LossSpikes(
        exactly(Count(len(spikes))), log.here(index), exactly(Value(usual)), exactly(Value(value)), share, is_back
    )  # fmt: skip


def _spikes(losses: Floats) -> list[tuple[int, int, float, float]]:
    """Return stretches far above the median before them: (begin, end, highest loss, median before).

    Far is ten standard deviations of the logarithm of the loss, by the median distance from the median and by the
    differences of neighbours, whichever is larger; and half as much again as the median.
    """
    logs = np.log(losses)
    middles, spreads = _before_each(logs)
    spreads = np.maximum(spreads, max(scatter_of(logs), 1e-3))
    far = logs > middles + np.maximum(FAR * spreads, math.log(RISE))
    found: list[tuple[int, int, float, float]] = []
    for index in np.flatnonzero(far).tolist():
        if found and index < found[-1][1]:
            continue
        limit, end = middles[index] + max(4.0 * spreads[index], 0.5 * math.log(RISE)), index
        while end < len(logs) and logs[end] > limit:
            end += 1
        found.append((index, end, float(losses[index:end].max()), math.exp(middles[index])))
    outside = int((np.abs(logs - middles) > 5.0 * spreads).sum()) - sum(end - begin for begin, end, _, _ in found)
    return [] if len(found) + outside > max(3.0, HEAVY * len(logs)) else found


def _before_each(logs: Floats) -> tuple[Floats, Floats]:
    """Return the median of the entries before each, and their spread about it; infinite where they are few."""
    middles, spreads = np.full(len(logs), math.inf), np.full(len(logs), math.inf)
    for index in range(MIN_BEFORE, min(WINDOW, len(logs))):
        middles[index : index + 1], spreads[index : index + 1] = _middle(logs[None, :index])
    if len(logs) > WINDOW:
        windows = np.lib.stride_tricks.sliding_window_view(logs[:-1], WINDOW)
        for begin in range(0, len(windows), BLOCK):
            block = slice(WINDOW + begin, WINDOW + begin + BLOCK)
            middles[block], spreads[block] = _middle(windows[begin : begin + BLOCK])
    return middles, spreads


def _middle(windows: Floats) -> tuple[Floats, Floats]:
    """Return the level that each window ends at, and the spread about its course, which a falling loss does not widen.

    The level is the window's median, or that of its second half where it is lower.
    """
    middle, half = np.median(windows, axis=1), windows.shape[1] // 2
    first, second = np.median(windows[:, :half], axis=1), np.median(windows[:, -half:], axis=1)
    slope = (second - first) / (windows.shape[1] - half)
    course = slope[:, None] * (np.arange(windows.shape[1]) - 0.5 * (windows.shape[1] - 1))
    apart = windows - course
    apart -= np.median(apart, axis=1)[:, None]
    return np.minimum(middle, second), 1.4826 * np.median(np.abs(apart), axis=1)
