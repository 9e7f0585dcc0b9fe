"""What a prior is asked about: one fine-tune, without its learning rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lrscope.config.setting import show_value
from lrscope.errors import ConfigError, Problem

Method = Literal["lora", "full", "head"]
Task = Literal["sft", "classification"]
METHODS: tuple[Method, ...] = get_args(Method)
TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, kw_only=True)
class Question:
    """A fine-tune with AdamW. `parameters` counts all of the model, those of a mixture's sleeping experts too.

    `steps` are those of the whole run. `family`, `model` and `data` are names as the evidence has them; empty where
    they are unknown, which is an answer of its own: one never measured. `rank` and `alpha` are those of LoRA's
    adapters, whose product is multiplied by alpha / rank, and are not looked at otherwise.

    Raises:
        ConfigError: a number is not positive, or a word is unknown.
    """

    method: Method
    task: Task = "sft"
    parameters: float
    family: str = ""
    model: str = ""
    data: str = ""
    batch_size: int = 32
    steps: int = 200
    rank: int = 16
    alpha: float = 32.0

    def __post_init__(self) -> None:
        problems = [
            Problem(f"{name} must be one of {', '.join(known)}", show_value(value))
            for name, known, value in (("method", METHODS, self.method), ("task", TASKS, self.task))
            if value not in known
        ]
        problems += [
            Problem(f"{name} must be a positive number", str(value))
            for name in ("parameters", "batch_size", "steps", "rank", "alpha")
            if not 0 < (value := getattr(self, name)) < 1e18
        ]
        if not problems and self.method == "head" and self.task == "sft":
            problems.append(Problem("a head alone is that of a classifier", "task sft", "train lora or full"))
        if problems:
            raise ConfigError(*problems)
