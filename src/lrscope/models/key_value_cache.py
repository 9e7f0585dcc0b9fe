"""Keys and values of the tokens so far: a prompt is read once, and each token after it costs one token's work.

Sequences of unequal length lie in the rows of one cache from position 0 on, without padding. A row that is done gives
its place to the last one, so that the rows in use are always the first.

Letters: B sequences in use, R rows of the cache, S positions, N tokens of all prompts (`packing.py`), D model width,
H query heads, K key/value heads, G = H / K, E head width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lrscope.models.kernels import causal_attention, rotate
from lrscope.models.llama import Attention, Backbone, Layer
from lrscope.models.packing import Packing, rotation
from lrscope.models.shape import LlamaShape

# The cache grows in these steps: a matrix product of bfloat16 copies what is a part of a larger tensor, and oneDNN
# compiles a kernel for every new shape.
POSITIONS_A_STEP = 32


def bytes_a_position(shape: LlamaShape, dtype: torch.dtype) -> int:
    """Return what one token of one sequence takes in the cache."""
    return 2 * shape.num_layers * shape.num_kv_heads * shape.head_dim * dtype.itemsize


class KeyValueCache:
    """Rotated keys, and values, of every layer for up to `num_rows` sequences of up to `num_positions` tokens.

    `lengths` are the tokens of each row in use.
    """

    def __init__(
        self, shape: LlamaShape, num_rows: int, num_positions: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        size = (num_rows, shape.num_kv_heads, 0, shape.head_dim)
        self.keys_RKSE = [torch.empty(size, dtype=dtype, device=device) for _ in range(shape.num_layers)]
        self.values_RKSE = list(self.keys_RKSE)
        cos_SE, sin_SE = rotation(shape, num_positions, device)
        self.cos_SE, self.sin_SE = cos_SE.to(dtype), sin_SE.to(dtype)
        self.dtype, self.device = dtype, device
        self.num_rows, self.num_positions = num_rows, num_positions
        self.lengths: list[int] = []

    @property
    def num_free(self) -> int:
        """Return how many rows are not in use."""
        return self.num_rows - len(self.lengths)

    def reach(self, num_positions: int) -> None:
        """Make room for this many tokens a row."""
        rows, heads, held, width = self.keys_RKSE[0].shape
        if num_positions <= held:
            return
        S = min(self.num_positions, -(-num_positions // POSITIONS_A_STEP) * POSITIONS_A_STEP)
        for cached in (self.keys_RKSE, self.values_RKSE):
            for number, before_RKSE in enumerate(cached):
                # What is masked must be finite.
                cached[number] = before_RKSE.new_zeros((rows, heads, S, width))
                cached[number][:, :, :held] = before_RKSE

    def remove(self, row: int) -> None:
        """Give a row up; the last one in use takes its number."""
        last = len(self.lengths) - 1
        length = self.lengths[last]
        if row != last:
            for cached_RKSE in (*self.keys_RKSE, *self.values_RKSE):
                cached_RKSE[row, :, :length] = cached_RKSE[last, :, :length]
        self.lengths[row] = length
        self.lengths.pop()


def read_prompts(backbone: Backbone, prompts: Sequence[Sequence[int]], cache: KeyValueCache) -> Tensor:
    """Take prompts into the next free rows; return the normed hidden states of their last tokens, (B, D) in float32."""
    lengths = [len(prompt) for prompt in prompts]
    ids_BT = torch.tensor([[*prompt, *[0] * (max(lengths) - len(prompt))] for prompt in prompts], device=cache.device)
    packing = Packing(torch.tensor(lengths, device=cache.device), backbone.shape, cache.dtype)
    places = [
        (row, first, first + length, length)
        for row, (first, length) in enumerate(zip(packing.first_B.tolist(), lengths, strict=True), len(cache.lengths))
    ]
    cache.reach(max(lengths))
    x_ND = backbone.embed_tokens(packing.pack(ids_BT)).float()
    for number, layer in enumerate(_layers(backbone)):
        q_NHE, k_NKE, v_NKE = _projected(layer.self_attn, layer.input_layernorm(x_ND, cache.dtype))
        rotated_NKE = rotate(k_NKE, packing.cos_NE, packing.sin_NE)
        for row, first, stop, length in places:
            cache.keys_RKSE[number][row, :, :length] = rotated_NKE[first:stop].transpose(0, 1)
            cache.values_RKSE[number][row, :, :length] = v_NKE[first:stop].transpose(0, 1)
        x_ND = x_ND + layer.self_attn.o_proj(causal_attention(q_NHE, k_NKE, v_NKE, packing))
        x_ND = x_ND + layer.mlp(layer.post_attention_layernorm(x_ND, cache.dtype))
    cache.lengths += lengths
    return backbone.norm(x_ND[packing.last_B], x_ND.dtype)  # type: ignore[no-any-return]


def read_tokens(backbone: Backbone, tokens: Sequence[int], cache: KeyValueCache) -> Tensor:
    """Take one more token into each row in use; return their normed hidden states, (B, D) in float32."""
    B, shape = len(tokens), backbone.shape
    K, E = shape.num_kv_heads, shape.head_dim
    row_B, place_B = torch.arange(B, device=cache.device), torch.tensor(cache.lengths, device=cache.device)
    cache.reach(max(cache.lengths) + 1)
    S = cache.keys_RKSE[0].shape[2]
    cos_BE, sin_BE = cache.cos_SE[place_B], cache.sin_SE[place_B]
    beyond_BS = torch.arange(S, device=cache.device) > place_B[:, None]
    mask_BS = torch.zeros(B, S, dtype=cache.dtype, device=cache.device).masked_fill_(beyond_BS, float("-inf"))
    mask_BKx1xS = mask_BS.repeat_interleave(K, 0)[:, None]
    x_BD = backbone.embed_tokens(torch.tensor(tokens, device=cache.device)).float()
    for number, layer in enumerate(_layers(backbone)):
        keys_RKSE, values_RKSE = cache.keys_RKSE[number], cache.values_RKSE[number]
        q_BHE, k_BKE, v_BKE = _projected(layer.self_attn, layer.input_layernorm(x_BD, cache.dtype))
        keys_RKSE[row_B, :, place_B] = rotate(k_BKE, cos_BE, sin_BE)
        values_RKSE[row_B, :, place_B] = v_BKE
        queries_BKxGxE = rotate(q_BHE, cos_BE, sin_BE).view(B * K, -1, E)
        keys_BKxExS = keys_RKSE[:B].view(B * K, S, E).transpose(1, 2)
        probs_BKxGxS = torch.baddbmm(mask_BKx1xS, queries_BKxGxE, keys_BKxExS, alpha=E**-0.5).softmax(-1)
        mixed_BKxGxE = torch.bmm(probs_BKxGxS, values_RKSE[:B].view(B * K, S, E))
        x_BD = x_BD + layer.self_attn.o_proj(mixed_BKxGxE.view(B, -1))
        x_BD = x_BD + layer.mlp(layer.post_attention_layernorm(x_BD, cache.dtype))
    cache.lengths = [length + 1 for length in cache.lengths]
    return backbone.norm(x_BD, x_BD.dtype)  # type: ignore[no-any-return]


def _layers(backbone: Backbone) -> list[Layer]:
    return list(backbone.layers)  # type: ignore[arg-type]


def _projected(attention: Attention, x_ND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries (N, H, E), keys and values (N, K, E), not yet rotated."""
    E = attention.shape.head_dim
    q_NHE, k_NKE, v_NKE = (
        project(x_ND).view(len(x_ND), -1, E) for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    return q_NHE, k_NKE, v_NKE
