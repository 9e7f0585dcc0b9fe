"""What a schedule is resolved over: a run of so many updates, a stretch of it, and places in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import Duration, round_half_up

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def count_steps_per_epoch(num_examples: int, batch_size: int) -> int:
    """Return ceil(examples / batch size): updates, not micro-batches, and the last, smaller batch counts.

    >>> count_steps_per_epoch(8544, 80)
    107
    """
    return -(-num_examples // batch_size)


@dataclass(frozen=True)
class TrainingSize:
    """How much an epoch trains on: examples, and the tokens that the model reads of them where they are known."""

    num_examples: int
    num_tokens: int | None = None

    def horizon(self, batch_size: int, *, peak_rate: float, epochs: int = 1, total_steps: int | None = None) -> Horizon:
        """Return a run over so many epochs of it, or over `total_steps`.

        Raises:
            ScheduleError: there are no examples.

        >>> TrainingSize(8544, 200_000).horizon(80, peak_rate=1e-3, epochs=5).total_steps
        535
        """
        per_epoch = count_steps_per_epoch(self.num_examples, batch_size)
        total = epochs * per_epoch if total_steps is None else total_steps
        return Horizon(total, per_epoch, peak_rate, tokens_per_epoch=self.num_tokens)


@dataclass(frozen=True)
class Horizon:
    """How long a run is: its optimizer updates, those of an epoch, and the peak rate if it is known.

    `tokens_per_epoch` are those that the model reads in an epoch, where they are known: lengths in tokens need them.
    `history` is (step, value) of each evaluation of the metric so far, larger being better: a schedule that depends on
    a metric is a function of it.
    """

    total_steps: int
    steps_per_epoch: int
    peak_rate: float | None = None
    history: tuple[tuple[int, float], ...] = ()
    tokens_per_epoch: int | None = None

    def __post_init__(self) -> None:
        if self.total_steps < 1 or self.steps_per_epoch < 1:
            raise ScheduleError(
                f"a run has at least one step: got {self.total_steps}, {self.steps_per_epoch} per epoch; add examples"
            )

    def exact(self, duration: Duration) -> Fraction:
        """Return a length in steps before rounding.

        Raises:
            ScheduleError: it is in tokens, and those of an epoch are not known.
        """
        return duration.exact_steps(
            total_steps=self.total_steps,
            steps_per_epoch=self.steps_per_epoch,
            tokens_per_epoch=self.tokens_per_epoch,
        )

    def steps(self, duration: Duration) -> int:
        """Return a length in steps, or the step at which a place in the run lies, rounded half up."""
        return round_half_up(self.exact(duration))


@dataclass(frozen=True)
class Span:
    """The steps a … b − 1 of a run that a phase takes.

    `value` is the factor at which the predecessor ended, None at the beginning of the run; `warmup_steps` is the length
    of the warmup before, 0 without one.
    """

    start: int
    stop: int
    horizon: Horizon
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


def boundaries(
    span: Span, lengths: Sequence[Fraction | None], whole: object, warmup: object | None = None
) -> list[int]:
    """Return the first step of each part of a span, and the first one after the last.

    One length may be None, that of the part that takes the rest. Messages name the `whole`, and the `warmup` that it
    begins with.

    Raises:
        ScheduleError: the lengths do not fill the span, or leave nothing for the part that takes the rest.
    """
    given = sum((length for length in lengths if length is not None), Fraction(0))
    rest = span.num_steps - given
    end, bounds = Fraction(span.start), [span.start]
    for length in lengths:
        end += rest if length is None else length
        bounds.append(round_half_up(end))
    if bounds[-1] > span.stop or (None in lengths and round_half_up(rest) < 1):
        if warmup is not None and round_half_up(lengths[0] or Fraction(0)) >= span.num_steps:
            raise ScheduleError(
                f"warmup must be shorter than the run: got {warmup} in a run of {span.num_steps} steps; shorten it or "
                "write it as a share, such as warmup(10%)"
            )
        raise ScheduleError(
            f"phases must fit the run: {whole} needs {round_half_up(given)} steps{' and more' * (None in lengths)}, "
            f"the run has {span.num_steps}; shorten a phase, or write its length as a share, such as 10%"
        )
    if bounds[-1] < span.stop:
        way_out = "leave one length out, and that phase takes the rest" if len(lengths) > 1 else "leave its length out"
        raise ScheduleError(f"phases must fill the run: {whole} ends at step {bounds[-1]} of {span.stop}; {way_out}")
    return bounds


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
