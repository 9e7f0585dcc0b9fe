"""Phases after one another (`>`), and schedules times one another (`*`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration, round_half_up
from lrscope.schedules.phase import LaidPhase, Phase, Span
from lrscope.schedules.schedule import Horizon, Laid, Schedule

if TYPE_CHECKING:
    from lrscope.schedules.phase import Array


@dataclass(frozen=True)
class Phases(Schedule):
    """Schedules after one another: they must fill the stretch, and one of them may take what is left.

    Lengths are added up exactly, and only the boundaries are rounded, half up.
    """

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _flat(self.parts, Phases))
        for part in self.parts[1:]:
            if isinstance(part, Phase) and part.name == "warmup" and part.length == Duration(0, "st"):
                raise ScheduleError(f"warmup(0) says that a run begins without one: got it after {self.parts[0]}")
        if isinstance(self.parts[-1], Phase) and self.parts[-1].name == "warmup":
            raise ScheduleError("a warmup leads to a shape: got it at the end; write warmup(6%) > linear")
        num_open = sum(part.is_open for part in self.parts)
        if num_open > 1:
            raise ScheduleError(
                f"one phase at most takes the rest of a run: {num_open} in {self} have no length; write theirs, as in "
                f"{_with_lengths(self.parts)}"
            )

    def exact_length(self, run: Horizon) -> Fraction | None:
        """Return the sum of the lengths, None where one of them takes the rest."""
        total = Fraction(0)
        for part in self.parts:
            length = part.exact_length(run)
            if length is None:
                return None
            total += length
        return total

    def lay(self, span: Span) -> Laid:
        """Return the phases, each beginning at its predecessor's end."""
        laid: list[Laid] = []
        value, warmup_steps = span.value, span.warmup_steps
        for part, (start, stop) in zip(self.parts, itertools.pairwise(bounds(self.parts, span, self)), strict=True):
            laid.append(part.lay(Span(start, stop, span.run, value, warmup_steps)))
            value = laid[-1].end
            if isinstance(part, Phase) and part.name == "warmup":
                warmup_steps = stop - start
        return LaidPhases(span, tuple(laid))

    def without_warmup(self) -> Schedule:
        """Return the phases after the warmup."""
        first, *rest = self.parts
        return sequence(*rest) if isinstance(first, Phase) and first.name == "warmup" else self

    def phases(self) -> Iterator[Phase]:
        """Yield the phases of all parts."""
        for part in self.parts:
            yield from part.phases()

    def __str__(self) -> str:
        return " > ".join(map(str, self.parts))


@dataclass(frozen=True)
class LaidPhases:
    """Parts laid after one another."""

    span: Span
    parts: tuple[Laid, ...]

    @property
    def end(self) -> float:
        """Return the last part's end."""
        return self.parts[-1].end

    def values(self, steps: Array) -> Array:
        """Return the factors at these steps."""
        import numpy as np

        inside = [part for part in self.parts if part.span.num_steps]
        values = np.empty_like(steps)
        place = np.searchsorted([part.span.start for part in inside], steps, side="right") - 1
        for number, part in enumerate(inside):
            here = place == number
            if here.all():
                return part.values(steps)
            if here.any():
                values[here] = part.values(steps[here])
        return values

    def pieces(self) -> Iterator[LaidPhase]:
        """Yield the phases of all parts."""
        for part in self.parts:
            yield from part.pieces()


@dataclass(frozen=True)
class Product(Schedule):
    """factor = the product of the factors, each laid over the same steps. The first one goes on from a predecessor."""

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _flat(self.parts, Product))

    def exact_length(self, run: Horizon) -> Fraction | None:
        """Return the first length that a part has."""
        lengths = (part.exact_length(run) for part in self.parts)
        return next((length for length in lengths if length is not None), None)

    def lay(self, span: Span) -> Laid:
        """Return all parts laid over the span."""
        first, *others = self.parts
        laid = [fitted(first, span)]
        laid += [fitted(part, Span(span.start, span.stop, span.run, None, span.warmup_steps)) for part in others]
        return LaidProduct(span, tuple(laid))

    def phases(self) -> Iterator[Phase]:
        """Yield the phases of all parts."""
        for part in self.parts:
            yield from part.phases()

    def __str__(self) -> str:
        return " * ".join(f"({part})" if isinstance(part, Phases) else str(part) for part in self.parts)


