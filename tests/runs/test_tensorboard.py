"""TensorBoard's events, as torch's own writer, tensorboardX-like loops, Trainer, Lightning and Keras write them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from lrscope.errors import DataError
from lrscope.runs.importers.event_records import BATCH, LARGEST, masked_checksums
from lrscope.runs.importers.scalars import scalar_name
from lrscope.runs.importers.tensorboard_events import TensorBoardEvents
from lrscope.runs.run import Run
from lrscope.runs.sources import importer_of, read_runs

pytest.importorskip("tensorboard")
pytest.importorskip("torch")


def written(folder: Path, scalars: dict[str, dict[int, float]], *, hparams: dict[str, float] | None = None) -> Path:
    """Write scalars by tag and step, in the order of steps, through torch."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step in sorted({step for values in scalars.values() for step in values}):
            for tag, values in scalars.items():
                if step in values:
                    writer.add_scalar(tag, values[step], step)
        if hparams is not None:
            writer.add_hparams(hparams, {"hparam/loss": 1.0})
    (file,) = [each for each in folder.iterdir() if "tfevents" in each.name]
    return file


def the_run(path: Path) -> Run:
    assert isinstance(importer_of(path), TensorBoardEvents)
    (run,) = TensorBoardEvents().read(path).runs
    return run


TRAINER = {
    "train/loss": {10: 2.0, 20: 1.5}, "train/learning_rate": {10: 1e-4, 20: 5e-5}, "train/grad_norm": {10: 1.0},
    "train/epoch": {10: 0.5, 20: 1.0}, "eval/loss": {20: 1.4}, "eval/accuracy": {20: 0.6}, "eval/runtime": {20: 2.0},
    "eval/samples_per_second": {20: 50.0}, "train/train_loss": {20: 1.75},
}  # fmt: skip


def test_what_trainer_writes(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    path = written(tmp_path, TRAINER)
    run = the_run(path)
    assert (run.rate, [(point.step, point.epoch) for point in run.points]) == (1e-4, [(20, 1.0)])
    assert run.points[0].splits == {"dev": {"loss": 1.4, "accuracy": 0.6}, "train": {"loss": 1.75}}
    assert run.dev_set.size == 100, "float32 noise in the pace is none"
    assert run.log is not None
    assert run.log.rates.tolist() == [1e-4, 5e-5]
    arguments = {"learning_rate": 2e-4, "seed": 7, "per_device_train_batch_size": 8, "max_steps": 40}
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_text("args", json.dumps({**arguments, "num_train_epochs": 3, "lr_scheduler_type": "linear"}))
    run = the_run(path)
    assert (run.arm, run.seed, run.status) == ("lr 2e-4", 7, "interrupted"), "several files of a folder are one run"
    assert run.settings["batch_size"] == "8"


@pytest.mark.parametrize(
    ("tags", "dev"),
    [
        (("Loss/train", "Loss/val", "Accuracy/val"), {"loss": 1.0, "accuracy": 0.5}),
        (("training loss", "validation loss", "validation accuracy"), {"loss": 1.0, "accuracy": 0.5}),
        (("train_loss_step", "val_loss", "val_acc_epoch"), {"loss": 1.0, "acc": 0.5}),
        (("loss", "eval/loss", "eval/rouge1"), {"loss": 1.0, "rouge1": 0.5}),
        (("loss", "dev/loss", "dev/f1"), {"loss": 1.0, "f1": 0.5}),
    ],
)
def test_names_that_people_give(tags: tuple[str, str, str], dev: dict[str, float], tmp_path: Path) -> None:
    train, loss, metric = tags
    run = the_run(written(tmp_path, {train: {5: 2.0}, loss: {5: 1.0}, metric: {5: 0.5}, "lr": {5: 1e-3}}))
    assert run.points[0].splits == {"dev": dev, "train": {"loss": 2.0}}
    assert run.arm == "lr 1e-3"


def test_what_lightning_writes(tmp_path: Path) -> None:
    scalars = {
        "lr-AdamW": {1: 1e-3, 3: 1e-3, 5: 1e-3}, "train_loss_step": {1: 2.0, 3: 1.8, 5: 1.6}, "hp_metric": {0: -1.0},
        "train_loss_epoch": {3: 1.9}, "val_loss": {3: 1.7, 7: 1.5}, "epoch": {1: 0.0, 3: 0.0, 5: 1.0, 7: 1.0},
    }  # fmt: skip
    run = the_run(written(tmp_path, scalars))
    assert [(point.step, point.epoch, point.splits["dev"]) for point in run.points] == [
        (4, 1.0, {"loss": 1.7}), (8, 2.0, {"loss": 1.5}),
    ], "Lightning counts steps and epochs from 0"  # fmt: skip
    assert run.log is not None
    assert run.log.losses.tolist()[:2] == [2.0, 1.8]


def test_hyperparameters_are_settings_of_the_run_they_lie_below(tmp_path: Path) -> None:
    for rate in (1e-4, 1e-3):
        written(tmp_path / str(rate), {"eval/loss": {5: rate}}, hparams={"lr": rate, "bsize": 8, "seed": 3})
    runs = read_runs([tmp_path], {}).runs
    assert [(run.arm, run.seed, run.settings) for run in runs] == [
        ("lr 1e-4", 3, {"batch_size": "8"}), ("lr 1e-3", 3, {"batch_size": "8"}),
    ]  # fmt: skip


def test_keras_folders_of_splits_are_one_run_in_epochs(tmp_path: Path) -> None:
    written(tmp_path / "train", {"epoch_loss": {0: 2.0, 1: 1.5}, "epoch_learning_rate": {0: 1e-3, 1: 1e-3}})
    written(tmp_path / "validation", {"epoch_loss": {0: 2.1, 1: 1.7}, "epoch_accuracy": {0: 0.3, 1: 0.4}})
    (run,) = read_runs([tmp_path], {}).runs
    assert [(point.epoch, point.splits) for point in run.points] == [
        (1.0, {"dev": {"loss": 2.1, "accuracy": 0.3}, "train": {"loss": 2.0}}),
        (2.0, {"dev": {"loss": 1.7, "accuracy": 0.4}, "train": {"loss": 1.5}}),
    ]
    assert run.arm == "lr 1e-3"


def test_folders_that_add_scalars_makes_are_of_the_run(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "a")) as writer:
        for step in (1, 2):
            writer.add_scalars("Loss", {"train": 2.0 / step, "val": 2.5 / step}, step)
            writer.add_scalar("lr", 1e-3, step)
    (run,) = read_runs([tmp_path], {}).runs
    assert run.arm == "lr 1e-3"
    assert [point.splits for point in run.points] == [
        {"dev": {"loss": 2.5}, "train": {"loss": 2.0}}, {"dev": {"loss": 1.25}, "train": {"loss": 1.0}},
    ]  # fmt: skip


