"""Ctrl-C, SIGTERM, SIGHUP and closed pipes: a snapshot is left, and no unfinished work ends with 0."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest
from tests.conftest import Cli, Toy

from lrscope.errors import StudyError
from lrscope.store.study import StudyStore
from lrscope.terminal.interrupt import INTERRUPTED, SIGNALS, exit_code, graceful_interrupt
from lrscope.terminal.progress import TrialProgress
from lrscope.workflows.callbacks import StopHandle

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of another kind")


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_every_signal_asks_once_to_stop(number: signal.Signals) -> None:
    before, asked, stop = signal.getsignal(number), [], StopHandle()
    with graceful_interrupt(stop), stop.running(lambda: asked.append(1)):
        os.kill(os.getpid(), number)
        assert signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL)
    assert asked == [1]
    assert signal.getsignal(number) == before
    assert exit_code(INTERRUPTED) == 128 + number
    assert exit_code(0) == 0


def test_a_signal_while_nothing_runs_ends_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), graceful_interrupt(StopHandle()):
        os.kill(os.getpid(), signal.SIGTERM)
    assert exit_code(INTERRUPTED) == 128 + signal.SIGTERM


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = StopHandle()
        with graceful_interrupt(stop), stop.running(lambda: pytest.fail("asked to stop")):
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_pipe_that_closes_during_work_is_an_error() -> None:
    with pytest.raises(StudyError, match="before the work was done"), graceful_interrupt(StopHandle()):
        raise BrokenPipeError


def start(*arguments: str, stdout: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "lrscope", *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    end = monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert monotonic() < end
        sleep(0.05)


def test_sigterm_leaves_a_snapshot(toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start("finetune", *toy.options("--epochs", "400", "--out", str(out)))
    wait_for(out / "trials" / "0001" / "best", process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"--resume {out}" in err
    assert list((out / "trials" / "0001").glob("snapshot*"))
    with StudyStore.open(out) as store:
        assert store.trial(1).status == "interrupted"
        assert len(store.steps(1)) == store.trial(1).step > 0


def test_sighup_stops_a_sweep_and_its_workers(toy: Toy, tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    options = toy.options("--epochs", "400", "--seeds", "2", "--workers", "1", "--out", str(out))
    process = start("sweep", *options)
    work = out / "trials" / "0001" / "work"
    wait_for(work / "trials" / "0001" / "best", process)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 129, err
    assert f"--resume {out}" in err
    assert list((work / "trials" / "0001").glob("snapshot*"))


def test_a_folder_that_is_removed_during_a_run(
    toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    monkeypatch.setattr(TrialProgress, "update", lambda *_: shutil.rmtree(out, ignore_errors=True))
    code, _, err = cli("finetune", *toy.options("--out", str(out)))
    assert code == 2
    assert "moved or removed" in err
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1].startswith("lrscope: ")
    assert not out.exists()


def test_a_closed_pipe_stops_run_llama_with_an_error(toy: Toy, tmp_path: Path) -> None:
    process = start(
        "run-llama", "--option", "finetune", "--train", str(toy.train), "--dev", str(toy.dev), "--test", str(toy.test),
        "--label-names", str(toy.names), "--pretrained-model-path", str(toy.model), "--epochs", "400",
        "--dev_out", str(tmp_path / "a-dev-finetuning-output.txt"), "--out", str(tmp_path / "run"),
        "--test_out", str(tmp_path / "a-test-finetuning-output.txt"), stdout=subprocess.PIPE,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert process.returncode == 2, err
    assert "standard output was closed before the work was done" in err
    assert "Traceback" not in err
