"""Console logs of many programs, in the form that each prints: positions, splits, rates; and what is no measurement."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lrscope.runs.importers.console import ConsoleLog
from lrscope.runs.importers.measured_lines import MeasuredLines
from lrscope.runs.run import Run


def runs_of(tmp_path: Path, text: str, name: str = "log.txt") -> tuple[Run, ...]:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert ConsoleLog().claims(path, path.read_bytes()[: 1 << 16])
    return ConsoleLog().read(path).runs


def read(tmp_path: Path, text: str) -> Run:
    (run,) = runs_of(tmp_path, text)
    return run


EPOCHS = range(1, 4)
# One run of three epochs in the forms that loops print it in: dev loss 0.6, 0.5, 0.4.
LOOPS = {
    "one line": "Epoch {e}/3 | Train Loss: 0.{t}0 | Valid Loss: 0.{d}0 | Valid Acc: 0.7{e}\n",
    "dashes": "Epoch {e} - train loss 0.{t} - valid loss 0.{d} - valid acc 0.7{e}\n",
    "brackets": "[epoch {e}] train_loss=0.{t} val_loss=0.{d} val_acc=0.7{e}\n",
    "commas": "Epoch [{e}/3], Training Loss: 0.{t}, Validation Loss: 0.{d}, Validation Acc: 0.7{e}\n",
    "torchtext": "Epoch: 0{e} | Epoch Time: 0m 10s\n\tTrain Loss: 0.{t} | Train Acc: 71.0%\n\t Val. Loss: 0.{d} |  "
    "Val. Acc: 0.7{e}\n",
    "banner": "======= Epoch {e} of 3 =======\n  Train loss: 0.{t}\n  Val loss: 0.{d}\n  Val acc: 0.7{e}\n",
    "splits in front": "Epoch {e}/3\n----------\ntrain Loss: 0.{t} Acc: 0.6\nval Loss: 0.{d} Acc: 0.7{e}\n",
    "sections": "Epoch {e}: Train: loss 0.{t}, acc 0.6 | Val: loss 0.{d}, acc 0.7{e}\n",
    "section lines": "Epoch {e}\nTraining:\n  loss: 0.{t}\nValidation:\n  loss: 0.{d}\n  acc: 0.7{e}\n",
    "section of a sentence": "Epoch {e} / 3\n  Average training loss: 0.{t}\n  Training epoch took: 0:01:10\n\nRunning "
    "Validation...\n  Acc: 0.7{e}\n  Validation Loss: 0.{d}\n  Validation took: 0:00:02\n",
    "logger": "2024-05-01 12:00:0{e},123 - INFO - root - Epoch {e}, train/loss: 0.{t}, val/loss: 0.{d}, "
    "val/acc: 0.7{e}\n",
    "two lines": "Epoch {e} - train loss: 0.{t}\nEpoch {e} - val loss: 0.{d} - val acc: 0.7{e}\n",
    "epoch at its end": "| end of epoch   {e} | time: 12.34s | train loss 0.{t} | valid loss  0.{d} | valid acc "
    "0.7{e}\n",
    "metric first": "Epoch {e}: Loss (train): 0.{t}, Loss (val): 0.{d}, Acc (val): 0.7{e}\n",
    "names repeated": "Epoch {e} Train Loss: 0.{t}, Acc: 0.6 | Val Loss: 0.{d}, Acc: 0.7{e}\n",
    "tensors": "epoch {e}: train_loss: tensor(0.{t}, device='cuda:0'), val_loss: tensor(0.{d}), val_acc: 0.7{e}\n",
    "processes": 2 * "Epoch {e}: train loss 0.{t} val loss 0.{d} val acc 0.7{e}\n",
    "Lightning": "\rEpoch {z}:  50%|█████     | 5/10 [00:01<00:01,  5.00it/s, v_num=0, val_loss=9.0, val_acc=0.1]"
    "\rEpoch {z}: 100%|██████████| 10/10 [00:02<00:00,  5.00it/s, v_num=0, train_loss_step=0.1, val_loss=0.{d}, "
    "val_acc=0.7{e}, train_loss_epoch=0.{t}]\n",
    "Keras 2": "Epoch {e}/3\n  1/125 [....] - ETA: 3:20 - loss: 9.0 - acc: 0.1\r125/125 [====] - ETA: 0s - loss: 0.{t} "
    "- acc: 0.6\r125/125 [====] - 95s 690ms/step - loss: 0.{t} - acc: 0.6 - val_loss: 0.{d} - val_acc: 0.7{e}\n",
    "Keras, no bar": "Epoch {e}/3\n125/125 - 95s - loss: 0.{t} - acc: 0.6 - val_loss: 0.{d} - val_acc: 0.7{e} - "
    "95s/epoch - 690ms/step\n\nEpoch {e}: val_loss improved from 0.9 to 0.{d}, saving model to m.h5\n",
    "Keras 3": "Epoch {e}/3\n\b\b\b\r\x1b[1m  1/125\x1b[0m \x1b[37m━━━━\x1b[0m \x1b[1m1:03\x1b[0m 10ms/step - acc: 0.1 "
    "- loss: 9.0\b\b\b\r\x1b[1m125/125\x1b[0m \x1b[32m━━━━\x1b[0m \x1b[1m95s\x1b[0m 690ms/step - acc: 0.6 - loss: "
    "0.{t} - val_acc: 0.7{e} - val_loss: 0.{d}\n",
}  # fmt: skip


@pytest.mark.parametrize("form", LOOPS)
def test_one_run_of_three_epochs_in_every_form(form: str, tmp_path: Path) -> None:
    text = "".join(LOOPS[form].format(e=e, z=e - 1, t=8 - e, d=7 - e) for e in EPOCHS)
    run = read(tmp_path, text)
    assert run.series("dev", "loss") == [(1, 0.6), (2, 0.5), (3, 0.4)]
    assert run.series("dev", "acc") == [(1, 0.71), (2, 0.72), (3, 0.73)]
    assert run.last("train", "loss") == 0.5
    assert (run.status, run.rate, run.arm, run.final) == ("completed", None, "", {})


STEPS = (0, 100, 200)
# One run of 200 steps: dev loss 3.0, 2.0, 1.0 at steps 0, 100 and 200.
BY_STEPS = {
    "nanoGPT": ("step {s}: train loss 2.5, val loss {d}\niter {s}: loss 2.5, time 226.89ms, mfu 10.75%\n", None),
    "llama2.c": (
        "step {s}: train loss 2.5, val loss {d}\n{s} | loss 2.5 | lr 5.0e-04 | 100.00ms | mfu 1.00%\n", 5e-4
    ),
    "nanochat": (
        "Step {s:05d} | Validation loss: {d}\nstep {s:05d}/00200 (0.05%) | loss: 2.5 | lrm: 1.00 | dt: 12.1ms | "
        "tok/sec: 1,234 | mfu: 40.10 | epoch: 1 | total time: 0.10m\n", None
    ),
    "torchtune": ("Step {s} | loss:2.5 lr:2e-05 tokens_per_second_per_gpu:57.8\nStep {s} | val_loss:{d}\n", 2e-5),
    "torchtitan": (
        "[rank0]:[titan] 2025-03-01 10:00:00,123 - root - INFO - \x1b[31mstep: {s:2}  \x1b[32mloss:  2.5  \x1b[33m"
        "grad_norm:  1.5  memory: 20.10GiB(21.12%)  tps: 1,234  tflops: 1.0  mfu: 12.31%\x1b[0m\n[rank0]:[titan] "
        "2025-03-01 10:00:00,124 - root - INFO - validate step: {s:2}  loss:  {d}  memory: 2.0GiB(2.1%)  tps: 1\n", None
    ),
    "litgpt": (
        "Epoch 1 | iter {i} step {s} | loss train: 2.500, val: n/a | iter time: 123.45 ms (step)\n"
        "iter {i}: val loss {d}, val time: 1234.56 ms\nEpoch 1 | iter {j} step {s} | loss train: 2.5, val: 9.9 | iter "
        "time: 1.0 ms\n", None
    ),
    "MLX": (
        "Iter {s}: Val loss {d}, Val took 10.105s\nIter {s}: Train loss 2.5, Learning Rate 1.000e-05, It/sec 0.5, "
        "Tokens/sec 200.1, Trained Tokens 1000, Peak mem 5.0 GB\n", 1e-5
    ),
    "Megatron": (
        " iteration {s:8d}/     200 | elapsed time per iteration (ms): 10.0 | learning rate: 1.5E-04 | global batch "
        "size:  8 | lm loss: 2.5E+00 | loss scale: 1.0 | grad norm: 1.0 |\n validation loss at iteration {s} | lm loss "
        "value: {d} | lm loss PPL: 2.0E+01 |\n", 1.5e-4
    ),
    "under the step": ("step {s} | loss 2.5 | lr 1e-4\nval loss: {d}\n", 1e-4),
}  # fmt: skip


@pytest.mark.parametrize("form", BY_STEPS)
def test_one_run_of_200_steps_in_every_form(form: str, tmp_path: Path) -> None:
    line, rate = BY_STEPS[form]
    steps = STEPS[1:] if form == "litgpt" else STEPS
    run = read(tmp_path, "".join(line.format(s=s, d=3.0 - s / 100, i=4 * s, j=4 * s + 1) for s in steps))
    assert [(point.step, point.value("dev", "loss")) for point in run.points] == [(s, 3.0 - s / 100) for s in steps]
    assert (run.rate, run.status) == (rate, "completed")
    assert run.log is not None
    assert list(run.log.losses) == [2.5] * len(steps)
    assert list(run.log.steps) == list(steps)


@pytest.mark.parametrize(
    "text",
    [
        "epoch     train_loss  valid_loss  acc       time    \n"
        + "".join(f"{e}         0.{8 - e}00000    0.{7 - e}00000    0.7{e}0000  00:12     \n" for e in EPOCHS),
        "Epoch | Train Loss | Val Loss | Val Acc\n------+-----\n"
        + "".join(f"{e:5d} | {0.8 - e / 10:10.4f} | {0.7 - e / 10:8.4f} | 0.7{e}\n" for e in EPOCHS),
        "epoch\ttrain_loss\tvalid_loss\tacc\n" + "".join(f"{e}\t0.{8 - e}\t0.{7 - e}\t0.7{e}\n" for e in EPOCHS),
    ],
)
def test_printed_tables(text: str, tmp_path: Path) -> None:
    run = read(tmp_path, text)
    assert run.series("dev", "loss") == [(1, 0.6), (2, 0.5), (3, 0.4)]
    assert run.series("dev", "acc") == [(1, 0.71), (2, 0.72), (3, 0.73)]


def test_steps_that_begin_again_with_every_epoch(tmp_path: Path) -> None:
    text = "".join(
        "".join(f"Epoch [{e}/3], Step [{s}/600], Loss: {e}.{s // 100}, LR: 1e-4\n" for s in (200, 400, 600))
        + f"Epoch [{e}/3], Val Loss: 0.{7 - e}\n"
        for e in EPOCHS
    )
    run = read(tmp_path, text)
    assert [(point.step, point.epoch) for point in run.points] == [(600, 1), (1200, 2), (1800, 3)]
    assert run.log is not None
    assert run.log.total_steps == 1800
    assert list(run.log.steps[:4]) == [200, 400, 600, 800]


def test_parts_of_epochs_that_tell_no_steps_and_a_test_set(tmp_path: Path) -> None:
    text = "".join(
        "".join(f"Train Epoch: {e} [{n}/60000 ({n // 600}%)]\tLoss: 0.{9 - e}\n" for n in (0, 20000, 40000))
        + f"\nTest set: Average loss: 0.0{e}, Accuracy: 98{e}3/10000 (98%)\n\n"
        for e in EPOCHS
    )
    run = read(tmp_path, text)
    assert (run.points, run.final) == ((), {"test": {"loss": 0.03}}), "a test set is no dev set"
    assert run.log is not None
    assert len(run.log.losses) == 9


def test_a_rate_under_every_epoch_is_that_epochs(tmp_path: Path) -> None:
    epochs = "".join(f"Epoch {e}/3\n  Train Loss: 0.{e}\n  Valid Loss: 0.{e}\n  LR: {{}}{e}\n" for e in EPOCHS)
    one, other = runs_of(tmp_path, epochs.replace("{}3", "1e-5").replace("{}", "0.00") + epochs.replace("{}", "0.1"))
    assert (one.rate, other.rate) == (2e-3, 0.13)
    (headed, after) = runs_of(tmp_path, "".join(f"lr: {lr}\nEpoch 1 - val loss: {lr}\n" for lr in ("1e-4", "3e-4")))
    assert (headed.rate, after.rate) == (1e-4, 3e-4)


@pytest.mark.parametrize(
    "line",
    [
        "dev 3", "the dev set is not what it was in epoch 3", "eval_interval = 200", "eval_iters: 20", "val_size: 0.1",
        "dev set: 1101", "dev set: 1101 examples", "val examples: 20", "eval_foo: 3", "dev frequency: 3",
        "Best val loss: 0.3", "best epoch: 3, val loss 0.3", "min val loss 0.3", "epochs: 3",
        "Epoch 3: val_loss did not improve from 0.4",
        "Generating test split: 16 examples", "test.py: 100%|###| 3/3 [00:01<00:00, loss=0.3]", "val time: 3.2s",
        "Downloading model: 55%|█████     | 1.0G/2.0G [00:10<00:10, 100MB/s]", "loss_fn: 3", "loss weight: 0.5",
        "Step 1: install torch 2.5", "num_epochs: 3, eval_steps: 20", "dev acc reached 0.5", "val loss improved to 0.3",
        "early stopping patience 3, val loss", "Accuracy: 50.9%, Avg loss: 2.15", "loss: 0.3",
        "{'eval_loss': 0.3}", "Epoch 3 took 12.5 s", "val_loss: 3,5", "train loss: 12/30", "version 1.2.3 loss-1.0",
    ],
)  # fmt: skip
def test_what_is_not_surely_a_measurement_is_none(line: str) -> None:
    found = MeasuredLines().take(line)
    assert found is None or not found.values


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("Epoch 3: val acc 0.5, best val acc 0.6", {"dev": {"acc": 0.5}}),
        ("Epoch 3: train loss 0.5, val loss 0.6, acc 0.7", {"train": {"loss": 0.5}, "dev": {"loss": 0.6}}),
        ("Epoch 3 - loss: 0.5 - f1: 0.6 - val_f1: 0.7", {"train": {"loss": 0.5, "f1": 0.6}, "dev": {"f1": 0.7}}),
        ("Epoch 3: val_my_score: 0.5", {"dev": {}}),
        ("epoch 3, dev score: 0.5", {"dev": {"score": 0.5}}),
        ("epoch 3, train loss inf", {"train": {"loss": float("inf")}}),
        ("epoch 3: loss 1.5 (1.7), lr [0.001]", {"train": {"loss": 1.5, "learning_rate": 0.001}}),
        ("[Validation] Epoch 3: loss 0.5", {"dev": {"loss": 0.5}}),
    ],
)
def test_only_what_a_line_says_of_a_split_is_of_it(line: str, values: dict[str, dict[str, float]]) -> None:
    found = MeasuredLines().take(line)
    assert {split: dict(each) for split, each in (found.values if found else {}).items()} == {
        split: each for split, each in values.items() if each
    }


@pytest.mark.parametrize(
    "text",
    [
        "a" * 10**6, "1" * 10**6, "1." * 10**5, "epoch 1: " + "1 " * 10**5, "val loss " * 10**5, "epoch " * 10**5,
        "-" * 10**6, "Epoch 1: 100%|" + "|" * 10**5, "1/2 " * 10**5, "(train " * 10**5, "epoch 1" + " / " * 10**5,
        "loss: " * 10**5 + "1", "epoch\ttrain_loss" + "\tx" * 10**5, "Epoch 1: 5%|" + ", a" * 10**5, "early " * 10**5,
        "load 3 " + "a " * 10**5, "a-" * 10**5 + ".pt", "learning_rate = 1 #" + " " * 10**6, "1e" * 10**5,
        "dev" + " set" * 10**5, "epoch 1" + "\b" * 10**6,
    ],
)  # fmt: skip
def test_hostile_lines_are_passed_fast(text: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"epoch 0: train loss 1.0, dev loss 1.0\n{text}\n" + f"{text[:9_000]}\n" * 20, encoding="utf-8")
    began = time.monotonic()
    ConsoleLog().read(path)
    assert time.monotonic() - began < 4.0


def test_a_flood_of_steps_is_thinned_and_its_evaluations_are_kept(tmp_path: Path) -> None:
    text = "".join(
        (f"step {s}: train loss 2.0, val loss {2.0 - s / 1e6:.4f}\n" if s % 10_000 == 0 else "")
        + f"iter {s}: loss 2.0, time 1.00ms, mfu 1.00%\n"
        for s in range(150_001)
    )
    run = read(tmp_path, text)
    assert [point.step for point in run.points] == list(range(0, 150_001, 10_000))
    assert run.log is not None
    assert 5_000 < len(run.log.steps) <= 21_000
    assert run.log.steps[-1] == 150_000
