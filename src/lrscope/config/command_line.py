"""Commands to type, made of settings and their values: the one place where a command line is built."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lrscope.config.catalogue import option_settings
from lrscope.number_text import format_number, format_rate

Shell = Literal["posix", "cmd", "powershell"]
# Options of commands that are no settings of a study.
OWN_OPTIONS = frozenset({
    "config", "resume", "retry_failed", "until_decided", "max_seeds", "confirm", "confirm_rates", "confirm_seeds",
    "budget", "margin", "out", "run", "dev_size",
})  # fmt: skip
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./\\:,@")


@dataclass(frozen=True)
class CommandLine:
    """A command of lrscope: its verb, what stands without an option, and options by the name of their setting.

    A list is written with commas, schedules with semicolons; True is an option without a value. Names are those of
    settings, and nothing else: what an imported file calls its settings never gets into a command.

    >>> print(CommandLine("sweep", {"model": "my model", "peak_rate": (1e-4, 1e-3), "gradient_checkpointing": True}))
    lrscope sweep --model 'my model' --lr 1e-4,1e-3 --gradient-checkpointing

    Raises:
        ValueError: there is no such setting.
    """

    verb: str
    options: Mapping[str, Any] = field(default_factory=dict)
    positional: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        unknown = [name for name in self.options if name not in OWN_OPTIONS and name not in option_settings()]
        if unknown:
            raise ValueError(f"no setting is called {unknown[0]!r}")

    def __str__(self) -> str:
        return self.text()

    def text(self, shell: Shell | None = None) -> str:
        """Return the line to type in a shell, the one at hand where none is named."""
        kind = shell or shell_at_hand()
        words = ["lrscope", *self.verb.split(), *(quote(word, kind) for word in self.positional)]
        for name, value in self.options.items():
            flag = option_settings()[name].flag if name in option_settings() else "--" + name.replace("_", "-")
            if value is True:
                words.append(flag)
                continue
            text = _text(name, value)
            # A value that begins with a dash would be taken for an option.
            words += [f"{flag}={quote(text, kind)}"] if text.startswith("-") else [flag, quote(text, kind)]
        return " ".join(words)

    def with_options(self, **options: Any) -> CommandLine:
        """Return the command with these options in the place of those that stand there, and behind the others."""
        kept = {name: value for name, value in self.options.items() if name not in options}
        return replace(self, options={**kept, **options})


def quote(word: object, shell: Shell | None = None) -> str:
    r"""Return a word so that a shell, the one at hand where none is named, takes it for one and runs nothing in it.

    >>> quote("a b", "posix"), quote("it's; rm", "powershell"), quote("a & b", "cmd")
    ("'a b'", "'it''s; rm'", '"a & b"')
    """
    kind, word = shell or shell_at_hand(), str(word)
    if kind == "posix":
        return shlex.quote(word)
    if word and set(word) <= _PLAIN and (kind == "cmd" or not set(word) & set(",@")):
        return word
    if kind == "powershell":
        return "'" + word.replace("'", "''") + "'"
    return '"' + word.replace('"', '""') + '"'


def shell_at_hand() -> Shell:
    """Return the shell that a command is likely typed in: on Windows, only cmd.exe sets PROMPT."""
    if os.name != "nt":
        return "posix"
    return "cmd" if "PROMPT" in os.environ else "powershell"


def _text(name: str, value: Any) -> str:
    if isinstance(value, list | tuple):
        return (";" if name == "schedule" else ",").join(_text(name, item) for item in value)
    if name == "peak_rate" and isinstance(value, float):
        return format_rate(value)
    return format_number(value) if isinstance(value, float) else str(value)


def resume(verb: str, folder: Path, **options: Any) -> CommandLine:
    """Return the command that goes on with a study.

    >>> print(resume("sweep", Path("runs/a"), seeds=3))
    lrscope sweep --resume runs/a --seeds 3
    """
    return CommandLine(verb, {"resume": folder, **options})
