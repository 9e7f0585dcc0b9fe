"""A chart as SVG, small and self-contained: it follows the page's colours, prints, and can be read aloud.

Every series carries its name, so that a page may switch it on and off; every dot says its value, and a line without
dots carries the values of its points where a page asks for them.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

from lrscope.figure_style import GREEN, SPAN_COLOURS
from lrscope.number_text import format_number
from lrscope.report.chart import DOTS, FONT, PATTERNS, Axis, Chart, Series, Sign, apart, text_width, tick_name
from lrscope.visible_text import visible

DASHES = ("", "7 4", "2 3", "10 3 2 3")
LEGEND_ROW = 18.0
Y_NAME = 13.0  # where the middle of the name of y stands, left of the names of its ticks
# A file of its own follows the reader's colours by itself; in a page the page's style does.
_DARK = "svg { color: #ddd; } .series { filter: brightness(1.35); }"
_ALONE = f"<style>@media (prefers-color-scheme: dark) {{ {_DARK} }}</style>"


def svg(chart: Chart, *, width: int = 760, height: int = 400, is_alone: bool = False, has_values: bool = False) -> str:
    """Return the chart, or nothing where there is nothing to draw. A narrow one names no lines at their ends.

    With `has_values` a line without dots has `data-x` and `data-y`, its points' values in the order of its path.
    """
    return "" if chart.is_empty else _Drawing(chart, width, height, has_values).text(is_alone=is_alone)


class _Drawing:
    def __init__(self, chart: Chart, width: int, height: int, has_values: bool) -> None:
        self.chart, self.width, self.has_values = chart, width, has_values
        self.names_ends = width > 500 and any(series.is_named_line for series in chart.series)
        self.legend, rows = _laid_out(chart.legend, width - 20.0)
        self.top = 30.0 + rows * LEGEND_ROW
        self.right = width - (_longest(chart) + 16.0 if self.names_ends else 14.0)
        self.height = height + rows * LEGEND_ROW + 16.0
        self.bottom = self.height - 46.0
        self.y = Axis(chart.y_values, self.bottom, self.top, log=chart.log_y)
        self.left = max(56.0, Y_NAME + 14.0 + max(text_width(self.chart.y_name_of(value)) for value in self.y.ticks()))
        self.x = Axis(chart.x_values, self.left, self.right, log=chart.log)
        self.ends: list[float] = []

    def text(self, *, is_alone: bool) -> str:
        chart = self.chart
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height:.0f}" role="img" '
            f'class="chart" data-x-name="{_text(chart.x_name)}" font-family="system-ui, sans-serif" font-size="{FONT}" '
            f'fill="currentColor" color="#222">'
            f"<title>{_text(chart.title)}</title>{_ALONE if is_alone else ''}",
            f'<text x="10" y="16" font-weight="600" font-size="{FONT + 1}">{_text(chart.title)}</text>',
            *self._signs(), *self._bands(), *self._axes(), *self._levels(), *self._spans(),
        ]  # fmt: skip
        lines = sorted(chart.series, key=lambda s: s.finite[-1][1] if s.finite else 0.0)
        parts += [self._series(series) for series in lines if series.finite]
        if chart.ring is not None:
            x, y = self.x.at(chart.ring[0]) + chart.ring_offset, self.y.at(chart.ring[1])
            parts.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="9" fill="none" stroke="currentColor"/>')
        return "\n".join([*parts, "</svg>"])

    def _signs(self) -> list[str]:
        drawn = []
        for x, row, sign, name in self.legend:
            y = 34.0 + row * LEGEND_ROW
            drawn.append(f'{_sign(sign, x, y)}<text x="{x + 26:.1f}" y="{y + 4:.1f}">{_text(name)}</text>')
        return drawn

    def _bands(self) -> list[str]:
        drawn = []
        for low, high in self.chart.bands:
            left, right = max(self.left, self.x.at(low)), min(self.right, self.x.at(high))
            box = f'x="{left:.1f}" y="{self.top:.1f}" width="{right - left:.1f}" height="{self.bottom - self.top:.1f}"'
            drawn.append(f'<rect class="band" {box} fill="{GREEN}" opacity="0.12"/>')
        return drawn

    def _axes(self) -> list[str]:
        drawn = []
        for value in self.y.ticks():
            y = self.y.at(value)
            drawn.append(f'<path d="M{self.left} {y:.1f}H{self.right:.1f}" stroke="currentColor" opacity="0.13"/>')
            name = self.chart.y_name_of(value)
            drawn.append(f'<text x="{self.left - 7}" y="{y + 4:.1f}" text-anchor="end">{name}</text>')
        ticks = list(self.chart.ticks) or self.x.ticks()
        names = [tick_name(value) for value in ticks]
        centres = [(self.x.at(value), text_width(name)) for value, name in zip(ticks, names, strict=True)]
        named = apart(centres)
        for number, (x, _) in enumerate(centres):
            drawn.append(f'<path d="M{x:.1f} {self.bottom:.1f}v5" stroke="currentColor" opacity="0.6"/>')
            if number in named:
                y = self.bottom + 18
                drawn.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{names[number]}</text>')
        frame = f"M{self.left} {self.top:.1f}V{self.bottom:.1f}H{self.right:.1f}"
        drawn.append(f'<path d="{frame}" fill="none" stroke="currentColor" opacity="0.6"/>')
        middle = (self.left + self.right) / 2
        title = _text(self.chart.x_name)
        drawn.append(f'<text x="{middle:.1f}" y="{self.height - 8:.1f}" text-anchor="middle">{title}</text>')
        turned = f'transform="translate({Y_NAME:g} {(self.top + self.bottom) / 2:.1f}) rotate(-90)"'
        return [*drawn, f'<text {turned} text-anchor="middle">{_text(self.chart.y_name)}</text>']

    def _spans(self) -> list[str]:
        drawn = []
        for number, span in enumerate(self.chart.spans):
            y = self.top + 5.0 + 10.0 * number
            left, right = (min(self.right, max(self.left, self.x.at(end))) for end in (span.low, span.high))
            colour = SPAN_COLOURS[span.sign]
            said = f"{span.name}: {tick_name(span.low)} … {tick_name(span.high)}"
            bar = f"M{left:.1f} {y:.1f}H{max(right, left + 2.0):.1f}"
            parts = [f"<title>{_text(said)}</title>", _bar(bar, colour)]
            if span.at is not None:
                parts.append(f'<path d="M{self.x.at(span.at):.1f} {y - 5:.1f}v10" stroke="{colour}" stroke-width="3"/>')
            drawn.append(f'<g class="span {span.sign}">{"".join(parts)}</g>')
        return drawn

    def _levels(self) -> list[str]:
        drawn = []
        for value in self.chart.levels:
            across = f"M{self.left} {self.y.at(value):.1f}H{self.right:.1f}"
            drawn.append(f'<path class="level" d="{across}" stroke="currentColor" stroke-dasharray="1 3"/>')
        for x, name, number in self.chart.notes:
            colour = Series("", (), number).colour
            at = f'x="{self.x.at(x):.1f}" y="{self.bottom - 6:.1f}"'
            drawn.append(f'<text {at} text-anchor="middle" font-size="10" fill="{colour}">{_text(name)}</text>')
        return drawn

    def _series(self, series: Series) -> str:
        colour, points = series.colour, series.finite
        drawn_at = [(self.x.at(x) + series.offset, self.y.at(y)) for x, y in points]
        faint = 0.55 if series.dots == "seed" else 0.5 if series.number is None else 1.0
        parts = [f'<g class="series" data-name="{_text(series.name)}" color="{colour}">']
        if len(series.spread) == len(drawn_at) > 1:
            both = list(zip(drawn_at, series.spread, strict=True))
            upper = "L".join(f"{x:.1f} {self.y.at(high):.1f}" for (x, _), (_, high) in both)
            lower = "L".join(f"{x:.1f} {self.y.at(low):.1f}" for (x, _), (low, _) in reversed(both))
            parts.append(f'<path class="spread" d="M{upper}L{lower}Z" fill="{colour}" opacity="0.13"/>')
        if series.line and len(drawn_at) > 1:
            path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in drawn_at)
            dash = f' stroke-dasharray="{DASHES[series.dashes % len(DASHES)]}"' if series.dashes else ""
            width = 1.3 if series.dots == "none" or series.number is None else 2
            look = f'fill="none" stroke="{colour}" stroke-width="{width}"{dash} opacity="{faint}"'
            parts.append(f'<path{self._values(series)} d="{path}" {look}/>')
        radius = DOTS[series.dots]
        for (x, y), (at, value), error in zip(drawn_at, points, series.half_widths, strict=True):
            if error > 0.0:
                ends = f"M{x:.1f} {self.y.at(value - error):.1f}V{self.y.at(value + error):.1f}"
                parts.append(f'<path class="interval" d="{ends}" stroke="{colour}" stroke-width="1.6"/>')
            if radius:
                fill = f'fill="var(--paper, #fff)" stroke="{colour}" stroke-width="1.6"'
                fill = fill if series.dots == "hollow" else f'fill="{colour}"'
                shown = f"{series.label or series.name}: {self._value(value)}"
                shown += f" ({self._value(value - error)} … {self._value(value + error)})" if error > 0.0 else ""
                shown += f" ({self.chart.x_name} {_position(at)})" if series.line else ""
                dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" {fill} opacity="{faint}">'
                parts.append(f"{dot}<title>{_text(shown)}</title></circle>")
        if series.is_named_line and self.names_ends:
            parts.append(self._end(series, drawn_at[-1]))
        return "".join([*parts, "</g>"])

    def _values(self, series: Series) -> str:
        """Return what a path carries of a setting's line whose points have no dots to say them."""
        if series.dots != "none" or series.number is None:
            return ""
        said = f' class="line" data-label="{_text(series.label or series.name)}"'
        if not self.has_values:
            return said
        xs, ys = zip(*series.finite, strict=True)
        return f'{said} data-x="{" ".join(map(_position, xs))}" data-y="{" ".join(map(self._value, ys))}"'

    def _value(self, value: float) -> str:
        return self.chart.y_name_of(float(f"{value:.4g}"))

    def _end(self, series: Series, end: tuple[float, float]) -> str:
        """Name a line at its end, apart from the names that stand there already."""
        tries = (end[1] + sign * 2.5 * step for step in range(400) for sign in (-1.0, 1.0))
        y = next((y for y in tries if y > 12.0 and all(abs(y - other) >= 13.0 for other in self.ends)), end[1])
        self.ends.append(y)
        return f'<text x="{end[0] + 8:.1f}" y="{y + 4:.1f}" fill="{series.colour}">{_text(series.name)}</text>'


