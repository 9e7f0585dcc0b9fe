"""A picture of schedules: rate by step, epochs marked, several overlaid, distinct in grey as well as in colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lrscope.errors import ConfigError
from lrscope.figure_style import STYLE
from lrscope.files import replacing
from lrscope.number_text import format_rate
from lrscope.schedules.horizon import Horizon

if TYPE_CHECKING:
    from lrscope.schedules.horizon import Array

# Okabe and Ito's colours, ordered by how light they print, and a dash pattern each.
LINES = (
    ("#0072B2", "solid"), ("#D55E00", (0, (6, 2))), ("#009E73", (0, (2, 1.2))), ("#CC79A7", (0, (6, 2, 1.5, 2))),
    ("#000000", (0, (1, 1.5))), ("#E69F00", (0, (10, 3))), ("#56B4E9", (0, (4, 1.5, 1, 1.5, 1, 1.5))),
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")
MAX_POINTS = 4000


def schedule_figure(
    factors: Sequence[tuple[str, Array]], run: Horizon, *, scale: Literal["linear", "log"] = "linear"
) -> Any:
    """Return a figure of schedules, (text, factors of all steps), over one run; rates where the peak is known.

    Raises:
        ConfigError: the scale is unknown.
    """
    import numpy as np
    from matplotlib import rc_context

    from lrscope.shown_figure import ShownFigure

    if scale not in ("linear", "log"):
        raise ConfigError(f"a scale is linear or log: got {scale!r}")
    peak = run.peak_rate or 1.0
    with rc_context(STYLE):
        figure = ShownFigure(figsize=(9, 4.4 + 0.24 * len(factors)), layout="constrained")
        axes = figure.subplots()
        steps = np.unique(np.linspace(0, run.total_steps - 1, min(run.total_steps, MAX_POINTS)).round())
        for number, (text, each) in enumerate(factors):
            colour, dashes = LINES[number % len(LINES)]
            dot = "o" if len(steps) == 1 else ""
            rates = each[steps.astype(int)] * peak
            axes.plot(steps, rates, color=colour, linestyle=dashes, marker=dot, linewidth=1.9, label=text)
        num_epochs = run.total_steps / run.steps_per_epoch
        if num_epochs <= 40:
            for epoch in range(1, int(num_epochs) + 1):
                axes.axvline(epoch * run.steps_per_epoch, color="#BBBBBB", linewidth=0.8, linestyle=":", zorder=0)
        to_epochs = (lambda step: np.asarray(step) / run.steps_per_epoch, lambda e: np.asarray(e) * run.steps_per_epoch)
        top = axes.secondary_xaxis("top", functions=to_epochs)
        top.set_xlabel("epoch")
        axes.grid(visible=True, axis="y")
        axes.grid(visible=False, axis="x")
        axes.set(
            xlabel="step", ylabel="learning rate" if run.peak_rate else "share of the peak rate", yscale=scale,
            xlim=(0, run.total_steps),
        )  # fmt: skip
        if scale == "linear":
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(lambda value, _: format_rate(float(f"{value:.3g}")))
        figure.legend(loc="outside lower left", frameon=False, handlelength=4.5)
    return figure


def save_schedule_figure(figure: Any, path: Path) -> None:
    """Write the picture, whole or not at all.

    Raises:
        ConfigError: the ending names no format that can be written.
    """
    if path.suffix.lstrip(".").lower() not in FORMATS:
        raise ConfigError(f"a picture ends in .{', .'.join(FORMATS)}: got {path.name}; write {path.stem}.png")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".").lower())
