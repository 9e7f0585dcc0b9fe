"""From options to a study of the user's own training: what is given replaces what a `--config` file says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
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

_TIME = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|sec|min|m|h|d)$")
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
# Settings that a training of the user's own shares with the built-in one.
SHARED = frozenset({
    "peak_rate", "epochs", "steps", "seeds", "keep", "threads", *settings_of(ExecutionConfig),
})  # fmt: skip


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
            raise ConfigError(Problem(rule, "it with --command", way_out))
    kept = None if base is None else base.sweep
    grid: dict[str, Sequence[Any]] = {**({} if kept is None else kept.grid), **own}
    for name in ("peak_rate", "epochs", "steps"):
        if name in settings:
            given = settings[name]
            grid[name] = given if isinstance(given, list | tuple) else (given,)
    if "peak_rate" not in grid and base is None:
        raise ConfigError("a sweep needs --lr: got none; write --lr 1e-5,3e-5,1e-4")
    first = {name: values[0] for name, values in grid.items()}
    start = ExternalTrial(peak_rate=float(first["peak_rate"])) if base is None else base.trial
    varied = {name: tuple(values) for name, values in grid.items() if len(values) > 1}
    trial = start.with_values(first)
    swept = {name: settings[name] for name in ("seeds", "keep") if name in settings}
    sweep = replace(kept or ExternalSweep(), grid=varied or {"peak_rate": (trial.peak_rate,)}, **swept)
    parts = dict(trainer)
    if "threads" in settings:
        parts["threads"] = settings["threads"]
    if base is None:
        return ExternalStudy(trainer=TrainerConfig(**{"folder": absolute("."), **parts}), trial=trial, sweep=sweep)
    return replace(base, trainer=replace(base.trainer, **parts), trial=trial, sweep=sweep)


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


def parse_time(text: str) -> float:
    """Return seconds.

    Raises:
        ConfigError: it is no length of time with its unit.

    >>> parse_time("2h"), parse_time("90s")
    (7200.0, 90.0)
    """
    match = _TIME.match(text.strip())
    if match is None or float(match[1]) <= 0.0:
        raise ConfigError(Problem("{timeout} is a time with its unit, such as 90s, 20min or 2h", repr(text)))
    return float(match[1]) * _SECONDS[match[2]]


def read_base(config: Path | None) -> ExternalStudy | None:
    """Return the study of a TOML file, where it is one of the user's own training."""
    from lrscope.config.read import study_from_toml

    study = None if config is None else study_from_toml(config)
    return study if isinstance(study, ExternalStudy) else None