def _laid_out(legend: Sequence[tuple[Sign, str]], width: float) -> tuple[list[tuple[float, int, Sign, str]], int]:
    """Return where each entry stands (x, row), and how many rows there are."""
    placed: list[tuple[float, int, Sign, str]] = []
    x, row = 10.0, 0
    for sign, name in legend:
        room = 26.0 + text_width(name) + 22.0
        if x > 10.0 and x + room > width + 10.0:
            x, row = 10.0, row + 1
        placed.append((x, row, sign, name))
        x += room
    return placed, row + 1 if placed else 0


def _sign(sign: Sign, x: float, y: float) -> str:
    middle = x + 11.0
    line = f'<path d="M{x:.1f} {y:.1f}h22" stroke="currentColor" stroke-width="1.8"'
    return {
        "filled": f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="3.6"/>',
        "hollow": f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="3.6" fill="none" stroke="currentColor"/>',
        "seed": f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="2.2" opacity="0.55"/>',
        "ring": f'<circle cx="{middle:.1f}" cy="{y:.1f}" r="7" fill="none" stroke="currentColor"/>',
        "interval": f'<path d="M{middle:.1f} {y - 7:.1f}v14" stroke="currentColor" stroke-width="1.6"/>',
        "band": f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="22" height="12" fill="{GREEN}" opacity="0.3"/>',
        "spread": f'<rect x="{x:.1f}" y="{y - 6:.1f}" width="22" height="12" opacity="0.25"/>',
        "expected": _bar(f"M{x:.1f} {y:.1f}h22", SPAN_COLOURS["expected"]),
        "estimated": _bar(f"M{x:.1f} {y:.1f}h22", SPAN_COLOURS["estimated"]),
        "solid": f"{line}/>",
        **{name: f'{line} stroke-dasharray="{dash}"/>' for name, dash in zip(PATTERNS[1:], DASHES[1:], strict=True)},
        "level": f'{line} stroke-dasharray="1 3"/>',
    }[sign]


def _bar(path: str, colour: str) -> str:
    return f'<path d="{path}" stroke="{colour}" stroke-width="5" opacity="0.5"/>'


def _longest(chart: Chart) -> float:
    return max((text_width(series.name) for series in chart.series if series.is_named_line), default=0.0)


def _position(value: float) -> str:
    """Return an epoch or a step as it is said: whole, or to five digits."""
    return format_number(float(f"{value:.5g}" if value != int(value) else value))


def _text(text: str) -> str:
    """Return text as XML holds it: escaped, and without characters that XML forbids."""
    return html.escape(visible(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff"), quote=True)
