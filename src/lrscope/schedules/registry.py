"""The shapes that a text may name: those that come with lrscope, and those that are registered."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, LEVEL, START, Kind, arguments_of
from lrscope.schedules.decays import Constant, Cosine, Exponential, Hold, InverseSqrt, Linear, Polynomial, Sqrt
from lrscope.schedules.phase import Phase
from lrscope.schedules.piecewise import Piecewise
from lrscope.schedules.plateau import Plateau
from lrscope.schedules.recipes import one_cycle, wsd
from lrscope.schedules.restarts import Restarts
from lrscope.schedules.schedule import Schedule
from lrscope.schedules.segment import Segment
from lrscope.schedules.step_decay import MultiStep, Step
from lrscope.schedules.tokens import is_name
from lrscope.schedules.warmup import Warmup

Shape = TypeVar("Shape", bound=type[Phase])


@dataclass(frozen=True)
class Form:
    """How a name is called: its arguments by the name in the text, as (keyword, kind, required), and the bare one."""

    build: Callable[..., Schedule]
    arguments: Mapping[str, tuple[str, Kind, bool]]
    first: str = ""
    takes_schedule: bool = False


FORMS: dict[str, Form] = {}


def register_shape(shape: Shape) -> Shape:
    """Make a shape known to `parse`, under its `name`; return it, so that it can be written as a decorator.

    A shape is a frozen, keyword-only dataclass made from `Phase`: `values` gives the factors at steps of a span, `end`
    what the next phase starts at, and `argument(...)` fields are its arguments in the text. It must be registered in
    every process that reads the schedule, so put it in a module that those import.

    Raises:
        ScheduleError: it is no such class, or another one has its name.

    >>> from dataclasses import dataclass
    >>> from lrscope.schedules import NUMBER, Phase, argument, parse
    >>> @register_shape
    ... @dataclass(frozen=True, kw_only=True)
    ... class Quadratic(Phase):
    ...     name = "doc_quadratic"
    ...     to: float = argument(NUMBER, 0.0)
    ...     def values(self, steps, span):
    ...         return self.to + (span.first - self.to) * (1 - span.progress(steps)) ** 2
    ...     def end(self, span):
    ...         return self.to
    >>> schedule = parse("warmup(2st)>doc_quadratic( to = .5 )")
    >>> str(schedule), schedule.resolve(total_steps=4, steps_per_epoch=4).factors().tolist()
    ('warmup(2st) > doc_quadratic(to=0.5)', [0.5, 1.0, 1.0, 0.625])
    """
    if not (isinstance(shape, type) and issubclass(shape, Phase)):
        raise ScheduleError(f"a shape is a subclass of Phase: got {shape!r}; write class MyShape(Phase)")
    settings = getattr(shape, "__dataclass_params__", None)
    if "__dataclass_fields__" not in vars(shape) or settings is None or not settings.frozen:
        raise ScheduleError(
            f"a shape is a frozen dataclass: got {shape.__name__}; decorate it with "
            "@dataclass(frozen=True, kw_only=True)"
        )
    if not (isinstance(shape.name, str) and is_name(shape.name)):
        raise ScheduleError(
            f"a shape's name is a word: got {shape.name!r} in {shape.__name__}; write name: ClassVar[str] = "
            f"{shape.__name__.lower()!r}"
        )
    if shape.name in FORMS:
        raise ScheduleError(f"the name {shape.name} is taken: got it for {shape.__name__}; choose another name")
    arguments = arguments_of(shape)
    bare = [item.name for item in dataclasses.fields(shape) if "kind" not in item.metadata]
    if bare:
        raise ScheduleError(
            f"a shape's fields are arguments of its text: got {', '.join(bare)} in {shape.__name__}; write "
            f"{bare[0]}: float = argument(NUMBER, 0.5)"
        )
    FORMS[shape.name] = Form(
        shape,
        {
            text: (item.name, item.metadata["kind"], item.default is dataclasses.MISSING)
            for text, item in arguments.items()
        },
        shape.first_argument,
    )
    return shape


for _shape in (
    Constant, Linear, Cosine, Step, Warmup, Hold, Sqrt, Polynomial, Exponential, InverseSqrt, MultiStep, Restarts,
    Piecewise, Plateau,
):  # fmt: skip
    register_shape(_shape)
FORMS["wsd"] = Form(
    wsd, {"warmup": ("warmup", DURATION, False), "decay": ("decay", DURATION, False), "to": ("to", LEVEL, False)}
)
FORMS["one_cycle"] = Form(
    one_cycle, {"up": ("up", DURATION, False), "from": ("start", START, False), "to": ("to", LEVEL, False)}
)
FORMS["part"] = Form(
    Segment,
    {
        "of": ("of", DURATION, True),
        "from": ("start", DURATION, False),
        "to": ("stop", DURATION, False),
        "length": ("length", DURATION, False),
    },
    takes_schedule=True,
)
