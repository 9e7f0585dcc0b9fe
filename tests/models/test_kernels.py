"""Values and gradients of the hand-written operations, held against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from lrscope.models import kernels
from lrscope.models import packing as packing_module
from lrscope.models.kernels import causal_attention, rms_norm, rotate, swiglu
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape

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


def turned(x_THE: torch.Tensor, angles_TE: torch.Tensor) -> torch.Tensor:
    """The rotation as complex multiplication."""
    halves = x_THE.chunk(2, -1)
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
    q, k = torch.randn(1, 1, 8, **DOUBLE), torch.randn(1, 1, 8, **DOUBLE)
    qs = rotate(q.expand(9, 1, 8), cos, sin)[:, 0]
    ks = rotate(k.expand(9, 1, 8), cos, sin)[:, 0]
    assert torch.allclose(qs, turned(q.expand(9, 1, 8), angles(9, 8))[:, 0])
    assert torch.allclose(qs.norm(dim=-1), q.norm().expand(9))
    assert torch.allclose(qs[3] @ ks[1], qs[8] @ ks[6])


def shape(heads: int, kv_heads: int) -> LlamaShape:
    return LlamaShape(
        vocab_size=9, dim=4 * heads, num_layers=1, num_heads=heads, num_kv_heads=kv_heads, head_dim=4, hidden_dim=8,
        max_positions=16, norm_eps=1e-5, rope_theta=100.0, tied=True,
    )  # fmt: skip


def sentence_by_sentence(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Attention over each sentence alone, by torch's own, in the order of the packing."""
    out, start = [], 0
    frequencies = 1.0 / 100.0 ** (torch.arange(0, 4, 2, **DOUBLE) / 4)
    for length in sorted(lengths):
        rows = slice(start, start + length)
        at = torch.outer(torch.arange(length, **DOUBLE), frequencies)
        queries, keys = (turned(t[rows], at).transpose(0, 1)[None] for t in (q, k))
        values = v[rows].transpose(0, 1)[None]
        mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True, enable_gqa=True)
        out.append(mixed[0].transpose(0, 1).reshape(length, -1))
        start += length
    return torch.cat(out)


LENGTHS = [[5, 5], [1], [2, 7, 3, 7, 1, 6], [9, 1, 1, 1]]


@pytest.mark.parametrize("largest", [2**22, 0], ids=["probabilities kept", "made again, a sentence at a time"])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_causal_attention(
    lengths: list[int], heads: int, kv_heads: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "LARGEST_PROBABILITIES", largest)
    monkeypatch.setattr(packing_module, "LARGEST_PROBABILITIES", largest)
    packing = Packing(torch.tensor(lengths), shape(heads, kv_heads), torch.float64)
    N, rows = sum(lengths), packing.num_rows
    q, k, v = leaf(rows, heads, 4), leaf(rows, kv_heads, 4), leaf(rows, kv_heads, 4)
    got, expected = causal_attention(q, k, v, packing), sentence_by_sentence(q, k, v, lengths)
    assert (got[N:] == 0).all()
    got = got[:N]
    # The rotation's tables are float32 in both precisions that a fine-tune runs in.
    assert torch.allclose(got, expected, atol=1e-6)
    weights = torch.randn_like(got)
    ours = torch.autograd.grad((got * weights).sum(), (q, k, v))
    theirs = torch.autograd.grad((expected * weights).sum(), (q, k, v))  # no gradient for rows that fill up
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))
    if N <= 10 and heads == 4:
        small = [x[:N].detach().requires_grad_() for x in (q, k, v)]
        fill = [torch.zeros(rows - N, *x.shape[1:], **DOUBLE) for x in small]

        def attend(*real: torch.Tensor) -> torch.Tensor:
            return causal_attention(*(torch.cat(pair) for pair in zip(real, fill, strict=True)), packing)[:N]

        assert torch.autograd.gradcheck(attend, small)


@pytest.mark.parametrize("lengths", [*LENGTHS, list(range(1, 40)), [3] * 50], ids=str)
def test_packing_loses_no_token(lengths: list[int]) -> None:
    packing = Packing(torch.tensor(lengths), shape(4, 2), torch.float32)
    ids_BT = torch.arange(len(lengths) * max(lengths)).view(len(lengths), -1)
    packed = packing.pack(ids_BT)
    assert packing.num_tokens == sum(lengths) <= len(packed) == packing.num_rows
    for row, length in enumerate(lengths):
        sentence = packed[packing.first_B[row] : packing.last_B[row] + 1]
        assert sentence.tolist() == ids_BT[row, :length].tolist()
    covered = [place for group in packing.groups for place in range(group.start, group.stop)]
    assert sorted(covered) == list(range(sum(lengths)))
    for group in packing.groups:
        assert (packed[group.index_bT][group.real_bT] == packed[group.start : group.stop]).all()
