"""Ways down that a formula in the progress p gives, and staying where one is. Letters as in `phase.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lrscope.errors import ScheduleError
from lrscope.schedules.arguments import DURATION, LEVEL, NUMBER, argument
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Span
from lrscope.schedules.levels import Level
from lrscope.schedules.phase import Phase

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array


@dataclass(frozen=True, kw_only=True)
class Constant(Phase):
    """factor = v."""

    name: ClassVar[str] = "constant"

    def values(self, steps: Array, span: Span) -> Array:
        """Return v for all steps."""
        import numpy as np

        return np.full_like(steps, span.first)

    def end(self, span: Span) -> float:
        """Return v."""
        return span.first


@dataclass(frozen=True, kw_only=True)
class Hold(Constant):
    """factor = v: the same as `constant`, under the name that people use between a warmup and a cooldown."""

    name: ClassVar[str] = "hold"


@dataclass(frozen=True, kw_only=True)
class _Decay(Phase):
    """A way from v to `to`: factor = to + (v − to) · shape(p), with shape(0) = 1 and shape(1) = 0."""

    to: Level = argument(LEVEL, Level(0.0))

    def check(self, span: Span) -> None:
        """Raise ScheduleError where `to` is a rate above the peak, or the peak is not known."""
        self.to.share(span.horizon.peak_rate)

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        to = self.to.share(span.horizon.peak_rate)
        remaining = self.shape(span.progress(steps))
        return span.first * remaining + to * (1.0 - remaining)

    def end(self, span: Span) -> float:
        """Return `to`."""
        return self.to.share(span.horizon.peak_rate)

    def shape(self, p: Array) -> Array:
        """Return what is left of the way at progress p."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Linear(_Decay):
    """factor = v + (to − v) p.

    >>> Linear(to=0.5).resolve(total_steps=10, steps_per_epoch=10)(5)
    0.75
    """

    name: ClassVar[str] = "linear"

    def shape(self, p: Array) -> Array:
        """Return 1 − p."""
        return 1.0 - p


@dataclass(frozen=True, kw_only=True)
class Cosine(_Decay):
    """factor = to + (v − to) (1 + cos πp) / 2: half a period, once (Loshchilov and Hutter, arXiv 1608.03983).

    >>> Cosine().resolve(total_steps=10, steps_per_epoch=10)(5)
    0.5
    """

    name: ClassVar[str] = "cosine"

    def shape(self, p: Array) -> Array:
        """Return (1 + cos πp) / 2."""
        import numpy as np

        return np.asarray(0.5 + 0.5 * np.cos(np.pi * p))


@dataclass(frozen=True, kw_only=True)
class Sqrt(_Decay):
    """factor = to + (v − to) (1 − √p): the cooldown of Hägele et al. (arXiv 2405.18392).

    >>> Sqrt().resolve(total_steps=4, steps_per_epoch=4)(1)
    0.5
    """

    name: ClassVar[str] = "sqrt"

    def shape(self, p: Array) -> Array:
        """Return 1 − √p."""
        import numpy as np

        return np.asarray(1.0 - np.sqrt(p))


@dataclass(frozen=True, kw_only=True)
class Polynomial(_Decay):
    """factor = to + (v − to) (1 − p)^power.

    >>> Polynomial(power=2).resolve(total_steps=4, steps_per_epoch=4)(2)
    0.25
    """

    name: ClassVar[str] = "polynomial"

    power: float = argument(NUMBER, 2.0, always=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (math.isfinite(self.power) and self.power > 0):
            raise ScheduleError(f"power must be above 0: got {self.power:g}; write power=2")

    def shape(self, p: Array) -> Array:
        """Return (1 − p)^power."""
        import numpy as np

        return np.asarray((1.0 - p) ** self.power)


@dataclass(frozen=True, kw_only=True)
class Exponential(Phase):
    """Decay by factors, in one of two ways.

    exponential(to=x)               factor = v (x / v)^p: reaches x, which must be above 0, at the end
    exponential(gamma=g, every=D)   factor = max(to, v g^(s / D)), D in steps

    >>> Exponential(to=0.01).resolve(total_steps=4, steps_per_epoch=4)(2)
    0.1
    """

    name: ClassVar[str] = "exponential"

    gamma: float | None = argument(NUMBER, None)
    every: Duration | None = argument(DURATION, None)
    to: Level = argument(LEVEL, Level(0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.gamma is None) != (self.every is None):
            raise ScheduleError(
                "gamma= and every= belong together: got one of them; write exponential(gamma=0.9, every=1ep)"
            )
        if self.gamma is None and self.to.value == 0:
            raise ScheduleError("exponential decay never reaches 0: got to=0; write exponential(to=0.01)")
        if self.gamma is not None and not 0 < self.gamma <= 1:
            raise ScheduleError(f"gamma must be above 0 and at most 1: got {self.gamma:g}; write gamma=0.9")
        if self.every is not None and self.every.value == 0:
            raise ScheduleError("every must be longer than 0: got every=0; write every=1ep")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where it begins at nothing, or its end is a rate above the peak."""
        self.to.share(span.horizon.peak_rate)
        if span.first == 0.0:
            raise ScheduleError("exponential decay must begin above 0: the phase before ends at 0; raise its to=")

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        import numpy as np

        to = self.to.share(span.horizon.peak_rate)
        if self.gamma is None or self.every is None:
            return np.asarray(span.first * (to / span.first) ** span.progress(steps))
        drops = (steps - span.start) / float(span.horizon.exact(self.every))
        return np.maximum(min(to, span.first), span.first * self.gamma**drops)

    def end(self, span: Span) -> float:
        """Return what the formula gives at step b."""
        import numpy as np

        if self.gamma is None:
            return self.to.share(span.horizon.peak_rate)
        return float(self.values(np.array([float(span.stop)]), span)[0])


@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Phase):
    """factor = max(to, v √(τ / (τ + s))), τ = `timescale` in steps, the warmup's length where it is not given.

    Source: Vaswani et al. (arXiv 1706.03762), in the form of Zhai et al. (arXiv 2106.04560).

    >>> InverseSqrt(timescale="1st").resolve(total_steps=4, steps_per_epoch=4)(3)
    0.5
    """

    name: ClassVar[str] = "inverse_sqrt"

    timescale: Duration | None = argument(DURATION, None)
    to: Level = argument(LEVEL, Level(0.0))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.timescale is not None and self.timescale.value == 0:
            raise ScheduleError("timescale must be longer than 0: got timescale=0; write timescale=1ep")

    def check(self, span: Span) -> None:
        """Raise ScheduleError where there is neither a timescale nor a warmup to take it from."""
        self.to.share(span.horizon.peak_rate)
        if self.timescale is None and not span.warmup_steps:
            raise ScheduleError(
                "inverse_sqrt takes its timescale from the warmup before it: there is none; write "
                "inverse_sqrt(timescale=1ep)"
            )

    def values(self, steps: Array, span: Span) -> Array:
        """Return the factors at steps of the span."""
        import numpy as np

        to = min(self.to.share(span.horizon.peak_rate), span.first)
        tau = float(span.warmup_steps if self.timescale is None else span.horizon.exact(self.timescale))
        return np.maximum(to, span.first * np.sqrt(tau / (tau + steps - span.start)))

    def end(self, span: Span) -> float:
        """Return what the formula gives at step b."""
        import numpy as np

        return float(self.values(np.array([float(span.stop)]), span)[0])
