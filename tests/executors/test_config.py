"""Where trials run: what was asked for goes together, or is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.conftest import Toy

from lrscope.config import ExternalStudy, ExternalTrial, TrainerConfig
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, require_usable, with_threads


@pytest.mark.parametrize(
    ("asked", "executor", "workers"),
    [
        ({}, "inline", 1),
        ({"workers": 1}, "inline", 1),
        ({"workers": 3}, "processes", 3),
        ({"executor": "processes"}, "processes", 1),
        ({"executor": "inline", "workers": 1}, "inline", 1),
    ],
)
def test_what_was_not_chosen_follows_from_what_was(asked: dict[str, Any], executor: str, workers: int) -> None:
    execution = ExecutorConfig.of(**asked)
    assert (execution.executor, execution.workers) == (executor, workers)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"workers": 0}, "workers must be at least 1: got 0"),
        ({"workers": 10**6}, "workers must be at most 1,024: got 1000000"),
        ({"executor": "slurm"}, "executor is one of inline, processes, ray: got 'slurm'"),
        ({"executor": "inline", "workers": 2}, "the inline executor runs one trial at a time"),
        ({"workers": 2, "address": "auto", "executor": "processes"}, "address names a Ray cluster"),
        ({"gpus_per_trial": 0.0}, "gpus_per_trial must be a positive number: got 0"),
        ({"gpus_per_trial": float("nan")}, "gpus_per_trial must be a positive number: got nan"),
        ({"gpus_per_trial": 0.5}, "gpus_per_trial below 1 needs Ray: got 0.5"),
        ({"gpus_per_trial": 1.5, "executor": "ray"}, "gpus_per_trial above 1 is a whole number: got 1.5; write 2"),
    ],
)
def test_what_does_not_go_together_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ExecutorConfig.of(**asked)


def test_gpus_without_any_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(ConfigError, match="gpus_per_trial needs as many GPUs that can be used here: got 1 of 0"):
        ExecutorConfig.of(gpus_per_trial=1.0)


def test_each_worker_sees_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert ExecutorConfig.of(gpus_per_trial=1.0) == ExecutorConfig("processes", 3, 1.0, ("0", "1", "2"))
    assert ExecutorConfig.of(gpus_per_trial=1.0, workers=2).workers == 2
    assert ExecutorConfig.of(gpus_per_trial=1.0, workers=9).workers == 3


def test_a_command_may_have_several_gpus(monkeypatch: pytest.MonkeyPatch, toy: Toy) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5,GPU-7,1")
    several = ExecutorConfig.of(gpus_per_trial=2.0)
    assert several == ExecutorConfig("processes", 2, 2.0, ("2,3", "5,GPU-7"))
    with pytest.raises(ConfigError, match="at most 1 for the built-in training, which runs on one GPU: got 2"):
        require_usable(toy.config(), several)
    trainer = TrainerConfig(command=("train", "{lr}"))
    require_usable(ExternalStudy(trainer=trainer, trial=ExternalTrial(peak_rate=1e-3)), several)
    with pytest.raises(ConfigError, match="got 6 of 5"):
        ExecutorConfig.of(gpus_per_trial=6.0)


def test_cores_are_divided_among_the_workers(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.executors.config.available_cores", lambda: 8)
    open_ = replace(toy.config(), numerics=replace(toy.config().numerics, threads=None))
    assert with_threads(open_, ExecutorConfig("processes", 3)).numerics.threads == 2
    assert with_threads(open_, ExecutorConfig("processes", 20)).numerics.threads == 1
    assert with_threads(open_, ExecutorConfig()).numerics.threads is None
    assert with_threads(toy.config(), ExecutorConfig("processes", 3)).numerics.threads == 1, "what was asked for stays"
