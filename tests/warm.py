"""Processes to be killed at random moments, each forked off one that has done nothing but load torch and lrscope.

What is killed is a process of its own, as one that a user starts; only the seconds in which nothing but modules is
loaded are spent once and not each time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

LOADED = (
    "torch",
    "lrscope.cli.app",
    "lrscope.executors.processes",
    "lrscope.runners.native",
    "lrscope.workflows.sweep",
)
MOST = 1 << 20  # bytes of a message


def serve(line: socket.socket) -> None:
    """Start what is asked for, and tell how it ended, until nobody asks any more."""
    ended: dict[int, int] = {}
    while True:
        message, streams, _, _ = socket.recv_fds(line, MOST, 3)
        if not message:
            return
        asked = json.loads(message)
        if "poll" in asked:
            pid = asked["poll"]
            if pid not in ended and (found := os.waitpid(pid, os.WNOHANG)) != (0, 0):
                ended[pid] = os.waitstatus_to_exitcode(found[1])
            answer = ended.get(pid)
        elif (answer := os.fork()) == 0:
            line.close()
            _be(asked, streams)
        for stream in streams:
            os.close(stream)
        line.send(json.dumps(answer).encode())


def _be(asked: Mapping[str, object], streams: Sequence[int]) -> None:
    """Run a program as `python -c` does, in this process, and end it."""
    code = 1
    try:
        os.setsid()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.environ.clear()
        os.environ.update(asked["env"])  # type: ignore[arg-type]
        sys.argv = ["-c", *asked["arguments"]]  # type: ignore[misc]
        exec(compile(asked["code"], "<warm>", "exec"), {"__name__": "__main__"})  # type: ignore[arg-type]
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 -- as Python ends with whatever is raised
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class Started:
    """A process that was started; what `subprocess.Popen` has of it. `stdout` is there where it was asked for."""

    def __init__(self, line: socket.socket, pid: int, stdout: IO[str] | None) -> None:
        self._line, self.pid, self.stdout = line, pid, stdout

    def poll(self) -> int | None:
        """Return its exit code, negative for a signal; None while it runs."""
        return _ask(self._line, {"poll": self.pid})

    def wait(self, timeout: float = 120.0) -> int:
        """Wait for its end, and return its exit code."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < until, "it has not ended"
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it still runs."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Started:
        return self

    def __exit__(self, *_: object) -> None:
        if self.stdout is not None:
            self.stdout.close()
        self.wait()


class WarmPython:
    """Starts Python programs in processes that have everything loaded."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def start(
        self, code: str, *arguments: object, env: Mapping[str, str] | None = None, stdout: bool = False
    ) -> Started:
        """Start `python -c CODE ARGUMENT…`; what it prints goes nowhere, or where `stdout` says that it is read."""
        asked = {"code": code, "arguments": [str(each) for each in arguments], "env": {**os.environ, **(env or {})}}
        with Path(os.devnull).open("r+b") as nowhere:
            ours, theirs = os.pipe() if stdout else (None, nowhere.fileno())
            pid = _ask(self._line, asked, (nowhere.fileno(), theirs, 2))
            if stdout:
                os.close(theirs)
        assert pid is not None
        return Started(self._line, pid, None if ours is None else os.fdopen(ours, encoding="utf-8"))


def _ask(line: socket.socket, asked: object, streams: Sequence[int] = ()) -> int | None:
    socket.send_fds(line, [json.dumps(asked).encode()], streams)
    answer = json.loads(line.recv(MOST))
    assert answer is None or isinstance(answer, int)
    return answer


@contextlib.contextmanager
def warm_python() -> Iterator[WarmPython]:
    """Load everything once, in a process that nothing is run in."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    number = str(theirs.fileno())
    server = subprocess.Popen(
        [sys.executable, __file__, number], pass_fds=[theirs.fileno()], env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    theirs.close()
    with ours, server:
        try:
            yield WarmPython(ours)
        finally:
            ours.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    from importlib import import_module

    for name in LOADED:
        import_module(name)
    serve(socket.socket(fileno=int(sys.argv[1])))
