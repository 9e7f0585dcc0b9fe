"""What a function prints in a process of its own, kept in a bounded log; with what programs that it starts print."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lrscope.runners.external.output_log import OutputLog

PIECE = 1 << 16
CLOSE_SECONDS = 5.0  # a program that the function left running may hold the pipe open


_captured: list[Path] = []


def write_log(path: Path, text: str) -> None:
    """Write into a log: behind what was printed, where this process's output goes there.

    Raises:
        OSError: it cannot be written.
    """
    if path in _captured:
        sys.stderr.write(text)
        return
    with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(text)


@contextmanager
def captured_output(path: Path) -> Iterator[None]:
    """Send standard output and error of this whole process to a log, which goes on where an earlier attempt has one.

    Raises:
        OSError: the log cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    log = OutputLog(path, append=True)
    read_end, write_end = os.pipe()
    before = {number: os.dup(number) for number in (1, 2)}

    def pump() -> None:
        while piece := os.read(read_end, PIECE):
            log.write(piece)

    reader = threading.Thread(target=pump, name="output", daemon=True)
    reader.start()
    for number in before:
        os.dup2(write_end, number)
    os.close(write_end)
    streams = sys.stdout, sys.stderr  # made for what these were before, such as a file that can be sought
    sys.stdout, sys.stderr = (
        os.fdopen(number, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)
        for number in before
    )
    _captured.append(path)
    try:
        yield
    finally:
        _captured.remove(path)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        sys.stdout, sys.stderr = streams
        for number, saved in before.items():
            os.dup2(saved, number)
            os.close(saved)
        reader.join(CLOSE_SECONDS)
        log.close()
