"""Sinks fed by workflows: each trial once, however often a study is stopped, killed, tried again or extended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Cli, Toy
from tests.external import Result, bowl, fake, study
from tests.sinks.test_csv_files import table
from tests.workflows.test_runs import Recorder

import lrscope
from lrscope.errors import StudyError
from lrscope.sinks import target as targets
from lrscope.sinks.base import StudyLog, TrialLog, VerdictLog
from lrscope.sinks.ledger import LEDGER
from lrscope.sinks.target import Target
from lrscope.workflows import callbacks as tell
from lrscope.workflows.callbacks import Callbacks, Stopped
from lrscope.workflows.finetune import finetune
from lrscope.workflows.study_log import log_study
from lrscope.workflows.sweep import resume_sweep, sweep, sweep_until_decided

CSV = Target("csv")
TO_CSV = Callbacks(log=(CSV,))


class Spy:
    """A sink that notes what it is given, and fails where it is told to."""

    def __init__(self) -> None:
        self.trials: list[tuple[int, str, bool]] = []
        self.verdicts: list[VerdictLog] = []
        self.fails_at = 0

    def check(self) -> None:
        """Nothing can be wrong."""

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        if trial.number == self.fails_at:
            raise OSError(28, "No space left on device")
        self.trials.append((trial.number, trial.status, is_again))

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        self.verdicts.append(verdict)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    made = Spy()
    monkeypatch.setattr(targets.Target, "sink", lambda _: made)
    return made


def test_each_trial_is_written_once_when_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spy: Spy
) -> None:
    fake(monkeypatch, bowl)
    sweep(study(seeds=2), tmp_path / "s", callbacks=TO_CSV)
    assert spy.trials == [(number, "completed", False) for number in (1, 2, 3, 4)]
    (verdict,) = spy.verdicts
    assert verdict.recommended == "lr 1e-4"
    assert [(each.setting, each.trials) for each in verdict.settings] == [("lr 1e-4", (1, 3)), ("lr 1e-3", (2, 4))]
    assert verdict.answer[0].startswith("Use lr 1e-4.")
    resume_sweep(tmp_path / "s")
    assert (len(spy.trials), len(spy.verdicts)) == (4, 1), "nothing is new"


def test_a_study_that_goes_on_keeps_its_sinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spy: Spy) -> None:
    fake(monkeypatch, bowl)
    watch = Recorder(stop_at=tell.TrialEvent)
    with pytest.raises(Stopped):
        sweep(study(seeds=2), tmp_path / "s", callbacks=Callbacks(watch.show, stop=watch.stop, log=(CSV,)))
    before = len(spy.trials)
    assert before < 4
    assert spy.verdicts == []
    resume_sweep(tmp_path / "s")
    assert sorted(number for number, _, _ in spy.trials) == [1, 2, 3, 4]
    resume_sweep(tmp_path / "s", extension={"seeds": 3})
    assert sorted(number for number, _, _ in spy.trials) == [1, 2, 3, 4, 5, 6]
    assert len(spy.verdicts) == 2
    sweep_until_decided(tmp_path / "s", 0.02, max_seeds=4)
    assert len({number for number, _, _ in spy.trials}) == len(spy.trials)


def test_what_a_killed_process_did_not_note_is_written_again_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spy: Spy
) -> None:
    fake(monkeypatch, bowl)
    sweep(study(), tmp_path / "s", callbacks=TO_CSV)
    path = tmp_path / "s" / LEDGER
    kept = json.loads(path.read_text())
    del kept["sinks"][0]["trials"]["2"]
    path.write_text(json.dumps(kept))
    resume_sweep(tmp_path / "s")
    assert spy.trials[2:] == [(2, "completed", True)]


def test_a_failed_trial_that_succeeds_later_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spy: Spy
) -> None:
    fake(monkeypatch, lambda trial: Result(status="failed", reason="no") if trial.peak_rate > 5e-4 else bowl(trial))
    sweep(study(), tmp_path / "s", callbacks=TO_CSV)
    assert spy.trials == [(1, "completed", False), (2, "failed", False)]
    fake(monkeypatch, bowl)
    resume_sweep(tmp_path / "s", retry_failed=True)
    assert spy.trials[2:] == [(2, "completed", True)]


def test_a_sink_that_fails_is_told_of_once_and_the_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spy: Spy
) -> None:
    fake(monkeypatch, bowl)
    spy.fails_at, watch = 2, Recorder()
    result = sweep(study(seeds=2), tmp_path / "s", callbacks=Callbacks(watch.show, log=(CSV,)))
    assert [each.num_finished for each in result.settings] == [2, 2]
    assert watch.of(tell.LogFailed) == [
        tell.LogFailed("csv", "No space left on device", f"lrscope log {tmp_path / 's'}")
    ]
    assert spy.trials == [(1, "completed", False)]
    assert spy.verdicts == [], "a verdict without its trials says nothing"
    with pytest.raises(StudyError, match="cannot write to csv: No space left on device"):
        log_study(tmp_path / "s")
    spy.fails_at = 0
    assert log_study(tmp_path / "s") == (CSV,)
    assert sorted(number for number, _, _ in spy.trials) == [1, 2, 3, 4]
    assert len(spy.verdicts) == 1


def test_a_stopped_and_resumed_study_leaves_what_a_straight_one_leaves(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = toy.options("--lr", "1e-3,1e-2", "--seeds", "2")
    assert cli("sweep", *options, "--out", tmp_path / "a", "--log", "csv")[0] == 0
    assert cli("sweep", *options[:-1], "1", "--out", tmp_path / "b", "--log", "csv")[0] == 0
    assert cli("sweep", "--resume", tmp_path / "b", "--seeds", "2")[0] == 0

    def left(folder: Path, name: str) -> list[dict[str, Any]]:
        rows = table(folder / "csv" / f"{name}.csv")
        return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]

    for name in ("trials", "steps", "evaluations", "verdict"):
        assert left(tmp_path / "b", name) == left(tmp_path / "a", name)
    assert len(left(tmp_path / "a", "steps")) == 4 * 12, "four trials of two epochs of six steps"


def test_a_fine_tune_is_one_run_without_a_verdict(toy: Toy, tmp_path: Path, spy: Spy) -> None:
    finetune(toy.config(epochs=1), tmp_path / "f", TO_CSV)
    assert (spy.trials, spy.verdicts) == ([(1, "completed", False)], [])
    assert log_study(tmp_path / "f") == (CSV,)
    assert len(spy.trials) == 1


def test_a_finished_study_is_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    fake(monkeypatch, bowl)
    sweep(study(), tmp_path / "s")
    code, _, said = cli("log", tmp_path / "s")
    assert code == 2
    assert said == f"lrscope: {tmp_path / 's'} is written nowhere yet: say where with --to csv, tensorboard, wandb, …\n"
    code, out, _ = cli("log", tmp_path / "s", "--to", "csv", "--to", f"csv:{tmp_path / 'tables'}")
    assert (code, out.count("is written to csv")) == (0, 2)
    ledger = json.loads((tmp_path / "s" / LEDGER).read_text())
    for folder in (tmp_path / "s" / "csv", tmp_path / "tables" / f"s-{ledger['id']}"):
        assert [row["status"] for row in table(folder / "trials.csv")] == ["completed"] * 2


def test_a_swept_function_is_logged_too(tmp_path: Path) -> None:
    def train(trial: lrscope.Trial) -> float:
        return trial.lr

    made = lrscope.sweep(train, lr=[1e-4, 1e-3], seeds=1, out=tmp_path / "s", metric="loss", progress=False, log="csv")
    assert [row["dev_loss"] for row in table(tmp_path / "s" / "csv" / "evaluations.csv")] == ["0.0001", "0.001"]
    made.add_seeds()
    assert len(table(tmp_path / "s" / "csv" / "trials.csv")) == 4
    assert [row["seeds"] for row in table(tmp_path / "s" / "csv" / "verdict.csv")] == ["2", "2"]


def test_a_wrong_sink_is_refused_before_a_folder_is_made(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, said = cli("finetune", *toy.options(), "--out", tmp_path / "f", "--log", "excel")
    assert (code, said.count("\n"), (tmp_path / "f").exists()) == (2, 1, False)
    assert "one of csv, tensorboard" in said


def test_a_failure_is_shown_even_where_all_else_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spy: Spy, capsys: pytest.CaptureFixture[str]
) -> None:
    spy.fails_at = 1

    def train(trial: lrscope.Trial) -> float:
        return trial.lr

    lrscope.sweep(train, lr=[1e-4], seeds=1, out=tmp_path / "s", metric="loss", progress=False, log=["csv"])
    said = capsys.readouterr().err
    assert said.startswith(
        "warning: cannot write to csv: No space left on device. The study goes on; later: lrscope log"
    )
    assert said.count("\n") == 1
