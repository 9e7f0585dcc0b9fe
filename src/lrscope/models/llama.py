"""LLaMA, native: the whole model in one sitting.

RMSNorm before each block, rotary positions, grouped-query attention, SwiGLU, no biases (Touvron et al.,
arXiv 2302.13971 and 2307.09288). Parameter names are transformers', so checkpoints need no renaming, and float32
logits agree with transformers' within 1e-5 (`tests/models/test_llama.py`).

Letters: B batch, T positions, D model width, H query heads, K key/value heads, E head width, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lrscope.models.kernels import causal_attention, rms_norm, rotate, swiglu
from lrscope.models.shape import LlamaShape

# Above this many positions the explicit T × T attention of `kernels.py` costs more than torch's tiled one.
LONGEST_EXPLICIT_ATTENTION = 192


class RmsNorm(nn.Module):
    """A norm's weight; the formula is `kernels.rms_norm`."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor, out_dtype: torch.dtype) -> Tensor:
        """Return the normed input, rounded to `out_dtype` for the matrix product that follows."""
        return rms_norm(x, self.weight, self.eps, out_dtype)


class Linear(nn.Linear):
    """A matrix without bias, kept in its master precision and multiplied in the precision of its input."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x · Wᵀ in the precision of x."""
        return F.linear(x, self.weight.to(x.dtype))


