"""What a run's course shows beyond its noise: that it still rose at the end, fell after its best, or fits too well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrscope.records import Metric
from lrscope.runs.run import Run

BEYOND = 2.0  # standard errors


@dataclass(frozen=True)
class Course:
    """The mean course of an arm's runs on a metric where larger is better: (epoch, value), and a value's error."""

    points: tuple[tuple[float, float], ...]
    error: float

    @property
    def best(self) -> tuple[float, float]:
        """The first epoch with the largest value, and the value."""
        return max(self.points, key=lambda point: (point[1], -point[0]))

    def still_rises(self) -> tuple[float, float] | None:
        """Return the rise over the last third of the epochs, two at least, and its error, where it is beyond noise.

        The last epoch must be the best one.
        """
        if len(self.points) < 3 or self.best[0] != self.points[-1][0]:
            return None
        span = max(2, len(self.points) // 3)
        rise = self.points[-1][1] - self.points[-1 - span][1]
        error = math.sqrt(2.0) * self.error
        return (rise, error) if rise > BEYOND * error else None

    def swings(self) -> tuple[int, float, float] | None:
        """Return how often the value fell beyond noise and came back, the largest such fall, and its error."""
        error = math.sqrt(2.0) * self.error
        falls, top, lowest = [], -math.inf, math.inf
        for _, value in self.points:
            if value > lowest + BEYOND * error and top - lowest > BEYOND * error:
                falls.append(top - lowest)
                top = lowest = value
            if value > top:
                top = lowest = value
            lowest = min(lowest, value)
        return (len(falls), max(falls), error) if falls else None

    def falls_after_best(self) -> tuple[float, float, float] | None:
        """Return the best epoch, the fall from there to the end, and its error, where it is beyond noise."""
        epoch, value = self.best
        fall, error = value - self.points[-1][1], math.sqrt(2.0) * self.error
        return (epoch, fall, error) if fall > BEYOND * error else None


def course(runs: Sequence[Run], split: str, metric: Metric, error: float) -> Course | None:
    """Return the mean course of runs over the epochs that all of them have; None without any."""
    sign = metric.sign
    series = [dict(run.series(split, metric.name)) for run in runs]
    series = [by_epoch for by_epoch in series if by_epoch]
    if not series:
        return None
    epochs = sorted(set.intersection(*(set(by_epoch) for by_epoch in series)))
    if not epochs:
        return None
    points = tuple((epoch, sign * sum(s[epoch] for s in series) / len(series)) for epoch in epochs)
    return Course(points, error / math.sqrt(len(series)))


def gap_begins(train: Course, dev: Course, error: float) -> float | None:
    """Return the first epoch from which training is ahead of dev beyond noise, and stays so to the end."""
    on_dev = dict(dev.points)
    ahead = [(epoch, value - on_dev[epoch] > BEYOND * error) for epoch, value in train.points if epoch in on_dev]
    begins = None
    for epoch, is_ahead in reversed(ahead):
        if not is_ahead:
            break
        begins = epoch
    return begins
