"""What a tune of one's own training was asked for and what it planned, kept in its folder: the same command goes on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lrscope.config import ExternalStudy
from lrscope.config.command_line import quote
from lrscope.errors import ConfigError, LrscopeError, StudyError
from lrscope.files import count_in, damaged, number_in, read_json, write_text
from lrscope.studies.budget import PLAN
from lrscope.studies.tune_plan import RateRange, TunePlan


@dataclass(frozen=True)
class KeptTune:
    """A budget in seconds, the rates to search and the training; `plan` is None until a first run has told its cost."""

    budget: float
    search: RateRange
    settings: ExternalStudy
    plan: TunePlan | None = None


def is_of_command(folder: Path) -> bool:
    """Return whether a tune of one's own training was begun in a folder."""
    return (folder / PLAN).is_file() and "search" in read_json(folder / PLAN)


def read_tune(folder: Path) -> KeptTune | None:
    """Return what was kept; None where there is nothing.

    Raises:
        StudyError: the file is damaged, or of a tune of the built-in training.
    """
    path = folder / PLAN
    if not path.is_file():
        return None
    values = read_json(path)
    if "search" not in values:
        raise StudyError(f"{folder} was begun by a tune of the built-in training; name another folder")
    try:
        search = RateRange(*_rates(values["search"], path, 2))
        settings = ExternalStudy.from_dict(_mapping(values.get("settings")), str(path))
        plan = None if values.get("plan") is None else _plan(_mapping(values["plan"]), path)
    except LrscopeError as error:
        raise damaged(path, str(error)) from error
    return KeptTune(number_in(values, "budget", path), search, settings, plan)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"settings and plan must be objects: got {value!r:.60}")
    return value


def _rates(value: Any, path: Path, number: int) -> tuple[float, ...]:
    is_rates = isinstance(value, list) and len(value) >= number and all(isinstance(rate, float) for rate in value)
    if not is_rates or not 0.0 < value[0] <= value[-1] < float("inf") or value != sorted(value):
        raise damaged(path, f"rates must rise from a positive one: got {value!r:.60}")
    return tuple(value)


def _plan(values: dict[str, Any], path: Path) -> TunePlan:
    seconds = {
        name: number_in(values, name, path)
        for name in ("budget", "full_run", "short_seconds", "sweep_seconds", "more_seconds")
    }
    seeds, most = (count_in(values, name, path) for name in ("seeds", "max_seeds"))
    if not 1 <= seeds <= most:
        raise damaged(path, f"a plan has seeds, and no fewer at most: got {seeds} and {most}")
    rates, is_short = _rates(values.get("rates"), path, 2), bool(values.get("is_short"))
    return TunePlan(rates=rates, is_short=is_short, seeds=seeds, max_seeds=most, **seconds)


def keep_tune(folder: Path, kept: KeptTune) -> None:
    """Keep it in one file."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "budget": kept.budget,
        "search": [kept.search.low, kept.search.high],
        "plan": None if kept.plan is None else asdict(kept.plan),
        "settings": kept.settings.to_dict(),
    }
    write_text(folder / PLAN, json.dumps(values, indent=1) + "\n")


def going_on(folder: Path) -> str:
    """Return how a tune goes on, as a person is told."""
    return f"the same lrscope tune command, with --out {quote(folder)}"
