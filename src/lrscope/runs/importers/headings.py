"""What a heading of a log says of the run under it: its learning rate, its seed."""

from __future__ import annotations

import re

from lrscope.runs.importers import checked

LONGEST = 60  # characters of a line that is a heading without a mark of one
MAX_HEADING = 200  # characters of a heading that are looked at
_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?"
_DECORATION = "#=*-_~<>[](){}|:：,; \t"
_TIMES_TEN = re.compile(r"(\d+(?:\.\d+)?)\s*[×x*·]\s*10\s*\^?\s*\(?\s*([-−–]?\s*\d+)\)?")
_ALONE = re.compile(rf"^({_NUMBER})$", re.I)
_NAMED = re.compile(
    r"(?:(?<![a-z_])(?:(?:base|peak|max|init|initial)_)?lr|learning[ _-]rate|学习率|^\W*rate)\s*(?:of|is|为)?\s*"
    rf"[:=：]*\s*({_NUMBER})",
    re.I,
)
_IN_NAME = re.compile(r"(?<![a-z])(?:lr|learning[_-]?rate)[=_-]?(\d+(?:\.\d+)?(?:e[-+]?\d+)?)(?!\.?\d|[a-z])", re.I)
_AFTERWARDS = re.compile(r"best|final|last|now|reduc|decay|最佳", re.I)  # words of what a program prints of its end
_SEED = re.compile(r"(?<![a-z])(?:seed|种子)\s*[:=：#]*\s*([0-9]{1,15})(?![0-9])", re.I)


def rate_in(text: str) -> float | None:
    """Return the rate that a heading names: alone and below 1, or after a word for it; None where it names none.

    >>> rate_in("1e-7"), rate_in("run 3, lr = 2e-5"), rate_in("=== 1×10^-5 (seed 1) ==="), rate_in("5 epochs")
    (1e-07, 2e-05, 1e-05, None)
    """
    text = _TIMES_TEN.sub(lambda m: f"{m[1]}e{re.sub('[−–]', '-', m[2]).replace(' ', '')}", text[:MAX_HEADING])
    alone, named = _ALONE.match(_SEED.sub(" ", text).strip(_DECORATION)), _NAMED.search(text)
    if alone and (rate := checked.rate(alone[1])) is not None and rate < 1.0:
        return rate
    return checked.rate(named[1]) if named else None


def rate_in_name(name: str) -> float | None:
    """Return the rate that the name of a file tells behind a word for it.

    >>> rate_in_name("train_lr1e-4.log"), rate_in_name("sst-lr=2e-05-seed1"), rate_in_name("run-3"), rate_in_name("lr3")
    (0.0001, 2e-05, None, None)
    """
    match = _IN_NAME.search(name[:MAX_HEADING])
    rate = checked.rate(match[1]) if match else None
    return rate if rate is not None and rate < 1.0 else None


def seed_in(text: str) -> int | None:
    """Return the seed that a heading names.

    >>> seed_in("lr 1e-5, seed=3"), seed_in("seeds differ")
    (3, None)
    """
    match = _SEED.search(text[:MAX_HEADING])
    return int(match[1]) if match else None


def is_seed(text: str) -> bool:
    """Whether a heading names a seed and nothing else.

    >>> is_seed("=== seed = 1 ==="), is_seed("baseline, seed 1")
    (True, False)
    """
    return bool(_SEED.search(text)) and not _SEED.sub("", text[:MAX_HEADING]).strip(_DECORATION)


def is_heading(line: str) -> bool:
    """Whether a line may stand over a run: short, and names a rate or a seed.

    >>> is_heading("*** LR 3e-3 ***"), is_heading("best learning rate: 1e-3"), is_heading("0.4123")
    (True, False, False)
    """
    line = line[:MAX_HEADING].strip(_DECORATION)
    if len(line) > LONGEST or _AFTERWARDS.search(line):
        return False
    alone = _ALONE.match(line)
    if alone and "e" not in line.lower() and float(alone[1]) > 0.05:
        return False  # as likely a value as a rate
    return rate_in(line) is not None or seed_in(line) is not None
