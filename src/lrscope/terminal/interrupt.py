"""Ctrl-C, SIGTERM and SIGHUP during a run: the step under way is finished and a snapshot left.

A second Ctrl-C stops at once, and so does a second SIGTERM. A batch system sends SIGTERM before it kills; a terminal
that is closed, or a connection that breaks, sends SIGHUP.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lrscope.errors import StudyError
from lrscope.terminal.output import echo
from lrscope.workflows.callbacks import StopHandle

INTERRUPTED = 130  # what commands return that were stopped and can be gone on with
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_received: list[int] = []


@contextmanager
def output_until_done() -> Iterator[None]:
    """Make an error of standard output that is closed while work is under way.

    Raises:
        StudyError: whoever read standard output closed it.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise StudyError("standard output was closed before the work was done; what was done is kept") from error


@contextmanager
def graceful_interrupt(stop: StopHandle) -> Iterator[None]:
    """Ask what runs to stop at the first signal inside the block; the second one ends the process as usual.

    So does the first one while nothing runs that could leave a snapshot.

    Raises:
        StudyError: whoever read standard output closed it while work was under way.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    # What is ignored stays ignored: nohup ignores SIGHUP, and a shell SIGINT for what runs in the background.
    before = {number: signal.getsignal(number) for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}

    def first(number: int, _frame: FrameType | None) -> None:
        _received[:] = [number]
        for other in before:
            signal.signal(other, signal.default_int_handler if other == signal.SIGINT else signal.SIG_DFL)
        if not stop.is_running:
            raise KeyboardInterrupt
        echo("\nstopping, and keeping what was done; press Ctrl-C again to stop at once", err=True)
        stop.stop()

    _received.clear()
    for number in before:
        signal.signal(number, first)
    try:
        with output_until_done():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(code: int) -> int:
    """Return the exit code of a command that returned `code`: a signal that stopped it has a code of its own."""
    return 128 + _received[0] if code == INTERRUPTED and _received else code
