"""Charts as an image file, drawn by matplotlib: the same series, colours and signs as in SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrscope.figure_style import GREEN, GREY, SPAN_COLOURS, STYLE
from lrscope.files import replacing
from lrscope.report.chart import (
    DOTS,
    FONT,
    PATTERNS,
    Axis,
    Chart,
    Series,
    Sign,
    apart,
    colour_of,
    text_width,
    tick_name,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES: tuple[Any, ...] = ("solid", (0, (5, 3)), (0, (1.5, 2)), (0, (8, 2, 1.5, 2)))
MAX_NAMED = 21
MAX_COLUMNS, SIGN = 4, 50.0  # of a legend, and the room of a sign in points


def chart_figure(charts: Sequence[Chart]) -> Any:
    """Return a figure of charts beside one another, with one legend for all."""
    from matplotlib import rc_context

    from lrscope.shown_figure import ShownFigure

    named = _named(charts)
    labels = [*named, *(name for _, name in _signs(charts))]
    width = 6.4 * len(charts) if len(charts) > 1 else 8.6
    columns = legend_columns(labels, width)
    rows = -(-len(labels) // columns)
    with rc_context(STYLE):
        figure = ShownFigure(figsize=(width, 5.0 + 0.24 * rows), layout="constrained")
        for axes, chart in zip(figure.subplots(1, len(charts), squeeze=False)[0], charts, strict=True):
            draw_chart(axes, chart)
        handles = [_handle("solid", colour_of(n), dashes) for _, (n, dashes) in named.items()]
        handles += [_handle(sign) for sign, _ in _signs(charts)]
        figure.legend(
            handles, labels, loc="outside lower left", frameon=False, ncols=columns, handlelength=2.6, borderaxespad=0.9
        )
    return figure


def legend_columns(labels: Sequence[str], inches: float) -> int:
    """Return in how many columns labels of a legend have room, from 1 to 4.

    >>> legend_columns(["one seed"], 8.6), legend_columns(["lr 3e-2, shape warmup(6%) > cosine"], 8.6)
    (4, 2)
    """
    longest = max(map(text_width, labels), default=0.0) * STYLE["font.size"] / FONT
    return max(1, min(MAX_COLUMNS, int(72.0 * inches / (longest + SIGN))))


def save_charts(charts: Sequence[Chart], path: Path) -> None:
    """Write charts as an image, whole or not at all; nothing where there is nothing to draw."""
    drawn = [chart for chart in charts if not chart.is_empty]
    if drawn:
        figure = chart_figure(drawn)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lstrip("."))


def draw_chart(axes: Axes, chart: Chart) -> None:
    """Draw one chart into axes."""
    if chart.log:
        axes.set_xscale("log")
    for low, high in chart.bands:
        axes.axvspan(low, high, color=GREEN, alpha=0.12, linewidth=0)
    if chart.log_y:
        axes.set_yscale("log")
    for value in chart.levels:
        axes.axhline(value, color="black", linestyle=(0, (1, 2)), linewidth=1.0)
    for series in chart.series:
        if series.finite:
            _draw(axes, series)
    if chart.ring is not None:
        axes.plot(
            *chart.ring, "o", markersize=15, fillstyle="none", color="black", markeredgewidth=1.0, zorder=5,
            transform=_moved(axes, chart.ring_offset),
        )  # fmt: skip
    for x, name, number in chart.notes:
        axes.annotate(
            name, (x, 0.0), xycoords=("data", "axes fraction"), xytext=(0, 4), textcoords="offset points",
            ha="center", fontsize=8, color=colour_of(number),
        )  # fmt: skip
    across, up = Axis(chart.x_values, 0.0, 1.0, log=chart.log), Axis(chart.y_values, 0.0, 1.0, log=chart.log_y)
    for number, span in enumerate(chart.spans):
        at, head = 0.985 - 0.03 * number, axes.get_xaxis_transform()
        colour = SPAN_COLOURS[span.sign]
        axes.plot([span.low, span.high], [at, at], color=colour, alpha=0.5, linewidth=4.0, transform=head)
        if span.at is not None:
            axes.plot([span.at], [at], "|", color=colour, markersize=9, markeredgewidth=2.5, transform=head)
    axes.set(xlim=across.limits, ylim=up.limits)
    axes.set(xlabel=chart.x_name, ylabel=chart.y_name)
    axes.set_title(chart.title, loc="left", fontweight="bold", fontsize=11)
    if chart.ticks:
        _name_ticks(axes, chart)


def _draw(axes: Axes, series: Series) -> None:
    moved = _moved(axes, series.offset)
    x, y = zip(*series.finite, strict=True)
    faint = 0.55 if series.dots == "seed" else 0.5 if series.number is None else 1.0
    if series.spread and len(series.spread) == len(x) > 1:
        low, high = zip(*series.spread, strict=True)
        axes.fill_between(x, low, high, color=series.colour, alpha=0.13, linewidth=0)
    if any(series.half_widths):
        axes.errorbar(x, y, yerr=series.half_widths, fmt="none", ecolor=series.colour, capsize=3, transform=moved)
    axes.plot(
        x, y, color=series.colour, alpha=faint, transform=moved, label=series.name or "_",
        linestyle=DASHES[series.dashes % len(DASHES)] if series.line else "none",
        linewidth=1.1 if series.dots == "none" or series.number is None else 1.7,
        marker="" if series.dots == "none" else "o", markersize=1.6 * DOTS[series.dots],
        markerfacecolor="white" if series.dots == "hollow" else series.colour,
    )  # fmt: skip


def _moved(axes: Axes, offset: float) -> Any:
    """Return where data is drawn so many points to the right of its place."""
    from matplotlib.transforms import ScaledTranslation

    assert axes.figure is not None
    return axes.transData + ScaledTranslation(offset / 72.0, 0.0, axes.figure.dpi_scale_trans)


def _name_ticks(axes: Axes, chart: Chart) -> None:
    """Name the rates that were tried, as far as there is room for their names."""
    names = [tick_name(value) for value in chart.ticks]
    width = axes.get_window_extent().width / axes.get_figure().dpi * 72.0 * 0.92  # type: ignore[union-attr]
    low, high = axes.transData.transform([(min(chart.ticks), 0), (max(chart.ticks), 0)])[:, 0]
    scale = width / (high - low) if high > low else 0.0
    centres = [
        (float(axes.transData.transform((value, 0))[0]) * scale, 5.8 * len(name))
        for value, name in zip(chart.ticks, names, strict=True)
    ]
    kept = apart(centres)
    axes.set_xticks(chart.ticks, [name if n in kept else "" for n, name in enumerate(names)])
    axes.minorticks_off()


def _named(charts: Sequence[Chart]) -> dict[str, tuple[int | None, int]]:
    """Return what the legend names: settings with lines, and what lines join, with their colour and dashes."""
    named: dict[str, tuple[int | None, int]] = {}
    for chart in charts:
        for series in chart.series:
            if series.is_named_line:
                named.setdefault(series.name, (series.number, series.dashes))
    return dict(list(named.items())[:MAX_NAMED])


def _signs(charts: Sequence[Chart]) -> list[tuple[Sign, str]]:
    return list(dict.fromkeys(entry for chart in charts for entry in chart.legend))


def _handle(sign: Sign, colour: str = "#333333", dashes: int = 0) -> Any:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if sign in ("band", "spread"):
        return Patch(color=GREEN if sign == "band" else GREY, alpha=0.25)
    if sign in SPAN_COLOURS:
        return Line2D([], [], color=SPAN_COLOURS[sign], linewidth=4.0, alpha=0.5)
    if sign == "level":
        return Line2D([], [], color=colour, linestyle=(0, (1, 2)))
    if sign in PATTERNS:
        pattern = dashes or PATTERNS.index(sign)
        return Line2D([], [], color=colour, linestyle=DASHES[pattern % len(DASHES)])
    marker, size = {"interval": ("|", 13.0), "ring": ("o", 12.0), "seed": ("o", 3.5)}.get(sign, ("o", 6.0))
    colour = GREY if sign == "seed" else colour
    filled = colour if sign in ("filled", "seed") else "none"
    return Line2D(
        [], [], color=colour, linestyle="none", marker=marker, markersize=size, markerfacecolor=filled
    )  # fmt: skip
