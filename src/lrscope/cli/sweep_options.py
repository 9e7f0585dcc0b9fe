"""What a sweep's options ask for: settings that may be lists, made a grid and a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.config import ExternalStudy, StudyConfig, SweepConfig
from lrscope.config.base import settings_of
from lrscope.config.build import build_config, compose_schedule, settings_in
from lrscope.config.trial import TrialConfig
from lrscope.schedules import Schedule
from lrscope.terminal.output import echo

AUTO = "auto"

UntilDecided = Annotated[
    float | None,
    typer.Option(
        "--until-decided", help="With --resume: add seeds to settings that may be the best, until differences of this "
        "size are decided.",
        metavar="X", show_default=False, rich_help_panel=opt.COMPARISON,
    ),
]  # fmt: skip
MaxSeeds = Annotated[
    int | None,
    typer.Option(
        "--max-seeds", help="With --until-decided: at most this many seeds per setting [default: 8].", metavar="N",
        show_default=False, rich_help_panel=opt.COMPARISON,
    ),
]  # fmt: skip


Like = Annotated[
    Path | None,
    typer.Option(
        "--like", help="Keep the schedule and the settings of a recorded run (a log, a trainer_state.json, a run of "
        "lrscope, …); options override them.",
        metavar="FILE", show_default=False, rich_help_panel=opt.COMPARISON,
    ),
]  # fmt: skip


def with_like(
    settings: opt.Settings, own: opt.Settings, record: Path, base: ExternalStudy | None = None
) -> tuple[opt.Settings, opt.Settings]:
    """Return options with what a record says of how its runs were trained, where they do not say it themselves.

    Of a command, which `base` may hold, what its placeholders name is taken. What is taken is printed.

    Raises:
        ConfigError: the record does not tell of one training.
        DataError, StudyError: it cannot be read.
    """
    from lrscope.runners.external.inputs import OWN_NAMES
    from lrscope.runners.external.placeholders import names_in
    from lrscope.workflows.like import like

    recorded = like(record)
    if "command" not in own and base is None:
        schedule = {"schedule", "warmup"} if settings.keys() & {"schedule", "warmup"} else set()
        taken = {n: value for n, value in recorded.options.items() if n not in {*settings, *schedule}}
        if "train_part" in settings:  # the record may have trained another one, with settings of its own
            parts = ("", *settings["train_part"])
            others = {n for n, item in settings_of(TrialConfig).items() if item.of_part not in parts}
            taken = {n: value for n, value in taken.items() if n not in others}
        # A single value of what may be compared is a list of one: it counts before the values of a --config file.
        varies = {"warmup", *(n for n, item in settings_of(TrialConfig).items() if item.varies)}
        as_lists = {n: (value,) if n in varies else value for n, value in taken.items()}
        settings = {**settings, **as_lists}
    else:
        text = own["command"] if "command" in own or base is None else " ".join(base.trainer.command or ())
        template = own.get("template", None if base is None else base.trainer.template)
        text += "" if template is None else Path(template).read_text("utf-8", "replace")
        given = {each.partition("=")[0].strip() for each in own.get("sets", ())}
        names = names_in(text) - {*OWN_NAMES, *given, *settings, *own}
        taken = recorded.values_of(sorted(names))
        counts = {n: value for n, value in taken.items() if n in ("epochs", "steps")}
        own = {**own, "sets": [*own.get("sets", ()), *(f"{n}={v}" for n, v in taken.items() if n not in counts)]}
        settings, own = _with_lengths(settings, own, counts)
    kept = ", ".join(f"{n.replace('_', ' ')} {value}" for n, value in taken.items())
    echo(f"from {record}: {kept or 'nothing that the options do not say'}", err=True)
    return settings, own


def _with_lengths(
    settings: opt.Settings, own: opt.Settings, lengths: Mapping[str, str]
) -> tuple[opt.Settings, opt.Settings]:
    """Return options with the epochs and steps of a record."""
    epochs = {"epochs": (int(float(lengths["epochs"])),)} if "epochs" in lengths else {}
    return {**settings, **epochs}, {**own, **({"steps": lengths["steps"]} if "steps" in lengths else {})}


def grid_of(
    settings: Mapping[str, Any], schedules_before: Sequence[str | Schedule] = ("linear",)
) -> dict[str, tuple[Any, ...]]:
    """Return the values of each setting of a trial that was given as a list, by its name.

    Schedules × warmups are one setting: `--warmup` applies to the schedules that name none. `schedules_before` are
    those that warmups go with where no schedule is given.
    """
    schedules, warmups = settings.get("schedule"), settings.get("warmup")
    grid: dict[str, tuple[Any, ...]] = {}
    for name, item in settings_of(TrialConfig).items():
        if name == "schedule" and (schedules or warmups):
            texts = schedules or schedules_before
            grid[name] = tuple(dict.fromkeys(compose_schedule(t, w) for t in texts for w in warmups or (None,)))
        elif item.varies and isinstance(settings.get(name), tuple):
            grid[name] = settings[name]
    return grid


def sweep_config(
    settings: Mapping[str, Any], base: StudyConfig | None, rates: tuple[float, ...] | None = None
) -> StudyConfig:
    """Return the study that a sweep's settings ask for, the rest as in `base`.

    `rates` stand in for those that a range test has yet to find.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    kept = base.sweep if base is not None and base.sweep is not None else SweepConfig()
    before = kept.grid.get("schedule") or (() if base is None else (base.trial.schedule,))
    shapes = tuple(schedule.without_warmup() for schedule in before) or ("linear",)
    grid = {**kept.grid, **grid_of(settings, shapes), **({} if rates is None else {"peak_rate": rates})}
    # A trial is checked as a whole: where batch sizes are compared, a micro-batch is held to the first of them.
    # So are the settings of adapters, which exist where one of the parts is `lora`.
    first = {name: "lora" if "lora" in values else values[0] for name, values in grid.items()}
    shared = {name: value for name, value in settings.items() if not isinstance(value, tuple)}
    built = build_config({**shared, **first}, base=base, what="a sweep")
    varied = {name: values for name, values in grid.items() if len(values) > 1} or {
        "peak_rate": (built.trial.peak_rate,)
    }
    of_parts = {} if "peak_rate" in grid_of(settings) or rates is not None else kept.part_rates
    if of_parts and "peak_rate" not in kept.grid:
        varied.pop("peak_rate", None)
    return replace(built, sweep=replace(kept, grid=varied, part_rates=of_parts, **settings_in(settings, "sweep")))
