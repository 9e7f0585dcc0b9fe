"""Whether arms lie along the rate, and differ in nothing else."""

from __future__ import annotations

import math

from lrscope.runs.runs import Runs


def log_rates(runs: Runs) -> list[float] | None:
    """Return each arm's log₁₀ rate, in the order of the arms; None where one has none, or two have the same."""
    rates = [arm_runs[0].rate for arm_runs in runs.arms.values()]
    known = [rate for rate in rates if rate is not None and rate > 0]
    return [math.log10(rate) for rate in known] if len(known) == len(rates) == len(set(known)) else None


def is_confounded(runs: Runs) -> bool:
    """Return whether some rates were tried at other settings than others: `runs.kinds` says at which."""
    by_rate: dict[float | None, set[tuple[str, ...]]] = {}
    for name, arm_runs in runs.arms.items():
        by_rate.setdefault(arm_runs[0].rate, set()).add(runs.kinds.get(name, ()))
    return len(by_rate) > 1 and len({frozenset(kinds) for kinds in by_rate.values()}) > 1
