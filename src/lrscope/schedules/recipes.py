"""Schedules made of others: those with names of their own are written out as what they are made of."""

from __future__ import annotations

from lrscope.errors import ScheduleError
from lrscope.schedules.decays import Cosine, Hold, Sqrt
from lrscope.schedules.durations import Duration
from lrscope.schedules.levels import Level
from lrscope.schedules.schedule import Schedule
from lrscope.schedules.warmup import Warmup


def wsd(warmup: Duration = Duration(6, "%"), decay: Duration = Duration(20, "%"), to: Level = Level(0.0)) -> Schedule:
    """Return warmup, stable phase, 1 − √ decay (Hu et al., arXiv 2404.06395; Hägele et al., arXiv 2405.18392).

    >>> str(wsd())
    'warmup(6%) > hold > sqrt(20%)'
    """
    return Warmup(length=warmup) >> Hold() >> Sqrt(length=decay, to=to)


def one_cycle(up: Duration = Duration(30, "%"), start: Level = Level(0.04), to: Level = Level(0.0)) -> Schedule:
    """Return a cosine rise and a cosine fall (Smith, arXiv 1708.07120), by default as steep as torch's.

    >>> str(one_cycle())
    'warmup(30%, from=4%, shape=cosine) > cosine'
    """
    return Warmup(length=up, start=start, shape="cosine") >> Cosine(to=to)


def with_warmup(schedule: Schedule, duration: Duration) -> Schedule:
    """Return a schedule after a linear warmup.

    Raises:
        ScheduleError: it has one already.

    >>> str(with_warmup(Cosine(), Duration(6, "%")))
    'warmup(6%) > cosine'
    """
    if any(leaf.is_warmup for leaf in schedule.leaves()):
        raise ScheduleError(
            f"a schedule has one warmup: got warmup({duration}) before {schedule}; leave out one of them"
        )
    return Warmup(length=duration) >> schedule
