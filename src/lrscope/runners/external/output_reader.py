"""Takes what a command prints as fast as it prints it: to the log at once, as lines to whoever asks."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Iterator
from time import sleep

from lrscope.runners.external.output_log import OutputLog

MAX_LINE = 10_000  # characters
_READ_BYTES = 1 << 20
_MAX_WAITING = 4 << 20  # bytes of lines that nobody has taken yet; beyond it the oldest are dropped
_FLOOD_PAUSE_SECONDS = 0.1  # in which the reader has the interpreter to itself
_ACTS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")


class OutputReader:
    """A thread that reads a descriptor to its end, so that a command never waits for whoever drives it."""

    def __init__(self, descriptor: int, log: OutputLog) -> None:
        self._descriptor, self._log = descriptor, log
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._flooded = self._finished = False
        self._lock = threading.Lock()
        self._more = threading.Event()
        self._thread = threading.Thread(target=self._read, name="lrscope output", daemon=True)
        self._thread.start()

    @property
    def progress(self) -> str:
        """The state of the progress bar that the command draws; empty where it draws none."""
        return cleaned(self._log.progress.decode("utf-8", "replace"))

    @property
    def ended(self) -> bool:
        """Whether all was read that there will ever be."""
        return not self._thread.is_alive()

    def wait_for_more(self, seconds: float) -> None:
        """Wait until there are lines to take, or the end was reached, but no longer than so many seconds."""
        if self._more.wait(seconds):
            self._more.clear()

    def take_lines(self) -> Iterator[str]:
        """Give the lines that were read since, cleaned, without empty ones."""
        while True:
            with self._lock:
                while self._flooded and len(self._waiting) > 1:  # only the newest, or there will be more than ever
                    self._waiting.popleft()
                if not self._waiting:
                    break
                chunk = self._waiting.popleft()
                self._size = sum(map(len, self._waiting))
                flooded, self._flooded = self._flooded, False
            for line in chunk.decode("utf-8", "replace").split("\n"):
                if line and (text := cleaned(line)):
                    yield text
            if flooded and not self.ended:
                sleep(_FLOOD_PAUSE_SECONDS)

    def finish(self, seconds: float = 5.0) -> None:
        """Wait for the end of the output and close the log.

        It comes as soon as nobody holds the other end of the pipe; who got hold of it without being a descendant of the
        command is not waited for longer than so many seconds.
        """
        self._thread.join(seconds)
        with self._lock:
            self._finished = True
            last = self._log.close()
        self._pass_on(last)

    def _read(self) -> None:
        try:
            while data := os.read(self._descriptor, _READ_BYTES):
                with self._lock:
                    if self._finished:
                        break
                    lines = self._log.write(data)
                self._pass_on(lines)
        finally:
            os.close(self._descriptor)
            self._more.set()

    def _pass_on(self, lines: bytes) -> None:
        if not lines:
            return
        with self._lock:
            self._waiting.append(lines)
            self._size += len(lines)
            while self._size > _MAX_WAITING and len(self._waiting) > 1:
                self._size -= len(self._waiting.popleft())
                self._flooded = True
        self._more.set()


def cleaned(line: str) -> str:
    r"""Return a line without what steers a terminal and without blanks at its end, cut at 10,000 characters.

    >>> cleaned("\x1b[32mloss\x1b[0m 0.3 \n")
    'loss 0.3'
    """
    line = line[:MAX_LINE]
    return (line if line.isprintable() else _ACTS.sub("", line)).rstrip()
