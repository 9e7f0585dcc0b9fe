"""Watches over one command on Linux, as a small process between it and lrscope: no descendant outlives it.

Started as a script with the standard library's smallest part, since every trial waits for it:

    python -I -S supervisor.py CONTROLLER TIMEOUT GRACE FOLDER PROGRAM ARGUMENT…

Descriptors: 0 is the life line from the controller (a byte asks to stop, its end means that the controller is gone), 1
takes the report, 2 is the command's output. The report is `started PID` or `failed ERRNO PLACE`, then, when the last
descendant is gone, `ended STATUS SECONDS REASON LEFT SURVIVORS`.

Every descendant whose parent dies becomes this process's child (PR_SET_CHILD_SUBREAPER), whatever sessions and groups
it made for itself; so the tree is gone when there is no child left. The command itself is killed by the kernel should
this process be killed (PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from time import monotonic
from types import FrameType

ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)  # a batch system ends every process of a job
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
SETTLE_SECONDS = 1.0  # what the command left may end by itself: helpers of multiprocessing, loggers
LEFT_GRACE_SECONDS = 5.0
UNKILLABLE_SECONDS = 30.0  # processes of another user, or stuck in a driver


class Supervisor:
    """The command's tree from its start until the last process of it is gone."""

    def __init__(self, controller: int, timeout: float, grace: float) -> None:
        self.controller, self.timeout, self.grace = controller, timeout, grace
        self.prctl = ctypes.CDLL(None, use_errno=True).prctl
        self.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
        self.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.main = 0
        self.status: int | None = None
        self.seconds = 0.0
        self.reason = "exit"
        self.left = 0
        self.kill_at = self.give_up_at = self.term_left_at = float("inf")
        self.asked = False
        self.line_open = True
        self.woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._note)
        for number in ASKING:
            signal.signal(number, self._ask)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        """Wake the loop."""

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True

    def start(self, folder: str, command: list[str]) -> str:
        """Start the command in a session of its own; return "" or what went wrong as `ERRNO PLACE`."""
        problem, tell = os.pipe2(os.O_CLOEXEC)
        self.started = monotonic()
        own = os.getpid()
        self.main = os.fork()
        if self.main == 0:
            place = "command"
            try:
                os.setsid()
                self.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != own:
                    os._exit(127)
                signal.set_wakeup_fd(-1)
                for number in (*ASKING, signal.SIGCHLD, signal.SIGQUIT, signal.SIGPIPE, signal.SIGXFSZ):
                    signal.signal(number, signal.SIG_DFL)  # Python ignores some, nohup and shells others
                signal.pthread_sigmask(signal.SIG_SETMASK, ())
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(2, 1)
                place = "folder"
                os.chdir(folder)
                place = "command"
                os.execvp(command[0], command)  # noqa: S606 -- without a shell is what is meant
            except OSError as error:
                os.write(tell, f"{error.errno} {place}".encode())
            finally:
                os._exit(127)
        os.close(tell)
        told = os.read(problem, 100)
        os.close(problem)
        return told.decode()

    def watch(self) -> int:
        """Return how many descendants could not be ended; 0 but for those of another user."""
        poll = select.poll()
        poll.register(self.woken, select.POLLIN)
        poll.register(0, select.POLLIN)
        while self._reap():
            now = monotonic()
            self._decide(now)
            if now >= self.give_up_at:
                return len(descendants())
            due = min(self.kill_at, self.term_left_at, self._deadline())
            wait = 0.05 if now >= self.kill_at else min(1.0, max(0.0, due - now) + 0.001)
            for ready, _ in poll.poll(wait * 1000):
                if ready == self.woken:
                    os.read(self.woken, 4096)
                elif os.read(0, 4096):
                    self.asked = True
                else:
                    self.line_open = False
                    poll.unregister(0)
        return 0

    def _deadline(self) -> float:
        return self.started + self.timeout if self.timeout > 0 and self.reason == "exit" else float("inf")

    def _decide(self, now: float) -> None:
        # Another process may hold a copy of the life line, where the controller forked: so its id is looked at too.
        if self.reason != "orphaned" and (not self.line_open or os.getppid() != self.controller):
            self.reason, self.kill_at = "orphaned", now
        if self.reason == "exit" and self.status is None and (self.asked or now >= self._deadline()):
            self.reason, self.kill_at = "stop" if self.asked else "timeout", now + self.grace
            send(signal.SIGTERM)
        if self.reason == "exit" and self.status is not None:
            if self.kill_at == float("inf") and self.term_left_at == float("inf"):
                self.left = len(descendants())
                self.term_left_at = now + (0.0 if self.asked else SETTLE_SECONDS)
            if now >= self.term_left_at:
                self.term_left_at, self.kill_at = float("inf"), now + min(self.grace, LEFT_GRACE_SECONDS)
                send(signal.SIGTERM)
        if now >= self.kill_at:
            self.give_up_at = min(self.give_up_at, now + UNKILLABLE_SECONDS)
            send(signal.SIGKILL)

    def _reap(self) -> bool:
        """Collect whoever ended; return whether anybody is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.status, self.seconds = status, monotonic() - self.started


def descendants() -> list[int]:
    """Return the ids of all processes below this one, parents first."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 -- pathlib takes longer to load than all of this
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(b")")[2].split()[1])  # after the name, which may hold anything
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(name))
    found, level = [], [os.getpid()]
    while level:
        level = [child for parent in level for child in children.get(parent, ())]
        found += level
    return found


def send(number: int) -> None:
    """Send a signal to all descendants; those that are stopped are let go on, so that they can act on it."""
    for pid in descendants():
        for each in (number, signal.SIGCONT):
            try:
                os.kill(pid, each)
            except OSError:
                break


def report(line: str) -> None:
    """Tell the controller, who may be gone."""
    try:
        os.write(1, line.encode() + b"\n")
    except OSError:
        return


def main(arguments: list[str]) -> None:
    """Run one command from start to end."""
    controller, timeout, grace, folder, *command = arguments
    supervisor = Supervisor(int(controller), float(timeout), float(grace))
    problem = supervisor.start(folder, command)
    if problem:
        report(f"failed {problem}")
        return
    report(f"started {supervisor.main}")
    survivors = supervisor.watch()
    status = supervisor.status
    code = 0 if status is None else os.waitstatus_to_exitcode(status)
    report(f"ended {code} {supervisor.seconds:.3f} {supervisor.reason} {supervisor.left} {survivors}")


if __name__ == "__main__":
    main(sys.argv[1:])
