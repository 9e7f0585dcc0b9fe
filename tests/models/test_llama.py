"""The native LLaMA held against transformers', and the properties that the rest of lrscope relies on."""

import dataclasses

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lrscope.models import llama
from lrscope.models.generation import build_language_model
from lrscope.models.llama import Backbone
from lrscope.models.rope import LinearScaling, Llama3Scaling
from lrscope.models.shape import LlamaShape

BASE = LlamaShape(
    vocab_size=50, dim=32, num_layers=3, num_heads=4, num_kv_heads=4, head_dim=8, hidden_dim=48,
    max_positions=64, norm_eps=1e-5, rope_theta=10000.0, tied=True,
)  # fmt: skip
SHAPES = {
    "tied": BASE,
    "untied": dataclasses.replace(BASE, tied=False),
    "grouped queries": dataclasses.replace(BASE, num_kv_heads=2),
    "one key head": dataclasses.replace(BASE, num_kv_heads=1),
    "wide heads": dataclasses.replace(BASE, head_dim=16),
    "other theta and eps": dataclasses.replace(BASE, rope_theta=500.0, norm_eps=1e-3),
    "one layer": dataclasses.replace(BASE, num_layers=1),
    "linear rope": dataclasses.replace(BASE, rope_scaling=LinearScaling(factor=4.0)),
    "llama3 rope": dataclasses.replace(
        BASE, rope_theta=500.0, head_dim=16,
        rope_scaling=Llama3Scaling(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_positions=8),
    ),
}  # fmt: skip


def reference(shape: LlamaShape) -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocab_size, hidden_size=shape.dim, intermediate_size=shape.hidden_dim,
        num_hidden_layers=shape.num_layers, num_attention_heads=shape.num_heads,
        num_key_value_heads=shape.num_kv_heads, head_dim=shape.head_dim, rms_norm_eps=shape.norm_eps,
        rope_parameters=shape.to_config()["rope_parameters"],
        max_position_embeddings=shape.max_positions, tie_word_embeddings=shape.tied, initializer_range=0.1,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    for name, parameter in model.named_parameters():
        if "norm" in name:  # ones would hide a norm weight that is not applied
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
    return model


@pytest.fixture(params=SHAPES, ids=list(SHAPES))
def pair(request: pytest.FixtureRequest) -> tuple[llama.Backbone, LlamaForCausalLM, LlamaShape]:
    shape = SHAPES[request.param]
    theirs = reference(shape)
    backbone = Backbone(shape)
    backbone.load_state_dict(theirs.model.state_dict())
    return backbone, theirs, shape


def test_hidden_states_equal_transformers(pair: tuple[Backbone, LlamaForCausalLM, LlamaShape]) -> None:
    backbone, theirs, shape = pair
    ids = torch.randint(0, shape.vocab_size, (3, 11))
    with torch.no_grad():
        expected = theirs.model(ids).last_hidden_state
        assert torch.allclose(backbone(ids), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["linear rope", "llama3 rope"])
def test_scaled_positions_equal_transformers_far_beyond_the_original_context(name: str) -> None:
    shape = dataclasses.replace(SHAPES[name], max_positions=400)
    theirs = reference(shape)
    model = build_language_model(shape, theirs.state_dict())
    ids = torch.randint(0, shape.vocab_size, (2, 400))
    with torch.no_grad():
        got, expected = model(ids), theirs(ids).logits
    assert torch.allclose(got, expected, atol=1e-5, rtol=0)
    unscaled = build_language_model(dataclasses.replace(shape, rope_scaling=None), theirs.state_dict())
    with torch.no_grad():
        assert (unscaled(ids) - expected).abs().max() > 0.1


def test_gradients_equal_transformers(pair: tuple[Backbone, LlamaForCausalLM, LlamaShape]) -> None:
    backbone, theirs, shape = pair
    ids = torch.randint(0, shape.vocab_size, (3, 9))
    lengths = torch.tensor([9, 4, 1])
    rows = torch.arange(3)
    backbone.forward_last(ids, lengths).square().sum().backward()
    theirs.model(ids).last_hidden_state[rows, lengths - 1].square().sum().backward()
    for name, parameter in theirs.model.named_parameters():
        got = backbone.get_parameter(name).grad
        scale = parameter.grad.abs().max()
        assert torch.allclose(got, parameter.grad, atol=1e-4 * scale, rtol=0), name


def test_the_last_position_alone_equals_all_positions(pair: tuple[Backbone, LlamaForCausalLM, LlamaShape]) -> None:
    backbone, _, shape = pair
    ids, lengths = torch.randint(0, shape.vocab_size, (4, 7)), torch.tensor([7, 1, 3, 6])
    with torch.no_grad():
        everywhere = backbone(ids)[torch.arange(4), lengths - 1]
        assert torch.allclose(backbone.forward_last(ids, lengths), everywhere, atol=1e-5, rtol=0)


def test_sentences_do_not_see_one_another(pair: tuple[Backbone, LlamaForCausalLM, LlamaShape]) -> None:
    backbone, _, shape = pair
    lengths = torch.tensor([11, 2, 7, 1, 10, 2])
    ids = torch.randint(0, shape.vocab_size, (6, 11))
    with torch.no_grad():
        together = backbone.forward_last(ids, lengths)
        alone = [backbone.forward_last(ids[[row], : lengths[row]], lengths[[row]])[0] for row in range(6)]
    assert torch.allclose(together, torch.stack(alone), atol=1e-5, rtol=0)


def test_gradient_checkpointing_changes_nothing(pair: tuple[Backbone, LlamaForCausalLM, LlamaShape]) -> None:
    backbone, _, shape = pair
    ids = torch.randint(0, shape.vocab_size, (2, 6))
    grads = []
    for on in (False, True):
        backbone.gradient_checkpointing = on
        backbone.zero_grad()
        backbone(ids).square().sum().backward()
        grads.append([p.grad.clone() for p in backbone.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
