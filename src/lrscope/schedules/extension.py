"""Runs that last longer, or end sooner, than was planned: the schedule from here on, as a schedule with its text.

What has been run stays as it was, to the last bit, and the new schedule goes on from there without a jump.
"""

from __future__ import annotations

from dataclasses import replace

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration
from lrscope.schedules.parser import parse
from lrscope.schedules.schedule import ResolvedSchedule, Schedule
from lrscope.schedules.segment import Segment


def stretch(schedule: ResolvedSchedule, *, at: int, total_steps: int) -> ResolvedSchedule:
    """Return the schedule with what is left of it at step `at` spread evenly over a longer or shorter run.

    factor(t) = the old factor at `at` + (t − at) (T − at) / (T' − at), for t from `at` on.

    >>> run = parse("linear").resolve(total_steps=4, steps_per_epoch=4)
    >>> stretch(run, at=2, total_steps=6).factors().tolist()
    [1.0, 0.75, 0.5, 0.375, 0.25, 0.125]
    """
    _check(schedule, at, total_steps)
    whole, of = schedule.schedule, _steps(schedule.total_steps)
    rest = Segment(whole=whole, of=of, start=_steps(at), length=_steps(total_steps - at))
    longer = Segment(whole=whole, of=of, stop=_steps(at)) >> rest if at else rest
    return _over(schedule, longer, total_steps)


def decay_from(
    schedule: ResolvedSchedule, *, at: int, cooldown: Schedule | str = "sqrt", total_steps: int | None = None
) -> ResolvedSchedule:
    """Return the schedule up to step `at`, and from there a cooldown that ends the run at `total_steps`.

    Without `total_steps` the run ends when it would have. From a stable phase (`warmup(6%) > hold`) this branches a
    finished model off a run that goes on (Hägele et al., arXiv 2405.18392).

    >>> run = parse("hold").resolve(total_steps=8, steps_per_epoch=4)
    >>> decay_from(run, at=2, cooldown="linear", total_steps=4).factors().tolist()
    [1.0, 1.0, 1.0, 0.5]
    """
    total_steps = schedule.total_steps if total_steps is None else total_steps
    _check(schedule, at, total_steps)
    after = parse(cooldown)
    before = Segment(whole=schedule.schedule, of=_steps(schedule.total_steps), stop=_steps(at))
    return _over(schedule, before >> after if at else after, total_steps)


def _check(schedule: ResolvedSchedule, at: int, total_steps: int) -> None:
    if not 0 <= at < min(schedule.total_steps, total_steps):
        raise ScheduleError(
            f"a schedule changes within its run: got step {at} of {schedule.total_steps}, then {total_steps}; "
            "name an earlier step or a longer run"
        )


def _steps(number: int) -> Duration:
    return Duration(number, "st")


def _over(old: ResolvedSchedule, schedule: Schedule, total_steps: int) -> ResolvedSchedule:
    return ResolvedSchedule(schedule, replace(old.horizon, total_steps=total_steps))
