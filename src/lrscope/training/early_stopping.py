"""When to stop early: a pure function of the decision metric's history, so a resumed run stops where it would have."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.records import Metric


def should_stop(metric: Metric, history: Sequence[float], patience: int | None) -> bool:
    """Return whether the last `patience` evaluations brought nothing better than what came before.

    >>> should_stop(Metric("loss", "minimize"), [1.0, 0.9, 0.95, 0.93], patience=2)
    True
    """
    if patience is None:
        return False
    best = metric.best_index(history)
    return len(history) - (0 if best is None else best + 1) >= patience
