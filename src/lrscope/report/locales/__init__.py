"""The words of the report, a file a language: `WORDS`, by key, `SAY`, sentences with places for their numbers,
and `COMMA`, `SEMICOLON` and `ASIDE`.

Adding a language is adding one file with the same keys, and its name to `NAMES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import NamedTuple

from lrscope.errors import ConfigError

NAMES = {"en": "English", "zh": "中文"}


class Locale(NamedTuple):
    """One language: short words, sentences, what lists are joined with, and what asides stand in."""

    name: str
    words: Mapping[str, str]
    say: Mapping[str, str]
    comma: str
    semicolon: str
    aside: str


def locale(name: str) -> Locale:
    """Return a language by its short name.

    Raises:
        ConfigError: there is none.
    """
    if name not in NAMES:
        raise ConfigError(f"a report is written in {' or '.join(NAMES)}: got --lang {name}")
    module = importlib.import_module(f"lrscope.report.locales.{name}")
    return Locale(name, module.WORDS, module.SAY, module.COMMA, module.SEMICOLON, module.ASIDE)
