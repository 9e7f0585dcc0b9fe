"""What can go wrong that a user can mend, one class a kind of mistake.

    LrscopeError
    ├── ConfigError        a setting that cannot be: a rate of zero, a batch of none
    ├── ScheduleError      a schedule that does not read, or does not fit its run
    ├── DataError          an example file: missing, empty, or wrong on a line
    ├── CheckpointError    weights or a tokenizer that cannot be read or do not belong together
    ├── StudyError         a study folder: held by another study, nothing to resume, not writable
    │   └── UnusableStudyError  what lies there is shown to be damaged, or to be of something else
    └── ExecutorError      a place for trials that is not there: Ray not installed, a cluster not reached

Each message is one line: the rule, what was got, the way out. The command line prints it and exits with 2.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """What is wrong with a setting. In `rule` and `way_out`, `{batch_size}` stands for the name of that setting.

    Who reports it decides how settings are spelled: a key in a TOML file is an option on the command line.

    >>> Problem("{batch_size} must be at least 1", "0", "try 32").text(lambda name: f"--{name.replace('_', '-')}")
    '--batch-size must be at least 1: got 0; try 32'
    """

    rule: str
    got: str
    way_out: str = ""

    def text(self, spell: Callable[[str], str] = str) -> str:
        """Return the problem in one line, with settings spelled by `spell`."""

        def spelled(template: str) -> str:
            return re.sub(r"\{(\w+)\}", lambda match: spell(match[1]), template)

        way_out = f"; {spelled(self.way_out)}" if self.way_out else ""
        return f"{spelled(self.rule)}: got {self.got}{way_out}"


class LrscopeError(Exception):
    """Anything that lrscope refuses, with a message for the person at the keyboard.

    `problems` are all that is wrong, joined by `; `. `source` is the file that they were found in, with its line where
    it has one; empty where what is wrong was asked for by a program or a command line.
    """

    def __init__(self, *problems: str | Problem, source: str = "") -> None:
        self.problems = problems
        self.source = source
        super().__init__(self.text())

    def text(self, spell: Callable[[str], str] = str) -> str:
        """Return the message, with settings spelled by `spell`."""
        told = "; ".join(item.text(spell) if isinstance(item, Problem) else item for item in self.problems)
        return f"{self.source}: {told}" if self.source else told

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the lines of one's own code down to the call of lrscope, and the message."""
        package, own = str(Path(__file__).parent), []
        for frame in traceback.extract_tb(self.__traceback__):
            if frame.filename.startswith(package):
                break
            if "IPython" not in Path(frame.filename).parts:
                where = "" if "ipykernel" in frame.filename else f"{frame.filename}, "
                own.append(f"{where}line {frame.lineno}: {frame.line}")
        return [*own, f"{type(self).__name__}: {self}"]


class ConfigError(LrscopeError):
    """A setting, or several, that cannot be. All problems are reported at once."""


class ScheduleError(LrscopeError):
    """A schedule or a duration that does not read, or that does not fit the run it is meant for.

    `column` is the 0-based place in the text where reading stopped, or None.
    """

    def __init__(self, message: str | Problem, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


class DataError(LrscopeError):
    """A file of examples that cannot be used; the message names file and line."""


class CheckpointError(LrscopeError):
    """Weights or a tokenizer that cannot be read, or that do not belong together."""


class StudyError(LrscopeError):
    """A study folder that cannot be written, resumed, or that belongs to something else."""


class UnusableStudyError(StudyError):
    """A study that no process can go on with: its files are shown to be damaged, or to be of something else.

    Never what may pass: a full disk, a lock, missing permissions.
    """


class ExecutorError(LrscopeError):
    """A place where trials should run that is not there, or not reached."""
