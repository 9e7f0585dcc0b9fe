"""Values and gradients of the hand-written operations, held against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from lrscope.models import kernels
from lrscope.models.kernels import causal_attention, rms_norm, rotate, swiglu

DOUBLE = {"dtype": torch.float64}


def leaf(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, **DOUBLE).requires_grad_()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def angles(positions: int, width: int) -> torch.Tensor:
    return torch.outer(torch.arange(positions, **DOUBLE), 0.3 ** torch.arange(width // 2, **DOUBLE))


def tables(angles_TE: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    cos, sin = angles_TE.cos(), angles_TE.sin()
    return torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)


def turned(x_BTHE: torch.Tensor, angles_TE: torch.Tensor) -> torch.Tensor:
    """The rotation as complex multiplication."""
    halves = x_BTHE.chunk(2, -1)
    product = torch.complex(*halves) * torch.polar(torch.ones_like(angles_TE), angles_TE)[:, None]
    return torch.cat((product.real, product.imag), -1)


def test_rms_norm() -> None:
    x, weight = leaf(3, 4, 6), leaf(6)
    assert torch.allclose(rms_norm(x, weight, 1e-5, torch.float64), F.rms_norm(x, (6,), weight, 1e-5))
    assert torch.autograd.gradcheck(lambda x, w: rms_norm(x, w, 1e-5, torch.float64), (x, weight))


def test_rms_norm_of_zeros_is_zero_and_finite() -> None:
    x = torch.zeros(2, 4, requires_grad=True)
    y = rms_norm(x, torch.ones(4), 1e-5, torch.float32)
    y.sum().backward()
    assert torch.equal(y, torch.zeros(2, 4))
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_rms_norm_rounds_only_what_it_returns() -> None:
    x, weight = torch.randn(5, 64), torch.rand(64)
    assert torch.equal(rms_norm(x, weight, 1e-5, torch.bfloat16), rms_norm(x, weight, 1e-5, torch.float32).bfloat16())


def test_swiglu() -> None:
    gate, up = leaf(2, 3, 5), leaf(2, 3, 5)
    assert torch.allclose(swiglu(gate, up), F.silu(gate) * up)
    assert torch.autograd.gradcheck(swiglu, (gate, up))


def test_rotation_keeps_lengths_and_depends_on_distance_only() -> None:
    cos, sin = tables(angles(9, 8))
    q, k = torch.randn(1, 1, 1, 8, **DOUBLE), torch.randn(1, 1, 1, 8, **DOUBLE)
    qs = rotate(q.expand(1, 9, 1, 8), cos, sin)[0, :, 0]
    ks = rotate(k.expand(1, 9, 1, 8), cos, sin)[0, :, 0]
    assert torch.allclose(qs, turned(q.expand(1, 9, 1, 8), angles(9, 8))[0, :, 0])
    assert torch.allclose(qs.norm(dim=-1), q.norm().expand(9))
    assert torch.allclose(qs[3] @ ks[1], qs[8] @ ks[6])


@pytest.mark.parametrize("kept", [True, False], ids=["probabilities kept", "in slices, computed again"])
@pytest.mark.parametrize(("heads", "kv_heads", "positions"), [(4, 4, 5), (4, 2, 5), (6, 1, 3), (2, 1, 1)])
def test_causal_attention(
    heads: int, kv_heads: int, positions: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr(kernels, "LARGEST_PROBABILITIES", 0)
    q, k, v = leaf(2, positions, heads, 4), leaf(2, positions, kv_heads, 4), leaf(2, positions, kv_heads, 4)
    cos, sin = tables(angles(positions, 4))
    mask = torch.full((positions, positions), float("-inf"), **DOUBLE).triu(1).repeat(heads // kv_heads, 1)
    queries, keys = (turned(t, angles(positions, 4)).transpose(1, 2) for t in (q, k))
    expected = F.scaled_dot_product_attention(queries, keys, v.transpose(1, 2), is_causal=True, enable_gqa=True)
    got = causal_attention(q, k, v, cos, sin, mask)
    assert torch.allclose(got, expected.transpose(1, 2).reshape(2, positions, -1))
    assert torch.autograd.gradcheck(lambda q, k, v: causal_attention(q, k, v, cos, sin, mask), (q, k, v))
