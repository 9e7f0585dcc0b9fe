"""A study in one line: what it has found, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lrscope.errors import LrscopeError
from lrscope.number_text import counted
from lrscope.records import FINISHED
from lrscope.report import glance
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.study import StudyStore
from lrscope.visible_text import visible


def study_line(folder: Path, conclude: Callable[[], Conclusions | None]) -> str:
    """Return it in angle brackets; a folder that cannot be read is said to be so, since this is shown of anything."""
    try:
        with StudyStore.open(folder) as store:
            states = Counter(row.status for row in store.trials())
        done = sum(number for status, number in states.items() if status in FINISHED)
        parts = [f"{done:,} of {counted(sum(states.values()), 'trial')} done"]
        parts += [f"{states['failed']} failed"] * bool(states["failed"])
        found = _found(conclude) if done else "nothing measured yet"
        text = f"study {folder}: {found}; {', '.join(parts)}"
    except LrscopeError as error:
        text = f"study {folder}: {error}"
    return f"<{visible(text)}>".replace("\n", " ")


def _found(conclude: Callable[[], Conclusions | None]) -> str:
    try:
        c = conclude()
    except LrscopeError as error:
        return str(error)
    return "nothing measured yet" if c is None else glance.one_line(c)
