"""A Trainer's run as a record: rates applied, evaluations, losses example by example, ends of every kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tests.conftest import TINY, random_weights, tiny_tokenizer

from lrscope.errors import ConfigError, StudyError
from lrscope.integrations.transformers import Recorder
from lrscope.models.checkpoint_writer import write_checkpoint
from lrscope.runs.importers.run_scores import read_run_scores
from lrscope.runs.recorded_run import RecordedRun, read_recorded
from lrscope.runs.sources import read_runs

hf: Any = transformers
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    write_checkpoint(folder, random_weights(TINY), TINY.to_config(), tiny_tokenizer())
    return folder


def examples(number: int, seed: int, *, causal: bool) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(number):
        ids = [1, *draw.integers(3, 300, size=int(draw.integers(3, 9))).tolist(), 2]
        rows.append({"input_ids": ids, "labels": [-100, *ids[1:]] if causal else int(draw.integers(3))})
    return rows


def trainer(model_folder: Path, out: Path, *callbacks: Any, causal: bool = False, **changes: Any) -> Any:
    hf.set_seed(changes.get("seed", 7))
    kind = hf.AutoModelForCausalLM if causal else hf.AutoModelForSequenceClassification
    model = kind.from_pretrained(model_folder, pad_token_id=0, **({} if causal else {"num_labels": 3}))
    settings = {
        "output_dir": str(out), "use_cpu": True, "per_device_train_batch_size": 4, "num_train_epochs": 2,
        "save_strategy": "no", "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False,
        "learning_rate": 1e-3, "logging_steps": 2, "eval_strategy": "epoch", "warmup_steps": 2, "seed": 7,
        "gradient_accumulation_steps": 2, "per_device_eval_batch_size": 5, **changes,
    }  # fmt: skip
    tokenizer = hf.AutoTokenizer.from_pretrained(model_folder)
    tokenizer.pad_token_id = 0
    collator = hf.DataCollatorForSeq2Seq(tokenizer) if causal else hf.DataCollatorWithPadding(tokenizer)
    return hf.Trainer(
        model, hf.TrainingArguments(**settings), data_collator=collator, callbacks=list(callbacks),
        train_dataset=examples(24, 0, causal=causal), eval_dataset=examples(11, 1, causal=causal),
        compute_metrics=None if causal else share_right,
    )  # fmt: skip


def share_right(predicted: Any) -> dict[str, float]:
    return {"accuracy": float((predicted.predictions.argmax(-1) == predicted.label_ids).mean())}


class Rates(hf.TrainerCallback):  # type: ignore[misc]
    def __init__(self) -> None:
        self.applied: list[float] = []

    def on_pre_optimizer_step(self, *_: Any, optimizer: Any = None, **__: Any) -> None:
        self.applied.append(optimizer.param_groups[0]["lr"])


def of(record: RecordedRun, split: str) -> list[tuple[int, dict[str, float]]]:
    return [(each.step, dict(each.metrics)) for each in record.evaluations if each.split == split]


def test_a_run_is_recorded_whole(folder: Path, tmp_path: Path) -> None:
    rates = Rates()
    run = trainer(folder, tmp_path / "out", Recorder(tmp_path / "a"), rates)
    run.train()
    assert run.args.logging_nan_inf_filter, "the Trainer's arguments are as they were"
    record = read_recorded(tmp_path / "a" / "lrscope.json")
    assert (record.rate, record.seed, record.status) == (1e-3, 7, "completed")
    assert record.settings == {
        "epochs": "2", "batch_size": "8", "weight_decay": "0.0", "schedule": "linear", "warmup": "2"
    }  # fmt: skip
    history = run.state.log_history
    logged = [(each["step"], each["loss"]) for each in history if "loss" in each]
    assert [(step, metrics["loss"]) for step, metrics in of(record, "train")] == logged
    assert [metrics["learning_rate"] for _, metrics in of(record, "train")] == rates.applied[1::2]
    evaluated = [each for each in history if "eval_loss" in each]
    assert of(record, "dev") == [
        (each["step"], {"loss": each["eval_loss"], "accuracy": each["eval_accuracy"]}) for each in evaluated
    ]
    assert record.scores is None
    run.evaluate(metric_key_prefix="test")
    assert [step for step, _ in of(read_recorded(tmp_path / "a" / "lrscope.json"), "test")] == [6]
    with pytest.raises(StudyError, match="holds a run that was completed"):
        trainer(folder, tmp_path / "out", Recorder(tmp_path / "a")).train()


@pytest.mark.parametrize("causal", [True, False])
def test_losses_of_examples_are_the_models_own(causal: bool, folder: Path, tmp_path: Path) -> None:
    run = trainer(folder, tmp_path / "out", Recorder(tmp_path / "a", per_example_losses=True), causal=causal)
    run.train()
    scores = read_run_scores(tmp_path / "a" / "scores.parquet")["loss"]
    assert len(set(scores.examples)) == 11
    expected = []
    for row in examples(11, 1, causal=causal):
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        with torch.no_grad():
            loss = run.model.eval()(input_ids=ids, labels=labels).loss
        expected.append((round(float(loss), 4), len(row["input_ids"]) - 1 if causal else 1))
    assert [weight for _, weight in sorted(expected)] == scores.weights[np.argsort(scores.values)].tolist()
    assert [loss for loss, _ in sorted(expected)] == pytest.approx(sorted(scores.values), abs=2e-4)
    if not causal:  # Trainer's own loss of a causal model is a mean of its batches' means
        assert scores.mean == pytest.approx(run.state.log_history[-2]["eval_loss"], rel=1e-5)


def test_recording_changes_nothing(folder: Path, tmp_path: Path) -> None:
    losses = []
    for callbacks in ((), (Recorder(tmp_path / "a", per_example_losses=True),)):
        run = trainer(folder, tmp_path / "out", *callbacks, eval_strategy="steps", eval_steps=3)
        run.train()
        losses.append([each.get("loss", each.get("eval_loss")) for each in run.state.log_history])
    assert losses[0] == losses[1]


def test_runs_are_compared_in_pairs(folder: Path, tmp_path: Path) -> None:
    for name, rate in (("a", 1e-4), ("b", 1e-2)):
        trainer(
            folder, tmp_path / "out", Recorder(tmp_path / name, per_example_losses=True), learning_rate=rate
        ).train()
    by_loss = read_runs([tmp_path / "a", tmp_path / "b"], {}, "eval_loss")
    assert by_loss.scores is not None
    runs = read_runs([tmp_path / "a", tmp_path / "b"], {})
    assert runs.scores is not None
    assert set(runs.scores.values.ravel()) <= {0.0, 1.0}
    assert (runs.scores.names, runs.sizes) == (("lr 1e-4", "lr 1e-2"), {"dev": 11})


class Halt(hf.TrainerCallback):  # type: ignore[misc]
    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 4:
            raise KeyboardInterrupt


def test_a_run_that_ended_early_is_interrupted_and_goes_on(folder: Path, tmp_path: Path) -> None:
    named = {"save_strategy": "epoch", "logging_steps": 1}
    with pytest.raises(KeyboardInterrupt):
        trainer(folder, tmp_path / "out", Halt(), Recorder(tmp_path / "a"), **named).train()
    record = read_recorded(tmp_path / "a" / "lrscope.json")
    assert (record.status, len(of(record, "dev"))) == ("interrupted", 1)
    trainer(folder, tmp_path / "out", Recorder(tmp_path / "a"), **named).train(resume_from_checkpoint=True)
    record = read_recorded(tmp_path / "a" / "lrscope.json")
    assert record.status == "completed"
    assert [step for step, _ in of(record, "train")] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in of(record, "dev")] == [3, 6]


def test_divergence_is_seen_and_may_end_it(folder: Path, tmp_path: Path) -> None:
    run = trainer(folder, tmp_path / "out", Recorder(tmp_path / "a"), logging_steps=1, learning_rate=1e30)
    run.train()
    record = read_recorded(tmp_path / "a" / "lrscope.json")
    assert record.status == "diverged"
    assert record.reason.startswith("loss became nan at step ")
    ends = Recorder(tmp_path / "b", on_record=lambda record: not math.isfinite(record.metrics.get("loss", 0.0)))
    run = trainer(folder, tmp_path / "out", ends, logging_steps=1, learning_rate=1e30)
    run.train()
    assert run.state.global_step < 6


def test_early_stopping_leaves_scores_of_the_last_evaluation(folder: Path, tmp_path: Path) -> None:
    stopping = hf.EarlyStoppingCallback(early_stopping_patience=1, early_stopping_threshold=1e9)
    run = trainer(
        folder, tmp_path / "out", Recorder(tmp_path / "a", per_example_losses=True), stopping, num_train_epochs=5,
        load_best_model_at_end=True, metric_for_best_model="eval_loss", save_strategy="epoch",
    )  # fmt: skip
    run.train()
    record = read_recorded(tmp_path / "a" / "lrscope.json")
    assert (record.status, [step for step, _ in of(record, "dev")]) == ("stopped", [3, 6])
    assert record.scores is not None
    assert read_run_scores(record.scores)["loss"].mean == pytest.approx(of(record, "dev")[-1][1]["loss"], rel=1e-5)


def test_what_cannot_be_measured_is_said_before_training(folder: Path, tmp_path: Path) -> None:
    run = trainer(
        folder, tmp_path / "out", Recorder(tmp_path / "a", per_example_losses=True), label_smoothing_factor=0.1
    )
    with pytest.raises(ConfigError, match="got label smoothing"):
        run.train()
    run = trainer(folder, tmp_path / "out", Recorder(tmp_path / "a", per_example_losses=True))
    run.model.__class__ = type("LlamaForTokenClassification", (type(run.model),), {})
    with pytest.raises(ConfigError, match="got LlamaForTokenClassification"):
        run.train()
