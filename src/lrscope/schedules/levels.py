"""How high a learning rate stands: a share of the peak rate, or a rate of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from lrscope.errors import Problem, ScheduleError
from lrscope.number_text import format_number

RATE_UNIT = "lr"


@dataclass(frozen=True)
class Level:
    """`Level(0.01)` is a hundredth of the peak rate, `Level(1e-6, "rate")` the rate 1e-6 whatever the peak is.

    Raises ScheduleError where a share is not from 0 to 1, or a rate is negative or not finite.

    >>> str(Level(0.01)), str(Level(1e-6, "rate")), Level(1e-6, "rate").share(peak_rate=4e-6)
    ('0.01', '1e-6lr', 0.25)
    """

    value: float
    kind: Literal["share", "rate"] = "share"

    def __post_init__(self) -> None:
        if self.kind == "share" and not 0 <= self.value <= 1:
            raise ScheduleError(f"a share of the peak rate is from 0 to 1: got {self.value:g}; write 0.01 or 1%")
        if not (math.isfinite(self.value) and self.value >= 0):
            raise ScheduleError(f"a rate is 0 or a positive number: got {self.value:g}lr; write 1e-6lr")
        object.__setattr__(self, "value", float(self.value))
        if self.value == 0:
            object.__setattr__(self, "kind", "share")

    def share(self, peak_rate: float | None) -> float:
        """Return the level as a share of the peak rate.

        Raises:
            ScheduleError: it is written as a rate and the peak is not known, or below it.
        """
        if self.kind == "share":
            return self.value
        if peak_rate is None:
            raise ScheduleError(
                Problem(f"the level {self} is a rate, which needs {{peak_rate}}", "none", "give {peak_rate}")
            )
        if self.value > peak_rate:
            raise ScheduleError(
                f"a level must not exceed the peak rate of {peak_rate:g}: got {self}; lower it, or write a share "
                "such as 10%"
            )
        return self.value / peak_rate

    @property
    def percent(self) -> str:
        """Return a share as a percentage that reads back as the same number."""
        return f"{(Decimal(repr(self.value)) * 100).normalize()}%".replace("E+", "e").replace("E", "e")

    def __str__(self) -> str:
        return format_number(self.value) + (RATE_UNIT if self.kind == "rate" else "")
