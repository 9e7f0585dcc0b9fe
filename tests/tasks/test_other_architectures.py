"""Language models of other architectures through transformers and PEFT, made by their configuration alone."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tests.conftest import Cli, Toy
from tests.sft import SftToy, other_folder
from tests.training.test_trial import assert_same, resumed, series, stopped_at, straight
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from lrscope.errors import CheckpointError, ConfigError
from lrscope.models.checkpoint_writer import read_weights
from lrscope.models.language_model_transformers import build_transformers_learner, causal_matrices, load_causal
from lrscope.models.lora import Adapters, LoraSettings
from lrscope.models.peft_adapters import add_peft_adapters, matrix_sizes
from lrscope.training.study_inputs import load_inputs

FAMILIES = ["qwen3", "gemma3"]
PARTS: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {"train_part": "lora", "lora_rank": 4, "lora_alpha": 16.0, "lora_dropout": 0.1, "peak_rate": 3e-2},
}


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("others")
    return {family: other_folder(folder / family, family) for family in FAMILIES}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_trial_learns_and_resumes_exactly(
    family: str, part: str, others: dict[str, Path], sft_toy: SftToy, tmp_path: Path
) -> None:
    config = dataclasses.replace(sft_toy, model=others[family]).config(**PARTS[part])
    straight(config, tmp_path / "one")
    losses = [row[1] for row in series(tmp_path / "one")["steps"]]
    assert losses[-1] < losses[0] - 0.1
    for step in (4, 11):
        stopped_at(config, tmp_path / f"at-{step}", step, "stop")
        resumed(tmp_path / f"at-{step}")
        assert_same(tmp_path / "one", tmp_path / f"at-{step}")


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_command_line_trains_and_evaluates_it(
    family: str, part: str, others: dict[str, Path], sft_toy: SftToy, tmp_path: Path, cli: Cli
) -> None:
    toy = dataclasses.replace(sft_toy, model=others[family])
    lora = ["--train-part", "lora", "--lora-rank", "4"] if part == "lora" else []
    code, out, error = cli("finetune", *toy.options(*lora, "--out", str(tmp_path / "run")))
    assert code == 0, error
    assert "model type" in out + error, "that it runs through transformers is said"
    assert "Loading weights" not in out + error
    assert "Warning" not in out + error
    (dev,) = [row[3]["loss"] for row in series(tmp_path / "run")["evaluations"] if row[2] == "dev"]
    code, out, error = cli("evaluate", "--run", tmp_path / "run", "--data", toy.dev, "--json")
    assert code == 0, error
    assert json.loads(out)["metrics"]["loss"] == pytest.approx(dev, abs=1e-6)
    folder = tmp_path / "run" / "best"
    base = AutoModelForCausalLM.from_pretrained(folder if part == "full" else others[family])
    theirs = PeftModel.from_pretrained(base, folder).eval() if part == "lora" else base.eval()
    ids = torch.tensor([[3, 9, 40, 17, 60]])
    with torch.no_grad():
        loss = theirs(input_ids=ids, labels=ids).loss
    inputs = load_inputs(toy.config(**({"train_part": "lora", "lora_rank": 4} if part == "lora" else {})))
    learner = inputs.build_model(inputs.config.trial)
    learner.load_tensors(read_weights(folder))
    measured = learner.eval()(ids, torch.tensor([5]), torch.tensor([[False, True, True, True, True]]))
    assert measured.total.item() / 4 == pytest.approx(loss.item(), abs=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_tied_weights_are_saved_once(family: str, others: dict[str, Path]) -> None:
    config = json.loads((others[family] / "config.json").read_text())
    learner = build_transformers_learner(others[family], torch.float32, None)
    learner.set_trainable("full")
    assert ("lm_head.weight" in learner.to_tensors()) is not config["tie_word_embeddings"]
    changed = {name: tensor + 0.1 for name, tensor in learner.to_tensors().items()}
    learner.load_tensors(changed)
    network = learner.network
    assert torch.equal(network.get_input_embeddings().weight, changed["model.embed_tokens.weight"])
    tied = network.get_output_embeddings().weight is network.get_input_embeddings().weight
    assert tied is config["tie_word_embeddings"]
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight is in one alone"):
        learner.load_tensors({name: tensor for name, tensor in changed.items() if name != "model.norm.weight"})


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_are_of_what_is_learned_alone(family: str, others: dict[str, Path]) -> None:
    learner = build_transformers_learner(others[family], torch.float32, None)
    seen: list[torch.Size] = []
    learner.network.lm_head.register_forward_hook(lambda _, __, logits: seen.append(logits.shape))
    ids, lengths = torch.randint(3, 300, (2, 20)), torch.tensor([20, 9])
    learned = torch.zeros(2, 20, dtype=torch.bool)
    learned[0, 17:], learned[1, 7:9] = True, True
    some = learner(ids, lengths, learned)
    learner._chooses_logits = False  # as of an architecture that cannot choose
    every = learner(ids, lengths, learned)
    assert [size[1] for size in seen] == [5, 20]
    assert torch.allclose(some.loss_B, every.loss_B, atol=1e-5)
    assert some.count_B.tolist() == [3, 2]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_example_does_not_see_what_stands_beside_it(family: str, others: dict[str, Path]) -> None:
    learner = build_transformers_learner(others[family], torch.float32, None).eval()
    ids, lengths = torch.randint(3, 300, (3, 40)), torch.tensor([40, 9, 23])
    learned = (torch.arange(40) < lengths[:, None]) & (torch.arange(40) > 3)
    with torch.no_grad():
        together = learner(ids, lengths, learned)
        for row, length in enumerate(lengths.tolist()):
            part = slice(row, row + 1)
            alone = learner(ids[part, :length], lengths[part], learned[part, :length])
            assert torch.allclose(alone.loss_B, together.loss_B[part], atol=1e-4)
            assert alone.count_B.item() == length - 4


def test_the_dtype_of_what_is_frozen_and_of_what_is_trained(others: dict[str, Path]) -> None:
    adapters = Adapters(LoraSettings(rank=4, alpha=8.0), 0)
    learner = build_transformers_learner(others["qwen3"], torch.bfloat16, adapters)
    learner.set_trainable("lora")
    kinds = {(p.requires_grad, p.dtype) for p in learner.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    batch = torch.randint(3, 300, (2, 9)), torch.tensor([9, 5]), torch.arange(9).repeat(2, 1) > 2
    batch[2][1, 5:] = False
    learner(*batch).total.backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in learner.parameters() if p.requires_grad)


def test_matrices_that_may_have_an_adapter(others: dict[str, Path]) -> None:
    sizes = causal_matrices(others["qwen3"])
    assert {name.rpartition(".")[2] for name in sizes} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    network = load_causal(others["qwen3"], torch.float32)
    assert sizes == matrix_sizes(network)
    from peft import LoraConfig, get_peft_model

    theirs = get_peft_model(network, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules="all-linear"))
    ours = add_peft_adapters(
        load_causal(others["qwen3"], torch.float32), LoraSettings(rank=2, alpha=4.0), 0, kind="CAUSAL_LM"
    )
    names = [{name for name, _ in model.named_parameters() if "lora_" in name} for model in (ours, theirs)]
    assert names[0] == names[1]


def test_targets_that_match_nothing_are_said_before_anything_is_written(
    others: dict[str, Path], sft_toy: SftToy, tmp_path: Path, cli: Cli
) -> None:
    toy = dataclasses.replace(sft_toy, model=others["qwen3"])
    for more, said in (
        (
            ("--lora-targets", "q_prj"),
            "--lora-targets must name matrices of the model: got q_prj",
        ),
        (("--lora-targets", "lm_head"), "got lm_head, which matches nothing; near are"),
        (("--lora-rank", "33"), "--lora-rank must not exceed the rank of the matrices with an adapter, at most 32"),
        (("--lora-rank", "0"), "--lora-rank must be at least 1: got 0"),
    ):
        code, _, error = cli("finetune", *toy.options("--train-part", "lora", *more, "--out", str(tmp_path / "run")))
        assert (code, said in error, error.count("\n")) == (2, True, 1), error
        assert not (tmp_path / "run").exists()
    with pytest.raises(ConfigError, match="near are q_proj"):
        load_inputs(toy.config(train_part="lora", lora_targets="q_prj"))


def test_a_rank_that_some_matrices_do_not_have_is_noted(others: dict[str, Path], sft_toy: SftToy) -> None:
    toy = dataclasses.replace(sft_toy, model=others["qwen3"])
    notes = load_inputs(toy.config(train_part="lora", lora_rank=20)).data.notes
    assert "rank 20 is more than the rank of k_proj, v_proj: a part of their adapters is of no use" in notes


def test_dropout_that_depends_on_the_micro_batch_is_noted(others: dict[str, Path], sft_toy: SftToy) -> None:
    toy = dataclasses.replace(sft_toy, model=others["qwen3"])
    said = "PEFT draws the adapters' dropout: its numbers depend on --micro-batch, so keep it the same"
    part = PARTS["lora"]
    assert said in load_inputs(toy.config(**part, micro_batch=2)).data.notes
    assert said not in load_inputs(toy.config(**part)).data.notes
    assert said not in load_inputs(toy.config(**{**part, "lora_dropout": 0.0}, micro_batch=2)).data.notes
    assert said not in load_inputs(sft_toy.config(**part, micro_batch=2)).data.notes


def change(folder: Path, **values: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "needs a causal language model"),
        ({"model_type": "no such type"}, "transformers cannot load"),
        ({"num_hidden_layers": 3, "layer_types": None}, "lacks 11 tensors of its model"),
        ({"num_hidden_layers": 1, "layer_types": None}, "that a model of its config.json does not have"),
        ({"hidden_size": 64}, "has other sizes of"),
        ({"tie_word_embeddings": False, "architectures": ["Qwen3Model"]}, r"needs lm_head\.weight"),
    ],
    ids=str,
)
def test_folders_that_are_no_language_model(
    values: dict[str, Any], said: str, tmp_path: Path, others: dict[str, Path]
) -> None:
    shutil.copytree(others["qwen3"], tmp_path / "model")
    if "tie_word_embeddings" in values:
        from safetensors.torch import save_file

        tensors = read_weights(tmp_path / "model")
        save_file({n: t for n, t in tensors.items() if n != "lm_head.weight"}, tmp_path / "model/model.safetensors")
    change(tmp_path / "model", **values)
    with pytest.raises(CheckpointError, match=said):
        load_causal(tmp_path / "model", torch.float32)


def test_a_classifier_of_another_architecture_has_adapters(
    others: dict[str, Path], toy: Toy, tmp_path: Path, cli: Cli
) -> None:
    options = dataclasses.replace(toy, model=others["qwen3"]).options("--out", str(tmp_path / "run"))
    code, _, error = cli("finetune", "--train-part", "lora", "--lora-rank", "4", *options)
    assert code == 0, error
    base = AutoModelForSequenceClassification.from_pretrained(others["qwen3"], num_labels=3, pad_token_id=0)
    theirs = PeftModel.from_pretrained(base, tmp_path / "run" / "best").eval()
    stored = read_weights(tmp_path / "run" / "best")
    assert "base_model.model.score.weight" in stored
    loaded = {n.replace(".default", "").replace("modules_to_save.", ""): p for n, p in theirs.named_parameters()}
    assert all(torch.equal(value, loaded[name]) for name, value in stored.items())
