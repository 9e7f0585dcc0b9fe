"""When runs of the user's own training fail alike, the others would too: the study stops to be mended."""

from __future__ import annotations

import re

from lrscope.config import ExternalStudy
from lrscope.config.command_line import resume
from lrscope.errors import StudyError
from lrscope.records import FINISHED, WITH_VALUE
from lrscope.runners.base import Event
from lrscope.runners.work_folder import LOGS
from lrscope.runs.metric import ARGUMENTS, Asking
from lrscope.store.study import StudyStore

ENOUGH = 3  # runs that fail alike
_NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")
MEMORY = "memory"  # runs out at some settings, and not at others


class Failures:
    """The failures of one stretch of a study."""

    def __init__(self, store: StudyStore, asking: Asking) -> None:
        self.store, self._asking = store, asking
        self._reasons: dict[int, str] = {}

    def require_hope(self, event: Event, *, measured_otherwise: bool = False) -> None:
        """Take note of a failure.

        One trial that has finished is hope that others will; where trials fail since they have `measured_otherwise`,
        it takes two with the study's metric: one of them has decided it.

        Raises:
            StudyError: it is that of several trials, others are to run, and there is no hope.
        """
        study = self.store.config
        if not isinstance(study, ExternalStudy) or MEMORY in event.reason:
            return
        self._reasons[event.trial] = _NUMBER.sub("#", event.reason)
        if len(self._reasons) < ENOUGH or len(set(self._reasons.values())) > 1:
            return
        rows = self.store.trials()
        if not any(row.status not in FINISHED and row.id not in self._reasons for row in rows):
            return
        hopeful = [row for row in rows if row.status in (WITH_VALUE if measured_otherwise else FINISHED)]
        if len(hopeful) >= (2 if measured_otherwise else 1):
            return
        self.store.put_off(*self._reasons)
        log = self.store.work_folder(event.trial) / LOGS[0]
        where = f" (its output is in {log})" if log.is_file() else ""
        go_on = f"go on with: {resume('sweep', self.store.folder)}, with another --command if it is the command"
        which = f"{len(self._reasons)} runs" if hopeful else f"the first {len(self._reasons)} runs"
        raise StudyError(
            f"{which} failed alike: {event.reason}{where}; mend it, and "
            f"{'make the same call again' if self._asking == ARGUMENTS else go_on}"
        )
