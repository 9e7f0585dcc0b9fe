"""`lrscope sweep --resume FOLDER --until-decided X`: more seeds for the arms that may be the best, look by look."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from lrscope.cli.interrupt import INTERRUPTED, graceful_interrupt
from lrscope.cli.output import echo
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, build_executor

if TYPE_CHECKING:
    from lrscope.config import TrialConfig
    from lrscope.studies.session import Study


def drive_until_decided(
    study: Study,
    execution: ExecutorConfig,
    margin: float,
    most: int,
    *,
    quiet: bool,
    affordable: Callable[[int], bool] | None = None,
) -> int:
    """Run what is planned, then add seeds to the contenders until one is left, or all are equivalent within the margin.

    `affordable` is asked, before a further look, whether so many runs more may be spent. Returns the exit code.
    """
    from lrscope.runs.import_study import read_study
    from lrscope.studies.interim_looks import begin_looks, conclude, look, open_trials

    if not (math.isfinite(margin) and margin > 0.0):
        raise ConfigError(f"--until-decided is a difference that matters, above 0: got {margin:g}; write 0.02")
    store = study.store
    looks = begin_looks(store, margin, most)
    names: list[str] | None = None
    if looks.taken:
        before = conclude(read_study(store), looks)
        names = [before.evidence.names[arm] for arm in before.verdict.contenders]
        if before.verdict.is_decided:
            return 0
    while not looks.is_over:
        wanted = looks.seeds[looks.taken]
        trials = open_trials(store, names, wanted)
        if looks.taken and affordable is not None and not affordable(len(trials)):
            echo(f"the budget ends here: {len(trials)} runs more would be beyond it", err=True)
            return 0
        if not _run(study, execution, trials):
            again = f"lrscope sweep --resume {store.folder} --until-decided {margin:g} --max-seeds {most}"
            echo(f"stopped; go on with: {again}", err=True)
            return INTERRUPTED
        looks, found = look(store, looks)
        names = [found.evidence.names[arm] for arm in found.verdict.contenders]
        if not quiet:
            echo(f"look {looks.taken} of {len(looks.seeds)}, {wanted} seeds: {', '.join(names)}", err=True)
        if found.verdict.is_decided:
            break
    return 0


def _run(study: Study, execution: ExecutorConfig, trials: list[TrialConfig]) -> bool:
    from lrscope.cli.study_progress import StudyProgress
    from lrscope.studies.controller import Controller

    controller = Controller(study.store)
    controller.recover()
    study.store.add_trials(trials)
    with graceful_interrupt(controller.stop), StudyProgress(study.store) as progress:
        for event in controller.run(build_executor(execution, study.prepared)):
            progress.update(event)
    return not controller.stopped
