"""The seal on test scores: the choice is stored first, then they are opened, and every opening is on record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.config import TrialConfig
from lrscope.config.arms import arm_key, grouped
from lrscope.errors import StudyError
from lrscope.files import write_text
from lrscope.records import EvaluationRecord
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow

CHOICE = "choice.json"


def store_choice(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what was chosen on dev, once: a choice that was made before test scores were seen is not made again.

    Returns the choice that holds: the one kept earlier, where there is one.
    """
    if (kept := kept_choice(folder)) is not None:
        return kept
    made = {**values, "chosen": datetime.now(UTC).isoformat(timespec="seconds")}
    write_text(folder / CHOICE, json.dumps(made, ensure_ascii=False, indent=1) + "\n")
    return made


def chosen_rows(store: StudyStore, choice: Mapping[str, Any]) -> list[TrialRow]:
    """Return the trials of the arm that was chosen, by its configuration: an extended study may call it otherwise."""
    rows = store.trials()
    if "config" in choice:
        config = TrialConfig(**choice["config"])
        return [row for row in rows if arm_key(row.config) == config]
    return [row for arm, of_arm in grouped(rows) if arm.name == choice.get("first") for row in of_arm]


def kept_choice(folder: Path) -> dict[str, Any] | None:
    """Return the choice that was kept; None where none was made."""
    path = folder / CHOICE
    kept: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return kept


def open_test(store: StudyStore, trials: Sequence[TrialRow], asked_by: str) -> int:
    """Score the stored test predictions of these trials at their endpoints; return how many were opened now.

    Raises:
        StudyError: the study has no test sentences, or they have no labels.
    """
    import torch

    from lrscope.data.labels import LabelSet
    from lrscope.data.splits import load_split
    from lrscope.tasks.base import EncodedSplit
    from lrscope.tasks.classification import Classification

    data = store.config.data
    if data.test is None:
        raise StudyError(f"{store.folder} has no test sentences to open: none were named with --test")
    labels = LabelSet.of_state(store.task_state)
    columns = {"text_column": data.text_column, "label_column": data.label_column}
    split = load_split(Path(data.test), labels, "test", **columns)
    if split.fingerprint != store.fingerprint.get("test"):
        raise StudyError(f"test scores are of the sentences that were predicted: {data.test} has changed since then")
    if not split.labelled:
        raise StudyError(f"test scores need labels: {data.test} has none, or not on every line")
    task = Classification(len(labels.names), 0, torch.device("cpu"))
    empty = np.zeros(split.num_examples + 1, dtype=np.int64)
    targets = EncodedSplit("test", np.empty(0, dtype=np.int32), empty, split.labels)
    opened = 0
    for row in trials:
        dev = store.evaluations(row.id, "dev")
        if not dev or any(record.step == dev[-1].step for record in store.evaluations(row.id, "test")):
            continue
        outputs = store.predictions(row.id, dev[-1].step, "test")
        if outputs is None:
            continue
        store.record_opening(row.id, dev[-1].step, "test", asked_by)
        found = task.score(outputs.reshape(split.num_examples, -1), targets)
        record = EvaluationRecord(dev[-1].step, dev[-1].epoch, "test", found.metrics, 0.0, scores=found.scores)
        store.append(row.id, [], [record])
        opened += 1
    return opened
