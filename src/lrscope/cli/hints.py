"""What to type instead, where an option is unknown or a list came apart: names of Trainer, and what shells do."""

from __future__ import annotations

import re
from collections.abc import Mapping

# Options of Trainer's scripts, and what is said here.
HERE: Mapping[str, str] = {
    "--learning-rate": "--lr", "--learning-rates": "--lr", "--num-train-epochs": "--epochs", "--epoch": "--epochs",
    "--per-device-train-batch-size": "--batch-size", "--output-dir": "--out", "--model-name-or-path": "--model",
    "--train-file": "--train", "--validation-file": "--dev", "--lr-scheduler-type": "--schedule",
    "--warmup-ratio": "--warmup", "--warmup-steps": "--warmup", "--max-length": "--max-tokens",
}  # fmt: skip
_EXTRA = re.compile(r"unexpected extra arguments?(?:\(s\))? \(([^)]*)\)")
_UNKNOWN = re.compile(r"No such option: (--[\w-]+)")


def hint(message: str) -> str:
    """Return what to type instead, for a parser's message; empty where that is not known.

    >>> hint("No such option: --learning_rate")
    '; type --lr'
    >>> hint("Got unexpected extra argument(s) (0.001 0.01)")
    '; a list of values is one word, in quotes in PowerShell: "1e-4,1e-3"'
    >>> hint("Got unexpected extra argument (runs)")
    ''
    """
    if (unknown := _UNKNOWN.search(message)) is not None:
        known = HERE.get(unknown[1].replace("_", "-"))
        return "" if known is None else f"; type {known}"
    extra = _EXTRA.search(message)
    if extra is not None and all(map(_is_number, extra[1].replace(",", " ").split())):
        return '; a list of values is one word, in quotes in PowerShell: "1e-4,1e-3"'
    return ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
