"""Studies of what is trained: full fine-tuning beside adapters of several ranks, for completions and for classes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Cli, Toy

from lrscope.config import StudyConfig
from lrscope.findings.commands import sweep
from lrscope.runs.import_study import read_study
from lrscope.sinks.base import read_trial
from lrscope.store.study import StudyStore
from lrscope.workflows.trained_model import evaluate


@pytest.fixture
def sft(tmp_path: Path, tiny_model: Path) -> list[str]:
    """Options of a study of completions."""
    words = ["good", "bad", "fine", "dull"]
    rows = [
        {"prompt": f"the film is {'abcdefg'[n % 7] * (1 + n % 5)}", "completion": " ".join(words[: 1 + n % 4])}
        for n in range(60)
    ]
    (tmp_path / "sft.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return [
        "--task", "sft", "--model", str(tiny_model), "--train", str(tmp_path / "sft.jsonl"), "--dev", "25%",
        "--chat-template", "plain", "--batch-size", "8", "--threads", "1", "--precision", "float32",
    ]  # fmt: skip


def values(folder: Path) -> dict[int, Any]:
    with StudyStore.open(folder) as store:
        return {
            row.id: [(e.step, e.split, e.metrics) for e in store.evaluations(row.id) if e.split == "dev"]
            for row in store.trials()
        }


def words_of_classes(text: str) -> list[str]:
    """Return words of a text that belong to the classification of sentences alone; what programs read is left out."""
    words = ("sentence", "accuracy", "句子", "准确率", "dev loss", "dev 损失", "guessing", "猜测")
    shown = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    return [word for word in words if word in shown.replace("token accuracy", "")]


def test_a_sweep_of_parts_and_ranks(sft: list[str], tmp_path: Path, cli: Cli) -> None:
    grid = ["--train-part", "full,lora", "--lora-rank", "2,4", "--lr", "1e-3,1e-2", "--seeds", "2", "--epochs", "1"]
    folder = tmp_path / "s"
    code, out, err = cli("sweep", *sft, *grid, "--out", folder, "--yes")
    assert code == 0, err
    assert "6 settings × 2 seeds, 12 trials to run" in err
    assert "the same as others, so not run again: 2 combinations" in err
    assert "trial 2  lr 1e-3  LoRA rank 2  seed 0  epoch 1/1  dev log-loss" in err
    assert "lr 1e-3, LoRA rank 4" in out
    assert "lr 1e-2, full fine-tuning" in out
    before = values(folder)
    assert before[2] != before[3] != before[1]
    code, out, err = cli("status", folder)
    assert [line.split()[0] for line in out.splitlines()[1:2]] == ["trial"]
    assert "settings" in out.splitlines()[1]
    assert "LoRA rank 4" in out
    assert not words_of_classes(out)
    # Only adapters are kept of those that train adapters.
    with StudyStore.open(folder) as store:
        rows = {row.id: row for row in store.trials()}
        kept = {
            row: sorted(path.name for path in (store.trial_folder(row) / "best").glob("*.safetensors")) for row in rows
        }
    assert {rows[row].config.values["train_part"]: files for row, files in kept.items() if files} == {
        "full": ["model.safetensors"], "lora": ["adapter_model.safetensors"],
    }  # fmt: skip
    # Each is used as what it is.
    for row, files in kept.items():
        if files:
            found = evaluate(folder, tmp_path / "sft.jsonl", trial=row)
            assert found.metrics["loss"] > 0, rows[row].config
    # Examples and log-losses are what is spoken of, in every language; nothing is missing that has a guess.
    for lang, words in (
        ("en", ["dev log-loss (final)", "train log-loss", "full fine-tuning", "examples"]),
        ("zh", ["对数损失", "全参数微调", "样本"]),
    ):
        code, out, err = cli("report", folder, "--lang", lang)
        assert code == 0, err
        text, page = ((folder / name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))
        for shown in (text, page):
            assert all(word in shown for word in words)
            assert not words_of_classes(shown)
        assert f"dev {'log-loss' if lang == 'en' else '对数损失'}" in out
        assert not words_of_classes(out)
        assert "--task sft" in text
        assert "--chat-template plain" in text
    assert json.loads(cli("report", folder, "--json")[1])["metric"] == {"name": "loss", "direction": "minimize"}
    with StudyStore.open(folder) as store:
        again = sweep(read_study(store), peak_rate="1e-4")
        assert again is not None
        assert "--task sft" in again.text("posix")
        assert "--train-part full,lora --batch-size 8 --lora-rank 2,4 --epochs 1" in again.text("posix")
        logged = read_trial(store, store.trial(2), "")
        assert {"train_part": "lora", "lora_rank": 2}.items() <= logged.settings.items()
        assert "dropout" not in logged.settings, "it is of a classification head"
        assert "lora_rank" not in read_trial(store, store.trial(1), "").settings
    # A study that is extended keeps what it has.
    assert cli("sweep", "--resume", folder, "--lora-rank", "8", "--yes")[0] == 0
    after = values(folder)
    assert {row: after[row] for row in before} == before
    assert len(after) == 16


def test_one_short_run_is_told_in_its_words(sft: list[str], tmp_path: Path, cli: Cli) -> None:
    """Every step is kept, and its schedule is known: no option of Trainer would show more."""
    options = ["--train-part", "lora", "--lora-rank", "2", "--lr", "1e-3", "--epochs", "1", "--schedule", "cosine"]
    code, out, err = cli("finetune", *sft, *options, "--out", tmp_path / "run")
    assert code == 0, err
    assert not words_of_classes(out + err)
    assert "at the end, its best\n" in out
    for lang, said in (
        ("en", ["Schedule applied: ", "peak 1e-3", "The run took 6 steps, too few for most checks.", "log-loss"]),
        ("zh", ["实际使用的调度：", "1e-3", "训练只有 6 步", "对数损失"]),
    ):
        code, out, err = cli("report", tmp_path / "run", "--lang", lang)
        assert code == 0, err
        text, page = ((tmp_path / "run" / name).read_text(encoding="utf-8") for name in ("report.md", "report.html"))
        for shown in (text, page):
            assert [word for word in said if word not in shown] == []
            assert not words_of_classes(shown)
            of_others = ("logging_steps", "unknown", "未知", "too little", "log entries")
            assert not [word for word in of_others if word in shown]
        assert not words_of_classes(out)
    for setting in ("train_part: lora", "lora_rank: 2"):
        assert setting in text.replace("\\_", "_")


def test_a_study_of_classes_keeps_its_own_words(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    code, _, err = cli("finetune", *toy.options("--epochs", "1"), "--out", tmp_path / "run")
    assert code == 0, err
    assert "sentences" in err
    for lang, word, other in (("en", "accuracy", "log-loss"), ("zh", "准确率", "对数损失")):
        assert cli("report", tmp_path / "run", "--lang", lang)[0] == 0
        text = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
        assert word in text
        assert f"dev {other}" not in text


def test_what_does_not_fit_leaves_no_folder(sft: list[str], tmp_path: Path, cli: Cli) -> None:
    for verb, more, says in (
        ("finetune", ["--lora-rank", "99", "--lr", "1e-3"], "--lora-rank must not exceed"),
        ("sweep", ["--lora-rank", "4,99", "--lr", "1e-3"], "--lora-rank must not exceed"),
        ("sweep", ["--lora-targets", "q_prj", "--lr", "1e-3"], "near are q_proj"),
        ("find", ["--lora-targets", "q_prj"], "near are q_proj"),
        ("find", ["--warm-head", "5"], "--warm-head belongs to --task classification: got sft; leave it out"),
        ("finetune", ["--lr", "1e-3", "--eval-every", "1tok", "--warmup", "9Mtok"], "warmup must be shorter than the"),
    ):
        code, _, err = cli(verb, *sft, "--train-part", "lora", *more, "--out", tmp_path / "none")
        assert code == 2, err
        assert says in err.splitlines()[-1]
        assert not (tmp_path / "none").exists()


def test_a_range_test_of_adapters(sft: list[str], tmp_path: Path, cli: Cli) -> None:
    """Their initial values are what `head` varies."""
    curves = {}
    for vary in ("none", "head"):
        asked = ["--train-part", "lora", "--lora-rank", "4", "--steps", "12", "--seeds", "2", "--vary", vary]
        code, out, err = cli("find", *sft, *asked, "--out", tmp_path / vary)
        assert code == 0, err
        assert "--task sft" in out or "next:" not in out
        with StudyStore.open(tmp_path / vary) as store:
            curves[vary] = [store.steps(row.id)["loss"].tolist() for row in store.trials()]
            assert isinstance(store.config, StudyConfig)
    assert curves["none"][0] == curves["none"][1]
    assert curves["head"][0] != curves["head"][1]


def test_adapters_of_a_classifier(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    asked = [*toy.options("--train-part", "head,lora,full", "--lora-rank", "4", "--epochs", "1")]
    code, out, err = cli("sweep", *asked, "--out", tmp_path / "s", "--yes")
    assert code == 0, err
    for name in ("head alone", "LoRA", "full fine-tuning"):
        assert name in out
    inputs = [*toy.options()[:6], *toy.options()[8:10], "--train-part", "lora", "--lora-rank", "4"]
    code, out, err = cli("find", *inputs, "--warm-head", "3", "--steps", "12", "--seeds", "1", "--out", tmp_path / "f")
    assert code == 0, err
