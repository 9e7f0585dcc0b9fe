"""Long names of settings, shortened for a table in a terminal: what all of them share is said once."""

from __future__ import annotations

import re
from collections.abc import Sequence

LONGEST = 48  # characters in a table's first column, which others follow

# A comma between parts of a name, not one in brackets, as schedules have them: step(every=1ep, gamma=0.1).
_COMMA = re.compile(r", (?![^()\[\]{}]*[)\]}])")


def short_names(names: Sequence[str], longest: int = LONGEST) -> tuple[str, list[str]]:
    """Return what all names share, and the names without it; where one is longer than `longest`, else as they are.

    What is still longer loses its middle. Names stay apart: where they would not, they are left as they are.

    >>> short_names(["lr 1e-4, epochs 5", "lr 1e-3, epochs 5"], longest=12)
    ('epochs 5', ['lr 1e-4', 'lr 1e-3'])
    >>> short_names(["the-name-of-a-run-at-1e-4", "the-name-of-a-run-at-1e-3"], longest=12)
    ('', ['the-na…-1e-4', 'the-na…-1e-3'])
    """
    if all(len(name) <= longest for name in names):
        return "", list(names)
    parts = [_COMMA.split(name) for name in names]
    common = [part for part in parts[0] if len(names) > 1 and all(part in each for each in parts)]
    own = [", ".join(part for part in each if part not in common) for each in parts]
    if not _are_apart(own, names):
        common, own = [], list(names)
    cut = [_without_middle(name, longest) for name in own]
    return ", ".join(common), cut if _are_apart(cut, names) else own


def _are_apart(short: Sequence[str], names: Sequence[str]) -> bool:
    return all(short) and len(set(short)) == len(set(names))


def _without_middle(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    end = (longest - 1) // 2
    return f"{name[: longest - 1 - end]}…{name[-end:]}"
