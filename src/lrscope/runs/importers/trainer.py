"""Hugging Face Trainer's record of a run: `trainer_state.json`, as it lies in every checkpoint folder."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.errors import DataError
from lrscope.records import Status
from lrscope.runs.applied_rates import AppliedRates
from lrscope.runs.importers.text import text_of
from lrscope.runs.metric import decision_metric, passed_over
from lrscope.runs.notes import PeakEstimated
from lrscope.runs.quantities import Settings
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.settings import shared_settings
from lrscope.schedules.durations import format_number

NOT_METRICS = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
_OF_DEV = re.compile(r"^(dev|val|valid|validation)_")


def read_trainer_states(paths: Sequence[Path], sizes: Mapping[str, int], wanted: str | None = None) -> Runs:
    """Return runs, one a file; `wanted` is the metric to compare by, without `eval_`.

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
    rates = [_peak(state["log_history"]) for _, state in states]
    folders = [str(path.parent) for path, _ in states]
    runs: list[Run] = []
    read_back: list[str] = []
    notes = list(passed_over(names, metric)) if wanted is None else []
    for (path, state), rate, folder in zip(states, rates, folders, strict=True):
        history = state["log_history"]
        name = f"lr {format_number(rate)}" if rate else folder if folders.count(folder) == 1 else str(path)
        logged = np.array([rate for _, rate in _rates(history)])
        if rate and rate > logged.max() * 1.001:
            read_back.append(name)
        runs.append(
            Run(
                name, None, rate, tuple(_points(history)), _status(state), settings=_settings(state),
                seconds=_seconds(history), applied=AppliedRates(logged) if len(logged) else None,
            )
        )  # fmt: skip
    if read_back:
        notes.append(PeakEstimated(Settings(dict.fromkeys(read_back))))
    settings = shared_settings([run.settings for run in runs])
    sizes = {**_dev_size([state["log_history"] for _, state in states]), **sizes}
    return Runs(
        ", ".join(map(str, paths)), metric, tuple(runs), sizes, notes=tuple(notes), is_imported=True, settings=settings
    )


def _rates(history: Sequence[Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Return (step, rate) where a rate was logged."""
    found = [
        (entry.get("step", place), entry["learning_rate"])
        for place, entry in enumerate(history, 1)
        if "learning_rate" in entry
    ]
    return [(float(step), float(rate)) for step, rate in found]


def _peak(history: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the peak rate: the largest that was logged, or, where that is the first, what it has come down from.

    A polynomial through the first three values, read back to step 0, is the peak of a linear decay exactly, and that of
    a cosine to a thousandth. Rates are rounded to what a person would type.

    >>> _peak([{"step": 10, "learning_rate": 9.5e-5}, {"step": 20, "learning_rate": 9e-5}])
    0.0001
    """
    logged = [(step, rate) for step, rate in _rates(history) if rate > 0.0]
    if not logged:
        return None
    top = max(rate for _, rate in logged)
    if logged[0][1] == top and len(logged) > 1 and logged[1][1] < top and logged[0][0] > 0:
        x, y = np.array(logged[:3]).T
        read_back = float(np.polynomial.Polynomial.fit(x, y, len(x) - 1)(0.0))
        on_a_line = len(x) > 2 and abs((y[2] - y[1]) * (x[1] - x[0]) - (y[1] - y[0]) * (x[2] - x[1])) < 1e-3 * top
        top = read_back if top <= read_back <= (4.0 if on_a_line else 1.15) * top else top
    short = float(f"{top:.2g}")
    return short if abs(short / top - 1.0) < 0.004 else float(f"{top:.3g}")


def _status(state: Mapping[str, Any]) -> Status:
    """Return how far a run came: Trainer says itself whether a callback ended it."""
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {}).get("args", {})
    done, asked = float(state.get("global_step") or 0), float(state.get("max_steps") or 0)
    if done <= 0 or asked <= 0:
        done, asked = float(state.get("epoch") or 0.0), float(state.get("num_train_epochs") or 0.0)
    if done >= asked - 1e-6:
        return "completed"
    return "stopped" if control.get("should_training_stop") else "interrupted"


def _settings(state: Mapping[str, Any]) -> dict[str, str]:
    """Return what a state says of how it was trained."""
    names = {"num_train_epochs": "epochs", "train_batch_size": "batch_size"}
    found = {name: f"{float(state[key]):g}" for key, name in names.items() if state.get(key)}
    shape = _shape([rate for _, rate in _rates(state["log_history"])])
    return {**found, "schedule": shape} if shape else found


def _shape(rates: Sequence[float]) -> str:
    """Return the shape of a schedule after its peak, as far as it shows: constant, linear or curved.

    >>> _shape([0.5, 1.0, 0.5, 0.0]), _shape([1.0, 0.9, 0.6, 0.0]), _shape([1.0, 0.5])
    ('linear', 'curved', '')
    """
    after = np.asarray(rates[int(np.argmax(rates)) if rates else 0 :], dtype=np.float64)
    if len(after) < 3:
        return ""
    if after.min() > 0.99 * after.max():
        return "constant"
    chord = np.linspace(after[0], after[-1], len(after))
    return "linear" if np.abs(after - chord).max() < 0.02 * after.max() else "curved"


def _dev_size(histories: Sequence[Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """Return how many examples an evaluation took: its seconds times its examples a second, where all agree."""
    found = {
        round(float(entry["eval_runtime"]) * float(entry["eval_samples_per_second"]))
        for history in histories
        for entry in history
        if entry.get("eval_runtime") and entry.get("eval_samples_per_second")
    }
    return {"dev": max(found)} if found and max(found) - min(found) <= max(found) // 200 else {}


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
    """Return an entry's metrics of dev by their name without `eval_`; those of a set called test take no part."""
    found = {name.removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")}
    return {
        _OF_DEV.sub("", name): float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and not name.endswith(NOT_METRICS) and not name.startswith("test_")
    }


def _points(history: Sequence[Mapping[str, Any]]) -> list[Point]:
    """Return a point at each evaluation; the training loss is the mean of what was logged since the one before."""
    points: list[Point] = []
    losses: list[float] = []
    for entry in history:
        if "loss" in entry:
            losses.append(float(entry["loss"]))
        if found := _evaluated(entry):
            splits = {"dev": found}
            if losses:
                splits["train"] = {"loss": sum(losses) / len(losses)}
            epoch = entry.get("epoch")
            at = float(epoch) if isinstance(epoch, int | float) else len(points) + 1.0
            points.append(Point(entry.get("step"), at, splits))
            losses = []
    return points


def _seconds(history: Sequence[Mapping[str, Any]]) -> float:
    return next((float(entry["train_runtime"]) for entry in reversed(history) if "train_runtime" in entry), math.nan)
