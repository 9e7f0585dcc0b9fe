"""Settings in a notebook's source: what stands there as a plain value, and nothing that would have to be computed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from lrscope.runs.importers.printed_settings import settings_in
from lrscope.runs.importers.trainer_blocks import is_setting
from lrscope.runs.settings import RATES

MAX_SOURCE = 200_000  # characters of one cell


@dataclass
class SourceSettings:
    """Settings of one cell, and those that it names without telling their values."""

    told: dict[str, str] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)

    @property
    def names_rate(self) -> bool:
        """Whether it has a learning rate, known or not."""
        return any(name in RATES for name in (*self.told, *self.untold))

    def take(self, name: str, value: str | None) -> None:
        """Take in a setting; one that has two values is not told."""
        if value is None or self.told.get(name, value) != value:
            self.untold.add(name)
        else:
            self.told[name] = value
        if name in self.untold:
            self.told.pop(name, None)


def settings_of_source(source: str) -> SourceSettings:
    """Return the settings in a cell: arguments of calls, attributes that are set, options of command lines.

    >>> settings_of_source("args = TrainingArguments('out', learning_rate=2e-5, num_train_epochs=n)").told
    {'learning_rate': '2e-05'}
    >>> settings_of_source("args.learning_rate = 1e-4"), settings_of_source("!python a.py --lr 1e-4")
    (SourceSettings(told={'learning_rate': '0.0001'}, untold=set()), SourceSettings(told={'lr': '1e-4'}, untold=set()))
    """
    found = SourceSettings()
    lines = source[:MAX_SOURCE].split("\n")
    for line in lines:
        if line.lstrip().startswith(("!", "%")) and "--" in line:
            for name, value in settings_in(line.strip()).items():
                if is_setting(name):
                    found.take(name, value if "{" not in value and "$" not in value else None)
    code = "\n".join("" if line.lstrip().startswith(("!", "%")) else line for line in lines)
    try:
        tree = ast.parse(code)
        for name, node in _named(tree):
            if is_setting(name):
                found.take(name, _plain(node))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    return found


def _named(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((each.arg, each.value) for each in node.keywords if each.arg)
        elif isinstance(node, ast.Assign):
            yield from ((each.attr, node.value) for each in node.targets if isinstance(each, ast.Attribute))


def _plain(node: ast.expr) -> str | None:
    """Return a plain value as text, None for what has to be computed."""
    return str(node.value) if isinstance(node, ast.Constant) and node.value is not None else None
