"""The same training with Hugging Face's Trainer: its arguments for an arm."""

from __future__ import annotations

from lrscope.config import NumericsConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.number_text import format_number
from lrscope.schedules import Constant, Cosine, Duration, Hold, Linear, Phases, Schedule, Warmup

_NOT_AN_ARMS = ("optim", "seed")  # AdamW is Trainer's own optimizer, and an arm has many seeds
_TYPES: dict[Schedule, str] = {Linear(): "linear", Cosine(): "cosine", Constant(): "constant", Hold(): "constant"}


def trainer_arguments(config: TrialConfig, batching: str = "bucketed") -> dict[str, object] | None:
    """Return `TrainingArguments`' keywords for an arm; None where Trainer has no such schedule or optimizer.

    >>> trainer_arguments(TrialConfig(peak_rate=1e-4, epochs=3))["lr_scheduler_type"]
    'linear'
    """
    warmup, shape = _warmup_and_shape(config.schedule)
    kind = _TYPES.get(shape)
    if kind is None or config.optimizer != "adamw" or config.layer_decay != 1.0 or config.head_multiplier != 1.0:
        return None
    if warmup.unit in ("ep", "tok"):
        return None
    steps = float(format_number(warmup.value / 100.0)) if warmup.unit == "%" else int(warmup.value)
    same = {item.trainer: getattr(config, name) for name, item in settings_of(TrialConfig).items() if item.trainer}
    return {
        **{name: value for name, value in same.items() if name not in _NOT_AN_ARMS},
        "lr_scheduler_type": "constant_with_warmup" if kind == "constant" and steps else kind,
        "warmup_steps": steps,
        settings_of(NumericsConfig)["batching"].trainer: "group_by_length" if batching == "bucketed" else "random",
    }


def _warmup_and_shape(schedule: Schedule) -> tuple[Duration, Schedule]:
    """Return the length of a plain linear warmup, and what follows it; no warmup is one of length 0."""
    match schedule:
        case Phases(parts=(Warmup(length=Duration() as length) as warmup, shape)) if warmup == Warmup(length=length):
            return length, shape
    return Duration(0, "st"), schedule


def differences(config: TrialConfig, batching: str = "bucketed", task: str = "classification") -> list[str]:
    """Return in what the training that `trainer_arguments` describes differs from lrscope's.

    >>> differences(TrialConfig(peak_rate=1e-3, schedule="linear", dropout=0.0), "random")
    ['another order of examples']
    """
    warmup, _ = _warmup_and_shape(config.schedule)
    differing = []
    if warmup.value:
        differing.append("Trainer's warmup runs its first step at rate 0")
    if warmup.value and warmup.unit == "%":
        differing.append("it rounds the warmup up to whole steps")
    if config.dropout and settings_of(TrialConfig)["dropout"].belongs_to(task):
        differing.append(f"no dropout of {config.dropout:g} before the head")
    return [*differing, "other batches of similar length" if batching == "bucketed" else "another order of examples"]


def extra_steps(config: TrialConfig) -> str:
    """Return what has to be done beside the arguments, empty where nothing has.

    >>> extra_steps(TrialConfig(peak_rate=1e-3, patience=2, train_part="head"))
    'all but the head frozen, EarlyStoppingCallback(early_stopping_patience=2)'
    """
    steps = ["all but the head frozen"] if config.train_part == "head" else []
    if config.train_part == "lora":
        targets = config.lora_targets.split("+") if "+" in config.lora_targets else config.lora_targets
        steps.append(
            f"LoraConfig(r={config.lora_rank}, lora_alpha={config.lora_alpha:g}, lora_dropout={config.lora_dropout:g}, "
            f"target_modules={targets!r}, use_rslora={config.lora_scaling == 'sqrt-rank'})"
        )
        if config.lora_plus_ratio != 1.0:
            steps.append(f"create_loraplus_optimizer(loraplus_lr_ratio={config.lora_plus_ratio:g})")
    if config.patience is not None:
        steps.append(f"EarlyStoppingCallback(early_stopping_patience={config.patience})")
    return ", ".join(steps)


def as_call(arguments: dict[str, object], task: str = "classification") -> str:
    """Return arguments as a line of Python: for Trainer, or for TRL's SFTTrainer.

    >>> as_call({"seed": 0}), as_call({"seed": 0}, "sft")
    ('TrainingArguments(seed=0)', 'SFTConfig(seed=0)')
    """
    return (
        ("SFTConfig(" if task == "sft" else "TrainingArguments(")
        + ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        + ")"
    )
