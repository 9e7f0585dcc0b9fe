"""Tune one's own training: a time budget spent on runs of a command or a function, at the rates that tell most."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

from lrscope.config import ExternalStudy, ExternalTrial
from lrscope.executors.config import ExecutorConfig
from lrscope.runners.external.carried_function import TrainFunction
from lrscope.runners.external.placeholders import filled_line, placeholder_values, render_template
from lrscope.statistics.defaults import MARGIN
from lrscope.studies.kept_tune import KeptTune
from lrscope.studies.tune_plan import Known, RateRange
from lrscope.workflows.callbacks import Callbacks
from lrscope.workflows.search import BudgetClock
from lrscope.workflows.tune import TuneResult, begun, spend

RECOMMENDED = "recommended"  # where the command that trains the choice writes


def tune_command(
    config: ExternalStudy,
    search: RateRange,
    folder: Path,
    budget: float,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    margin: float = MARGIN,
    lang: str = "en",
    function: TrainFunction | None = None,
) -> TuneResult:
    """Spend `budget` seconds on finding the learning rate for one's own training, or go on with it in the same folder.

    `function` is what trains, where it is no command. Runs begin in the middle of `search`, and go at most one step
    beyond its ends where the best rate is at one. The first tells what a run takes.

    Raises:
        ConfigError: the budget does not hold three runs, or a setting cannot be used.
        StudyError: the folder holds something else, was begun with other settings, or no run came to a value.
        Stopped: it was asked to stop.
    """
    began = monotonic()
    kept = begun(config, folder, budget, margin, lang, search)

    def find_out(clock: BudgetClock) -> None:
        clock.keep()

    kept = replace(kept or KeptTune(budget, config, known=Known.of_range(search)), margin=margin)
    clock = BudgetClock(folder, kept, began)
    return spend(clock, find_out, executor or ExecutorConfig(), callbacks or Callbacks(), lang=lang, function=function)


def train_command(result: TuneResult) -> str:
    """Return the command that trains what is recommended; empty where nothing is, and for a function."""
    c = result.report.conclusions
    chosen, study = c.recommended, result.kept.settings
    trial = None if chosen is None else c.runs.configs.get(chosen.name)
    if not isinstance(trial, ExternalTrial) or not isinstance(study, ExternalStudy):
        return ""
    rate = c.recommended_rate
    return filled_command(study, trial if rate is None else trial.with_values({"peak_rate": rate}), result.folder)


def filled_command(study: ExternalStudy, trial: ExternalTrial, folder: Path) -> str:
    """Return the command that trains one setting, with its values filled in; it writes below `folder`.

    Where it takes a configuration file, that is written. Empty for a function.
    """
    trainer, home = study.trainer, folder.resolve()
    if trainer.command is None:
        return ""
    values: dict[str, object] = {
        **placeholder_values(trial), "out": home / RECOMMENDED, "checkpoint": home / f"{RECOMMENDED}-checkpoint",
        "port": 29500,
    }  # fmt: skip
    if trainer.template is not None:
        template = Path(trainer.template)
        home.mkdir(parents=True, exist_ok=True)
        path = home / f"{RECOMMENDED}{template.suffix}"
        path.write_text(render_template(template, values).text, encoding="utf-8")
        values["config"] = path
    return filled_line(trainer.command, values)
