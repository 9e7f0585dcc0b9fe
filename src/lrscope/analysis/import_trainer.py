"""Hugging Face Trainer's record of a run: `trainer_state.json`, as it lies in every checkpoint folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.analysis.applied import AppliedRates
from lrscope.analysis.import_text import text_of
from lrscope.analysis.runs import EpochPoint, Run, Runs, decision_metric, passed_over
from lrscope.errors import DataError
from lrscope.schedules.durations import format_number

NOT_METRICS = ("loss", "runtime", "samples_per_second", "steps_per_second", "model_preparation_time")


def read_trainer_states(paths: Sequence[Path], sizes: Mapping[str, int], wanted: str | None = None) -> Runs:
    """Return runs, one a file. Rates are the largest that was logged, seeds the files' order at a rate.

    `wanted` is the metric to compare by, without `eval_`.

    Raises:
        DataError: a file cannot be read, is no trainer state, or was never evaluated.
    """
    states = [(path, _state(path)) for path in paths]
    names = {name for _, state in states for entry in state["log_history"] for name in _evaluated(entry)}
    if not names:
        raise DataError(
            f"runs are compared by their evaluations: got none in {paths[0]}; train with --eval_strategy epoch"
        )
    metric = decision_metric(names, wanted)
    runs: list[Run] = []
    for path, state in states:
        history = state["log_history"]
        rates = [float(entry["learning_rate"]) for entry in history if "learning_rate" in entry]
        rate = float(f"{max(rates):.3g}") if rates and max(rates) > 0 else None
        name = f"lr {format_number(rate)}" if rate else str(path.parent)
        seed = sum(run.arm == name for run in runs)
        done = float(state.get("epoch") or 0.0), float(state.get("num_train_epochs") or 0.0)
        status = "completed" if done[0] >= done[1] - 1e-6 else "interrupted"
        settings = {"source": str(path), "epochs": f"{done[1]:g}"}
        applied = AppliedRates(np.array(rates)) if rates else None
        points, seconds = tuple(_points(history)), _seconds(history)
        runs.append(Run(name, seed, rate, points, status, settings=settings, seconds=seconds, applied=applied))
    notes = passed_over(names, metric) if wanted is None else ()
    return Runs(", ".join(map(str, paths)), metric, tuple(runs), sizes, notes=notes, is_imported=True)


def _state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(text_of(path))
    except ValueError as error:
        raise DataError(f"a trainer state is JSON: {path} is not ({error})") from error
    if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
        raise DataError(f"a trainer state holds a log_history: got none in {path}")
    state["log_history"] = [entry for entry in state["log_history"] if isinstance(entry, dict)]
    return state


def _evaluated(entry: Mapping[str, Any]) -> dict[str, float]:
    """Return an entry's eval metrics by their name without `eval_`."""
    found = {name.removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")}
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and (name == "loss" or name not in NOT_METRICS)
    }


def _points(history: Sequence[Mapping[str, Any]]) -> list[EpochPoint]:
    """Return a point at each evaluation; the training loss is the mean of what was logged since the one before."""
    points: list[EpochPoint] = []
    losses: list[float] = []
    for entry in history:
        if "loss" in entry:
            losses.append(float(entry["loss"]))
        if found := _evaluated(entry):
            splits = {"dev": found}
            if losses:
                splits["train"] = {"loss": sum(losses) / len(losses)}
            epoch = entry.get("epoch")
            points.append(EpochPoint(float(epoch) if isinstance(epoch, int | float) else len(points) + 1.0, splits))
            losses = []
    return points


def _seconds(history: Sequence[Mapping[str, Any]]) -> float:
    return next((float(entry["train_runtime"]) for entry in reversed(history) if "train_runtime" in entry), math.nan)
