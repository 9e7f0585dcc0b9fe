"""Commands to type next: what was trained, said again in options, with what is to change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.config import ExternalStudy, ExternalTrial, StudyConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.config.command_line import OWN_TRAINING, CommandLine, resume
from lrscope.config.read import built_in_trial
from lrscope.config.trial import DEFAULT_SCHEDULE
from lrscope.findings.imported_options import UNKNOWN, applied_text, imported_options
from lrscope.number_text import short_rate
from lrscope.runners.external.placeholders import filled_line, placeholder_values
from lrscope.runs.runs import Runs
from lrscope.schedules import Phase, Schedule

_OWN = ("peak_rate", "schedule", "epochs", "seed")  # said in their own ways, or not at all
_OF_ANY = {"peak_rate", "seeds", "epochs"}  # what every training can be asked for
_LEFT_OUT = ("test", "device", "threads")  # a command may be typed on another machine, and opens no test


def study_options(study: StudyConfig) -> dict[str, Any]:
    """Return what a study learns, reads and computes with, but for the defaults."""
    task = {} if study.task == settings_of(StudyConfig)["task"].default else {"task": study.task}
    return task | {
        name: getattr(section, name)
        for section in (study.model, study.data, study.sft, study.numerics)
        for name, item in settings_of(type(section)).items()
        if name not in _LEFT_OUT and getattr(section, name) != item.default
    }


def trial_options(trial: TrialConfig) -> dict[str, Any]:
    """Return the settings of a trial that are not the defaults, and its batch size.

    >>> trial_options(TrialConfig(peak_rate=1e-3, batch_size=80, weight_decay=0.1))
    {'batch_size': 80, 'weight_decay': 0.1}
    """
    return {
        name: getattr(trial, name)
        for name, item in settings_of(TrialConfig).items()
        if name not in _OWN and (name == "batch_size" or getattr(trial, name) != item.default)
    }


def schedule_options(schedule: Schedule) -> dict[str, Any]:
    """Return the options that give this schedule, and no warmup where it has none.

    >>> from lrscope.schedules import parse
    >>> {name: str(value) for name, value in schedule_options(parse("cosine")).items()}
    {'schedule': 'cosine', 'warmup': '0'}
    """
    bare = schedule.is_open and not schedule.has_warmup
    return {"schedule": schedule, **({"warmup": "0"} if bare else {})}


def finetune_command(runs: Runs, arm: str, rate: float | None = None) -> CommandLine | None:
    """Return the command that trains an arm once more, or at another rate; None where lrscope did not run it."""
    config = runs.configs.get(arm)
    if not isinstance(config, TrialConfig) or not isinstance(runs.study, StudyConfig):
        return None
    own = {"peak_rate": rate or config.peak_rate, **schedule_options(config.schedule), "epochs": config.epochs}
    return CommandLine("finetune", {**study_options(runs.study), **trial_options(config), **own})


def own_command(runs: Runs, arm: str) -> str:
    """Return the user's own command with the values of an arm filled in, capitals for what is not a setting.

    Empty where the runs are not of a command.
    """
    config, study = runs.configs.get(arm), runs.study
    if not isinstance(config, ExternalTrial) or not isinstance(study, ExternalStudy) or study.trainer.command is None:
        return ""
    values = {**placeholder_values(config), **{name: name.upper() for name in ("out", "checkpoint", "port", "config")}}
    return filled_line(study.trainer.command, values)


def next_sweep(config: StudyConfig, low: float, high: float) -> CommandLine:
    """Return the command that searches a range of rates with the settings of a range test."""
    trial = {**trial_options(config.trial), **schedule_options(config.trial.schedule)}
    rates = {"peak_rate": f"log:{short_rate(low)}:{short_rate(high)}:5", "seeds": 3}
    return CommandLine("sweep", {**study_options(config), **trial, **rates})


def extension(runs: Runs, **changes: Any) -> CommandLine | None:
    """Return the command that extends this study; an imported one is begun anew."""
    return sweep(runs, **changes) if runs.study is None else resume("sweep", Path(runs.source), **changes)


def sweep(runs: Runs, **changes: Any) -> CommandLine | None:
    """Return the command for a new sweep on the same inputs, with `changes` in the place of what was trained.

    None for a training of the user's own, whose settings are not lrscope's to change, and for imported runs whose
    settings differ in more than the rate: one value for all of them would train something else. Of imported runs whose
    inputs are not known, rates, seeds and epochs go to what trained them: a command of the user's own.
    """
    if runs.study is not None and not isinstance(runs.study, StudyConfig):
        return None
    if runs.study is None and set(runs.varied) - {"schedule", *changes}:
        return None
    trained = (
        imported_options(runs.settings, applied_text(runs.runs))
        if runs.study is None
        else _of_study(runs, runs.study, changes)
    )
    if runs.study is None and "peak_rate" in changes and not set(changes) - _OF_ANY and _lacks_inputs(trained):
        epochs = " --num_train_epochs {epochs}" if "epochs" in changes else ""
        trained = {"command": OWN_TRAINING + epochs}
    seeds = max(len(of_arm) for of_arm in runs.arms.values())
    if seeds > 1:
        trained["seeds"] = seeds
    if "schedule" in changes and runs.study is not None:
        trained.pop("warmup", None)  # it belonged to the other schedule
    return CommandLine("sweep", trained).with_options(**changes)


def _lacks_inputs(options: Mapping[str, Any]) -> bool:
    return any(options[name] == capitals for name, capitals in UNKNOWN.items())


def _of_study(runs: Runs, study: StudyConfig, changes: Mapping[str, Any]) -> dict[str, Any]:
    configs = [built_in_trial(config) for config in runs.configs.values()]
    trained = study_options(study)
    for name, item in settings_of(TrialConfig).items():
        having = [config for config in configs if item.of_part in ("", config.train_part)]
        values = [value for value in dict.fromkeys(getattr(config, name) for config in having) if value is not None]
        if name not in _OWN and values and (name == "batch_size" or values != [item.default]):
            trained[name] = values[0] if len(values) == 1 else tuple(values)
    if configs:
        trained["epochs"] = max(config.epochs for config in configs)
    schedules = list(dict.fromkeys(config.schedule for config in configs))
    if len(schedules) > 1:
        return trained if "warmup" in changes else {**trained, "schedule": tuple(schedules)}
    if "warmup" in changes:
        shapes = [schedule.without_warmup() for schedule in schedules if schedule != DEFAULT_SCHEDULE]
        return {**trained, **({"schedule": shapes[0]} if shapes else {})}
    of_schedule = [schedule_options(schedule) for schedule in schedules if schedule != DEFAULT_SCHEDULE]
    return {**trained, **(of_schedule[0] if of_schedule else {})}


def takes_warmup(runs: Runs) -> bool:
    """Whether another warmup can stand before what these runs were trained under: one shape that fills what is left."""
    if runs.study is not None and not isinstance(runs.study, StudyConfig):
        return False
    schedules = {built_in_trial(config).schedule for config in runs.configs.values()}
    shapes = [schedule.without_warmup() for schedule in schedules]
    return len(schedules) < 2 and all(isinstance(s, Phase) and s.is_open and not s.has_warmup for s in shapes)