class Positions:
    """Rotation tables and the causal mask for the first T positions, made once per forward pass."""

    def __init__(self, shape: LlamaShape, num_positions: int, dtype: torch.dtype, device: torch.device) -> None:
        E = shape.head_dim
        frequencies = 1.0 / shape.rope_theta ** (torch.arange(0, E, 2, device=device, dtype=torch.float32) / E)
        angles = torch.outer(torch.arange(num_positions, device=device, dtype=torch.float32), frequencies)
        cos, sin = angles.cos(), angles.sin()
        self.cos_TE, self.sin_TE = torch.cat((cos, cos), -1).to(dtype), torch.cat((-sin, sin), -1).to(dtype)
        self.explicit = num_positions <= LONGEST_EXPLICIT_ATTENTION and device.type == "cpu"
        if self.explicit:
            above = torch.full((num_positions, num_positions), float("-inf"), dtype=dtype, device=device).triu_(1)
            self.mask_GTxT = above.repeat(shape.num_heads // shape.num_kv_heads, 1)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions (Ainslie et al., arXiv 2305.13245)."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = Linear(shape.dim, shape.num_heads * shape.head_dim)
        self.k_proj = Linear(shape.dim, shape.num_kv_heads * shape.head_dim)
        self.v_proj = Linear(shape.dim, shape.num_kv_heads * shape.head_dim)
        self.o_proj = Linear(shape.num_heads * shape.head_dim, shape.dim)

    def forward(self, x_BTD: Tensor, positions: Positions) -> Tensor:
        """Return what each position takes from itself and those before it: (B, T, D)."""
        B, T, _ = x_BTD.shape
        E = self.shape.head_dim
        q = self.q_proj(x_BTD).view(B, T, -1, E)
        k = self.k_proj(x_BTD).view(B, T, -1, E)
        v = self.v_proj(x_BTD).view(B, T, -1, E)
        if positions.explicit:
            mixed = causal_attention(q, k, v, positions.cos_TE, positions.sin_TE, positions.mask_GTxT)
        else:
            q = rotate(q, positions.cos_TE, positions.sin_TE).transpose(1, 2)
            k = rotate(k, positions.cos_TE, positions.sin_TE).transpose(1, 2)
            mixed = F.scaled_dot_product_attention(q, k, v.transpose(1, 2), is_causal=True, enable_gqa=True)
            mixed = mixed.transpose(1, 2).reshape(B, T, -1)
        return self.o_proj(mixed)  # type: ignore[no-any-return]

    def forward_last(self, x_BTD: Tensor, positions: Positions, last_B: Tensor) -> Tensor:
        """The same for one position a sentence: keys and values of all, the query of position `last_B` alone."""
        B, T, _ = x_BTD.shape
        E, K = self.shape.head_dim, self.shape.num_kv_heads
        rows = torch.arange(B, device=x_BTD.device)
        q = self.q_proj(x_BTD[rows, last_B]).view(B, 1, -1, E)
        cos_B1E, sin_B1E = positions.cos_TE[last_B, None], positions.sin_TE[last_B, None]
        q = q * cos_B1E[:, :, None] + torch.roll(q, E // 2, -1) * sin_B1E[:, :, None]
        k = rotate(self.k_proj(x_BTD).view(B, T, K, E), positions.cos_TE, positions.sin_TE)
        v = self.v_proj(x_BTD).view(B, T, K, E)
        scores_BKGT = torch.einsum("bkge,btke->bkgt", q.view(B, K, -1, E), k) * E**-0.5
        beyond = torch.arange(T, device=x_BTD.device) > last_B[:, None]
        probs = scores_BKGT.masked_fill(beyond[:, None, None], float("-inf")).softmax(-1)
        return self.o_proj(torch.einsum("bkgt,btke->bkge", probs, v).reshape(B, -1))  # type: ignore[no-any-return]


class FeedForward(nn.Module):
    """SwiGLU between two widenings and one narrowing."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.gate_proj = Linear(shape.dim, shape.hidden_dim)
        self.up_proj = Linear(shape.dim, shape.hidden_dim)
        self.down_proj = Linear(shape.hidden_dim, shape.dim)

    def forward(self, x: Tensor) -> Tensor:
        """Return down(silu(gate(x)) · up(x))."""
        return self.down_proj(swiglu(self.gate_proj(x), self.up_proj(x)))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Attention and feed-forward, each normed before and added to the residual stream."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.input_layernorm = RmsNorm(shape.dim, shape.norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = RmsNorm(shape.dim, shape.norm_eps)
        self.mlp = FeedForward(shape)

    def forward(self, x_BTD: Tensor, positions: Positions, dtype: torch.dtype) -> Tensor:
        """Return the residual stream (B, T, D) after this layer."""
        # The residual stream stays in the master precision; what enters a matrix product is rounded to `dtype`.
        x_BTD = x_BTD + self.self_attn(self.input_layernorm(x_BTD, dtype), positions)
        return x_BTD + self.mlp(self.post_attention_layernorm(x_BTD, dtype))  # type: ignore[no-any-return]

    def forward_last(self, x_BTD: Tensor, positions: Positions, dtype: torch.dtype, last_B: Tensor) -> Tensor:
        """Return it for position `last_B` of each sentence alone: (B, D)."""
        attended = self.self_attn.forward_last(self.input_layernorm(x_BTD, dtype), positions, last_B)
        x_BD = x_BTD[torch.arange(len(last_B), device=last_B.device), last_B] + attended
        return x_BD + self.mlp(self.post_attention_layernorm(x_BD, dtype))  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """Token ids → normed hidden states: of every position, or of each sentence's last real token alone."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.dim)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_layers))
        self.norm = RmsNorm(shape.dim, shape.norm_eps)
        self.gradient_checkpointing = False

    def forward(self, ids_BT: Tensor, dtype: torch.dtype = torch.float32, last_B: Tensor | None = None) -> Tensor:
        """Returns hidden states (B, T, D), or (B, D) at positions `last_B`: no later position can reach them.

        Padding needs no mask: it follows the last real token, and attention looks back only.
        """
        x_BTD = self.embed_tokens(ids_BT).float()  # frozen weights may be bfloat16; the residual stream is not
        positions = Positions(self.shape, ids_BT.shape[1], dtype, ids_BT.device)
        *before, final = self.layers
        for layer in before:
            x_BTD = self._run(layer, x_BTD, positions, dtype)
        if last_B is None:
            return self.norm(self._run(final, x_BTD, positions, dtype), x_BTD.dtype)  # type: ignore[no-any-return]
        return self.norm(final.forward_last(x_BTD, positions, dtype, last_B), x_BTD.dtype)  # type: ignore[no-any-return,operator]

    def _run(self, layer: nn.Module, x_BTD: Tensor, *rest: Any) -> Tensor:
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return checkpoint(layer, x_BTD, *rest, use_reentrant=False)  # type: ignore[no-any-return]
        return layer(x_BTD, *rest)  # type: ignore[no-any-return]
