"""The same training with Hugging Face's Trainer, or TRL's for supervised fine-tuning: its arguments for an arm."""

from __future__ import annotations

from dataclasses import dataclass

from lrscope.config import NumericsConfig, StudyConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.number_text import format_number
from lrscope.schedules import Constant, Cosine, Duration, Hold, Linear, Phases, Schedule, Warmup

_NOT_AN_ARMS = ("optim", "seed")  # AdamW is Trainer's own optimizer, and an arm has many seeds
_TYPES: dict[Schedule, str] = {Linear(): "linear", Cosine(): "cosine", Constant(): "constant", Hold(): "constant"}


@dataclass(frozen=True, kw_only=True)
class EqualTraining:
    """How an arm is trained with Hugging Face's libraries: `arguments` of the class `name`.

    `beside` is what has to be done besides, `differences` what is not equal there.
    """

    name: str
    arguments: dict[str, object]
    beside: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def call(self) -> str:
        """Return the arguments as a line of Python."""
        return as_call(self.name, self.arguments)


def equal_training(study: StudyConfig, trial: TrialConfig, precision: str = "auto") -> EqualTraining | None:
    """Return how Trainer, or TRL's `SFTTrainer`, trains an arm; None where it has no such schedule or optimizer.

    `precision` is what was decided for the study. Of TRL this holds for version 1.16: its loss is the mean over the
    learned tokens of a batch too, it cuts examples at their end, and leaves out those with nothing left to learn.
    """
    batching = study.numerics.batching
    arguments = trainer_arguments(trial, batching, study.task)
    if arguments is None:
        return None
    is_sft = study.task == "sft"
    return EqualTraining(
        name="SFTConfig" if is_sft else "TrainingArguments",
        arguments=arguments | (_sft_arguments(study, precision) if is_sft else {}),
        beside=_beside(study, trial),
        differences=tuple(_differences(study, trial)),
    )


def trainer_arguments(
    config: TrialConfig, batching: str = "bucketed", task: str = "classification"
) -> dict[str, object] | None:
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
    same = {
        item.trainer: getattr(config, name)
        for name, item in settings_of(TrialConfig).items()
        if item.trainer and item.belongs_to(task)
    }
    return {
        **{name: value for name, value in same.items() if name not in _NOT_AN_ARMS},
        "lr_scheduler_type": "constant_with_warmup" if kind == "constant" and steps else kind,
        "warmup_steps": steps,
        settings_of(NumericsConfig)["batching"].trainer: "group_by_length" if batching == "bucketed" else "random",
    }


def _sft_arguments(study: StudyConfig, precision: str) -> dict[str, object]:
    """Return what `SFTConfig` has besides, or has other defaults of."""
    of_template = str(study.sft.chat_template or "").endswith(".jinja")
    return {
        "completion_only_loss": study.sft.loss_on == "completion",
        "max_length": study.data.max_tokens,
        **({"bf16": precision == "bfloat16"} if precision != "auto" else {}),
        **({"chat_template_path": study.sft.chat_template} if of_template else {}),
    }


def _beside(study: StudyConfig, trial: TrialConfig) -> tuple[str, ...]:
    """Return what has to be done beside the arguments."""
    is_sft, steps = study.task == "sft", []
    if is_sft:
        steps.append("prompts and completions as lists of messages")
    if study.sft.chat_template and not study.sft.chat_template.endswith(".jinja"):
        steps.append(f"the chat template {study.sft.chat_template}, which lies in the exported folder")
    if trial.train_part == "head":
        steps.append("all but the head frozen")
    if trial.train_part == "lora":
        config = lora_config(trial, "CAUSAL_LM" if is_sft else "SEQ_CLS")
        steps.append(f"peft_config={config}" if is_sft else f"get_peft_model(model, {config})")
    if trial.train_part == "lora" and trial.lora_plus_ratio != 1.0:
        steps.append(
            f"create_loraplus_optimizer(model, AdamW, lr={trial.peak_rate!r}, loraplus_lr_ratio="
            f"{trial.lora_plus_ratio!r}, loraplus_weight_decay={trial.weight_decay!r})"
        )
    if trial.patience is not None:
        steps.append(f"EarlyStoppingCallback(early_stopping_patience={trial.patience})")
    return tuple(steps)


def lora_config(trial: TrialConfig, kind: str) -> str:
    """Return PEFT's configuration of an arm's adapters as Python, for its task type `kind`.

    >>> lora_config(TrialConfig(peak_rate=1e-4, train_part="lora", lora_targets="q_proj+v_proj"), "CAUSAL_LM")
    "LoraConfig(task_type='CAUSAL_LM', r=16, lora_alpha=32.0, lora_dropout=0.0, target_modules=['q_proj', 'v_proj'])"
    """
    targets: object = trial.lora_targets if trial.lora_targets == "all-linear" else trial.lora_targets.split("+")
    values = {
        "task_type": kind, "r": trial.lora_rank, "lora_alpha": trial.lora_alpha, "lora_dropout": trial.lora_dropout,
        "target_modules": targets, **({"use_rslora": True} if trial.lora_scaling == "sqrt-rank" else {}),
    }  # fmt: skip
    return as_call("LoraConfig", values)


def _warmup_and_shape(schedule: Schedule) -> tuple[Duration, Schedule]:
    """Return the length of a plain linear warmup, and what follows it; no warmup is one of length 0."""
    match schedule:
        case Phases(parts=(Warmup(length=Duration() as length) as warmup, shape)) if warmup == Warmup(length=length):
            return length, shape
    return Duration(0, "st"), schedule


def _differences(study: StudyConfig, trial: TrialConfig) -> list[str]:
    """Return in what the training that `equal_training` describes differs from lrscope's."""
    warmup, _ = _warmup_and_shape(trial.schedule)
    differing = []
    if warmup.value:
        differing.append("Trainer's warmup runs its first step at rate 0")
    if warmup.value and warmup.unit == "%":
        differing.append("it rounds the warmup up to whole steps")
    if trial.dropout and study.task == "classification":
        differing.append(f"no dropout of {trial.dropout:g} before the head")
    if trial.train_part == "lora":
        differing.append("other initial values of the adapters")
    if study.task == "sft" and study.sft.loss_on == "completion":
        differing.append("of several turns only the last reply is learned")
    bucketed = study.numerics.batching == "bucketed"
    return [*differing, "other batches of similar length" if bucketed else "another order of examples"]


def as_call(name: str, arguments: dict[str, object]) -> str:
    """Return a call as a line of Python."""
    return f"{name}(" + ", ".join(f"{key}={value!r}" for key, value in arguments.items()) + ")"
