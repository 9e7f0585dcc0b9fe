"""Text generation with the native LLaMA: many sequences at a time, each as if it were alone.

Letters: B sequences at work, N tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrscope.errors import ConfigError
from lrscope.models.key_value_cache import KeyValueCache, bytes_a_position, read_prompts, read_tokens
from lrscope.models.llama import Backbone
from lrscope.models.shape import LlamaShape
from lrscope.randomness import derive_seed

SEQUENCES_AT_ONCE = 64
CACHE_BYTES = 2**30  # fewer sequences at once where they are long
PROMPT_TOKENS_AT_ONCE = 2**13


class GeneratingModel(Protocol):
    """What generation asks of a language model, in evaluation mode.

    It calls modules and never their weights: an adapter may stand in the place of a matrix.
    """

    @property
    def model(self) -> Backbone:
        """Return the backbone."""

    @property
    def compute_dtype(self) -> torch.dtype:
        """Return the precision of matrix products."""

    def logits(self, hidden_ND: Tensor) -> Tensor:
        """Return float32 logits (N, V) of the token after each, from normed hidden states in float32."""


class LlamaLanguageModel(nn.Module):
    """The backbone and its vocabulary projection, which is the embedding itself where the two are tied."""

    def __init__(self, shape: LlamaShape, compute_dtype: torch.dtype) -> None:
        super().__init__()
        self.model = Backbone(shape)
        self.lm_head = nn.Linear(shape.dim, shape.vocab_size, bias=False)
        self.compute_dtype = compute_dtype
        if shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def logits(self, hidden_ND: Tensor) -> Tensor:
        """Return float32 logits (N, V) of the token after each, from normed hidden states."""
        return self.lm_head(hidden_ND.to(self.lm_head.weight.dtype)).float()  # type: ignore[no-any-return]

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Return float32 logits (B, T, V) of the token after each position."""
        return self.logits(self.model(ids_BT, self.compute_dtype))


def build_language_model(
    shape: LlamaShape, tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float32
) -> LlamaLanguageModel:
    """Assemble a language model, kept and multiplied in `dtype`, from tensors in transformers' naming.

    Norms work in float32.
    """
    with torch.device("meta"):
        language_model = LlamaLanguageModel(shape, dtype)
    chosen = {
        name: tensor.to(dtype if tensor.ndim > 1 else torch.float32)
        for name, tensor in tensors.items()
        if name.startswith(("model.", "lm_head."))
    }
    if shape.tied:
        chosen["lm_head.weight"] = chosen["model.embed_tokens.weight"]
    language_model.load_state_dict(chosen, assign=True)
    if shape.tied:
        language_model.lm_head.weight = language_model.model.embed_tokens.weight
    return language_model.eval()


@dataclass(eq=False)
class _Text:
    """One sequence: its number among the prompts, its tokens, how many may come, and how many of them are new."""

    number: int
    ids: list[int]
    max_new_tokens: int
    num_new: int = 0


@dataclass(frozen=True)
class _Sampling:
    temperature: float
    seed: int
    stop_ids: frozenset[int]


def generate(
    model: GeneratingModel,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    stop_ids: frozenset[int] = frozenset(),
) -> list[list[int]]:
    """Return each prompt's continuation: up to `max_new_tokens` tokens, ended before a token of `stop_ids`.

    Temperature 0 takes the most likely token; otherwise p ∝ exp(logit / temperature) over the whole vocabulary, drawn
    for each token from (`seed`, the prompt's place, the token's place). What stands beside a prompt has no effect on
    its continuation but the rounding of matrix products. When a text outgrows the context, the oldest tokens fall out.

    Raises:
        ConfigError: a prompt has no token.
    """
    texts = [_Text(number, list(prompt), max_new_tokens) for number, prompt in enumerate(prompts)]
    continuations: list[list[int]] = [[] for _ in texts]
    for number, token in _tokens(model, texts, _Sampling(temperature, seed, stop_ids)):
        continuations[number] += [] if token is None else [token]
    return continuations


def likeliest_tokens(
    model: GeneratingModel, prompts: Sequence[Sequence[int]], max_new_tokens: Sequence[int], stop_ids: frozenset[int]
) -> Iterator[tuple[int, int | None]]:
    """Yield (number of the prompt, token) as they come: each the most likely one, up to so many a prompt.

    None in the place of a token says that the prompt's text has ended.
    """
    texts = [_Text(number, list(prompt), max_new_tokens[number]) for number, prompt in enumerate(prompts)]
    return _tokens(model, texts, _Sampling(0.0, 0, stop_ids))


