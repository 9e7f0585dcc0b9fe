"""Places in a run, such as milestones: given as lengths from its start, in order."""

from __future__ import annotations

import itertools

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Horizon


def check_order(places: tuple[Duration, ...], what: str) -> None:
    """Raise ScheduleError where places in the same unit do not rise."""
    for before, after in itertools.pairwise(places):
        if before.unit == after.unit and before >= after:
            raise ScheduleError(f"{what} must rise: got {before} before {after}; put them in order")


def check_steps(places: tuple[Duration, ...], horizon: Horizon, what: str) -> None:
    """Raise ScheduleError where places in different units do not rise in this run."""
    steps = [(horizon.steps(place), place) for place in places]
    for (first, before), (second, after) in itertools.pairwise(steps):
        if first >= second:
            raise ScheduleError(
                f"{what} must rise: got {before} (step {first}) before {after} (step {second}) in a run of "
                f"{horizon.total_steps} steps; put them in order"
            )


def check_not_below_a_step(length: Duration, horizon: Horizon, what: str) -> None:
    """Raise ScheduleError where a length is shorter than a step of this run."""
    if horizon.exact(length) < 1:
        raise ScheduleError(
            f"{what} must be at least one step: got {what}={length} in a run of {horizon.total_steps} steps; "
            "lengthen it"
        )
