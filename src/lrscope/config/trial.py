"""One arm at one seed: everything about one training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lrscope.config.base import Section
from lrscope.schedules import ResolvedSchedule, Schedule, parse
from lrscope.schedules.milestones import count_steps_per_epoch

DEFAULT_SCHEDULE = parse("warmup(6%) > linear")


@dataclass(frozen=True, kw_only=True)
class TrialConfig(Section):
    """One arm at one seed. `schedule` may be given as text, and is a `Schedule` from then on.

    `beta1` is AdamW's first-moment decay, or SGD's momentum; `beta2` and `epsilon` are AdamW's. `clip_norm` is the
    largest gradient norm, 0 for no clipping; `patience` counts evaluations. `layer_decay` lowers the rate from layer to
    layer towards the embeddings, `head_multiplier` scales the head's.
    """

    peak_rate: float
    schedule: Schedule = DEFAULT_SCHEDULE
    epochs: int = 5
    batch_size: int = 32
    micro_batch: int | None = None
    seed: int = 0
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    clip_norm: float = 1.0
    layer_decay: float = 1.0
    head_multiplier: float = 1.0
    dropout: float = 0.3
    label_smoothing: float = 0.0
    patience: int | None = None
    train_metrics: Literal["running", "full"] = "running"

    def __post_init__(self) -> None:
        super().__post_init__()
        # Files and notebooks give a text. Two spellings of one schedule are equal schedules, and so one arm.
        object.__setattr__(self, "schedule", parse(self.schedule))

    def resolve_schedule(self, num_examples: int) -> ResolvedSchedule:
        """Return the schedule over the steps that this trial runs: ceil(examples / batch size) an epoch.

        Raises:
            ScheduleError: the schedule does not fit them.
        """
        return self.resolve_schedule_over(
            self.epochs * count_steps_per_epoch(num_examples, self.batch_size), num_examples
        )

    def resolve_schedule_over(self, total_steps: int, num_examples: int) -> ResolvedSchedule:
        """Return the schedule over a run of so many steps, whatever its epochs.

        Raises:
            ScheduleError: the schedule does not fit them.
        """
        steps_per_epoch = count_steps_per_epoch(num_examples, self.batch_size)
        return self.schedule.resolve(total_steps=total_steps, steps_per_epoch=steps_per_epoch, peak_rate=self.peak_rate)

    def _problems(self) -> list[str]:
        problems = []

        def require(holds: bool, rule: str, got: object, way_out: str) -> None:
            if not holds:
                problems.append(f"{rule}: got {got}; {way_out}")

        require(
            math.isfinite(self.peak_rate) and self.peak_rate > 0,
            "the learning rate must be a positive number",
            f"--lr {self.peak_rate:g}",
            "try 1e-4",
        )
        require(self.epochs >= 1, "--epochs must be at least 1", self.epochs, "try 3")
        require(self.batch_size >= 1, "--batch-size must be at least 1", self.batch_size, "try 32")
        if self.micro_batch is not None:
            require(
                1 <= self.micro_batch <= self.batch_size,
                f"--micro-batch must be from 1 to the batch size of {self.batch_size}",
                self.micro_batch,
                "it is the part of a batch that is computed at a time",
            )
        require(0 <= self.seed < 2**63, "--seed must be from 0 to below 2^63", self.seed, "try 0")
        require(
            math.isfinite(self.weight_decay) and self.weight_decay >= 0,
            "--weight-decay must be 0 or more",
            self.weight_decay,
            "try 0.01",
        )
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"--{name} must be from 0 to below 1", value, "try 0.9 and 0.999")
        require(
            math.isfinite(self.epsilon) and self.epsilon > 0, "--epsilon must be positive", self.epsilon, "try 1e-8"
        )
        require(
            math.isfinite(self.clip_norm) and self.clip_norm >= 0,
            "--clip-norm must be 0 or more",
            self.clip_norm,
            "0 means no clipping",
        )
        require(0 < self.layer_decay <= 1, "--layer-decay must be above 0 and at most 1", self.layer_decay, "try 0.9")
        require(
            math.isfinite(self.head_multiplier) and self.head_multiplier > 0,
            "--head-multiplier must be positive",
            self.head_multiplier,
            "1 means the same rate as the rest",
        )
        require(0 <= self.dropout < 1, "--dropout must be from 0 to below 1", self.dropout, "try 0.3")
        require(
            0 <= self.label_smoothing < 1,
            "--label-smoothing must be from 0 to below 1",
            self.label_smoothing,
            "try 0.1",
        )
        if self.patience is not None:
            require(self.patience >= 1, "--patience must be at least 1 evaluation", self.patience, "try 2")
        return problems
