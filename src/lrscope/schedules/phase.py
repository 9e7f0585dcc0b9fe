"""What a phase of a schedule is: a shape with its arguments, laid over a stretch of a run.

Letters in the formulas: t the 0-based step; a and b the first step of a phase and the first one after it; L = b − a;
s = t − a; p = s / L the progress; v the factor that the phase starts at, which is its predecessor's end.

A decay takes the value v at its first step and reaches its end at step b, which is the next phase's first: so phases
join without a jump, and the last step of a run still has a rate. A rise from nothing (`warmup.py`) is the mirror
image: it takes its first stride at its first step, so that no step runs at rate 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, argument, arguments_of, written
from lrscope.schedules.durations import Duration
from lrscope.schedules.schedule import Horizon, Laid, Schedule

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """The steps a … b − 1 of a run that a phase is laid over.

    `value` is where the predecessor ended, None at the beginning of the run; `warmup_steps` is the length of the
    warmup before, 0 without one.
    """

    start: int
    stop: int
    run: Horizon
    value: float | None = None
    warmup_steps: int = 0

    @property
    def first(self) -> float:
        """Return v: the predecessor's end, and the peak at the beginning of the run."""
        return 1.0 if self.value is None else self.value

    @property
    def num_steps(self) -> int:
        """Return L."""
        return self.stop - self.start

    def progress(self, steps: Array) -> Array:
        """Return p of each step."""
        return (steps - self.start) / max(self.num_steps, 1)


@dataclass(frozen=True, kw_only=True)
class Phase(Schedule):
    """A shape. `length` may be left out in one phase of a sequence, which then takes the rest of the run.

    `update` holds the factor within each stretch of that length, counted from the start of the run: `update=1ep` for
    those who step their scheduler once an epoch.
    """

    name: ClassVar[str]
    first_argument: ClassVar[str] = "length"

    length: Duration | None = argument(DURATION, None)
    update: Duration | None = argument(DURATION, None)

    def __post_init__(self) -> None:
        for item in arguments_of(type(self)).values():
            value = getattr(self, item.name)
            if value is not None:
                object.__setattr__(self, item.name, item.metadata["kind"].accepted(value))
        for name in ("length", "update"):
            value = getattr(self, name)
            if value is not None and value.value == 0 and not self.may_be_empty(name):
                raise ScheduleError(f"{name} must be longer than 0: got {name}=0; write {name}=1ep or leave it out")

    def may_be_empty(self, name: str) -> bool:
        """Return whether a length of 0 may be written: only a warmup's."""
        return False

    def check(self, span: Span) -> None:
        """Raise ScheduleError where the shape does not fit."""

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span (whole, or broken where a horizon was stretched)."""
        raise NotImplementedError

    def end(self, span: Span) -> float:
        """Return the factor that the next phase starts at: what the formula gives at step b."""
        raise NotImplementedError

    def held(self, steps: Array, span: Span) -> Array:
        """Return, for each step, the step whose factor it runs at: the first of its update's stretch."""
        if self.update is None:
            return steps
        import numpy as np

        return np.maximum(self.update_boundaries(steps, span)[0], span.start)

    def update_boundaries(self, steps: Array, span: Span) -> tuple[Array, Array]:
        """Return the first step of each step's stretch, and the first one of the stretch after it."""
        assert self.update is not None
        every = span.run.exact(self.update)
        number = reached(steps, every)
        return every_boundary(number, every), every_boundary(number + 1, every)

    def durations(self) -> Iterator[tuple[dataclasses.Field[Any], int, Duration]]:
        """Yield every length and place that is written in it: the field, its place in a list, the duration."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            for place, duration in enumerate(value if isinstance(value, tuple) else (value,)):
                if isinstance(duration, Duration):
                    yield item, place, duration

    # As a schedule of its own

    def exact_length(self, run: Horizon) -> Fraction | None:
        """Return the length in steps before rounding, None for the rest."""
        return None if self.length is None else run.exact(self.length)

    def lay(self, span: Span) -> Laid:
        """Return the phase laid over a span.

        Raises:
            ScheduleError: it does not fit.
        """
        if self.update is not None and span.run.exact(self.update) < 1:
            raise ScheduleError(
                f"update must be at least one step: got update={self.update} in a run of {span.run.total_steps} steps; "
                "lengthen it"
            )
        self.check(span)
        return LaidPhase(self, span, self.end(span) if span.num_steps else self.empty_end(span))

    def empty_end(self, span: Span) -> float:
        """Return where a phase of no steps ends: at its own end, as a very short one would."""
        return self.end(span)

    def phases(self) -> Iterator[Phase]:
        """Yield itself."""
        yield self

    def __str__(self) -> str:
        return written(self, self.name, self.first_argument)


@dataclass(frozen=True)
class LaidPhase:
    """A phase with its span: `values` are its factors, `end` its successor's start."""

    phase: Phase
    span: Span
    end: float

    def values(self, steps: Array) -> Array:
        """Return the factors at these steps."""
        return self.phase.values(self.phase.held(steps, self.span), self.span)

    def pieces(self) -> Iterator[LaidPhase]:
        """Yield itself."""
        yield self


def every_boundary(number: Array, every: Fraction) -> Array:
    """Return the step at which the number-th multiple of `every` lies, rounded half up."""
    import numpy as np

    if every.denominator == 1:
        return number * int(every)
    # Exact: (2·k·numerator + denominator) // (2·denominator) in integers, in Python's own where 64 bits do not hold it.
    most = 2 * (int(number.max(initial=0)) + 1) * every.numerator + every.denominator
    whole = number.astype(np.int64).astype(np.int64 if most < 2**62 else object)
    boundary = (whole * (2 * every.numerator) + every.denominator) // (2 * every.denominator)
    return np.asarray(boundary, dtype=np.float64)


def reached(steps: Array, every: Fraction) -> Array:
    """Return how many multiples of `every`, each rounded half up, the steps have reached.

    >>> import numpy as np
    >>> reached(np.arange(6.0), Fraction(5, 2)).tolist()
    [0.0, 0.0, 0.0, 1.0, 1.0, 2.0]
    """
    import numpy as np

    number = np.floor(steps / float(every))
    number += every_boundary(number + 1, every) <= steps
    number -= every_boundary(number, every) > steps
    return number
