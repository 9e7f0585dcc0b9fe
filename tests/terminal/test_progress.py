"""Lines of a fine-tune where there is no terminal: the decision metric first, and how far its answers are."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from lrscope.config.metric_names import metric_titles
from lrscope.records import Answered, EvaluationRecord, StepRecord
from lrscope.terminal.live import Live
from lrscope.terminal.progress import TrialProgress
from lrscope.workflows.callbacks import FinetuneRecord, FinetuneStarted


def test_what_settings_are_compared_by_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(quiet=False)
    live.show(FinetuneStarted(6, 2, (), "tokens", metric_titles("sft"), "loss"))
    live.show(FinetuneRecord(EvaluationRecord(3, 1, "train", {"token_accuracy": 0.25, "loss": 2.5}, 0.0)))
    live.show(FinetuneRecord(EvaluationRecord(3, 1, "dev", {"perplexity": 9.0, "loss": 2.25}, 0.1, {}, True)))
    live.close(None, None, None)
    assert capsys.readouterr().err == (
        "epoch 1/2  train log-loss 2.5000  train token accuracy 0.2500  dev log-loss 2.2500  dev perplexity 9.0000  "
        "(best so far)\n"
    )


def test_answers_are_told_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("lrscope.terminal.progress.monotonic", lambda: now)
    live = Live(quiet=False)
    live.show(FinetuneStarted(6, 2, ()))
    for number in range(41):
        live.show(FinetuneRecord(Answered(number, 1319)))
        now += 1.0
    live.close(None, None, None)
    assert capsys.readouterr().err == "answers 10/1319  about 22 min left\n"


@pytest.mark.parametrize(("width", "shown"), [(40, False), (80, True), (200, True)])
def test_what_is_left_stands_beside_the_bar_however_narrow(
    monkeypatch: pytest.MonkeyPatch, width: int, shown: bool
) -> None:
    now = 100.0
    monkeypatch.setattr("lrscope.terminal.progress.monotonic", lambda: now)
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr("lrscope.terminal.progress.progress_console", lambda: console)
    with TrialProgress(100, 1) as progress:
        for step in range(20):
            now += 3.0
            progress.update(StepRecord(step, 1e-3, 2.5, 8.0, 1.0, 3.0))
        progress._bar.refresh()  # type: ignore[union-attr]
    last = re.split(r"\x1b\[2K|\r|\n", screen.getvalue())
    (line,) = {each.strip() for each in last if "step 20/100" in each}
    assert "about 4 min left" in line
    assert ("loss 2.500" in line) == shown
    assert cell_len(line) <= width
