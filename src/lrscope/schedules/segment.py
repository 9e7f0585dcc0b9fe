"""A piece of a schedule that was laid over another horizon: what stretching, branching and cooling down are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from lrscope.errors import ScheduleError
from lrscope.schedules.composition import lay_whole
from lrscope.schedules.durations import Duration
from lrscope.schedules.milestones import position
from lrscope.schedules.phase import LaidPhase, Phase, Span
from lrscope.schedules.schedule import Horizon, Laid, Schedule

if TYPE_CHECKING:
    from lrscope.schedules.phase import Array


@dataclass(frozen=True, kw_only=True)
class Part(Schedule):
    """The factors of `whole`, laid over `of`, from its step `start` to its step `stop`.

    It is as long as that piece, or is stretched evenly to `length`. In the text: `part(linear, of=1000st, from=400st,
    to=1000st, length=800st)`.
    """

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

    def exact_length(self, run: Horizon) -> Fraction | None:
        """Return the piece's own length, or the one that it is stretched to."""
        if self.length is not None:
            return run.exact(self.length)
        inner = self._inner(run)
        return Fraction(self._stop(inner) - position(self.start, inner))

    def lay(self, span: Span) -> Laid:
        """Return the piece laid over a span.

        Raises:
            ScheduleError: it is no piece of the whole.
        """
        inner = self._inner(span.run)
        start, stop = position(self.start, inner), self._stop(inner)
        if not 0 <= start < stop <= inner.total_steps:
            raise ScheduleError(
                f"a part lies within its whole: got steps {start} to {stop} of {inner.total_steps} in {self}; write "
                "from= before to="
            )
        return LaidPart(span, lay_whole(self.whole, inner), start, stop)

    def phases(self) -> Iterator[Phase]:
        """Yield the phases of the whole."""
        yield from self.whole.phases()

    def _inner(self, run: Horizon) -> Horizon:
        return Horizon(position(self.of, run), run.steps_per_epoch, run.peak_rate, run.history)

    def _stop(self, inner: Horizon) -> int:
        return inner.total_steps if self.stop is None else position(self.stop, inner)

    def __str__(self) -> str:
        given = {
            "of": self.of,
            "from": self.start if self.start.value else None,
            "to": self.stop,
            "length": self.length,
        }
        arguments = [f"{name}={value}" for name, value in given.items() if value is not None]
        return f"part({', '.join([str(self.whole), *arguments])})"


@dataclass(frozen=True)
class LaidPart:
    """Steps `start` to `stop` of `inner`, stretched over the span."""

    span: Span
    inner: Laid
    start: int
    stop: int

    @property
    def end(self) -> float:
        """Return the whole's factor at `stop`."""
        import numpy as np

        if self.stop >= self.inner.span.stop:
            return self.inner.end
        return float(self.inner.values(np.array([float(self.stop)]))[0])

    def values(self, steps: Array) -> Array:
        """Return the factors at these steps."""
        scale = (self.stop - self.start) / max(self.span.num_steps, 1)
        return self.inner.values(self.start + (steps - self.span.start) * scale)

    def pieces(self) -> Iterator[LaidPhase]:
        """Yield nothing: the whole's phases count in other steps."""
        yield from ()
