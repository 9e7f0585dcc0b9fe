"""What sinks are given: a trial's history by step, names, targets as they are typed, a ledger that is checked."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tests.sinks.records import FAILED, NATIVE, OWN

from lrscope.errors import ConfigError, StudyError
from lrscope.sinks import target as targets
from lrscope.sinks.ledger import LEDGER, Ledger
from lrscope.sinks.target import KINDS, Target, checked, one_line


def test_a_history_has_each_step_once_and_tells_an_updates_loss_from_an_epochs() -> None:
    rows = list(NATIVE.history())
    assert [step for step, _, _ in rows] == [0, 1, 2]
    assert [seconds for _, seconds, _ in rows] == [1.0, 2.0, 5.0]
    assert rows[0][2] == {"train/learning_rate": 1e-3, "train/loss": 1.5, "train/gradient_norm": 2.0}
    assert math.isnan(rows[1][2].pop("train/gradient_norm")), "logged as it was"
    assert rows[1][2] == {
        "train/learning_rate": 5e-4,
        "train/loss": 1.25,
        "dev/loss": 1.4,
        "dev/f1": 0.25,
        "epoch": 0.5,
    }
    assert rows[2][2] == {"dev/loss": 1.3, "dev/f1": 0.5, "train_epoch/loss": 1.375, "epoch": 1.0}


def test_a_training_of_ones_own_keeps_what_it_logged() -> None:
    rows = {step: values for step, _, values in OWN.history()}
    assert rows[5] == {"train/loss": 2.0, "train/learning_rate": 1e-2}
    assert rows[10]["dev/bleu"] == 3.0
    assert list(FAILED.history()) == []


def test_names_tell_trials_apart() -> None:
    assert NATIVE.name == "0001 lr 1e-3, seed 0"
    assert (NATIVE.short_name, OWN.outcome) == ("0001-lr-1e-3-seed-0", "diverged: loss became nan")


def test_a_folder_is_kept_whole_and_a_project_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Target.parse("tensorboard:tb").where == str(tmp_path / "tb")
    assert Target.parse(" WandB:team/project ") == Target("wandb", "team/project")
    assert str(Target("csv")) == "csv"
    with pytest.raises(ConfigError, match="one of csv, tensorboard, wandb, mlflow, trackio: got 'excel:x'"):
        Target.parse("excel:x")


def test_what_cannot_be_written_is_one_line_before_anything_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"^--log csv:.*file/x cannot be written to: Not a directory; leave it out$"):
        checked([f"csv:{tmp_path / 'file' / 'x'}"])
    monkeypatch.setattr(targets, "find_spec", lambda _: None)
    for kind in KINDS.keys() - {"csv"}:
        with pytest.raises(ConfigError) as refused:
            checked([kind])
        assert str(refused.value) == (
            f'--log {kind} needs {kind}, which is not installed: pip install "lrscope[{kind}]"'
        )
    assert checked(["csv", "csv"]) == (Target("csv"),)


def test_an_error_of_others_is_one_short_line() -> None:
    assert one_line(ValueError("a\n b.")) == "a b"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(one_line(ValueError("x" * 1000))) == 301


def test_a_ledger_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    ledger = Ledger.read(tmp_path, "mine")
    ledger.add()
    assert not (tmp_path / LEDGER).exists(), "a study without sinks has none"
    ledger.add(Target("csv"), Target("wandb", "p"))
    ledger.sinks[Target("csv")].trials[2] = "completed 10 1"
    ledger.save()
    again = Ledger.read(tmp_path, "another")
    assert (again.name, again.id, again.sinks) == ("mine", ledger.id, ledger.sinks), "whatever its folder is called now"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../x"}, {"name": "../x"}, {"name": ".."}, {"sinks": {}}, {"sinks": [1]},
        {"sinks": [{"kind": "excel", "where": "", "trials": {}, "verdict": ""}]},
        {"sinks": [{"kind": "csv", "where": 1, "trials": {}, "verdict": ""}]},
        {"sinks": [{"kind": "csv", "where": "", "trials": {"x": ""}, "verdict": ""}]},
        {"sinks": [{"kind": ["csv"], "where": "", "trials": {}, "verdict": ""}]},
    ],
)  # fmt: skip
def test_a_ledger_that_was_changed_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    good = {"name": "mine", "id": "abc123", "sinks": []}
    (tmp_path / LEDGER).write_text(json.dumps({**good, **change}))
    with pytest.raises(StudyError, match=r"logs\.json is damaged: .*remove it"):
        Ledger.read(tmp_path, "mine")
