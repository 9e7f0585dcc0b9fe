"""Adapters on a real LLaMA of 135M parameters, held against PEFT: read where it lies, skipped where it does not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from peft import AutoPeftModelForCausalLM, PeftModel
from tests.conftest import Cli, Toy
from tests.sft import SftToy, toy_conversations, write_rows
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from lrscope.models.checkpoint_writer import read_weights
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.language_model import build_learner
from lrscope.models.lora import LoraSettings

pytestmark = [pytest.mark.shared, pytest.mark.slow]
FOLDER = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()


@pytest.fixture
def smollm2() -> Path:
    if not (FOLDER / "model.safetensors").is_file():
        pytest.skip("SmolLM2-135M-Instruct is not there")
    return FOLDER


def test_what_is_saved_and_merged_is_what_peft_loads(smollm2: Path, tmp_path: Path, cli: Cli) -> None:
    data = write_rows(tmp_path / "train.jsonl", toy_conversations(16, 1))
    options = [
        "--task",
        "sft",
        "--model",
        smollm2,
        "--train",
        data,
        "--dev",
        "25%",
        "--lr",
        "1e-3",
        "--batch-size",
        "4",
    ]
    more = ["--train-part", "lora", "--lora-rank", "8", "--precision", "bfloat16", "--out", tmp_path / "run"]
    code, _, error = cli("finetune", *options, *more)
    assert code == 0, error
    ids = AutoTokenizer.from_pretrained(tmp_path / "run/best").apply_chat_template(
        [{"role": "user", "content": "Say the fox"}, {"role": "assistant", "content": "fox is the fox ### 2"}],
        return_tensors="pt",
    )["input_ids"]
    base = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, tmp_path / "run/best").eval()
    checkpoint = read_checkpoint(smollm2)
    assert checkpoint.shape is not None
    floats = {name: tensor.float() for name, tensor in checkpoint.tensors.items()}
    learner = build_learner(checkpoint.shape, floats, torch.float32, copies=False)
    learner.add_adapters(LoraSettings(rank=8, alpha=32.0), 0)
    learner.load_tensors(read_weights(tmp_path / "run/best"))
    with torch.no_grad():
        theirs = adapted(input_ids=ids).logits
        ours = learner.eval().model(ids) @ learner.lm_head.weight.t()
        assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
        with adapted.disable_adapter():
            assert (theirs - adapted(input_ids=ids).logits).abs().max() > 0.5
        automatic = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "run/best", dtype=torch.float32).eval()
        assert torch.allclose(automatic(input_ids=ids).logits, theirs, atol=1e-4)
    code, out, error = cli("export", tmp_path / "run", "--out", tmp_path / "model", "--merge")
    assert code == 0, error
    assert "in bfloat16 as its base" in out
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    assert merged.dtype == torch.bfloat16
    with torch.no_grad():
        rounded = merged.float()(input_ids=ids).logits
        assert (rounded - theirs).abs().mean() < 0.04 * theirs.abs().mean()  # of 8 bits


def test_a_classifier_with_adapters(smollm2: Path, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    for path, number in ((toy.train, 16), (toy.dev, 10)):  # of 135M parameters, few are enough
        path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:number]), encoding="utf-8")
    options = ["--model", smollm2, "--train", toy.train, "--dev", toy.dev, "--lr", "1e-3", "--epochs", "1"]
    code, _, error = cli("finetune", *options, "--train-part", "lora", "--batch-size", "8", "--out", tmp_path / "run")
    assert code == 0, error
    code, out, error = cli("evaluate", "--run", tmp_path / "run", "--data", toy.dev, "--json")
    assert code == 0, error
    base = AutoModelForSequenceClassification.from_pretrained(smollm2, num_labels=3, dtype=torch.float32)
    base.config.pad_token_id = 0
    adapted = PeftModel.from_pretrained(base, tmp_path / "run/best").eval()
    tokenizer, right = AutoTokenizer.from_pretrained(tmp_path / "run/best"), 0
    lines = toy.dev.read_text(encoding="utf-8").splitlines()
    with torch.no_grad():
        for line in lines:
            label, _, text = line.partition(" ||| ")
            right += int(adapted(**tokenizer(text, return_tensors="pt")).logits.argmax()) == int(label)
    assert json.loads(out)["metrics"]["accuracy"] == pytest.approx(right / len(lines), abs=1.01 / len(lines))


def test_the_same_data_through_transformers(smollm2: Path, sft_toy: SftToy) -> None:
    """Losses before training: natively in bfloat16, and by transformers in float32."""
    from lrscope.training.evaluation import outputs_of
    from lrscope.training.study_inputs import load_inputs

    write_rows(sft_toy.dev, toy_conversations(6, 2))
    losses = []
    for implementation, precision in (("native", "bfloat16"), ("transformers", "float32")):
        config = SftToy(sft_toy.train, sft_toy.dev, sft_toy.test, smollm2).config(
            train_part="lora", implementation=implementation, precision=precision
        )
        inputs = load_inputs(config)
        dev = inputs.encoded["dev"]
        outputs = outputs_of(inputs.build_model(config.trial), inputs, dev)
        losses.append(inputs.task.score(outputs, dev).metrics["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.01)
