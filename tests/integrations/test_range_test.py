"""A range test leaves everything as it was, to the last bit; and what it is given wrongly, it refuses."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lrscope import RangeTest
from lrscope.errors import ConfigError, ScheduleError


class Net(nn.Module):
    """Dropout, a buffer that moves, a frozen part: all that a test could disturb."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.4)
        self.last = nn.Linear(8, 3)
        self.first.bias.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.drop(self.norm(self.first(x)).relu()))  # type: ignore[no-any-return]


def setting(kind: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW) -> tuple[Net, Any, DataLoader[Any]]:
    torch.manual_seed(3)
    model = Net()
    parts = [{"params": [p for p in model.first.parameters() if p.requires_grad], "lr": 1e-4}]
    parts += [{"params": [*model.norm.parameters(), *model.last.parameters()], "lr": 1e-3}]
    data = TensorDataset(torch.randn(48, 6), torch.randint(0, 3, (48,)))
    loader = DataLoader(data, batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(5))
    return model, kind(parts, lr=1e-3), loader


def train(model: nn.Module, optimizer: Any, loader: Any, epochs: int = 1) -> list[float]:
    losses = []
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            noise = random.random() + np.random.random()  # noqa: NPY002
            loss = nn.functional.cross_entropy(model(x), y) * (1 + 0.01 * noise)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


def state(model: nn.Module, optimizer: Any) -> Any:
    return copy.deepcopy((model.state_dict(), optimizer.state_dict(), [m.training for m in model.modules()]))


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD, torch.optim.Adagrad, torch.optim.NAdam])
@pytest.mark.parametrize("before", [0, 1])
def test_training_after_a_range_test_is_as_without_it(kind: Any, before: int) -> None:
    results = []
    for tested in (False, True):
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002
        model, optimizer, loader = setting(kind)
        train(model, optimizer, loader, before)
        model.norm.eval()
        if tested:
            held = state(model, optimizer)
            gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
            result = RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader).run(start=1e-5, end=1e2, steps=40)
            assert len(result.curves[0].rates) > 10
            assert same(held, state(model, optimizer))
            assert all(same(g, p.grad) for g, p in zip(gradients, model.parameters(), strict=True))
        losses = train(model, optimizer, loader, 2)
        results.append((losses, state(model, optimizer), torch.rand(1), random.random(), np.random.random()))  # noqa: NPY002
    assert same(results[0], results[1])


