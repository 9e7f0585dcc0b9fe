"""Figures of what happened. Colours are Okabe and Ito's, told apart by colour-blind readers and in grey.

matplotlib is imported when a figure is drawn, and draws to files only: no window, no global state.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lrscope.config.read import built_in_trial
from lrscope.figure_style import BLUE, GREY, ORANGE, STYLE
from lrscope.files import replacing
from lrscope.number_text import format_rate
from lrscope.records import EvaluationRecord
from lrscope.store.study import StudyStore

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def smoothed(values: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """Return the centred running mean over `span` values, shorter at the ends; NaN stays where all are NaN.

    >>> smoothed(np.array([0.0, 3.0, 6.0]), 3).tolist()
    [1.5, 3.0, 4.5]
    """
    if not len(values):
        return values
    finite = np.isfinite(values)
    kernel = np.ones(min(span, len(values)))
    total = np.convolve(np.where(finite, values, 0.0), kernel, "same")
    count = np.convolve(finite.astype(float), kernel, "same")
    means: NDArray[np.float64] = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return means


def save_trial_curves(store: StudyStore, trial: int, path: Path) -> None:
    """Draw one trial: loss by step with dev loss, the decision metric, and the rate that was applied."""
    with replacing(path) as temporary:
        trial_figure(store, trial).savefig(temporary, format=path.suffix.lstrip("."))


def trial_figure(store: StudyStore, trial: int) -> Figure:
    """Return the figure of one trial: loss, rate and metric, each against the epoch."""
    from matplotlib import rc_context

    from lrscope.shown_figure import ShownFigure

    row = store.trial(trial)
    series = store.steps(trial)
    per_epoch = row.steps_per_epoch or 1
    with rc_context(STYLE):
        figure = ShownFigure(figsize=(10, 6.2), layout="constrained")
        axes = figure.subplot_mosaic([["loss", "metric"], ["rate", "metric"]], height_ratios=[3, 1.4])
        epochs = (np.arange(len(series)) + 1) / per_epoch
        _draw_loss(axes["loss"], store.evaluations(trial, "dev"), per_epoch, epochs, series["loss"])
        _draw_metric(axes["metric"], store, trial, per_epoch)
        rate = axes["rate"]
        rate.plot(epochs, series["learning_rate"], color=BLUE, linewidth=1.6)
        rate.set(xlabel="epoch", ylabel="learning rate")
        rate.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        rate.sharex(axes["loss"])
        config = built_in_trial(row.config)
        figure.suptitle(
            f"{config.schedule}, peak learning rate {format_rate(config.peak_rate)}, batch size {config.batch_size}, "
            f"seed {config.seed}" + ("" if row.status == "completed" else f": {row.status}"),
            fontsize=11,
        )
    return figure


def _draw_loss(
    axes: Axes, dev: Sequence[EvaluationRecord], per_epoch: int, epochs: NDArray[np.float64], loss: NDArray[np.float64]
) -> None:
    axes.plot(epochs, loss, color=GREY, alpha=0.35, linewidth=0.7, label="train, each step")
    line = smoothed(loss, max(3, len(loss) // 40))
    axes.plot(epochs, line, color=BLUE, linewidth=1.8, label="train, running mean")
    at = [record.step / per_epoch for record in dev]
    axes.plot(at, [r.metrics["loss"] for r in dev], color=ORANGE, marker="o", linewidth=1.4, label="dev")
    axes.set(ylabel="loss", title="Loss")
    finite = line[np.isfinite(line)]
    if len(finite):
        # One spike must not flatten the curve: the running mean and dev decide the range.
        values = [*finite, *(r.metrics["loss"] for r in dev)]
        low, high = min(values), max(values)
        axes.set_ylim(low - 0.08 * (high - low or 1), high + 0.12 * (high - low or 1))
    axes.legend(frameon=False, loc="best")


def _draw_metric(axes: Axes, store: StudyStore, trial: int, per_epoch: int) -> None:
    name = store.metric.name
    full = store.evaluations(trial, "train-full")
    train, dev = full or store.evaluations(trial, "train"), store.evaluations(trial, "dev")
    best = [r for r in dev if r.improved]
    dev_label = f"dev, best {best[-1].metrics[name]:.3f} at epoch {best[-1].step / per_epoch:.3g}" if best else "dev"
    for records, colour, marker, label in (
        (train, BLUE, "s", "train, full pass" if full else "train, during the epoch"),
        (dev, ORANGE, "o", dev_label),
    ):
        shown = [(r.step / per_epoch, r.metrics[name]) for r in records if name in r.metrics]
        if shown:
            axes.plot(*zip(*shown, strict=True), color=colour, marker=marker, linewidth=1.6, label=label)
            axes.legend(frameon=False, loc="best")
    title = store.config.metric_title(name)
    axes.set(xlabel="epoch", ylabel=title, title=title[0].upper() + title[1:])
    axes.locator_params(axis="x", integer=True)