def test_a_file_that_breaks_off_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    path = written(tmp_path / "a", {"eval/loss": {5: 2.0, 10: 1.5}})
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    assert [point.step for point in the_run(path).points] == [5]
    path.write_bytes(content[:-8] + b"\xff" + content[-7:])
    with pytest.raises(DataError, match=r"record 3 is damaged in "):
        TensorBoardEvents().read(path)
    path.write_bytes(content[:24] + b"\xff" * 16)
    with pytest.raises(DataError, match=r"records with checksums|hold scalars"):
        TensorBoardEvents().read(path)


def test_events_without_scalars_and_without_tensorboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, {})
    with pytest.raises(DataError, match="hold scalars: got none"):
        TensorBoardEvents().read(path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(DataError, match=r'is not installed; pip install "lrscope\[tensorboard\]"'):
        TensorBoardEvents().read(path)


def test_names_that_say_nothing() -> None:
    names = ("hp_metric", "evaluation_loss_vs_iterations", "train/total_flos", "accuracy", "")
    assert [scalar_name(name) for name in names] == [""] * 5


def test_values_are_those_that_were_logged_not_their_float32(tmp_path: Path) -> None:
    run = the_run(written(tmp_path, {"eval/loss": {5: 0.1}, "train/learning_rate": {5: 2e-5}}))
    assert run.points[0].splits["dev"] == {"loss": 0.1}
    assert run.rate == 2e-5


def test_checksums_are_those_of_tensorboard() -> None:
    from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

    each = [b"", b"a", b"abc", bytes(range(256)), b"xyz", b"\xff" * 1_000]
    assert masked_checksums(each).tolist() == [masked_crc32c(data) for data in each]


def test_large_records_are_passed_over_and_many_are_read(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("eval/loss", 0.5, 1)
        writer.add_text("note", "x" * (LARGEST + 1))
        for step in range(2, BATCH + 3):
            writer.add_scalar("eval/loss", 0.5 / step, step)
    (path,) = tmp_path.iterdir()
    assert the_run(path).series("dev", "loss")[-1] == (BATCH + 2, pytest.approx(0.5 / (BATCH + 2)))
    assert len(the_run(path).points) == BATCH + 2
