"""The loop, alone: any torch model, exact accumulation, the rate that was applied, divergence as a record."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

from lrscope.config import TrialConfig
from lrscope.training.loop import steps
from lrscope.training.optimizer import applied_rate, build_optimizer, set_rate

X, Y = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8.0)


def model() -> nn.Module:
    network = nn.Linear(4, 1)
    with torch.no_grad():
        network.weight.fill_(0.1)
        network.bias.fill_(0.0)
    return network


def squared(network: nn.Module, rows: Any) -> tuple[torch.Tensor, float]:
    return (network(X[rows])[:, 0] - Y[rows]).square().sum(), float(len(rows))


def sgd(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(network.parameters(), lr=1.0)


def test_it_equals_a_loop_written_out() -> None:
    ours, theirs = model(), model()
    records = list(steps(ours, sgd(ours), [[range(8)]] * 5, squared, lambda t: 0.01 / (t + 1)))
    optimizer = sgd(theirs)
    for step in range(5):
        optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        loss = (theirs(X)[:, 0] - Y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), math.inf)
        optimizer.step()
        assert records[step].loss == pytest.approx(loss.item(), rel=1e-6)
        assert records[step].gradient_norm == pytest.approx(norm.item(), rel=1e-6)
        assert records[step].learning_rate == 0.01 / (step + 1)
        assert records[step].step == step
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-7)  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [[range(8)], [range(5), range(5, 8)], [[row] for row in range(8)]])
def test_micro_batches_of_any_size_make_the_same_update(cut: list[Any]) -> None:
    whole, parts = model(), model()
    first = next(iter(steps(whole, sgd(whole), [[range(8)]], squared, lambda _: 0.01, clip_norm=1.0)))
    other = next(iter(steps(parts, sgd(parts), [cut], squared, lambda _: 0.01, clip_norm=1.0)))
    assert torch.allclose(whole.weight, parts.weight, atol=1e-6)  # type: ignore[arg-type]
    assert other.loss == pytest.approx(first.loss, rel=1e-6)
    assert other.gradient_norm == pytest.approx(first.gradient_norm, rel=1e-5)
    assert other.count == first.count == 8


def test_clipping_equals_torchs() -> None:
    ours, theirs = model(), model()
    record = next(iter(steps(ours, sgd(ours), [[range(8)]], squared, lambda _: 0.1, clip_norm=0.5)))
    (theirs(X)[:, 0] - Y).square().mean().backward()
    norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
    for parameter in theirs.parameters():
        parameter.data -= 0.1 * parameter.grad  # type: ignore[operator]
    assert record.gradient_norm == pytest.approx(norm.item(), rel=1e-6)
    assert record.gradient_norm > 0.5
    assert torch.allclose(ours.weight, theirs.weight, atol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_run_without_an_update(value: float) -> None:
    network = model()

    def spoilt(module: nn.Module, rows: Any) -> tuple[torch.Tensor, float]:
        total, count = squared(module, rows)
        return (total * value if seen and len(seen) == 3 else total), count

    seen: list[int] = []

    def rate(step: int) -> float:
        seen.append(step)
        return 0.01

    before = None
    records = []
    for record in steps(network, sgd(network), [[range(8)]] * 9, spoilt, rate):
        records.append(record)
        if record.step == 1:
            before = network.weight.detach().clone()  # type: ignore[operator, union-attr]
    assert [record.diverged for record in records] == [False, False, True]
    assert not math.isfinite(records[-1].loss)
    assert before is not None
    assert torch.equal(network.weight, before)  # type: ignore[arg-type]


def test_a_gradient_that_is_not_finite_ends_the_run_too() -> None:
    network = model()

    def loss(module: nn.Module, rows: Any) -> tuple[torch.Tensor, float]:
        return squared(module, rows)[0] + (module.bias * 0).sqrt().sum(), 8.0  # type: ignore[operator]

    records = list(steps(network, sgd(network), [[range(8)]] * 3, loss, lambda _: 0.01))
    assert len(records) == 1
    assert records[0].diverged
    assert math.isfinite(records[0].loss)
    assert math.isnan(records[0].gradient_norm)


def test_it_reads_one_batch_at_a_time_and_goes_on_at_any_step() -> None:
    taken = []

    def batches() -> Iterator[list[range]]:
        for number in range(5):
            taken.append(number)
            yield [range(8)]

    network = model()
    run = steps(network, sgd(network), batches(), squared, lambda _: 0.01, start=7)
    assert next(run).step == 7
    assert taken == [0]
    run.close()


def test_training_mode_is_put_back_after_an_evaluation() -> None:
    network = model()
    for _ in steps(network, sgd(network), [[range(8)]] * 2, squared, lambda _: 0.01):
        assert network.training
        network.eval()


def test_rates_reach_every_group_in_their_ratio() -> None:
    network = model()
    optimizer = torch.optim.SGD([{"params": [network.weight]}, {"params": [network.bias], "multiplier": 10.0}], lr=1.0)
    set_rate(optimizer, 0.02)
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.2]
    assert applied_rate(optimizer) == 0.02


def test_weight_decay_is_on_matrices_only() -> None:
    optimizer = build_optimizer(model(), TrialConfig(peak_rate=1e-3, weight_decay=0.1))
    decays = {group["params"][0].ndim: group["weight_decay"] for group in optimizer.param_groups}
    assert decays == {2: 0.1, 1: 0.0}
    assert isinstance(optimizer, torch.optim.AdamW)
