"""The picture of a range test: loss against rate, seeds, the bracket, every rule's suggestion, where it diverged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.figure_style import STYLE
from lrscope.files import replacing
from lrscope.number_text import short_rate
from lrscope.range_test.bracket import Bracket
from lrscope.range_test.curve import Curve, mean_of

RAW, SMOOTH, BRACKET, DIVERGED, RULE = "#9db4c8", "#1f5f99", "#e8f1d4", "#b03030", "#555555"


def range_figure(curves: Sequence[Curve], bracket: Bracket, suggestions: Mapping[str, float | None]) -> Any:
    """Return a figure of a range test: its curves, its bracket, and every rule's rate."""
    from matplotlib import rc_context

    from lrscope.shown_figure import ShownFigure

    with rc_context(STYLE):
        figure = ShownFigure(figsize=(9.0, 5.4), layout="constrained")
        axes = figure.subplots()
        readable = [curve for curve in curves if curve.is_readable]
        if bracket.low is not None and bracket.high is not None:
            axes.axvspan(bracket.low, bracket.high, color=BRACKET, zorder=0, label="search here")
        for curve in readable:
            axes.plot(curve.rates, curve.losses, color=RAW, linewidth=0.6, alpha=0.55, zorder=1, label="each step")
            if curve.independent_rates:
                axes.plot(curve.rates, curve.losses, "o", color=SMOOTH, markersize=3.5, alpha=0.5, zorder=2)
            elif len(readable) > 1:
                axes.plot(
                    curve.rates, curve.smoothed, color=SMOOTH, linewidth=0.9, alpha=0.45, zorder=2,
                    label="smoothed, each seed",
                )  # fmt: skip
        if readable:
            mean = mean_of(curves)
            axes.plot(
                mean.rates,
                mean.losses if mean.independent_rates else mean.smoothed,
                color=SMOOTH,
                linewidth=2.4,
                zorder=4,
                label="mean over seeds" if len(readable) > 1 else "smoothed",
            )
            _limit(axes, readable)
            _mark_rules(axes, mean, suggestions)
        for curve in readable:
            if curve.diverged_at is not None:
                axes.axvline(
                    curve.diverged_at, color=DIVERGED, linewidth=0.8, alpha=0.6, linestyle=(0, (4, 3)), zorder=1,
                    label="diverged",
                )  # fmt: skip
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.set_title(_title(bracket), loc="left")
        _legend(axes)
        return figure


def _title(bracket: Bracket) -> str:
    """Return what to do, and how far the seeds agree on it; what else there is to say of that below.

    >>> _title(Bracket(2e-4, 7e-3, 7e-3, 2.8, "seeds differ by 2.8×"))
    'Search 2e-4 to 7e-3 (seeds differ by 2.8×)'
    """
    if bracket.low is None or bracket.high is None:
        return bracket.sentence
    agreement, _, rest = bracket.sentence.partition("; ")
    return f"Search {short_rate(bracket.low)} to {short_rate(bracket.high)} ({agreement})" + (
        f"\n{rest}" if rest else ""
    )


def _legend(axes: Any) -> None:
    """Name every kind of line once."""
    handles, labels = axes.get_legend_handles_labels()
    named = dict(zip(labels, handles, strict=True))
    axes.legend(named.values(), named.keys(), framealpha=0.85, edgecolor="none", loc="lower left", fontsize=9)


def _limit(axes: Any, curves: Any) -> None:
    """Leave what diverged out of the picture: the part that is read would be a flat line.

    Where a loss is noisy and hardly falls, its beginning may lie below most of what follows.
    """
    smoothed = np.concatenate([curve.smoothed for curve in curves])
    starts = [float(curve.smoothed[0]) for curve in curves]
    low, high = float(smoothed.min()), max(*starts, float(np.quantile(smoothed, 0.75)))
    room = max(high - low, 0.02 * abs(high), 1e-6)
    raw = np.concatenate([curve.losses for curve in curves])
    bottom, top = max(float(raw.min()), low - room) - 0.3 * room, high + 1.6 * room
    if raw.min() >= 0.0:
        bottom = max(bottom, 0.0)
    axes.set_ylim(bottom, min(top, max(float(raw.max()), high) + 0.6 * room))


def _mark_rules(axes: Any, mean: Curve, suggestions: Mapping[str, float | None]) -> None:
    from matplotlib.patheffects import withStroke

    marks = sorted((rate, rule) for rule, rate in suggestions.items() if rate is not None)
    bottom, top = axes.get_ylim()
    for number, (rate, rule) in enumerate(marks):
        level = float(
            np.interp(np.log(rate), np.log(mean.rates), mean.losses if mean.independent_rates else mean.smoothed)
        )
        axes.plot([rate], [level], "o", color=RULE, markersize=6, zorder=5)
        height = top - (0.06 + 0.055 * (number % 4)) * (top - bottom)
        axes.annotate(
            f"{rule}: {short_rate(rate)}", (rate, level), xytext=(rate, height), textcoords="data", ha="center",
            fontsize=8.5, color=RULE, zorder=6,
            arrowprops={"arrowstyle": "-", "color": RULE, "linewidth": 0.6, "alpha": 0.6},
        ).set_path_effects([withStroke(linewidth=2.5, foreground="white")])  # fmt: skip


def save_range_figure(figure: Any, path: Path) -> None:
    """Write the picture, whole or not at all."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix.lstrip(".") or "png")
