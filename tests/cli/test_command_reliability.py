"""`lrscope sweep --command` killed, stopped, flooded: nothing that completed runs again, and no process is left."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from tests.commands import TRAIN, completed, gone, marked, rows, started_controller, starts, sweep, wait_for_start
from tests.conftest import Cli
from tests.warm import WarmPython

pytestmark = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked up in /proc")

RATES = "1e-5,3e-5,1e-4,3e-4,1e-3,3e-3"


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_random_moments_nothing_is_lost_or_left(
    tmp_path: Path, cli: Cli, workers: int, warm: WarmPython
) -> None:
    straight = cli(*sweep(tmp_path / "straight", rates=RATES, seeds=3))
    out, file, draw = tmp_path / "s", tmp_path / "starts", random.Random(workers)
    again = ["sweep", "--resume", str(out), "--workers", str(workers)]
    kills = 0
    while kills < 10 and len(completed(out)) < 18:
        done, before = completed(out), len(starts(file))
        begun = (out / "study.db").exists()
        arguments = again if begun else sweep(out, "--workers", str(workers), rates=RATES, seeds=3)
        process = started_controller(warm, arguments, file)
        while kills % 3 and len(starts(file)) == before and process.poll() is None:
            time.sleep(0.01)  # else the study may be killed while it is made or opened
        time.sleep(draw.uniform(0.0, 0.4 if kills % 3 else 0.9))
        process.kill()
        if process.wait() == 0:  # it had nothing left to run
            break
        kills += 1
        assert gone(str(out)), marked(str(out))
        assert not done & set(starts(file)[before:]), "what had completed ran again"
    assert kills >= 4, "the study was finished before it was killed often enough"
    code, said, error = cli("sweep", "--resume", out)
    assert code == 0, error
    assert said.replace(str(out), "") == straight[1].replace(str(tmp_path / "straight"), "")
    assert len(rows(out)) == 18
    assert not list(out.glob("trials/*/work*"))


def test_what_takes_too_long_or_leaves_others_running_is_ended(tmp_path: Path, cli: Cli) -> None:
    for how, more in (("forever", ""), ("fork", " --seconds 30")):
        command = f"{TRAIN} --how {how}{more}"
        code, _, error = cli(*sweep(tmp_path / how, "--timeout", "1s", command=command, rates="1e-3"))
        assert code == 1, error
        ((_, _, status, why),) = rows(tmp_path / how)
        assert (status, "since it took longer than it may" in why) == ("failed", True), why
    code, _, error = cli(*sweep(tmp_path / "left", command=f"{TRAIN} --how fork", rates="1e-3"))
    assert (code, [row[2] for row in rows(tmp_path / "left")]) == (0, ["completed"]), error
    assert not marked(str(tmp_path))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_flood_is_bounded(tmp_path: Path, cli: Cli, workers: int) -> None:
    code, _, error = cli(*sweep(tmp_path / "s", "--workers", workers, command=f"{TRAIN} --how flood", rates="1e-3"))
    assert code == 0, error
    assert [row[2] for row in rows(tmp_path / "s")] == ["completed"]
    log = tmp_path / "s" / "trials" / "0001" / "output.log"
    assert 1e6 < log.stat().st_size < 20e6
    assert "'loss'" in log.read_text(encoding="utf-8")[-2000:]


@pytest.mark.parametrize("workers", [1, 2])
def test_stopped_with_ctrl_c_it_goes_on_later(tmp_path: Path, cli: Cli, workers: int, warm: WarmPython) -> None:
    out, file = tmp_path / "s", tmp_path / "starts"
    asked = sweep(out, "--workers", str(workers), command=f"{TRAIN} --seconds 2", rates="1e-3,1e-4,1e-5")
    process = started_controller(warm, asked, file)
    wait_for_start(file, workers - 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30.0) == 130
    assert gone(str(out)), marked(str(out))
    assert {row[2] for row in rows(out)} == {"planned"}
    assert len(starts(file)) == workers
    assert len(list(out.glob("trials/*/out"))) == 0


@pytest.mark.parametrize("signals", [[signal.SIGINT] * 2, [signal.SIGHUP, signal.SIGTERM]])
def test_a_second_signal_ends_at_once_what_will_not_end(
    tmp_path: Path, signals: list[signal.Signals], warm: WarmPython
) -> None:
    out, file = tmp_path / "s", tmp_path / "starts"
    process = started_controller(warm, sweep(out, command=f"{TRAIN} --how stubborn", rates="1e-3"), file)
    wait_for_start(file)
    began = time.monotonic()
    for number in signals:
        time.sleep(0.3)
        process.send_signal(number)
    assert process.wait(timeout=30.0) != 0
    assert time.monotonic() - began < 5.0
    assert gone(str(out)), marked(str(out))
    assert not completed(out)


def test_what_ignores_sigterm_is_killed_and_tried_again_later(tmp_path: Path, warm: WarmPython) -> None:
    out, file = tmp_path / "s", tmp_path / "starts"
    process = started_controller(warm, sweep(out, command=f"{TRAIN} --how stubborn", rates="1e-3"), file, grace=2.0)
    wait_for_start(file)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=40.0) == 143
    assert gone(str(out)), marked(str(out))
    assert [row[2] for row in rows(out)] == ["planned"]


@pytest.mark.slow
def test_a_killed_worker_costs_one_try(tmp_path: Path, cli: Cli, warm: WarmPython) -> None:
    """A worker and a supervisor are killed, as a system does that runs out of memory; the study completes."""
    out, file = tmp_path / "s", tmp_path / "starts"
    arguments = sweep(out, "--workers", "2", command=f"{TRAIN} --seconds 1.5", rates="1e-4,1e-3")
    process = started_controller(warm, arguments, file)
    wait_for_start(file, 1)
    worker, supervisor = parts_of(process.pid)
    os.kill(worker, signal.SIGKILL)
    os.kill(supervisor, signal.SIGKILL)
    assert process.wait(timeout=60.0) == 0
    assert [row[2] for row in rows(out)] == ["completed", "completed"]
    assert sorted(starts(file)) == ["0 0.0001"] * 2 + ["0 0.001"] * 2
    assert gone(str(out)), marked(str(out))


def parts_of(controller: int) -> tuple[int, int]:
    """Return a worker of a controller, and the supervisor of another one's command."""
    import psutil

    below = psutil.Process(controller).children(recursive=True)
    supervisors = [each for each in below if "supervisor.py" in " ".join(each.cmdline())]
    first, second = supervisors
    return first.ppid(), second.pid
