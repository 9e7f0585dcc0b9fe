"""When to stop early: a pure function of the decision metric's history, so a resumed run stops where it would have."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.records import Metric


def best_index(metric: Metric, history: Sequence[float]) -> int | None:
    """Return the place of the best value, the earliest among equals; None where there is none but NaN.

    >>> best_index(Metric("accuracy", "maximize"), [0.3, 0.4, 0.4])
    1
    """
    best: int | None = None
    for place, value in enumerate(history):
        if metric.better(value, None if best is None else history[best]):
            best = place
    return best


def should_stop(metric: Metric, history: Sequence[float], patience: int | None) -> bool:
    """Return whether the last `patience` evaluations brought nothing better than what came before.

    >>> should_stop(Metric("loss", "minimize"), [1.0, 0.9, 0.95, 0.93], patience=2)
    True
    """
    if patience is None:
        return False
    best = best_index(metric, history)
    return len(history) - (0 if best is None else best + 1) >= patience
