"""TRL's SFTTrainer with LoRA, recorded: prompts have no say in an example's loss, and runs are compared in pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lrscope.integrations.transformers import Recorder
from lrscope.runs.importers.run_scores import read_run_scores
from lrscope.runs.recorded_run import read_recorded
from lrscope.runs.run_results import read_results
from lrscope.runs.sources import read_runs

pytestmark = [pytest.mark.slow, pytest.mark.shared, pytest.mark.filterwarnings("ignore")]


def train(model: Path, out: Path, record: Path, rate: float) -> Any:
    trl, peft = pytest.importorskip("trl"), pytest.importorskip("peft")
    datasets, hf = pytest.importorskip("datasets"), pytest.importorskip("transformers")
    rows = [
        {"prompt": f"Once upon a time, {name} saw", "completion": f" a {size} {what}."}
        for name in ("Tim", "Lily", "Max") for size in ("big", "red") for what in ("dog", "cat", "ball")
    ]  # fmt: skip
    tokenizer = hf.AutoTokenizer.from_pretrained(model)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    arguments = trl.SFTConfig(
        output_dir=str(out), use_cpu=True, bf16=False, per_device_train_batch_size=4, per_device_eval_batch_size=18,
        num_train_epochs=1, save_strategy="no", report_to="none", learning_rate=rate, logging_steps=1,
        eval_strategy="epoch", dataloader_pin_memory=False,
    )  # fmt: skip
    data = datasets.Dataset.from_list(rows)
    trainer = trl.SFTTrainer(
        str(model), arguments, train_dataset=data, eval_dataset=data, processing_class=tokenizer,
        peft_config=peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"]),
        callbacks=[Recorder(record, per_example_losses=True)],
    )  # fmt: skip
    trainer.train()
    return trainer


def test_a_run_of_trl_is_recorded_and_compared(shared: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = shared / "models" / "stories260K-hf"
    for name, rate in (("a", 1e-3), ("b", 1e-2)):
        trainer = train(model, tmp_path / "out", tmp_path / name, rate)
    record = read_recorded(tmp_path / "b" / "lrscope.json")
    rates = [each.metrics["learning_rate"] for each in record.evaluations if each.split == "train"]
    assert rates == pytest.approx([1e-2 * (1 - step / 5) for step in range(5)])
    scores = read_run_scores(tmp_path / "b" / "scores.parquet")["loss"]
    history = {name: value for each in trainer.state.log_history for name, value in each.items()}
    assert scores.mean == pytest.approx(history["eval_loss"], rel=1e-4), "one batch: the mean over its tokens"
    assert scores.weights.max() < 12, "tokens of the completion alone"
    runs = read_runs([tmp_path / "a", tmp_path / "b"], {}, "eval_loss")
    assert runs.scores is not None
    assert runs.sizes == {"dev": 18}
    (tmp_path / "log").write_text(capfd.readouterr().out, encoding="utf-8")
    printed = read_results(tmp_path / "out", tmp_path / "log")
    assert {"loss", "mean_token_accuracy"} <= set(printed.metrics)
    assert printed.applied_rates[-1][1] == pytest.approx(rates[-1], rel=1e-3)
