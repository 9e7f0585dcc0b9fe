"""Grids, arms and trials: what a study is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.errors import ConfigError, ScheduleError
from lrscope.records import Metric
from lrscope.runners.base import Prepared
from lrscope.studies.plan import arms, check_arms, num_merged, parse_list, parse_rates, planned
from lrscope.studies.rungs import interval, lengths
from lrscope.studies.session import extended


def study(trial: dict[str, Any] | None = None, **sweep: Any) -> StudyConfig:
    return StudyConfig(
        data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"),
        trial=TrialConfig(**{"peak_rate": 1e-3, **(trial or {})}), sweep=SweepConfig(**sweep),
    )  # fmt: skip


def test_every_combination_at_every_seed_seed_by_seed() -> None:
    config = study(grid={"peak_rate": [1e-4, 1e-3], "batch_size": [8, 16]}, seeds=3)
    trials = planned(config)
    assert len(trials) == 12
    assert [t.seed for t in trials] == [0] * 4 + [1] * 4 + [2] * 4
    assert [arm.name for arm in arms(config)] == [
        f"lr {lr}, batch size {size}" for lr in ("1e-4", "1e-3") for size in (8, 16)
    ]


def test_equal_combinations_are_one_arm() -> None:
    config = study(grid={"schedule": ["cosine(to=1%)", "cosine( to=0.01 )", "linear"], "peak_rate": [1e-3, 0.001]})
    assert len(arms(config)) == 2
    assert num_merged(config) == 4


def test_a_full_fine_tune_is_one_arm_whatever_the_ranks_of_adapters() -> None:
    config = study({"train_part": "lora"}, grid={"train_part": ["full", "lora"], "lora_rank": [4, 16, 64]})
    assert [(arm.config.train_part, arm.config.lora_rank) for arm in arms(config)] == [
        ("full", 16), ("lora", 4), ("lora", 16), ("lora", 64),
    ]  # fmt: skip
    assert num_merged(config) == 2
    assert [arm.name for arm in arms(config)] == ["full fine-tuning", "LoRA rank 4", "LoRA rank 16", "LoRA rank 64"]
    one_rank = study({"train_part": "lora", "lora_rank": 4}, grid={"train_part": ["full", "lora"]})
    assert [arm.name for arm in arms(one_rank)] == ["full fine-tuning", "LoRA"]
    targets = study({"train_part": "lora"}, grid={"lora_targets": ["all-linear", "q_proj,v_proj"]})
    assert [arm.name for arm in arms(targets)] == ["LoRA targets all-linear", "LoRA targets q_proj+v_proj"]


def test_parts_with_rates_of_their_own_are_trained_at_these() -> None:
    own = {"full": [1e-4, 1e-5], "lora": [1e-3, 1e-4]}
    config = study({"train_part": "lora"}, grid={"train_part": ["full", "lora"]}, part_rates=own, seeds=2)
    assert [arm.name for arm in arms(config)] == [
        "lr 1e-4, full fine-tuning", "lr 1e-5, full fine-tuning", "lr 1e-3, LoRA", "lr 1e-4, LoRA",
    ]  # fmt: skip
    assert (len(planned(config)), num_merged(config)) == (8, 0)
    ranks = study({"train_part": "lora"}, grid={"lora_rank": [4, 16], "train_part": ["full", "lora"]}, part_rates=own)
    assert (len(arms(ranks)), num_merged(ranks)) == (6, 2)
    # What is added later is for all parts, and a rate that a part has already is one arm.
    more = extended(config, {"peak_rate": (1e-3,)})
    assert [arm.name for arm in arms(more)][2:] == ["lr 1e-3, full fine-tuning", "lr 1e-3, LoRA", "lr 1e-4, LoRA"]
    assert StudyConfig.from_dict(more.to_dict()) == more


@pytest.mark.parametrize(
    ("part_rates", "said"),
    [
        ({"lora": [1e-3]}, "rates for each train_part that is compared: got none for full"),
        ({"lorra": [1e-3]}, "part_rates are of full or lora or head: got 'lorra'"),
        ({"lora": 1e-3, "full": [1e-4]}, "write lora = [1e-4, 1e-3]"),
        ({"lora": [-1e-3], "full": [1e-4]}, "peak_rate"),
    ],
    ids=["missing", "unknown", "no list", "negative"],
)
def test_rates_of_parts_that_cannot_be_are_refused(part_rates: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        study(grid={"train_part": ["full", "lora"]}, part_rates=part_rates)
    assert said in str(refused.value)


def test_different_horizons_are_different_arms() -> None:
    assert [arm.config.epochs for arm in arms(study(grid={"epochs": [5, 10, 15]}))] == [5, 10, 15]


@pytest.mark.parametrize(
    ("rule", "rates"), [("none", [1e-3] * 3), ("sqrt", [1e-3, 1.41421e-3, 2e-3]), ("linear", [1e-3, 2e-3, 4e-3])]
)
def test_rates_scaled_with_the_batch_size(rule: str, rates: list[float]) -> None:
    config = study(grid={"batch_size": [40, 80, 160]}, scale_rate=rule)
    assert [arm.config.peak_rate for arm in arms(config)] == pytest.approx(rates)


def test_all_problems_of_a_grid_are_said() -> None:
    with pytest.raises(ConfigError) as error:
        arms(study(grid={"peak_rate": [1e-3, -1.0], "dropout": [0.1, 2.0]}))
    assert "peak_rate must be a positive number: got -1" in str(error.value)
    assert "dropout must be from 0 to below 1: got 2" in str(error.value)
    with pytest.raises(ConfigError, match=r"varies settings of a trial.* got 'seed'"):
        study(grid={"seed": [1, 2]})
    with pytest.raises(ConfigError, match="a list of values"):
        study(grid={"peak_rate": []})
    with pytest.raises(ConfigError, match="seeds must be at least 1"):
        study(seeds=0)


def test_a_schedule_that_does_not_fit_one_of_the_horizons_names_the_arm() -> None:
    config = study({"schedule": "warmup(3ep) > linear", "batch_size": 10}, grid={"epochs": [5, 2]})
    prepared = Prepared(
        metric=Metric("loss", "minimize"), fingerprint={}, numerics=None, sizes={"train": 100}, notes=(), cost=None,  # type: ignore[arg-type]
        inputs=None, task_state={},
    )  # fmt: skip
    with pytest.raises(ScheduleError, match=r"in the arm epochs 2"):
        check_arms(config, prepared)


def test_rates_as_lists_and_on_the_log_axis() -> None:
    assert parse_rates("1e-5, 1e-4") == [1e-5, 1e-4]
    assert parse_rates("log:1e-6:1e-2:9") == pytest.approx(np.logspace(-6, -2, 9).tolist(), rel=5e-3)
    assert parse_list("40,80", int, "sizes", "40,80") == [40, 80]


@pytest.mark.parametrize(
    "text", ["", "a", "0", "-1e-3", "nan", "1e-3,", "log:1e-2:1e-6:5", "log:1e-6:1e-2", "log:0:1:3", "log:1:2:1"]
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_rates(text)


def test_rungs_are_complete_runs_of_growing_length() -> None:
    assert lengths(4) == [1, 4]
    assert lengths(10) == [1, 3, 10]


def costs(*means: float | None) -> list[Any]:
    spread = np.random.default_rng(0).normal(0, 0.1, 200)
    return [
        None if mean is None else spread + mean + np.random.default_rng(n).normal(0, 0.1, 200)
        for n, mean in enumerate(means)
    ]


@pytest.mark.parametrize(
    ("means", "kept"),
    [
        ((1.6, 1.5, 1.4, 1.5, 1.6), [1, 2]),
        ((1.6, 1.5, 1.4, 1.4, 1.6), [1, 2, 3]),
        ((1.4, 1.5, 1.6), [0]),
        ((1.6, 1.5, 1.4), [1, 2]),
        ((1.6, 1.5, 1.4, None, None), [1, 2]),
        ((None, 1.4, 1.6), [1]),
        ((None, None), []),
        ((1.4,), [0]),
    ],
)
def test_what_goes_on_is_an_interval_around_the_best_and_one_step_down(means: Any, kept: list[int]) -> None:
    assert interval(costs(*means)) == kept
