"""Places in a run, such as milestones: given as lengths from its start, in order."""

from __future__ import annotations

import itertools

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration, round_half_up
from lrscope.schedules.schedule import Horizon


def count_steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Return ceil(examples / batch size): updates, not micro-batches, and the last, smaller batch counts.

    >>> count_steps_per_epoch(8544, 80)
    107
    """
    return -(-num_examples // batch_size)


def position(duration: Duration, run: Horizon) -> int:
    """Return the step at which a place in the run lies, rounded half up."""
    return round_half_up(run.exact(duration))


def check_order(places: tuple[Duration, ...], what: str) -> None:
    """Raise ScheduleError where places in the same unit do not rise."""
    for before, after in itertools.pairwise(places):
        if before.unit == after.unit and before.value >= after.value:
            raise ScheduleError(f"{what} must rise: got {before} before {after}; put them in order")


def check_steps(places: tuple[Duration, ...], run: Horizon, what: str) -> None:
    """Raise ScheduleError where places in different units do not rise in this run."""
    steps = [(position(place, run), place) for place in places]
    for (first, before), (second, after) in itertools.pairwise(steps):
        if first >= second:
            raise ScheduleError(
                f"{what} must rise: got {before} (step {first}) before {after} (step {second}) in a run of "
                f"{run.total_steps} steps; put them in order"
            )