@dataclass(frozen=True)
class LaidProduct:
    """Parts laid over the same steps."""

    span: Span
    parts: tuple[Laid, ...]

    @property
    def end(self) -> float:
        """Return the product of the ends."""
        value = 1.0
        for part in self.parts:
            value *= part.end
        return value

    def values(self, steps: Array) -> Array:
        """Return the factors at these steps."""
        values = self.parts[0].values(steps)
        for part in self.parts[1:]:
            values = values * part.values(steps)
        return values

    def pieces(self) -> Iterator[LaidPhase]:
        """Yield the phases of all parts."""
        for part in self.parts:
            yield from part.pieces()


def sequence(*parts: Schedule) -> Schedule:
    """Return schedules after one another; one that is itself a sequence is not a unit, but joins in."""
    return parts[0] if len(parts) == 1 else Phases(parts)


def product(*parts: Schedule) -> Schedule:
    """Return the product of schedules."""
    return parts[0] if len(parts) == 1 else Product(parts)


def _flat(parts: Sequence[Schedule], kind: type[Phases] | type[Product]) -> tuple[Schedule, ...]:
    return tuple(inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,)))


def lay_whole(schedule: Schedule, run: Horizon) -> Laid:
    """Return a schedule laid over a whole run.

    Raises:
        ScheduleError: it does not fit.
    """
    return fitted(schedule, Span(0, run.total_steps, run))


def fitted(schedule: Schedule, span: Span) -> Laid:
    """Return a schedule laid over a span that it must fill."""
    if not isinstance(schedule, Phases):
        bounds((schedule,), span, schedule)
    return schedule.lay(span)


def bounds(parts: Sequence[Schedule], span: Span, whole: Schedule) -> list[int]:
    """Return the first step of each part, and the first one after the last.

    Raises:
        ScheduleError: the lengths do not fill the span, or leave nothing for the part that takes the rest.
    """
    lengths = [part.exact_length(span.run) for part in parts]
    given = sum((length for length in lengths if length is not None), Fraction(0))
    rest = span.num_steps - given
    if None in lengths and round_half_up(rest) < 1:
        raise ScheduleError(_too_long(parts[0], span, given, whole))
    place, found = Fraction(span.start), [span.start]
    for length in lengths:
        place += rest if length is None else length
        found.append(round_half_up(place))
    if found[-1] > span.stop:
        raise ScheduleError(_too_long(parts[0], span, given, whole))
    if found[-1] < span.stop:
        way_out = "leave one length out, and that phase takes the rest" if len(parts) > 1 else "leave its length out"
        raise ScheduleError(f"phases must fill the run: {whole} ends at step {found[-1]} of {span.stop}; {way_out}")
    return found


def _too_long(first: Schedule, span: Span, given: Fraction, whole: Schedule) -> str:
    length = first.exact_length(span.run) if isinstance(first, Phase) and first.name == "warmup" else None
    if isinstance(first, Phase) and length is not None and round_half_up(length) >= span.num_steps:
        return (
            f"warmup must be shorter than the run: got warmup({first.length}) in a run of {span.num_steps} steps; "
            "shorten it or write it as a share, such as warmup(10%)"
        )
    more = " and more" if whole.is_open else ""
    return (
        f"phases must fit the run: {whole} needs {round_half_up(given)} steps{more}, the run has {span.num_steps}; "
        "shorten a phase, or write its length as a share, such as 10%"
    )


def _with_lengths(parts: Sequence[Schedule]) -> str:
    shown = [f"{part.name}(20%)" if isinstance(part, Phase) and part.is_open else str(part) for part in parts[:-1]]
    return " > ".join([*shown, str(parts[-1])])
