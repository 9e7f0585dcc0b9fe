"""A piece of a schedule over another run: what stretching, branching and cooling down are made of."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Horizon, Span
from lrscope.schedules.schedule import Resolved, Schedule

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array


@dataclass(frozen=True, kw_only=True)
class Segment(Schedule):
    """The factors of `whole`, over a run of length `of`, from its step `start` to its step `stop`.

    It is as long as that piece, or is stretched evenly to `length`. In the text: `part(linear, of=1000st, from=400st,
    to=1000st, length=800st)`.
    """

    name: ClassVar[str] = "part"

    whole: Schedule
    of: Duration
    start: Duration = field(default=Duration(0, "st"))
    stop: Duration | None = None
    length: Duration | None = None

    def __post_init__(self) -> None:
        if self.of.value == 0 or self.of.unit == "%":
            raise ScheduleError(
                f"part() names the run that it is a part of: got of={self.of}; write of=1000st or of=5ep"
            )

    def exact_length(self, horizon: Horizon) -> Fraction | None:
        """Return the piece's own length, or the one that it is stretched to."""
        if self.length is not None:
            return horizon.exact(self.length)
        start, stop, _ = self._piece(horizon)
        return Fraction(stop - start)

    def resolve_over(self, span: Span) -> Resolved:
        """Return the piece over these steps.

        Raises:
            ScheduleError: it is no piece of the whole.
        """
        start, stop, inner = self._piece(span.horizon)
        if not 0 <= start < stop <= inner.total_steps:
            raise ScheduleError(
                f"a part lies within its whole: got steps {start} to {stop} of {inner.total_steps} in {self}; write "
                "from= before to="
            )
        import numpy as np

        whole = _resolved_whole(self.whole, inner)
        end = whole.end if stop >= inner.total_steps else float(whole.factors(np.array([float(stop)]))[0])
        return Resolved(self, span, end)

    def factors(self, steps: Array, resolved: Resolved) -> Array:
        """Return the factors of the whole at the steps that these ones stand for."""
        span = resolved.span
        start, stop, inner = self._piece(span.horizon)
        scale = (stop - start) / max(span.num_steps, 1)
        return _resolved_whole(self.whole, inner).factors(start + (steps - span.start) * scale)

    def leaves(self) -> Iterator[Schedule]:
        """Yield those of the whole."""
        yield from self.whole.leaves()

    def _piece(self, horizon: Horizon) -> tuple[int, int, Horizon]:
        """Return the piece's first step, the first one after it, and the run of the whole."""
        inner = replace(horizon, total_steps=horizon.steps(self.of))
        return inner.steps(self.start), inner.total_steps if self.stop is None else inner.steps(self.stop), inner

    def __str__(self) -> str:
        given = {
            "of": self.of,
            "from": self.start if self.start.value else None,
            "to": self.stop,
            "length": self.length,
        }
        arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
        return f"part({', '.join([str(self.whole), *arguments])})"


@functools.lru_cache(maxsize=64)
def _resolved_whole(whole: Schedule, horizon: Horizon) -> Resolved:
    return whole.fill(Span(0, horizon.total_steps, horizon))
