"""A picture of schedules: rate by step, epochs marked, several overlaid, distinct in grey as well as in colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from lrscope.errors import ConfigError
from lrscope.figure_style import STYLE
from lrscope.files import replacing
from lrscope.schedules import ResolvedSchedule

# Okabe and Ito's colours, ordered by how light they print, and a dash pattern each.
LINES = (
    ("#0072B2", "solid"), ("#D55E00", (0, (6, 2))), ("#009E73", (0, (2, 1.2))), ("#CC79A7", (0, (6, 2, 1.5, 2))),
    ("#000000", (0, (1, 1.5))), ("#E69F00", (0, (10, 3))), ("#56B4E9", (0, (4, 1.5, 1, 1.5, 1, 1.5))),
)  # fmt: skip
FORMATS = ("png", "svg", "pdf")
MAX_POINTS = 4000


def save_schedules(
    path: Path, schedules: Sequence[ResolvedSchedule], *, scale: Literal["linear", "log"] = "linear"
) -> None:
    """Draw schedules over the same run; their rates where the peak is known, their factors elsewhere.

    Raises:
        ConfigError: the ending names no format that can be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    if path.suffix.lstrip(".").lower() not in FORMATS:
        raise ConfigError(f"a picture ends in .{', .'.join(FORMATS)}: got {path.name}; write {path.stem}.png")
    run = schedules[0].horizon
    peak = run.peak_rate or 1.0
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 4.4 + 0.24 * len(schedules)), layout="constrained")
        axes = figure.subplots()
        steps = np.unique(np.linspace(0, run.total_steps - 1, min(run.total_steps, MAX_POINTS)).round())
        for number, schedule in enumerate(schedules):
            colour, dashes = LINES[number % len(LINES)]
            rates = schedule.factors()[steps.astype(int)] * peak
            dot = "o" if len(steps) == 1 else ""
            axes.plot(steps, rates, color=colour, linestyle=dashes, marker=dot, linewidth=1.9, label=schedule.text)
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
            axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        figure.legend(loc="outside lower left", frameon=False, handlelength=4.5)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lstrip(".").lower())
