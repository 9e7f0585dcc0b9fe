"""Runs as the report reads them, wherever they come from: a study's store, a console log, another trainer's state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from lrscope.config import AnyStudy, AnyTrial
from lrscope.records import Metric
from lrscope.runs.ahead import Ahead
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.notes import Note
from lrscope.runs.run import Axis, Run, axis_of
from lrscope.runs.score_table import ScoreTable


@dataclass(frozen=True)
class Runs:
    """All runs of one comparison, with what is known of how they were measured.

    `scores` are per example at the endpoint, where there are any. `sizes` counts the examples of each split. `unread`
    lists lines that could not be read, as (line number, text), `notes` what is odd about the records.
    `study` is what was asked for, and `configs` the arms' own, where lrscope ran them. With `at_best` each run is
    judged at its best evaluation on dev, not at the end of its training. `varied` are the settings that arms differ in
    beside the rate, `kinds` each arm's values of them. `baseline` is what guessing gets on dev, by metric, where known.
    `dev_set` is what they were measured on; of imported files, `other_dev_sets` are those of runs that are compared on
    their own. `to_evaluate` is how the program that trained would evaluate on dev, where nothing was evaluated.
    `ahead` is what the study has still before it, None where that is nothing.
    """

    source: str
    metric: Metric
    runs: tuple[Run, ...]
    sizes: Mapping[str, int]
    scores: ScoreTable | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()
    is_imported: bool = False
    configs: Mapping[str, AnyTrial] = field(default_factory=dict)
    at_best: bool = False
    varied: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    study: AnyStudy | None = None
    baseline: Mapping[str, float] = field(default_factory=dict)
    dev_set: DevSet = UNKNOWN
    other_dev_sets: tuple[DevSet, ...] = ()
    to_evaluate: str = ""
    ahead: Ahead | None = None

    @cached_property
    def counted(self) -> frozenset[str]:
        """The states of runs whose values count: of unfinished ones only where none is complete and all came as far."""
        done = frozenset({"completed", "stopped"})
        if any(run.status in done and not math.isnan(self.value(run)) for run in self.runs):
            return done
        lengths = {run.points[-1].position for run in self.runs if run.points and run.status == "interrupted"}
        return done | {"interrupted"} if len(lengths) == 1 else done

    @property
    def seconds_spent(self) -> float:
        """What all runs took together, NaN where that is not known of each."""
        return sum(run.seconds for run in self.runs)

    @property
    def metric_title(self) -> str:
        """What people call the decision metric."""
        return self.metric.name if self.study is None else self.study.metric_title(self.metric.name)

    @property
    def axis(self) -> Axis:
        """What all runs are drawn against: the epoch where it is known of every point, else the step."""
        return axis_of(self.runs)

    def value(self, run: Run) -> float:
        """Return the value that a run is judged by; NaN where it has none."""
        end = run.last("dev", self.metric.name)
        return run.best("dev", self.metric)[1] if self.at_best and not math.isnan(end) else end

    @property
    def arms(self) -> dict[str, list[Run]]:
        """Runs by arm: by rising rate where all have one, else as they came."""
        by_arm: dict[str, list[Run]] = {}
        for run in self.runs:
            by_arm.setdefault(run.arm, []).append(run)
        if all(run.rate is not None for run in self.runs):
            return dict(sorted(by_arm.items(), key=lambda item: float(item[1][0].rate or 0.0)))
        return by_arm
