"""What a chart shows, apart from how it is drawn: as SVG (`chart_svg.py`) or as an image file (`chart_image.py`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lrscope.figure_style import COLOURS, GREY
from lrscope.number_text import format_number, format_rate

Points = Sequence[tuple[float, float]]
Sign = Literal[
    "filled", "hollow", "seed", "interval", "ring", "band", "spread", "level",
    "solid", "dashed", "dotted", "dash-dotted", "expected", "estimated",
]  # fmt: skip
FONT = 12  # the size of text in pixels, for which `text_width` is
PATTERNS: tuple[Sign, ...] = ("solid", "dashed", "dotted", "dash-dotted")  # of lines, by `Series.dashes`
Dots = Literal["filled", "hollow", "seed", "none"]
DOTS = {"filled": 3.6, "hollow": 3.6, "seed": 2.2, "none": 0.0}  # radii


@dataclass(frozen=True)
class Series:
    """Points of one setting, or of all where `number` is None: then they are grey.

    `number` chooses the colour, `errors` are half widths of intervals, `spread` the least and the most at each point;
    `dashes` numbers the pattern of the line, which is named where `is_named`. `offset` moves the points sideways, in
    pixels, off what lies under them.
    """

    name: str
    points: Points
    number: int | None = None
    line: bool = True
    dots: Dots = "filled"
    dashes: int = 0
    errors: Sequence[float] = ()
    spread: Sequence[tuple[float, float]] = ()
    offset: float = 0.0
    label: str = ""
    is_named: bool = True

    @property
    def is_named_line(self) -> bool:
        """Whether its line is named: at its end, or in the legend."""
        return self.line and self.is_named and bool(self.name) and bool(self.finite)

    @property
    def finite(self) -> list[tuple[float, float]]:
        """The points that can be drawn."""
        return [(x, y) for x, y in self.points if math.isfinite(x) and math.isfinite(y)]

    @property
    def half_widths(self) -> list[float]:
        """An interval's half width for every point that can be drawn, 0 where there is none."""
        errors = list(self.errors) or [0.0] * len(self.points)
        drawn = zip(self.points, errors, strict=True)
        return [
            error if math.isfinite(error) else 0.0 for (x, y), error in drawn if math.isfinite(x) and math.isfinite(y)
        ]

    @property
    def colour(self) -> str:
        """Its colour."""
        return colour_of(self.number)


@dataclass(frozen=True)
class Span:
    """An interval of x, drawn as a bar at the chart's head, with a mark at the value that it is of, where there is one.

    "expected" is what was expected before, "estimated" what follows from the runs.
    """

    name: str
    low: float
    high: float
    sign: Literal["expected", "estimated"]
    at: float | None = None


@dataclass(frozen=True)
class Chart:
    """One chart. `log` puts x on a logarithmic axis, `ticks` are the values to name on it, where there is room.

    `bands` shade intervals of x, `levels` are lines across at a value, `ring` marks the point that was chosen, which is
    drawn `ring_offset` to the right, `notes` stand at the foot of the chart: (x, text, number of the colour). `legend`
    says what the signs mean. `spans` are intervals of x; they may reach out of the chart. `log_y` is as `log`. Where
    `has_rates` values of y are learning rates, and written as such.
    """

    title: str
    x_name: str
    y_name: str
    series: tuple[Series, ...]
    log: bool = False
    ticks: tuple[float, ...] = ()
    bands: tuple[tuple[float, float], ...] = ()
    levels: tuple[float, ...] = ()
    ring: tuple[float, float] | None = None
    ring_offset: float = 0.0
    notes: tuple[tuple[float, str, int], ...] = ()
    legend: tuple[tuple[Sign, str], ...] = ()
    spans: tuple[Span, ...] = ()
    log_y: bool = False
    has_rates: bool = False

    def y_name_of(self, value: float) -> str:
        """Return a value of y as it is written."""
        if self.log_y or self.has_rates:
            return tick_name(value)
        return format_number(value).replace("-", "−")

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(series.finite for series in self.series)

    @property
    def has_courses(self) -> bool:
        """Whether a series has more than one point."""
        return any(len(series.finite) > 1 for series in self.series)

    @property
    def x_values(self) -> list[float]:
        """All that the axis of x must hold."""
        values = [*(x for series in self.series for x, _ in series.finite), *(x for x, _, _ in self.notes)]
        least, most = min(values, default=0.0), max(values, default=0.0)
        # Of an interval that lies outside of them its nearer end, and what it is of.
        outside = [
            span.high if span.high < least else span.low
            for span in self.spans
            if not span.low <= most or span.high < least
        ]
        return [*values, *outside, *(span.at for span in self.spans if span.at is not None)]

    @property
    def y_values(self) -> list[float]:
        """All that the axis of y must hold."""
        reached = [
            y + sign * error
            for series in self.series
            for (_, y), error in zip(series.finite, series.half_widths, strict=True)
            for sign in (-1.0, 1.0)
        ]
        spread = [value for series in self.series for pair in series.spread for value in pair if math.isfinite(value)]
        return [*reached, *spread, *self.levels]


