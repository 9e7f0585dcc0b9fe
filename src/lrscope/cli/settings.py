"""From options to a configuration: what is given replaces what a `--config` file or the defaults say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.config import StudyConfig
from lrscope.errors import ConfigError
from lrscope.schedules import Schedule, parse, parse_duration, with_warmup

DEFAULT_WARMUP = "6%"  # a prior, not a finding: docs/schedules.md

# Where each option belongs, by its name on the command line.
PLACES = {
    "train": ("data", "train"),
    "dev": ("data", "dev"),
    "test": ("data", "test"),
    "label_names": ("data", "label_names"),
    "text_column": ("data", "text_column"),
    "label_column": ("data", "label_column"),
    "on_long": ("data", "on_long"),
    "max_tokens": ("data", "max_tokens"),
    "model": ("model", "model"),
    "tokenizer": ("model", "tokenizer"),
    "train_part": ("model", "train_part"),
    "implementation": ("model", "implementation"),
    "gradient_checkpointing": ("model", "gradient_checkpointing"),
    "device": ("numerics", "device"),
    "precision": ("numerics", "precision"),
    "threads": ("numerics", "threads"),
    "batching": ("numerics", "batching"),
    "lr": ("trial", "peak_rate"),
    "epochs": ("trial", "epochs"),
    "batch_size": ("trial", "batch_size"),
    "micro_batch": ("trial", "micro_batch"),
    "seed": ("trial", "seed"),
    "weight_decay": ("trial", "weight_decay"),
    "optimizer": ("trial", "optimizer"),
    "beta1": ("trial", "beta1"),
    "beta2": ("trial", "beta2"),
    "epsilon": ("trial", "epsilon"),
    "clip_norm": ("trial", "clip_norm"),
    "layer_decay": ("trial", "layer_decay"),
    "head_multiplier": ("trial", "head_multiplier"),
    "dropout": ("trial", "dropout"),
    "label_smoothing": ("trial", "label_smoothing"),
    "patience": ("trial", "patience"),
    "train_metrics": ("trial", "train_metrics"),
}
REQUIRED = ("model", "train", "dev", "lr")
PATHS = frozenset({"train", "dev", "test", "label_names", "tokenizer"})
PARTS = ("full", "head")


def compose_schedule(schedule: str | None, warmup: str | None) -> Schedule:
    """Return the schedule that `--schedule` and `--warmup` ask for together.

    `--warmup D` prefixes `warmup(D) >`; without it a schedule that names no warmup gets one of 6%, unless its phases
    fill the run already. Both a warmup in the text and `--warmup` is an error; `--warmup 0` means none.
    """
    parsed = parse(schedule or "linear")
    if warmup is None:
        takes_default = parsed.is_open and not parsed.has_warmup
        return with_warmup(parsed, parse_duration(DEFAULT_WARMUP)) if takes_default else parsed
    duration = parse_duration(warmup)
    if duration.value == 0 and not parsed.has_warmup:
        return parsed
    return with_warmup(parsed, duration)


def build_config(
    options: Mapping[str, Any],
    *,
    config: Path | None,
    schedule: str | None,
    warmup: str | None,
    score_test: bool,
    what: str = "a fine-tune",
) -> StudyConfig:
    """Return the study that the options ask for; an option that is None was not given.

    Raises:
        ConfigError: something required is missing, or cannot be.
    """
    values: dict[str, Any] = StudyConfig.from_toml(config).to_dict() if config else {}
    for section in ("data", "model", "trial", "numerics"):
        values.setdefault(section, {})
    for name, value in resolve_options(options).items():
        section, key = PLACES[name]
        values[section][key] = value
    if schedule is not None or warmup is not None or "schedule" not in values["trial"]:
        values["trial"]["schedule"] = compose_schedule(schedule, warmup)
    if score_test:
        values["score_test"] = True
    missing = [f"--{name}" for name in REQUIRED if PLACES[name][1] not in values[PLACES[name][0]]]
    if missing:
        command = what.removeprefix("a ").replace("-", "")
        raise ConfigError(f"{what} needs {', '.join(missing)}; see lrscope {command} --help for an example")
    return StudyConfig.from_dict(values)


def resolve_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given: paths absolute, and the two meanings of `--train` told apart.

    Raises:
        ConfigError: `--train` names two files, or two parts.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in PATHS & given.keys() - {"train"}:
        given[name] = absolute(given[name])
    if "model" in given:
        given["model"] = model_reference(given["model"])
    values = given.pop("train", [])
    for option, found in (
        ("train_part", [value for value in values if value in PARTS]),
        ("train", [absolute(value) for value in values if value not in PARTS]),
    ):
        if len(found) > 1:
            raise ConfigError(f"--train takes one file and one of full, head: got {' and '.join(found)}; leave one out")
        if found:
            given[option] = found[0]
    return given


def rate_of(text: str) -> float:
    """Read a learning rate.

    Raises:
        ConfigError: it is no number.
    """
    try:
        return float(text)
    except ValueError:
        hint = "lists are compared by lrscope sweep" if "," in text else "write 3e-4, or find"
        raise ConfigError(f"--lr is a learning rate: got {text!r}; {hint}") from None


def absolute(path: str) -> str:
    """Return a path that means the same from any folder."""
    return str(Path(path).expanduser().resolve())


def model_reference(name: str) -> str:
    """Return a local model's path made absolute; a name that is no path is left for the hub."""
    return absolute(name) if Path(name).expanduser().exists() or name.startswith((".", "/", "~")) else name
