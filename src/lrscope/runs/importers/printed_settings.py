"""Settings as they stand in logs: the command line of a run, or what a program prints of its arguments."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Mapping
from typing import Any

from lrscope.runs.importers import checked
from lrscope.runs.settings import RATES, SETTING

_ARGS = re.compile(r"(?:args|arguments|config|namespace)\s*[:=(]\s*(.*)$", re.I)
_PAIR = re.compile(r"\b(\w{1,60})\s*=\s*('[^']*'|\"[^\"]*\"|[^,\s]+)")
_PROGRAM = re.compile(r"\b(python\d?|torchrun|accelerate|lrscope)\b|\.py\b")
# A setting in a line of its own, as nanoGPT prints its configuration: "Overriding: learning_rate = 0.001 # comment".
_ALONE = re.compile(r"^(?:Overriding:\s*)?(\w{1,60})\s*[=:]\s*(['\"]?)([\w.+/-]{1,80})\2\s*,?\s*(?:#.{0,300})?$")
_IN_HEADING = re.compile(r"([A-Za-z]\w{0,40}(?: size| decay)?)\s?[=:]\s?([\w.+-]{1,40})")
_SHORT = {"bs": "batch_size", "wd": "weight_decay"}
_OTHERS_ALONE = frozenset({"learning_rate", "max_iters", "num_iterations", "lr_decay_iters"})


def setting_alone(line: str) -> dict[str, str]:
    """Return the setting that a line tells and nothing else; "lr" alone may as well be a heading, or a measurement.

    >>> setting_alone("learning_rate = 1e-3 # with baby networks"), setting_alone("eval_interval = 250")
    ({'learning_rate': '1e-3'}, {})
    """
    match = _ALONE.match(line) if line[0].islower() or line.startswith("Overriding") else None
    if match is None or not (match[1] in _OTHERS_ALONE or SETTING.match(match[1])):
        return {}
    return {match[1]: match[3]}


def settings_in_heading(text: str) -> dict[str, str]:
    """Return the settings of training that a heading names beside the rate and the seed.

    >>> settings_in_heading("lr=1e-4, bs=32, dropout: 0.1"), settings_in_heading("lr = 1e-4, the last one")
    ({'batch_size': '32', 'dropout': '0.1'}, {})
    """
    found = (
        (_SHORT.get(name.lower(), name.replace(" ", "_")), value) for name, value in _IN_HEADING.findall(text[:200])
    )
    return {name: value for name, value in found if SETTING.match(name)}


def settings_in(line: str) -> dict[str, str]:
    """Return the settings that a line of a log holds, none where it is no such line.

    >>> settings_in("python run.py --lr 1e-4 --use-gpu"), settings_in("args: Namespace(lr=0.1, option='finetune')")
    ({'lr': '1e-4', 'use_gpu': 'true'}, {'lr': '0.1', 'option': 'finetune'})
    """
    if line[0] in "aAcCnN" and (match := _ARGS.match(line)):
        return _of_arguments(match[1].strip().removeprefix("Namespace(").rstrip(")"))
    return _of_command(line) if "--" in line and _PROGRAM.search(line) else {}


def _of_arguments(text: str) -> dict[str, str]:
    if not text.startswith("{"):
        return {key: value.strip("'\"") for key, value in _PAIR.findall(text)}
    try:
        values: Any = ast.literal_eval(text)
        return {str(key): str(value) for key, value in values.items()} if isinstance(values, dict) else {}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):  # what nests without end is a MemoryError
        return {}


def _of_command(line: str) -> dict[str, str]:
    try:
        words = shlex.split(line, posix=False)
    except ValueError:
        words = line.split()
    settings: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            is_flag = following.startswith("--")
            settings[name.replace("-", "_")] = value or ("true" if is_flag else following.strip("'\""))
    return settings


def rate_of(settings: Mapping[str, str]) -> float | None:
    """Return the learning rate among settings.

    >>> rate_of({"epochs": "3", "lr": "2e-5"})
    2e-05
    """
    return next((checked.rate(settings[name]) for name in RATES if name in settings), None)
