"""What trainings print, as they print it: dictionaries of several versions, bars, epochs, floods."""

from __future__ import annotations

import math
import time

import pytest

from lrscope.runs import live_lines
from lrscope.runs.importers.progress_bars import Progress
from lrscope.runs.live_lines import LiveLines


def told(lines: LiveLines) -> list[tuple[int, float, str, dict[str, float]]]:
    return [(each.step, each.epoch, each.split, dict(each.metrics)) for each in lines.records]


@pytest.mark.parametrize(
    ("train", "dev"),
    [
        ("{'loss': 1.25, 'grad_norm': 0.5, 'learning_rate': 0.0001, 'epoch': 0.5}", "{'eval_loss': 1.5, 'epoch': 0.5}"),
        ("{'loss': '1.25', 'learning_rate': '0.0001', 'epoch': '0.5'}", "{'eval_loss': '1.5', 'eval_runtime': '0.1', "
         "'epoch': '0.5'}"),
        ('{"loss": 1.25, "lr": 1e-4, "epoch": 0.5}', 'INFO {"eval_loss": 1.5, "epoch": 0.5} more'),
        ("  5%|5 | 1/20 [00:01<00:19]{'loss': 1.25, 'learning_rate': 1e-4, 'epoch': .5}", "{'val_loss': 1.5}"),
    ],
)  # fmt: skip
def test_dictionaries_of_any_version_are_read_in_order(train: str, dev: str) -> None:
    lines = LiveLines()
    assert lines.take(train)[0] == lines.records[0]
    lines.take(dev)
    lines.take("{'loss': 1.0, 'epoch': 1.0}")
    lines.take("{'train_runtime': '3.2', 'train_loss': '9', 'epoch': '1.0'}")
    lines.take("{'eval_loss': 1.25, 'epoch': 1.0}")
    lines.take("{'eval_loss': 1.25123, 'epoch': 1.0}")
    assert lines.seconds == 3.2
    assert told(lines) == [
        (1, 0.5, "dev", {"loss": 1.5}),
        (1, 0.5, "train", {"loss": 1.25, "learning_rate": 1e-4} | ({"grad_norm": 0.5} if "grad_norm" in train else {})),
        (2, 1.0, "dev", {"loss": 1.25123}), (2, 1.0, "train", {"loss": 1.0}),
    ], "the summary of the whole training is no loss of a step"  # fmt: skip


def test_bars_of_preparing_data_are_no_progress_of_the_training() -> None:
    lines = LiveLines()
    for what in (
        "Building labels for train dataset: 100%|####| 64/64 [00:00<00:00, 2226.09 examples/s]",
        "Dropping fully masked examples from train dataset: 50%|##  | 32/64 [00:00<00:00, 12727.49 examples/s]",
        "Sorting it: 50%|##  | 32/64 [00:00<00:00, 12727.49 examples/s]",
        "model.safetensors: 50%|##  | 1/2 [00:00<00:10, 1.2MB/s]",
    ):
        assert lines.take(what) == []
    assert lines.take(" 50%|#####     | 4/8 [00:00<00:00,  5.85it/s]") == [Progress(4, 8, 0.0)]


def test_what_is_no_number_stays_so() -> None:
    lines = LiveLines()
    lines.take("{'loss': nan, 'learning_rate': 1e-4, 'epoch': 1.0}")
    lines.take("{'loss': 'inf', 'learning_rate': '1e-4', 'epoch': '2'}")
    losses = [each.metrics["loss"] for each in lines.records]
    assert math.isnan(losses[0])
    assert losses[1] == math.inf


def test_lines_of_epochs_and_their_summary() -> None:
    lines = LiveLines()
    for line in ("epoch 0: train loss :: 1.9, dev acc :: 0.24", "epoch 1: train loss :: 1.5, dev acc :: 0.31",
                 "dev acc :: 0.310", "test acc :: 0.300", "***** eval metrics *****", "  eval_f1 = 0.5"):  # fmt: skip
        lines.take(line)
    assert told(lines) == [
        (1, 1.0, "dev", {"acc": 0.24}), (1, 1.0, "train", {"loss": 1.9}), (2, 2.0, "dev", {"acc": 0.31, "f1": 0.5}),
        (2, 2.0, "test", {"acc": 0.3}), (2, 2.0, "train", {"loss": 1.5}),
    ]  # fmt: skip


