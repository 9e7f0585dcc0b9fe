"""How a command ended, and why it failed, in one line that a person understands."""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

_OUT_OF_MEMORY = re.compile(
    r"\bOutOfMemoryError\b|\bout of memory\b|^MemoryError\b|DefaultCPUAllocator: (?:not enough|can't allocate) memory"
    r"|CUBLAS_STATUS_ALLOC_FAILED|Cannot allocate memory|\bMemoryError: ",
    re.IGNORECASE,
)
# What launchers and data loaders say of a process of theirs that got SIGKILL.
_CHILD_KILLED = re.compile(
    r"is killed by signal: Killed|exitcode *: *-9\b|Signal 9 \(SIGKILL\) received|return code = -9\b"
    r"|died with .*SIGKILL"
)
_OF_A_PROCESS = re.compile(
    r"^\s*(?:\[(?:rank ?)?\d+\]|rank ?\d+)\s*:\s?"
)  # "[rank0]: " before each line, as torchrun prints it
_TRACEBACK = "Traceback (most recent call last)"
_RAISED = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?")
# What launchers raise because the training failed, and other processes because one is gone: another error says why.
_CONSEQUENCE = re.compile(
    r"[\w.]*(?:ChildFailedError|CalledProcessError|ProcessExitedException|ProcessRaisedException|BrokenPipeError"
    r"|ConnectionResetError|DistBackendError|DistNetworkError)\b|.*(?:Connection (?:closed|reset) by peer|remote worker"
    r"|exited unexpectedly)"
)
_MAX_REASON = 300  # characters
_CHANCE = "most likely by the system for lack of memory"


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    `code` is its exit code: None where a signal ended it, whose name is `signal` then, and where it did not start,
    which `not_started` explains. `timed_out` and `stopped` say that it was asked to end. `left` counts the processes
    that it left running and that were ended, `survivors` those that could not be. `unwatched`: its supervisor was
    killed, and the command with it. `memory_line` is the last line that said that memory ran out.
    """

    code: int | None
    signal: str
    seconds: float
    timed_out: bool
    stopped: bool
    last_lines: tuple[str, ...]
    left: int = 0
    survivors: int = 0
    not_started: str = ""
    unwatched: bool = False
    memory_line: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it ended by itself, with exit code 0."""
        return self.code == 0 and not self.timed_out and not self.stopped

    @property
    def out_of_memory(self) -> bool:
        """Whether it failed because memory ran out, as far as its output and its end tell."""
        if self.succeeded or self.timed_out or self.stopped or self.not_started:
            return False
        return bool(self.memory_line) or self.signal == "SIGKILL" or self.code == 128 + 9 or bool(_child_killed(self))


def why_failed(ended: Ended) -> str:
    """Return in one line why a command failed; empty where it did not.

    >>> why_failed(Ended(1, "", 2.0, False, False, ("loading", "error: unrecognized arguments: --lr")))
    'exit code 1: error: unrecognized arguments: --lr'
    """
    if ended.succeeded:
        return ""
    if ended.not_started:
        return ended.not_started
    if ended.timed_out:
        seconds = f"{ended.seconds:.{1 if ended.seconds < 100 else 0}f}"
        return f"it was ended after {seconds} s, since it took longer than it may"
    if ended.stopped:
        return "it was stopped"
    if ended.unwatched:
        return "the process that watches over the command was killed, and the command with it"
    if ended.memory_line:
        return _cut(f"out of memory: {_bare(ended.memory_line)}")
    if killed := _child_killed(ended):
        return _cut(f"a process of it was killed, {_CHANCE}: {_bare(killed).strip()}")
    how = _how(ended)
    raised = _raised(ended.last_lines)
    last = raised or next((line.strip() for line in reversed(ended.last_lines) if line.strip()), "")
    if not last:
        return _cut(f"{how}, and it printed nothing")
    is_logged = last.startswith("{")  # an entry of a log is no error
    return _cut(f"{how}, after {_bare(last)}" if is_logged else f"{how}: {_bare(last)}")


def why_not_started(number: int, place: str, program: str, folder: str) -> str:
    """Return in one line why a command did not start: the error's number, and whether program or folder caused it.

    >>> why_not_started(errno.ENOENT, "command", "pyhton", "/code")
    'command not found: pyhton; correct its name, or install it where lrscope runs'
    """
    if place == "folder":
        return f"cannot run in the folder {folder}: {os.strerror(number)}"
    if number == errno.ENOENT and ("/" in program or "\\" in program):
        return f"command not found: {program}, in the folder {folder}; correct its path"
    if number == errno.ENOENT:
        return f"command not found: {program}; correct its name, or install it where lrscope runs"
    if number in (errno.EACCES, errno.EPERM):
        return f"not a program that may be run: {program}; write python {program}, or make it executable"
    if number == errno.ENOEXEC:
        return f"not a program: {program}; write what runs it, such as bash {program}"
    return f"cannot run {program}: {os.strerror(number)}"


def speaks_of_memory(line: str) -> bool:
    """Return whether a line says that memory ran out.

    >>> speaks_of_memory("torch.OutOfMemoryError: CUDA out of memory."), speaks_of_memory("memory: 3 GB")
    (True, False)
    """
    may = "emory" in line or "ALLOC_FAILED" in line  # every line of a flood comes by here
    return may and _OUT_OF_MEMORY.search(line) is not None


def _how(ended: Ended) -> str:
    name = ended.signal
    if not name and ended.code is not None and ended.code > 128:  # as shells tell of a child that a signal ended
        name = signal_name(ended.code - 128)
    if name == "SIGKILL":
        return f"killed, {_CHANCE}"
    if ended.signal:
        return f"ended by {ended.signal}"
    return f"exit code {ended.code}" + (f" ({name})" if name else "")


def signal_name(number: int) -> str:
    """Return the name of a signal; empty where there is none of this number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _child_killed(ended: Ended) -> str:
    """Return the line that tells of a killed process, unless an error of the training itself came first."""
    line = next((line for line in ended.last_lines if _CHILD_KILLED.search(line)), "")
    raised = _raised(ended.last_lines) if line else ""
    return "" if raised and not _CONSEQUENCE.match(raised) and not _CHILD_KILLED.search(raised) else line


def _raised(lines: Sequence[str]) -> str:
    """Return the last line of the last Python traceback; a mere consequence only where there is nothing else."""
    found = ""
    within = False
    for line in map(_bare, lines):
        if line.startswith(_TRACEBACK):
            within = True
        elif within and line[:1] not in (" ", "\t", "|", "+", "") and _RAISED.fullmatch(line):
            within = False
            if not found or not _CONSEQUENCE.match(line):
                found = line
    return found


def _bare(line: str) -> str:
    return _OF_A_PROCESS.sub("", line)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_REASON else text[: _MAX_REASON - 1] + "…"
