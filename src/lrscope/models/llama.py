"""LLaMA, native: the whole model in one sitting.

RMSNorm before each block, rotary positions, grouped-query attention, SwiGLU, no biases (Touvron et al.,
arXiv 2302.13971 and 2307.09288). Parameter names are transformers', so checkpoints need no renaming, and float32
logits agree with transformers' within 1e-5 (`tests/models/test_llama.py`).

Letters: B sentences, T positions, N tokens of all sentences (`packing.py`), D model width, H query heads, K key/value
heads, E head width, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lrscope.models.kernels import causal_attention, rms_norm, rotate, swiglu
from lrscope.models.linear import Linear
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape


class RmsNorm(nn.Module):
    """A norm's weight; the formula is `kernels.rms_norm`."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor, out_dtype: torch.dtype) -> Tensor:
        """Return the normed input, rounded to `out_dtype` for the matrix product that follows."""
        return rms_norm(x, self.weight, self.eps, out_dtype)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions (Ainslie et al., arXiv 2305.13245)."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = Linear(shape.dim, shape.num_heads * shape.head_dim)
        self.k_proj = Linear(shape.dim, shape.num_kv_heads * shape.head_dim)
        self.v_proj = Linear(shape.dim, shape.num_kv_heads * shape.head_dim)
        self.o_proj = Linear(shape.num_heads * shape.head_dim, shape.dim)

    def forward(self, x_ND: Tensor, packing: Packing) -> Tensor:
        """Return what each token takes from itself and those before it in its sentence: (N, D)."""
        N, E = len(x_ND), self.shape.head_dim
        q, k, v = (project(x_ND).view(N, -1, E) for project in (self.q_proj, self.k_proj, self.v_proj))
        return self.o_proj(causal_attention(q, k, v, packing))  # type: ignore[no-any-return]

    def forward_last(self, x_ND: Tensor, packing: Packing) -> Tensor:
        """The same for each sentence's last token alone, (B, D): keys and values of all, queries of the last ones."""
        N, E, K, last_B = len(x_ND), self.shape.head_dim, self.shape.num_kv_heads, packing.last_B
        q_BHE = rotate(
            self.q_proj(x_ND[last_B]).view(len(last_B), -1, E), packing.cos_NE[last_B], packing.sin_NE[last_B]
        )
        k_NKE = rotate(self.k_proj(x_ND).view(N, K, E), packing.cos_NE, packing.sin_NE)
        index_BT, beyond_BT = packing.padded_index()
        k_BTKE = F.embedding(index_BT, k_NKE.flatten(1)).view(*index_BT.shape, K, E)
        v_BTKE = F.embedding(index_BT, self.v_proj(x_ND)).view(*index_BT.shape, K, E)
        scores_BKGT = torch.einsum("bkge,btke->bkgt", q_BHE.view(len(last_B), K, -1, E), k_BTKE) * E**-0.5
        probs = scores_BKGT.masked_fill(beyond_BT[:, None, None], float("-inf")).softmax(-1)
        return self.o_proj(torch.einsum("bkgt,btke->bkge", probs, v_BTKE).reshape(len(last_B), -1))  # type: ignore[no-any-return]


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

    def forward(self, x_ND: Tensor, packing: Packing, dtype: torch.dtype) -> Tensor:
        """Return the residual stream (N, D) after this layer."""
        # The residual stream stays in the master precision; what enters a matrix product is rounded to `dtype`.
        x_ND = x_ND + self.self_attn(self.input_layernorm(x_ND, dtype), packing)
        return x_ND + self.mlp(self.post_attention_layernorm(x_ND, dtype))  # type: ignore[no-any-return]

    def forward_rows(self, x_ND: Tensor, packing: Packing, dtype: torch.dtype, rows_M: Tensor) -> Tensor:
        """Return it for some rows alone, (M, D): attention looks at all, the feed-forward at these."""
        x_MD = (x_ND + self.self_attn(self.input_layernorm(x_ND, dtype), packing))[rows_M]
        return x_MD + self.mlp(self.post_attention_layernorm(x_MD, dtype))  # type: ignore[no-any-return]

    def forward_last(self, x_ND: Tensor, packing: Packing, dtype: torch.dtype) -> Tensor:
        """Return it for each sentence's last token alone: (B, D)."""
        x_BD = x_ND[packing.last_B] + self.self_attn.forward_last(self.input_layernorm(x_ND, dtype), packing)
        return x_BD + self.mlp(self.post_attention_layernorm(x_BD, dtype))  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """Token ids → normed hidden states: of every position, or of each sentence's last token alone."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.shape = shape
        # Drawing its values, even on the device "meta", would load torch's compiler: more than a second of a process.
        empty_VD = torch.empty(shape.vocab_size, shape.dim)
        self.embed_tokens = nn.Embedding.from_pretrained(empty_VD, freeze=False)  # type: ignore[no-untyped-call]
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_layers))
        self.norm = RmsNorm(shape.dim, shape.norm_eps)
        self.gradient_checkpointing = False

    def forward(self, ids_BT: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return hidden states (B, T, D) of a batch without padding."""
        B, T = ids_BT.shape
        packing = Packing(torch.full((B,), T, device=ids_BT.device), self.shape, dtype)
        x_ND = self._embedded(packing.pack(ids_BT))
        for layer in self.layers:
            x_ND = self._run(layer, x_ND, packing, dtype)
        return self.norm(x_ND, x_ND.dtype)[: B * T].view(B, T, -1)  # type: ignore[no-any-return]

    def forward_rows(self, ids_N: Tensor, packing: Packing, rows_M: Tensor, dtype: torch.dtype) -> Tensor:
        """Return hidden states (M, D) of some rows of a packing, rounded to `dtype`."""
        x_ND = self._embedded(ids_N)
        *before, final = self.layers
        for layer in before:
            x_ND = self._run(layer, x_ND, packing, dtype)
        return self.norm(final.forward_rows(x_ND, packing, dtype, rows_M), dtype)  # type: ignore[no-any-return,operator]

    def forward_last(
        self, ids_BT: Tensor, lengths_B: Tensor, dtype: torch.dtype = torch.float32, packing: Packing | None = None
    ) -> Tensor:
        """Return hidden states (B, D) of each sentence's last token, which looks back at its sentence alone."""
        packing = packing or Packing(lengths_B, self.shape, dtype)
        x_ND = self._embedded(packing.pack(ids_BT))
        *before, final = self.layers
        for layer in before:
            x_ND = self._run(layer, x_ND, packing, dtype)
        return self.norm(final.forward_last(x_ND, packing, dtype), x_ND.dtype)  # type: ignore[no-any-return,operator]

    def _embedded(self, ids_N: Tensor) -> Tensor:
        return self.embed_tokens(ids_N).float()  # type: ignore[no-any-return]  # frozen weights may be bfloat16

    def _run(self, layer: nn.Module, x_ND: Tensor, packing: Packing, dtype: torch.dtype) -> Tensor:
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return checkpoint(layer, x_ND, packing, dtype, use_reentrant=False)  # type: ignore[no-any-return]
        return layer(x_ND, packing, dtype)  # type: ignore[no-any-return]
