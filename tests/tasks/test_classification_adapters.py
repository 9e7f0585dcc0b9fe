"""Classification with adapters: the backbone frozen but for them, the head trained in full, natively and by PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from tests.conftest import TINY, Toy, random_weights
from tests.models.test_lora import Kept
from tests.training.test_trial import assert_same, resumed, series, stopped_at, straight
from transformers import AutoModelForSequenceClassification

from lrscope.config import TrialConfig
from lrscope.models.checkpoint_writer import read_weights
from lrscope.models.classifier import LlamaClassifier, build_native
from lrscope.models.lora import Adapters, LoraSettings, adapters_of
from lrscope.models.lora_dropout import kept_entries
from lrscope.randomness import StepRows, derive_seed
from lrscope.training.inference import load_trained
from lrscope.training.optimizer import build_optimizer, set_rate

LORA: dict[str, Any] = {"train_part": "lora", "lora_rank": 4, "lora_alpha": 8.0, "lora_dropout": 0.2}
IMPLEMENTATIONS = ["native", "transformers"]
IDS, LENGTHS = torch.randint(3, 300, (5, 9), generator=torch.Generator().manual_seed(0)), torch.tensor([9, 4, 7, 2, 9])


def classifier(settings: LoraSettings, dropout: float = 0.0) -> LlamaClassifier:
    model = build_native(
        TINY, random_weights(TINY), 3, dropout=dropout, head_seed=1, dtype=torch.float32, adapters=Adapters(settings, 0)
    )
    model.set_trainable("lora")
    generator = torch.Generator().manual_seed(1)
    for _, module in adapters_of(model):
        module.lora_B.data.normal_(0.0, 0.2, generator=generator)
    return model


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_logits_and_gradients_equal_pefts(share: float, tiny_model: Path) -> None:
    """Of the same draws: the last layer has its queries, its output and its feed-forward for last tokens alone."""
    settings = LoraSettings(rank=4, alpha=8.0, dropout=share)
    model = classifier(settings)
    network = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=3, pad_token_id=0)
    theirs = get_peft_model(
        network, LoraConfig(task_type="SEQ_CLS", r=4, lora_alpha=8.0, target_modules="all-linear", lora_dropout=share)
    ).train()
    loaded = set_peft_model_state_dict(theirs, model.to_tensors())
    assert loaded.unexpected_keys == []
    rows = StepRows(seed=3, first_row=2, num_rows=9)
    logits_BC = model(IDS, LENGTHS, rows)
    weights_BC = torch.randn(5, 3, generator=torch.Generator().manual_seed(5))
    (logits_BC * weights_BC).sum().backward()
    for row, length in enumerate(LENGTHS.tolist()):
        for name, module in adapters_of(model):
            if share:
                seed = derive_seed(rows.seed, "adapter", module.number, rows.first_row + row)
                layer: Any = theirs.base_model.model.get_submodule(name)
                layer.lora_dropout["default"] = Kept(kept_entries(seed, length, module.in_features, share), share)
        logits_C = theirs(input_ids=IDS[row : row + 1, :length]).logits[0]
        assert torch.allclose(logits_BC[row], logits_C, atol=1e-5)
        (logits_C * weights_BC[row]).sum().backward()
    wanted = {n.replace(".default", ""): p.grad for n, p in theirs.named_parameters() if p.requires_grad}
    for name, module in adapters_of(model):
        for which in "AB":
            gradient = getattr(module, f"lora_{which}").grad
            assert torch.allclose(gradient, wanted[f"base_model.model.{name}.lora_{which}.weight"], atol=1e-5), name
    assert torch.allclose(model.score.weight.grad, wanted["base_model.model.score.modules_to_save.weight"], atol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 2])
def test_dropout_does_not_depend_on_the_micro_batch(size: int) -> None:
    model = classifier(LoraSettings(rank=4, alpha=8.0, dropout=0.4), dropout=0.3)
    rows = StepRows(seed=3, first_row=0, num_rows=5)
    whole = model(IDS, LENGTHS, rows)
    parts = [
        model(IDS[first : first + size], LENGTHS[first : first + size], rows._replace(first_row=first))
        for first in range(0, 5, size)
    ]
    assert torch.allclose(torch.cat(parts), whole, atol=1e-5)
    assert not torch.allclose(model(IDS, LENGTHS), whole, atol=1e-3)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_trial_learns_and_resumes_exactly(toy: Toy, tmp_path: Path, implementation: str) -> None:
    config = toy.config(**LORA, peak_rate=3e-2, epochs=8, implementation=implementation)
    straight(config, tmp_path / "one")
    losses = [row[1] for row in series(tmp_path / "one")["steps"]]
    assert np.mean(losses[-6:]) < np.mean(losses[:6]) - 0.1
    for step in (3, 6, 14):
        stopped_at(config, tmp_path / f"at-{step}", step, "stop")
        resumed(tmp_path / f"at-{step}")
        assert_same(tmp_path / "one", tmp_path / f"at-{step}")


def test_native_and_transformers_train_alike(toy: Toy, tmp_path: Path) -> None:
    trial = {**LORA, "lora_dropout": 0.0, "dropout": 0.3, "batching": "random"}
    straight(toy.config(**trial), tmp_path / "one")
    straight(toy.config(**trial, implementation="transformers"), tmp_path / "other")
    ours, theirs = ([row[1] for row in series(tmp_path / run)["steps"]] for run in ("one", "other"))
    assert np.allclose(ours, theirs, atol=2e-4)
    saved, wanted = (read_weights(tmp_path / run / "trials/0001/last") for run in ("one", "other"))
    assert set(saved) == set(wanted)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_what_is_saved_loads_with_peft(toy: Toy, tmp_path: Path, implementation: str) -> None:
    straight(toy.config(**LORA, peak_rate=1e-2, implementation=implementation), tmp_path / "run")
    folder = tmp_path / "run" / "trials" / "0001" / "best"
    trained = load_trained(tmp_path / "run")
    base = AutoModelForSequenceClassification.from_pretrained(toy.model, num_labels=3, pad_token_id=0)
    theirs = PeftModel.from_pretrained(base, folder).eval()
    with torch.no_grad():
        for row, length in enumerate(LENGTHS.tolist()):
            ids = IDS[row : row + 1, :length]
            ours = trained.network(ids, LENGTHS[row : row + 1])
            assert torch.allclose(ours, theirs(input_ids=ids).logits, atol=1e-5)
    trained.close()


def test_the_best_checkpoint_measures_what_was_stored(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(**LORA), tmp_path / "run")
    trained = load_trained(tmp_path / "run", "last")
    assert trained.store is not None
    stored = {r.step: r.metrics for r in trained.store.evaluations(1, "dev")}
    assert trained.evaluate(trained.read(toy.dev)).metrics == pytest.approx(stored[trained.step])
    trained.close()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_the_head_and_adapters_have_rates_of_their_own(toy: Toy, tmp_path: Path, implementation: str) -> None:
    from lrscope.runners import finetune

    config = toy.config(**LORA, head_multiplier=4.0, lora_plus_ratio=2.0, implementation=implementation)
    with finetune.begin(config, tmp_path / "run") as run:
        model = run.inputs.build_model(config.trial)
        optimizer = build_optimizer(model, config.trial)
        set_rate(optimizer, 1.0)
        rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
        rates = {name: rate_of[id(p)] for name, p in model.named_parameters() if p.requires_grad}
    kinds = {
        kind: {rate for name, rate in rates.items() if kind in name} for kind in ("lora_A", "lora_B", "score")
    }  # fmt: skip
    assert kinds == {"lora_A": {1.0}, "lora_B": {2.0}, "score": {4.0}}


def test_the_head_alone_can_be_warmed(toy: Toy) -> None:
    model = classifier(LoraSettings(rank=4, alpha=8.0))
    model.set_trainable("head")
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["score.weight"]
    model.set_trainable("lora")
    assert len([name for name, p in model.named_parameters() if p.requires_grad]) == 1 + 2 * 7 * TINY.num_layers


def test_the_head_and_the_first_values_are_those_of_the_seed(toy: Toy, tmp_path: Path) -> None:
    from lrscope.training.study_inputs import load_inputs

    inputs = load_inputs(toy.config())
    full, lora = (inputs.build_model(TrialConfig(peak_rate=1e-3, **part)) for part in ({}, LORA))
    assert torch.equal(full.score.weight, lora.score.weight)  # type: ignore[union-attr, arg-type]
    other = inputs.build_model(TrialConfig(peak_rate=1e-2, **{**LORA, "lora_rank": 2}))
    ours, theirs = lora.to_tensors(), other.to_tensors()
    assert all(torch.equal(value, ours[name][:2]) for name, value in theirs.items() if ".lora_A." in name)
