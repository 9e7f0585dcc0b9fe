"""`lrscope.json`: a run's own record of itself, in a form that a person writes, and in one that a program does.

A person writes values by name, such as `{"dev_f1": 0.41, "test_f1": 0.4, "step": 100}`; a name without a split is of
dev. A program writes the format `lrscope-run`: every evaluation, and what was logged while it trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from lrscope.data.table_rows import json_value
from lrscope.errors import DataError
from lrscope.records import Direction, EvaluationRecord, Metric, Status
from lrscope.runs.importers import checked
from lrscope.runs.importers.text import text_of
from lrscope.runs.measured import Entry, records_of
from lrscope.runs.settings import RATES, without_split

RECORD, FORMAT, VERSION = "lrscope.json", "lrscope-run", 1
SCORE_FILES = ("scores.parquet", "scores.csv")
_ENDINGS: tuple[Status, ...] = ("completed", "stopped", "diverged", "interrupted", "failed")
_SPLITS = ("train", "dev", "test")
_OF_THE_RUN = ("format", "version", "lr", "seed", "settings", "status", "reason", "metric", "seconds", "scores")


@dataclass(frozen=True)
class RecordedRun:
    """A run as its record tells it. An evaluation whose epoch is not told has NaN there.

    `rate` and `seed` are what it says that it was trained with; `scores` is the file of its per-example scores, None
    where it names none and none lies beside it. Where `is_counted`, no step was told: evaluations are counted.
    """

    evaluations: tuple[EvaluationRecord, ...]
    rate: float | None = None
    seed: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    status: Status = "completed"
    reason: str = ""
    metric: Metric | None = None
    seconds: float = math.nan
    scores: Path | None = None
    is_counted: bool = False


def read_recorded(path: Path) -> RecordedRun:
    """Return the run that a record tells of.

    Raises:
        DataError: it is no record, half of one, or of a later version.
    """
    shown = checked.file_name(path)
    values = json_value(
        text_of(path), f"a run's record is JSON: {shown} is not", "let the training write it to its end"
    )
    if not isinstance(values, dict):
        raise DataError(f"a run's record is a JSON object: got {type(values).__name__} in {shown}")
    if values.get("format", FORMAT) != FORMAT or checked.count(values.get("version", VERSION)) != VERSION:
        got = f"{checked.text(values.get('format', FORMAT))[:40]} {checked.text(values.get('version'))[:20]}"
        raise DataError(
            f"a run's record is of {FORMAT} {VERSION}: got {got} in {shown}; read it with the lrscope that wrote it"
        )
    is_full = "evaluations" in values or "format" in values
    entries = _evaluations(values.get("evaluations", []), shown) if is_full else [_written_by_a_person(values)]
    settings = values.get("settings")
    status, seconds = values.get("status", "completed"), checked.measured(values.get("seconds"))
    return RecordedRun(
        records_of(entries),
        next((rate for name in RATES if (rate := checked.rate(values.get(name))) is not None), None),
        checked.count(values.get("seed")),
        {checked.text(name)[:80]: checked.text(value)[:200] for name, value in settings.items()}
        if isinstance(settings, dict) else {},
        status if status in _ENDINGS else "interrupted",
        checked.text(values.get("reason"))[:1000],
        _metric(values.get("metric")),
        seconds if seconds >= 0.0 else math.nan,
        _scores(values.get("scores"), path),
        all(entry.step is None for entry in entries),
    )  # fmt: skip


def _written_by_a_person(values: Mapping[str, Any]) -> Entry:
    return Entry.of({name: value for name, value in values.items() if name not in (*_OF_THE_RUN, *RATES)}, bare="dev")


def _evaluations(values: Any, shown: str) -> list[Entry]:
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        raise DataError(f"evaluations of a run's record are a list of objects: got something else in {shown}")
    entries = []
    for each in values:
        split, metrics = each.get("split", "dev"), each.get("metrics")
        if split not in _SPLITS or not isinstance(metrics, dict):
            raise DataError(f"an evaluation has a split, {' or '.join(_SPLITS)}, and metrics: got others in {shown}")
        measured = Entry.of({f"{split}_{name}": value for name, value in metrics.items()})
        position = Entry.of({name: each.get(name) for name in ("step", "epoch")})
        entries.append(Entry(position.step, position.epoch, measured.splits))
    return entries


def _metric(value: Any) -> Metric | None:
    if not isinstance(value, dict) or value.get("direction") not in get_args(Direction):
        return None
    name = without_split(checked.text(value.get("name")))
    return Metric(name, value["direction"]) if name else None


def _scores(named: Any, path: Path) -> Path | None:
    """Return the scores beside a record: by the name that it gives, else by the name that they usually have."""
    names = (Path(named).name,) if isinstance(named, str) and "\0" not in named else SCORE_FILES
    beside = (path.parent / name for name in names if name)
    try:
        return next((each for each in beside if each.is_file()), None)
    except OSError:  # a name that is too long
        return None
