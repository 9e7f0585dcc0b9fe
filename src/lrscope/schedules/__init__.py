"""Learning-rate schedules as pure values: step → factor in [0, 1], with a text form that round-trips.

>>> schedule = parse("warmup(6%) > cosine(to=0.01)").resolve(total_steps=535, steps_per_epoch=107)
>>> schedule(31), round(schedule(534), 6)
(1.0, 0.01001)

A schedule can be built as well as parsed; `>>` is the text's `>`:

>>> str(Warmup(length="6%") >> Hold() >> Sqrt(length="20%"))
'warmup(6%) > hold > sqrt(20%)'
"""

from lrscope.schedules.arguments import COUNT, DURATION, DURATIONS, LEVEL, LEVELS, NUMBER, argument, word
from lrscope.schedules.decays import Constant, Cosine, Exponential, Hold, InverseSqrt, Linear, Polynomial, Sqrt
from lrscope.schedules.durations import Duration, Unit, parse_duration
from lrscope.schedules.extension import decay_from, stretch
from lrscope.schedules.horizon import Horizon, Span
from lrscope.schedules.levels import Level
from lrscope.schedules.parser import parse
from lrscope.schedules.phase import Phase
from lrscope.schedules.piecewise import Piecewise
from lrscope.schedules.plateau import Plateau
from lrscope.schedules.recipes import one_cycle, with_warmup, wsd
from lrscope.schedules.registry import register_shape
from lrscope.schedules.restarts import Restarts
from lrscope.schedules.schedule import Phases, Product, ResolvedSchedule, Schedule
from lrscope.schedules.segment import Segment
from lrscope.schedules.step_decay import MultiStep, Step
from lrscope.schedules.warmup import Warmup

__all__ = [
    "COUNT",
    "DURATION",
    "DURATIONS",
    "LEVEL",
    "LEVELS",
    "NUMBER",
    "Constant",
    "Cosine",
    "Duration",
    "Exponential",
    "Hold",
    "Horizon",
    "InverseSqrt",
    "Level",
    "Linear",
    "MultiStep",
    "Phase",
    "Phases",
    "Piecewise",
    "Plateau",
    "Polynomial",
    "Product",
    "ResolvedSchedule",
    "Restarts",
    "Schedule",
    "Segment",
    "Span",
    "Sqrt",
    "Step",
    "Unit",
    "Warmup",
    "argument",
    "decay_from",
    "one_cycle",
    "parse",
    "parse_duration",
    "register_shape",
    "stretch",
    "with_warmup",
    "word",
    "wsd",
]
