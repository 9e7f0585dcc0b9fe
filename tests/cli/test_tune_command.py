"""`lrscope tune --command`: the options, and a whole budget spent on a real command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.conftest import Cli

TRAIN = Path(__file__).parents[1] / "fixtures" / "external" / "train.py"
COMMAND = f"{sys.executable} {TRAIN} --learning_rate {{lr}} --seed {{seed}} --output_dir {{out}}"


def test_a_budget_is_spent_on_a_command(tmp_path: Path, cli: Cli) -> None:
    command = [
        "tune", "--command", f"{COMMAND} --epochs {{epochs}} --width {{width}}", "--set", "width=16",
        "--lr", "1e-4:1e-2", "--epochs", "5", "--budget", "6s", "--margin", "1", "--metric", "eval_loss",
        "--out", tmp_path / "t",
    ]  # fmt: skip
    code, out, error = cli(*command)
    assert code == 0, error
    assert "plan for the budget of 6" in error
    assert "run 1: lr 1e-3, to begin with" in error
    assert "run 2: lr 4.5e-4, since the best so far, 1e-3, is the lowest that ran" in error
    assert "Use lr " in out
    assert "the report is" in out
    assert f"to train it: {COMMAND.split(' --')[0]} --learning_rate 0.00" in out
    assert out.splitlines()[-1].endswith("--epochs 5 --width 16")
    code, out, error = cli(*command, "--json")
    found = json.loads(out)
    assert (code, error) == (0, "")
    assert found["train"].endswith("--epochs 5 --width 16")
    code, _, error = cli("tune", "--resume", tmp_path / "t", "--budget", "7s")
    assert code == 0, error
    assert "plan for the budget of 7" in error
    code, _, error = cli("tune", "--resume", tmp_path / "t", "--lr", "1e-5:1e-2")
    assert (code, "a resumed tune keeps its settings: got --lr" in error) == (2, True)
    code, out, _ = cli("status", tmp_path / "t")
    assert "nothing runs" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--command", COMMAND], "got no --lr; write --lr 1e-5:1e-3"),
        (["--command", COMMAND, "--lr", "1e-4"], "is a range, LOW:HIGH: got '1e-4'"),
        (["--command", COMMAND, "--lr", "1e-5:1e-3", "--batch-size", "8"], "--batch-size is a setting of the built-in"),
        (["--command", f"{COMMAND} {{r}}", "--lr", "1e-5:1e-3", "--set", "r=1,2"], "got r=1,2; compare values with"),
        (["--command", COMMAND, "--lr", "1e-5:1e-3", "--epochs", "3"], "got no {epochs} in the command"),
        (["--command", COMMAND, "--lr", "1e-5:1e-3", "--budget", "1"], "--budget is a time with its unit"),
        (["--input", "x.txt"], "--input of tune belongs to a training of your own: got it without --command"),
        (["--lr", "1e-5:1e-3"], "--lr of tune belongs to a training of your own: got it without --command"),
        (["--set", "r=1"], "--set of tune belongs to a training of your own"),
        (["--minimize"], "--minimize of tune belongs to a training of your own"),
    ],
)
def test_what_cannot_be_is_one_line(options: list[str], message: str, tmp_path: Path, cli: Cli) -> None:
    code, out, error = cli("tune", *options, "--out", tmp_path / "t")
    assert (code, out) == (2, "")
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "t" / "sweep").exists()


def test_a_command_that_fails_is_not_tried_at_every_rate(tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli(
        "tune", "--command", f"{COMMAND} --how crash", "--lr", "1e-5:1e-3", "--budget", "1h", "--out", tmp_path / "t"
    )
    assert code == 2
    assert "lr 1e-4 failed: " in error.splitlines()[-1]
    assert "ValueError: no such dataset" in error.splitlines()[-1]
    assert "THE SEED DOES NOT" not in error
    assert "output.log); mend it, and go on with: lrscope tune --resume" in error.splitlines()[-1]


def test_what_is_odd_about_a_command_is_told_before_it_runs(tmp_path: Path, cli: Cli) -> None:
    command = f"{sys.executable} {TRAIN} --learning_rate {{lr}} --output_dir {{out}} --how crash"
    code, _, error = cli("tune", "--command", command, "--lr", "1e-5:1e-3", "--budget", "1h", "--out", tmp_path / "t")
    assert code == 2
    assert "THE SEED DOES NOT REACH THE TRAINING" in error.splitlines()[0]
