"""Learning-rate schedules as pure values: step → factor in [0, 1], with a text form that round-trips.

>>> schedule = parse("warmup(6%) > cosine(to=0.01)").resolve(total_steps=535, steps_per_epoch=107)
>>> schedule(31), round(schedule(534), 6)
(1.0, 0.01001)
"""

from lrscope.schedules.durations import Duration, parse_duration
from lrscope.schedules.parser import parse
from lrscope.schedules.schedule import ResolvedSchedule, Schedule

__all__ = ["Duration", "ResolvedSchedule", "Schedule", "parse", "parse_duration"]
