"""A trained language model on other examples: of a run, merged with its base, and as adapters beside it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.conftest import Cli
from tests.sft import SftToy

from lrscope.config import SftConfig, SweepConfig
from lrscope.errors import CheckpointError, ConfigError, StudyError
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.models.checkpoints import read_checkpoint
from lrscope.models.tokenizers import read_tokenizer
from lrscope.store.study import StudyStore
from lrscope.studies.sealed_test import open_test
from lrscope.workflows.finetune import finetune
from lrscope.workflows.sweep import sweep
from lrscope.workflows.trained_model import evaluate, predict

LORA: dict[str, Any] = {"train_part": "lora", "lora_rank": 4, "lora_alpha": 8.0, "lora_scaling": "sqrt-rank"}


def stored(folder: Path, step: int | None = None, trial: int = 1) -> dict[str, float]:
    with StudyStore.open(folder) as store:
        dev = store.evaluations(trial, "dev")
        return dict((dev[-1] if step is None else next(r for r in dev if r.step == step)).metrics)


def adapter_of(run: Path, folder: Path) -> Path:
    shutil.copytree(run / "trials" / "0001" / "last", folder)
    return folder


def test_evaluating_dev_gives_what_was_measured_in_training(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    """Whatever was cut and whatever is learned, as the study has it."""
    config = sft_toy.config(**LORA)
    config = replace(config, data=replace(config.data, max_tokens=40), sft=SftConfig(loss_on="all"))
    finetune(config, tmp_path / "run")
    assert evaluate(tmp_path / "run", sft_toy.dev, checkpoint="last").metrics == stored(tmp_path / "run")
    last = evaluate(tmp_path / "run", sft_toy.dev, checkpoint="last")
    assert (last.num_examples, last.num_cut) == (17, 3)
    best = evaluate(tmp_path / "run", sft_toy.dev)
    assert best.metrics == stored(tmp_path / "run", best.step)
    assert (best.num_examples, best.opened_test) == (17, False)
    code, out, err = cli("evaluate", "--run", tmp_path / "run", "--data", sft_toy.dev, "--checkpoint", "last")
    assert (code, err) == (0, "note: longer than the model reads, and cut: 3 examples\n")
    assert out.startswith("log-loss ")
    assert out.endswith(" on 17 examples (last, step 18)\n")
    assert "bits per byte" in out
    code, out, _ = cli("evaluate", "--run", tmp_path / "run", "--data", sft_toy.dev, "--checkpoint", "last", "--json")
    assert json.loads(out)["metrics"].items() >= stored(tmp_path / "run").items()


def test_labels_of_sentences_are_noted_where_they_are_measured_as_text(
    sft_toy: SftToy, tmp_path: Path, cli: Cli
) -> None:
    finetune(sft_toy.config(epochs=1), tmp_path / "run")
    labelled = tmp_path / "labelled.txt"
    labelled.write_text("0 ||| the quick fox\n1 ||| the brown fox\n", encoding="utf-8")
    code, _, err = cli("evaluate", "--run", tmp_path / "run", "--data", labelled)
    assert (code, err) == (
        0,
        f"note: 2 of the 2 lines in {labelled} are `label ||| sentence`, and are measured as plain text, labels and "
        "all; a model of classes is trained with --task classification\n",
    )
    assert "note" not in cli("evaluate", "--run", tmp_path / "run", "--data", sft_toy.dev)[2]


def test_the_sealed_test_file_is_known_by_what_is_in_it(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    finetune(sft_toy.config(epochs=1), tmp_path / "run")
    rows = [json.loads(line) for line in sft_toy.test.read_text(encoding="utf-8").splitlines()]
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(rows, indent=2), encoding="utf-8")
    code, _, err = cli("evaluate", "--run", tmp_path / "run", "--data", elsewhere)
    assert (code, "sealed test examples" in err) == (0, True)
    with StudyStore.open(tmp_path / "run") as store:
        assert [(o["split"], o["asked_by"]) for o in store.openings()] == [("test", "evaluate")]


def test_each_trial_of_a_sweep_has_its_own_settings(sft_toy: SftToy, tmp_path: Path) -> None:
    grid = {"train_part": ["lora"], "lora_rank": [2, 4], "peak_rate": [1e-2]}
    config = replace(sft_toy.config(epochs=1), sweep=SweepConfig(grid=grid, seeds=1, keep="all"))
    sweep(config, tmp_path / "sweep")
    for trial in (1, 2):
        measured = evaluate(tmp_path / "sweep", sft_toy.dev, checkpoint="last", trial=trial)
        assert measured.metrics == stored(tmp_path / "sweep", trial=trial)
    with pytest.raises(ConfigError, match="--trial"):
        evaluate(tmp_path / "sweep", sft_toy.dev)


def test_a_folder_of_adapters_is_used_with_its_base(sft_toy: SftToy, tmp_path: Path) -> None:
    finetune(sft_toy.config(**LORA), tmp_path / "run")
    adapters = adapter_of(tmp_path / "run", tmp_path / "adapters")
    measured = evaluate(adapters, sft_toy.dev)
    assert measured.metrics == pytest.approx(stored(tmp_path / "run"), rel=1e-5)
    assert measured.checkpoint is None
    with pytest.raises(ConfigError, match="holds one model: got --trial 2"):
        evaluate(adapters, sft_toy.dev, trial=2)
    path = adapters / "adapter_config.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    assert known["base_model_name_or_path"] == str(sft_toy.model)
    base = shutil.copytree(sft_toy.model, tmp_path / "base")

    def refused(match: str, **values: Any) -> None:
        path.write_text(json.dumps({**known, **values}), encoding="utf-8")
        with pytest.raises(CheckpointError, match=match) as error:
            evaluate(adapters, sft_toy.dev)
        assert "\n" not in str(error.value)

    refused(
        "holds adapters, whose base must be there: got no such model", base_model_name_or_path=str(tmp_path / "nowhere")
    )
    refused("plain LoRA: got use_dora True", use_dora=True)
    refused("plain LoRA: got modules_to_save", modules_to_save=["lm_head"])
    refused("must give r, lora_alpha", target_modules="model.*proj")
    refused("must be of a language model", task_type="SEQ_CLS")
    refused("an adapter must fit its base", r=5)
    checkpoint = read_checkpoint(base)
    spoilt = {name: tensor + 0.01 for name, tensor in checkpoint.tensors.items()}
    write_checkpoint(base, spoilt, checkpoint.config, read_tokenizer(None, base))
    refused("got other weights in", base_model_name_or_path=str(base))


def test_adapters_of_peft_are_used(sft_toy: SftToy, tmp_path: Path) -> None:
    """Those that others trained: with PEFT's own layout of files, and no tokenizer beside them."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_pretrained(sft_toy.model)
    config = LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj", "down_proj"], task_type="CAUSAL_LM")
    network = get_peft_model(network, config)
    for name, parameter in network.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    network.save_pretrained(tmp_path / "theirs")
    network.merge_and_unload().save_pretrained(tmp_path / "merged")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(sft_toy.model / name, tmp_path / "merged" / name)
    theirs, merged, base = (
        evaluate(folder, sft_toy.dev).metrics for folder in (tmp_path / "theirs", tmp_path / "merged", sft_toy.model)
    )
    assert theirs == pytest.approx(merged, rel=1e-4)
    assert abs(theirs["loss"] - base["loss"]) > 0.01


