"""Blocks of lines that Trainer, Unsloth and scripts with accelerate print around a training, and settings in them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lrscope.runs.importers import checked
from lrscope.runs.importers.printed_settings import settings_in
from lrscope.runs.settings import RATES, SETTING

MAX_BLOCK = 500  # lines of one
# What a block of Trainer's, or of Unsloth's, says of a training, and what that is called here.
_FACTS = {
    "num examples": "num_examples", "num epochs": "epochs", "num update steps per epoch": "steps_an_epoch",
    "instantaneous batch size per device": "batch_size", "batch size per device": "batch_size",
    "total train batch size": "total_batch_size", "total batch size": "total_batch_size",
    "gradient accumulation steps": "gradient_accumulation_steps", "total optimization steps": "max_steps",
    "total steps": "max_steps",
}  # fmt: skip
_FACT = re.compile(rf"({'|'.join(_FACTS)})\s*(?:\([^()=]{{0,80}}\))?\s*=\s*([\d,]{{1,20}})", re.I)
_TITLE = re.compile(
    r"\*{3,}\s*(Running training|Running evaluation|Running prediction|(\w{1,40}) metrics)\s*\*{3,}", re.I
)
_METRIC = re.compile(r"^\s*([\w/@.-]{1,80})\s*=\s*(\S{1,40})\s*$")
_ARGUMENTS = re.compile(r"\b(?:Namespace|\w{0,60}Arguments|\w{0,60}Config)\((.*)$")
_ARGUMENT = re.compile(r"^\s*(\w{1,60})=(.{1,300}?),?\s*$")
# A setting in a line of its own, as a printed JSON or YAML configuration and a model card have it.
_ALONE = re.compile(r"""^[-*\s]{0,20}["']?(\w{1,60})["']?\s*[:=]\s*["']?([\w.+/-]{1,80})["']?,?$""")
_TOLD_ALONE = re.compile(
    r"^(learning_rate|(num|num_train)_epochs|max_steps|(per_device_)?train_batch_size|micro_batch_size|total_train_batch_size"
    r"|gradient_accumulation_steps|seed|lr_scheduler(_type)?|warmup_(steps|ratio)|lr_scheduler_warmup_(steps|ratio)|weight_decay)$"
)  # fmt: skip


def facts_in(line: str) -> dict[str, int]:
    r"""Return what a line of a block says of a training.

    >>> facts_in("  Total train batch size (w. parallel, distributed & accumulation) = 16")
    {'total_batch_size': 16}
    >>> facts_in("   \\   /|    Num examples = 51,760 | Num Epochs = 1 | Total steps = 60")
    {'num_examples': 51760, 'epochs': 1, 'max_steps': 60}
    """
    found = ((_FACTS[name.lower()], checked.count(value.replace(",", ""))) for name, value in _FACT.findall(line))
    return {name: value for name, value in found if value}


def title_of(line: str) -> str | None:
    """Return what begins with a line: "training", "evaluation", "prediction", or a split and "metrics".

    >>> title_of("***** Running training *****"), title_of("***** eval metrics *****"), title_of("*****")
    ('training', 'eval metrics', None)
    """
    match = _TITLE.search(line) if "***" in line else None
    return match[1].lower().removeprefix("running ") if match else None


def metric_in(line: str) -> tuple[str, str] | None:
    """Return the name and the value that a line under "***** eval metrics *****" holds.

    >>> metric_in("  eval_loss               =     0.7353"), metric_in("Saving model")
    (('eval_loss', '0.7353'), None)
    """
    match = _METRIC.match(line)
    return (match[1], match[2]) if match else None


class PrintedArguments:
    r"""Settings from lines: a command line, also one that goes on behind a backslash, or printed arguments.

    >>> arguments = PrintedArguments()
    >>> [arguments.take(line) for line in ("torchrun a.py --learning_rate 2e-5 \\", " --num_train_epochs 3")]
    [None, {'learning_rate': '2e-5', 'num_train_epochs': '3'}]
    >>> [arguments.take(line) for line in ("TrainingArguments(", "learning_rate=2e-05,", "run_name=a,", ")")][-1]
    {'learning_rate': '2e-05'}
    """

    def __init__(self) -> None:
        self._open: dict[str, str] | None = None  # of arguments that are printed one a line
        self._begun = ""  # a command line so far
        self._num_lines = 0

    def take(self, line: str) -> dict[str, str] | None:
        """Return all settings that a line completes, None where it completes none."""
        if self._open is not None:
            return self._in_block(self._open, line)
        if self._begun or (line.endswith("\\") and "--" not in line[:2]):
            self._begun += line.removesuffix("\\") + " "
            if line.endswith("\\") and len(self._begun) < 10_000:
                return None
            line, self._begun = self._begun, ""
        if "--" in line:
            command = settings_in(line)
            return command if any(map(is_setting, command)) else None
        match = _ARGUMENTS.search(line) if "(" in line else None
        if match is not None and not match[1].strip():
            self._open, self._num_lines = {}, 0
            return None
        if match is not None:
            return _settings_alone(settings_in(f"arguments: {match[1].rstrip(')')}")) or None
        return (settings_in(line) if line[:1] in "aAcCnN" else {}) or None

    def _in_block(self, settings: dict[str, str], line: str) -> dict[str, str] | None:
        match = _ARGUMENT.match(line)
        self._num_lines += 1
        if match is not None and self._num_lines < MAX_BLOCK:
            settings |= _settings_alone({match[1]: match[2].strip("'\"")})
            return None
        self._open = None
        return settings or None


def setting_alone(line: str) -> dict[str, str]:
    """Return the setting that a line tells and nothing else.

    >>> setting_alone('  "learning_rate": 0.0002,'), setting_alone("- num_epochs: 3"), setting_alone("loss: 3")
    ({'learning_rate': '0.0002'}, {'num_epochs': '3'}, {})
    """
    match = _ALONE.match(line) if len(line) < 120 else None
    return {match[1]: match[2]} if match and _TOLD_ALONE.match(match[1]) else {}


def is_setting(name: str) -> bool:
    """Return whether a name is one of a setting of training, its rate or its seed."""
    return bool(SETTING.match(name)) or name in RATES or name == "seed"


def _settings_alone(settings: Mapping[str, str]) -> dict[str, str]:
    """Return those settings that are of training: a program prints a hundred others with them."""
    return {name: value for name, value in settings.items() if is_setting(name) and value != "None"}
