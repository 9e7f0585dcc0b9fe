"""Learning-rate schedules as pure values: step → factor in [0, 1], with a text form that round-trips.

>>> schedule = parse("warmup(6%) > cosine(to=0.01)").resolve(total_steps=535, steps_per_epoch=107)
>>> schedule(31), round(schedule(534), 6)
(1.0, 0.01001)

A schedule can be built as well as parsed; `>>` is the text's `>`:

>>> str(Warmup(length="6%") >> Hold() >> Sqrt(length="20%"))
'warmup(6%) > hold > sqrt(20%)'
"""

from lrscope.schedules.composition import Phases, Product
from lrscope.schedules.decays import Constant, Cosine, Exponential, Hold, InverseSqrt, Linear, Polynomial, Sqrt
from lrscope.schedules.durations import Duration, parse_duration
from lrscope.schedules.extension import decay_from, stretch
from lrscope.schedules.levels import Level
from lrscope.schedules.parser import parse
from lrscope.schedules.phase import Phase
from lrscope.schedules.piecewise import Piecewise
from lrscope.schedules.plateau import Plateau
from lrscope.schedules.recipes import one_cycle, wsd
from lrscope.schedules.restarts import Restarts
from lrscope.schedules.schedule import ResolvedSchedule, Schedule
from lrscope.schedules.segment import Part
from lrscope.schedules.step_decay import MultiStep, Step
from lrscope.schedules.warmup import Warmup

__all__ = [
    "Constant",
    "Cosine",
    "Duration",
    "Exponential",
    "Hold",
    "InverseSqrt",
    "Level",
    "Linear",
    "MultiStep",
    "Part",
    "Phase",
    "Phases",
    "Piecewise",
    "Plateau",
    "Polynomial",
    "Product",
    "ResolvedSchedule",
    "Restarts",
    "Schedule",
    "Sqrt",
    "Step",
    "Warmup",
    "decay_from",
    "one_cycle",
    "parse",
    "parse_duration",
    "stretch",
    "wsd",
]
