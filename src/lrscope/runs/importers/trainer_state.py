"""Hugging Face Trainer's record of a run: `trainer_state.json`, as it lies in every checkpoint folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.data.table_rows import json_value
from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.records import Status
from lrscope.runs.applied_rates import AppliedRates
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import count, file_name, measured, number, text
from lrscope.runs.importers.columns import first_line
from lrscope.runs.importers.text import decoded, text_of
from lrscope.runs.notes import PeakEstimated
from lrscope.runs.quantities import Settings
from lrscope.runs.run import Point, Run

STATE = "trainer_state.json"
NOT_METRICS = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
Array = NDArray[np.float64]
_OF_DEV = re.compile(r"^(dev|val|valid|validation)_")


@dataclass(frozen=True)
class Entry:
    """One entry of a log history, checked: what is no number is NaN, what is missing is None."""

    step: int | None
    epoch: float | None
    rate: float | None
    loss: float | None
    dev: Mapping[str, float] = field(default_factory=dict)
    dev_size: int | None = None
    train_seconds: float | None = None

    @staticmethod
    def of(entry: Mapping[str, Any]) -> Entry:
        """Return an entry's values; metrics by their name without `eval_`, but for those of a set called test."""
        epoch = number(entry.get("epoch"))
        rate = number(entry.get("learning_rate"))
        evaluated = {
            text(name).removeprefix("eval_"): value for name, value in entry.items() if name.startswith("eval_")
        }
        return Entry(
            count(entry.get("step")),
            epoch if 0.0 <= epoch <= 1e9 else None,
            rate if 0.0 <= rate <= 1e30 else None,
            measured(entry["loss"]) if "loss" in entry else None,
            {_OF_DEV.sub("", name): measured(value) for name, value in evaluated.items() if _is_metric(name, value)},
            count(round(size)) if math.isfinite(size := _dev_size(entry)) and size < 1e12 else None,
            measured(entry["train_runtime"]) if "train_runtime" in entry else None,
        )


class TrainerState:
    """One run a file."""

    suffixes: tuple[str, ...] = (".json",)

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is a JSON object with a log history in it."""
        return first_line(head).startswith("{") and '"log_history"' in decoded(head, errors="replace")

    def read(self, path: Path) -> Imported:
        """Return the run of a state.

        Raises:
            DataError: it is no trainer state.
        """
        shown = file_name(path)
        state = json_value(
            text_of(path), f"a trainer state is JSON: {shown} is not", "take Trainer's trainer_state.json"
        )
        if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
            raise DataError(f"a trainer state holds a log_history: got none in {shown}")
        history = [Entry.of(entry) for entry in state["log_history"] if isinstance(entry, dict)]
        logged = np.array([each for _, each in _rates(history)])
        rate = _peak(history, number(state.get("max_steps")))
        name = f"lr {format_rate(rate)}" if rate else ""
        settings = _settings(state, logged.tolist())
        run = Run(
            name, None, rate, tuple(_points(history)), _status(state), settings=settings, seconds=_seconds(history),
            applied=AppliedRates(logged) if len(logged) else None,
        )  # fmt: skip
        read_back = rate is not None and rate > logged.max() * 1.001
        notes = (PeakEstimated(Settings([name])),) if read_back else ()
        sizes = frozenset(entry.dev_size for entry in history if entry.dev_size)
        return Imported((run,), settings, notes, dev_sizes=sizes)


def _is_metric(name: str, value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and not name.endswith(NOT_METRICS) and not name.startswith("test_")


def last_state(folder: Path) -> Path | None:
    """Return Trainer's last state in a folder: its own, or that of the checkpoint with the most steps; None without."""
    if (folder / STATE).is_file():
        return folder / STATE
    steps = {
        int(m[1]): path for path in folder.iterdir() if (m := re.fullmatch(r"checkpoint-([0-9]{1,15})", path.name))
    }
    states = [steps[step] / STATE for step in sorted(steps) if (steps[step] / STATE).is_file()]
    return states[-1] if states else None


def _rates(history: Sequence[Entry]) -> list[tuple[float, float]]:
    """Return (step, rate) where a rate was logged."""
    return [
        (float(index if entry.step is None else entry.step), entry.rate)
        for index, entry in enumerate(history, 1)
        if entry.rate is not None
    ]


