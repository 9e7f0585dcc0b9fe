"""Answers of a real LLaMA of 135M parameters to prompts of GSM8K, as transformers generates them one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lrscope.config import NumericsConfig
from lrscope.data.prompts import read_prompts
from lrscope.training.answers import answers_to
from lrscope.training.exported import load_exported

NUM_TOKENS = 16


@pytest.mark.shared
@pytest.mark.slow
def test_many_answers_at_once_are_what_transformers_generates(shared: Path, smollm2: Path) -> None:
    asked = read_prompts(shared / "data" / "sft" / "gsm8k-test.jsonl")[:4]
    model = load_exported(smollm2, NumericsConfig(device="cpu", precision="float32", threads=1))
    ours = answers_to(model, asked, NUM_TOKENS)
    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    network = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    for turns, answer in zip(asked, ours, strict=True):
        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
        written = network.generate(ids, max_new_tokens=NUM_TOKENS, do_sample=False)
        assert answer == tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
        assert len(answer) > NUM_TOKENS
