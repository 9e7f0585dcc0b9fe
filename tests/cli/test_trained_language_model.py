"""`generate --run` and `predict` of language models: as transformers and PEFT generate from the same files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import Cli, Toy
from tests.sft import SftToy, other_folder, sft_toy_in
from transformers import AutoModelForCausalLM, AutoTokenizer

from lrscope.workflows.finetune import finetune

PROMPT = "Say what is the quick fox"
LORA: dict[str, Any] = {"train_part": "lora", "lora_rank": 4, "lora_alpha": 16.0}
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def last(run: Path) -> Path:
    return run / "trials" / "0001" / "last"


def expected(network: Any, folder: Path, prompt: str, num: int) -> str:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    ids = asked["input_ids"]
    with torch.no_grad():
        written = network.generate(ids, max_new_tokens=num, do_sample=False, eos_token_id=[0, 2], pad_token_id=0)
    return str(tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True))


def generated(cli: Cli, *arguments: object) -> str:
    code, out, err = cli("generate", *arguments, "--prompt", PROMPT, "--max-new-tokens", 12)
    assert code == 0, err
    return out.removesuffix("\n")


def test_a_full_fine_tune_answers_as_transformers_does(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    finetune(sft_toy.config(), tmp_path / "run")
    answer = expected(AutoModelForCausalLM.from_pretrained(last(tmp_path / "run")), last(tmp_path / "run"), PROMPT, 12)
    assert answer
    run = ("--run", tmp_path / "run", "--checkpoint", "last")
    assert generated(cli, *run) == answer
    assert generated(cli, *run, "--chat") == answer
    assert generated(cli, "--run", last(tmp_path / "run"), "--threads", 1) == answer
    assert generated(cli, "--model", last(tmp_path / "run"), "--chat", "--precision", "float32") == answer
    assert generated(cli, *run, "--no-chat").startswith(PROMPT)
    assert generated(cli, *run, "--system", "Be brief.") != ""


@pytest.mark.parametrize("implementation", ["native", "transformers"])
def test_adapters_answer_as_peft_does(sft_toy: SftToy, tmp_path: Path, cli: Cli, implementation: str) -> None:
    from peft import PeftModel

    finetune(sft_toy.config(**LORA, implementation=implementation), tmp_path / "run")
    base = AutoModelForCausalLM.from_pretrained(sft_toy.model)
    untrained = expected(base, sft_toy.model, PROMPT, 12)
    answer = expected(PeftModel.from_pretrained(base, last(tmp_path / "run")), last(tmp_path / "run"), PROMPT, 12)
    assert answer != untrained
    run = ("--run", tmp_path / "run", "--checkpoint", "last")
    assert generated(cli, *run) == answer
    adapters = shutil.copytree(last(tmp_path / "run"), tmp_path / "adapters")
    assert generated(cli, "--run", adapters) == answer
    assert generated(cli, "--model", adapters, "--chat") == answer
    one, other = (generated(cli, *run, "--temperature", 1, "--seed", 3) for _ in range(2))
    assert one == other
    assert one != answer


def test_a_model_that_transformers_runs_answers(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    toy = replace(sft_toy, model=other_folder(tmp_path / "qwen3", "qwen3"))
    finetune(toy.config(**LORA, epochs=1), tmp_path / "run")
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(toy.model)
    answer = expected(PeftModel.from_pretrained(base, last(tmp_path / "run")), last(tmp_path / "run"), PROMPT, 12)
    assert generated(cli, "--run", tmp_path / "run", "--checkpoint", "last") == answer


def test_prompts_of_a_file_are_answered(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    finetune(sft_toy.config(**LORA), tmp_path / "run")
    run = ("--run", tmp_path / "run", "--checkpoint", "last")
    prompts, answers = tmp_path / "prompts.txt", tmp_path / "answers.jsonl"
    prompts.write_text(f"{PROMPT}\nSay fox\n", encoding="utf-8")
    code, out, err = cli("predict", *run, "--input", prompts, "--output", answers, "--max-new-tokens", 12)
    assert (code, out) == (0, "")
    assert f"2 answers are in {answers}" in err
    rows = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert [row["prompt"] for row in rows] == [PROMPT, "Say fox"]
    assert rows[0]["answer"] == generated(cli, *run)
    code, out, _ = cli("predict", *run, "--input", sft_toy.dev, "--json", "--max-new-tokens", 12)
    told = json.loads(out)
    assert (code, len(told["answers"]), told["step"]) == (0, 17, 18)
    code, out, _ = cli("predict", *run, "--input", sft_toy.dev, "--max-new-tokens", 12)
    assert [json.loads(line) for line in out.splitlines()] == told["answers"]


def refused(cli: Cli, *arguments: object) -> str:
    code, _, err = cli(*arguments)
    assert (code, len(err.splitlines())) == (2, 1), err
    return err


def test_what_cannot_be_is_refused_in_one_line(chat_llama: Path, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    sft_toy = sft_toy_in(tmp_path / "conversations", chat_llama)
    finetune(sft_toy.config(epochs=1), tmp_path / "run")
    run = ("generate", "--run", tmp_path / "run", "--prompt", "Say")
    assert "--model names the base of adapters" in refused(cli, *run, "--model", sft_toy.model)
    assert "--run brings its tokenizer" in refused(cli, *run, "--chat-template", "chatml")
    assert "brings its own --device, --precision and --threads: got another" in refused(cli, *run, "--threads", 2)
    assert "--system is for conversations" in refused(cli, *run, "--no-chat", "--system", "Be brief.")
    assert "has no trial 7" in refused(cli, *run, "--trial", 7)
    assert "holds no study" in refused(cli, "generate", "--run", tmp_path / "nowhere", "--prompt", "Say")
    assert "needs --model or --run" in refused(cli, "generate", "--prompt", "Say")
    finetune(toy.config(epochs=1), tmp_path / "classes")
    classes = ("--run", tmp_path / "classes")
    assert "got one of task classification; use predict" in refused(cli, "generate", *classes, "--prompt", "Say")
    assert "--max-new-tokens is for language models" in refused(
        cli, "predict", *classes, "--input", toy.test, "--max-new-tokens", 3
    )
    plain = shutil.copytree(sft_toy.model, tmp_path / "plain")
    (plain / "chat_template.jinja").unlink()
    assert "--chat needs a chat template" in refused(cli, "generate", "--run", plain, "--chat", "--prompt", "Say")


def test_a_model_of_plain_texts_goes_on_with_the_prompt(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("Say what is the quick fox is what it is\n" * 30, encoding="utf-8")
    config = sft_toy.config()
    finetune(replace(config, data=replace(config.data, train=str(texts), dev=str(texts), test=None)), tmp_path / "run")
    assert generated(cli, "--run", tmp_path / "run") == f"{PROMPT} is what it is"


def test_a_fine_tune_tells_what_its_answers_came_to(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    measured = ("--generate-metric", "exact_match", "--answer-after", "###", "--answer-tokens", "20")
    code, out, err = cli("finetune", *sft_toy.options(*measured), "--out", tmp_path / "run")
    kept = tmp_path / "run" / "trials" / "0001" / "answers.jsonl"
    rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    share = sum(row["right"] for row in rows) / len(rows)
    assert code == 0, err
    assert f"dev exact match {share:.4f} of what was generated at the end: it is in {kept}" in out + err
    lines = [line for line in err.splitlines() if "dev log-loss" in line or line.startswith("dev exact match")]
    assert [line.startswith("epoch 1/1") for line in lines[:2]] == [True, False], "an epoch is told once"
    options = sft_toy.options("--answer-after", "###", "--out", str(tmp_path / "other"))
    assert "--answer-after belongs to --generate-metric exact_match: got none" in refused(cli, "finetune", *options)
    classification = [word for word in options if word not in ("--task", "sft")]
    assert "--answer-after belongs to" in refused(cli, "finetune", *classification)
