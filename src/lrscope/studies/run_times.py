"""What finished runs took, and what is left will take by it: for training whose speed cannot be measured before."""

from __future__ import annotations

import heapq
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lrscope.config import AnyTrial
from lrscope.records import FINISHED
from lrscope.store.trials import TrialRow

COMPLETE = ("completed", "stopped")  # a run that diverged tells little of one that does not

RECENT = (1.0, 0.5, 0.25)  # parts of the runs that finished, counted back from the last: a machine's speed changes


class SecondsLeft(NamedTuple):
    """What is left takes at least and at most so long, by what was measured."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The middle of both."""
        return (self.low + self.high) / 2.0


class RunTimes:
    """How long runs take, by what the finished ones among these took.

    Runs of the same settings but for rate and seed are expected to take the same time; where lengths differ, time is
    in proportion to the length. Settings that no finished run had take what the others took on the mean.
    """

    def __init__(self, rows: Iterable[TrialRow]) -> None:
        # A row has seconds only where whoever ran it measured them.
        finished = [row for row in rows if row.status in COMPLETE and row.seconds > 0.0]
        self.taken: tuple[float, ...] = tuple(row.seconds for row in finished)
        self._exactly: dict[AnyTrial, list[float]] = {}
        self._by_kind: dict[AnyTrial, list[float]] = {}
        for row in finished:
            self._exactly.setdefault(_with_length(row.config), []).append(row.seconds)
            self._by_kind.setdefault(_kind(row.config), []).append(row.seconds / (row.config.length or 1.0))
        self._mean = statistics.fmean(map(statistics.fmean, self._by_kind.values())) if finished else None

    @property
    def kinds(self) -> set[AnyTrial]:
        """The settings that were seen, but for rate, seed and length."""
        return set(self._by_kind)

    def seconds_of(self, config: AnyTrial) -> float | None:
        """Return what a run is expected to take; None where none has finished."""
        if self._mean is None:
            return None
        if same := self._exactly.get(_with_length(config)):
            return statistics.fmean(same)
        of_kind = self._by_kind.get(_kind(config))
        return (statistics.fmean(of_kind) if of_kind else self._mean) * (config.length or 1.0)

    def seconds_left(self, configs: Sequence[AnyTrial], at_once: int) -> float | None:
        """Return what these runs will take together, so many at once; None where it is not known."""
        each = [self.seconds_of(config) for config in configs]
        known = [seconds for seconds in each if seconds is not None]
        return seconds_together(known, at_once) if len(known) == len(each) else None


def recent_times(rows: Sequence[TrialRow]) -> list[RunTimes]:
    """Return the times of all runs that finished, of the latter half and of the last quarter.

    The parts are left out that have not all of the settings.


    >>> recent_times([])
    []
    """
    finished = [row for row in rows if row.status in COMPLETE and row.seconds > 0.0]
    sizes = dict.fromkeys(max(2, round(part * len(finished))) for part in RECENT)
    times = [RunTimes(finished[-size:]) for size in sizes] if finished else []
    return [each for each in times if each.kinds == times[0].kinds]  # of others, the settings make the difference


def seconds_together(seconds: Sequence[float], at_once: int) -> float:
    """Return how long runs take one after another, each begun when one of `at_once` places is free.

    >>> seconds_together([3, 3, 3], 2), seconds_together([], 2)
    (6.0, 0.0)
    """
    free_at = [0.0] * max(1, at_once)
    for each in seconds:
        heapq.heapreplace(free_at, free_at[0] + each)
    return max(free_at)


def is_open(row: TrialRow) -> bool:
    """Return whether a trial is still to be run, or to its end: one that failed is not, unless that is asked for."""
    return row.status not in FINISHED and row.status != "failed"


def _with_length(config: AnyTrial) -> AnyTrial:
    """Return a configuration without what does not change how long it takes: its rate and its seed."""
    return config.with_values({"peak_rate": 1.0, "seed": 0})


def _kind(config: AnyTrial) -> AnyTrial:
    return _with_length(config if config.length is None else config.with_length(1))
