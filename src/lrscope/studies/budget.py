"""A time budget laid out over a range test, a sweep and more seeds: a plan that is said before anything is spent."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lrscope.config import StudyConfig, TrialConfig
from lrscope.config.times import parse_time
from lrscope.errors import ConfigError, LrscopeError, StudyError
from lrscope.files import count_in, damaged, number_in, read_json, write_text

PLAN, SETTINGS = "plan.json", "settings.toml"
NUM_RATES, NUM_CONTENDERS = 5, 4
RAMP_STEPS, RAMP_SEEDS = 140, 5
SWEEP_SHARE = 0.6
MIN_SEEDS, MAX_SEEDS = 2, 8


def parse_budget(text: str) -> float:
    """Return the seconds of a budget.

    Raises:
        ConfigError: it is no length of time with its unit.
    """
    return parse_time(text, "budget")


def format_budget(seconds: float) -> str:
    """Return a budget as it is typed.

    >>> format_budget(90), format_budget(1200), format_budget(5400)
    ('90s', '20min', '90min')
    """
    minutes = f"{seconds / 60:.3g}"
    return f"{minutes}min" if seconds >= 120 and float(minutes) * 60.0 == seconds else f"{seconds:.10g}s"


@dataclass(frozen=True)
class Plan:
    """What a budget is spent on: how many epochs a run has, seeds of the sweep, most seeds of what may be best.

    `find_seconds`, `sweep_seconds` and `more_seconds` are what each is expected to take.
    """

    budget: float
    ramp_seeds: int
    epochs: int
    seeds: int
    max_seeds: int
    find_seconds: float
    sweep_seconds: float
    more_seconds: float


def plan_budget(
    budget: float,
    step: float,
    run_of: tuple[float, float],
    workers: int,
    epochs: int | None,
    *,
    most_epochs: int = TrialConfig.epochs,
) -> Plan:
    """Return the plan for a budget in seconds.

    `step` is what an update takes, `run_of` what a run takes beside its epochs, and an epoch. As many epochs as fit, up
    to `most_epochs`, before more seeds: what the rate is best for is the run that is meant. What is left goes to arms
    that may be the best.

    Raises:
        ConfigError: not even one epoch at two seeds fits.

    >>> plan = plan_budget(600, 0.1, (4.0, 10.0), 1, None)
    >>> plan.epochs, plan.seeds, plan.max_seeds
    (2, 2, 5)
    """
    fixed, epoch = run_of
    find = {seeds: seeds * RAMP_STEPS * step / workers for seeds in range(1, RAMP_SEEDS + 1)}
    ramp_seeds = max((seeds for seeds, cost in find.items() if cost <= 0.2 * budget), default=1)
    left = budget - find[ramp_seeds]

    def sweep(num_epochs: int, seeds: int) -> float:
        return NUM_RATES * seeds * (fixed + num_epochs * epoch) / workers

    lengths = [epochs] if epochs is not None else list(range(most_epochs, 0, -1))
    fitting = [length for length in lengths if sweep(length, MIN_SEEDS) <= SWEEP_SHARE * left]
    length = fitting[0] if fitting else lengths[-1]
    if sweep(length, MIN_SEEDS) > left:
        least = (find[1] + sweep(length, MIN_SEEDS)) / 60.0
        raise ConfigError(
            f"--budget holds a range test and {NUM_RATES} rates at {MIN_SEEDS} seeds: {format_budget(budget)} is too "
            f"little for runs of {length} epoch{'s' * (length > 1)}; give {math.ceil(least * 1.1)}min"
        )
    able = [s for s in range(MIN_SEEDS, MAX_SEEDS + 1) if sweep(length, s) <= SWEEP_SHARE * left]
    seeds = max(able, default=MIN_SEEDS)
    spare = left - sweep(length, seeds)
    each = NUM_CONTENDERS * (fixed + length * epoch) / workers
    most = min(MAX_SEEDS, seeds + int(spare / each))
    more = (most - seeds) * each
    return Plan(budget, ramp_seeds, length, seeds, most, find[ramp_seeds], sweep(length, seeds), more)


def is_tune_folder(folder: Path) -> bool:
    """Return whether a folder is one that tune spends a budget in: its plan was kept there."""
    return (folder / PLAN).is_file()


def holds_other_files(folder: Path) -> bool:
    """Return whether a folder without a plan holds anything but what a tune leaves that was killed at its start."""
    return folder.exists() and (not folder.is_dir() or any(not _is_left_over(path) for path in folder.iterdir()))


def _is_left_over(path: Path) -> bool:
    """Version 0.1 wrote the settings before the plan; a file that was being written begins with a dot."""
    return path.name == SETTINGS or (path.name.startswith((f".{PLAN}.", f".{SETTINGS}.")) and path.suffix == ".tmp")


@dataclass(frozen=True)
class KeptPlan:
    """A plan with the settings that it was made for."""

    plan: Plan
    settings: StudyConfig


def read_plan(folder: Path) -> KeptPlan | None:
    """Return the plan that was kept; None where there is none.

    Raises:
        StudyError: its file is damaged.
    """
    path = folder / PLAN
    if not path.is_file():
        return None
    values = read_json(path)
    if "search" in values:
        raise StudyError(f"{folder} was begun by a tune with --command: go on with the same command, or name another")
    settings = values.pop("settings", None)
    read: dict[str, Any] = {
        item.name: (count_in if item.type == "int" else number_in)(values, item.name, path) for item in fields(Plan)
    }
    plan = Plan(**read)
    if plan.budget <= 0.0 or min(plan.ramp_seeds, plan.epochs, plan.seeds) < 1 or plan.max_seeds < plan.seeds:
        raise damaged(path, "its budget, epochs and seeds are not those of a plan")
    try:
        if settings is None:  # version 0.1 kept them in a file of their own
            return KeptPlan(plan, StudyConfig.from_toml(folder / SETTINGS))
        if not isinstance(settings, Mapping):
            raise ConfigError(f"settings must be an object: got {settings!r:.60}")
        return KeptPlan(plan, StudyConfig.from_dict(settings, str(path)))
    except LrscopeError as error:  # a schedule that does not read has an error of its own
        raise damaged(path, str(error)) from error


def keep_plan(folder: Path, plan: Plan, base: StudyConfig) -> None:
    """Keep the plan and the settings that it is for in one file, so that the same command goes on with it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / PLAN, json.dumps({**asdict(plan), "settings": base.to_dict()}, indent=1) + "\n")
