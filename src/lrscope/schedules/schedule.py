"""Schedules as values, after one another (`>`) and times one another (`*`), before and after the run's length is known.

A `Schedule` is resolved over a `Span` of a run, which gives a `Resolved`: the same schedule with its steps and its end.
`ResolvedSchedule` is that over a whole run, as callers use it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.drawn import DrawnSchedule, WrittenSchedule
from lrscope.schedules.horizon import Horizon, Span, boundaries

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array

BLOCK = 4096  # factors that single steps are looked up in
_ANY_HORIZON = Horizon(100, 10, tokens_per_epoch=1000)  # whether a length is open, or zero, does not depend on it


class Schedule(WrittenSchedule):
    """step → factor in [0, 1], as a value: a phase, or phases joined by `>` or multiplied by `*`.

    `str` gives the canonical text, which `parse` reads back as an equal schedule. `plot` draws it.
    """

    name: ClassVar[str] = ""  # what a shape is called in the text
    is_warmup: ClassVar[bool] = False
    begins_run: ClassVar[bool] = False  # whether it says itself how a run begins, so that no warmup is put before it
    reads_metric: ClassVar[bool] = False  # whether its factors depend on what is measured on the way

    def exact_length(self, horizon: Horizon) -> Fraction | None:
        """Return its length in steps before rounding; None where it takes what is left."""
        raise NotImplementedError

    def resolve_over(self, span: Span) -> Resolved:
        """Return it over these steps; raise ScheduleError where it does not fit."""
        raise NotImplementedError

    def factors(self, steps: Array, resolved: Resolved) -> Array:
        """Return the factors at steps of the span that it was resolved over."""
        raise NotImplementedError

    def leaves(self) -> Iterator[Schedule]:
        """Yield the schedules that it is made of, down to those that are made of no others."""
        yield self

    def fill(self, span: Span) -> Resolved:
        """Return it over a span that it must fill; raise ScheduleError where it is longer or shorter."""
        boundaries(span, [self.exact_length(span.horizon)], self)
        return self.resolve_over(span)

    @property
    def is_open(self) -> bool:
        """Return whether it takes what is left of a run."""
        return self.exact_length(_ANY_HORIZON) is None

    @property
    def has_warmup(self) -> bool:
        """Return whether it says itself how a run begins: with a warmup, be it of length 0, or point by point."""
        return any(leaf.begins_run for leaf in self.leaves())

    @property
    def depends_on_metric(self) -> bool:
        """Return whether the factors depend on what is measured on the way."""
        return any(leaf.reads_metric for leaf in self.leaves())

    def without_warmup(self) -> Schedule:
        """Return what follows the warmup that it begins with; itself where it begins with none."""
        return self

    def resolve(
        self,
        *,
        total_steps: int,
        steps_per_epoch: int,
        peak_rate: float | None = None,
        tokens_per_epoch: int | None = None,
    ) -> ResolvedSchedule:
        """Return the schedule over a run of `total_steps` optimizer updates.

        `peak_rate` is needed where a level is written as a rate, `tokens_per_epoch` where a length is in tokens.

        Raises:
            ScheduleError: it does not fit the run.
        """
        horizon = Horizon(total_steps, steps_per_epoch, peak_rate, tokens_per_epoch=tokens_per_epoch)
        return ResolvedSchedule(self, horizon)

    def __rshift__(self, successor: Schedule) -> Schedule:
        """Return this and then `successor`: what `>` is in the text."""
        return Phases((self, successor))

    def __mul__(self, other: Schedule) -> Schedule:
        """Return the product of the factors."""
        return Product((self, other))


@dataclass(frozen=True)
class Resolved:
    """A schedule over a span; a composition's `parts` are resolved too.

    `end` is the factor that a successor starts at, and that is held after the end.
    """

    schedule: Schedule
    span: Span
    end: float
    parts: tuple[Resolved, ...] = ()

    def factors(self, steps: Array) -> Array:
        """Return the factors at these steps."""
        return self.schedule.factors(steps, self)

    def leaves(self) -> Iterator[Resolved]:
        """Yield what it is made of, down to what has no parts."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class _Composition(Schedule):
    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        kind = type(self)
        flat = (inner for part in self.parts for inner in (part.parts if isinstance(part, kind) else (part,)))
        object.__setattr__(self, "parts", tuple(flat))

    def leaves(self) -> Iterator[Schedule]:
        """Yield those of all parts."""
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True)
class Phases(_Composition):
    """Schedules after one another: they must fill the stretch, and one of them may take what is left.

    Lengths are added up exactly, and only the boundaries are rounded, half up.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in self.parts[1:]:
            if part.is_warmup and part.exact_length(_ANY_HORIZON) == 0:
                raise ScheduleError(f"warmup(0) says that a run begins without one: got it after {self.parts[0]}")
        if self.parts[-1].is_warmup:
            raise ScheduleError("a warmup leads to a shape: got it at the end; write warmup(6%) > linear")
        num_open = sum(part.is_open for part in self.parts)
        if num_open > 1:
            shown = [f"{part.name}(20%)" if part.name and part.is_open else str(part) for part in self.parts[:-1]]
            raise ScheduleError(
                f"one phase at most takes the rest of a run: {num_open} in {self} have no length; write theirs, as in "
                f"{' > '.join([*shown, str(self.parts[-1])])}"
            )

    def exact_length(self, horizon: Horizon) -> Fraction | None:
        """Return the sum of the lengths, None where one of them takes the rest."""
        lengths = [part.exact_length(horizon) for part in self.parts]
        known = [length for length in lengths if length is not None]
        return sum(known, Fraction(0)) if len(known) == len(lengths) else None

    def resolve_over(self, span: Span) -> Resolved:
        """Return the phases, each beginning at its predecessor's end."""
        resolved: list[Resolved] = []
        value, warmup_steps = span.value, span.warmup_steps
        lengths = [part.exact_length(span.horizon) for part in self.parts]
        warmup = self.parts[0] if self.parts[0].is_warmup else None
        bounds = itertools.pairwise(boundaries(span, lengths, self, warmup))
        for part, (start, stop) in zip(self.parts, bounds, strict=True):
            resolved.append(part.resolve_over(Span(start, stop, span.horizon, value, warmup_steps)))
            value = resolved[-1].end
            if part.is_warmup:
                warmup_steps = stop - start
        return Resolved(self, span, resolved[-1].end, tuple(resolved))

    def fill(self, span: Span) -> Resolved:
        """Return the phases, which fill every span that they are resolved over."""
        return self.resolve_over(span)

    def factors(self, steps: Array, resolved: Resolved) -> Array:
        """Return the factors, each step's from the phase that it lies in."""
        import numpy as np

        phases = [part for part in resolved.parts if part.span.num_steps]
        values = np.empty_like(steps)
        number_of_phase = np.searchsorted([part.span.start for part in phases], steps, side="right") - 1
        for number, part in enumerate(phases):
            inside = number_of_phase == number
            if inside.all():
                return part.factors(steps)
            if inside.any():
                values[inside] = part.factors(steps[inside])
        return values

    def without_warmup(self) -> Schedule:
        """Return the phases after the warmup."""
        if not self.parts[0].is_warmup:
            return self
        return self.parts[1] if len(self.parts) == 2 else Phases(self.parts[1:])

    def __str__(self) -> str:
        return " > ".join(map(str, self.parts))


