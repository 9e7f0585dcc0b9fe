"""The picture of a prior: where the best rate may lie, the rate to start at, and the best rates that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lrscope.figure_style import BLUE, GREEN, GREY, STYLE
from lrscope.files import replacing
from lrscope.number_text import short_rate

WIDTH = 3.5  # standard deviations on both sides


def prior_figure(
    center: float, sd: float, start: float, interval: tuple[float, float], measured: Sequence[float]
) -> Any:
    """Return a figure of a normal of log10 of the best rate; `measured` are log10 of the landscapes' best rates."""
    import numpy as np
    from matplotlib import rc_context
    from matplotlib.ticker import LogLocator

    from lrscope.shown_figure import ShownFigure

    logs = np.linspace(center - WIDTH * sd, center + WIDTH * sd, 400)
    density = np.exp(-0.5 * ((logs - center) / sd) ** 2)
    inside = (logs >= np.log10(interval[0])) & (logs <= np.log10(interval[1]))
    best = [10.0**each for each in measured if logs[0] <= each <= logs[-1]]
    with rc_context(STYLE):
        figure = ShownFigure(figsize=(8, 3.4), layout="constrained")
        axes = figure.subplots()
        axes.plot(10.0**logs, density, color=BLUE, linewidth=1.8)
        axes.fill_between(10.0 ** logs[inside], density[inside], color=GREEN, alpha=0.15, label="80%")
        axes.axvline(start, color=BLUE, linestyle=(0, (5, 3)), linewidth=1.4, label=f"start at {short_rate(start)}")
        axes.plot(best, [-0.06] * len(best), "|", color=GREY, markersize=11, label="best rates of measured landscapes")
        axes.set(xscale="log", xlabel="learning rate", yticks=[], ylim=(-0.12, 1.1))
        axes.set_xlim(10.0 ** logs[0], 10.0 ** logs[-1])
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(lambda rate, _: short_rate(rate))
        axes.spines["left"].set_visible(False)
        axes.set_title("Where the best rate may lie", loc="left", fontweight="bold", fontsize=11)
        figure.legend(loc="outside lower left", frameon=False, ncols=3)
    return figure


def save_prior_figure(figure: Any, path: Path) -> None:
    """Write the picture, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".") or "png")
