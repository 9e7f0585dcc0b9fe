"""Sentences laid end to end without padding: what every operation but attention works on.

Random batches of 80 film reviews are 56% padding. Batches of like length have little, but they are not random any more.
Packed, a random batch has none at all: norms, projections and feed-forwards see the real tokens alone, and attention
pads within groups of sentences of like length.

Letters: B sentences, N rows of the packing (all tokens, and a few zeros that round their number up), b sentences of a
group, T its longest rounded up, L the longest of all, E head width, G query heads a key/value head.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from lrscope.models.rope import rope_frequencies
from lrscope.models.shape import LlamaShape

LARGEST_PROBABILITIES = 2**22  # bytes of a group's T × T probabilities: they should fit the cache
# Shapes that come again: oneDNN compiles a kernel for every new one, which costs as much as a small product itself.
TOKENS_A_ROUND = 64
POSITIONS_A_ROUND = 8
SENTENCES_A_GROUP = 16
POSITIONS_A_BLOCK = 128  # of queries: those of a block look at no key behind it


class Block(NamedTuple):
    """Positions `start` to `stop` of a group's examples: as queries they look at those before `stop` alone."""

    start: int
    stop: int
    mask_GtxS: Tensor  # t rows from `start` on, for each of G query heads below one another; S = `stop` columns

    @property
    def num_rows(self) -> int:
        """Return how many positions there are."""
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Group:
    """Sentences that attention computes together, as tokens `start` to `stop` of the packing."""

    start: int
    stop: int
    index_bT: Tensor  # where each token of the padded group lies among the N; padding points at some other token
    real_bT: Tensor  # which of them are no padding
    real_n: Tensor  # the same as places among the b · T, in the order of the packing
    blocks: tuple[Block, ...]

    @property
    def padded(self) -> bool:
        """Return whether there is any padding."""
        return self.index_bT.numel() != self.stop - self.start


class Packing:
    """The layout of a batch: its sentences from the shortest to the longest, then zeros.

    `first_B` and `last_B` are where each sentence begins and ends, in the batch's own order.
    """

    def __init__(self, lengths_B: Tensor, shape: LlamaShape, dtype: torch.dtype) -> None:
        device = lengths_B.device
        lengths, order = torch.sort(lengths_B, stable=True)
        self.order_B = order
        stops = torch.cumsum(lengths, 0)
        starts = stops - lengths
        self.last_B = torch.empty_like(stops)
        self.last_B[order] = stops - 1
        self.first_B = torch.empty_like(starts)
        self.first_B[order] = starts
        sizes = lengths.tolist()
        self.num_tokens, self.longest = sum(sizes), sizes[-1]
        self.num_rows = _rounded(self.num_tokens, TOKENS_A_ROUND)
        before_n = torch.repeat_interleave(starts, lengths)
        position_N = torch.zeros(self.num_rows, dtype=torch.long, device=device)
        position_N[: self.num_tokens] = torch.arange(self.num_tokens, device=device) - before_n
        cos_TE, sin_TE = rotation(shape, self.longest, device)
        self.cos_NE, self.sin_NE = cos_TE.to(dtype)[position_N], sin_TE.to(dtype)[position_N]
        self._starts, self._lengths, self._sizes = starts, lengths, sizes
        self._shape, self._dtype = shape, dtype

    @cached_property
    def groups(self) -> list[Group]:
        """The groups of examples that attention on a processor computes together."""
        heads = self._shape.num_heads // self._shape.num_kv_heads
        blocks: dict[int, tuple[Block, ...]] = {}  # by the length of a group's longest example
        device, groups = self._starts.device, []
        for first, last in _cuts(self._sizes, self._shape.num_heads * self._dtype.itemsize):
            T = _rounded(self._sizes[last - 1], POSITIONS_A_ROUND)
            if T not in blocks:
                blocks[T] = tuple(_block(start, stop, heads, self._dtype, device) for start, stop in _stretches(T))
            groups.append(_group(self._starts[first:last], self._lengths[first:last], self.num_rows, T, blocks[T]))
        return groups

    @cached_property
    def whole(self) -> Group:
        """All examples as one group, padded to the longest, without blocks: for attention that masks by itself."""
        return _group(self._starts, self._lengths, self.num_rows, self.longest, ())

    def pack(self, ids_BT: Tensor) -> Tensor:
        """Return the ids of a padded batch, (N,), in the order of the packing."""
        lengths_B = self.last_B - self.first_B + 1
        real_BT = torch.arange(ids_BT.shape[1], device=ids_BT.device) < lengths_B[:, None]
        ids_N = torch.zeros(self.num_rows, dtype=ids_BT.dtype, device=ids_BT.device)
        ids_N[: self.num_tokens] = ids_BT[self.order_B][real_BT[self.order_B]]
        return ids_N

    def example_N(self) -> Tensor:  # noqa: N802  the shape is part of the name
        """Return which example of the batch each row belongs to, (N,); rows that round the number up to the last."""
        lengths_B = self.last_B - self.first_B + 1
        example_n = torch.repeat_interleave(self.order_B, lengths_B[self.order_B])
        return torch.nn.functional.pad(example_n, (0, self.num_rows - self.num_tokens), value=len(lengths_B) - 1)

    def padded_index(self) -> tuple[Tensor, Tensor]:
        """Return where each token of the padded batch lies, and which of them are padding."""
        places_T = torch.arange(self.longest, device=self.first_B.device)
        beyond_BT = places_T > (self.last_B - self.first_B)[:, None]
        return (self.first_B[:, None] + places_T).clamp_(max=self.num_rows - 1), beyond_BT


