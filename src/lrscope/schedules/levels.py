"""Heights with their unit: a share of the peak rate, or a learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal

from lrscope.errors import ScheduleError
from lrscope.schedules.durations import format_number

RATE_UNIT = "lr"

# Where one bare number could mean either, it is refused: nobody wants a floor of less than a ten-thousandth of the
# peak as a share, and hardly anyone a start rate of 0.01 or more.
SMALLEST_BARE_SHARE = 1e-4
LARGEST_BARE_RATE = 1e-2


@dataclass(frozen=True)
class Level:
    """A share of the peak rate (`Level(0.1)`) or a learning rate (`Level(1e-6, is_rate=True)`); zeros are equal.

    Raises ScheduleError where the value is negative, not finite, or a share above 1.

    >>> Level(1e-6, is_rate=True).to_factor(peak_rate=2e-5)
    0.05
    >>> Level(0.1).to_factor(peak_rate=None)
    0.1
    """

    value: float
    is_rate: bool = False

    def __post_init__(self) -> None:
        try:
            value = float(self.value)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise ScheduleError(f"a share or a rate is a number from 0 up: got {self.value}; write 10%, 0.1 or 1e-6lr")
        if value > 1 and not self.is_rate:
            got = format_number(value)
            raise ScheduleError(
                f"a share of the peak is at most 100%: got {got} (= {as_percent(value)}); write {got}% or a rate, {got}lr"
            )
        object.__setattr__(self, "value", abs(value))
        object.__setattr__(self, "is_rate", bool(self.is_rate) and value != 0)

    def to_factor(self, peak_rate: float | None) -> float:
        """Return the level as a share of `peak_rate`; None is enough where a share was written.

        Raises ScheduleError where a rate was written and the peak rate is unknown or lower.
        """
        if not self.is_rate:
            return self.value
        written = f"{format_number(self.value)}{RATE_UNIT}"
        if peak_rate is None:
            raise ScheduleError(f"a rate inside a schedule needs the peak rate: got {written}; give --lr or write a share")
        if self.value > peak_rate:
            raise ScheduleError(
                f"a schedule stays at or below its peak rate: got {written} under a peak of {format_number(peak_rate)}; "
                f"lower it or write a share of the peak, such as 10%"
            )
        return self.value / peak_rate


def as_percent(share: float) -> str:
    """Return a share as the percentage that reads back as the same number.

    >>> as_percent(0.07), as_percent(4e-6)
    ('7%', '0.0004%')
    """
    text = f"{Decimal(repr(float(share))).scaleb(2).normalize():f}"
    return f"{text}%"


def from_percent(written: str) -> float:
    """Return the share that a number before `%` names, without the rounding of a division by 100.

    >>> from_percent("7")
    0.07
    """
    return float(Decimal(written).scaleb(-2))


def format_floor(level: Level) -> str:
    """Return the text of a level after `to=`, where a bare number is a share."""
    if level.is_rate:
        return f"{format_number(level.value)}{RATE_UNIT}"
    bare = level.value == 0 or level.value >= SMALLEST_BARE_SHARE
    return format_number(level.value) if bare else as_percent(level.value)


def format_start(level: Level) -> str:
    """Return the text of a level after `from=`, where a bare number is a rate: so the unit is always written."""
    if level.is_rate:
        return f"{format_number(level.value)}{RATE_UNIT}"
    return "0" if level.value == 0 else as_percent(level.value)
