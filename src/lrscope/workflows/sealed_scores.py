"""Opening sealed test scores: the choice on dev is stored first, every opening is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lrscope.errors import ConfigError
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.lock import study_lock
from lrscope.store.study import StudyStore
from lrscope.studies.sealed_test import StoredChoice, choice_of, open_test, store_choice
from lrscope.workflows.conclusions import ReportConfig

WHICH = ("chosen", "all")


@dataclass(frozen=True)
class OpenedTest:
    """The choice that holds, and of how many trials test scores were opened now: 0 where they were open already."""

    choice: StoredChoice
    num_trials: int


def check_open_test(which: str, config: ReportConfig) -> None:
    """Refuse an opening that cannot be, before anything is read.

    Raises:
        ConfigError: `which` is neither "chosen" nor "all", or runs are compared at their best epochs.
    """
    if which not in WHICH:
        raise ConfigError(
            f"--open-test opens the chosen setting's test scores, --open-test all those of all: got {which!r}"
        )
    if config.best_epoch:
        raise ConfigError("test predictions are of the end of training: got --open-test with --best-epoch; take one")


def open_test_scores(folder: Path, conclusions: Conclusions, which: str = "chosen") -> OpenedTest:
    """Store the choice of these conclusions, then open the test scores of the chosen setting's trials, or of all.

    Raises:
        ConfigError: the runs were imported.
        StudyError: another process writes the study, its choice is damaged, or its test examples have changed.
    """
    if conclusions.runs.is_imported:
        raise ConfigError("--open-test is for a study of lrscope: what was imported has no sealed test scores")
    with study_lock(folder), StudyStore.open(folder, for_writing=True) as store:
        choice = store_choice(folder, choice_of(conclusions))
        rows = store.trials() if which == "all" else choice.rows(store)
        asked_by = "report --open-test" + (" all" if which == "all" else "")
        return OpenedTest(choice, open_test(store, rows, asked_by))
