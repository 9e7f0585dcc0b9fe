"""Early stopping, zero-shot scores: decisions made in one place each."""

import math

import numpy as np
import pytest
import torch
from tests.conftest import TINY, random_weights, tiny_tokenizer

from lrscope.models.generation import build_language_model
from lrscope.records import Metric
from lrscope.training.early_stopping import should_stop
from lrscope.training.prompting import label_scores, review_prompt
from lrscope.training.text_generation import LanguageModel

ACCURACY, LOSS = Metric("accuracy", "maximize"), Metric("loss", "minimize")


@pytest.mark.parametrize(
    ("metric", "history", "best", "stops"),
    [
        (ACCURACY, [], None, False),
        (ACCURACY, [0.3], 0, False),
        (ACCURACY, [0.3, 0.3, 0.3], 0, True),  # a tie is no improvement
        (ACCURACY, [0.3, 0.2, 0.4], 2, False),
        (LOSS, [1.0, 1.1, 1.2], 0, True),
        (LOSS, [1.0, math.nan, 0.9], 2, False),
        (LOSS, [math.nan, math.nan], None, True),
    ],
)
def test_early_stopping(metric: Metric, history: list[float], best: int | None, stops: bool) -> None:
    assert metric.best_index(history) == best
    assert should_stop(metric, history, 2) == stops
    assert not should_stop(metric, history, None)


@torch.inference_mode()
def test_zero_shot_scores_are_the_log_probability_of_the_whole_name() -> None:
    tokenizer = tiny_tokenizer()
    model = build_language_model(TINY, random_weights(TINY))
    names, sentences = ["bad", "a film", "good"], ["the film", "a"]
    scores = label_scores(LanguageModel(model, tokenizer), sentences, names, batch_size=2, max_tokens=None)
    limit = TINY.max_positions
    for row, sentence in enumerate(sentences):
        for column, name in enumerate(names):
            prompt = tokenizer.encode([review_prompt(sentence, names)], eos=False)[0]
            label = tokenizer.encode([name], eos=False)[0][1:]
            longest = max(len(ids) - 1 for ids in tokenizer.encode(names, eos=False))
            keep = limit - longest
            prompt = prompt if len(prompt) <= keep else [prompt[0], *prompt[len(prompt) - keep + 1 :]]
            log_probs = model(torch.tensor([prompt + label]))[0].log_softmax(-1)
            expected = sum(float(log_probs[len(prompt) - 1 + i, token]) for i, token in enumerate(label))
            assert scores[row, column] == pytest.approx(expected, abs=1e-4)


def test_a_batch_does_not_change_zero_shot_scores() -> None:
    language_model = LanguageModel(build_language_model(TINY, random_weights(TINY)), tiny_tokenizer())
    sentences, names = ["a", "the film is good", "bad"], ["bad", "good"]
    one, all_ = (label_scores(language_model, sentences, names, batch_size=n, max_tokens=None) for n in (1, 3))
    assert np.allclose(one, all_, atol=1e-5)
