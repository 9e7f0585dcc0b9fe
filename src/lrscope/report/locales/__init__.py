"""The words of the report, a file a language: `WORDS`, by key, `SAY`, a sentence for every kind of statement with places
for its fields, `METRICS` and `SETTINGS`, metrics and settings whose names are translated, and `COMMA`, `CONJUNCTION`, `SEMICOLON`, `ASIDE` and `SPACE`.

What a check-up of one run says, what is noted of records, and a page's own words stand in files beside it, such as
`en_checkup.py`, `en_records.py` and `en_page.py`. Adding a language is adding its files with the same keys, and its name to `NAMES`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import NamedTuple

from lrscope.errors import ConfigError

PARTS = ("_checkup", "_records", "_page")
NAMES = {"en": "English", "zh": "中文"}


class Locale(NamedTuple):
    """One language: short words, sentences, what lists are joined with, what asides stand in, what parts sentences."""

    name: str
    words: Mapping[str, str]
    say: Mapping[str, str]
    metrics: Mapping[str, str]
    settings: Mapping[str, str]
    comma: str
    conjunction: str
    semicolon: str
    aside: str
    space: str


def locale(name: str) -> Locale:
    """Return a language by its short name.

    Raises:
        ConfigError: there is none.
    """
    if name not in NAMES:
        raise ConfigError(f"a report is written in {' or '.join(NAMES)}: got --lang {name}")
    module, *more = (importlib.import_module(f"lrscope.report.locales.{name}{part}") for part in ("", *PARTS))
    words, say = dict(module.WORDS), dict(module.SAY)
    for part in more:
        words |= part.WORDS
        say |= part.SAY
    joints = (module.COMMA, module.CONJUNCTION, module.SEMICOLON, module.ASIDE, module.SPACE)
    return Locale(name, words, say, module.METRICS, module.SETTINGS, *joints)
