"""Figures of a study: the decision metric against the rate with its intervals, and every arm's curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lrscope.config import TrialConfig
from lrscope.config.arms import Arm, arm_key, named
from lrscope.figure_style import STYLE
from lrscope.files import replacing
from lrscope.report.schedule_figure import LINES
from lrscope.runs.arm_summary import ArmSummary, summarize
from lrscope.statistics.distributions import t_critical
from lrscope.statistics.noise import pooled_sd
from lrscope.store.study import StudyStore

MAX_CURVES = 12


def half_width(number: int, sd: float, freedom: int) -> float:
    """Return half the 95% interval of a mean over so many seeds, from the spread pooled over arms (Student's t)."""
    return t_critical(0.025, freedom) * sd / math.sqrt(number) if freedom else math.nan


def save_sweep_metric(store: StudyStore, path: Path) -> None:
    """Draw the dev metric at the endpoint against the rate, a line for each other setting, seeds as dots."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    families: dict[TrialConfig, list[ArmSummary]] = {}
    everything = summarize(store)
    sd, freedom = pooled_sd([summary.metric for summary in everything])
    for summary in everything:
        families.setdefault(replace(summary.arm.config, peak_rate=1.0), []).append(summary)
    labels = [arm.name for arm in named(list(families))] if len(families) > 1 else [""]
    with rc_context(STYLE):
        figure = Figure(figsize=(8.5, 5.2 + 0.22 * (len(families) > 1) * len(families)), layout="constrained")
        axes = figure.subplots()
        for number, (summaries, label) in enumerate(zip(families.values(), labels, strict=True)):
            colour, dashes = LINES[number % len(LINES)]
            rows = sorted((s for s in summaries if s.metric.number), key=lambda s: s.arm.config.peak_rate)
            rates = [s.arm.config.peak_rate for s in rows]
            means = [s.metric.mean for s in rows]
            # Families side by side rather than on top of one another.
            shift = 1.0 + 0.035 * (number - (len(families) - 1) / 2)
            places = [rate * shift for rate in rates]
            errors = np.nan_to_num([half_width(s.metric.number, sd, freedom) for s in rows])
            axes.errorbar(
                places, means, yerr=errors if errors.any() else None, color=colour, linestyle=dashes, marker="o",
                capsize=3, linewidth=1.6, label=label or None,
            )  # fmt: skip
            for s, place in zip(rows, places, strict=True):
                axes.plot([place * 1.045] * len(s.values), s.values, ".", color=colour, alpha=0.6, markersize=7)
            for s in summaries:
                if s.num_diverged:
                    axes.annotate(
                        f"{s.num_diverged} diverged", (s.arm.config.peak_rate, 0.02),
                        xycoords=("data", "axes fraction"), color=colour, ha="center", fontsize=8,
                    )  # fmt: skip
        axes.set(
            xscale="log", xlabel="peak learning rate", ylabel=f"dev {store.metric.name} at the endpoint",
            title="Dots are seeds; bars are 95% intervals of the mean, from the spread pooled over arms"
            if freedom
            else "One seed each: no spread is known",
        )  # fmt: skip
        if len(families) > 1:
            figure.legend(loc="outside lower left", frameon=False, handlelength=4)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lstrip("."))


def save_sweep_curves(store: StudyStore, path: Path) -> None:
    """Draw every arm's dev metric and dev loss by epoch, the mean over seeds; the first dozen arms of many."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    groups: dict[TrialConfig, list[int]] = {}
    for row in store.trials():
        groups.setdefault(arm_key(row.config), []).append(row.id)
    arms = named(list(groups))[:MAX_CURVES]
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.6 + 0.2 * len(arms)), layout="constrained")
        left, right = figure.subplots(1, 2)
        for number, arm in enumerate(arms):
            colour, dashes = LINES[number % len(LINES)]
            for axes, metric in ((left, store.metric.name), (right, "loss")):
                epochs, means = _mean_curve(store, groups[arm.config], metric)
                if len(epochs):
                    axes.plot(
                        epochs, means, color=colour, linestyle=dashes, marker="o", markersize=3.5, linewidth=1.5,
                        label=_label(arm, number) if axes is left else None,
                    )  # fmt: skip
        left.set(xlabel="epoch", ylabel=f"dev {store.metric.name}")
        right.set(xlabel="epoch", ylabel="dev loss")
        for axes in (left, right):
            axes.locator_params(axis="x", integer=True)
        if arms:
            figure.legend(loc="outside lower left", frameon=False, handlelength=4, ncols=2 if len(arms) > 4 else 1)
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix.lstrip("."))


def _label(arm: Arm, number: int) -> str:
    return arm.name if number < MAX_CURVES else ""


def _mean_curve(store: StudyStore, trials: Sequence[int], metric: str) -> tuple[list[int], list[float]]:
    by_epoch: dict[int, list[float]] = {}
    for trial in trials:
        for record in store.evaluations(trial, "dev"):
            if metric in record.metrics:
                by_epoch.setdefault(record.epoch, []).append(record.metrics[metric])
    epochs = sorted(by_epoch)
    return epochs, [sum(by_epoch[epoch]) / len(by_epoch[epoch]) for epoch in epochs]
