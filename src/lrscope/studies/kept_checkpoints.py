"""Which checkpoints a study keeps: decided here alone, whatever runs the trials."""

from __future__ import annotations

import math
import shutil

from lrscope.config import AnyTrial, ExternalStudy
from lrscope.config.arms import arm_key
from lrscope.runners.work_folder import LOGS, OUTPUT, RESULTS, checkpoint_folder
from lrscope.store.study import StudyStore
from lrscope.studies.shared_tokenizer import SharedTokenizer

NAMES = {"all": ("best", "last"), "best": ("best",), "none": ()}
EXTERNAL = {"all": (OUTPUT,), "best": (OUTPUT,), "none": ()}  # of the user's own training: its output folder, whole


class KeptCheckpoints:
    """The checkpoints of a study: those of all its trials, of each arm's best one, or none."""

    def __init__(self, store: StudyStore) -> None:
        self.store = store
        sweep = store.config.sweep
        self.keep = sweep.keep if sweep is not None else "all"
        self._is_external = isinstance(store.config, ExternalStudy)
        self._tokenizer = SharedTokenizer(store.folder / "trials")
        self._champions: dict[AnyTrial, tuple[int, float]] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the checkpoints that are kept of a trial."""
        return (EXTERNAL if self._is_external else NAMES)[self.keep]

    def to_beat(self, config: AnyTrial) -> float | None:
        """Return the value that a trial must beat for its checkpoint to be kept; None where any will do."""
        champion = self._by_arm().get(arm_key(config)) if self.keep == "best" else None
        return None if champion is None else champion[1]

    def take(self, trial: int) -> None:
        """Move the checkpoints that are kept out of a trial's working folder, and remove it."""
        home, work = self.store.trial_folder(trial), self.store.work_folder(trial)
        for name in self.names:
            made = checkpoint_folder(work, name)
            if made.is_dir():
                shutil.rmtree(home / name, ignore_errors=True)
                made.replace(home / name)
                if not self._is_external:
                    self._tokenizer.share(home / name)
        for file in (*(work / log for log in LOGS), *(checkpoint_folder(work, result) for result in RESULTS)):
            if file.is_file():
                file.replace(home / file.name)
        if self.keep == "best":
            self._keep_best_of_arm(trial)
        shutil.rmtree(work, ignore_errors=True)  # at last: while it is there, a study that was killed comes back here
        self._remove_if_empty(trial)

    def _keep_best_of_arm(self, trial: int) -> None:
        """Remove the checkpoint of this trial, or of the one that it beats; of equals the earlier trial's stays.

        So that what is kept does not depend on which of them ended first.
        """
        key, value = arm_key(self.store.trial(trial).config), self._best_value(trial)
        if not (
            self.store.trial_folder(trial) / self.names[0]
        ).is_dir():  # nothing was evaluated, or nothing worth writing
            return
        if math.isnan(value):
            self._drop(trial)
            return
        champion = self._by_arm().get(key)
        if champion is not None and champion[0] != trial:
            is_first_of_equals = value == champion[1] and trial < champion[0]
            if not (is_first_of_equals or self.store.metric.better(value, champion[1])):
                self._drop(trial)
                return
            self._drop(champion[0])
        self._by_arm()[key] = (trial, value)

    def _by_arm(self) -> dict[AnyTrial, tuple[int, float]]:
        """Return each arm's best trial whose checkpoint is kept, and its best value."""
        if self._champions is None:
            self._champions = {}
            for row in self.store.trials():
                if (self.store.trial_folder(row.id) / self.names[0]).is_dir():
                    key, value = arm_key(row.config), self._best_value(row.id)
                    known = self._champions.get(key)
                    # Two of one arm lie there where a kill came between keeping the one and dropping the other.
                    if not self.store.metric.better(value, None if known is None else known[1]):
                        self._drop(row.id)
                        continue
                    if known is not None:
                        self._drop(known[0])
                    self._champions[key] = (row.id, value)
        return self._champions

    def _best_value(self, trial: int) -> float:
        # What the user's own training leaves is its last state, not its best: of a run that diverged, a useless one.
        if self._is_external and self.store.trial(trial).status == "diverged":
            return math.nan
        dev = self.store.evaluations(trial, "dev")
        judged = dev if self._is_external else [record for record in dev if record.improved]
        values = [r.metrics[self.store.metric.name] for r in judged if self.store.metric.name in r.metrics]
        return values[-1] if values else math.nan

    def _drop(self, trial: int) -> None:
        shutil.rmtree(self.store.trial_folder(trial) / self.names[0], ignore_errors=True)
        self._remove_if_empty(trial)

    def _remove_if_empty(self, trial: int) -> None:
        home = self.store.trial_folder(trial)
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()
