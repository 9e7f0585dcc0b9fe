"""A run's configuration, as programs write it beside its measurements: the settings of training in it, by known names.

Trainer's arguments, hyperparameters of TensorBoard, MLflow's parameters, W&B's and Ray's configurations, Hydra's files:
their names differ, and most of what they hold is no setting of the optimization.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lrscope.number_text import format_number
from lrscope.runs.history import Told
from lrscope.runs.importers import checked

MAX_DEPTH, MAX_LEAVES = 6, 10_000
# What programs call a setting, by the name that runs are compared by; of several, the first that there is counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "lr": (
        "learning_rate", "lr", "peak_lr", "peak_learning_rate", "peak_rate", "base_lr", "max_lr", "init_lr",
        "initial_lr", "learningrate",
    ),
    "seed": ("seed", "random_seed", "manual_seed"),
    "epochs": ("num_train_epochs", "epochs", "num_epochs", "max_epochs", "n_epochs", "total_epochs", "train_epochs"),
    "max_steps": ("max_steps", "max_iters", "total_steps", "num_train_steps", "train_steps", "max_train_steps"),
    "batch_size": ("per_device_train_batch_size", "train_batch_size", "batch_size", "bsize", "bs", "micro_batch_size"),
    "gradient_accumulation_steps": (
        "gradient_accumulation_steps", "accumulate_grad_batches", "grad_accum", "grad_accum_steps",
        "gradient_accumulation",
    ),
    "lr_scheduler": ("lr_scheduler_type", "lr_scheduler", "lr_schedule", "scheduler", "schedule", "lr_decay_style"),
    "warmup_steps": ("warmup_steps", "num_warmup_steps", "lr_warmup_steps", "warmup_iters"),
    "warmup_ratio": ("warmup_ratio", "warmup_fraction"),
    "weight_decay": ("weight_decay", "wd"),
    "optimizer": ("optim", "optimizer", "optimizer_name"),
    "max_grad_norm": ("max_grad_norm", "gradient_clip_val", "grad_clip", "clip_grad_norm"),
    "dropout": ("dropout",),
    "lora_rank": ("lora_r", "lora_rank"),
    "lora_alpha": ("lora_alpha",),
    "lora_dropout": ("lora_dropout",),
    "model": ("model_name_or_path", "base_model", "base_model_name_or_path", "pretrained_model_name_or_path"),
}  # fmt: skip
_ABOVE_ZERO = ("epochs", "max_steps")  # 0 or -1 stand for "not set"
_ENUM = re.compile(r"^[A-Z][A-Za-z]+\.([A-Z_0-9]+)$")  # SchedulerType.COSINE

_LINE = re.compile(r"""^( *)([A-Za-z_"'][\w ./"'-]{0,100}?)\s*:(?:\s+(.*))?$""")
_QUOTED = re.compile(r"""^(?:'([^']*)'|"([^"]*)")\s*(?:#.*)?$""")


@dataclass(frozen=True)
class Configuration:
    """What a run was asked to do: its peak rate, its seed, and settings of training; what is not told is None."""

    rate: float | None = None
    seed: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def told(self, **more: Any) -> Told:
        """Return what is told of the run, with what else its record says."""
        steps, epochs = (checked.number(self.settings.get(name)) for name in ("max_steps", "epochs"))
        told = dict(
            rate=self.rate, seed=self.seed, settings=self.settings, total_steps=steps,
            total_epochs=epochs if math.isnan(steps) else math.nan,
        )  # fmt: skip
        return Told(**{**told, **more})

    @property
    def is_empty(self) -> bool:
        """Whether it tells nothing."""
        return self.rate is None and self.seed is None and not self.settings


def configuration_of(values: Mapping[str, Any]) -> Configuration:
    """Return the settings of training that a configuration holds, of whatever program.

    Of a name that stands at several places in it, the outermost counts, and none where those differ.

    >>> found = configuration_of({"optimizer": {"lr": "1e-4", "weight_decay": 0.1}, "num_train_epochs": 3.0, "bs": 8})
    >>> found.rate, dict(found.settings)
    (0.0001, {'epochs': '3', 'batch_size': '8', 'weight_decay': '0.1'})
    """
    leaves: dict[str, tuple[int, set[str]]] = {}
    for depth, name, value in _leaves(values):
        text = _plain(value)
        known_depth, known = leaves.get(name, (depth, set()))
        if text and depth <= known_depth:
            leaves[name] = (depth, {*(known if depth == known_depth else ()), text})
    found: dict[str, str] = {}
    for setting, names in NAMES.items():
        texts = next((leaves[name][1] for name in names if name in leaves), set())
        if len(texts) == 1:
            (found[setting],) = texts
    for name in _ABOVE_ZERO:
        if name in found and not checked.number(found[name]) > 0:
            del found[name]
    rate, seed = checked.rate(found.pop("lr", None)), checked.count(found.pop("seed", None))
    return Configuration(rate, seed, found)


def _leaves(values: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, str, Any]]:
    """Yield scalars with their depth and the last part of their name, in lower case."""
    if depth > MAX_DEPTH:
        return
    for number, (key, value) in enumerate(values.items()):
        if number > MAX_LEAVES:
            return
        *outer, name = re.split(r"[/.]", str(key).strip().lower().replace("-", "_"))
        if isinstance(value, Mapping):
            if "value" in value and set(value) <= {"value", "desc"}:  # as W&B writes each
                value = value["value"]
            if isinstance(value, Mapping):
                yield from _leaves(value, depth + 1 + len(outer))
                continue
        if isinstance(value, str | int | float):
            yield depth + len(outer), name, value


def _plain(value: str | int | float) -> str:
    """Return a value as text that is the same for the same value: 3 and "3.0" are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    number = checked.number(value)
    if math.isfinite(number):
        return format_number(number)
    text = checked.text(value)[:200]
    match = _ENUM.match(text)
    return "" if text.lower() in ("none", "null", "nan") else match[1].lower() if match else text


def flat_yaml(text: str) -> dict[str, Any]:
    r"""Return what lines of `key: value` hold, nested by their indentation; lists and longer texts are passed over.

    Enough for the configurations that training programs write; no anchors, no types but what a number's text says.

    >>> flat_yaml("lr: 1e-4  # peak\nmodel:\n  name: 'a b'\n  dims: [1, 2]\nseed: 3\n")
    {'lr': '1e-4', 'model': {'name': 'a b'}, 'seed': '3'}
    """
    result: dict[str, Any] = {}
    open_at: list[tuple[int, dict[str, Any]]] = [(-1, result)]
    for line in text.splitlines()[: MAX_LEAVES * 2]:
        match = _LINE.match(line)
        if not match:
            continue
        indent, key, value = len(match[1]), match[2].strip("'\""), (match[3] or "").strip()
        while len(open_at) > 1 and open_at[-1][0] >= indent:
            open_at.pop()
        here = open_at[-1][1]
        if not value or value.startswith("#"):
            if len(open_at) <= MAX_DEPTH:
                inner: dict[str, Any] = {}
                here[key] = inner
                open_at.append((indent, inner))
        elif quoted := _QUOTED.match(value):
            here[key] = quoted[1] if quoted[1] is not None else quoted[2]
        elif value[0] not in "[{|>&*!-" or checked.number(value) == checked.number(value):
            here[key] = value.partition(" #")[0].strip()
    return {key: value for key, value in result.items() if value != {}}
