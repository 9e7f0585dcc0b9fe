"""What range tests say on the way: how long the others will take, by how long those before went on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.config.find import FindConfig
from lrscope.records import StepRecord
from lrscope.runners.base import Event
from lrscope.store.trials import TrialRow
from lrscope.terminal.find_progress import FindProgress
from lrscope.workflows import callbacks as tell


def test_time_left_where_a_ramp_went_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr("lrscope.terminal.find_progress.monotonic", lambda: now)
    trials = tuple(
        TrialRow(n, TrialConfig(peak_rate=1e-2, seed=n - 1), "planned", "", 0, None, None, 0.0) for n in (1, 2, 3)
    )
    study = StudyConfig(
        data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1e-2),
        find=FindConfig(steps=100),
    )  # fmt: skip
    progress = FindProgress(tell.StudyStarted(Path(), study, "loss", trials))
    for row in trials:
        now += 150.0
        record = StepRecord(149, 1e-1, 2.0, 8.0, 1.0, 1.0)
        progress.update(tell.TrialEvent(Event("record", row.id, record), row))
        progress.update(tell.TrialEvent(Event("done", row.id), replace(row, status="completed", step=150)))
    lines = capsys.readouterr().err.splitlines()
    assert [line.rpartition("(")[2] for line in lines if line.startswith("seed")] == [
        "1 of 3 tests, about 5 min left)", "2 of 3 tests, about 2 min left)", "3 of 3 tests)",
    ], "each of them takes 150 steps, not the 100 that were planned"  # fmt: skip
