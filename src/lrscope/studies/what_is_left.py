"""What is left of a study: the runs of its plan that have not ended, or what a tune may still spend."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from lrscope.config import AnyStudy, ExternalStudy
from lrscope.config.command_line import CommandLine, resume
from lrscope.runs.ahead import Ahead, RunsLeft, TuneAhead
from lrscope.store.lock import is_held
from lrscope.store.study import StudyStore
from lrscope.studies.budget import format_budget
from lrscope.studies.interim_looks import read_looks
from lrscope.studies.kept_tune import FIND, SWEEP, KeptTune, going_on, is_of_earlier_version, read_tune
from lrscope.studies.run_times import RunTimes, is_open
from lrscope.studies.search_runs import are_all_the_same, costs_of, recommended

StudyKind = Literal["finetune", "find", "sweep"]


def kind_of(config: AnyStudy) -> StudyKind:
    """Return which command makes such a study."""
    return "find" if config.find else "sweep" if config.sweep else "finetune"


def tune_of(home: Path) -> Path | None:
    """Return the folder of the tune whose study lies in `home`; None where it has none that can be gone on with."""
    folder = home.parent
    is_a_part = home.name in (SWEEP, FIND) and not is_of_earlier_version(folder)
    return folder if is_a_part and read_tune(folder) is not None else None


def resume_command(home: Path, config: AnyStudy) -> CommandLine:
    """Return the command that goes on with the study in `home`: that of its tune, or with its planned looks."""
    if (tune := tune_of(home)) is not None:
        return going_on(tune)
    kind = kind_of(config)
    looks = read_looks(home) if kind == "sweep" else None
    if looks is not None and not looks.is_over:
        return resume(kind, home, until_decided=looks.margin, max_seeds=looks.seeds[-1])
    return resume(kind, home)


def ahead_of(home: Path) -> Ahead | None:
    """Return what is left of the study in `home`; None where nothing is.

    Runs count that are planned so far: looks and rungs plan more only where they need them. The plan of a tune is open:
    there more is left as long as runs can matter, and nothing that is to be asked for while it runs.

    Raises:
        StudyError: it cannot be read.
    """
    tune = tune_of(home)
    with StudyStore.open(home) as store:
        if tune is not None:
            kept = read_tune(tune)
            return None if kept is None or is_held(home) else _tune_ahead(store, tune, kept)
        rows = store.trials()
        left = [row for row in rows if is_open(row)]
        if not left:
            return None
        rates, command = tuple(row.config.peak_rate for row in left), resume_command(home, store.config)
        return RunsLeft(len(rows) - len(left), len(rows), command, rates, is_held(home))


def _tune_ahead(store: StudyStore, tune: Path, kept: KeptTune) -> TuneAhead | None:
    costs = costs_of(store)
    if kept.known is None or not costs or are_all_the_same(costs) or recommended(store, kept.known).is_enough:
        return None
    each = RunTimes(store.trials()).seconds_of(store.config.trial) or kept.run_seconds or math.nan
    is_cut_off = any(map(is_open, store.trials()))
    is_spent = not is_cut_off and not kept.spent + each <= kept.budget
    command = going_on(tune)
    if is_spent:
        command = command.with_options(budget=format_budget(2.0 * kept.budget))
    by_command = not isinstance(kept.settings, ExternalStudy) or kept.settings.trainer.command is not None
    seconds = kept.budget if is_spent else max(each, kept.budget - kept.spent)
    return TuneAhead(command if by_command else None, is_spent, seconds)
