"""Hugging Face Trainer's record of a run: `trainer_state.json`, as it lies in every checkpoint folder."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lrscope.data.table_rows import json_value
from lrscope.errors import DataError
from lrscope.records import Metric, Status
from lrscope.runs.history import UNFINISHED, Told, run_of_entries
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import count, file_name, measured, number
from lrscope.runs.importers.columns import first_line
from lrscope.runs.importers.text import decoded, text_of
from lrscope.runs.measured import Entry
from lrscope.runs.metric import direction_of
from lrscope.runs.run import Run

STATE = "trainer_state.json"
_STEPS, _HEAD = re.compile(r'"global_step"\s*:\s*([0-9]{1,15})'), 1 << 12  # Trainer writes it before its history
TO_EVALUATE = "--eval_strategy epoch"


class TrainerState:
    """One run a file."""

    suffixes: tuple[str, ...] = (".json",)

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is a JSON object with a log history in it, or such a history alone."""
        line, text = first_line(head), decoded(head, errors="replace")
        is_history = '"epoch"' in text and ('"loss"' in text or '"eval_loss"' in text)
        return (line.startswith("{") and '"log_history"' in text) or (line.startswith("[") and is_history)

    def read(self, path: Path) -> Imported:
        """Return the run of a state.

        Raises:
            DataError: it is no trainer state.
        """
        shown = file_name(path)
        state = json_value(
            text_of(path), f"a trainer state is JSON: {shown} is not", "take Trainer's trainer_state.json"
        )
        if isinstance(state, list):
            state = {"log_history": state}
        if not isinstance(state, dict) or not isinstance(state.get("log_history"), list):
            raise DataError(f"a trainer state holds a log_history: got none in {shown}")
        history = state.pop("log_history")
        entries: list[Mapping[str, Any]] = [each for each in history if isinstance(each, dict)]
        told = Told(
            settings=_settings(state), total_steps=_positive(state.get("max_steps")),
            total_epochs=_positive(state.get("num_train_epochs")), status=_status(state), seconds=_seconds(entries),
        )  # fmt: skip
        logged = _with_steps(entries)
        del entries, history
        run = run_of_entries(_parsed(logged), told)
        return Imported(
            (run,), run.settings, metric=_best_metric(state.get("best_metric"), run), to_evaluate=TO_EVALUATE
        )


def _parsed(entries: list[Mapping[str, Any]]) -> list[Entry]:
    """Return entries as they are read; each is let go of at once, since a state may hold very many."""
    entries.reverse()
    parsed = []
    while entries:
        parsed.append(Entry.of(entries.pop()))
    return parsed


def steps_of_state(path: Path) -> int:
    """Return how many updates a state stands at, by its first bytes, else by its folder's name; 0 without either."""
    try:
        with path.open("rb") as file:
            match = _STEPS.search(decoded(file.read(_HEAD), errors="replace"))
    except OSError:
        match = None
    match = match or re.match(r"^checkpoint-([0-9]{1,15})$", path.parent.name)
    return int(match[1]) if match else 0


def _with_steps(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return entries as they are where all have a step, else without steps: some alone would put others elsewhere."""
    if all(count(each.get("step")) is not None for each in entries):
        return entries
    return [{name: value for name, value in each.items() if name != "step"} for each in entries]


def _best_metric(value: Any, run: Run) -> Metric | None:
    """Return the metric that Trainer kept its best checkpoint by: the only one that has that value at an evaluation."""
    best = measured(value)
    if math.isnan(best):
        return None
    names = {
        name
        for point in run.points
        for name, each in point.splits.get("dev", {}).items()
        if abs(each - best) <= 1e-9 * abs(best)
    }
    if len(names) != 1:
        return None
    (name,) = names
    values = [value for _, value in run.series("dev", name)]
    ways = {"maximize": max(values), "minimize": min(values)}
    fitting = [way for way, value in ways.items() if abs(value - best) <= 1e-9 * abs(best)]
    known = direction_of(name)
    if len(fitting) == 1 and known in (None, fitting[0]):
        return Metric(name, "maximize" if fitting[0] == "maximize" else "minimize")
    return Metric(name, known) if known is not None and known in fitting else None


def _status(state: Mapping[str, Any]) -> Status:
    """Return how far a run came: Trainer says itself whether a callback ended it."""
    control: Any = state
    for key in ("stateful_callbacks", "TrainerControl", "args"):
        control = control.get(key) if isinstance(control, dict) else None
    done, asked = number(state.get("global_step")), number(state.get("max_steps"))
    if not (done > 0 and asked > 0):
        done, asked = number(state.get("epoch")), number(state.get("num_train_epochs"))
    if not asked > 0 or done >= UNFINISHED * asked:
        return "completed"
    stopped = isinstance(control, dict) and control.get("should_training_stop")
    return "stopped" if stopped else "interrupted"


def _settings(state: Mapping[str, Any]) -> dict[str, str]:
    """Return what a state says of how it was trained."""
    names = {"num_train_epochs": "epochs", "max_steps": "max_steps", "train_batch_size": "batch_size"}
    values = {name: measured(state.get(key)) for key, name in names.items()}
    return {name: f"{value:g}" for name, value in values.items() if value > 0}


def _positive(value: Any) -> float:
    parsed = number(value)
    return parsed if 0.0 < parsed < math.inf else math.nan


def _seconds(entries: Sequence[Mapping[str, Any]]) -> float:
    known = (measured(each["train_runtime"]) for each in reversed(entries) if "train_runtime" in each)
    return next(known, math.nan)
