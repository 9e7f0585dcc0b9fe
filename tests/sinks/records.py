"""A study's logs made by hand: a trial whose every update is known, one of a training of one's own, one that failed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lrscope.records import EvaluationRecord, StepRecord
from lrscope.sinks.base import SettingVerdict, StudyLog, TrialLog, VerdictLog
from lrscope.store.blobs import STEP, series_of

NATIVE = TrialLog(
    number=1, setting="lr 1e-3", status="completed", reason="", step=2, total_steps=2, seconds=5.0,
    settings={"lr": 1e-3, "schedule": "linear", "batch_size": 8, "is_packed": True, "seed": 0},
    series=series_of([StepRecord(0, 1e-3, 1.5, 8, 2.0, 1.0), StepRecord(1, 5e-4, 1.25, 8, math.nan, 1.0)]),
    evaluations=[
        EvaluationRecord(1, 0.5, "dev", {"loss": 1.4, "f1": 0.25}, 0.1),
        EvaluationRecord(2, 1, "dev", {"loss": 1.3, "f1": 0.5}, 0.1),
        EvaluationRecord(2, 1, "train", {"loss": 1.375}, 0.0),
    ],
)  # fmt: skip
OWN = TrialLog(
    number=2, setting="=cmd()", status="diverged", reason="loss became nan", step=10, total_steps=None, seconds=3.0,
    settings={"lr": 1e-2, "mode": "=cmd()", "seed": 0}, series=np.empty(0, dtype=STEP),
    evaluations=[
        EvaluationRecord(5, 0, "train", {"loss": 2.0, "learning_rate": 1e-2}, 0.0),
        EvaluationRecord(10, 1, "dev", {"loss": math.nan, "bleu": 3.0}, 0.0),
    ],
)  # fmt: skip
FAILED = TrialLog(
    number=3, setting="lr 1e-1", status="failed", reason="exit code 1", step=0, total_steps=None, seconds=0.0,
    settings={"lr": 1e-1, "seed": 0}, series=np.empty(0, dtype=STEP), evaluations=[],
)  # fmt: skip
VERDICT = VerdictLog(
    recommended="lr 1e-3", confidence="medium", answer=("Use lr 1e-3.", "Confidence: medium."),
    settings=(
        SettingVerdict(
            setting="lr 1e-3", trials=(1,), seeds=1, value=0.5, sd=math.nan, standing="may be the best",
            is_recommended=True,
        ),
        SettingVerdict(
            setting="=cmd()", trials=(2,), seeds=0, value=math.nan, sd=math.nan, standing="no value",
            is_recommended=False,
        ),
    ),
)  # fmt: skip


def study_log(folder: Path, trials: Sequence[TrialLog] = (NATIVE, OWN, FAILED)) -> StudyLog:
    def ended() -> Iterator[TrialLog]:
        return iter(trials)

    return StudyLog(
        id="abc123", name="mine", folder=folder, metric="f1", inputs={"command": "train {lr}"}, is_comparison=True,
        ended=ended,
    )  # fmt: skip
