"""Language models in training held against transformers', native and through transformers itself."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tests.models.test_llama import BASE, SHAPES, reference
from tests.models.test_lora import LENGTHS, batch, their_loss
from transformers import LlamaForCausalLM

from lrscope.errors import CheckpointError
from lrscope.models.language_model import LlamaLearner, build_learner
from lrscope.models.language_model_transformers import TransformersLearner
from lrscope.models.shape import LlamaShape
from lrscope.models.trainable import TrainableModel


def native(shape: LlamaShape, theirs: LlamaForCausalLM, dtype: torch.dtype = torch.float32) -> LlamaLearner:
    learner = build_learner(shape, theirs.state_dict(), dtype)
    learner.set_trainable("full")
    return learner


def through_transformers(shape: LlamaShape, theirs: LlamaForCausalLM) -> TransformersLearner:
    learner = TransformersLearner(theirs, torch.float32, has_adapters=False)
    learner.set_trainable("full")
    return learner


LEARNERS = {"native": native, "transformers": through_transformers}


@pytest.mark.parametrize("name", SHAPES)
def test_loss_and_gradients_equal_transformers(name: str) -> None:
    shape, theirs, inputs = SHAPES[name], reference(SHAPES[name]), batch(SHAPES[name])
    learner = native(shape, theirs)
    losses, expected = learner(*inputs), their_loss(theirs, *inputs)
    assert torch.allclose(losses.total, expected, atol=1e-4)
    losses.total.backward()
    expected.backward()  # type: ignore[no-untyped-call]
    wanted = dict(theirs.named_parameters())
    for key, parameter in learner.named_parameters():
        gradient = wanted[key].grad
        assert parameter.grad is not None
        assert gradient is not None
        assert torch.allclose(parameter.grad, gradient, atol=1e-4, rtol=1e-4), key


@pytest.mark.parametrize("kind", LEARNERS)
def test_an_example_does_not_see_what_stands_beside_it(kind: str) -> None:
    learner: TrainableModel = LEARNERS[kind](BASE, reference(BASE)).eval()
    ids_BT, lengths_B, learned_BT = batch(BASE)
    with torch.no_grad():
        together = learner(ids_BT, lengths_B, learned_BT)
        for row, length in enumerate(LENGTHS):
            part = slice(row, row + 1)
            alone = learner(ids_BT[part, :length], lengths_B[part], learned_BT[part, :length])
            assert torch.allclose(alone.loss_B, together.loss_B[part], atol=1e-5)
            assert alone.right_B.equal(together.right_B[part])
            assert alone.count_B.tolist() == [learned_BT[row].sum()] == together.count_B[part].tolist()
        others = ids_BT.clone()
        others[1:] = (others[1:] + 7) % BASE.vocab_size
        assert torch.allclose(learner(others, lengths_B, learned_BT).loss_B[0], together.loss_B[0], atol=1e-5)


def test_native_and_transformers_measure_alike() -> None:
    inputs = batch(BASE)
    ours, theirs = (make(BASE, reference(BASE))(*inputs) for make in LEARNERS.values())
    for name in ("total", "loss_B", "count_B", "right_B"):
        assert torch.allclose(getattr(ours, name), getattr(theirs, name), atol=1e-4), name
    assert torch.allclose(ours.total, ours.loss_B.sum())


def test_one_example_of_two_tokens() -> None:
    theirs = reference(BASE)
    ids, length, learned = torch.tensor([[4, 9]]), torch.tensor([2]), torch.tensor([[False, True]])
    losses = native(BASE, theirs)(ids, length, learned)
    expected = -theirs(ids).logits[0, 0].log_softmax(-1)[9]
    assert torch.allclose(losses.total, expected, atol=1e-5)
    losses.total.backward()


def test_gradient_checkpointing_changes_no_bit() -> None:
    inputs, gradients = batch(BASE), []
    for on in (False, True):
        learner = native(BASE, reference(BASE))
        learner.set_gradient_checkpointing(on)
        learner(*inputs).total.backward()
        gradients.append({name: parameter.grad for name, parameter in learner.named_parameters()})
    assert all(torch.equal(value, gradients[1][name]) for name, value in gradients[0].items())


def test_bfloat16_keeps_float32_masters() -> None:
    theirs, inputs = reference(BASE), batch(BASE)
    learner = native(BASE, theirs, torch.bfloat16)
    losses = learner(*inputs)
    assert torch.allclose(losses.total, their_loss(theirs, *inputs), rtol=0.02)
    losses.total.backward()
    assert {p.dtype for p in learner.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in learner.parameters() if p.grad is not None} == {torch.float32}


@pytest.mark.parametrize("tied", [True, False])
def test_tensors_come_back_as_they_went(tied: bool) -> None:
    shape = dataclasses.replace(BASE, tied=tied)
    first, second = (native(shape, reference(shape)) for _ in range(2))
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.1)
    tensors = first.to_tensors()
    assert ("lm_head.weight" in tensors) is not tied
    second.load_tensors({name: tensor.clone() for name, tensor in tensors.items()})
    inputs = batch(shape)
    assert torch.equal(first(*inputs).total, second(*inputs).total)
    assert (second.lm_head.weight is second.model.embed_tokens.weight) is tied


def test_a_trained_copy_leaves_its_source_alone() -> None:
    source = {name: tensor.clone() for name, tensor in reference(BASE).state_dict().items()}
    learner = build_learner(BASE, source, torch.float32)
    learner.set_trainable("full")
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.zero_()
    assert all(tensor.any() for tensor in source.values())


def test_a_classifier_is_no_language_model() -> None:
    shape = dataclasses.replace(BASE, tied=False)
    tensors = {name: tensor for name, tensor in reference(shape).state_dict().items() if name != "lm_head.weight"}
    with pytest.raises(CheckpointError, match=r"needs lm_head\.weight, which these weights lack; name the lang"):
        build_learner(shape, tensors, torch.float32)
