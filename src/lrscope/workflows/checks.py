"""More seeds for the settings that may be the best, check by check, until it is decided."""

from __future__ import annotations

import math

from lrscope.config.command_line import resume
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig
from lrscope.runs.import_study import read_study
from lrscope.statistics.conclusions import Conclusions
from lrscope.studies.interim_looks import begin_looks, conclude, look, open_trials
from lrscope.studies.session import Study
from lrscope.workflows.callbacks import Callbacks, CheckTaken
from lrscope.workflows.run_study import run_study


def run_until_decided(
    study: Study,
    executor: ExecutorConfig,
    callbacks: Callbacks,
    *,
    margin: float,
    max_seeds: int,
    resume_command: str = "",
) -> None:
    """Run what is planned, then add seeds to the contenders until one is left, or all are equivalent within the margin.

    `resume_command` goes on with it, where that is not the one for a sweep.

    Raises:
        ConfigError: the margin is no positive number.
        StudyError: the study has another plan: what was declared before looking is not changed after.
        Stopped: it was asked to stop.
    """
    if not (math.isfinite(margin) and margin > 0.0):
        raise ConfigError(f"--until-decided is a difference that matters, above 0: got {margin:g}; write 0.02")
    store = study.store
    looks = begin_looks(store, margin, max_seeds)
    command = resume_command or str(resume("sweep", store.folder, until_decided=margin, max_seeds=max_seeds))
    names: tuple[str, ...] | None = None
    if looks.taken:
        before = conclude(read_study(store), looks)
        if before.verdict.is_decided:
            return
        names = contender_names(before)
    while not looks.is_over:
        num_seeds = looks.seeds[looks.taken]
        trials = open_trials(store, names, num_seeds)
        store.add_trials(trials)
        run_study(study, executor, callbacks, resume_command=command)
        looks, conclusions = look(store, looks)
        names = contender_names(conclusions)
        callbacks.on_progress(CheckTaken(looks.taken, len(looks.seeds), num_seeds, names))
        if conclusions.verdict.is_decided:
            return


def contender_names(conclusions: Conclusions) -> tuple[str, ...]:
    """Return the settings that may still be the best."""
    return tuple(conclusions.evidence.names[arm] for arm in conclusions.verdict.contenders)