def _peak(history: Sequence[Entry], num_steps: float = math.nan) -> float | None:
    """Return the peak rate: the largest that was logged, or, where that is the first, what it has come down from.

    That is exact for a linear decay and for a cosine over the whole run. Of others, a polynomial through the first
    three values is read back to the first step. Rates are rounded to what a person would type.

    >>> _peak([Entry(10, None, 9.5e-5, None), Entry(20, None, 9e-5, None)])
    0.0001
    """
    logged = [(step, rate) for step, rate in _rates(history) if rate > 1e-30]
    if not logged:
        return None
    top = max(rate for _, rate in logged)
    steps = [step for step, _ in logged]
    if (
        logged[0][1] == top
        and len(logged) > 1
        and logged[1][1] < top
        and steps[0] > 0
        and len(set(steps[:3])) == len(steps[:3])
    ):
        x, y = np.array(logged).T
        whole = _peak_of_whole_decay(x, y, num_steps)
        top = _read_back(x[:3], y[:3], top) if whole is None else whole
    short = float(f"{top:.2g}")
    return short if abs(short / top - 1.0) < 0.004 else float(f"{top:.3g}")


# The step at which the first step's rate stands: Trainer logs the rate that a step was made with, and logged the rate
# of the next one in earlier versions.
FIRST = (1.0, 0.0)


def _peak_of_whole_decay(steps: Array, rates: Array, num_steps: float) -> float | None:
    """Return the peak of a linear or cosine decay over all steps, where the rates are those of one."""
    if not 0.0 < num_steps < math.inf:
        return None
    for first in FIRST:
        share = np.clip((steps - first) / num_steps, 0.0, 1.0)
        for factors in (1.0 - share, 0.5 + 0.5 * np.cos(math.pi * share)):
            known = factors > 1e-3
            peaks = rates[known] / factors[known]
            if len(peaks) > 1 and np.ptp(peaks) < 1e-3 * peaks.max():
                return float(peaks.mean())
    return None


def _read_back(steps: Array, rates: Array, top: float) -> float:
    """Return the first step's rate by the first three that were logged; `top` where that would go too far."""
    curve = np.polynomial.Polynomial.fit(steps, rates, len(steps) - 1)
    back = min((float(curve(first)) for first in FIRST), key=lambda rate: abs(float(f"{rate:.2g}") - rate))
    rises, falls = np.diff(steps), np.diff(rates)
    on_a_line = len(steps) > 2 and abs(falls[1] * rises[0] - falls[0] * rises[1]) < 1e-3 * top
    return back if top <= back <= (4.0 if on_a_line else 1.15) * top else top


def _status(state: Mapping[str, Any]) -> Status:
    """Return how far a run came: Trainer says itself whether a callback ended it."""
    control: Any = state
    for key in ("stateful_callbacks", "TrainerControl", "args"):
        control = control.get(key) if isinstance(control, dict) else None
    done, asked = number(state.get("global_step")), number(state.get("max_steps"))
    if not (done > 0 and asked > 0):
        done, asked = number(state.get("epoch")), number(state.get("num_train_epochs"))
    if not asked > 0 or done >= asked - 1e-6:
        return "completed"
    stopped = isinstance(control, dict) and control.get("should_training_stop")
    return "stopped" if stopped else "interrupted"


def _settings(state: Mapping[str, Any], rates: Sequence[float]) -> dict[str, str]:
    """Return what a state says of how it was trained."""
    names = {"num_train_epochs": "epochs", "max_steps": "max_steps", "train_batch_size": "batch_size"}
    values = {name: measured(state.get(key)) for key, name in names.items()}
    shape = _shape(rates)
    settings = {name: f"{value:g}" for name, value in values.items() if value > 0}
    return {**settings, "schedule": shape} if shape else settings


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


def _dev_size(entry: Mapping[str, Any]) -> float:
    """Return how many examples an evaluation took: its seconds times its examples a second; NaN where not known."""
    size = measured(entry.get("eval_runtime")) * measured(entry.get("eval_samples_per_second"))
    return size if size > 0 else math.nan


def _points(history: Sequence[Entry]) -> list[Point]:
    """Return a point at each evaluation; the training loss is the mean of what was logged since the one before.

    Several sets that were evaluated at one step, as Trainer logs them one by one, are one evaluation. Where neither
    epochs nor steps are known throughout, evaluations are counted.
    """
    points: list[Point] = []
    losses: list[float] = []
    for entry in history:
        if entry.loss is not None:
            losses.append(entry.loss)
        if not entry.dev:
            continue
        if points and entry.step is not None and points[-1].step == entry.step:
            before = points.pop()
            splits = {**before.splits, "dev": {**before.splits["dev"], **entry.dev}}
        else:
            splits = {"dev": entry.dev}
        if losses:
            splits["train"] = {"loss": sum(losses) / len(losses)}
        points.append(Point(entry.step, entry.epoch, splits))
        losses = []
    if any(point.epoch is None for point in points) and any(point.step is None for point in points):
        return [replace(point, epoch=float(number)) for number, point in enumerate(points, start=1)]
    return points


def _seconds(history: Sequence[Entry]) -> float:
    return next((entry.train_seconds for entry in reversed(history) if entry.train_seconds is not None), math.nan)
