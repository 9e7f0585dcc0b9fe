"""`lrscope export` of adapters: as PEFT loads them, or merged into their base as transformers loads it."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import peft
import pytest
import torch
import transformers
from peft import AutoPeftModelForCausalLM, PeftModel
from tests.conftest import Cli, Toy
from tests.sft import SHAPE, SftToy, llama_folder, other_folder
from tests.training.test_trial import assert_same, stopped_at, straight
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from lrscope.models.checkpoint_writer import read_weights

LORA = {"train_part": "lora", "lora_rank": 4, "lora_alpha": 16.0, "peak_rate": 3e-2}
IDS = torch.randint(3, 320, (2, 12), generator=torch.Generator().manual_seed(0))


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits.float()  # type: ignore[no-any-return]


def loaded_by(line: str) -> torch.nn.Module:
    """Return what the printed line of Python loads."""
    assert line.count("\n") == 0
    model: torch.nn.Module = eval(line, {**vars(transformers), **vars(peft)})
    return model


def run_of(toy: SftToy, folder: Path, model: Path, **changes: object) -> Path:
    straight(dataclasses.replace(toy, model=model).config(**LORA, **changes), folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    made = {
        "float32": llama_folder(folder / "float32"),
        "bfloat16": llama_folder(folder / "bfloat16", dtype=torch.bfloat16),
        "untied": llama_folder(folder / "untied", dataclasses.replace(SHAPE, tied=False)),
        "sharded": llama_folder(folder / "whole", dataclasses.replace(SHAPE, tied=False)),
        "qwen3": other_folder(folder / "qwen3", "qwen3"),
        "gemma3": other_folder(folder / "gemma3", "gemma3"),
    }
    network = AutoModelForCausalLM.from_pretrained(made["sharded"])
    network.save_pretrained(folder / "sharded", max_shard_size="20KB")
    for path in made["sharded"].glob("*token*"):
        shutil.copy(path, folder / "sharded" / path.name)
    shutil.copy(made["sharded"] / "chat_template.jinja", folder / "sharded")
    assert (folder / "sharded" / "model.safetensors.index.json").is_file()
    return {**made, "sharded": folder / "sharded"}


@pytest.mark.parametrize("name", ["float32", "untied", "sharded", "qwen3", "gemma3"])
def test_what_is_merged_is_what_peft_loads(
    name: str, models: dict[str, Path], sft_toy: SftToy, tmp_path: Path, cli: Cli
) -> None:
    run = run_of(sft_toy, tmp_path / "run", models[name])
    code, out, error = cli("export", run, "--out", tmp_path / "adapters")
    assert code == 0, error
    adapted = loaded_by(out.splitlines()[1])
    assert isinstance(adapted, PeftModel)
    code, out, error = cli("export", run, "--out", tmp_path / "model", "--merge")
    assert code == 0, error
    assert "in float32 as its base" in out.splitlines()[0]
    merged = loaded_by(out.splitlines()[1])
    assert torch.allclose(logits(merged), logits(adapted), atol=2e-5)
    base = logits(AutoModelForCausalLM.from_pretrained(models[name]))
    assert (base - logits(merged)).abs().max() > 0.05
    unloaded = adapted.merge_and_unload().state_dict()
    for key, value in merged.state_dict().items():
        assert torch.allclose(value, unloaded[key], atol=1e-5), key
    automatic = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapters")
    assert torch.allclose(logits(automatic), logits(merged), atol=2e-5)
    for folder in ("adapters", "model"):
        tokenizer = AutoTokenizer.from_pretrained(tmp_path / folder)
        text = tokenizer.apply_chat_template([{"role": "user", "content": "the fox"}], tokenize=False)
        assert "<|im_start|>user\nthe fox" in text
    assert not (tmp_path / "adapters" / "model.safetensors").exists()
    assert not (tmp_path / "model" / "adapter_config.json").exists()


def test_a_sum_is_rounded_once_to_the_precision_of_the_base(
    models: dict[str, Path], sft_toy: SftToy, tmp_path: Path, cli: Cli
) -> None:
    run = run_of(sft_toy, tmp_path / "run", models["bfloat16"])
    code, out, error = cli("export", run, "--out", tmp_path / "model", "--merge")
    assert code == 0, error
    assert "in bfloat16 as its base" in out
    assert json.loads((tmp_path / "model" / "config.json").read_text())["dtype"] == "bfloat16"
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert merged.dtype == torch.bfloat16
    exact = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(models["bfloat16"], dtype=torch.float32), run / "trials/0001/best"
    ).merge_and_unload()
    for key, value in exact.state_dict().items():
        # A sum that lies at a rounding edge may fall to either side.
        off = (merged.state_dict()[key].float() - value).abs() / value.abs().clamp(min=1e-6)
        assert off.max() <= 2**-8 * 1.001, key


@pytest.mark.parametrize("targets", ["q_proj+v_proj", "layers.1.mlp.up_proj", "layers.0.self_attn.q_proj+down_proj"])
def test_targets_by_name_load_with_peft(targets: str, sft_toy: SftToy, tmp_path: Path, chat_llama: Path) -> None:
    run = run_of(sft_toy, tmp_path / "run", chat_llama, epochs=1, lora_targets=targets, lora_scaling="sqrt-rank")
    stored = read_weights(run / "trials/0001/best")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(chat_llama), run / "trials/0001/best")
    theirs = {n.replace(".default", ""): p for n, p in model.named_parameters() if "lora_" in n}
    assert set(theirs) == set(stored)
    assert all(torch.equal(value, theirs[name]) for name, value in stored.items())


def test_a_classifier_is_merged_with_its_head(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    straight(toy.config(**LORA), tmp_path / "run")
    code, out, error = cli("export", tmp_path / "run", "--out", tmp_path / "adapters")
    assert code == 0, error
    assert "num_labels=3" in out
    adapted = loaded_by(out.splitlines()[1])
    code, out, error = cli("export", tmp_path / "run", "--out", tmp_path / "model", "--merge")
    assert code == 0, error
    merged = loaded_by(out.splitlines()[1])
    assert merged.config.id2label == {0: "bad", 1: "mixed", 2: "good"}
    for ids in IDS % 300:
        batch = {"input_ids": ids[None]}
        with torch.no_grad():
            assert torch.allclose(merged.eval()(**batch).logits, adapted.eval()(**batch).logits, atol=1e-5)
    printed = [
        cli("evaluate", "--run", folder, "--data", toy.dev, "--json")
        for folder in (tmp_path / "run", tmp_path / "model")
    ]
    measured = [json.loads(out)["metrics"] for _, out, _ in printed]
    assert measured[0]["loss"] == pytest.approx(measured[1]["loss"], abs=1e-5)
    assert measured[0]["accuracy"] == measured[1]["accuracy"]


def test_a_classifier_of_another_architecture_is_merged(tmp_path: Path, toy: Toy, cli: Cli) -> None:
    straight(toy.config(**LORA, implementation="transformers"), tmp_path / "run")
    for flags, name in ((["--merge"], "model"), ([], "adapters")):
        assert cli("export", tmp_path / "run", "--out", tmp_path / name, *flags)[0] == 0
    base = AutoModelForSequenceClassification.from_pretrained(toy.model, num_labels=3)
    adapted = PeftModel.from_pretrained(base, tmp_path / "adapters").eval()
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    for ids in IDS % 300:
        with torch.no_grad():
            assert torch.allclose(merged(input_ids=ids[None]).logits, adapted(input_ids=ids[None]).logits, atol=1e-5)


def test_what_has_no_adapters_is_not_merged(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    straight(sft_toy.config(epochs=1), tmp_path / "run")
    code, _, error = cli("export", tmp_path / "run", "--out", tmp_path / "model", "--merge")
    assert (code, error.count("\n")) == (2, 1)
    assert "--merge is for adapters: got trial 1, trained with --train-part full; leave it out" in error
    assert not (tmp_path / "model").exists()
    code, out, error = cli("export", tmp_path / "run", "--out", tmp_path / "model")
    assert code == 0, error
    assert loaded_by(out.splitlines()[1]).dtype == torch.float32


def test_a_base_that_is_gone_or_another_is_said(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    base = llama_folder(tmp_path / "base")
    run = run_of(sft_toy, tmp_path / "run", base, epochs=1)
    base.rename(tmp_path / "moved")
    for command in (
        ["export", run, "--out", tmp_path / "model", "--merge"],
        ["evaluate", "--run", run, "--data", sft_toy.dev],
    ):
        code, _, error = cli(*command)
        assert (code, error.count("\n")) == (2, 1)
        assert f"adapters need the base that they were trained on: got nothing at {base}; name where it" in error
        assert error.endswith("with --model\n")
    llama_folder(base, seed=1)
    code, _, error = cli("export", run, "--out", tmp_path / "model", "--merge")
    assert (code, error.count("\n")) == (2, 1)
    assert f"got other weights in {base}; name where it lies with --model" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "data", "moved", "run"]


def test_a_base_that_has_moved_is_named(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    base = llama_folder(tmp_path / "base")
    run = run_of(sft_toy, tmp_path / "run", base, epochs=1)
    of_run = ("evaluate", "--run", run, "--checkpoint", "last", "--json", "--data")
    before = cli(*of_run, sft_toy.dev)[1]
    answered = ("generate", "--run", run, "--prompt", "Say what", "--max-new-tokens", 5)
    answer = cli(*answered)[1]
    moved = tmp_path / "elsewhere" / "base"
    moved.parent.mkdir()
    base.rename(moved)
    model = ("--model", moved)
    assert cli(*of_run, sft_toy.dev, *model)[:2] == (0, before)
    assert cli(*answered, *model)[:2] == (0, answer)
    code, out, error = cli("predict", "--run", run, "--input", sft_toy.dev, "--max-new-tokens", 3, *model)
    assert (code, len(out.splitlines())) == (0, 17), error
    code, out, error = cli("export", run, "--out", tmp_path / "merged", "--merge", *model)
    assert code == 0, error
    merged = loaded_by(out.splitlines()[1])
    code, out, error = cli("export", run, "--out", tmp_path / "adapters", *model)
    assert code == 0, error
    assert torch.allclose(logits(loaded_by(out.splitlines()[1])), logits(merged), atol=1e-5)
    described = json.loads((tmp_path / "adapters" / "adapter_config.json").read_text(encoding="utf-8"))
    assert described["base_model_name_or_path"] == str(moved)
    # Adapters outside of a study name their base themselves, and take another name for it.
    moved.rename(base)
    code, _, error = cli("evaluate", "--run", tmp_path / "adapters", "--data", sft_toy.dev)
    assert (code, error.splitlines()[-1].startswith("lrscope: ")) == (2, True)
    assert f"name where it lies with --run {tmp_path / 'adapters'} and --model" in error
    assert cli("evaluate", "--run", tmp_path / "adapters", "--data", sft_toy.dev, "--model", base)[0] == 0
    other = llama_folder(tmp_path / "other", seed=1)
    for out_folder in ("--merge", "--json"):
        code, _, error = cli("export", run, "--out", tmp_path / "more", "--model", other, out_folder)
        assert (code, error.count("\n")) == (2, 1)
        assert f"got other weights in {other}" in error
    assert not (tmp_path / "more").exists()


def test_a_whole_model_has_no_base(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    straight(sft_toy.config(epochs=1), tmp_path / "run")
    model = ("--model", sft_toy.model)
    for command in (
        ["export", tmp_path / "run", "--out", tmp_path / "model"],
        ["evaluate", "--run", tmp_path / "run", "--data", sft_toy.dev],
        ["evaluate", "--run", sft_toy.model, "--data", sft_toy.dev],
        ["generate", "--run", tmp_path / "run", "--prompt", "Say"],
    ):
        code, _, error = cli(*command, *model)
        assert (code, error.count("\n")) == (2, 1)
        assert "--model names the base of adapters: got a whole model in" in error
        assert "leave it out" in error
    assert not (tmp_path / "model").exists()


def test_a_folder_of_adapters_is_no_model(sft_toy: SftToy, tmp_path: Path, chat_llama: Path, cli: Cli) -> None:
    run = run_of(sft_toy, tmp_path / "run", chat_llama, epochs=1)
    toy = dataclasses.replace(sft_toy, model=run / "best")
    code, _, error = cli("finetune", *toy.options("--out", str(tmp_path / "other")))
    assert (code, error.count("\n")) == (2, 1)
    assert f"a model is more than adapters: got {run / 'best'}; name their base, {chat_llama}, or merge them" in error


def test_a_run_whose_base_is_gone_goes_on_where_it_lies_again(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    base = llama_folder(tmp_path / "base")
    config = dataclasses.replace(sft_toy, model=base).config(**LORA)
    straight(config, tmp_path / "one")
    stopped_at(config, tmp_path / "run", 7, "stop")
    base.rename(tmp_path / "moved")
    code, _, error = cli("finetune", "--resume", tmp_path / "run")
    assert (code, error.count("\n")) == (2, 1)
    assert f"no such model: {base}" in error
    llama_folder(base, seed=1)
    code, _, error = cli("finetune", "--resume", tmp_path / "run")
    assert (code, error.count("\n")) == (2, 1)
    assert "weights changed since" in error
    shutil.rmtree(base)
    (tmp_path / "moved").rename(base)
    assert cli("finetune", "--resume", tmp_path / "run")[0] == 0
    assert_same(tmp_path / "one", tmp_path / "run")


def test_adapters_of_a_base_in_a_single_file(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    """PEFT cannot load such a base; merged it is a folder that transformers loads."""
    from lrscope.models.checkpoints import read_checkpoint
    from lrscope.models.minllama import write_minllama

    checkpoint = read_checkpoint(toy.model)
    assert checkpoint.shape is not None
    tensors = {**checkpoint.tensors, "score.weight": torch.randn(3, checkpoint.shape.dim) * 0.02}
    write_minllama(tmp_path / "base.pt", checkpoint.shape, tensors, {})
    shutil.copy(toy.model / "tokenizer.json", tmp_path)
    straight(dataclasses.replace(toy, model=tmp_path / "base.pt").config(**LORA), tmp_path / "run")
    code, out, error = cli("export", tmp_path / "run", "--out", tmp_path / "adapters")
    assert code == 0, error
    assert "is no folder that transformers loads; export with --merge" in out.splitlines()[1]
    code, out, error = cli("export", tmp_path / "run", "--out", tmp_path / "model", "--merge")
    assert code == 0, error
    assert loaded_by(out.splitlines()[1]).config.num_labels == 3
    printed = [
        cli("evaluate", "--run", folder, "--data", toy.dev, "--json")
        for folder in (tmp_path / "run", tmp_path / "model")
    ]
    losses = [json.loads(out)["metrics"]["loss"] for _, out, _ in printed]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
