"""Blockwise cross-entropy held against torch's, values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from lrscope.models import token_loss
from lrscope.models.token_loss import token_losses


def inputs(M: int, dtype: torch.dtype = torch.float32, D: int = 16, V: int = 50) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(M)
    h = torch.randn(M, D, generator=generator).to(dtype).requires_grad_(True)
    w = torch.randn(V, D, generator=generator).requires_grad_(True)
    return h, w, torch.randint(0, V, (M,), generator=generator)


def reference(h: torch.Tensor, w: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    logits = h.float() @ w.t()
    losses = F.cross_entropy(logits, targets, reduction="none")
    grads = torch.autograd.grad(losses.sum() / 7.0, (h, w))
    return losses, logits.argmax(-1) == targets, *grads


def measured(h: torch.Tensor, w: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
    got = token_losses(h, w, targets)
    assert torch.allclose(got.total, got.losses_M.sum())
    return got.losses_M, got.right_M, *torch.autograd.grad(got.total / 7.0, (h, w))


@pytest.mark.parametrize("rows", [1, 2, 5, 10_000], ids=lambda rows: f"{rows} rows a block")
@pytest.mark.parametrize("M", [1, 7, 12])
def test_equals_cross_entropy_whatever_the_blocks(M: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_loss, "BLOCK_BYTES", rows * 50 * 4)
    monkeypatch.setattr(token_loss, "WEIGHT_BLOCK_BYTES", 2 * rows * 50 * 4)
    monkeypatch.setattr(token_loss, "SOFTMAX_BYTES", (rows + 1) // 2 * 50 * 4)
    batch = inputs(M)
    losses, right, *grads = measured(*batch)
    expected, expected_right, *expected_grads = reference(*batch)
    assert torch.allclose(losses, expected, atol=1e-5, rtol=0)
    assert torch.equal(right, expected_right)
    for got, want in zip(grads, expected_grads, strict=True):
        assert torch.allclose(got, want, atol=1e-6, rtol=1e-5)


def test_blocks_that_hold_no_whole_number_of_smaller_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_loss, "SOFTMAX_BYTES", 3 * 50 * 4)
    monkeypatch.setattr(token_loss, "WEIGHT_BLOCK_BYTES", 5 * 50 * 4)
    batch = inputs(13)
    for got, want in zip(measured(*batch)[2:], reference(*batch)[2:], strict=True):
        assert torch.allclose(got, want, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("trained", ["hidden", "weight"])
def test_only_what_is_trained_has_a_gradient(trained: str) -> None:
    h, w, targets = inputs(9)
    (w if trained == "hidden" else h).requires_grad_(False)
    token_losses(h, w, targets).total.backward()
    own, other = (h, w) if trained == "hidden" else (w, h)
    assert other.grad is None
    logits = h.detach() @ w.detach().t()
    dz = logits.softmax(-1) - F.one_hot(targets, 50)
    want = dz @ w.detach() if trained == "hidden" else dz.t() @ h.detach()
    assert torch.allclose(own.grad, want, atol=1e-5)  # type: ignore[arg-type]


def test_bfloat16_is_as_near_as_its_products() -> None:
    h, w, targets = inputs(40, torch.bfloat16, D=64)
    losses, _, grad_h, grad_w = measured(h, w, targets)
    expected, _, want_h, want_w = reference(h, w, targets)
    assert (losses - expected).abs().max() < 0.15  # logits of about 8 ± 2⁻⁶ · 8
    assert (losses - expected).mean().abs() < 0.02
    assert (grad_h - want_h).norm() < 0.02 * want_h.norm()
    assert (grad_w - want_w).norm() < 0.02 * want_w.norm()
    assert (grad_h.dtype, grad_w.dtype) == (torch.bfloat16, torch.float32)


def test_a_tied_matrix_gathers_both_gradients() -> None:
    _, w, targets = inputs(9)
    ids = torch.arange(9)

    def loss(ours: bool) -> torch.Tensor:
        hidden = F.embedding(ids, w).tanh()
        return token_losses(hidden, w, targets).total if ours else F.cross_entropy(
            hidden @ w.t(), targets, reduction="sum"
        )  # fmt: skip

    ours, theirs = (torch.autograd.grad(loss(each), w)[0] for each in (True, False))
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_large_logits_neither_underflow_nor_overflow(size: float) -> None:
    h = torch.tensor([[size, 0.0]], requires_grad=True)
    w = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
    for target, want in ((0, 0.0), (1, 2 * size), (2, size)):
        assert token_losses(h, w, torch.tensor([target])).losses_M.item() == pytest.approx(want, rel=1e-6)


def test_nan_stays_nan() -> None:
    h, w, targets = inputs(3)
    spoilt = h.detach().clone()
    spoilt[1, 0] = float("nan")
    losses = token_losses(spoilt, w, targets)
    assert losses.losses_M.isnan().tolist() == [False, True, False]
    assert losses.total.isnan()