def colour_of(number: int | None) -> str:
    """Return a setting's colour, the same in every chart.

    >>> colour_of(0) == colour_of(7), colour_of(None)
    (True, '#7F7F7F')
    """
    return GREY if number is None else COLOURS[number % len(COLOURS)]


def tick_name(value: float) -> str:
    """Return a tick's label, to three digits.

    >>> tick_name(2.3456e-5), tick_name(4.0)
    ('2.35e-5', '4')
    """
    return format_rate(float(f"{value:.3g}"))


def text_width(text: str) -> float:
    """Return about how wide text is at the charts' size; Chinese characters are as wide as they are high.

    >>> text_width("abc"), text_width("学")
    (21.0, 12.0)
    """
    return sum(12.0 if ord(character) > 0x2E80 else 7.0 for character in text)


class Axis:
    """Values laid along a line from `start` to `end`, with room at both ends.

    >>> Axis([0.0, 1.0], 0.0, 110.0).at(0.5)
    55.0
    """

    def __init__(self, values: Sequence[float], start: float, end: float, *, log: bool = False) -> None:
        self.log, self.start, self.end = log, start, end
        shown = [math.log10(value) if log else value for value in values]
        low, high = min(shown), max(shown)
        room = (high - low or (1.0 if log else abs(high)) or 1.0) * 0.05
        self.low, self.high = low - room, high + room

    @property
    def limits(self) -> tuple[float, float]:
        """The values at both ends."""
        return (10.0**self.low, 10.0**self.high) if self.log else (self.low, self.high)

    def at(self, value: float) -> float:
        """Return where a value lies."""
        shown = math.log10(value) if self.log else value
        return self.start + (shown - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values to name."""
        if self.log:
            decades = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            if len(decades) > 1:
                return [10.0**decade for decade in decades]
            inner = [m * 10.0**d for d in range(math.floor(self.low), math.ceil(self.high) + 1) for m in (1, 2, 5)]
            return [value for value in inner if self.low <= math.log10(value) <= self.high]
        raw = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def apart(labels: Sequence[tuple[float, float]], room: float = 8.0) -> list[int]:
    """Return which labels to write, (centre, width) each, so that none runs into one before it.

    The ends come first: they say what the axis holds.

    >>> apart([(0.0, 30.0), (20.0, 30.0), (60.0, 30.0)])
    [0, 2]
    """
    order = [0, len(labels) - 1, *range(1, len(labels) - 1)] if len(labels) > 1 else list(range(len(labels)))
    kept: list[int] = []
    for number in order:
        centre, width = labels[number]
        if all(abs(centre - labels[k][0]) >= (width + labels[k][1]) / 2.0 + room for k in kept):
            kept.append(number)
    return sorted(kept)
