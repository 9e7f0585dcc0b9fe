"""What a study has still before it, and the command that goes on with it."""

from __future__ import annotations

from dataclasses import dataclass

from lrscope.config.command_line import CommandLine


@dataclass(frozen=True)
class RunsLeft:
    """A study of whose `planned` runs only some have ended; `command` runs the others, which are at `rates`.

    With `is_running` a process runs them now.
    """

    ended: int
    planned: int
    command: CommandLine
    rates: tuple[float, ...] = ()
    is_running: bool = False


@dataclass(frozen=True)
class TuneAhead:
    """A tune that more runs would tell something; `command` makes them, None where a Python function trains.

    Where its budget `is_spent` the command names a larger one. `seconds` is about what that takes, NaN where not known.
    """

    command: CommandLine | None
    is_spent: bool
    seconds: float


Ahead = RunsLeft | TuneAhead