def test_steps_that_are_told_are_taken() -> None:
    lines = LiveLines()
    lines.take('{"step": 10, "loss": 1.5}')
    lines.take('{"step": 20, "eval_loss": 1.2}')
    assert [(each.step, each.split) for each in lines.records] == [(10, "train"), (20, "dev")]
    assert lines.tells_steps


def test_bars_of_the_training_tell_progress_and_others_do_not() -> None:
    lines = LiveLines()
    assert lines.take("Map: 100%|###| 50/50 [00:00<00:00, 99 examples/s]") == []
    assert lines.take("Loading weights: 50%|# | 5/10 [00:00<00:00]") == []
    assert lines.take("\r  0%|  | 0/100 [00:00<?, ?it/s]\r 12%|#| 12/100 [00:10<01:20, 1.1it/s]") == [
        Progress(12, 100, 80.0)
    ]
    assert lines.take(" 50%|#####     | 5/10 [00:00<00:00, 50it/s]") == [], "an evaluation within"
    assert lines.take("100%|##########| 100/100 [1:00:00<00:00]") == [Progress(100, 100, 0.0)]


def test_whatever_comes_is_read_fast_and_kept_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_lines, "MAX_KEPT", 50)
    lines, began = LiveLines(), time.monotonic()
    hostile = [
        "{" * 10**6, "'a': " * 10**5, "{'" + "a" * 10**6, "1/2 [" * 10**5, "\r" * 10**6, "{'a': {'b': 1}}",
        "{'loss': None, 'epoch': []}", "epoch 999999999: dev x", "\0\ud800", "{'loss': true}", "{'eval_loss': 'x'}",
    ]  # fmt: skip
    assert [text[:30] for text in hostile if lines.take(text)] == []
    for step in range(300):
        lines.take(f"{{'loss': 1.0, 'step': {step}}}")
        if step % 30 == 0:
            lines.take(f"{{'eval_loss': 1.0, 'step': {step}}}")
    assert len(lines.records) <= 51
    assert [each.step for each in lines.records if each.split == "dev"] == list(range(0, 300, 30))
    assert lines.records[-1].step == 299
    assert time.monotonic() - began < 5.0


def test_counts_of_data_are_no_metrics() -> None:
    assert LiveLines().take("Generating test split: 16 examples [00:00, 2000.00 examples/s]") == []


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("Epoch 2/3\nTrain Loss: 0.5 | Train Acc: 71.0%\n Val. Loss: 0.6\n", (1, 2.0)),
        ("epoch     train_loss  valid_loss  time\n2         0.500000    0.600000    00:12\n", (1, 2.0)),
        (2 * "Epoch 2 - train loss 0.5 - val loss 0.6\n", (1, 2.0)),
        ("step 200: train loss 0.5, val loss 0.6\n", (200, math.nan)),
        ("Step 200 | loss:0.5 lr:2e-05\nStep 200 | val_loss:0.6\n", (200, math.nan)),
        (
            "Epoch 2/3\n125/125 [===] - ETA: 0s - loss: 0.5 - acc: 0.1\n125/125 [===] - 9s - loss: 0.5 - acc: 0.1 - "
            "val_loss: 0.6\n", (1, 2.0)
        ),
        (
            "Epoch 1: 50%|# | 5/10 [00:01<00:01, 5.0it/s, v_num=0, train_loss=9]\r"
            "Epoch 1: 100%|##| 10/10 [00:02<00:00, 5.0it/s, v_num=0, train_loss=0.5, val_loss=0.6]\n", (1, 1.0)
        ),
    ],
)  # fmt: skip
def test_the_forms_that_logs_are_read_in_are_read_live(text: str, position: tuple[int, float]) -> None:
    lines = LiveLines()
    for line in text.splitlines():
        lines.take(line)
    found = {each.split: (each.step, each.epoch, each.metrics["loss"]) for each in lines.records}
    assert found["dev"] == pytest.approx((*position, 0.6), nan_ok=True)
    assert found["train"] == pytest.approx((*position, 0.5), nan_ok=True)
    assert len(lines.records) == 2
