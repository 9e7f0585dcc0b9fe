"""Text generation and scoring with the native LLaMA: short continuations, without a key/value cache.

Letters: B batch, T positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lrscope.models.llama import Backbone
from lrscope.models.shape import LlamaShape


class LlamaLanguageModel(nn.Module):
    """The backbone and its vocabulary projection, which is the embedding itself where the two are tied."""

    def __init__(self, shape: LlamaShape) -> None:
        super().__init__()
        self.model = Backbone(shape)
        self.lm_head = nn.Linear(shape.dim, shape.vocab_size, bias=False)
        if shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Return float32 logits (B, T, V) of the token after each position."""
        return self.lm_head(self.model(ids_BT))  # type: ignore[no-any-return]

    def next_token_logits(self, ids_BT: Tensor, lengths_B: Tensor) -> Tensor:
        """Return logits (B, V) of the token after each sentence's last real one."""
        return self.lm_head(self.model.forward_last(ids_BT, lengths_B))  # type: ignore[no-any-return]


def build_language_model(shape: LlamaShape, tensors: Mapping[str, Tensor]) -> LlamaLanguageModel:
    """Assemble a language model in float32 from tensors in transformers' naming."""
    with torch.device("meta"):
        language_model = LlamaLanguageModel(shape)
    chosen = {name: tensor.float() for name, tensor in tensors.items() if name.startswith(("model.", "lm_head."))}
    if shape.tied:
        chosen["lm_head.weight"] = chosen["model.embed_tokens.weight"]
    language_model.load_state_dict(chosen, assign=True)
    if shape.tied:
        language_model.lm_head.weight = language_model.model.embed_tokens.weight
    return language_model.eval()


@torch.inference_mode()
def generate(
    model: LlamaLanguageModel,
    prompt_ids: Sequence[int],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int = 0,
    stop_ids: frozenset[int] = frozenset(),
) -> Iterator[int]:
    """Yield up to `max_new_tokens` continuation tokens, stopping before a token of `stop_ids`.

    Temperature 0 takes the most likely token; otherwise p ∝ exp(logit / temperature) over the whole vocabulary.
    When the text outgrows the context, the oldest tokens fall out.
    """
    generator = torch.Generator().manual_seed(seed)
    ids = list(prompt_ids)
    for _ in range(max_new_tokens):
        window = ids[-model.model.shape.max_positions :]
        logits_V = model.next_token_logits(torch.tensor([window]), torch.tensor([len(window)]))[0]
        if temperature == 0.0:
            token = int(logits_V.argmax())
        else:
            token = int(torch.multinomial(F.softmax(logits_V / temperature, -1), 1, generator=generator))
        if token in stop_ids:
            return
        ids.append(token)
        yield token
