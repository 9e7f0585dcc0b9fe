"""The same training with Hugging Face's Trainer: its arguments for an arm."""

from __future__ import annotations

import re

from lrscope.config import TrialConfig
from lrscope.schedules.durations import format_number

_WARMED = re.compile(r"^warmup\((?P<length>[^)]+)\) > (?P<rest>\w+)$")
_TYPES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


def trainer_arguments(config: TrialConfig, batching: str = "bucketed") -> dict[str, object] | None:
    """Return `TrainingArguments`' keywords for an arm; None where Trainer has no such schedule or optimizer.

    >>> trainer_arguments(TrialConfig(peak_rate=1e-4, epochs=3))["lr_scheduler_type"]
    'linear'
    """
    match = _WARMED.match(config.schedule)
    kind, warmup = (_TYPES.get(match["rest"]), match["length"]) if match else (_TYPES.get(config.schedule), "0st")
    if kind is None or config.optimizer != "adamw" or config.layer_decay != 1.0 or config.head_multiplier != 1.0:
        return None
    if warmup.endswith("%"):
        steps: float = float(format_number(float(warmup[:-1]) / 100.0))
    elif warmup.endswith("st"):
        steps = int(float(warmup[:-2]))
    else:
        return None
    return {
        "learning_rate": config.peak_rate,
        "lr_scheduler_type": "constant" if kind.startswith("constant") and not steps else kind,
        "warmup_steps": steps,
        "num_train_epochs": config.epochs,
        "per_device_train_batch_size": config.batch_size,
        "weight_decay": config.weight_decay,
        "adam_beta1": config.beta1,
        "adam_beta2": config.beta2,
        "adam_epsilon": config.epsilon,
        "max_grad_norm": config.clip_norm,
        "label_smoothing_factor": config.label_smoothing,
        "train_sampling_strategy": "group_by_length" if batching == "bucketed" else "random",
    }


def extra_steps(config: TrialConfig, part: str) -> str:
    """Return what has to be done beside the arguments, empty where nothing has.

    >>> extra_steps(TrialConfig(peak_rate=1e-3, patience=2), "head")
    'all but the head frozen, EarlyStoppingCallback(early_stopping_patience=2)'
    """
    found = ["all but the head frozen"] if part == "head" else []
    if config.patience is not None:
        found.append(f"EarlyStoppingCallback(early_stopping_patience={config.patience})")
    return ", ".join(found)


def as_call(arguments: dict[str, object]) -> str:
    """Return arguments as a line of Python."""
    return "TrainingArguments(" + ", ".join(f"{name}={value!r}" for name, value in arguments.items()) + ")"
