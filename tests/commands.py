"""A training of the user's own as a command: `fixtures/external/train.py`, swept here or in a process to be killed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from lrscope.records import FINISHED
from lrscope.store.outcomes import read_outcome
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from tests.warm import Started, WarmPython

SCRIPT = Path(__file__).parent / "fixtures" / "external" / "train.py"
PYTHON = Path(sys.executable).as_posix()
PROGRAM = f"{PYTHON} {SCRIPT.as_posix()}"
TRAIN = f"{PROGRAM} --learning_rate {{lr}} --seed {{seed}} --output_dir {{out}}"
# A suite that runs in the background ignores SIGINT, and so would what it starts. Who ignores SIGTERM has 10 s else.
LAUNCH = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from lrscope.cli.app import main
from lrscope.runners.external.run_process import run_process
run_process.__kwdefaults__["grace"] = float(sys.argv[1])
main(sys.argv[2:])
"""


def sweep(out: Path, *more: str | Path, command: str = TRAIN, rates: str = "1e-4,1e-3", seeds: int = 1) -> list[str]:
    """Return the arguments of a sweep of the training."""
    return [
        "sweep", "--command", command, "--lr", rates, "--seeds", str(seeds), "--out", str(out), *map(str, more),
    ]  # fmt: skip


def rows(folder: Path) -> list[tuple[float, int, str, str]]:
    """Return what became of a study's trials: rate, seed, status, reason."""
    with StudyStore.open(folder) as store:
        return [(row.config.peak_rate, row.config.seed, row.status, row.reason) for row in store.trials()]


def completed(folder: Path) -> set[str]:
    """Return which trials have their outcome, in the study or still in their own folder, as `starts` writes them."""
    if not (folder / DATABASE).is_file():
        return set()
    with StudyStore.open(folder) as store:
        return {
            f"{row.config.seed} {row.config.peak_rate}"
            for row in store.trials()
            if row.status in FINISHED
            or (
                ((work := store.work_folder(row.id)) / DATABASE).is_file()
                and read_outcome(work, row.config) is not None
            )
        }


def starts(file: Path) -> list[str]:
    """Return the starts of the training that it wrote down there, as `SEED RATE`."""
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def started_controller(warm: WarmPython, arguments: list[str], file: Path, grace: float = 10.0) -> Started:
    """Start lrscope in a process of its own; the training writes its starts into `file`."""
    return warm.start(LAUNCH, grace, *arguments, env={"STARTS": str(file)})


def wait_for_start(file: Path, already: int = 0, seconds: float = 30.0) -> None:
    """Wait until the training has started once more than `already`."""
    deadline = time.monotonic() + seconds
    while len(starts(file)) <= already:
        assert time.monotonic() < deadline, "nothing was started"
        time.sleep(0.01)


def marked(mark: str) -> list[str]:
    """Return the command lines of living processes that hold a mark, without this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if mark in line and str(os.getpid()) != path.parent.name:
            found.append(line)
    return found


def gone(mark: str, seconds: float = 2.0) -> bool:
    """Whether no process that holds a mark is left within so many seconds."""
    deadline = time.monotonic() + seconds
    while marked(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
