"""One command with all its descendants, started, asked to stop, and ended as one; nothing of it is left behind.

A small supervisor stands between (`supervisor`; `portable_supervisor` on other systems than Linux), so that the tree
ends even when this process is killed with SIGKILL: the supervisor holds one end of a life line, and sees it break.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep

GRACE_SECONDS = 10.0  # between SIGTERM and SIGKILL
MARK = "LRSCOPE_PROCESS_TREE"  # in the environment of all processes of a tree: how they are found without a supervisor
_PIPE_BYTES = 1 << 20  # Linux's default of 64 KiB makes whoever prints much wait
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ, which Python 3.11 knows on Linux only
# The Linux supervisor needs ctypes, which a Python may be built without.
PORTABLE = sys.platform != "linux" or importlib.util.find_spec("_ctypes") is None


@dataclass(frozen=True)
class TreeEnd:
    """How a tree ended: `status` is the exit code, or minus the signal's number; None where nobody could tell.

    `reason`: "exit" by itself, "stop" asked for, "timeout", "orphaned" by its controller, "failed" to start,
    "unwatched" because its supervisor was killed. `left` is how many descendants the command left, which were ended;
    `survivors` how many could not be.
    """

    status: int | None
    seconds: float
    reason: str
    left: int = 0
    survivors: int = 0
    errno: int = 0  # of a failed start
    place: str = ""  # of a failed start: "command" or "folder"


class ProcessTree:
    """A command that runs, or has run. `output` is a descriptor that gives what it prints until its end.

    Started as soon as it is made; `started` tells when the command itself has, or could not be. Safe to use from any
    thread.
    """

    def __init__(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:  # fmt: skip
        self._mark = secrets.token_hex(16)
        self._end: TreeEnd | None = None
        self.pid: int | None = None
        self.started = threading.Event()
        self.output, write_end = os.pipe()
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # over the user's limit of pipe memory
                import fcntl

                fcntl.fcntl(self.output, _SET_PIPE_SIZE, _PIPE_BYTES)
        try:
            self._supervisor = subprocess.Popen(  # noqa: S603 -- our own script
                [*_supervisor_command(), str(os.getpid()), str(timeout or 0.0), str(grace), str(cwd), *argv],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=write_end, env={**env, MARK: self._mark},
                bufsize=0, start_new_session=os.name != "nt",  # Ctrl-C reaches the controller only, who decides
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )  # fmt: skip
        except BaseException:
            os.close(self.output)
            raise
        finally:
            os.close(write_end)
        self._line_lock = threading.Lock()
        self._waiter = threading.Thread(target=self._listen, name="lrscope process tree", daemon=True)
        self._waiter.start()

    def stop(self) -> None:
        """Ask all processes to end (SIGTERM); those that have not after the grace period are killed."""
        with self._line_lock, contextlib.suppress(OSError, ValueError):  # it may be gone already
            assert self._supervisor.stdin is not None
            self._supervisor.stdin.write(b"s")

    def kill(self) -> None:
        """Kill all processes at once."""
        with self._line_lock, contextlib.suppress(OSError):
            assert self._supervisor.stdin is not None
            self._supervisor.stdin.close()

    def wait(self, timeout: float | None = None) -> TreeEnd | None:
        """Return how the tree ended once it has, or None when that takes longer than `timeout` seconds."""
        self._waiter.join(timeout)
        return self._end

    def _listen(self) -> None:
        assert self._supervisor.stdout is not None
        end = None
        with self._supervisor.stdout as lines:
            for line in lines:
                kind, *values = line.decode().split()
                if kind == "started":
                    self.pid = int(values[0])
                    self.started.set()
                elif kind == "failed":
                    end = TreeEnd(None, 0.0, "failed", errno=int(values[0]), place=values[1])
                elif kind == "ended":
                    code, seconds, reason, left, survivors = values
                    end = TreeEnd(int(code), float(seconds), reason, int(left), int(survivors))
        self._supervisor.wait()
        if end is None:
            end = TreeEnd(None, 0.0, "unwatched", survivors=_end_marked(self._mark))
        self.kill()  # closes our end of the life line
        self._end = end
        self.started.set()


def _supervisor_command() -> list[str]:
    name = "portable_supervisor.py" if PORTABLE else "supervisor.py"
    # -P, -I: modules beside the script must not take the place of the standard library's. -S: only that is needed.
    options = ["-P"] if PORTABLE else ["-I", "-S"]
    return [sys.executable, *options, str(Path(__file__).with_name(name))]


def _end_marked(mark: str) -> int:
    """Kill the processes that have a tree's mark in their environment; return how many there still are."""
    found: list[int] = []
    for _ in range(100):
        found = _marked(mark)
        if not found:
            break
        for pid in found:
            with contextlib.suppress(OSError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))  # on Windows the one kills as the other does
        sleep(0.05)
    return len(found)


def _marked(mark: str) -> list[int]:
    if PORTABLE:
        from lrscope.runners.external import portable_supervisor

        return [process.pid for process in portable_supervisor.marked(mark)]
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found
