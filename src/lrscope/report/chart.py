"""Line charts as SVG, small and self-contained: they follow the page's colours, print, and can be read aloud.

Every series carries its values, so that a page may show them on hover and switch them on and off.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from lrscope.figure_style import BLUE, GREEN, GREY, ORANGE
from lrscope.schedules.durations import format_number

COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", GREY)
DASHES = ("", "6 3", "2 3")
WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 116, 14, 46


@dataclass(frozen=True)
class Series:
    """A named line. `errors` are half widths of intervals; `number` chooses its colour and its dashes."""

    name: str
    points: Sequence[tuple[float, float]]
    number: int = 0
    errors: Sequence[float] = ()
    is_faint: bool = False
    has_line: bool = True
    has_dots: bool = True


@dataclass
class Chart:
    """One chart. `bands` shade intervals of x; `log` puts x on a logarithmic axis."""

    title: str
    x_name: str
    y_name: str
    series: list[Series]
    log: bool = False
    bands: list[tuple[float, float]] = field(default_factory=list)

    def svg(self) -> str:
        """Return the chart; a sentence where there is nothing to draw."""
        points = [point for series in self.series for point in _finite(series)]
        if not points:
            return ""
        self._x = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT, log=self.log)
        spans = [y for series in self.series for y in _reaches(series)]
        self._y = _Axis(spans, HEIGHT - BOTTOM, TOP)
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="chart" '
            f'font-family="system-ui, sans-serif" font-size="12" fill="currentColor" color="#222">'
            f"<title>{html.escape(self.title)}</title>"
        ]
        parts += self._bands() + self._axes()
        ends: list[float] = []
        for series in sorted(self.series, key=lambda s: _finite(s)[-1][1] if _finite(s) else 0.0):
            if _finite(series):
                parts.append(self._line(series, ends))
        return "\n".join([*parts, "</svg>"])

    def _bands(self) -> list[str]:
        found = []
        for low, high in self.bands:
            left, right = self._x.place(low), self._x.place(high)
            left, right = max(LEFT, min(left, right) - 9), min(WIDTH - RIGHT, max(left, right) + 9)
            size = f'width="{right - left:.1f}" height="{HEIGHT - BOTTOM - TOP}"'
            found.append(f'<rect x="{left:.1f}" y="{TOP}" {size} fill="{GREEN}" opacity="0.12"/>')
        return found

    def _axes(self) -> list[str]:
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
        found = []
        for value in self._y.ticks():
            y = self._y.place(value)
            found.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="currentColor" opacity="0.13"/>')
            found.append(f'<text x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{format_number(value)}</text>')
        for value in self._x.ticks():
            x = self._x.place(value)
            found.append(f'<path d="M{x:.1f} {bottom}v5" stroke="currentColor" opacity="0.6"/>')
            found.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{format_number(value)}</text>')
        found.append(f'<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="currentColor" opacity="0.6"/>')
        middle = (LEFT + right) / 2
        found.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">{html.escape(self.x_name)}</text>')
        turned = f'transform="translate(13 {(TOP + bottom) / 2}) rotate(-90)"'
        found.append(f'<text {turned} text-anchor="middle">{html.escape(self.y_name)}</text>')
        return found

    def _line(self, series: Series, ends: list[float]) -> str:
        colour, dash = COLOURS[series.number % 7], DASHES[series.number // 7 % 3]
        points = [(self._x.place(x), self._y.place(y)) for x, y in _finite(series)]
        name = html.escape(series.name, quote=True)
        values = html.escape(json.dumps([[x, y] for x, y in _finite(series)]), quote=True)
        parts = [f'<g class="series" data-name="{name}" data-values="{values}" color="{colour}">']
        opacity = 0.35 if series.is_faint else 1.0
        if series.has_line and len(points) > 1:
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" opacity="{opacity}"'
            parts.append(f'<path d="{path}" fill="none" {style}/>')
        for (x, y), (_, value), error in zip(points, _finite(series), _padded(series), strict=False):
            if error > 0.0:
                low, high = self._y.place(value - error), self._y.place(value + error)
                parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{colour}" stroke-width="1.6"/>')
            if series.has_dots:
                shown = f"{series.name}: {format_number(float(f'{value:.4g}'))}"
                dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.4" fill="{colour}" opacity="{opacity}">'
                parts.append(f"{dot}<title>{html.escape(shown)}</title></circle>")
        if series.name and series.has_line:
            # Names at the lines' ends, moved apart where they would lie on one another.
            y = points[-1][1]
            while any(abs(y - other) < 12.5 for other in ends):
                y -= 2.5
            ends.append(y)
            text = f'<text x="{points[-1][0] + 7:.1f}" y="{y + 4:.1f}" fill="{colour}">{name}</text>'
            parts.append(text)
        return "".join([*parts, "</g>"])


class _Axis:
    def __init__(self, values: Sequence[float], start: float, end: float, *, log: bool = False) -> None:
        self.log, self.start, self.end = log, start, end
        shown = [math.log10(value) if log else value for value in values]
        low, high = min(shown), max(shown)
        room = (high - low or abs(high) or 1.0) * (0.03 if log else 0.05)
        self.low, self.high = low - room, high + room

    def place(self, value: float) -> float:
        shown = math.log10(value) if self.log else value
        return self.start + (shown - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            if len(decades) > 1:
                return [10.0**decade for decade in decades]
            inner = [m * 10.0**d for d in range(math.floor(self.low), math.ceil(self.high) + 1) for m in (1, 2, 5)]
            return [value for value in inner if self.low <= math.log10(value) <= self.high]
        raw = (self.high - self.low) / 6
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def _finite(series: Series) -> list[tuple[float, float]]:
    return [(x, y) for x, y in series.points if math.isfinite(x) and math.isfinite(y)]


def _padded(series: Series) -> list[float]:
    return [0.0 if math.isnan(error) else error for error in series.errors] or [0.0] * len(series.points)


def _reaches(series: Series) -> list[float]:
    both = zip(_finite(series), _padded(series), strict=False)
    return [y + sign * error for (_, y), error in both for sign in (-1.0, 1.0)]