def test_a_language_model_without_a_template(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    model = shutil.copytree(sft_toy.model, tmp_path / "model")
    (model / "chat_template.jinja").unlink()
    code, _, err = cli("evaluate", "--run", model, "--data", sft_toy.dev)
    assert (code, len(err.splitlines())) == (2, 1)
    assert f"put a chat_template.jinja into {model}" in err


def test_answers_are_measured_as_in_training(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    measured = SftConfig(generate_metric="exact_match", answer_after="###", answer_tokens=24)
    finetune(replace(sft_toy.config(epochs=6), sft=measured), tmp_path / "run")
    assert evaluate(tmp_path / "run", sft_toy.dev, checkpoint="last").metrics == stored(tmp_path / "run")
    code, out, _ = cli("evaluate", "--run", tmp_path / "run", "--data", sft_toy.dev, "--checkpoint", "last")
    assert (code, f"exact match {stored(tmp_path / 'run')['exact_match']:.4f} on 17" in out) == (0, True)


def test_classes_are_not_predicted_by_a_language_model(sft_toy: SftToy, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("what is it\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="predicted by a classifier"):
        predict(sft_toy.model, texts)


def test_test_scores_are_opened_without_the_model(sft_toy: SftToy, tmp_path: Path) -> None:
    """Stored outputs are scored by the bytes that the study kept, as long as the test file is what it was."""
    model = shutil.copytree(sft_toy.model, tmp_path / "model")
    toy = replace(sft_toy, model=model)
    grid = {"peak_rate": [1e-3, 1e-2]}
    config = replace(toy.config(epochs=2), sweep=SweepConfig(grid=grid, seeds=1, keep="all"))
    config = replace(config, data=replace(config.data, max_tokens=32))  # what is cut counts no bytes
    sweep(config, tmp_path / "sweep")
    finetune(replace(toy.config(epochs=2, peak_rate=1e-2), score_test=True), tmp_path / "scored")
    model.rename(tmp_path / "away")
    with StudyStore.open(tmp_path / "sweep", for_writing=True) as store:
        assert store.evaluations(1, "test") == []
        assert open_test(store, store.trials(), "report --open-test all") == 2
        opened = store.evaluations(2, "test", with_scores=True)[-1]
        assert len(store.openings()) == 2
    (tmp_path / "away").rename(model)
    measured = evaluate(tmp_path / "sweep", toy.test, checkpoint="last", trial=2)
    assert opened.metrics == measured.metrics
    assert len(opened.scores["loss"].values) == 11
    scored = evaluate(tmp_path / "scored", toy.test, checkpoint="last")
    with StudyStore.open(tmp_path / "scored") as store:
        assert store.evaluations(1, "test")[-1].metrics == scored.metrics
        assert {o["asked_by"] for o in store.openings()} == {"--score-test", "evaluate"}


def test_a_test_file_that_has_changed_is_not_scored(sft_toy: SftToy, tmp_path: Path) -> None:
    finetune(sft_toy.config(epochs=1), tmp_path / "run")
    rows = sft_toy.test.read_text(encoding="utf-8").splitlines()
    sft_toy.test.write_text("\n".join(rows[::-1]) + "\n", encoding="utf-8")
    with (
        StudyStore.open(tmp_path / "run", for_writing=True) as store,
        pytest.raises(StudyError, match="has changed since then"),
    ):
        open_test(store, store.trials(), "test")


def test_a_report_shows_how_many_answers_are_right(sft_toy: SftToy, tmp_path: Path, cli: Cli) -> None:
    measured = SftConfig(generate_metric="exact_match", answer_after="###", answer_tokens=24)
    grid = {"peak_rate": [1e-3, 1e-2]}
    config = replace(sft_toy.config(epochs=6), sft=measured, sweep=SweepConfig(grid=grid, seeds=2, keep="none"))
    sweep(config, tmp_path / "sweep")
    code, out, err = cli("report", tmp_path / "sweep")
    assert code == 0, err
    best = [stored(tmp_path / "sweep", trial=trial)["exact_match"] for trial in (2, 4)]
    heading, *rows = (line for line in out.splitlines() if "  " in line)
    assert "dev exact match (final)" in heading
    assert f"  {sum(best) / 2:.3f}  " in next(row for row in rows if row.startswith("lr 1e-2"))
    assert "| dev exact match (final) |" in (tmp_path / "sweep" / "report.md").read_text(encoding="utf-8")
