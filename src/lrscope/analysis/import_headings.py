"""What a heading of a log says of the run under it: its learning rate, its seed."""

from __future__ import annotations

import re

LONGEST = 60  # characters of a line that is a heading without a mark of one
_NUMBER = r"\d*\.?\d+(?:e[-+]?\d+)?"
_DECORATION = "#=*-_~<>[](){}|:：,; \t"
_TIMES_TEN = re.compile(r"(\d+(?:\.\d+)?)\s*[×x*·]\s*10\s*\^?\s*\(?\s*([-−–]?\s*\d+)\)?")
_ALONE = re.compile(rf"^({_NUMBER})$", re.I)
_NAMED = re.compile(rf"(?:(?<![a-z])lr|learning[ _-]rate|\brate|学习率)\s*(?:of|is|为)?\s*[:=：]*\s*({_NUMBER})", re.I)
_SEED = re.compile(r"(?<![a-z])(?:seed|种子)\s*[:=：#]*\s*(\d+)", re.I)


def rate_in(text: str) -> float | None:
    """Return the rate that a heading names: alone, or after a word for it; None where it names none.

    >>> rate_in("1e-7"), rate_in("run 3, lr = 2e-5"), rate_in("=== 1×10^-5 (seed 1) ==="), rate_in("5 epochs")
    (1e-07, 2e-05, 1e-05, None)
    """
    text = _TIMES_TEN.sub(lambda m: f"{m[1]}e{re.sub('[−–]', '-', m[2]).replace(' ', '')}", text)
    match = _ALONE.match(_SEED.sub(" ", text).strip(_DECORATION)) or _NAMED.search(text)
    rate = float(match[1]) if match else 0.0
    return rate if rate > 0.0 else None


def seed_in(text: str) -> int | None:
    """Return the seed that a heading names.

    >>> seed_in("lr 1e-5, seed=3"), seed_in("seeds differ")
    (3, None)
    """
    match = _SEED.search(text)
    return int(match[1]) if match else None


def is_heading(line: str) -> bool:
    """Whether a line may stand over a run: short, and names a rate or a seed.

    >>> is_heading("*** LR 3e-3 ***"), is_heading("saved the model")
    (True, False)
    """
    return len(line) <= LONGEST and (rate_in(line) is not None or seed_in(line) is not None)
