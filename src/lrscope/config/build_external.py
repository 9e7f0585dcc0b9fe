"""From options to a study of the user's own training: what is given replaces what a `--config` file says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lrscope.config.base import settings_of
from lrscope.config.build import absolute
from lrscope.config.catalogue import flag_of
from lrscope.config.execution import ExecutionConfig
from lrscope.config.external import (
    ExternalStudy,
    ExternalSweep,
    ExternalTrial,
    OwnSettings,
    Scalar,
    TrainerConfig,
    scalar_of,
)
from lrscope.errors import ConfigError, Problem

# Settings that a training of the user's own shares with the built-in one.
SHARED = frozenset({
    "peak_rate", "epochs", "steps", "seeds", "keep", "threads", *settings_of(ExecutionConfig),
})  # fmt: skip


def study_of(
    trainer: TrainerConfig, grid: Mapping[str, Sequence[Any]], sweep: ExternalSweep, start: ExternalTrial | None = None
) -> ExternalStudy:
    """Return the study of these values, a list for each setting, the learning rates among them.

    What has several values is compared; a single one is the same in all runs.

    Raises:
        ConfigError: one cannot be.
    """
    first = {name: values[0] for name, values in grid.items()}
    trial = (start or ExternalTrial(peak_rate=first["peak_rate"])).with_values(first)
    varied = {name: tuple(values) for name, values in grid.items() if len(values) > 1 or name == "peak_rate"}
    return ExternalStudy(trainer=trainer, trial=trial, sweep=replace(sweep, grid=varied))


def external_config(
    trainer: Mapping[str, Any],
    settings: Mapping[str, Any],
    own: Mapping[str, Sequence[Scalar]],
    base: ExternalStudy | None,
) -> ExternalStudy:
    """Return the study of a command: `trainer` by the settings of [trainer], `own` values by the names of `--set`.

    `settings` are those of sweeps that it shares with the built-in training; what has several values is compared.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    for name in settings:
        if name not in SHARED:
            rule = f"{{{name}}} is a setting of the built-in training"
            way_out = f"name it in the command, or as --set {name}=VALUES"
            got = "it with --command" if base is None else "it with the study of a command"
            raise ConfigError(Problem(rule, got, way_out))
    kept = None if base is None else base.sweep
    grid: dict[str, Sequence[Any]] = {**({} if kept is None else kept.grid), **own}
    for name in ("peak_rate", "epochs", "steps"):
        if name in settings:
            given = settings[name]
            grid[name] = given if isinstance(given, list | tuple) else (given,)
    if "peak_rate" not in grid and base is None:
        raise ConfigError("a sweep needs --lr: got none; write --lr 1e-5,3e-5,1e-4")
    swept = {name: settings[name] for name in ("seeds", "keep") if name in settings}
    parts = {**trainer, **({"threads": settings["threads"]} if "threads" in settings else {})}
    if base is None:
        trains, start = TrainerConfig(**{"folder": absolute("."), **parts}), None
    else:
        trains, start = replace(base.trainer, **parts), base.trial
        grid.setdefault("peak_rate", (base.trial.peak_rate,))
    return study_of(trains, grid, replace(kept or ExternalSweep(), **swept), start)


def own_values(texts: Sequence[str]) -> dict[str, tuple[Scalar, ...]]:
    """Return what `--set NAME=VALUES` gives.

    Raises:
        ConfigError: one is not of that form, or names a setting twice.

    >>> own_values(["lora_r=8,16", "dataset=gsm8k"])
    {'lora_r': (8, 16), 'dataset': ('gsm8k',)}
    """
    own: dict[str, tuple[Scalar, ...]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        name = name.strip()
        if not equals or not values.strip():
            raise ConfigError(f"--set is NAME=VALUE or NAME=VALUE,VALUE: got {text!r}; write --set lora_r=8,16")
        if name in ("epochs", "steps", "peak_rate", "lr"):
            flag = flag_of("peak_rate" if name == "lr" else name)
            raise ConfigError(f"--set is for settings that have no option: got {name!r}; write {flag}")
        if name in own:
            raise ConfigError(f"a setting is given once: got --set {name} twice; write --set {name}=VALUE,VALUE")
        parts = [part.strip() for part in values.split(",")]
        if not all(parts):
            raise ConfigError(f"--set {name} is a value or a list: got {values!r}; remove what is empty")
        own[name] = tuple(dict.fromkeys(scalar_of(part) for part in parts))
        OwnSettings({name: own[name][0]})
    return own
