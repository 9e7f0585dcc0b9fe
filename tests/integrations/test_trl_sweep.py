"""Training programs that people have, swept as they are: `trl sft` with LoRA, and a script of Hugging Face's kind."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.conftest import Cli

from lrscope.config.command_line import quote
from lrscope.sample import folder
from lrscope.store.study import StudyStore

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[1] / "fixtures" / "external" / "hf_classify.py"
MODEL, PYTHON = quote(folder() / "model"), quote(sys.executable)
OPTIONS = (
    "--per_device_train_batch_size 8 --logging_steps 1 --logging_nan_inf_filter false --report_to none --use_cpu "
    "--bf16 false --learning_rate {lr} --seed {seed} --data_seed {seed} --output_dir {out}"
)


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, "the sweep has ended"
        assert time.monotonic() < end, path
        time.sleep(0.05)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("trl", "peft", "datasets")), reason="trl is not installed"
)
def test_trl_is_swept_killed_and_resumed(tmp_path: Path, cli: Cli) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for split, source, number in (("train", "train", 32), ("test", "dev", 16)):
        sentences = [line.split(" ||| ")[1].split() for line in (folder() / f"{source}.txt").read_text().splitlines()]
        rows = [{"prompt": " ".join(words[:2]), "completion": " " + " ".join(words[2:])} for words in sentences]
        (data / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows[:number])), encoding="utf-8")
    command = (
        f"{PYTHON} -m trl.scripts.sft --model_name_or_path {MODEL} --dataset_name {quote(data)} --use_peft --lora_r 8 "
        "--lora_alpha 16 --lora_target_modules q_proj v_proj --max_steps 4 --eval_strategy steps --eval_steps 2 "
        f"--save_strategy steps --save_steps 4 --save_only_model {OPTIONS}"
    )
    study = tmp_path / "s"
    sweep = ["sweep", "--command", command, "--lr", "1e-3,1e-2", "--input", str(data), "--out", str(study)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lrscope", *sweep], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(study / "trials" / "0002" / "work" / "output.log", process)
    process.kill()
    process.wait()

    code, out, err = cli("sweep", "--resume", study)
    assert code == 0, err
    assert "1 trial to run" in err
    assert "trial 2  lr 1e-2  seed 0  step 4/4  dev loss " in err
    assert "dev loss" in out.splitlines()[0]
    with StudyStore.open(study) as store:
        assert store.metric == ("loss", "minimize")
        rows = store.trials()
        assert [row.status for row in rows] == ["completed", "completed"]
        for row in rows:
            train = store.evaluations(row.id, "train")
            applied = [record.metrics["learning_rate"] for record in train if "learning_rate" in record.metrics]
            assert applied == pytest.approx([row.config.peak_rate * (1 - step / 4) for step in range(4)])
            dev = store.evaluations(row.id, "dev")
            assert [record.step for record in dev] == [2, 4]
            assert {"loss", "mean_token_accuracy"} <= dev[-1].metrics.keys()
        losses = [store.evaluations(row.id, "dev")[-1].metrics["loss"] for row in rows]
    state = json.loads((study / "trials/0002/out/checkpoint-4/trainer_state.json").read_text(encoding="utf-8"))
    evaluations = [each["eval_loss"] for each in state["log_history"] if "eval_loss" in each]
    assert losses[1] == evaluations[-1]
    assert losses[1] < losses[0], "the larger rate learns more in four steps"


def test_a_script_of_hugging_face_is_compared_example_by_example(tmp_path: Path, cli: Cli) -> None:
    files = f"--model {MODEL} --train_file {quote(folder() / 'train.txt')} --dev_file {quote(folder() / 'dev.txt')}"
    command = (
        f"{PYTHON} {quote(SCRIPT)} {files} --max_train 64 --max_dev 64 --write_scores --num_train_epochs 1 "
        f"--eval_strategy epoch --save_strategy no {OPTIONS}"
    )
    study = tmp_path / "s"
    code, out, err = cli("sweep", "--command", command, "--lr", "1e-5,3e-3", "--out", study)
    assert code == 0, err
    assert "dev accuracy" in out.splitlines()[0], "the only metric beside the loss"
    with StudyStore.open(study) as store:
        assert store.metric == ("accuracy", "maximize")
        for row in store.trials():
            last = store.evaluations(row.id, "dev", with_scores=True)[-1]
            assert len(last.scores["accuracy"].values) == 64
            assert last.scores["accuracy"].mean() == pytest.approx(last.metrics["accuracy"])
    code, out, err = cli("report", study)
    assert code == 0, err
    report = (study / "report.md").read_text(encoding="utf-8")
    assert "The size of the dev set is unknown" not in report
    assert "Only one value per run is known" not in report, "examples are compared in pairs"
