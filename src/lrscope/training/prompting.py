"""Zero-shot classification: which label name would the language model most likely write after the sentence?

score(label | sentence) = Σᵢ log p(label tokenᵢ | prompt, label tokens before it)

Letters: B batch, T positions, L label tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from lrscope.data.batches import plan_evaluation
from lrscope.errors import ConfigError
from lrscope.models.generation import LlamaLanguageModel
from lrscope.training.text_generation import LanguageModel


def review_prompt(sentence: str, names: Sequence[str]) -> str:
    """Return the question that minLLaMA asks of a film review.

    >>> review_prompt("A treat.", ["bad", "good"])
    'A treat. Is this movie bad or good? This movie is'
    >>> review_prompt("A treat.", ["bad", "fair", "good"])
    'A treat. Is this movie bad, fair, or good? This movie is'
    """
    choice = " or ".join(names) if len(names) == 2 else ", ".join(names[:-1]) + ", or " + names[-1]
    return f"{sentence} Is this movie {choice}? This movie is"


@torch.inference_mode()
def label_scores(
    language_model: LanguageModel,
    sentences: Sequence[str],
    names: Sequence[str],
    *,
    batch_size: int,
    max_tokens: int | None,
) -> NDArray[np.float64]:
    """Return the log-probability of each label name after each sentence's prompt: shape (sentences, names).

    `max_tokens` cuts the prompt at its beginning, so that the question is never lost.
    """
    tokenizer, model = language_model.tokenizer, language_model.model
    assert isinstance(model, LlamaLanguageModel)
    labels = [ids[1:] for ids in tokenizer.encode(list(names), eos=False)]
    limit = (max_tokens or model.model.shape.max_positions) - max(map(len, labels))
    if batch_size < 1 or limit < 2:
        raise ConfigError(
            f"a prompt needs two tokens beside the longest label, in batches of 1 or more: got {limit} tokens and "
            f"batches of {batch_size}; allow more"
        )
    prompts = tokenizer.encode([review_prompt(sentence, names) for sentence in sentences], eos=False)
    prompts = [ids if len(ids) <= limit else [ids[0], *ids[len(ids) - limit + 1 :]] for ids in prompts]
    scores = np.zeros((len(prompts), len(names)))
    for rows in plan_evaluation(np.array([len(ids) for ids in prompts]), batch_size):
        for place, label in enumerate(labels):
            texts = [prompts[row] + label for row in rows]
            width = max(map(len, texts))
            ids_BT = torch.tensor([ids + [tokenizer.pad_id] * (width - len(ids)) for ids in texts])
            states_BTD = model.model(ids_BT, model.compute_dtype)
            # Position i predicts token i + 1, so the label's tokens are predicted from one place earlier on.
            first_B1 = torch.tensor([[len(prompts[row]) - 1] for row in rows])
            places_BL = first_B1 + torch.arange(len(label))
            logits_BLV = model.logits(states_BTD[torch.arange(len(rows))[:, None], places_BL])
            log_probs_BLV = F.log_softmax(logits_BLV, -1)
            scores[rows, place] = log_probs_BLV[:, torch.arange(len(label)), torch.tensor(label)].sum(-1).double()
    return scores
