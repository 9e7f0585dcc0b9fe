"""The seam: what a sink is given, all of it plain values, and what it does with that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lrscope.config import StudyConfig, TrialConfig
from lrscope.config.base import plain_value, settings_of
from lrscope.number_text import format_rate
from lrscope.records import FINISHED, EvaluationRecord, Status
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow, trial_name

# A trial that has failed is written too. It is written anew where it is tried again and ends otherwise.
ENDED = FINISHED | {"failed"}
STEP_FIELDS = ("learning_rate", "loss", "gradient_norm")


@dataclass(frozen=True, kw_only=True)
class TrialLog:
    """One trial that has ended, whole.

    `settings` are plain values by name, the rate as `lr`, the seed among them. `series` has the fields of
    `store.blobs.STEP`, a row a step; it is empty where a training of one's own shows no steps.
    """

    number: int
    setting: str
    settings: Mapping[str, Any]
    status: Status
    reason: str
    step: int
    total_steps: int | None
    seconds: float
    series: NDArray[np.void]
    evaluations: Sequence[EvaluationRecord]

    @property
    def name(self) -> str:
        """What a list of runs shows: its number, its setting, its seed."""
        return f"{trial_name(self.number)} {self.setting}, seed {self.settings['seed']}"

    @property
    def short_name(self) -> str:
        """A name that stays the same when the study is extended, and that a folder can have."""
        return f"{trial_name(self.number)}-lr-{format_rate(self.settings['lr'])}-seed-{self.settings['seed']}"

    @property
    def outcome(self) -> str:
        """How it ended, and why where that is known."""
        return f"{self.status}: {self.reason}" if self.reason else self.status

    def history(self) -> Iterator[tuple[int, float, dict[str, float]]]:
        """Yield (step, seconds since the beginning, values by name), steps rising, each step once.

        Step t is the update made after t others; an evaluation of step t comes before that update. Both share a row.
        Where every update is known, `train/loss` is an update's loss, and `train_epoch/loss` the epoch's mean.
        """
        rows: dict[int, dict[str, float]] = {}
        for step, values in enumerate(zip(*(self.series[name].tolist() for name in STEP_FIELDS), strict=True)):
            rows[step] = {f"train/{name}": value for name, value in zip(STEP_FIELDS, values, strict=True)}
        for record in self.evaluations:
            row = rows.setdefault(record.step, {})
            row |= self._named(record)
            if record.epoch:
                row["epoch"] = float(record.epoch)
        elapsed = np.cumsum(self.series["seconds"], dtype=np.float64).tolist()
        for step, row in sorted(rows.items()):
            passed = elapsed[step] if step < len(elapsed) else self.seconds
            yield step, min(passed, self.seconds), row

    def last(self) -> dict[str, float]:
        """Return each split's metrics at its last evaluation, as `dev/loss`."""
        found: dict[str, float] = {}
        for record in self.evaluations:
            found |= self._named(record)
        return found

    def _named(self, record: EvaluationRecord) -> dict[str, float]:
        split = "train_epoch" if record.split == "train" and len(self.series) else record.split
        return {f"{split}/{name}": value for name, value in record.metrics.items()}


@dataclass(frozen=True, kw_only=True)
class StudyLog:
    """A study as sinks know it. `id` tells it from others of the same name; `ended` reads its ended trials anew."""

    id: str
    name: str
    folder: Path
    metric: str
    inputs: Mapping[str, str]
    is_comparison: bool
    ended: Callable[[], Iterator[TrialLog]]

    @property
    def unique_name(self) -> str:
        """A name that no other study has."""
        return f"{self.name}-{self.id}"


@dataclass(frozen=True, kw_only=True)
class SettingVerdict:
    """How one setting stands. `value` is its mean of the metric, `sd` the standard deviation over seeds."""

    setting: str
    trials: tuple[int, ...]
    seeds: int
    value: float
    sd: float
    standing: str
    is_recommended: bool


@dataclass(frozen=True, kw_only=True)
class VerdictLog:
    """What a study came to: the answer in sentences, the confidence, and how each setting stands."""

    recommended: str
    confidence: str
    answer: tuple[str, ...]
    settings: tuple[SettingVerdict, ...]


class Sink(Protocol):
    """Writes trials and a verdict somewhere. One file a library, imported when the sink is made.

    Whatever it writes takes the place of what it wrote before of the same trial: a write that was cut off is made
    again, and no step comes twice.
    """

    def check(self) -> None:
        """Find out, before anything trains, whether it can be written to.

        Raises:
            Exception: it cannot; the message says why.
        """

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        """Write a trial that has ended. `is_again` says that it may have been written before, whole or in part."""

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        """Write what the study came to."""


def home(where: str, study: StudyLog, kind: str) -> Path:
    """Return where a study's files lie: in its own folder, or in a folder of its own in the one that was named."""
    return Path(where) / study.unique_name if where else study.folder / kind


def read_trial(store: StudyStore, row: TrialRow, setting: str) -> TrialLog:
    """Return a trial as sinks take it; `setting` is what its arm is called."""
    values = {**row.config.values, "seed": row.config.seed}
    task = store.config.task if isinstance(store.config, StudyConfig) else ""
    foreign = {name for name, item in settings_of(TrialConfig).items() if task and not item.belongs_to(task)}
    settings = {
        "lr" if name == "peak_rate" else name: _scalar(value)
        for name, value in values.items()
        if value is not None and name not in foreign
    }
    return TrialLog(
        number=row.id, setting=setting, settings=settings, status=row.status, reason=row.reason, step=row.step,
        total_steps=row.total_steps, seconds=row.seconds, series=store.steps(row.id),
        evaluations=store.evaluations(row.id),
    )  # fmt: skip


def _scalar(value: Any) -> Any:
    plain = plain_value(value)
    return plain if isinstance(plain, str | int | float | bool) else str(plain)
