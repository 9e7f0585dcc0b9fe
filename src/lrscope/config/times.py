"""Lengths of time as people type them."""

from __future__ import annotations

import re

from lrscope.errors import ConfigError, Problem

_LENGTH = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|sec|min|m|h|d)$")
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_time(text: str, name: str) -> float:
    """Return the seconds that a text means; `name` is the setting that it is for.

    Raises:
        ConfigError: it is no length of time with its unit.

    >>> parse_time("20min", "budget"), parse_time("1.5h", "timeout")
    (1200.0, 5400.0)
    """
    match = _LENGTH.match(text.strip())
    if match is None or float(match[1]) <= 0.0:
        raise ConfigError(Problem(f"{{{name}}} is a time with its unit, such as 90s, 20min or 2h", repr(text)))
    return float(match[1]) * _SECONDS[match[2]]
