"""What a sweep's options ask for: settings that may be lists, made a grid and a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.config import StudyConfig, SweepConfig
from lrscope.config.base import settings_of
from lrscope.config.build import build_config, compose_schedule, settings_in
from lrscope.config.trial import TrialConfig
from lrscope.schedules import Schedule

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
    settings: Mapping[str, Any], config: Path | None, rates: tuple[float, ...] | None = None
) -> StudyConfig:
    """Return the study that a sweep's settings ask for; `rates` stand in for those that a range test has yet to find.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    base = StudyConfig.from_toml(config) if config else None
    kept = base.sweep if base is not None and base.sweep is not None else SweepConfig()
    before = kept.grid.get("schedule") or (() if base is None else (base.trial.schedule,))
    shapes = tuple(schedule.without_warmup() for schedule in before) or ("linear",)
    grid = {**kept.grid, **grid_of(settings, shapes), **({} if rates is None else {"peak_rate": rates})}
    # A trial is checked as a whole: where batch sizes are compared, a micro-batch is held to the first of them.
    first = {name: values[0] for name, values in grid.items()}
    shared = {name: value for name, value in settings.items() if not isinstance(value, tuple)}
    built = build_config({**shared, **first}, config=config, what="a sweep")
    varied = {name: values for name, values in grid.items() if len(values) > 1} or {
        "peak_rate": (built.trial.peak_rate,)
    }
    return replace(built, sweep=replace(kept, grid=varied, **settings_in(settings, "sweep")))
