"""What was asked for and did not reach the user's own training, told as soon as runs show it: before hours go by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lrscope.config import ExternalStudy
from lrscope.config.arms import grouped
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.audit import audit
from lrscope.runs.import_study import read_run
from lrscope.runs.notes import SettingUnused
from lrscope.runs.run import Run
from lrscope.runs.statement import Statement
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.run_times import is_open
from lrscope.workflows.callbacks import Callbacks, Note

MOST_READ = 200  # runs whose logs are held against one another while the study runs; the report takes all


class LiveAudit:
    """Holds the logs of runs against what was asked for, and tells each thing once.

    What the runs show that had ended before was told when they did.
    """

    def __init__(self, store: StudyStore, callbacks: Callbacks, rows: Mapping[int, TrialRow]) -> None:
        self._store, self._callbacks = store, callbacks
        self._is_external = isinstance(store.config, ExternalStudy)
        self._runs: dict[int, Run] = {}
        self._told: set[tuple[str, str]] = set()
        for note in self._new_notes(rows):
            self._told.add(_key(note))

    def take(self, rows: Mapping[int, TrialRow]) -> None:
        """Take in the runs that have ended since."""
        for note in self._new_notes(rows):
            wording = Wording(locale("en"), self._store.metric.name)
            self._told.add(_key(note))
            self._callbacks.on_progress(Note(f"note: {wording.sentence(note)}"))

    def _new_notes(self, rows: Mapping[int, TrialRow]) -> list[Statement]:
        if not self._is_external:
            return []
        ended = [row for row in rows.values() if not is_open(row)]
        new = [row for row in ended if row.id not in self._runs]
        if not new or len(ended) > MOST_READ:
            return []
        self._runs |= {row.id: read_run(self._store, row) for row in new}
        arms = grouped(rows.values())
        names = {row.id: arm.name for arm, of_arm in arms for row in of_arm}
        runs = [replace(run, arm=names[trial]) for trial, run in self._runs.items()]
        found = audit(runs, {arm.name: arm.config for arm, _ in arms})
        return [note for note in found if _key(note) not in self._told]


def _key(note: Statement) -> tuple[str, str]:
    return note.kind, str(note.name) if isinstance(note, SettingUnused) else ""
