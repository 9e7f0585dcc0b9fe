"""One arm at one seed: everything about one training run."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Literal, Self

from lrscope.config.any_trial import AnyTrial
from lrscope.config.base import setting, settings_of, show_value
from lrscope.errors import ConfigError, Problem
from lrscope.schedules import Duration, ResolvedSchedule, Schedule, parse, parse_duration
from lrscope.schedules.durations import round_half_up
from lrscope.schedules.horizon import Horizon, TrainingSize

MAX_RATE = 1e38  # float32 holds no larger numbers


DEFAULT_SCHEDULE = parse("warmup(6%) > linear")


def _duration(value: object) -> Duration:
    return value if isinstance(value, Duration) else parse_duration(str(value))


def _targets(value: object) -> str:
    """Return the names of matrices, joined with +; a comma or a space joins them too.

    >>> _targets("q_proj, v_proj")
    'q_proj+v_proj'

    Raises:
        ConfigError: there are none, or they are no names.
    """
    names = re.split(r"[+,\s]+", value.strip()) if isinstance(value, str) else []
    if not names or not all(re.fullmatch(r"[A-Za-z0-9_.-]+", name) for name in names):
        rule = "{lora_targets} are names of matrices joined with +"
        raise ConfigError(Problem(rule, show_value(value), "write all-linear or q_proj+v_proj"))
    return "+".join(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class TrialConfig(AnyTrial):
    """One arm at one seed. `schedule` may be given as text, and is a `Schedule` from then on."""

    panel: ClassVar[str] = "Training"
    key: ClassVar[str] = "trial"

    peak_rate: float = setting(
        help="Peak learning rate, which the schedule's factor multiplies.",
        metavar="RATE", option="lr", label="lr", above=0, cap=MAX_RATE, limit="float32 holds no larger rate",
        way_out="try 1e-4", varies=True, trainer="learning_rate",
    )  # fmt: skip
    schedule: Schedule = setting(
        DEFAULT_SCHEDULE,
        help='Learning-rate schedule: linear, cosine, "step(every=2ep, gamma=0.1)", "warmup(6%) > hold > sqrt(20%)", '
        "…; lrscope schedule show draws one.",
        metavar="TEXT", shown_default="linear", parse=parse, varies=True, in_find=True, trainer="lr_scheduler_type",
    )  # fmt: skip
    train_part: Literal["full", "lora", "head"] = setting(
        "full", help="What is trained: the full model, low-rank adapters (LoRA), or the classification head alone.",
        varies=True, in_find=True, value_titles={"full": "full fine-tuning", "lora": "LoRA", "head": "head alone"},
    )  # fmt: skip
    epochs: int = setting(
        5, help="Passes over the training set.", metavar="N", at_least=1, cap=100_000, way_out="try 3",
        limit="longer runs are counted in more steps than can be held", varies=True, trainer="num_train_epochs",
        task_defaults={"sft": 1},
    )  # fmt: skip
    batch_size: int = setting(
        32, help="Examples per optimizer step.", metavar="N", at_least=1, cap=1_000_000, way_out="try 32",
        limit="no larger batch has been of use", varies=True, in_find=True, trainer="per_device_train_batch_size",
        other_names=("train_batch_size",)
    )  # fmt: skip
    micro_batch: int | None = setting(
        None, help="Examples computed at a time; their gradients are accumulated over the batch.", metavar="N",
        shown_default="the whole batch", at_least=1, varies=True, in_find=True,
        way_out="it is the part of a batch that is computed at a time",
    )  # fmt: skip
    seed: int = setting(
        0, help="Random seed of the initial weights of what is new, the order of examples and dropout.", metavar="N",
        at_least=0, below=2**63, way_out="try 0", trainer="seed",
    )  # fmt: skip
    optimizer: Literal["adamw", "sgd"] = setting(
        "adamw", help="AdamW, or SGD with momentum.", varies=True, in_find=True, trainer="optim"
    )
    weight_decay: float = setting(
        0.01, help="Decoupled weight decay, applied to matrices only.", metavar="X", at_least=0, cap=1000,
        way_out="try 0.01", limit="it is a share that is taken off a weight, times the learning rate",
        varies=True, in_find=True, trainer="weight_decay",
    )  # fmt: skip
    beta1: float = setting(
        0.9, help="AdamW's decay of the first moment, or SGD's momentum.", metavar="X", at_least=0, below=1,
        way_out="try 0.9", varies=True, in_find=True, trainer="adam_beta1",
    )  # fmt: skip
    beta2: float = setting(
        0.999, help="AdamW's decay of the second moment.", metavar="X", at_least=0, below=1,
        way_out="try 0.999", varies=True, in_find=True, trainer="adam_beta2",
    )  # fmt: skip
    epsilon: float = setting(
        1e-8, help="AdamW's epsilon, added to the denominator.", metavar="X", above=0, cap=1,
        way_out="try 1e-8", limit="a larger one makes SGD of AdamW", varies=True, in_find=True, trainer="adam_epsilon",
    )  # fmt: skip
    clip_norm: float = setting(
        1.0, help="Largest norm of the gradient; larger ones are scaled down to it. 0 turns clipping off.", metavar="X",
        at_least=0, cap=MAX_RATE, way_out="0 means no clipping",
        varies=True, in_find=True, trainer="max_grad_norm",
    )  # fmt: skip
    layer_decay: float = setting(
        1.0, help="Learning-rate multiplier from each layer to the one below, down to the embeddings.", metavar="X",
        above=0, at_most=1, way_out="try 0.9", varies=True, in_find=True,
    )  # fmt: skip
    head_multiplier: float = setting(
        1.0, help="Learning-rate multiplier for the classification head.", metavar="X", above=0, cap=1_000_000,
        way_out="1 means the same rate as the rest", varies=True, in_find=True, tasks=("classification",),
    )  # fmt: skip
    dropout: float = setting(
        0.3, help="Dropout probability before the classification head.", metavar="P", at_least=0, below=1,
        way_out="try 0.3", varies=True, in_find=True, tasks=("classification",), other_names=("hidden_dropout_prob",)
    )  # fmt: skip
    label_smoothing: float = setting(
        0.0, help="Probability that is spread over all classes in the loss.", metavar="P", at_least=0, below=1,
        way_out="try 0.1", varies=True, in_find=True, tasks=("classification",), trainer="label_smoothing_factor",
    )  # fmt: skip
    lora_rank: int = setting(
        16, help="Rank of the adapters.", metavar="N", at_least=1, cap=65_536, way_out="try 16",
        limit="no matrix of a model has a larger one", varies=True, in_find=True, of_part="lora", label="LoRA rank",
        other_names=("lora_r",),
    )  # fmt: skip
    lora_alpha: float = setting(
        32.0, help="Scale of the adapters: their product is multiplied by alpha / rank.", metavar="X", above=0,
        cap=1_000_000, way_out="try 32", varies=True, in_find=True, of_part="lora", label="LoRA alpha",
    )  # fmt: skip
    lora_dropout: float = setting(
        0.0, help="Dropout probability of what enters the adapters.", metavar="P", at_least=0, below=1,
        way_out="try 0", varies=True, in_find=True, of_part="lora", label="LoRA dropout",
    )  # fmt: skip
    lora_targets: str = setting(
        "all-linear", help="Matrices with adapters: all-linear, or names joined with +, such as q_proj+v_proj.",
        metavar="NAMES", parse=_targets, varies=True, in_find=True, of_part="lora", label="LoRA targets",
    )  # fmt: skip
    lora_scaling: Literal["rank", "sqrt-rank"] = setting(
        "rank", help="Divide alpha by the rank, or by its square root (rsLoRA).", varies=True, in_find=True,
        of_part="lora", label="LoRA scaling",
    )  # fmt: skip
    lora_plus_ratio: float = setting(
        1.0, help="Learning-rate multiplier for the adapters' B matrices (LoRA+).", metavar="X", above=0,
        cap=1_000_000, way_out="16 is usual for LoRA+, 1 turns it off", varies=True, in_find=True,
        of_part="lora", label="LoRA+ ratio",
    )  # fmt: skip
    patience: int | None = setting(
        None, help="Stop early after this many evaluations without a better dev metric.", metavar="N",
        shown_default="never", at_least=1, cap=1_000_000, way_out="try 2", varies=True,
    )  # fmt: skip
    eval_every: Duration = setting(
        Duration(1, "ep"), help="Steps between evaluations: epochs such as 0.25ep, steps such as 200st, tokens such as "
        "500ktok, or a share of the run such as 5%.", metavar="DURATION", shown_default="1ep", parse=_duration,
    )  # fmt: skip
    train_metrics: Literal["running", "full"] = setting(
        "running", help="Train metrics from the training pass itself, or from a pass of their own at every evaluation.",
        varies=True,
    )  # fmt: skip

    @property
    def values(self) -> Mapping[str, Any]:
        """The settings that may tell arms apart, by name: all but the seed, and those of parts that it does not train.

        >>> trial = TrialConfig(peak_rate=1e-3, train_part="lora")
        >>> trial.values["lora_rank"], "lora_rank" in TrialConfig(peak_rate=1e-3).values
        (16, False)
        """
        unused = _settings_of_other_parts(self.train_part)
        return {name: value for name, value in super().values.items() if name not in unused}

    def with_values(self, values: Mapping[str, Any]) -> Self:
        """Return the same trial with these settings; those of a part that is not trained take their defaults.

        So that a grid of `train_part` and of settings of the adapters holds each full fine-tune once.

        Raises:
            ConfigError: one cannot be.

        >>> trial = TrialConfig(peak_rate=1e-3, train_part="lora", lora_rank=4)
        >>> trial.with_values({"train_part": "full"}).lora_rank
        16
        """
        part = values.get("train_part", self.train_part)
        return super().with_values({**values, **_settings_of_other_parts(part)})

    def resolve_schedule(self, size: TrainingSize, *, total_steps: int | None = None) -> ResolvedSchedule:
        """Return the schedule over the steps that this trial runs: ceil(examples / batch size) an epoch.

        With `total_steps`, over so many, whatever its epochs.

        Raises:
            ScheduleError: the schedule does not fit them.
        """
        horizon = size.horizon(self.batch_size, peak_rate=self.peak_rate, epochs=self.epochs, total_steps=total_steps)
        return ResolvedSchedule(self.schedule, horizon)

    def evaluation_steps(self, horizon: Horizon) -> list[int]:
        """Return after how many steps the trial evaluates: at every multiple of `eval_every`, and at its end.

        Raises:
            ScheduleError: `eval_every` is in tokens, and those of an epoch are not known.

        >>> TrialConfig(peak_rate=1e-3, eval_every="0.25ep").evaluation_steps(Horizon(20, steps_per_epoch=10))
        [3, 5, 8, 10, 13, 15, 18, 20]
        """
        total_steps, every = horizon.total_steps, max(horizon.exact(self.eval_every), Fraction(1))
        steps = (round_half_up(number * every) for number in range(1, int(total_steps / every) + 1))
        return [*(step for step in steps if step < total_steps), total_steps]

    @property
    def schedule_text(self) -> str:
        """The learning-rate schedule."""
        return str(self.schedule)

    @property
    def length(self) -> int:
        """How many epochs it trains."""
        return self.epochs

    def with_length(self, length: float) -> TrialConfig:
        """Return the same trial over so many epochs."""
        return replace(self, epochs=round(length))

    def _problems(self) -> list[Problem]:
        declared = settings_of(TrialConfig)
        problems = [
            Problem(f"{{{name}}} belongs to {{train_part}} {part}", self.train_part, f"add {{train_part}} {part}")
            for name, default in _settings_of_other_parts(self.train_part).items()
            if getattr(self, name) != default and (part := declared[name].of_part)
        ]
        if self.micro_batch is not None and self.micro_batch > self.batch_size:
            rule = f"{{micro_batch}} must be from 1 to the batch size of {self.batch_size}"
            way_out = "it is the part of a batch that is computed at a time"
            problems.append(Problem(rule, str(self.micro_batch), way_out))
        if self.eval_every.value == 0:
            problems.append(Problem("{eval_every} must be longer than 0", str(self.eval_every), "try 1ep"))
        return problems


@functools.cache  # a store reads ten thousand trials at once
def _settings_of_other_parts(part: str) -> Mapping[str, Any]:
    """Return the settings that belong to what is not trained, with their defaults."""
    declared = settings_of(TrialConfig)
    return {name: item.default for name, item in declared.items() if item.of_part not in ("", part)}
