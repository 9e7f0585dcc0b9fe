"""Run one command to its end: its output to a log and, line by line, to whoever drives it; then how it ended."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from time import monotonic

from lrscope.runners.external.ended import Ended, signal_name, speaks_of_memory, why_not_started
from lrscope.runners.external.output_log import OutputLog
from lrscope.runners.external.output_reader import OutputReader
from lrscope.runners.external.process_tree import GRACE_SECONDS, ProcessTree, TreeEnd

LINES_KEPT = 200
TICK_SECONDS = 1.0
PROGRESS_SECONDS = 0.5


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment for a command: this process's, output that arrives line by line, and `extra` over both.

    >>> child_environment({"OMP_NUM_THREADS": "2"})["OMP_NUM_THREADS"]
    '2'
    """
    ours = {"PYTHONUNBUFFERED": "1"}
    if sys.platform == "win32":  # where a pipe would get the console's code page, which fails on others' letters
        ours["PYTHONIOENCODING"] = "utf-8"
    return {**ours, **os.environ, **(extra or {})}


def run_process(
    argv: Sequence[str], *, cwd: Path, log: Path, env: Mapping[str, str] | None = None, append_log: bool = False,
    timeout: float | None = None, grace: float = GRACE_SECONDS, stop: threading.Event | None = None,
    on_start: Callable[[int], None] | None = None, tick: float = TICK_SECONDS,
) -> Generator[str, None, Ended]:  # fmt: skip
    """Run a command, yield what it prints, and return how it ended; no process of it is left then.

    Lines come as they are printed, without what steers a terminal, cut at 10,000 characters; of a progress bar its
    states come, twice a second at most. An empty text comes when nothing was printed for `tick` seconds. A driver that
    lags 4 MB behind misses lines and does not slow the command down. Closing the generator kills the command.

    Arguments:
        argv: program and arguments; no shell in between.
        cwd: the folder to run in.
        log: file for all that is printed, bounded (see `output_log`).
        env: the whole environment; `child_environment()` by default.
        append_log: whether to go on with a log that is there.
        timeout: seconds after which it is asked to end.
        grace: seconds from asking (SIGTERM) to killing (SIGKILL).
        stop: asks it to end once set.
        on_start: called with the command's process id.
        tick: longest time in seconds between two yields.

    Raises:
        OSError: the log cannot be opened.
    """
    writer = OutputLog(log, append=append_log)
    try:
        environment = child_environment() if env is None else env
        tree = ProcessTree(argv, cwd=cwd, env=environment, timeout=timeout, grace=grace)
    except (OSError, ValueError) as error:  # arguments too long, or with a null character
        writer.close()
        return Ended(None, "", 0.0, False, False, (), not_started=f"cannot run {argv[0]}: {error}")
    reader = OutputReader(tree.output, writer)
    lines = _Lines()
    try:
        tree.started.wait()
        if on_start is not None and tree.pid is not None:
            on_start(tree.pid)
        yield from _follow(tree, reader, lines, stop, tick)
    finally:
        tree.kill()  # of what has ended nothing is left to kill
        end = tree.wait()
        reader.finish()
    for line in reader.take_lines():
        yield lines.noted(line)
    if writer.problem:
        yield f"[lrscope: {writer.problem}]"
    assert end is not None
    return _ended(end, argv[0], cwd, lines)


class _Lines:
    """What is remembered of the lines that were printed."""

    def __init__(self) -> None:
        self.last: deque[str] = deque(maxlen=LINES_KEPT)
        self.memory_line = ""

    def noted(self, line: str) -> str:
        self.last.append(line)
        if speaks_of_memory(line):
            self.memory_line = line
        return line


def _follow(
    tree: ProcessTree, reader: OutputReader, lines: _Lines, stop: threading.Event | None, tick: float
) -> Generator[str, None, None]:
    """Pass on what is printed until the tree has ended."""
    asked, shown, shown_at, yielded_at = False, "", 0.0, monotonic()
    while tree.wait(0.1 if reader.ended else 0.0) is None:
        if stop is not None and stop.is_set() and not asked:
            asked = True
            tree.stop()
        for line in reader.take_lines():
            yield lines.noted(line)
            yielded_at = monotonic()
        now = monotonic()
        if now - shown_at >= PROGRESS_SECONDS and (state := reader.progress) not in ("", shown):
            shown, shown_at, yielded_at = state, now, now
            yield state
        elif now - yielded_at >= tick:
            yielded_at = now
            yield ""
        reader.wait_for_more(min(tick, 0.2))


def _ended(end: TreeEnd, program: str, cwd: Path, lines: _Lines) -> Ended:
    status = end.status
    by_signal = signal_name(-status) or f"signal {-status}" if status is not None and status < 0 else ""
    return Ended(
        None if by_signal else status,
        by_signal,
        end.seconds,
        timed_out=end.reason == "timeout",
        stopped=end.reason in ("stop", "orphaned"),
        last_lines=tuple(lines.last),
        left=end.left,
        survivors=end.survivors,
        not_started=why_not_started(end.errno, end.place, program, str(cwd)) if end.reason == "failed" else "",
        unwatched=end.reason == "unwatched",
        memory_line=lines.memory_line,
    )