@dataclass(frozen=True)
class Product(_Composition):
    """factor = the product of the factors, each over the same steps. The first one goes on from a predecessor."""

    def exact_length(self, horizon: Horizon) -> Fraction | None:
        """Return the first length that a part has."""
        lengths = (part.exact_length(horizon) for part in self.parts)
        return next((length for length in lengths if length is not None), None)

    def resolve_over(self, span: Span) -> Resolved:
        """Return all parts over the span."""
        first, *others = self.parts
        from_peak = replace(span, value=None)
        resolved = (first.fill(span), *(part.fill(from_peak) for part in others))
        end = 1.0
        for part in resolved:
            end *= part.end
        return Resolved(self, span, end, resolved)

    def factors(self, steps: Array, resolved: Resolved) -> Array:
        """Return the products of the parts' factors."""
        values = resolved.parts[0].factors(steps)
        for part in resolved.parts[1:]:
            values = values * part.factors(steps)
        return values

    def __str__(self) -> str:
        return " * ".join(f"({part})" if isinstance(part, Phases) else str(part) for part in self.parts)


@dataclass(frozen=True, repr=False)
class ResolvedSchedule(DrawnSchedule):
    """step → factor, in closed form: no state, so a resumed run cannot drift.

    One schedule over one run; from the run's end on the factor is held.
    """

    schedule: Schedule
    horizon: Horizon
    resolved: Resolved = field(init=False, repr=False, compare=False)
    _blocks: dict[int, Array] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        whole = Span(0, self.horizon.total_steps, self.horizon)
        object.__setattr__(self, "resolved", self.schedule.fill(whole))

    @property
    def text(self) -> str:
        """Return the canonical text."""
        return str(self.schedule)

    @property
    def total_steps(self) -> int:
        """Return how many updates the run makes."""
        return self.horizon.total_steps

    @property
    def steps_per_epoch(self) -> int:
        """Return how many of them make an epoch."""
        return self.horizon.steps_per_epoch

    @property
    def warmup_steps(self) -> int:
        """Return how many steps the warmup at the beginning takes, 0 without one."""
        first = next(self.resolved.leaves())
        return first.span.num_steps if first.schedule.is_warmup else 0

    def __call__(self, step: int) -> float:
        """Return the factor of one step, from 0 on: the same number that `factors` gives."""
        if step >= self.horizon.total_steps:
            return self.resolved.end
        number, offset = divmod(step, BLOCK)
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self.factors(number * BLOCK, min((number + 1) * BLOCK, self.total_steps))
        return float(block[offset])

    def factors(self, start: int = 0, stop: int | None = None) -> Array:
        """Return the factors of all steps, or of those from `start` to `stop`."""
        import numpy as np

        last = self.horizon.total_steps
        steps = np.arange(start, last if stop is None else stop, dtype=np.float64)
        values = self.resolved.factors(np.minimum(steps, last - 1))
        if len(steps) and steps[-1] >= last:
            values[steps >= last] = self.resolved.end
        return values

    def with_history(self, history: Sequence[tuple[int, float]]) -> ResolvedSchedule:
        """Return the schedule after these evaluations, (step, value) with larger values better.

        Only a schedule that depends on a metric changes.
        """
        if not self.schedule.depends_on_metric:
            return self
        return ResolvedSchedule(self.schedule, replace(self.horizon, history=tuple(history)))
