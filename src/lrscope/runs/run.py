"""One training run, and what was measured on the way: keyed by step, or by epoch where a record has nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from lrscope.records import Metric, Status
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.score_table import ExampleValues
from lrscope.runs.training_log import TrainingLog

Axis = Literal["epoch", "step"]


@dataclass(frozen=True)
class Point:
    """What was measured after `step` updates, or `epoch` passes: metrics by split, such as {"dev": {"loss": 1.2}}.

    One of the two is None where a record does not have it.
    """

    step: int | None
    epoch: float | None
    splits: Mapping[str, Mapping[str, float]]

    @property
    def position(self) -> float:
        """Where the point stands in its run: the epoch where it is known, else the step."""
        position = self.step if self.epoch is None else self.epoch
        return math.nan if position is None else position

    def value(self, split: str, metric: str) -> float:
        """Return a metric of a split, NaN where it was not measured."""
        return self.splits.get(split, {}).get(metric, math.nan)


@dataclass(frozen=True)
class Run:
    """One training run of an arm. `status` is as in the store.

    `final` holds what was reported at the very end, such as the test metric of the checkpoint that was kept; `log` is
    what it logged while it trained, `dev_set` what it was evaluated on, as far as is known; `epoch_noise` the standard
    deviation of what one evaluation's dev value has to itself, where examples tell. Where `names_all_settings`, as
    after a command line, a setting that is not among `settings` was left at its default. `scores` are per example at
    the endpoint, by metric, where the run's own record has them. Where not `shows_peak`, the rate is the highest that
    was logged, and higher ones may not have been. Where `is_summed_up`, its values stand at no step that could be held
    against those of others: one row or value is all that is known of it.
    """

    arm: str
    seed: int | None
    rate: float | None
    points: tuple[Point, ...]
    status: Status = "completed"
    final: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: float = math.nan
    reason: str = ""
    log: TrainingLog | None = None
    dev_set: DevSet = UNKNOWN
    epoch_noise: float = math.nan
    names_all_settings: bool = False
    scores: Mapping[str, ExampleValues] = field(default_factory=dict, compare=False, repr=False)
    shows_peak: bool = True
    is_summed_up: bool = False

    @property
    def axis(self) -> Axis:
        """What its curves are drawn against: the epoch where every point has one, else the step."""
        return axis_of([self])

    def series(self, split: str, metric: str) -> list[tuple[float, float]]:
        """Return (position, value) where the metric was measured.

        >>> Run("a", 0, 1e-3, (Point(8, 1, {"dev": {"loss": 0.5}}), Point(16, 2, {}))).series("dev", "loss")
        [(1, 0.5)]
        """
        values = [(point.position, point.value(split, metric)) for point in self.points]
        return [(position, value) for position, value in values if not math.isnan(value)]

    def last(self, split: str, metric: str) -> float:
        """Return the value at the endpoint, NaN where there is none, or where it was none."""
        measured = [point.splits[split][metric] for point in self.points if metric in point.splits.get(split, {})]
        return measured[-1] if measured else math.nan

    def best(self, split: str, metric: Metric) -> tuple[float, float]:
        """Return the position of the best value, the first of equals, and that value; NaN where there is none."""
        best_position, best_value = math.nan, math.nan
        for position, value in self.series(split, metric.name):
            if metric.better(value, None if math.isnan(best_value) else best_value):
                best_position, best_value = position, value
        return best_position, best_value


def axis_of(runs: Iterable[Run]) -> Axis:
    """Return what runs are drawn against together: the epoch where all of their points have one, else the step.

    >>> axis_of([Run("a", 0, None, (Point(8, None, {}),))])
    'step'
    """
    return "step" if any(point.epoch is None for run in runs for point in run.points) else "epoch"
