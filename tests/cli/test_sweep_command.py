"""`lrscope sweep --command`: the user's own training, whole, and every way in which a program may end."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from tests.conftest import Cli

from lrscope.store.study import StudyStore

SCRIPT = Path(__file__).parents[1] / "fixtures" / "external" / "train.py"
PROGRAM = f"{Path(sys.executable).as_posix()} {SCRIPT.as_posix()}"
TRAIN = f"{PROGRAM} --learning_rate {{lr}} --seed {{seed}} --output_dir {{out}}"


def sweep(out: Path, *more: str | Path, command: str = TRAIN, rates: str = "1e-4,1e-3", seeds: int = 1) -> list[str]:
    return [
        "sweep", "--command", command, "--lr", rates, "--seeds", str(seeds), "--out", str(out), *map(str, more),
    ]  # fmt: skip


def rows(folder: Path) -> list[tuple[float, int, str, str]]:
    with StudyStore.open(folder) as store:
        return [(row.config.peak_rate, row.config.seed, row.status, row.reason) for row in store.trials()]


def test_settings_of_any_name_are_compared(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "s"
    code, said, error = cli(*sweep(out, "--set", "width=8,64", command=f"{TRAIN} --width {{width}}", seeds=2))
    assert code == 0, error
    assert "lr 1e-3, width 64" in said.splitlines()[4]
    assert "Use lr 1e-3, width 64. " in said
    assert "4 settings × 2 seeds, 8 trials to run, 1 at a time; how long is known after the first" in error
    with StudyStore.open(out) as store:
        assert store.metric == ("accuracy", "maximize")
        train = [record for record in store.evaluations(1) if record.split == "train"]
        assert train[0].metrics["learning_rate"] == pytest.approx(1e-4)
        assert [record.step for record in train] == list(range(1, 9))
    assert sorted(path.name for path in (out / "trials" / "0001").iterdir()) == ["out", "output.log"]
    report = cli("report", out)
    assert report[0] == 0
    assert "--width 64" in (out / "report.md").read_text(encoding="utf-8")
    assert "width 64" in cli("status", out)[1]


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("crash", "failed", "exit code 1: ValueError: no such dataset"),
        ("memory", "failed", "out of memory: torch.OutOfMemoryError: CUDA out of memory."),
        ("nan", "diverged", "the loss was NaN or infinite at step 5, learning rate"),
        ("nothing", "failed", "it ended well without an evaluation"),
        ("half", "failed", "trainer_state.json: a trainer state is JSON"),
        ("record", "completed", ""),
        ("once", "completed", ""),
    ],
)
def test_however_it_ends(tmp_path: Path, cli: Cli, how: str, status: str, reason: str) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", command=f"{TRAIN} --how {how}", rates="1e-3"))
    assert code == 0, error
    ((_, _, got, why),) = rows(tmp_path / "s")
    assert (got, reason in why) == (status, True), why
    if status == "failed":
        assert reason in error


@pytest.mark.parametrize(
    ("command", "more", "message"),
    [
        (TRAIN.replace("{lr}", "1e-4"), [], "got no {lr}; write --learning_rate {lr}"),
        (f"{TRAIN} --width {{width}}", [], "got {width}; add --set width=VALUE"),
        (TRAIN, ["--set", "width=8"], "got no {width} in the command; add it, or leave width out"),
        (f"{TRAIN} --epochs {{epochs}}", [], "got {epochs}; add --epochs N"),
        (TRAIN, ["--epochs", "2"], "got no {epochs} in the command"),
        (f"{TRAIN} --config {{config}}", [], "got {config}; add --template FILE"),
        (TRAIN, ["--template", SCRIPT], "got a command without it; add {config}"),
        ("no-such-program {lr} {seed} {out}", [], "got 'no-such-program', which is not found"),
        (TRAIN, ["--metric", "glory"], "--metric"),
        (TRAIN, ["--metric", "glory"], "got 'glory'; add --minimize or --maximize"),
        (TRAIN, ["--minimize", "--maximize"], "a metric has one direction"),
        (TRAIN, ["--batch-size", "8"], "--batch-size is a setting of the built-in training: got it with --command"),
        (TRAIN, ["--set", "lr=1"], "--set is for settings that have no option: got 'lr'; write --lr"),
        (TRAIN, ["--set", "width"], "--set is NAME=VALUE"),
        (TRAIN, ["--set", "a-b=1"], "has a name of letters, digits and _"),
        (TRAIN, ["--timeout", "soon"], "--timeout is a time with its unit"),
        (TRAIN, ["--input", "/no/such/file"], "an input of the command must be readable"),
        (f"{TRAIN} && echo", [], "a command is started without a shell: got '&&'"),
        (TRAIN, ["--scale-lr", "sqrt"], "--scale-lr is a setting of the built-in training"),
        (TRAIN, ["--train", "x.txt"], "--train is a setting of the built-in training"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, cli: Cli, command: str, more: list[str | Path], message: str
) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", *more, command=command))
    assert (code, message in error) == (2, True), error
    assert error.count("\n") == 1
    assert not (tmp_path / "s").exists()


def test_a_command_without_rates_or_with_auto_is_refused(tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli("sweep", "--command", TRAIN, "--out", tmp_path / "s")
    assert (code, "a sweep needs --lr" in error) == (2, True), error
    code, _, error = cli(*sweep(tmp_path / "s", rates="auto"))
    assert (code, "needs the built-in training" in error) == (2, True), error
    code, _, error = cli("sweep", "--set", "a=1", "--lr", "1e-3")
    assert (code, "--set belongs to a training of your own" in error) == (2, True), error


def test_a_seed_that_is_not_passed_is_noted(tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", command=TRAIN.replace("--seed {seed} ", ""), rates="1e-3"))
    assert (code, "THE SEED DOES NOT REACH THE TRAINING" in error) == (0, True), error


def test_a_template_is_filled_in_and_held_to(tmp_path: Path, cli: Cli) -> None:
    template = tmp_path / "config.json"
    template.write_text('{"learning_rate": {lr}, "chat": "{{ message }}"}')
    command = TRAIN.replace("--learning_rate {lr}", "--config {config}")
    code, _, error = cli(*sweep(tmp_path / "s", "--template", template, command=command))
    assert code == 0, error
    assert [row[2] for row in rows(tmp_path / "s")] == ["completed"] * 2
    template.write_text('{"learning_rate": {lr}}')
    code, _, error = cli("sweep", "--resume", tmp_path / "s", "--seeds", "2")
    assert (code, "template changed since" in error) == (2, True), error


def test_a_study_is_extended(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    out, starts = tmp_path / "s", tmp_path / "starts"
    monkeypatch.setenv("STARTS", str(starts))
    command = f"{TRAIN} --width {{width}}"
    assert cli(*sweep(out, "--set", "width=8", command=command))[0] == 0
    assert cli("sweep", "--resume", out, "--seeds", "2", "--lr", "1e-2", "--set", "width=16")[0] == 0
    assert len(rows(out)) == 2 * 3 * 2
    assert len(starts.read_text().splitlines()) == 2 * 3 * 2
    code, _, error = cli("sweep", "--resume", out, "--command", "other {lr}")
    assert (code, "a resumed study keeps its training: got --command" in error) == (2, True), error
    code, _, error = cli("sweep", "--resume", out, "--metric", "loss")
    assert (code, "a study keeps the metric that it began with" in error) == (2, True), error


def test_settings_are_saved_and_read(tmp_path: Path, cli: Cli) -> None:
    saved = tmp_path / "study.toml"
    asked = sweep(tmp_path / "s", "--set", "width=8,16", "--save-config", saved, command=f"{TRAIN} {{width}}")
    assert cli(*asked)[0] == 0
    values = tomllib.loads(saved.read_text(encoding="utf-8"))
    assert values["trainer"]["command"][-1] == "{width}"
    assert values["sweep"]["grid"]["width"] == [8, 16]
    values["trainer"]["command"][-1:] = ["--width", "{width}"]
    lines = saved.read_text(encoding="utf-8").replace('"{width}"', '"--width",\n    "{width}"')
    saved.write_text(lines, encoding="utf-8")
    code, _, error = cli("sweep", "--config", saved, "--seeds", "1", "--out", tmp_path / "s")
    assert code == 0, error
    assert len(rows(tmp_path / "s")) == 4


@pytest.mark.parametrize(("keep", "kept"), [("all", 4), ("best", 2), ("none", 0)])
def test_output_folders_are_kept_as_asked(tmp_path: Path, cli: Cli, keep: str, kept: int) -> None:
    assert cli(*sweep(tmp_path / "s", "--keep", keep, seeds=2))[0] == 0
    assert len(list((tmp_path / "s" / "trials").glob("*/out/trainer_state.json"))) == kept
    assert len(list((tmp_path / "s" / "trials").glob("*/output.log"))) == 4


def test_test_values_stay_sealed_until_they_are_opened(tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "s"
    assert cli(*sweep(out, command=f"{TRAIN} --how record", seeds=2))[0] == 0
    assert "test accuracy" not in cli("report", out)[1]
    code, said, error = cli("report", out, "--open-test")
    assert (code, "test accuracy (not used to choose)" in said) == (0, True), error
    with StudyStore.open(out) as store:
        assert {opening["split"] for opening in store.openings()} == {"test"}


def test_the_environment_is_not_stored(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hf_verysecret")
    assert cli(*sweep(tmp_path / "s", rates="1e-3"))[0] == 0
    for path in (tmp_path / "s").rglob("*"):
        assert path.is_dir() or b"hf_verysecret" not in path.read_bytes(), path


def test_what_takes_too_long_or_will_not_end_is_ended(tmp_path: Path, cli: Cli) -> None:
    for how in ("forever", "fork"):
        command = f"{TRAIN} --how {how}" + " --seconds 30" * (how == "fork")
        code, _, error = cli(*sweep(tmp_path / how, "--timeout", "2s", command=command, rates="1e-3"))
        assert code == 0, error
        ((_, _, status, why),) = rows(tmp_path / how)
        assert (status, "since it took longer than it may" in why) == ("failed", True), why
    assert not marked(str(tmp_path))


def test_a_flood_is_bounded(tmp_path: Path, cli: Cli) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", command=f"{TRAIN} --how flood", rates="1e-3"))
    assert code == 0, error
    log = tmp_path / "s" / "trials" / "0001" / "output.log"
    assert 1e6 < log.stat().st_size < 20e6
    assert "'loss'" in log.read_text(encoding="utf-8")[-2000:]


def test_processes_give_what_one_process_gives(tmp_path: Path, cli: Cli) -> None:
    here = cli(*sweep(tmp_path / "a", seeds=2))
    there = cli(*sweep(tmp_path / "b", "--workers", "2", seeds=2))
    assert here[1].replace(str(tmp_path / "a"), "") == there[1].replace(str(tmp_path / "b"), "")
    values = json.loads(cli("report", tmp_path / "b", "--json")[1])
    assert values["choice"]["first"] == "lr 1e-3"


def marked(mark: str) -> list[str]:
    """Return the command lines of living processes that hold a mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in line and str(os.getpid()) != path.parent.name:
            found.append(line)
    return found


