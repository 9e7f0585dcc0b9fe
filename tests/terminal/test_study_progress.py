"""What is drawn of a study of one's own training: how far runs have come by what they print, and what is left."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from tests.external import study

from lrscope.config import DataConfig, ExternalTrial, ModelConfig, StudyConfig, TrialConfig
from lrscope.config.external import OwnSettings
from lrscope.records import Answered, EvaluationRecord, Reached, StepRecord, Unit
from lrscope.runners.base import Event
from lrscope.schedules.horizon import TrainingSize
from lrscope.store.trials import TrialRow
from lrscope.terminal.live import Live
from lrscope.terminal.study_progress import StudyProgress
from lrscope.workflows import callbacks as tell


def rows(*settings: dict[str, int], steps: int | None = None) -> tuple[TrialRow, ...]:
    trials = [ExternalTrial(peak_rate=1e-3, steps=steps, settings=OwnSettings(each)) for each in settings]
    return tuple(TrialRow(n, trial, "planned", "", 0, None, None, 0.0) for n, trial in enumerate(trials, start=1))


class Drawing:
    """A study as it is drawn on a terminal, at times that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, trials: tuple[TrialRow, ...]) -> None:
        self.now = 100.0
        monkeypatch.setattr("lrscope.terminal.study_progress.monotonic", lambda: self.now)
        self.screen, self.trials = io.StringIO(), trials
        console = Console(file=self.screen, force_terminal=True, width=120)
        self.progress = StudyProgress(tell.StudyStarted(Path(), study(), "", trials), console).__enter__()

    def happens(self, kind: str, record: object = None, trial: int = 1) -> None:
        row = self.trials[trial - 1]
        status = {"done": "completed", "failed": "failed"}.get(kind, "running")
        event = Event(kind, trial, record=record)  # type: ignore[arg-type]
        self.progress.update(tell.TrialEvent(event, replace(row, status=status)))  # type: ignore[arg-type]

    def line(self) -> str:
        return "  ".join(self.progress._cells(1, self.progress._rows[1]))


