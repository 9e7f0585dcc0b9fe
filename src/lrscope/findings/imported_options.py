"""What imported runs say of how they were trained, as options of lrscope: names from a fixed list, checked values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from lrscope.config.base import Setting
from lrscope.config.catalogue import all_settings
from lrscope.errors import LrscopeError
from lrscope.runs.run import Run
from lrscope.runs.settings import epochs_of
from lrscope.schedules import parse

# Said in their own ways, or not at all.
NOT_CARRIED = frozenset({
    "test", "on_long", "implementation", "gradient_checkpointing", "peak_rate", "schedule", "epochs", "seed",
    "train_metrics",
})  # fmt: skip
UNKNOWN = {"model": "MODEL", "train": "TRAIN", "dev": "DEV"}  # capitals stand for what is not known
SCHEDULES = ("schedule", "lr_scheduler_type", "lr_schedule", "lr_scheduler", "scheduler")
SHAPES = {"constant_with_warmup": "constant"}


def imported_options(settings: Mapping[str, str], applied: str = "") -> dict[str, Any]:
    """Return the options that train what these runs trained, as far as they say it.

    `applied` is the schedule that their rates show, which counts before what its settings call it.

    >>> imported_options({"per_device_train_batch_size": "16", "lr_scheduler_type": "constant", "a; curl x #": "1"})
    {'model': 'MODEL', 'train': 'TRAIN', 'dev': 'DEV', 'batch_size': 16, 'schedule': 'constant', 'warmup': '0'}
    """
    options: dict[str, Any] = dict(UNKNOWN)
    for name, item in all_settings().items():
        if item.section not in ("data", "model", "trial") or name in NOT_CARRIED:
            continue
        value = next((v for key in names_of(item) if (v := _value(item, settings.get(key, ""))) is not None), None)
        if value is not None and (value != item.default or name == "batch_size"):
            options[name] = value
    part = _part(settings)
    options = {name: value for name, value in options.items() if all_settings()[name].of_part in ("", part)}
    if part != all_settings()["train_part"].default:
        options["train_part"] = part
    epochs = _value(all_settings()["epochs"], epochs_of(settings) or "")
    schedule = {"schedule": applied} if applied else _schedule(settings)
    return {**options, **({} if epochs is None else {"epochs": epochs}), **schedule}


def _part(settings: Mapping[str, str]) -> str:
    """Return what was trained: as it is named, or adapters where a setting of theirs is named and nothing denies them.

    Some programs write the settings of adapters that they do not train: LLaMA-Factory beside its `finetuning_type`,
    TRL's scripts beside `use_peft`.

    >>> [_part(each) for each in ({"lora_r": "8"}, {"lora_r": "8", "use_peft": "False"}, {"batch_size": "8"})]
    ['lora', 'full', 'full']
    """
    known = all_settings()["train_part"]
    if (named := _value(known, settings.get(known.name, ""))) is not None:
        return str(named)
    said = settings.get("finetuning_type", settings.get("use_peft", "")).strip().lower()
    if said:
        return "lora" if said in ("lora", "true", "1") else str(known.default)
    of_adapters = [item for item in all_settings().values() if item.of_part == "lora"]
    has_some = any(_value(item, settings.get(name, "")) is not None for item in of_adapters for name in names_of(item))
    return "lora" if has_some else str(known.default)


def applied_text(runs: Iterable[Run]) -> str:
    """Return the schedule that the rates of all of these runs show, in lrscope's language; empty where they differ."""
    texts = {"" if run.log is None or run.log.schedule is None else run.log.schedule.text for run in runs}
    return texts.pop() if len(texts) == 1 else ""


def names_of(item: Setting) -> tuple[str, ...]:
    """Return all names that programs have for a setting."""
    return (item.name, *([item.trainer] if item.trainer else []), *item.other_names)


def _value(item: Setting, text: str) -> Any:
    """Return the value that a text means, None where it is none that the setting can have."""
    written = text.strip()
    if written in ("", "None"):
        return None
    if item.name == "optimizer":
        written = "adamw" if written.lower().startswith("adamw") else written.lower()
    try:
        value, problem = item.checked(item.read(written))
    except LrscopeError:
        return None
    return value if problem is None else None


def _schedule(settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the schedule and the warmup as they are named, nothing where no schedule is."""
    named = next((settings[name] for name in SCHEDULES if settings.get(name)), None)
    if named is None:
        return {}
    try:
        schedule = parse(SHAPES.get(named, named))
    except LrscopeError:
        return {}  # another program's own shape
    if schedule.has_warmup or not schedule.is_open:
        return {"schedule": str(schedule)}
    return {"schedule": str(schedule), "warmup": _warmup(settings)}


def _warmup(settings: Mapping[str, str]) -> str:
    for name, unit in (("warmup_ratio", "%"), ("warmup", "%"), ("warmup_steps", "st")):
        try:
            value = float(settings.get(name, ""))
        except ValueError:
            continue
        if not math.isfinite(value) or value <= 0:
            continue
        if value < 1:  # TrainingArguments takes a share as steps, too
            return f"{100 * value:g}%"
        if unit == "st":
            return f"{value:.0f}st"
    return "0"
