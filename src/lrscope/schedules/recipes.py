"""Schedules that have names of their own, and are made of phases: each is written out as what it is made of."""

from __future__ import annotations

from lrscope.schedules.composition import sequence
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
    return sequence(Warmup(length=warmup), Hold(), Sqrt(length=decay, to=to))


def one_cycle(up: Duration = Duration(30, "%"), start: Level = Level(0.04), to: Level = Level(0.0)) -> Schedule:
    """Return a cosine rise and a cosine fall (Smith, arXiv 1708.07120), by default as steep as torch's.

    >>> str(one_cycle())
    'warmup(30%, from=4%, shape=cosine) > cosine'
    """
    return sequence(Warmup(length=up, start=start, shape="cosine"), Cosine(to=to))
