"""What is known of the best rate before a search begins, and where the search goes by it.

Pure: rates in, a search out. What is run, and when, is `workflows/search.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from lrscope.config.trial import MAX_RATE
from lrscope.errors import ConfigError, Problem
from lrscope.number_text import format_rate
from lrscope.tuning.bracket import Search

Source = Literal["prior", "range test", "range", "nothing"]
SOURCES: tuple[Source, ...] = get_args(Source)
REACH = 3.0  # decades to both sides of where it is expected
LEAST_LOG10 = -12.0
SDS_IN_RANGE = 4.0  # standard deviations in a range that a user names: its ends are at two of them
SDS_IN_BRACKET = 2.56  # of a normal between the ends of its 80% interval


@dataclass(frozen=True)
class Known:
    """What is known of log10 of the best rate before: a normal, and where that comes from.

    `bounds` are the rates, log10, that a user wants to search; the search goes one step beyond where the best one is
    at an end. `start` is the rate, log10, that runs begin at; the middle where it is None.

    >>> Known.of_range(RateRange(1e-5, 1e-3)).search
    Search(start=-4.0, spacing=0.35, low=-5.35, high=-2.65, upward=False)
    """

    center: float
    sd: float
    source: Source
    bounds: tuple[float, float] | None = None
    start: float | None = None

    @staticmethod
    def of_range(search: RateRange) -> Known:
        """Return what a range that a user names says: the middle is as likely as any."""
        low, high = math.log10(search.low), math.log10(search.high)
        return Known((low + high) / 2.0, (high - low) / SDS_IN_RANGE, "range", (low, high))

    @staticmethod
    def of_bracket(low: float, high: float) -> Known:
        """Return what a range test's bracket says, whose ends are rates."""
        ends = math.log10(low), math.log10(high)
        return Known(sum(ends) / 2.0, (ends[1] - ends[0]) / SDS_IN_BRACKET, "range test")

    @property
    def search(self) -> Search:
        """Where runs are made by it."""
        plain = Search.around(self.center, self.sd, -math.inf, math.inf)
        low, high = self.center - REACH, self.center + REACH
        if self.bounds is not None:
            low, high = self.bounds[0] - plain.spacing, self.bounds[1] + plain.spacing
        low, high = max(low, LEAST_LOG10), min(high, math.log10(MAX_RATE))
        return Search(self.first, plain.spacing, low, high, upward=self.first < self.center)

    @property
    def first(self) -> float:
        """The rate, log10, that runs begin at."""
        return self.center if self.start is None else self.start

    @property
    def interval(self) -> tuple[float, float]:
        """Between which rates the best one is expected with 80%, or those to search where a user names them."""
        half = self.sd * SDS_IN_BRACKET / 2.0
        low, high = self.bounds or (self.center - half, self.center + half)
        return 10.0**low, 10.0**high


NOTHING_KNOWN = Known(-3.5, 0.6, "nothing")


@dataclass(frozen=True)
class RateRange:
    """The rates between which the best is looked for."""

    low: float
    high: float


def parse_range(text: str) -> RateRange:
    """Return the range of rates that is written `LOW:HIGH`.

    Raises:
        ConfigError: it is none.

    >>> parse_range("1e-5:1e-3")
    RateRange(low=1e-05, high=0.001)
    """
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise ConfigError(Problem("{lr} of tune is a range, LOW:HIGH", repr(text), "write 1e-5:1e-3")) from None
    if not 0.0 < low < high <= MAX_RATE:
        raise ConfigError(
            Problem("{lr} of tune rises from a positive rate to a higher one", repr(text), "write 1e-5:1e-3")
        )
    if high / low < 2.0:
        raise ConfigError(Problem("{lr} of tune spans a factor of 2 at least", repr(text), "write 1e-5:1e-3"))
    return RateRange(low, high)


def shown_range(search: RateRange) -> str:
    """Return a range as it is typed.

    >>> shown_range(RateRange(1e-5, 1e-3))
    '1e-5:1e-3'
    """
    return f"{format_rate(search.low)}:{format_rate(search.high)}"


def range_of(known: Known) -> RateRange | None:
    """Return the range that a user named; None where none was."""
    return None if known.bounds is None else RateRange(*(float(f"{10.0**end:.6g}") for end in known.bounds))
