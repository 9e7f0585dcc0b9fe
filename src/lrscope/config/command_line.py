"""Commands to type, made of settings and their values: the one place where a command line is built."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lrscope.config.catalogue import option_settings
from lrscope.number_text import format_number, format_rate

# A training of one's own, as Trainer's and TRL's scripts are called: placeholders are filled in run by run.
OWN_TRAINING = "python train.py --learning_rate {lr} --seed {seed} --output_dir {out}"
Shell = Literal["posix", "cmd", "powershell"]
# Options of commands that are no settings of a study.
OWN_OPTIONS = frozenset({
    "config", "resume", "retry_failed", "until_decided", "max_seeds", "confirm", "confirm_rates", "confirm_seeds",
    "budget", "margin", "out", "run", "dev_size",
})  # fmt: skip
_BEFORE_QUOTE = re.compile(r'(\\+)(?="|$)')
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
            words += [quote(f"{flag}={text}", kind)] if text.startswith("-") else [flag, quote(text, kind)]
        return " ".join(words)

    def with_options(self, **options: Any) -> CommandLine:
        """Return the command with these options in the place of those that stand there, and behind the others."""
        kept = {name: value for name, value in self.options.items() if name not in options}
        return replace(self, options={**kept, **options})


def quote(word: object, shell: Shell | None = None) -> str:
    r"""Return a word so that a shell, the one at hand where none is named, takes it for one and runs nothing in it.

    For PowerShell it stands in single quotes, in which nothing is expanded. For cmd.exe it stands in double quotes, a
    double quote doubled: so cmd.exe still sees the rest as quoted, and the program sees one. Backslashes before a
    double quote are doubled, as the program's runtime reads them. At its prompt cmd.exe expands %NAME% also in quotes,
    where there is such a variable, and has no way to forbid it; in a batch file a % is written %%.

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
    return '"' + _BEFORE_QUOTE.sub(r"\1\1", word).replace('"', '""') + '"'


def typed(words: Sequence[object], shell: Shell | None = None) -> str:
    """Return a program and its arguments as a line to type in a shell, the one at hand where none is named.

    >>> typed(["python", "my train.py"], "posix"), typed(["my python", "train.py"], "powershell")
    ("python 'my train.py'", "& 'my python' train.py")
    """
    kind = shell or shell_at_hand()
    line = " ".join(quote(word, kind) for word in words)
    return f"& {line}" if kind == "powershell" and line.startswith("'") else line  # else it would be a string


def shell_at_hand(environment: Mapping[str, str] | None = None, *, windows: bool | None = None) -> Shell:
    """Return the shell that a command is likely typed in, by what shells leave in the environment.

    On Windows: MSYS, as of Git, sets MSYSTEM; cmd.exe sets PROMPT, and PowerShell does not. Elsewhere shells are
    taken for POSIX ones.

    >>> [shell_at_hand(known, windows=True) for known in ({"PROMPT": "$P$G"}, {})], shell_at_hand({}, windows=False)
    (['cmd', 'powershell'], 'posix')
    """
    known = os.environ if environment is None else environment
    if os.name == "nt" if windows is None else windows:
        if "MSYSTEM" in known:
            return "posix"
        return "cmd" if "PROMPT" in known else "powershell"
    return "posix"


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
