"""From a grid to arms, and from arms to trials: which runs a study is made of, in which order.

Arms are compared at the same seeds, so that they share heads and data orders. Trials come seed by seed: after the first
seed every arm has been seen once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lrscope.config import AnyStudy, AnyTrial, TrialConfig
from lrscope.config.arms import Arm, named
from lrscope.errors import ConfigError, Problem, ScheduleError
from lrscope.runners.base import Prepared, check_trial


def arms(config: AnyStudy) -> list[Arm]:
    """Return the arms of a study in the order of its grid; equal ones are one.

    >>> from lrscope.config import DataConfig, ModelConfig, StudyConfig, SweepConfig
    >>> base = dict(data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1))
    >>> [arm.name for arm in arms(StudyConfig(**base, sweep=SweepConfig(grid={"peak_rate": [1e-4, 1e-3, 1e-4]})))]
    ['lr 1e-4', 'lr 1e-3']
    """
    configs: dict[AnyTrial, None] = {}
    problems: list[str | Problem] = []
    for values in _combinations(config):
        try:
            trial = config.trial.with_values({**values, "seed": 0})
            configs[_scaled(trial, config)] = None
        except ConfigError as error:
            problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ConfigError(*problems)
    return named(list(configs))


def _combinations(config: AnyStudy) -> Iterator[dict[str, Any]]:
    """Yield the values of each combination of the grid; a part with rates of its own is trained at these as well."""
    grid = dict(config.sweep.grid) if config.sweep else {}
    of_parts = config.sweep.part_rates if config.sweep else {}
    shared = grid.pop("peak_rate", ()) if of_parts else ()
    for values in itertools.product(*grid.values()):
        combined = dict(zip(grid, values, strict=True))
        if not of_parts:
            yield combined
            continue
        part = str(combined.get("train_part", config.trial.values.get("train_part")))
        yield from ({**combined, "peak_rate": rate} for rate in dict.fromkeys((*of_parts.get(part, ()), *shared)))


def _scaled(trial: AnyTrial, config: AnyStudy) -> AnyTrial:
    """Scale the rate with the batch size, from the first one of the grid on, where the study asks for it.

    "sqrt": rate · √(B / B₀), what Adam's update size suggests (Malladi et al., arXiv 2205.10287).
    "linear": rate · B / B₀, what holds for SGD (Goyal et al., arXiv 1706.02677).
    """
    rule = config.sweep.scale_rate if config.sweep else "none"
    if config.sweep is None or rule == "none" or not isinstance(trial, TrialConfig):
        return trial
    first = config.sweep.grid.get("batch_size", (trial.batch_size,))[0]
    scale = (trial.batch_size / first) ** (0.5 if rule == "sqrt" else 1.0)
    return replace(trial, peak_rate=float(f"{trial.peak_rate * scale:.6g}"))


def planned(config: AnyStudy) -> list[AnyTrial]:
    """Return all trials of a grid, seed by seed."""
    planned_arms = arms(config)
    return [arm.at(seed) for seed in range(config.sweep.seeds if config.sweep else 1) for arm in planned_arms]


def num_merged(config: AnyStudy) -> int:
    """Return how many combinations of the grid were the same as others."""
    return sum(1 for _ in _combinations(config)) - len(arms(config))


def check_arms(config: AnyStudy, prepared: Prepared) -> None:
    """Look whether every arm can run, before anything is trained or written.

    Raises:
        ScheduleError: a schedule does not fit its run; the message names the arm.
        ConfigError: a model cannot be built as an arm asks for it.
    """
    for arm in arms(config):
        try:
            check_trial(prepared, arm.config)
        except ScheduleError as error:
            raise ScheduleError(f"{error} (in the arm {arm.name})") from error


MAX_RATES = 1000


def parse_rates(text: str) -> list[float]:
    """Return learning rates from a list, `1e-5,1e-4`, or evenly spaced on the log axis, `log:1e-6:1e-2:9`.

    Raises:
        ConfigError: they are not positive numbers, or there are none.

    >>> parse_rates("log:1e-6:1e-2:5")
    [1e-06, 1e-05, 0.0001, 0.001, 0.01]
    """
    if text.strip().startswith("log:"):
        parts = text.strip().split(":")
        try:
            low, high, num = float(parts[1]), float(parts[2]), int(parts[3])
        except (IndexError, ValueError):
            raise ConfigError(
                f"log-spaced rates are log:LOW:HIGH:NUMBER: got {text!r}; write log:1e-6:1e-2:9"
            ) from None
        if len(parts) != 4 or not (0 < low < high < math.inf and 2 <= num <= MAX_RATES):
            raise ConfigError(
                f"log-spaced rates rise from a positive one, from 2 to {MAX_RATES} of them: got {text!r}; write "
                "log:1e-6:1e-2:9"
            )
        step = math.log10(high / low) / (num - 1)
        # Three digits read better than what the power gives, and are enough unless rates lie close together.
        digits = 3 if step > 0.02 else 6
        return [low, *(float(f"{low * 10 ** (step * place):.{digits}g}") for place in range(1, num - 1)), high]
    if ":" in text:
        raise ConfigError(
            f"learning rates are a list, or log:LOW:HIGH:NUMBER: got {text!r}; write log:{text.strip()}:5"
        )
    rates = parse_list(text, float, "learning rates", "1e-5,1e-4,1e-3")
    for rate in rates:
        if not (math.isfinite(rate) and rate > 0):
            raise ConfigError(f"learning rates are positive numbers: got {rate:g} in {text!r}; write 1e-5,1e-4,1e-3")
    return rates


def parse_list(text: str, kind: Any, what: str, example: str, separator: str = ",") -> list[Any]:
    """Return the values of a list on the command line.

    Raises:
        ConfigError: one does not read, or there are none.
    """
    values = []
    for part in text.split(separator):
        try:
            values.append(kind(part.strip()))
        except ValueError:
            hint = "remove a comma" if not part.strip() else "correct it"
            got = f"{part.strip()!r} in {text!r}" if separator in text else repr(text)
            raise ConfigError(f"{what} are a list such as {example}: got {got}; {hint}") from None
    if not text.strip():
        raise ConfigError(f"{what} are a list such as {example}: got none")
    return values
