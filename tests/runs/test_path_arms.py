"""What names of folders and files tell of runs."""

from __future__ import annotations

from typing import Any

import pytest

from lrscope.runs.path_arms import arms_of_paths

CASES: list[tuple[list[str], list[tuple[str, int | None, dict[str, str]]]]] = [
    (["sst/1e-5/seed_1/checkpoint-9/trainer_state.json", "sst/2e-5/seed_2/checkpoint-9/trainer_state.json"],
     [("lr 1e-5", 1, {}), ("lr 2e-5", 2, {})]),
    (["train_abc_00000_0_lr=0.0001,batch_size=8_2026-01-01_12-00-00/result.json",
      "train_abc_00001_1_lr=0.001,batch_size=8_2026-01-01_12-00-00/result.json"],
     [("lr 1e-4", None, {"batch_size": "8"}), ("lr 1e-3", None, {"batch_size": "8"})]),
    (["llama-3-8b-lora-r16-lr-2e-4.log", "llama-3-8b-lora-r32-lr-2e-4.log"],
     [("lr 2e-4", None, {"lora_rank": "16"}), ("lr 2e-4", None, {"lora_rank": "32"})]),
    (["cosine_lr0.001_wd0.1.csv", "linear_lr0.001_wd0.1.csv"],
     [("lr 1e-3, cosine", None, {"weight_decay": "0.1"}), ("lr 1e-3, linear", None, {"weight_decay": "0.1"})]),
    (["optim.lr=1e-3,dim=4/a.log", "optim.lr=1e-3,dim=8/a.log"],
     [("lr 1e-3, dim 4", None, {}), ("lr 1e-3, dim 8", None, {})]),
    (["lr1/a.log", "lr2/a.log"], [("lr1", None, {}), ("lr2", None, {})]),  # the first and the second, not rates
    (["run_1.log", "run_2.log"], [("", None, {}), ("", None, {})]),
    (["v100s1/a.log", "v100s2/a.log"], [("v100s1", None, {}), ("v100s2", None, {})]),  # no seeds: no names of their own
    (["学习率1e-4.log", "学习率2e-4.log"], [("lr 1e-4", None, {}), ("lr 2e-4", None, {})]),
]  # fmt: skip


@pytest.mark.parametrize(("paths", "expected"), CASES, ids=[paths[0] for paths, _ in CASES])
def test_rates_seeds_and_settings_in_paths(paths: list[str], expected: list[Any]) -> None:
    assert [(arm.name, arm.seed, dict(arm.settings)) for arm in arms_of_paths(paths)] == expected


def test_hostile_names_take_no_time() -> None:
    names = ["lr" * 100_000, "=" * 100_000, "a=" * 50_000, "1e-" * 50_000, "", "/", "\x00", "é" * 1_000]
    assert len(arms_of_paths(names)) == len(names)
    assert arms_of_paths([]) == []
