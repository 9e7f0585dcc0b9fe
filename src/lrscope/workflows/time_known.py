"""What is left of a study will take so long: told when its first run has finished, and when it is known better."""

from __future__ import annotations

from collections.abc import Mapping

from lrscope.config.arms import arm_key
from lrscope.executors.config import ExecutorConfig, trials_at_once
from lrscope.store.trials import TrialRow
from lrscope.studies.run_times import RunTimes, is_open
from lrscope.studies.session import Study
from lrscope.workflows.callbacks import Callbacks, TimeKnown

MOST_TOLD = 3
FAR_OFF = 1.5  # what was told before is off by so many times


class TimeTeller:
    """Tells what a study's open trials will take, where its cost could not be measured before it ran.

    At most three times: by the first run that finishes; when each setting has been seen once; and where it turns out to
    be far from what was told.
    """

    def __init__(self, study: Study, executor: ExecutorConfig, callbacks: Callbacks, rows: Mapping[int, TrialRow]):
        self._is_silent = study.prepared.cost is not None
        self._executor, self._threads = executor, study.prepared.numerics.threads
        self._callbacks = callbacks
        self._num_told = 0
        self._expected: float | None = None  # of a run, as it was told last
        self._saw_all = False
        if self._is_silent:
            return
        times = RunTimes(rows.values())
        if times.taken:  # then it is known before anything runs, and was told
            self._num_told = 1
            self._expected, self._saw_all = self._mean(times, rows), self._has_seen_all(rows)

    def take(self, rows: Mapping[int, TrialRow]) -> None:
        """Take in how the trials stand after one of them has ended."""
        if self._is_silent or self._num_told >= MOST_TOLD:
            return  # before rows are gone through: that would be all of them at the end of each
        left = [row for row in rows.values() if is_open(row)]
        times = RunTimes(rows.values())
        if not left or not times.taken:
            return
        expected, sees_all = self._mean(times, rows), self._has_seen_all(rows)
        is_off = self._expected is None or not 1 / FAR_OFF < expected / self._expected < FAR_OFF
        if is_off or (sees_all and not self._saw_all):
            at_once, _ = trials_at_once(self._executor, self._threads)
            seconds = times.seconds_left([row.config for row in left], at_once)
            assert seconds is not None, "a run has finished"
            self._callbacks.on_progress(TimeKnown(seconds, len(left), times.taken))
            self._num_told += 1
            self._expected = expected
        self._saw_all = sees_all

    @staticmethod
    def _mean(times: RunTimes, rows: Mapping[int, TrialRow]) -> float:
        each = [times.seconds_of(row.config) or 0.0 for row in rows.values()]
        return sum(each) / len(each)

    @staticmethod
    def _has_seen_all(rows: Mapping[int, TrialRow]) -> bool:
        """Return whether each setting has been seen once: a trial of it has ended."""
        arms = {arm_key(row.config) for row in rows.values()}
        return arms == {arm_key(row.config) for row in rows.values() if not is_open(row)}
