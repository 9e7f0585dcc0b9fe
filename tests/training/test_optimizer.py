"""Optimizers: what each group is, how rates enter, and that an unknown one is no other."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from lrscope.config import TrialConfig
from lrscope.training.heads import HeadBundle
from lrscope.training.optimizer import OPTIMIZERS, applied_rate, build_optimizer, set_rate


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))


def test_every_optimizer_that_a_trial_may_ask_for_is_built() -> None:
    names = get_args(get_type_hints(TrialConfig)["optimizer"])
    assert set(OPTIMIZERS) == set(names)
    kinds = {name: type(build_optimizer(model(), TrialConfig(peak_rate=1e-3, optimizer=name))) for name in names}
    assert kinds == {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}


def test_a_third_optimizer_is_not_silently_another() -> None:
    config = TrialConfig(peak_rate=1e-3)
    object.__setattr__(config, "optimizer", "adafactor")
    with pytest.raises(KeyError, match="adafactor"):
        build_optimizer(model(), config)
    bundle = HeadBundle.__new__(HeadBundle)
    bundle.trials, bundle.alive_A = [config], torch.ones(1, dtype=torch.bool)
    bundle._column = {name: torch.ones(1) for name in ("clip_norm", "head_multiplier")}
    one = torch.ones(1)
    with pytest.raises(KeyError, match="adafactor"):
        bundle._update(torch.ones(1, 1, 1), one, one, one, 0)


def test_vectors_are_not_decayed() -> None:
    optimizer = build_optimizer(model(), TrialConfig(peak_rate=1e-3, weight_decay=0.1))
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim == 2 else 0.0)


def test_the_rate_of_a_step_is_the_one_that_the_optimizer_holds() -> None:
    optimizer = build_optimizer(model(), TrialConfig(peak_rate=1e-3, layer_decay=0.5))
    set_rate(optimizer, 3e-4)
    assert applied_rate(optimizer) == 3e-4
    assert all(group["lr"] == 3e-4 * group["multiplier"] for group in optimizer.param_groups)
