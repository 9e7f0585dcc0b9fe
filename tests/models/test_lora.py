"""Native adapters held against PEFT's: logits, gradients, training, files."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from peft.optimizers import create_loraplus_optimizer
from tests.models.test_llama import BASE, SHAPES, reference
from transformers import LlamaForCausalLM

from lrscope.config import TrialConfig
from lrscope.errors import CheckpointError, ConfigError
from lrscope.models.language_model import LlamaLearner, build_learner
from lrscope.models.lora import LoraSettings, adapter_tensors, adapters_of, load_adapter_tensors
from lrscope.models.lora_dropout import LoraDropout, kept_entries
from lrscope.models.packing import Packing
from lrscope.models.shape import LlamaShape
from lrscope.randomness import StepRows, derive_seed
from lrscope.training.loop import steps
from lrscope.training.optimizer import build_optimizer

LENGTHS = [9, 4, 7, 2, 11]
SETTINGS = {
    "all-linear": LoraSettings(rank=4, alpha=8.0),
    "rank 1": LoraSettings(rank=1, alpha=3.0),
    "two by name": LoraSettings(rank=4, alpha=8.0, targets=("q_proj", "v_proj")),
    "one layer's": LoraSettings(rank=4, alpha=8.0, targets=("layers.1.mlp.up_proj", "k_proj")),
    "rsLoRA": LoraSettings(rank=4, alpha=8.0, root=True),
}


def learner_with(shape: LlamaShape, settings: LoraSettings, theirs: LlamaForCausalLM) -> LlamaLearner:
    """Return a native model with adapters whose B is not zero."""
    learner = build_learner(shape, theirs.state_dict(), torch.float32, copies=False)
    learner.add_adapters(settings, seed=3)
    learner.set_trainable("lora")
    generator = torch.Generator().manual_seed(1)
    for _, module in adapters_of(learner):
        module.lora_B.data.normal_(0.0, 0.05, generator=generator)
    return learner


def peft_of(theirs: LlamaForCausalLM, settings: LoraSettings, learner: LlamaLearner) -> PeftModel:
    """Return PEFT's model with the native one's adapters."""
    targets: Any = "all-linear" if settings.targets == ("all-linear",) else list(settings.targets)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=settings.rank, lora_alpha=settings.alpha, target_modules=targets,
        lora_dropout=settings.dropout, use_rslora=settings.root,
    )  # fmt: skip
    model = get_peft_model(theirs, config)
    loaded = set_peft_model_state_dict(model, adapter_tensors(learner))
    assert loaded.unexpected_keys == []
    assert not [name for name in loaded.missing_keys if "lora_" in name]
    return model


def batch(shape: LlamaShape, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    lengths_B = torch.tensor(LENGTHS)
    ids_BT = torch.randint(3, shape.vocab_size, (len(LENGTHS), max(LENGTHS)), generator=generator)
    places_T = torch.arange(max(LENGTHS))
    learned_BT = (places_T < lengths_B[:, None]) & (places_T >= (lengths_B // 2)[:, None])
    return ids_BT, lengths_B, learned_BT


def their_loss(model: Any, ids_BT: torch.Tensor, lengths_B: torch.Tensor, learned_BT: torch.Tensor) -> torch.Tensor:
    """Return the summed loss as transformers counts it, an example at a time without padding."""
    total = torch.zeros(())
    for ids_T, length, learned_T in zip(ids_BT, lengths_B, learned_BT, strict=True):
        logits = model(ids_T[None, :length]).logits[0, :-1]
        labels = torch.where(learned_T[:length], ids_T[:length], -100)[1:]
        total = total + F.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    return total


def their_gradients(model: PeftModel) -> dict[str, torch.Tensor]:
    return {
        name.replace(".default", ""): parameter.grad
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }  # fmt: skip


def our_gradients(learner: LlamaLearner) -> dict[str, torch.Tensor]:
    return {
        f"base_model.model.{name}.lora_{which}.weight": getattr(module, f"lora_{which}").grad
        for name, module in adapters_of(learner)
        for which in "AB"
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_loss_and_gradients_equal_pefts(name: str) -> None:
    settings, theirs = SETTINGS[name], reference(BASE)
    learner = learner_with(BASE, settings, theirs)
    model = peft_of(theirs, settings, learner)
    inputs = batch(BASE)
    losses = learner(*inputs)
    expected = their_loss(model, *inputs)
    assert torch.allclose(losses.total, expected, atol=1e-4)
    assert (losses.total - their_loss(reference(BASE), *inputs)).abs() > 0.05, "adapters that do nothing show nothing"
    losses.total.backward()
    expected.backward()  # type: ignore[no-untyped-call]
    ours, wanted = our_gradients(learner), their_gradients(model)
    assert set(ours) == set(wanted)
    for key, gradient in ours.items():
        assert torch.allclose(gradient, wanted[key], atol=1e-5, rtol=1e-4), key


@pytest.mark.parametrize("name", SHAPES)
def test_logits_equal_pefts(name: str) -> None:
    shape, settings = SHAPES[name], SETTINGS["all-linear"]
    theirs = reference(shape)
    learner = learner_with(shape, settings, theirs).eval()
    model = peft_of(theirs, settings, learner)
    ids = torch.randint(0, shape.vocab_size, (3, 11))
    with torch.no_grad():
        ours = learner.model(ids) @ learner.lm_head.weight.t()
        assert torch.allclose(ours, model(ids).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("ratio", [1.0, 8.0])
@pytest.mark.parametrize("name", ["all-linear", "rsLoRA"])
def test_ten_steps_of_training_equal_pefts(name: str, ratio: float) -> None:
    settings, theirs = SETTINGS[name], reference(BASE)
    learner = learner_with(BASE, settings, theirs)
    model = peft_of(theirs, settings, learner).train()
    config = TrialConfig(peak_rate=1e-2 / ratio**0.5, train_part="lora", weight_decay=0.1, lora_plus_ratio=ratio)
    batches = [batch(BASE, seed % 2) for seed in range(10)]
    ours = [
        record.loss
        for record in steps(
            learner, build_optimizer(learner, config), ([each] for each in batches),
            lambda model, inputs: (model(*inputs).total, float(inputs[2].sum())), lambda _: config.peak_rate,
        )
    ]  # fmt: skip
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=config.peak_rate, loraplus_lr_ratio=ratio, loraplus_weight_decay=0.1
    )
    losses = []
    for inputs in batches:
        loss = their_loss(model, *inputs) / inputs[2].sum()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert ours == pytest.approx(losses, abs=1e-4)
    assert ours[-1] < ours[1] - 0.1
    for key, value in adapter_tensors(learner).items():
        other = dict(model.named_parameters())[key.replace(".weight", ".default.weight")]
        assert (value - other).norm() < 1e-3 * other.norm(), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_models_of_a_base_share_its_weights_and_leave_them_alone(dtype: torch.dtype) -> None:
    base = {n: tensor.to(dtype) for n, tensor in reference(BASE).state_dict().items() if n != "lm_head.weight"}
    kept = {name: tensor.clone() for name, tensor in base.items()}
    learners = [build_learner(BASE, base, dtype, copies=False) for _ in range(2)]
    config, inputs = TrialConfig(peak_rate=1e-2, train_part="lora", weight_decay=0.1), batch(BASE)
    for learner in learners:
        learner.add_adapters(LoraSettings(rank=4, alpha=8.0), seed=0)
        learner.set_trainable("lora")
        learner.set_gradient_checkpointing(True)
        course = steps(
            learner, build_optimizer(learner, config), ([inputs] for _ in range(3)),
            lambda model, batch: (model(*batch).total, 20.0), lambda _: 1e-2,
        )  # fmt: skip
        losses = [record.loss for record in course]
        assert losses[-1] < losses[0]
    for name, tensor in base.items():
        assert torch.equal(tensor, kept[name]), name
        for learner in learners:
            own = dict(learner.named_parameters(remove_duplicate=False))[name]
            assert own.ndim == 1 or own.data_ptr() == tensor.data_ptr(), name
    dtypes = {(p.requires_grad, p.dtype) for p in learners[0].parameters() if p.ndim > 1}
    assert dtypes == {(True, torch.float32), (False, dtype)}


def test_bfloat16_is_near_float32() -> None:
    settings, theirs = SETTINGS["all-linear"], reference(BASE)
    learner = learner_with(BASE, settings, theirs)
    exact = learner(*batch(BASE))
    exact.total.backward()
    wanted = our_gradients(learner)
    rounded = learner_with(BASE, settings, theirs)
    rounded.compute_dtype = torch.bfloat16
    losses = rounded(*batch(BASE))
    assert torch.allclose(losses.total, exact.total, rtol=0.01)
    losses.total.backward()
    for key, gradient in our_gradients(rounded).items():
        assert gradient.dtype == torch.float32
        assert (gradient - wanted[key]).norm() < 0.05 * wanted[key].norm(), key


# Dropout


class Kept(torch.nn.Module):
    """Dropout with a given mask."""

    def __init__(self, kept: torch.Tensor, share: float) -> None:
        super().__init__()
        self.kept, self.share = kept, share

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.kept / (1.0 - self.share)


ROWS = StepRows(seed=5, first_row=0, num_rows=len(LENGTHS))


def test_dropout_equals_pefts_of_the_same_draws() -> None:
    settings, theirs = LoraSettings(rank=4, alpha=8.0, dropout=0.4), reference(BASE)
    learner = learner_with(BASE, settings, theirs)
    model = peft_of(theirs, settings, learner).train()
    ids_BT, lengths_B, learned_BT = (each[2:3] for each in batch(BASE))
    rows = StepRows(seed=5, first_row=3, num_rows=9)
    losses = learner(ids_BT, lengths_B, learned_BT, rows)
    length, inner = int(lengths_B[0]), model.base_model.model
    for name, module in adapters_of(learner):
        seed = derive_seed(rows.seed, "adapter", module.number, rows.first_row)
        kept = kept_entries(seed, length, module.in_features, 0.4)
        inner.get_submodule(name).lora_dropout["default"] = Kept(kept, 0.4)
    expected = their_loss(model, ids_BT, lengths_B, learned_BT)
    assert torch.allclose(losses.total, expected, atol=1e-4)
    losses.total.backward()
    expected.backward()  # type: ignore[no-untyped-call]
    ours, wanted = our_gradients(learner), their_gradients(model)
    for key, gradient in ours.items():
        assert torch.allclose(gradient, wanted[key], atol=1e-5, rtol=1e-4), key


def gradients_in_parts(learner: LlamaLearner, size: int) -> tuple[float, dict[str, torch.Tensor]]:
    ids_BT, lengths_B, learned_BT = batch(BASE)
    learner.zero_grad()
    total = 0.0
    for first in range(0, len(LENGTHS), size):
        part = slice(first, first + size)
        losses = learner(ids_BT[part], lengths_B[part], learned_BT[part], ROWS._replace(first_row=first))
        losses.total.backward()
        total += losses.total.item()
    return total, {name: gradient.clone() for name, gradient in our_gradients(learner).items()}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_dropout_does_not_depend_on_the_micro_batch(size: int) -> None:
    learner = learner_with(BASE, LoraSettings(rank=4, alpha=8.0, dropout=0.4), reference(BASE))
    total, whole = gradients_in_parts(learner, len(LENGTHS))
    again, parts = gradients_in_parts(learner, size)
    assert again == pytest.approx(total, abs=1e-4)
    for key, gradient in whole.items():
        assert torch.allclose(gradient, parts[key], atol=1e-5, rtol=1e-4), key


def test_dropout_is_of_training_alone() -> None:
    inputs = batch(BASE)
    learner = learner_with(BASE, LoraSettings(rank=4, alpha=8.0, dropout=0.4), reference(BASE))
    plain = learner_with(BASE, LoraSettings(rank=4, alpha=8.0), reference(BASE))
    expected = plain(*inputs).total
    assert not torch.allclose(learner(*inputs, ROWS).total, expected)
    assert torch.equal(learner(*inputs).total, expected), "without rows"
    assert torch.equal(learner.eval()(*inputs, ROWS).total, expected), "in evaluation"
    steps_ = [learner.train()(*inputs, ROWS._replace(seed=seed)).total.item() for seed in range(2)]
    assert steps_[0] != steps_[1]


def test_the_share_that_is_dropped() -> None:
    dropout = LoraDropout(0.3)
    packing = Packing(torch.tensor([300, 200]), BASE, torch.float32)
    dropout.begin(ROWS, packing, torch.arange(4))
    kept = dropout.kept(0, torch.zeros(packing.num_rows, 40))
    assert kept is not None
    assert kept[: packing.num_tokens].float().mean() == pytest.approx(0.7, abs=0.01)
    other = dropout.kept(1, torch.zeros(packing.num_rows, 40))
    assert (kept == other)[: packing.num_tokens].float().mean() == pytest.approx(0.7**2 + 0.3**2, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 1e-9, 0.05, 0.5, 0.999999])
def test_entries_are_kept_independently(share: float) -> None:
    kept = kept_entries(7, 301, 203, share).float()
    assert kept.mean() == pytest.approx(1.0 - share, abs=0.004)
    for other in (kept_entries(8, 301, 203, share), kept.roll(1, 0), kept.roll(1, 1), kept.roll(4, 1)):
        assert (kept * other).mean() == pytest.approx((1.0 - share) ** 2, abs=0.006)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradient_checkpointing_changes_no_bit(dropout: float) -> None:
    learner = learner_with(BASE, LoraSettings(rank=4, alpha=8.0, dropout=dropout), reference(BASE))
    total, kept = gradients_in_parts(learner, 3)
    learner.set_gradient_checkpointing(True)
    again, recomputed = gradients_in_parts(learner, 3)
    assert total == again
    assert all(torch.equal(gradient, recomputed[key]) for key, gradient in kept.items())


# Initial values, targets, files


def fresh(settings: LoraSettings, seed: int = 0) -> dict[str, torch.Tensor]:
    learner = build_learner(BASE, reference(BASE).state_dict(), torch.float32, copies=False)
    learner.add_adapters(settings, seed)
    return adapter_tensors(learner)


def test_untrained_adapters_change_nothing() -> None:
    inputs, theirs = batch(BASE), reference(BASE)
    learner = build_learner(BASE, theirs.state_dict(), torch.float32, copies=False)
    before = learner(*inputs)
    learner.add_adapters(LoraSettings(rank=4, alpha=8.0), 0)
    assert torch.equal(learner(*inputs).total, before.total)


def test_initial_values_follow_from_seed_and_name_alone() -> None:
    whole, again, other = (fresh(LoraSettings(rank=4, alpha=8.0), seed) for seed in (0, 0, 1))
    assert all(torch.equal(value, again[name]) for name, value in whole.items())
    assert not any(torch.equal(value, other[name]) for name, value in whole.items() if ".lora_A." in name)
    few = fresh(LoraSettings(rank=4, alpha=8.0, targets=("v_proj",)))
    assert len(few) == 2 * BASE.num_layers
    assert all(torch.equal(value, whole[name]) for name, value in few.items())
    small = fresh(LoraSettings(rank=3, alpha=8.0))
    assert all(torch.equal(value, whole[name][:3]) for name, value in small.items() if ".lora_A." in name)


def test_initial_values_are_distributed_as_pefts() -> None:
    ours = torch.cat([v.flatten() for n, v in fresh(LoraSettings(rank=8, alpha=8.0)).items() if "up_proj.lora_A" in n])
    model = get_peft_model(reference(BASE), LoraConfig(r=8, target_modules=["up_proj"], task_type="CAUSAL_LM"))
    theirs = torch.cat([p.detach().flatten() for n, p in model.named_parameters() if "lora_A" in n])
    assert ours.shape == theirs.shape
    bound = BASE.dim**-0.5
    for values in (ours, theirs):
        assert values.abs().max() <= bound
        assert values.std() == pytest.approx(bound / 3**0.5, rel=0.06)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (LoraSettings(rank=2, alpha=1.0, targets=("q_prj",)), "got q_prj, which matches nothing; near are q_proj"),
        (LoraSettings(rank=2, alpha=1.0, targets=("q_proj", "query")), "got query, which matches nothing; near are"),
        (LoraSettings(rank=2, alpha=1.0, targets=("layers.7.q_proj",)), "near are q_proj"),
        (LoraSettings(rank=33, alpha=1.0), "at most 32: got 33; lower it"),
    ],
)
def test_targets_and_ranks_that_cannot_be(settings: LoraSettings, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        fresh(settings)


def test_adapters_of_another_base_are_refused() -> None:
    learner = build_learner(BASE, reference(BASE).state_dict(), torch.float32, copies=False)
    learner.add_adapters(LoraSettings(rank=4, alpha=8.0), 0)
    tensors = adapter_tensors(learner)
    load_adapter_tensors(learner, tensors)
    with pytest.raises(CheckpointError, match=r"an adapter must fit its base: .* is \(4, 32\): got one of \(3, 32\)"):
        load_adapter_tensors(learner, fresh(LoraSettings(rank=3, alpha=8.0)))
    with pytest.raises(CheckpointError, match="got none; name the base"):
        load_adapter_tensors(learner, fresh(LoraSettings(rank=4, alpha=8.0, targets=("k_proj",))))


@pytest.mark.parametrize("name", SETTINGS)
def test_merged_weights_equal_pefts(name: str) -> None:
    settings, theirs = SETTINGS[name], reference(BASE)
    learner = learner_with(BASE, settings, theirs)
    ours = {f"{name}.weight": module.merged() for name, module in adapters_of(learner)}
    merged = peft_of(theirs, settings, learner).merge_and_unload().state_dict()
    for key, value in ours.items():
        assert torch.allclose(value, merged[key], atol=1e-6), key
