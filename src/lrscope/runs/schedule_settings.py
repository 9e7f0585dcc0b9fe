"""Warmups as settings that tell runs apart, where only the logged rates show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from lrscope.runs.run import Run

EXACT = 1e-3  # of the peak: a schedule that fits no better does not show how long its warmup was
SHARE_APART, STEPS_APART = 0.01, 2.0  # warmups that differ by more, as a share of the training and in units, differ
NAME = "warmup"


class _Warmup(NamedTuple):
    share: float
    total: float


def with_warmups(runs: Sequence[Run]) -> list[Run]:
    """Return runs of which those of one arm name their warmups, where the rates show that these differ.

    A run that names its warmup, or whose rates do not show it, stays as it is.
    """
    shown = [_shown(run) for run in runs]
    by_arm: dict[str, list[_Warmup]] = {}
    for run, warmup in zip(runs, shown, strict=True):
        if warmup is not None:
            by_arm.setdefault(run.arm, []).append(warmup)
    apart = {arm for arm, warmups in by_arm.items() if _differ(warmups)}
    return [
        run if warmup is None or run.arm not in apart else _named(run, warmup)
        for run, warmup in zip(runs, shown, strict=True)
    ]


def _shown(run: Run) -> _Warmup | None:
    """Return the warmup that a run's rates show, None where it is told otherwise, or not shown."""
    schedule = None if run.log is None else run.log.schedule
    if schedule is None or any(name.startswith(NAME) for name in run.settings):
        return None
    is_shown = schedule.shape in ("linear", "cosine") and schedule.error < EXACT and schedule.total > 0.0
    if not is_shown or not math.isfinite(schedule.warmup):
        return None
    return _Warmup(schedule.warmup / schedule.total, schedule.total)


def _differ(warmups: Sequence[_Warmup]) -> bool:
    shares = [each.share for each in warmups]
    apart = max(shares) - min(shares)
    return apart > SHARE_APART and apart * min(each.total for each in warmups) > STEPS_APART


def _named(run: Run, warmup: _Warmup) -> Run:
    return replace(run, settings={**run.settings, NAME: f"{100 * warmup.share:.3g}%"})