def test_what_is_left_follows_from_the_steps_of_the_first_run(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing(monkeypatch, rows({}, {}))
    drawing.happens("started")
    drawing.now += 20  # importing, loading weights
    drawing.happens("record", Reached(64, 64))  # of something before
    drawing.happens("record", Reached(0, 100))
    assert drawing.progress._left() == "0 of 2 trials"
    drawing.now += 30
    drawing.happens("record", Reached(10, 100))
    assert drawing.progress._left() == "0 of 2 trials, about 10 min left"  # 270 s of this one, 320 s of the other
    assert drawing.line() == "trial 1  lr 1e-3  seed 0  step 10/100  running"


def test_a_run_without_a_bar_is_told_by_its_steps_or_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing(monkeypatch, rows({"lora_r": 8}, {"lora_r": 16}))
    drawing.happens("started")
    drawing.happens("record", StepRecord(7, 1e-3, 2.5, 1, float("nan"), 0.0))
    assert drawing.line() == "trial 1  lr 1e-3  lora_r 8  seed 0  step 7  running"
    drawing.happens("record", EvaluationRecord(8, 0.5, "dev", {"loss": 2.0}, 0.0))
    assert drawing.line() == "trial 1  lr 1e-3  lora_r 8  seed 0  epoch 0.5  dev loss 2.0000  running"
    drawing.happens("record", EvaluationRecord(8, float("nan"), "dev", {"loss": 2.0}, 0.0))
    assert "epoch 0.5" in drawing.line(), "a result at the end may tell no epoch"
    drawing.now += 1
    drawing.happens("record", EvaluationRecord(9, 0.6, "train", {"loss": 1.0}, 0.0))
    assert "lora_r 8" in drawing.screen.getvalue()
    assert "settings" not in Drawing(monkeypatch, rows({})).screen.getvalue(), "there are none"
    planned = Drawing(monkeypatch, rows({}, steps=20))
    planned.happens("started")
    planned.happens("record", StepRecord(7, 1e-3, 2.5, 1, float("nan"), 0.0))
    assert planned.line() == "trial 1  lr 1e-3  steps 20  seed 0  step 7/20  running"


def test_a_note_stands_above_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing(monkeypatch, rows({}, {}))
    live = Live(quiet=False)
    live._drawing = drawing.progress
    drawing.happens("started")
    live.show(tell.Note("note: the seed does not reach the training"))
    live.show(tell.TimeKnown(60.0, 1, (60.0,)))
    drawing.now += 1
    drawing.happens("record", Reached(1, 2))
    live.close(None, None, None)
    shown = drawing.screen.getvalue()
    assert "note: the seed does not reach the training" in shown
    assert "trials" not in next(line for line in shown.splitlines() if "the one that is left" in line)


def built_in(monkeypatch: pytest.MonkeyPatch, *, width: int | None, quoted: float | None = None) -> Drawing:
    """A study of two trials of the built-in training, of 100 steps each: on a terminal, or in lines."""
    drawing = Drawing(monkeypatch, rows({}))
    trials = tuple(
        TrialRow(n, TrialConfig(peak_rate=1e-3, seed=n, epochs=1, batch_size=8), "planned", "", 0, None, None, 0.0)
        for n in (1, 2)
    )
    config = StudyConfig(data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=trials[0].config)
    started = tell.StudyStarted(Path(), config, "loss", trials, "tokens", TrainingSize(800), 1)
    console = Console(file=drawing.screen, force_terminal=width is not None, width=width or 200)
    drawing.trials, drawing.progress = trials, StudyProgress(started, console, quoted=quoted).__enter__()
    return drawing


def test_a_built_in_trial_tells_its_time_by_its_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawing = built_in(monkeypatch, width=None, quoted=40.0)
    drawing.happens("started")
    for step in range(50):
        drawing.now += 2.0
        drawing.happens("record", StepRecord(step, 1e-3, 2.0, 100, 1.0, 2.0))
    lines = capsys.readouterr().err.splitlines()
    assert drawing.progress._left() == "0 of 2 trials, about 5 min left"
    notes = [line for line in lines if line.startswith("note")]
    assert notes == ["note: slower than was timed before it ran: about 7 min in all, not 40 s"]
    told = [line for line in lines if line not in notes]
    assert 3 <= len(told) <= 11, "at every tenth, and no more often than every ten seconds"
    assert all("epoch 0." in line and "left)" in line for line in told)


@pytest.mark.parametrize("width", [30, 40, 60, 200])
def test_a_table_has_the_columns_that_there_is_room_for(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    drawing = built_in(monkeypatch, width=width)
    drawing.happens("started")
    for step in range(9):
        drawing.now += 2.0
        drawing.happens("record", StepRecord(step, 1e-3, 2.0, 100, 1.0, 2.0))
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(drawing.progress._table())
    heading, row = console.file.getvalue().splitlines()[:2]  # type: ignore[attr-defined]
    assert max(map(len, (heading, row))) <= width
    assert {"trial", "lr", "epoch"} <= set(heading.split())
    assert ("tok/s" in heading) == (width > 60)
    assert "0.09/1" in row
    assert "running" in row


@pytest.mark.parametrize(("unit", "shown"), [("tokens", "1,250 tok/s"), ("examples", "")])
def test_tokens_a_second_are_told_where_a_loss_is_a_mean_over_tokens(unit: Unit, shown: str) -> None:
    trials = (TrialRow(1, TrialConfig(peak_rate=1e-3), "planned", "", 0, None, None, 0.0),)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with StudyProgress(tell.StudyStarted(Path(), study(), "loss", trials, unit), console) as progress:
        for event in (Event("started", 1), Event("record", 1, record=StepRecord(0, 1e-3, 2.0, 1000, 1.0, 0.8))):
            progress.update(tell.TrialEvent(event, replace(trials[0], status="running")))
        line = "  ".join(progress._cells(1, progress._rows[1]))
    assert ("tok/s" in line) == bool(shown)
    assert shown in line
    assert ("tok/s" in screen.getvalue()) == bool(shown)


def test_answers_are_told_while_they_are_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing(monkeypatch, rows({}, {}))
    monkeypatch.setattr("lrscope.terminal.progress.monotonic", lambda: drawing.now)
    drawing.happens("started")
    drawing.happens("record", EvaluationRecord(12, 2, "dev", {"loss": 1.5}, 0.1))
    drawing.happens("record", Answered(0, 40))
    assert drawing.line().endswith("answers 0/40")
    drawing.now += 60
    drawing.happens("record", Answered(10, 40))
    assert drawing.line().endswith("answers 10/40  about 3 min left")
    assert "answers 10/40  about 3 min left" in drawing.screen.getvalue()
    drawing.happens("done")
    assert drawing.line().endswith("completed")
