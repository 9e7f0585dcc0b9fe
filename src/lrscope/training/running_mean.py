"""Means of what the training pass itself measures, gathered over an epoch."""

from __future__ import annotations


class RunningMean:
    """Weighted means of the training pass, by metric name; their state travels in the snapshot."""

    def __init__(self, state: dict[str, list[float]] | None = None) -> None:
        self.state: dict[str, list[float]] = {name: list(sums) for name, sums in (state or {}).items()}

    def add(self, name: str, total: float, weight: float) -> None:
        """Add a sum of weighted values and the sum of their weights."""
        sums = self.state.setdefault(name, [0.0, 0.0])
        sums[0] += total
        sums[1] += weight

    def means(self) -> dict[str, float]:
        """Return total / weight of each."""
        return {name: total / weight for name, (total, weight) in self.state.items() if weight}
