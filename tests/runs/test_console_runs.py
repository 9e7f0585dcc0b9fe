"""Which lines of a console log are one run, what it was evaluated on, how it ended, and where its rate comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrscope.runs.dev_set import DevSet
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.console import ConsoleLog
from lrscope.runs.notes import CutOff, EpochRepeated

LINE = "epoch {e}: train loss :: 1.{t}, train acc :: 0.3{e}, dev acc :: 0.2{e}\n"


def imported(tmp_path: Path, text: str, name: str = "run.log") -> Imported:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return ConsoleLog().read(path)


def epochs(*numbers: int, better: int = 0) -> str:
    return "".join(LINE.format(e=e, t=9 - e - better) for e in numbers)


def case(shared: Path, name: str) -> Imported:
    if not (path := shared / "field" / name).is_file():
        pytest.skip("the field cases are not here")
    return ConsoleLog().read(path)


def test_two_dev_sets_in_one_log(shared: Path) -> None:
    one, other = case(shared, "03-minllama-sst-then-cfimdb.log").runs
    assert one.dev_set == DevSet("data/sst-dev.txt", 1101, 1101)
    assert other.dev_set == DevSet("data/cfimdb-dev.txt", 245, 245), "the test set's 488 are not its size"


def test_a_quoted_line_and_a_run_without_its_beginning(shared: Path) -> None:
    file = case(shared, "15-quoted-epoch-line.log")
    (run,) = file.runs
    assert (run.rate, run.status, [point.epoch for point in run.points]) == (1e-6, "interrupted", [29, 30, 31])
    assert [type(note) for note in file.notes] == [CutOff, EpochRepeated]


def test_a_crashed_first_try_without_a_command_of_its_own(shared: Path) -> None:
    first, second = case(shared, "16-crashed-first-attempt.md").runs
    assert (first.arm, first.rate, first.status, first.settings["epochs"]) == ("lr 1e-6", 1e-6, "interrupted", "10")
    assert (second.rate, second.status, second.settings["epochs"]) == (1e-6, "completed", "5")


def test_nanogpt_torchtune_and_keras(shared: Path) -> None:
    (run,) = case(shared, "24-nanogpt.log").runs
    losses = dict(run.series("dev", "loss"))
    assert (run.rate, run.axis, losses[800]) == (None, "step", 1.6097)
    assert 4.26 < run.last("dev", "loss") < 4.27
    (run,) = case(shared, "25-torchtune-log.txt").runs
    assert (run.rate, run.points) == (2e-5, ())
    (run,) = case(shared, "31-keras-console.log").runs
    assert (run.series("dev", "accuracy")[-1], run.rate) == ((3, 0.861), None)


@pytest.mark.parametrize(
    ("lines", "dev_set"),
    [
        ("python run.py --lr 1e-4 --dev data/dev.txt", DevSet("data/dev.txt")),
        ("python run.py --lr 1e-4 --validation_file v.json --eval_steps 5", DevSet("v.json")),
        ("args: {'lr': 1e-4, 'dev': 'a.txt'}\nload 7 data from data/a.txt", DevSet("a.txt", 7, 7)),
        ("Loaded 1,101 examples from data/sst-dev.txt", DevSet("data/sst-dev.txt", 1101, 1101)),
        ("loaded 2210 examples from data/sst-test.txt", DevSet()),
        ("dev set: 1101 examples\ntest set: 2210 examples", DevSet("", 1101, 1101)),
        ("Number of validation samples: 872", DevSet("", 872, 872)),
        ("Train on 25000 samples, validate on 5000 samples", DevSet("", 5000, 5000)),
        ("test examples: 3", DevSet()),
        ("dev_size 0.1", DevSet()),
        ("====== Fold 2/5 ======", DevSet("fold 2")),
        ("========== fold: 2 training ==========", DevSet("fold 2")),
        ("Training fold 2 of 5", DevSet("fold 2")),
    ],
)
def test_the_dev_set_is_read(lines: str, dev_set: DevSet, tmp_path: Path) -> None:
    (run,) = imported(tmp_path, f"{lines}\n{epochs(1, 2)}").runs
    assert run.dev_set == dev_set


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("Traceback (most recent call last):\n  File 'a.py'\n", "interrupted"),
        ("KeyboardInterrupt\n", "interrupted"),
        ("RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB\n", "interrupted"),
        ("Killed\n", "interrupted"),
        ("Early stopping\n", "stopped"),
        ("Epoch 2: early stopping\n", "stopped"),
        ("EarlyStopping counter: 1 out of 5\n", "completed"),
        ("the memory was killed\n", "completed"),
        ("dev acc :: 0.22\ntest acc :: 0.2\nTraceback (most recent call last):\n", "completed"),
        (f"Traceback (most recent call last):\n{epochs(3)}", "completed"),
    ],
)
def test_how_a_run_ended(end: str, status: str, tmp_path: Path) -> None:
    (run,) = imported(tmp_path, epochs(1, 2) + end).runs
    assert run.status == status


def test_fewer_epochs_than_were_asked_for_are_unfinished(tmp_path: Path) -> None:
    text = "Epoch 1/5 - val loss: 0.5\nEpoch 2/5 - val loss: 0.4\n"
    assert imported(tmp_path, text).runs[0].status == "interrupted"
    assert imported(tmp_path, text + "Early stopping\n").runs[0].status == "stopped"
    assert imported(tmp_path, "max_iters = 500\nstep 0: val loss 3.0\nstep 250: val loss 2.5\n").runs[0].status == (
        "interrupted"
    )


def test_a_run_that_was_resumed_goes_on_and_another_does_not(tmp_path: Path) -> None:
    command = "python run.py --lr {} --epochs 4 --dev d.txt\n"
    for again, number in (("1e-4", 1), ("3e-4", 2)):
        text = command.format("1e-4") + epochs(1, 2) + "Killed\n" + command.format(again) + epochs(3, 4)
        assert len(imported(tmp_path, text).runs) == number
    (run,) = imported(tmp_path, command.format("1e-4") + epochs(1, 2) + "# after a night\n" + epochs(2, 3, 4)).runs
    assert [point.epoch for point in run.points] == [1, 2, 3, 4]


def test_quotations_are_no_runs_and_runs_that_begin_alike_are(tmp_path: Path) -> None:
    file = imported(tmp_path, f"# 1e-4\n{epochs(1, 2)}# 3e-4\n{epochs(1, 2, better=3)}# to notice\n{epochs(1)}")
    assert [run.rate for run in file.runs] == [1e-4, 3e-4]
    assert [note.line for note in file.notes if isinstance(note, EpochRepeated)] == [8]
    file = imported(tmp_path, f"# 1e-4\n{epochs(1, 2)}# other\n{epochs(1)}{epochs(2, better=3)}")
    assert [run.arm for run in file.runs] == ["lr 1e-4", "other"]


def test_steps_that_begin_again_are_another_run_and_repeated_ones_are_not(tmp_path: Path) -> None:
    steps = "".join(f"step {s}: train loss 2.{s}, val loss 2.{s}\niter {s}: loss 2.{s}, time 1ms\n" for s in (0, 5, 9))
    assert [len(run.points) for run in imported(tmp_path, steps + steps.replace("2.", "3.")).runs] == [3, 3]
    (run,) = imported(tmp_path, steps + "step 5: train loss 1.0, val loss 1.5\n").runs
    assert run.series("dev", "loss") == [(0, 2.0), (5, 1.5), (9, 2.9)]


@pytest.mark.parametrize(
    ("before", "name", "rate"),
    [
        ("", "run.log", None),
        ("", "train_lr3e-4.log", 3e-4),
        ("", "lr3-notes.log", None),
        ("# 1e-4\n", "lr=3e-4.log", 1e-4),
        ("learning_rate = 1e-3 # with small networks\nmin_lr = 1e-4 # learning_rate / 10 usually\n", "a.log", 1e-3),
        ("Overriding: learning_rate = 0.002\nlr_decay_iters = 5000\n", "a.log", 2e-3),
        ("save the model to finetune-2-1e-06.pt\n", "a.log", 1e-6),
        ("min_lr: 1e-6\nbase_lr: 1e-3\n", "a.log", 1e-3),
    ],
)
def test_where_a_rate_comes_from(before: str, name: str, rate: float | None, tmp_path: Path) -> None:
    (run,) = imported(tmp_path, before + epochs(1, 2), name).runs
    assert run.rate == rate


def test_what_else_a_heading_names_makes_arms(tmp_path: Path) -> None:
    heads = (f"{20 * '='} lr: 1e-4 | batch size: 8 {20 * '='}", f"{20 * '='} lr: 1e-4 | batch size: 32 {20 * '='}")
    text = "".join(f"{head}\n{epochs(1, 2, better=place)}" for place, head in enumerate(heads))
    assert [(run.rate, run.settings["batch_size"]) for run in imported(tmp_path, text).runs] == [
        (1e-4, "8"),
        (1e-4, "32"),
    ]
    heads = ("Training with lr=1e-4, batch_size=8", "Training with lr=1e-4, batch_size=32")
    text = "".join(f"{head}\n{epochs(1, 2, better=place)}" for place, head in enumerate(heads))
    assert [(run.rate, run.settings["batch_size"]) for run in imported(tmp_path, text).runs] == [
        (1e-4, "8"),
        (1e-4, "32"),
    ]


def test_a_bar_and_a_line_of_one_epoch_are_one(tmp_path: Path) -> None:
    text = "".join(
        f"Epoch {e}/2: 100%|###| 10/10 [00:02<00:00, 5.0it/s, loss=0.9]\nEpoch {e}: loss 0.8, val loss 0.{e}\n"
        for e in (1, 2)
    )
    file = imported(tmp_path, text)
    assert (len(file.runs), file.notes, file.runs[0].last("train", "loss")) == (1, (), 0.8)


def test_what_is_read_is_not_listed_as_unread(tmp_path: Path) -> None:
    text = "load 7 data from dev.txt\nsave the model to finetune-2-1e-06.pt\nlearning_rate = 1e-3\n" + epochs(1, 2)
    assert imported(tmp_path, text + "some words\nEarly stopping\n").unread == ((6, "some words"),)


def test_seeds_alone_in_headings_are_seeds_of_what_the_file_is_of(tmp_path: Path) -> None:
    file = imported(tmp_path, f"seed = 1\n{epochs(1, 2)}seed = 2\n{epochs(1, 2, better=1)}")
    assert [(run.arm, run.seed) for run in file.runs] == [("", 1), ("", 2)]


def test_of_several_processes_that_print_one_is_read(tmp_path: Path) -> None:
    text = "".join(
        f"[rank{rank}] Epoch {epoch}/3 train loss {1 / epoch:.3f} val loss {1.1 / epoch + rank / 100:.3f}\n"
        for epoch in (1, 2, 3)
        for rank in (1, 0, 2)
    )
    (run,) = imported(tmp_path, text).runs
    assert run.series("dev", "loss") == [(1.0, 1.11), (2.0, 0.56), (3.0, 0.377)]


@pytest.mark.parametrize("summary", ["lr=1e-4 dev acc: 0.9", "dev acc: 0.9 ± 0.01", "mean dev acc: 0.9 over 3 seeds"])
def test_a_summary_of_several_runs_is_none_of_the_last(summary: str, tmp_path: Path) -> None:
    file = imported(tmp_path, f"### lr=1e-4\n{epochs(0, 1)}### lr=1e-3\n{epochs(0, 1, better=1)}{summary}\n")
    assert [run.final for run in file.runs] == [{}, {}]
    assert not file.notes
