"""The importer seam: what reads somebody else's record of runs, and what it gives back.

An importer decides nothing: it gives runs with all that was measured. Which metric they are compared by, and what makes
them arms, is decided once for all formats (`runs/metric.py`, `runs/reconcile.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lrscope.records import Metric
from lrscope.runs.notes import Note
from lrscope.runs.run import Run
from lrscope.runs.study_facts import StudyFacts


class ExampleScores(Protocol):
    """Per-example scores by metric: tables are made of the one that runs are compared by, when it is known."""

    @property
    def names(self) -> frozenset[str]:
        """The metrics that there are scores of."""
        ...

    def runs(self, metric: str) -> tuple[Run, ...]:
        """Return the runs with their means, and their scores.

        Raises:
            DataError: runs were not scored on the same examples.
        """
        ...


@dataclass(frozen=True)
class Imported:
    """What one file holds. A run whose `arm` is empty has nothing that names it but its file.

    `settings` are those that all of its runs have alike; `unread` lists lines that could not be read, as (line number,
    text). `metric` is the one that the file itself says its runs are compared by, `to_evaluate` how the program that
    wrote it would evaluate on dev, such as "--eval_strategy epoch"; `baseline` what guessing gets there, where known.

    `kind` names the format, once the file is read. `called` is what its runs are called where nothing else names them:
    the folder that they wrote to; where it is empty, the file's folder or the file. `study` is what a study is of.
    """

    runs: tuple[Run, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    unread: tuple[tuple[int, str], ...] = ()
    scores: ExampleScores | None = None
    metric: Metric | None = None
    to_evaluate: str = ""
    baseline: Mapping[str, float] = field(default_factory=dict)
    kind: str = ""
    called: str = ""
    study: StudyFacts | None = None


class Importer(Protocol):
    """One format. `suffixes` are those that its files usually have: a hint for files that show nothing else."""

    suffixes: tuple[str, ...]

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether a file is of this format, by its first bytes."""
        ...

    def read(self, path: Path) -> Imported:
        """Return what the file holds.

        Raises:
            DataError: it is damaged, or lacks what the format must have.
        """
        ...