def stream(
    model: GeneratingModel,
    prompt: Sequence[int],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    stop_ids: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Yield the tokens of one prompt's continuation as they come: the same as `generate` of it alone."""
    text = _Text(0, list(prompt), max_new_tokens)
    for _, token in _tokens(model, [text], _Sampling(temperature, seed, stop_ids)):
        if token is not None:
            yield token


def _tokens(model: GeneratingModel, texts: list[_Text], sampling: _Sampling) -> Iterator[tuple[int, int | None]]:
    """Yield (prompt, token) as they come, and (prompt, None) where its text has ended."""
    assert not model.model.training, "generation needs model.eval()"
    if not all(text.ids for text in texts):
        raise ConfigError("a prompt must have at least one token: got none; write something to go on from")
    texts = [text for text in texts if text.max_new_tokens > 0]
    shape, position_bytes = model.model.shape, bytes_a_position(model.model.shape, model.compute_dtype)

    def positions(text: _Text) -> int:
        return min(len(text.ids) + text.max_new_tokens, shape.max_positions)

    def rows(text: _Text) -> int:
        """Return how many texts of this length run together: a power of two, so that there are few different ones."""
        fitting = min(SEQUENCES_AT_ONCE, CACHE_BYTES // (position_bytes * positions(text)))
        return 1 << (max(fitting, 1).bit_length() - 1)

    # Those of like length run at the same time: attention reads as many positions of each as the longest has.
    for num_rows, group in groupby(sorted(texts, key=positions), key=rows):
        waiting = deque(group)
        size = min(num_rows, len(waiting)), positions(waiting[-1])
        device = model.model.embed_tokens.weight.device
        yield from _tokens_of(model, waiting, KeyValueCache(shape, *size, model.compute_dtype, device), sampling)


@torch.inference_mode()
def _tokens_of(
    model: GeneratingModel, waiting: deque[_Text], cache: KeyValueCache, sampling: _Sampling
) -> Iterator[tuple[int, int | None]]:
    backbone, limit = model.model, model.model.shape.max_positions
    running: list[_Text] = []  # in the order of the cache's rows
    while running or waiting:
        states = []
        if running:
            states.append(read_tokens(backbone, [text.ids[-1] for text in running], cache))
        admitted = _next(waiting, cache.num_free)
        if admitted:
            states.append(read_prompts(backbone, [text.ids[-limit:] for text in admitted], cache))
            running += admitted
        chosen = _choose(model.logits(torch.cat(states)), running, sampling)
        for row in reversed(range(len(running))):
            text, token = running[row], chosen[row]
            stopped = token in sampling.stop_ids
            if not stopped:
                text.ids.append(token)
                text.num_new += 1
                yield text.number, token
                stopped = text.num_new == text.max_new_tokens
            full = cache.lengths[row] == limit
            if stopped or full:
                cache.remove(row)
                last = running.pop()
                if row < len(running):
                    running[row] = last
                if stopped:
                    yield text.number, None
                else:  # all positions change when the oldest token falls out: it is read anew
                    waiting.appendleft(text)


def _next(waiting: deque[_Text], num_free: int) -> list[_Text]:
    """Take the texts that are read next: as many as there are rows for, and not too long together."""
    taken: list[_Text] = []
    num_tokens = 0
    while waiting and len(taken) < num_free:
        num_tokens += len(waiting[0].ids)
        if taken and num_tokens > PROMPT_TOKENS_AT_ONCE:
            break
        taken.append(waiting.popleft())
    return taken


def _choose(logits_BV: Tensor, texts: list[_Text], sampling: _Sampling) -> list[int]:
    return choose_tokens(
        logits_BV, [(text.number, text.num_new) for text in texts], temperature=sampling.temperature, seed=sampling.seed
    )


def choose_tokens(
    logits_BV: Tensor, places: Sequence[tuple[int, int]], *, temperature: float, seed: int = 0
) -> list[int]:
    """Return a token a row, each drawn from (`seed`, its place): the number of its prompt, and that of the token."""
    if temperature == 0.0:
        return logits_BV.argmax(-1).tolist()
    probs_BV = F.softmax(logits_BV.double() / temperature, -1)
    draws = [derive_seed(seed, "sample", *place) / 2**63 for place in places]
    draw_B1 = torch.tensor(draws, dtype=torch.float64, device=logits_BV.device)[:, None]
    cumulative_BV = probs_BV.cumsum(-1)
    # The sum may be a little off 1. The first entry above the draw is never one without probability.
    places_B1 = torch.searchsorted(cumulative_BV, draw_B1 * cumulative_BV[:, -1:], right=True)
    return places_B1[:, 0].clamp_(max=logits_BV.shape[1] - 1).tolist()