def controller(arguments: list[str], starts: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "STARTS": str(starts)}
    return subprocess.Popen(
        [sys.executable, "-m", "lrscope", *arguments], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_at_random_moments_nothing_is_lost_or_left(tmp_path: Path, cli: Cli, workers: str) -> None:
    rates = "1e-5,3e-5,1e-4,3e-4,1e-3,3e-3"
    straight = cli(*sweep(tmp_path / "straight", rates=rates, seeds=3))
    out, starts, draw = tmp_path / "s", tmp_path / "starts", random.Random(int(workers))
    arguments = sweep(out, "--workers", workers, command=f"{TRAIN} --seconds 0.2", rates=rates, seeds=3)
    for _ in range(10):
        before = {row[:2] for row in rows(out) if row[2] == "completed"} if (out / "study.db").exists() else set()
        started = len(starts.read_text().splitlines()) if starts.exists() else 0
        process = controller(arguments, starts)
        time.sleep(draw.uniform(0.3, 1.8))
        process.kill()
        process.wait()
        time.sleep(0.3)  # a killed controller's trees are gone in 0.05 s
        assert not marked(str(out))
        if (out / "study.db").exists():
            arguments = ["sweep", "--resume", str(out), "--workers", workers]
        again = starts.read_text().splitlines()[started:] if starts.exists() else []
        assert not {f"{seed} {rate}" for rate, seed in before} & set(again), "what was completed ran again"
        if process.returncode == 0:
            break
    code, said, error = cli("sweep", "--resume", out)
    assert code == 0, error
    assert said.replace(str(out), "") == straight[1].replace(str(tmp_path / "straight"), "")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_study_that_is_stopped_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "s"
    process = controller(sweep(out, command=f"{TRAIN} --how stubborn", rates="1e-3"), tmp_path / "starts")
    deadline = time.monotonic() + 30.0
    while not (tmp_path / "starts").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=40.0) == 143
    assert not marked(str(out))
    assert [row[2] for row in rows(out)] == ["planned"]