class Interrupts:
    """A loss that fails, or is stopped by the keyboard, on the way."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.calls = error, 0

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        self.calls += 1
        if self.calls == 9:
            raise self.error
        return nn.functional.cross_entropy(model(batch[0]), batch[1])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no"), MemoryError()], ids=repr)
def test_a_test_that_is_cut_off_leaves_all_as_it_was(error: BaseException) -> None:
    model, optimizer, loader = setting()
    train(model, optimizer, loader)
    held, drawn = state(model, optimizer), torch.get_rng_state()
    with pytest.raises(type(error)):
        RangeTest(model, optimizer, Interrupts(error), loader).run()
    assert same(held, state(model, optimizer))
    assert torch.equal(drawn, torch.get_rng_state())


def test_the_ramp_multiplies_every_group() -> None:
    model, optimizer, loader = setting()
    seen: list[list[float]] = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        seen.append([group["lr"] for group in optimizer.param_groups])
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    result = RangeTest(model, optimizer, loss, loader).run(start=1e-6, end=1e-2, steps=20, widen=False)
    assert np.allclose([low / high for low, high in seen], 0.1)
    assert np.allclose([high for _, high in seen], np.geomspace(1e-6, 1e-2, 20))
    assert result.curves[0].rates[-1] == 1e-2
    assert [group["lr"] for group in optimizer.param_groups] == [1e-4, 1e-3]


def test_one_group_alone() -> None:
    model, optimizer, loader = setting()
    seen: list[list[float]] = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        seen.append([group["lr"] for group in optimizer.param_groups])
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    result = RangeTest(model, optimizer, loss, loader).run(start=1e-6, end=1e-2, steps=20, widen=False, group=1)
    assert {low for low, _ in seen} == {1e-4}
    assert np.allclose(result.curves[0].rates, np.geomspace(1e-6, 1e-2, 20))
    with pytest.raises(ConfigError, match="number of a parameter group, 0 to 1: got 2"):
        RangeTest(model, optimizer, loss, loader).run(group=2)


def test_accumulation_counts_updates_and_short_data_goes_round() -> None:
    model, optimizer, loader = setting(torch.optim.SGD)
    calls = 0

    def loss(model: nn.Module, batch: Any) -> Tensor:
        nonlocal calls
        calls += 1
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    result = RangeTest(model, optimizer, loss, loader).run(steps=20, widen=False, accumulate=3)
    assert (len(result.curves[0].rates), calls) == (20, 60)


def test_the_range_widens_until_the_loss_rises() -> None:
    model, optimizer, loader = setting(torch.optim.SGD)
    test = RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader)
    short = test.run(start=1e-6, end=1e-2, steps=20, widen=False).curves[0]
    assert (short.diverged_at, short.end_reason) == (None, "the ramp ended")
    wide = test.run(start=1e-3, end=1.0, steps=40).curves[0]
    assert wide.rates[-1] > 1.0


def test_what_cannot_be_tested_is_said() -> None:
    model, optimizer, loader = setting()
    with pytest.raises(ScheduleError, match=r"rises from a positive rate to a larger one: got 0\.01 to 0\.001"):
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader).run(start=1e-2, end=1e-3)
    with pytest.raises(ScheduleError, match="at least 10 steps"):
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader).run(steps=3)
    held = state(model, optimizer)
    with pytest.raises(ConfigError, match=r"a loss is one number: got a tensor of shape \(8,\)"):
        RangeTest(model, optimizer, lambda m, b: m(b[0]).sum(-1), loader).run()
    with pytest.raises(ConfigError, match="a loss is one number: got float"):
        RangeTest(model, optimizer, lambda m, b: 0.5, loader).run()  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match="got a loader without any"):
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), []).run()
    assert same(held, state(model, optimizer))
    torch.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.raises(ConfigError, match="a scheduler attached"):
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ConfigError, match="no parameter that requires a gradient"):
        RangeTest(model, torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), loader)


X, Y = torch.randn(8, 6), torch.randint(0, 3, (8,))


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        ({"img": X, "target": Y}, 'a dict with img, target; pass a function instead, lambda model, batch: criterion('
         'model(batch["img"]), batch["target"])'),
        ({"input_ids": X, "mask": X, "labels": Y}, "lambda model, batch: model(**batch).loss"),
        ((X, X, Y), "got a tuple of 3; pass a function instead"),
        (X, "got a tensor of shape (8, 6)"),
        ({}, "got an empty dict"),
    ],
)  # fmt: skip
def test_batches_that_a_criterion_cannot_take(batch: Any, says: str) -> None:
    model, optimizer, _ = setting()
    with pytest.raises(ConfigError) as error:
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), [batch]).run()
    assert "CrossEntropyLoss takes batches of (inputs, targets): got" in str(error.value)
    assert says in str(error.value)


class Output:
    def __init__(self, loss: Tensor) -> None:
        self.loss = loss


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (nn.functional.cross_entropy, "got cross_entropy(input, target); pass nn.CrossEntropyLoss(), or lambda model,"),
        (lambda m, b: Output(m(b[0]).mean()), "got Output; return its .loss"),
        (lambda m, b: {"loss": m(b[0]).mean()}, 'got dict; return its ["loss"]'),
        (lambda m, b: (m(b[0]).mean(), None), "got tuple; return the loss alone"),
        (lambda m, b: None, "got None; return the loss as a tensor"),
        (lambda m, b: m(b[0]).mean().detach(), "depends on nothing that trains; return it without .detach()"),
        ("mse", "a criterion or a function of (model, batch): got str"),
    ],
)
def test_losses_that_are_none(loss: Any, says: str) -> None:
    model, optimizer, loader = setting()
    with pytest.raises(ConfigError) as error:
        RangeTest(model, optimizer, loss, loader).run()
    assert says in str(error.value)


def test_optimizers_without_a_rate() -> None:
    model, _, loader = setting()
    for rate, says in ((0.0, "got 0; give the optimizer one above 0"), (float("inf"), "got inf")):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        optimizer.param_groups[0]["lr"] = rate
        with pytest.raises(ConfigError, match=says):
            RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader)
    optimizer.param_groups[0]["lr"] = None
    with pytest.raises(ConfigError, match="got SGD, which computes its own"):
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader)


def test_batches_that_end_before_the_ramp() -> None:
    model, optimizer, loader = setting()
    held = state(model, optimizer)
    with pytest.warns(UserWarning, match="cannot be rewound"), pytest.raises(ConfigError) as error:
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), iter(loader)).run(steps=20)
    assert "the batches ended after 6 steps of 20; pass what can be iterated again" in str(error.value)
    assert same(held, state(model, optimizer))
    with pytest.warns(UserWarning, match="cannot be rewound"):
        curve = RangeTest(model, optimizer, nn.CrossEntropyLoss(), iter(list(loader) * 2)).run(steps=10).curves[0]
    assert (len(curve.rates), curve.end_reason, curve.diverged_at) == (12, "the batches ended after 12 steps", None)


def test_several_seeds_begin_from_the_same_weights() -> None:
    model, optimizer, loader = setting()
    held, drawn = state(model, optimizer), torch.get_rng_state()
    test = RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader)
    result = test.run(steps=20, widen=False, seeds=3)
    assert [curve.seed for curve in result.curves] == [0, 1, 2]
    assert len({tuple(curve.losses) for curve in result.curves}) == 3  # another order, other dropout
    again = test.run(steps=20, widen=False, seeds=3)
    assert [c.losses.tolist() for c in again.curves] == [c.losses.tolist() for c in result.curves]
    assert same(held, state(model, optimizer))
    assert torch.equal(drawn, torch.get_rng_state())
    with pytest.raises(ConfigError, match="seeds counts repetitions, at least 1: got 0"):
        test.run(seeds=0)
    with pytest.raises(ConfigError, match="several seeds need the same batches again"):
        RangeTest(model, optimizer, nn.CrossEntropyLoss(), iter(loader)).run(seeds=2)


def test_hooks_and_attributes_are_put_back() -> None:
    model, optimizer, loader = setting()
    handle = model.first.register_forward_hook(lambda *_: None)

    def loss(model: nn.Module, batch: Any) -> Tensor:
        model.drop.register_forward_hook(lambda *_: None)
        model.last.scale, model.drop.p = 2.0, 0.9  # type: ignore[union-attr, assignment]
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    RangeTest(model, optimizer, loss, loader).run(steps=12, widen=False)
    assert not hasattr(model.last, "scale")
    assert (model.drop.p, len(model.drop._forward_hooks), len(model.first._forward_hooks)) == (0.4, 0, 1)
    handle.remove()
    assert len(model.first._forward_hooks) == 0


def test_an_iterator_is_used_up_and_that_is_said() -> None:
    model, optimizer, loader = setting()

    def batches() -> Iterator[Any]:
        for _ in range(5):
            yield from loader

    test = RangeTest(model, optimizer, nn.CrossEntropyLoss(), batches())
    with pytest.warns(UserWarning, match="cannot be rewound"):
        result = test.run(steps=20, widen=False)
    assert "cannot be rewound" in result.notes[0]
    assert len(result.curves[0].rates) == 20


def test_a_loss_that_is_no_number_ends_the_test() -> None:
    model, optimizer, loader = setting()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        value = nn.functional.cross_entropy(model(batch[0]), batch[1])
        return value * float("nan") if optimizer.param_groups[1]["lr"] > 1e-4 else value

    curve = RangeTest(model, optimizer, loss, loader).run(start=1e-6, end=1e-2, steps=50).curves[0]
    assert curve.end_reason == "the loss became nan"
    assert curve.diverged_at is not None
    assert 1e-4 < curve.diverged_at < 1.3e-4
    assert np.isfinite(curve.losses).all()


def test_a_loader_that_accelerate_prepared() -> None:
    """It has a method `state_dict`, and no state unless the loader within has one."""
    from accelerate import Accelerator

    results = []
    for prepared in (False, True):
        model, optimizer, loader = setting()
        if prepared:
            loader = Accelerator(cpu=True).prepare_data_loader(loader)
        before = [value.clone() for value in model.parameters()]
        test = RangeTest(model, optimizer, nn.CrossEntropyLoss(), loader)
        results.append(test.run(start=1e-5, end=1e-1, steps=20, widen=False).suggestions)
        assert all(map(torch.equal, before, model.parameters()))
    assert results[0] == results[1]
