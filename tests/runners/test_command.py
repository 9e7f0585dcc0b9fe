"""A command as a runner: what it is given, what it tells while it runs, and how each end is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.commands import PYTHON

from lrscope.config import ExternalStudy, ExternalTrial
from lrscope.config.external import ExternalSweep, TrainerConfig
from lrscope.records import EvaluationRecord, Reached, StepRecord
from lrscope.runners import command
from lrscope.runners.base import Event, Job, JobTrial
from lrscope.runners.command import CommandRunner
from lrscope.runners.external.outcome import has_outcome
from lrscope.store.outcomes import read_outcome

MEASURED = "print(\"{'eval_loss': 0.5}\")"


class Command:
    """Runs Python as a command of a trial; `words` are further arguments, which begin at sys.argv[1]."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / "work"

    def events(
        self, code: str, *words: str, stop_at: str = "", settings: Mapping[str, Any] | None = None, **trainer: Any
    ) -> list[Event]:
        program = self.folder / "train.py"
        program.write_text(code, encoding="utf-8")
        study = ExternalStudy(
            trainer=TrainerConfig(
                command=(PYTHON, str(program), "{lr}", *words), **{"folder": str(self.folder), **trainer}
            ),
            trial=ExternalTrial(peak_rate=1e-5, seed=3, epochs=2.0 if "{epochs}" in words else None,
                                settings=settings or {}),
            sweep=ExternalSweep(grid={"peak_rate": [1e-5]}),
        )  # fmt: skip
        runner = CommandRunner()
        prepared = runner.prepare(study)
        self.trial = JobTrial(1, study.trial, self.work)
        job = Job((self.trial,), study, self.folder, prepared.numerics, prepared.fingerprint)
        stops: list[Callable[[], None]] = []
        got = []
        for event in runner.run(job, prepared, stops.append):
            got.append(event)
            if event.kind == stop_at:
                stops[0]()
        return got

    @property
    def log(self) -> str:
        return (self.work / "output.log").read_text(encoding="utf-8")


