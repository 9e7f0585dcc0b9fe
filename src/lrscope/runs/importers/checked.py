"""Values from outside, checked where they come in: numbers that can be computed with, text that can be written."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import Any

MAX_VALUE = 1e100  # beyond it sums and squares leave the range: no metric, rate or weight is so large
MAX_COUNT = 10**15
_DECIMAL_COMMA = re.compile(r"^-?\d+,\d+$")
_COUNT = re.compile(r"[0-9]{1,15}")


def number(value: Any) -> float:
    """Return a number, NaN for whatever is none; what is beyond range is infinite.

    >>> number(3), number("1e-4"), number("0,5"), number(10**400), number(True), number([1])
    (3.0, 0.0001, 0.5, inf, nan, nan)
    """
    if isinstance(value, str):
        value = value.replace(",", ".") if _DECIMAL_COMMA.match(value) else value
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        result = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:
        return math.nan
    return math.copysign(math.inf, result) if abs(result) > MAX_VALUE else result


def measured(value: Any) -> float:
    """Return what was measured, NaN where that was no number or infinite.

    >>> measured(0.5), measured(float("inf"))
    (0.5, nan)
    """
    parsed = number(value)
    return parsed if math.isfinite(parsed) else math.nan


def rate(value: Any) -> float | None:
    """Return a learning rate, None for what can be none.

    >>> rate("2e-5"), rate(0.0), rate("1e400")
    (2e-05, None, None)
    """
    parsed = number(value)
    return parsed if 1e-30 < parsed < 1e30 else None


def count(value: Any) -> int | None:
    """Return a number of things, None for what is none.

    >>> count("12"), count(3.0), count("²"), count(2**63), count(-1)
    (12, 3, None, None, None)
    """
    if isinstance(value, str):
        return int(value) if _COUNT.fullmatch(value) else None
    parsed = number(value)
    return int(parsed) if 0 <= parsed <= MAX_COUNT and parsed == int(parsed) else None


def text(value: Any) -> str:
    r"""Return a scalar as text that can be written as UTF-8, empty for None; what is no scalar is not spelled out.

    >>> text(" a "), text(None), text(1e-4), text("\ud800"), text([1])
    ('a', '', '0.0001', '?', 'a list')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return f"a {type(value).__name__}" if isinstance(value, list | dict) else str(value)
    stripped = value.strip()
    return stripped if stripped.isascii() else stripped.encode("utf-8", "replace").decode("utf-8")


def file_name(path: Path) -> str:
    """Return a path as text that can be written as UTF-8, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", "replace")