def rotation(shape: LlamaShape, num_positions: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return cos and (−sin, sin) of each position's rotation, (T, E) in float32."""
    frequencies = rope_frequencies(shape.head_dim, shape.rope_theta, shape.rope_scaling, device)
    angles = torch.outer(torch.arange(num_positions, device=device, dtype=torch.float32), frequencies)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1)


def _cuts(sizes: list[int], bytes_a_probability: int) -> list[tuple[int, int]]:
    """Return stretches of sentences, sorted by length: as many as a group has, or fewer where they are long."""
    cuts, last = [], len(sizes)
    while last:
        longest = _rounded(sizes[last - 1], POSITIONS_A_ROUND)
        most = SENTENCES_A_GROUP
        while most > 1 and most * longest * longest * bytes_a_probability > LARGEST_PROBABILITIES:
            most //= 2
        cuts.append((max(0, last - most), last))
        last = cuts[-1][0]
    return cuts


def _rounded(number: int, to: int) -> int:
    return -(-number // to) * to


def _stretches(length: int) -> list[tuple[int, int]]:
    """Return a length cut into equal stretches of positions, none much longer than a block.

    >>> _stretches(96), _stretches(336)
    ([(0, 96)], [(0, 112), (112, 224), (224, 336)])
    """
    size = _rounded(-(-length // max(1, round(length / POSITIONS_A_BLOCK))), POSITIONS_A_ROUND)
    return [(start, min(start + size, length)) for start in range(0, length, size)]


def _block(start: int, stop: int, heads: int, dtype: torch.dtype, device: torch.device) -> Block:
    above_txS = torch.full((stop - start, stop), float("-inf"), dtype=dtype, device=device).triu_(start + 1)
    return Block(start, stop, above_txS.repeat(heads, 1))


def _group(starts_b: Tensor, lengths_b: Tensor, num_rows: int, length: int, blocks: tuple[Block, ...]) -> Group:
    places_T = torch.arange(length, device=starts_b.device)
    index_bT = (starts_b[:, None] + places_T).clamp_(max=num_rows - 1)
    real_bT = places_T < lengths_b[:, None]
    real_n = real_bT.flatten().nonzero()[:, 0]
    start = int(starts_b[0])
    return Group(start, start + len(real_n), index_bT, real_bT, real_n, blocks)