@pytest.fixture
def trained(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_every_placeholder_is_one_argument(trained: Command) -> None:
    words = ["{seed}", "{out}", "{checkpoint}", "{port}", "{epochs}", "--name={name}", "{{lr}}", '{"lr": {lr}}', ""]
    code = f"import sys; [print(repr(word)) for word in sys.argv[1:]]; {MEASURED}"
    assert trained.events(code, *words, settings={"name": "a b; $HOME"})[-1].kind == "done"
    got = [eval(line) for line in trained.log.splitlines()[:-1]]
    assert got[:2] == ["1.0e-5", "3"]
    assert [Path(word).is_dir() for word in got[2:4]] == [True, True]
    assert 1024 < int(got[4]) < 65536
    assert got[5:] == ["2", "--name=a b; $HOME", "{lr}", '{"lr": 1.0e-5}', ""]


def test_it_runs_in_its_folder_without_input_with_its_threads(trained: Command) -> None:
    code = f"import os, sys; print(os.getcwd(), os.environ['OMP_NUM_THREADS'], repr(sys.stdin.read())); {MEASURED}"
    assert trained.events(code, threads=3)[-1].kind == "done"
    assert trained.log.splitlines()[0] == f"{trained.folder} 3 ''"


def test_a_template_is_filled_in_for_each_trial(trained: Command) -> None:
    template = trained.folder / "config.yaml"
    template.write_text("lr: {lr}\nout: {out}\nr: {r}\nchat: '{{ message }} {unknown} ${lr}'\n")
    code = f"import sys; print(sys.argv[2]); print(open(sys.argv[2]).read()); {MEASURED}"
    end = trained.events(code, "{config}", template=str(template), settings={"r": 8})[-1]
    assert end.kind == "done"
    name, *lines = trained.log.splitlines()
    assert name.endswith("config.yaml")
    assert name != str(template)
    assert lines[0] == "lr: 1.0e-5"
    assert lines[2:4] == ["r: 8", "chat: '{{ message }} {unknown} ${lr}'"]


def test_what_it_prints_is_told_at_once(trained: Command) -> None:
    code = """
print("{'loss': 2.0, 'learning_rate': 1e-05, 'epoch': 0.5}")
print("{'eval_loss': 0.5, 'epoch': 1.0}")
"""
    events = trained.events(code)
    records = [event.record for event in events if event.kind == "record"]
    assert [type(record) for record in records] == [StepRecord, EvaluationRecord, EvaluationRecord]
    assert isinstance(records[0], StepRecord)
    assert (records[0].loss, records[0].learning_rate) == (2.0, 1e-5)
    outcome = read_outcome(trained.work, trained.trial.config)
    assert outcome is not None
    assert [(each.split, each.metrics["loss"]) for each in outcome.evaluations] == [("train", 2.0), ("dev", 0.5)]


def test_a_bar_tells_how_far_it_is(trained: Command) -> None:
    code = rf"""
import sys, time
for step in range(1, 9):
    sys.stderr.write(f"\r {{step * 12}}%|##   | {{step}}/8 [00:0{{step}}<00:01,  1.00s/it]")
    sys.stderr.flush()
    time.sleep(0.3)
sys.stderr.write("\n")
{MEASURED}
"""
    told = [event.record for event in trained.events(code) if isinstance(event.record, Reached)]
    assert len(told) >= 2
    assert all(record.total_steps == 8 for record in told)


def test_a_silent_command_is_alive(trained: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ALIVE_SECONDS", 0.5)
    kinds = [event.kind for event in trained.events(f"import time; time.sleep(2.5); {MEASURED}")]
    assert kinds.count("alive") >= 1
    assert kinds[-1] == "done"


def test_losses_that_stay_nan_end_it(trained: Command) -> None:
    code = """
import time
print("{'loss': nan, 'learning_rate': 1e-05}\\n{'loss': 2.0, 'learning_rate': 1e-05}")  # one skipped step is none
for _ in range(3):
    print("{'loss': nan, 'learning_rate': 9e-06}")
time.sleep(60)
"""
    began = time.monotonic()
    assert trained.events(code)[-1].kind == "done"
    assert time.monotonic() - began < 20.0
    outcome = read_outcome(trained.work, trained.trial.config)
    assert outcome is not None
    assert (outcome.status, outcome.reason) == (
        "diverged", "the loss was NaN or infinite at step 3, learning rate 9e-06",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "kind", "reason", "is_final"),
    [
        ("import sys; sys.exit(3)", "failed", "exit code 3, and it printed nothing", False),
        ("import os; os.kill(os.getpid(), 11)", "failed", "ended by SIGSEGV, and it printed nothing", False),
        ("import os; os.kill(os.getpid(), 9)", "failed", "killed, most likely by the system for lack of memory", False),
        ("raise ValueError('no data')", "failed", "exit code 1: ValueError: no data", False),
        ("print('fine')", "failed", "found nothing that can be read; let it evaluate", True),
        ("print(\"{'loss': 1.0, 'learning_rate': 1e-5}\")", "failed", "found what it printed", True),
        ("import time; time.sleep(60)", "failed", "took longer", True),
    ],
)
def test_every_end_has_its_reason(trained: Command, code: str, kind: str, reason: str, is_final: bool) -> None:
    end = trained.events(code, timeout=2.0)[-1]
    assert (end.kind, end.is_final) == (kind, is_final)
    assert reason in end.reason
    assert "\n" not in end.reason
    assert not has_outcome(trained.trial)


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("lrscope.json", '{"dev_loss": 0.', "lrscope.json: "),
        ("lrscope.json", "[" * 100_000, "lrscope.json: "),
        ("lrscope.json", '{"note": "done"}', "lrscope.json: it holds no metric"),
        ("trainer_state.json", '{"log_history": [{"loss": 1.0, "step": 1}]}', "found trainer_state.json (train loss)"),
        ("all_results.json", '{"train_loss": 1.0}', "found all_results.json"),
        ("model.bin", "weights", "found model.bin"),
    ],
)
def test_without_an_evaluation_what_was_found_is_named(trained: Command, file: str, text: str, reason: str) -> None:
    (trained.folder / "made").write_text(text)
    code = f"import shutil, sys; shutil.copy({str(trained.folder / 'made')!r}, sys.argv[2] + '/{file}')"
    end = trained.events(code, "{out}")[-1]
    assert end.kind == "failed"
    assert reason in end.reason
    assert len(end.reason) < 600


def test_half_a_record_does_not_hide_what_was_printed(trained: Command) -> None:
    code = f"import sys; open(sys.argv[2] + '/trainer_state.json', 'w').write('{{'); {MEASURED}"
    assert trained.events(code, "{out}")[-1].kind == "done"


def test_asked_to_stop_it_ends_and_begins_anew_with_its_checkpoint(trained: Command) -> None:
    code = f"""
import os, sys, time
print("{{'loss': 2.0, 'learning_rate': 1e-05}}")
again = os.path.exists(sys.argv[3] + "/c")
open(sys.argv[3] + "/c", "w").close()
open(sys.argv[2] + "/old", "x").close()
time.sleep(0 if again else 60)
{MEASURED}
"""
    assert trained.events(code, "{out}", "{checkpoint}", stop_at="record")[-1].kind == "stopped"
    assert trained.events(code, "{out}", "{checkpoint}")[-1].kind == "done"
    assert [event.kind for event in trained.events("raise SystemExit(1)", "{out}", "{checkpoint}")] == ["done"]
