"""What rates are identified as, whatever the family: the fields that a schedule is made of, in places."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Shape = Literal[
    "constant", "linear", "cosine", "polynomial", "inverse-sqrt", "exponential", "step", "warmup-stable-decay",
    "restarts", "one-cycle", "warming up", "curved", "",
]  # fmt: skip


@dataclass(frozen=True)
class Identified:
    """A shape with its parameters; lengths are counted in places of the readings, rates as logged.

    `decay` is the curve of a cooldown, `bend` a power, a rate of decay, a timescale, `begin` the share of the peak that
    the rise began at, `period` and `multiplier` the length of a cycle and of the next one in it, `drops` between which
    places levels end and `levels` what is left of the peak at them, `start` and `end` the places between which a curve
    falls, `hold` where a stable phase ends.
    """

    peak: float
    shape: Shape
    error: float = math.nan
    warmup: float = 0.0
    total: float = math.nan
    floor: float = math.nan
    bend: float = math.nan
    begin: float = 0.0
    hold: float = math.nan
    decay: str = ""
    period: float = math.nan
    multiplier: float = 1.0
    drops: tuple[tuple[float, float], ...] = ()
    levels: tuple[float, ...] = ()
    start: float = math.nan
    end: float = math.nan
