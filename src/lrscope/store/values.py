"""What comes out of a database, made into values that can be relied on; what cannot be is a ValueError that names it.

SQLite keeps whatever it is given: a column of integers may hold text, and a text that should be JSON may hold anything.
`Database.checked` turns the ValueErrors into one StudyError with the name of the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

MAX_COUNT = 2**53  # beyond it a count is no float any more


def parsed(text: Any, kind: type, name: str) -> Any:
    """Return a JSON document, which must be a `kind`.

    >>> parsed('{"a": 1}', dict, "study.config")
    {'a': 1}
    """
    if not isinstance(text, str):
        raise ValueError(f"{name} must be text: got {type(text).__name__}")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is not JSON") from error
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a JSON {kind.__name__}: got {type(value).__name__}")
    return value


def count(value: Any, name: str, most: int = MAX_COUNT) -> int:
    """Return a whole number from 0 to `most`."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a count: got {str(value)[:40]!r}")
    return value


def optional_count(value: Any, name: str, most: int = MAX_COUNT) -> int | None:
    """Return a whole number from 0 to `most`, or None."""
    return None if value is None else count(value, name, most)


def number(value: Any, name: str) -> float:
    """Return a number; NaN and infinity are ones."""
    too_large = isinstance(value, int) and abs(value) > MAX_COUNT
    if not isinstance(value, int | float) or isinstance(value, bool) or too_large:
        raise ValueError(f"{name} must be a number: got {str(value)[:40]!r}")
    return float(value)


def count_or_share(value: Any, name: str) -> float:
    """Return a number that is 0 or more: a whole one as it is, such as an epoch, or one with a fraction."""
    if isinstance(value, int):
        return count(value, name)
    if not isinstance(value, float) or not 0.0 <= value <= MAX_COUNT:
        raise ValueError(f"{name} must be 0 or more: got {str(value)[:40]!r}")
    return value


def text(value: Any, name: str) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text: got {type(value).__name__}")
    return value


def one_of(value: Any, choices: frozenset[Any], name: str) -> Any:
    """Return a value that is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} is one of {', '.join(sorted(choices))}: got {str(value)[:40]!r}")
    return value


def numbers(value: Mapping[str, Any], name: str) -> dict[str, float]:
    """Return a table of numbers by name."""
    return {key: number(item, f"{name}.{key}") for key, item in value.items()}


def blob(value: Any, name: str) -> bytes:
    """Return bytes."""
    if not isinstance(value, bytes):
        raise ValueError(f"{name} must be bytes: got {type(value).__name__}")
    return value
