"""Placeholders in a command and in a copy of its configuration file: `{lr}` stands for the learning rate.

Only braces directly around a name count, and there they read as in Python's `str.format`: `{lr}` is the value, `{{lr}}`
the text `{lr}`, `{{{lr}}}` the value in braces. All other braces stay as they are, so JSON can be an argument. `${lr}`
is how other programs name their variables, and stays.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from lrscope.config import ExternalTrial
from lrscope.config.command_line import typed
from lrscope.errors import ConfigError
from lrscope.number_text import format_number

_BRACED_NAME = re.compile(r"(?<![{$])(\{+)([A-Za-z_][A-Za-z0-9_]*)(\}+)")
_SHELL_ONLY = ("&&", "||", ">>", "2>&1", "2>")
MAX_TEMPLATE_BYTES = 10_000_000


def split_command(text: str, *, windows: bool = sys.platform == "win32") -> tuple[str, ...]:
    r"""Return the arguments of a command line, as a POSIX shell would split it; nothing is expanded.

    On Windows a backslash is part of a path, not an escape.

    Raises:
        ConfigError: it is empty, a quote is not closed, or it needs a shell.

    >>> split_command("python train.py --name 'my run' --lr {lr}")
    ('python', 'train.py', '--name', 'my run', '--lr', '{lr}')
    >>> split_command(r'python C:\code\train.py --out "{out}\logs"', windows=True)
    ('python', 'C:\\code\\train.py', '--out', '{out}\\logs')
    """
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    if windows:
        lexer.escape = ""
    try:
        words = tuple(lexer)
    except ValueError as error:
        raise ConfigError(f"a quote in a command must be closed: got {text!r}; add the missing quote") from error
    if not words:
        raise ConfigError("a command names a program: got nothing; write 'python train.py --lr {lr}'")
    if "\0" in text:
        raise ConfigError("an argument of a command cannot hold a null character: got one; remove it")
    for word in words:
        if word in _SHELL_ONLY:
            raise ConfigError(
                f"a command is started without a shell: got {word!r}; put the line in a script, or write bash -c '…'"
            )
    if re.match(r"[A-Za-z_][A-Za-z0-9_]*=", words[0]):
        raise ConfigError(f"a command begins with a program: got {words[0]!r}; write env {words[0]} …")
    return words


def names_in(text: str) -> frozenset[str]:
    """Return the names of the placeholders in a text.

    >>> sorted(names_in('--lr {lr} --out={out}/a --kwargs {"a":{"b":{seed}}} {{not_this}} ${nor_this}'))
    ['lr', 'out', 'seed']
    """
    return frozenset(match[2] for match in _BRACED_NAME.finditer(text) if _depth(match) % 2)


def fill(text: str, values: Mapping[str, object]) -> str:
    """Return `text` with its placeholders filled in.

    Raises:
        ConfigError: a placeholder has a name that is not among the values.

    >>> fill('--lr={lr} --extra {"a": {"seed": {seed}}} {{lr}}', {"lr": 1e-5, "seed": 1})
    '--lr=1.0e-5 --extra {"a": {"seed": 1}} {lr}'
    """
    unknown = sorted(names_in(text) - values.keys())
    if unknown:
        name = unknown[0]
        raise ConfigError(
            f"a placeholder of a command has a known name ({', '.join(sorted(values))}): "
            f"got {{{name}}} in {text!r:.200}; correct it, or write {{{{{name}}}}} for the text {{{name}}}"
        )

    def replaced(match: re.Match[str]) -> str:
        depth = _depth(match)
        inner = value_text(values[match[2]]) if depth % 2 else match[2]
        kept = depth // 2
        return match[1][: len(match[1]) - depth] + "{" * kept + inner + "}" * kept + match[3][: len(match[3]) - depth]

    return _BRACED_NAME.sub(replaced, text)


def filled_line(command: Sequence[str], values: Mapping[str, object]) -> str:
    """Return a command with its placeholders filled in, as it is typed in a shell.

    Raises:
        ConfigError: a placeholder has a name that is not among the values.

    >>> filled_line(["python", "my train.py", "--lr={lr}"], {"lr": 1e-5})
    "python 'my train.py' --lr=1.0e-5"
    """
    return typed([fill(word, values) for word in command])


class Rendered(NamedTuple):
    """A template with its placeholders filled in, and the names of those that it has."""

    text: str
    used: frozenset[str]


def render_template(path: Path, values: Mapping[str, object]) -> Rendered:
    """Return a configuration file's text with known placeholders filled in, and which ones it has.

    A file has braces of its own: only `{name}` with a known name and single braces is replaced. Names that are not
    known, doubled braces (a chat template's `{{ message }}`) and `${name}` stay as they are. Values are put in as text:
    quotes around a path or a word belong in the template. Paths are written with `/`.

    Raises:
        ConfigError: the file cannot be read, or is not text.
    """
    try:
        if path.stat().st_size > MAX_TEMPLATE_BYTES:
            raise ConfigError(f"a template is a configuration file: got {path}, over 10 MB; name the right file")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read the template {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"a template is UTF-8 text: got {path}, which is not; save it as UTF-8") from error
    used = set()

    def replaced(match: re.Match[str]) -> str:
        name = match[2]
        if _depth(match) != 1 or name not in values:
            return match[0]
        used.add(name)
        value = values[name]
        text = value.as_posix() if isinstance(value, PurePath) else value_text(value)
        return match[1][1:] + text + match[3][1:]

    return Rendered(_BRACED_NAME.sub(replaced, text), frozenset(used))


def placeholder_values(trial: ExternalTrial) -> dict[str, object]:
    """Return the values of a trial's settings by the names of their placeholders.

    >>> placeholder_values(ExternalTrial(peak_rate=1e-4, seed=1, steps=500, settings={"lora_r": 8}))
    {'lr': 0.0001, 'seed': 1, 'steps': 500, 'lora_r': 8}
    """
    length = {name: value for name in ("epochs", "steps") if (value := getattr(trial, name)) is not None}
    return {"lr": trial.peak_rate, "seed": trial.seed, **length, **trial.settings}


def value_text(value: object) -> str:
    """Return a value as a command line and a configuration file take it.

    A number reads back as the same number, by YAML 1.1 too, which takes `1e-5` for a text but `1.0e-5` for a number.

    >>> [value_text(value) for value in (1e-5, 2.2e-05, 0.0003, 3.0, 1e22, 8, True, "q_proj")]
    ['1.0e-5', '2.2e-5', '0.0003', '3', '1.0e+22', '8', 'true', 'q_proj']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    mantissa, exponent, power = format_number(value).partition("e")
    if not exponent:
        return mantissa
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{power if power.startswith('-') else '+' + power}"


def _depth(match: re.Match[str]) -> int:
    """Return how many pairs of braces are around a name."""
    return min(len(match[1]), len(match[3]))
