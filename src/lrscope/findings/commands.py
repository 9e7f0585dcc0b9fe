"""Commands to type: what was run, said again in options."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator
from dataclasses import fields

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
from lrscope.runs.runs import Runs
from lrscope.runs.settings import epochs_of
from lrscope.schedules import Phase, Schedule
from lrscope.schedules.durations import format_number

INPUTS = ("model", "train", "dev", "batch_size")  # of what is imported: as far as it was named
_DEFAULTS = {
    item.name: item.default for kind in (DataConfig, ModelConfig, NumericsConfig, TrialConfig) for item in fields(kind)
}
_OWN = ("peak_rate", "schedule", "epochs", "seed")  # said in their own ways, or not at all


def inputs(runs: Runs, but: Collection[str] = ()) -> list[str]:
    """Return the options that name what was trained on what; capitals stand for what is not known."""
    if runs.study is not None:
        return [*_of_study(runs.study), *_compared(runs, but)]
    known = {"model": "MODEL", "train": "TRAIN", "dev": "DEV", **runs.settings}
    asked = [name for name in known if (name in INPUTS or name.endswith("_names")) and name not in but]
    epochs = epochs_of(known) or ""
    length = [_option("epochs", epochs)] if epochs.isdigit() and "epochs" not in but else []
    return [*(_option(name, known[name]) for name in asked if known[name] not in ("", "None")), *length]


def settings(trial: TrialConfig, but: Collection[str] = ()) -> list[str]:
    """Return the options of a trial that are not the defaults, and its batch size.

    >>> settings(TrialConfig(peak_rate=1e-3, batch_size=80, weight_decay=0.1))
    ['--batch-size 80', '--weight-decay 0.1']
    """
    named = [item.name for item in fields(TrialConfig) if item.name not in (*_OWN, *but)]
    return [
        _option(name, getattr(trial, name))
        for name in named
        if name == "batch_size" or getattr(trial, name) != _DEFAULTS[name]
    ]


def _compared(runs: Runs, but: Collection[str]) -> list[str]:
    """Return the settings of a study's arms, each with all of its values where they differ."""
    configs = list(runs.configs.values())
    found = []
    for item in fields(TrialConfig):
        values = list(dict.fromkeys(getattr(config, item.name) for config in configs))
        if item.name in (*_OWN, *but) or (item.name != "batch_size" and values == [_DEFAULTS[item.name]]):
            continue
        shown = ",".join(format_number(v) if isinstance(v, float) else str(v) for v in values if v is not None)
        found.append(_option(item.name, values[0] if len(values) == 1 else shown))
    return found


def schedule_options(schedule: Schedule) -> list[str]:
    """Return the options that give this schedule, and no warmup where it has none.

    >>> from lrscope.schedules import parse
    >>> schedule_options(parse("cosine"))
    ['--schedule cosine', '--warmup 0']
    >>> schedule_options(parse("warmup(6%) > linear"))
    ["--schedule 'warmup(6%) > linear'"]
    """
    bare = schedule.is_open and not schedule.has_warmup
    return [_option("schedule", schedule), *(["--warmup 0"] if bare else [])]


def finetune_command(runs: Runs, arm: str) -> str:
    """Return the command that trains an arm once more; empty where lrscope did not run it."""
    config = runs.configs.get(arm)
    if config is None or runs.study is None:
        return ""
    own = [f"--lr {format_number(config.peak_rate)}", *schedule_options(config.schedule), f"--epochs {config.epochs}"]
    return " ".join(["lrscope finetune", *_of_study(runs.study), *settings(config), *own])


def extension(runs: Runs, options: str) -> str:
    """Return the command that extends this study; an imported one is begun anew."""
    return (
        sweep(runs, options) if runs.study is None else f"lrscope sweep --resume {shlex.quote(runs.source)} {options}"
    )


def sweep(runs: Runs, options: str) -> str:
    """Return the command for a new sweep on the same inputs, with what `options` name in their place."""
    named = [word[2:].replace("-", "_") for word in options.split() if word.startswith("--")]
    parts = ["lrscope sweep", *inputs(runs, named)]
    epochs = [config.epochs for config in runs.configs.values()]
    if epochs and "epochs" not in named:
        parts.append(f"--epochs {max(epochs)}")
    seeds = max(len(of_arm) for of_arm in runs.arms.values())
    if seeds > 1 and "seeds" not in named:
        parts.append(f"--seeds {seeds}")
    schedules = list(dict.fromkeys(config.schedule for config in runs.configs.values()))
    if len(schedules) == 1 and "schedule" not in named:
        parts += _shared_schedule(schedules[0], named)
    elif schedules and not {"schedule", "warmup"} & set(named):
        parts.append(_option("schedule", ";".join(map(str, schedules))))
    return " ".join([*parts, options])


def takes_warmup(runs: Runs) -> bool:
    """Whether another warmup can stand before what these runs were trained under: one shape that fills what is left."""
    schedules = {config.schedule for config in runs.configs.values()}
    shapes = [schedule.without_warmup() for schedule in schedules]
    return len(schedules) < 2 and all(isinstance(s, Phase) and s.is_open and not s.has_warmup for s in shapes)


def _shared_schedule(schedule: Schedule, named: Collection[str]) -> list[str]:
    if schedule == _DEFAULTS["schedule"]:
        return []
    if "warmup" not in named:
        return schedule_options(schedule)
    return [_option("schedule", schedule.without_warmup())]


def _of_study(study: StudyConfig) -> Iterator[str]:
    """Yield what a study reads and what of it trains, as options, but for the defaults."""
    for section in (study.model, study.data, study.numerics):
        for item in fields(section):
            value = getattr(section, item.name)
            if item.name not in ("test", "device", "threads") and value != _DEFAULTS[item.name]:
                yield _option(item.name, value)


def _option(name: str, value: object) -> str:
    """Return an option; a flag that is on has no value.

    >>> _option("model", "my model"), _option("gradient_checkpointing", True), _option("clip_norm", 0.0)
    ("--model 'my model'", '--gradient-checkpointing', '--clip-norm 0')
    """
    flag = f"--{name.replace('_', '-')}"
    if value is True:
        return flag
    return f"{flag} {shlex.quote(format_number(value) if isinstance(value, float) else str(value))}"
