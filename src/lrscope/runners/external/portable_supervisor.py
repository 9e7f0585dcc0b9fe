"""Watches over one command where Linux's means are missing (macOS, Windows); arguments and report as in `supervisor`.

Descendants are found by looking, five times a second, and at the end by the mark in their environment. What makes
itself independent in less time than that, and clears its environment, can escape.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic, sleep

import psutil

MARK = "LRSCOPE_PROCESS_TREE"
LOOK_SECONDS = 0.2
SETTLE_SECONDS, LEFT_GRACE_SECONDS, UNKILLABLE_SECONDS = 1.0, 5.0, 30.0
WINDOWS = os.name == "nt"


class Tree:
    """A process and whoever descends from it, as far as they were seen."""

    def __init__(self, main: subprocess.Popen[bytes]) -> None:
        self.main = main
        self.known: dict[int, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            self.known[main.pid] = psutil.Process(main.pid)

    def look(self, *, by_mark: bool = False) -> list[psutil.Process]:
        """Return the living; those with the mark of this tree in their environment too where asked for."""
        for process in list(self.known.values()):
            with contextlib.suppress(psutil.Error):
                for child in process.children(recursive=True):
                    self.known.setdefault(child.pid, child)
        if by_mark:
            for process in marked(os.environ.get(MARK, "")):
                self.known.setdefault(process.pid, process)
        self.main.poll()
        self.known = {pid: process for pid, process in self.known.items() if _lives(process)}
        return list(self.known.values())

    def end(self) -> int:
        """Kill all of them; return how many could not be."""
        give_up_at = monotonic() + UNKILLABLE_SECONDS
        while living := self.look(by_mark=True):
            for process in living:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            if monotonic() > give_up_at:
                return len(living)
            sleep(0.05)
        return 0

    def ask(self) -> None:
        """Ask all of them to end."""
        if WINDOWS:
            with contextlib.suppress(OSError):
                self.main.send_signal(signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
            return
        for process in self.look(by_mark=True):
            with contextlib.suppress(psutil.Error):
                process.terminate()
                process.resume()


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that have this mark in their environment, without this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if mark and process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


class LifeLine:
    """What the controller says: nothing, a byte to stop, or its end."""

    def __init__(self, controller: int) -> None:
        self.controller = controller
        self.asked, self.broken = False, False
        threading.Thread(target=self._listen, daemon=True).start()
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True

    def _listen(self) -> None:
        while os.read(0, 4096):
            self.asked = True
        self.broken = True

    @property
    def is_broken(self) -> bool:
        """Whether the controller is gone."""
        return self.broken or (not WINDOWS and os.getppid() != self.controller)


def watch(tree: Tree, line: LifeLine, timeout: float, grace: float) -> tuple[str, int]:
    """Wait for the end of the command, or bring it about; return why it ended, and how many processes it left."""
    deadline = monotonic() + timeout if timeout > 0 else float("inf")
    reason = ""
    while tree.main.poll() is None:
        if line.is_broken:
            return "orphaned", 0
        if not reason and (line.asked or monotonic() >= deadline):
            reason = "stop" if line.asked else "timeout"
            deadline = monotonic() + grace
            tree.ask()
        elif reason and monotonic() >= deadline:
            return reason, 0
        tree.look()
        with contextlib.suppress(subprocess.TimeoutExpired):
            tree.main.wait(LOOK_SECONDS)
    left = len(tree.look(by_mark=True))
    for seconds, then in ((SETTLE_SECONDS, tree.ask), (min(grace, LEFT_GRACE_SECONDS), None)):
        until = monotonic() + seconds
        while tree.look() and monotonic() < until and not line.is_broken:
            sleep(0.05)
        if then is not None and tree.look():
            then()
    return reason or "exit", left


def report(line: str) -> None:
    """Tell the controller, who may be gone."""
    with contextlib.suppress(OSError):
        os.write(1, line.encode() + b"\n")


def main(arguments: list[str]) -> None:
    """Run one command from start to end."""
    controller, timeout, grace, folder, *command = arguments
    line = LifeLine(int(controller))
    if not Path(folder).is_dir():
        report(f"failed {errno.ENOENT} folder")
        return
    program = shutil.which(command[0]) if WINDOWS else command[0]  # finds .cmd and .bat, too
    started = monotonic()
    try:
        process = subprocess.Popen(  # noqa: S603 -- without a shell is what is meant
            [program or command[0], *command[1:]], cwd=folder, stdin=subprocess.DEVNULL, stdout=2, stderr=2,
            start_new_session=not WINDOWS, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )  # fmt: skip
    except OSError as error:
        report(f"failed {error.errno} command")
        return
    report(f"started {process.pid}")
    tree = Tree(process)
    reason, left = watch(tree, line, float(timeout), float(grace))
    seconds = monotonic() - started
    survivors = tree.end()
    code = process.wait() if survivors == 0 else process.poll() or 0
    report(f"ended {code} {seconds:.3f} {reason} {left} {survivors}")


if __name__ == "__main__":
    main(sys.argv[1:])
