"""Where a search of rates says that the best one is, whether or not it ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExpectedBest:
    """The rate to take by all runs of a search, and the 95% interval of the best one.

    `is_bracketed` says that rates on both sides of the best one came to worse.

    `cost` is by which share its loss is expected to exceed the least; it and the interval are None where runs are
    compared by something that is no loss.
    """

    rate: float
    interval: tuple[float, float] | None
    cost: float | None
    num_runs: int
    is_bracketed: bool
