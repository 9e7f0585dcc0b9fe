"""The seal on test scores: the choice is stored first, then they are opened, and every opening is on record."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from types import NoneType

from lrscope.config import AnyTrial, ExternalStudy
from lrscope.config.arms import arm_key, grouped
from lrscope.config.base import plain_value
from lrscope.config.read import built_in, trial_from_dict
from lrscope.errors import ConfigError, LrscopeError, StudyError
from lrscope.files import damaged, read_json, write_text
from lrscope.records import EvaluationRecord
from lrscope.runners.external.outcome import SEALED
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow

CHOICE = "choice.json"


@dataclass(frozen=True, kw_only=True)
class StoredChoice:
    """What was chosen on dev before test scores were seen, and when. `config` is the arm's, None in files before 0.1.

    An extended study may give the arm another name: its configuration is what counts.
    """

    first: str
    second: str | None = None
    config: AnyTrial | None = None
    is_default: bool = False
    optimism: float = 0.0
    metric: str = ""
    at: str = "end"
    chosen: str = ""

    def rows(self, store: StudyStore) -> list[TrialRow]:
        """Return the trials of the arm that was chosen."""
        rows = store.trials()
        if self.config is not None:
            return [row for row in rows if arm_key(row.config) == self.config]
        return [row for arm, of_arm in grouped(rows) if arm.name == self.first for row in of_arm]


def choice_of(conclusions: Conclusions) -> StoredChoice:
    """Return the choice that conclusions make, as it is stored."""
    made, arms, runs = conclusions.choice, conclusions.arms, conclusions.runs
    first = arms[made.first].name
    config = runs.configs.get(first)
    return StoredChoice(
        first=first,
        second=None if made.second is None else arms[made.second].name,
        config=None if config is None else arm_key(config),
        is_default=made.is_default,
        optimism=conclusions.optimism,
        metric=runs.metric.name,
        at="best epoch" if runs.at_best else "end",
    )


def store_choice(folder: Path, choice: StoredChoice) -> StoredChoice:
    """Keep what was chosen on dev, once: a choice that was made before test scores were seen is not made again.

    Returns the choice that holds: the one kept earlier, where there is one.

    Raises:
        StudyError: the file of the one kept earlier is damaged.
    """
    if (kept := read_choice(folder)) is not None:
        return kept
    made = replace(choice, chosen=datetime.now(UTC).isoformat(timespec="seconds"))
    values = {item.name: plain_value(getattr(made, item.name)) for item in fields(made)}
    write_text(folder / CHOICE, json.dumps(values, ensure_ascii=False, indent=1) + "\n")
    return made


def read_choice(folder: Path) -> StoredChoice | None:
    """Return the choice that was kept; None where none was made.

    Raises:
        StudyError: the file is damaged.
    """
    path = folder / CHOICE
    if not path.is_file():
        return None
    values = read_json(path)
    for name, kind in _KINDS.items():
        if name in values and type(values[name]) not in kind:
            raise damaged(path, f"{name} is not what it should be: got {values[name]!r:.60}")
    if not values.get("first"):
        raise damaged(path, "it names no choice")
    config = values.get("config")
    try:
        if config is not None and not isinstance(config, dict):
            raise ConfigError(f"config must be an object: got {config!r:.60}")
        built = None if config is None else trial_from_dict(config, str(path))
    except LrscopeError as error:  # a schedule that does not read has an error of its own
        raise damaged(path, str(error)) from error
    return StoredChoice(**{name: values[name] for name in _KINDS if name in values}, config=built)


_KINDS: dict[str, tuple[type, ...]] = {
    "first": (str,), "second": (str, NoneType), "is_default": (bool,), "optimism": (int, float), "metric": (str,),
    "at": (str,), "chosen": (str,),
}  # fmt: skip


def open_test(store: StudyStore, trials: Sequence[TrialRow], asked_by: str) -> int:
    """Score the stored test predictions of these trials at their endpoints; return how many were opened now.

    Raises:
        StudyError: the study has no test examples, or they have no labels.
    """
    from lrscope.tasks.registry import task_named

    if isinstance(store.config, ExternalStudy):
        return _open_measured(store, trials, asked_by)
    config = built_in(store.config)
    if config.data.test is None:
        raise StudyError(f"{store.folder} has no test examples to open: none were named with --test")
    task = task_named(config.task)
    targets = task.sealed_targets(config, store.task_state, store.fingerprint.get("test"))
    opened = 0
    for row in trials:
        dev = store.evaluations(row.id, "dev")
        if not dev or any(record.step == dev[-1].step for record in store.evaluations(row.id, "test")):
            continue
        outputs = store.predictions(row.id, dev[-1].step, "test")
        if outputs is None:
            continue
        store.record_opening(row.id, dev[-1].step, "test", asked_by)
        found = task.score(outputs.reshape(targets.num_examples, -1), targets)
        record = EvaluationRecord(dev[-1].step, dev[-1].epoch, "test", found.metrics, 0.0, scores=found.scores)
        store.append(row.id, [], [record])
        opened += 1
    return opened


def _open_measured(store: StudyStore, trials: Sequence[TrialRow], asked_by: str) -> int:
    """Open test values that the user's own training measured itself; they were kept apart until now."""
    opened = num_sealed = 0
    for row in trials:
        known = {record.step for record in store.evaluations(row.id, "test")}
        for record in store.evaluations(row.id, SEALED, with_scores=True)[-1:]:
            num_sealed += 1
            if record.step not in known:
                store.record_opening(row.id, record.step, "test", asked_by)
                store.append(row.id, [], [replace(record, split="test")])
                opened += 1
    if not num_sealed:
        raise StudyError(f"{store.folder} has no test values to open: its runs measured none, such as test_loss")
    return opened
