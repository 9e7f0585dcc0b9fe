"""A time budget laid out over a range test, a sweep and more seeds: a plan that is said before anything is spent."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lrscope.config import StudyConfig
from lrscope.errors import ConfigError
from lrscope.files import write_text

PLAN, SETTINGS = "plan.json", "settings.toml"
NUM_RATES, NUM_CONTENDERS = 5, 4
RAMP_STEPS, RAMP_SEEDS = 140, 5
SWEEP_SHARE = 0.6
MIN_SEEDS, MAX_SEEDS, MAX_EPOCHS = 2, 8, 5
_LENGTH = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|sec|min|m|h)$")
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_budget(text: str) -> float:
    """Return seconds.

    Raises:
        ConfigError: it is no length of time with its unit.

    >>> parse_budget("20min"), parse_budget("1.5h")
    (1200.0, 5400.0)
    """
    match = _LENGTH.match(text.strip())
    if match is None or float(match[1]) <= 0.0:
        raise ConfigError(f"--budget is a time with its unit, such as 90s, 20min or 2h: got {text!r}")
    return float(match[1]) * _SECONDS[match[2]]


def format_budget(seconds: float) -> str:
    """Return a budget as it is typed.

    >>> format_budget(90), format_budget(1200), format_budget(5400)
    ('90s', '20min', '90min')
    """
    return f"{seconds:.3g}s" if seconds < 120 else f"{seconds / 60:.3g}min"


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


def plan_budget(budget: float, step: float, run_of: tuple[float, float], workers: int, epochs: int | None) -> Plan:
    """Return the plan for a budget in seconds.

    `step` is what an update takes, `run_of` what a run takes beside its epochs, and an epoch. As many epochs as fit, up
    to five, before more seeds: what the rate is best for is the run that is meant. What is left goes to arms that may
    be the best.

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

    lengths = [epochs] if epochs is not None else list(range(MAX_EPOCHS, 0, -1))
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


def kept_plan(folder: Path) -> Plan | None:
    """Return the plan that was kept; None where there is none."""
    path = folder / PLAN
    return Plan(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def keep_plan(folder: Path, plan: Plan, base: StudyConfig) -> None:
    """Keep the plan and the settings that it is for, so that the same command goes on with it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / SETTINGS, base.to_toml())
    write_text(folder / PLAN, json.dumps(asdict(plan), indent=1) + "\n")


def require_same_settings(folder: Path, base: StudyConfig) -> None:
    """Refuse other settings than those that a folder's plan was made for; where it runs may change.

    Raises:
        ConfigError: a setting is another one.
    """
    kept = StudyConfig.from_toml(folder / SETTINGS).to_dict()
    for section, values in base.to_dict().items():
        if section == "numerics" or not isinstance(values, Mapping):
            continue
        for name in dict.fromkeys([*values, *kept.get(section, {})]):
            value, was = values.get(name), kept.get(section, {}).get(name)
            if was != value:
                option = "lr" if name == "peak_rate" else name.replace("_", "-")
                raise ConfigError(
                    f"{folder} was begun with {f'--{option} {was}' if was is not None else f'no --{option}'}: got "
                    f"{'none' if value is None else value}; leave it as it was, or choose another --out"
                )
