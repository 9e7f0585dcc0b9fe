"""Optimizers: what each group is, how rates enter, and that an unknown one is no other."""

from __future__ import annotations

from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import torch
from tests.conftest import Toy
from tests.sft import SftToy
from tests.warm import WarmPython
from torch import nn

from lrscope.config import TrialConfig
from lrscope.training.heads import HeadBundle
from lrscope.training.optimizer import OPTIMIZERS, applied_rate, build_optimizer, set_rate


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))


def test_every_optimizer_that_a_trial_may_ask_for_is_built() -> None:
    names = get_args(get_type_hints(TrialConfig)["optimizer"])
    assert set(OPTIMIZERS) == set(names)
    for name, kind in (("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)):
        assert isinstance(build_optimizer(model(), TrialConfig(peak_rate=1e-3, optimizer=name)), kind)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_is_torch_s_own(name: str) -> None:
    torch.manual_seed(1)
    config = TrialConfig(peak_rate=1e-2, optimizer=name, weight_decay=0.1)
    one, other = model(), model()
    other.load_state_dict(one.state_dict())
    ours = build_optimizer(one, config)
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name]
    groups = [
        {**group, "params": [p for p in other.parameters() if (p.ndim >= 2) == (group["weight_decay"] > 0)]}
        for group in ours.param_groups
    ]
    theirs = kind(groups, lr=1e-2)
    for step in range(6):
        x = torch.randn(5, 3)
        for network, optimizer in ((one, ours), (other, theirs)):
            optimizer.zero_grad()
            network(x).square().mean().backward()
            optimizer.step()
        if step == 2:  # it goes on from its state
            kept = ours.state_dict()
            ours = build_optimizer(one, config)
            ours.load_state_dict(kept)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert not any(p.grad is None for p in one.parameters())


WITHOUT_COMPILER = """
import sys
from lrscope.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.parametrize("options", [[], ["--optimizer", "sgd"], ["--train-part", "lora"]], ids=" ".join)
def test_training_does_not_load_torch_s_compiler(
    options: list[str], toy: Toy, sft_toy: SftToy, tmp_path: Path, warm: WarmPython
) -> None:
    """It is not used, and takes longer to load than a short run."""
    for number, each in enumerate((toy, sft_toy)):
        run = warm.start(WITHOUT_COMPILER, "finetune", *each.options(*options, "--out", str(tmp_path / str(number))))
        assert run.wait() == 0


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
