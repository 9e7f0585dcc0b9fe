"""The prior of a study: its question read off the configuration, and nothing said where nothing is known."""

from __future__ import annotations

from typing import Any

import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.priors.of_study import prior_of, prior_over


def study(model: str = "meta-llama/Llama-3.1-8B", task: str = "sft", **trial: Any) -> StudyConfig:
    return StudyConfig(
        task=task,  # type: ignore[arg-type]
        data=DataConfig(train="train.jsonl", dev="dev.jsonl"), model=ModelConfig(model=model),
        trial=TrialConfig(**{"peak_rate": 1e-3, "train_part": "lora", "epochs": 2, "batch_size": 64, **trial}),
    )  # fmt: skip


def test_the_question_is_the_studys() -> None:
    prior = prior_of(study(lora_rank=8, lora_alpha=16.0), 1000)
    assert prior is not None
    at = prior.question
    assert (at.method, at.task, at.family, at.parameters) == ("lora", "sft", "llama-3", 8e9)
    assert (at.batch_size, at.steps, at.rank, at.alpha) == (64, 32, 8, 16.0)


def test_another_trial_of_the_study_may_be_asked_about() -> None:
    base = study()
    prior = prior_over(base, base.trial.with_values({"train_part": "full"}), 50)
    assert prior is not None
    assert (prior.question.method, prior.question.steps) == ("full", 50)


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": "sgd"}, {"lora_plus_ratio": 16.0}, {"lora_scaling": "sqrt-rank"}, {"layer_decay": 0.9},
     {"model": "microsoft/phi-4"}],
)  # fmt: skip
def test_nothing_is_said_where_nothing_is_known(changes: dict[str, Any]) -> None:
    assert prior_of(study(**changes), 1000) is None


def test_nothing_is_said_of_an_unknown_number_of_examples() -> None:
    assert prior_of(study(), 0) is None
