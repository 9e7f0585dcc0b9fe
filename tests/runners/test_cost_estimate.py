"""What a study will cost: steps timed of every kind of trial, and checkpoints of what a trial trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Toy

from lrscope.config import SftConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.runners import cost_estimate
from lrscope.runners.cost_estimate import estimate_cost
from lrscope.runners.heads import HeadsRunner
from lrscope.runners.native import NativeRunner
from lrscope.runners.registry import runner_for
from lrscope.studies.plan import arms, planned
from lrscope.training.study_inputs import load_inputs


def sft_study(toy: Toy, folder: Path, **trial: object) -> StudyConfig:
    """A study of completions on a toy model."""
    rows = [f'{{"prompt": "the film is {n % 7}", "completion": "good bad the film {n % 3}"}}' for n in range(40)]
    (folder / "sft.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = toy.config()
    asked: dict[str, Any] = {
        "peak_rate": 3e-3, "epochs": 1, "batch_size": 8, "train_part": "lora", "lora_rank": 4, **trial,
    }  # fmt: skip
    return replace(
        config, task="sft", sft=SftConfig(chat_template="plain"),
        data=replace(config.data, train=str(folder / "sft.jsonl"), dev="25%", test=None, label_names=None),
        trial=TrialConfig(**asked),
    )  # fmt: skip


def test_every_kind_of_trial_is_timed_once(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = sft_study(toy, tmp_path)
    grid = {"train_part": ["full", "lora"], "lora_rank": [2, 4], "peak_rate": [1e-3, 3e-3], "batch_size": [4, 8]}
    config = replace(config, sweep=SweepConfig(grid=grid, seeds=2))
    inputs, timed = load_inputs(config), list[TrialConfig]()
    measured = cost_estimate._measured

    def counted(of: object, trial: TrialConfig) -> object:
        timed.append(trial)
        return measured(inputs, trial)

    monkeypatch.setattr(cost_estimate, "_measured", counted)
    trials = [trial for trial in planned(config) if isinstance(trial, TrialConfig)]
    cost = estimate_cost(inputs, trials, tmp_path, processes=0)
    assert [(t.batch_size, t.train_part, t.lora_rank) for t in timed] == [
        (4, "full", 16), (8, "full", 16), (4, "lora", 2), (8, "lora", 2), (4, "lora", 4), (8, "lora", 4),
    ]  # fmt: skip
    assert cost.seconds > 0.5 * len(trials)


def test_checkpoints_of_adapters_are_small(toy: Toy, tmp_path: Path) -> None:
    config = sft_study(toy, tmp_path)
    inputs = load_inputs(config)
    lora = estimate_cost(inputs, [config.trial], tmp_path, processes=0).num_bytes
    bigger = replace(config.trial, lora_rank=8)
    full = replace(config.trial, train_part="full", lora_rank=16)
    rows = lora - 2 * 4 * sum(each.numel() for each in inputs.build_model(config.trial).to_tensors().values())
    assert 0 < rows < 2000
    assert estimate_cost(inputs, [bigger], tmp_path, processes=0).num_bytes - rows == 2 * (lora - rows)
    whole = sum(4 * each.numel() for each in inputs.data.checkpoint.tensors.values())
    assert estimate_cost(inputs, [full], tmp_path, processes=0).num_bytes - rows == 2 * whole
    swept = replace(config, sweep=SweepConfig(grid={"train_part": ["full", "lora"]}, seeds=3))
    trials = [trial for trial in planned(swept) if isinstance(trial, TrialConfig)]
    of_sweep = estimate_cost(replace(inputs, config=swept), trials, tmp_path, processes=0).num_bytes
    assert of_sweep == 6 * rows + whole + (lora - rows) // 2, "one checkpoint an arm"
    assert len(arms(swept)) == 2


def test_an_evaluation_of_a_large_dev_is_timed_on_a_part_of_it(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = sft_study(toy, tmp_path)
    inputs, sizes = load_inputs(config), list[int]()
    monkeypatch.setattr(cost_estimate, "EVALUATED", 4)
    monkeypatch.setattr(cost_estimate, "outputs_of", lambda _, __, split: sizes.append(split.num_examples))
    assert cost_estimate._seconds_of_measuring(inputs, config.trial)[1] == 0
    assert inputs.encoded["dev"].num_examples == 11
    assert sizes == [6]


def test_heads_train_together_where_there_is_nothing_else(toy: Toy) -> None:
    def runner(part: str, grid: dict[str, list[str]]) -> object:
        study = replace(toy.config(train_part=part), sweep=SweepConfig(grid={**grid, "peak_rate": [1e-3]}))
        return type(runner_for(study))

    assert runner("head", {}) is HeadsRunner
    assert runner("full", {"train_part": ["head"]}) is HeadsRunner
    assert runner("head", {"train_part": ["head", "full"]}) is NativeRunner
    assert runner("lora", {}) is NativeRunner
