"""Generation with a key/value cache held against transformers' `generate`, and against reading everything anew."""

import dataclasses
import math
from collections.abc import Sequence

import pytest
import torch
from tests.models.test_llama import BASE, SHAPES, reference

from lrscope.errors import ConfigError
from lrscope.models import generation
from lrscope.models.generation import LlamaLanguageModel, build_language_model, generate, stream
from lrscope.models.language_model import build_learner
from lrscope.models.lora import LoraSettings, adapters_of

PROMPTS = [[1, 7, 3], [5], [9, 9, 2, 4, 11, 30, 8, 2], [4, 3], [1, 7, 3, 8, 8, 20, 31, 40, 2, 7, 7, 12], [49, 48]]


@pytest.fixture
def model() -> LlamaLanguageModel:
    return build_language_model(BASE, reference(BASE).state_dict())


def without_cache(model: LlamaLanguageModel, prompt: Sequence[int], num_new: int) -> list[int]:
    """The most likely tokens, all that went before read anew for each, the oldest left out beyond the context."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(num_new):
            ids.append(int(model(torch.tensor([ids[-model.model.shape.max_positions :]]))[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("name", SHAPES)
def test_a_batch_generates_what_transformers_generates(name: str) -> None:
    shape = SHAPES[name]
    theirs = reference(shape)
    model = build_language_model(shape, theirs.state_dict())
    expected = [
        theirs.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0)
        for prompt in PROMPTS
    ]
    assert generate(model, PROMPTS, max_new_tokens=20) == [
        ids[0, len(prompt) :].tolist() for ids, prompt in zip(expected, PROMPTS, strict=True)
    ]


@pytest.mark.parametrize("at_once", [1, 2, 4])
def test_sequences_that_wait_their_turn_come_out_the_same(
    model: LlamaLanguageModel, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = generate(model, PROMPTS, max_new_tokens=9, temperature=1.0, seed=3)
    monkeypatch.setattr(generation, "SEQUENCES_AT_ONCE", at_once)
    monkeypatch.setattr(generation, "PROMPT_TOKENS_AT_ONCE", 10)
    assert generate(model, PROMPTS, max_new_tokens=9, temperature=1.0, seed=3) == expected


def test_a_small_cache_holds_fewer_sequences_at_a_time(
    model: LlamaLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = generate(model, PROMPTS, max_new_tokens=9)
    monkeypatch.setattr(generation, "CACHE_BYTES", 1)
    assert generate(model, PROMPTS, max_new_tokens=9) == expected


def test_past_the_context_the_oldest_tokens_fall_out() -> None:
    shape = dataclasses.replace(BASE, max_positions=12)
    model = build_language_model(shape, reference(shape).state_dict())
    prompts = [*PROMPTS, list(range(1, 31))]
    expected = [without_cache(model, prompt, 20) for prompt in prompts]
    assert generate(model, prompts, max_new_tokens=20) == expected
    assert list(stream(model, prompts[-1], max_new_tokens=20)) == expected[-1]


@pytest.mark.parametrize("cache_bytes", [2**30, 2**19])
def test_texts_of_very_different_lengths(cache_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "CACHE_BYTES", cache_bytes)
    shape = dataclasses.replace(BASE, max_positions=400)
    model = build_language_model(shape, reference(shape).state_dict())
    draw = torch.Generator().manual_seed(0)
    prompts = [torch.randint(0, 50, (length,), generator=draw).tolist() for length in (3, 350, 70, 1, 200, 64)]
    assert generate(model, prompts, max_new_tokens=40) == [without_cache(model, prompt, 40) for prompt in prompts]


def test_a_sequence_stops_alone(model: LlamaLanguageModel) -> None:
    free = generate(model, PROMPTS, max_new_tokens=12, temperature=1.0)
    stops = frozenset({free[0][4], free[2][0], free[5][8]})

    def cut(ids: list[int]) -> list[int]:
        return ids[: next((place for place, token in enumerate(ids) if token in stops), len(ids))]

    got = generate(model, PROMPTS, max_new_tokens=12, temperature=1.0, stop_ids=stops)
    assert got == [cut(ids) for ids in free]
    assert got[2] == []
    assert max(map(len, got)) == 12


def test_samples_follow_the_seed_and_the_prompts_place_not_its_company(model: LlamaLanguageModel) -> None:
    together = generate(model, PROMPTS, max_new_tokens=10, temperature=1.0, seed=5)
    assert generate(model, PROMPTS[:2], max_new_tokens=10, temperature=1.0, seed=5) == together[:2]
    assert list(stream(model, PROMPTS[0], max_new_tokens=10, temperature=1.0, seed=5)) == together[0]
    assert generate(model, PROMPTS, max_new_tokens=10, temperature=1.0, seed=6) != together
    twins = generate(model, [PROMPTS[0]] * 2, max_new_tokens=10, temperature=1.0, seed=5)
    assert twins[0] == together[0] != twins[1]


def test_a_low_temperature_takes_the_most_likely_token(model: LlamaLanguageModel) -> None:
    greedy = generate(model, PROMPTS, max_new_tokens=10)
    for seed in (0, 1):
        assert generate(model, PROMPTS, max_new_tokens=10, temperature=1e-5, seed=seed) == greedy


def test_samples_have_the_models_probabilities(model: LlamaLanguageModel) -> None:
    num, temperature = 4000, 0.5
    with torch.no_grad():
        probs = (model(torch.tensor([PROMPTS[0]]))[0, -1].double() / temperature).softmax(-1)
    drawn = generate(model, [PROMPTS[0]] * num, max_new_tokens=1, temperature=temperature)
    counts = torch.bincount(torch.tensor(drawn)[:, 0], minlength=BASE.vocab_size).double()
    frequent = probs * num > 5
    chi_squared = ((counts - num * probs)[frequent].square() / (num * probs)[frequent]).sum()
    freedom = int(frequent.sum()) - 1
    assert freedom > 3
    assert chi_squared < freedom + 4 * math.sqrt(2 * freedom)


def test_bfloat16_weights_generate_nearly_what_float32_ones_do() -> None:
    weights = {name: tensor.bfloat16() for name, tensor in reference(BASE).state_dict().items()}
    half = build_language_model(BASE, weights, torch.bfloat16)
    assert {parameter.dtype for parameter in half.parameters() if parameter.ndim > 1} == {torch.bfloat16}
    got = generate(half, PROMPTS, max_new_tokens=10)
    for prompt, new in zip(PROMPTS, got, strict=True):
        with torch.no_grad():
            logits_TV = build_language_model(BASE, weights)(torch.tensor([prompt + new]))[0, len(prompt) - 1 : -1]
        # What was chosen is as likely as what is most likely, but for rounding.
        lost = logits_TV.max(-1).values - logits_TV[range(len(new)), new]
        assert lost.max() < 0.1


@pytest.mark.parametrize("targets", [("all-linear",), ("q_proj", "down_proj")])
def test_a_model_with_adapters_generates_what_its_merged_weights_do(targets: tuple[str, ...]) -> None:
    learner = build_learner(BASE, reference(BASE).state_dict(), torch.float32)
    learner.add_adapters(LoraSettings(rank=4, alpha=8.0, dropout=0.5, targets=targets), 0)
    learner.eval()
    before = generate(learner, PROMPTS, max_new_tokens=8)
    torch.manual_seed(1)
    weights = learner.state_dict()
    for name, adapted in adapters_of(learner):
        torch.nn.init.normal_(adapted.lora_B, std=0.1)
        weights[f"{name}.weight"] = adapted.merged()
    after = generate(learner, PROMPTS, max_new_tokens=8)
    plain = {name: tensor for name, tensor in weights.items() if "lora_" not in name}
    merged = build_language_model(BASE, plain)
    assert after != before
    assert after == generate(merged, PROMPTS, max_new_tokens=8)


def test_dropout_has_no_place_in_generation() -> None:
    learner = build_learner(BASE, reference(BASE).state_dict(), torch.float32)
    with pytest.raises(AssertionError, match="eval"):
        generate(learner, PROMPTS, max_new_tokens=8)


def test_nothing_to_generate(model: LlamaLanguageModel) -> None:
    assert generate(model, [], max_new_tokens=5) == []
    assert generate(model, PROMPTS[:2], max_new_tokens=0) == [[], []]
    with pytest.raises(ConfigError, match="at least one token"):
        generate(model, [[1], []], max_new_tokens=5)
