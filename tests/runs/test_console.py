"""Console logs as they come: debris, headings, several settings' spellings, cut-off runs, nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrscope.errors import DataError
from lrscope.findings.findings import findings
from lrscope.findings.statements import Confounded, StillImproving, UnknownSpread, WorseAfterBest
from lrscope.runs.importers.console import ConsoleLog
from lrscope.runs.importers.headings import rate_in
from lrscope.runs.notes import (
    CutOff,
    DuplicateRun,
    EpochRepeated,
    HeadingDiffers,
    OtherMetrics,
    SummaryDiffers,
    Unfinished,
)  # fmt: skip
from lrscope.runs.quantities import Count, Names, Setting, Text
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions

RUN = """\
epoch 0: train loss :: 1.9, train acc :: 0.25, dev acc :: 0.24
epoch 1: train loss :: 1.5, train acc :: 0.35, dev acc :: 0.31{debris}
dev acc :: 0.310
test acc :: 0.300
"""


def read_log(path: Path, sizes: dict[str, int], metric: str | None = None) -> Runs:
    return read_runs([path], sizes, metric)


def written(tmp_path: Path, text: str, name: str = "run.log") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8"))
    return path


def test_the_studys_own_log(shared: Path) -> None:
    runs = read_log(shared / "logs" / "sst-learning-rates.log", {"dev": 1101})
    table = [
        (
            arm, run.best("dev", runs.metric)[1], run.final["test"]["acc"], run.last("train", "loss"),
            run.last("train", "acc"),
        )
        for arm, (run,) in runs.arms.items()
    ]  # fmt: skip
    assert table == [
        ("lr 1e-7", 0.271, 0.259, 2.145, 0.262),
        ("lr 1e-6", 0.291, 0.278, 1.734, 0.304),
        ("lr 1e-5", 0.410, 0.398, 1.266, 0.550),
        ("lr 2e-5", 0.410, 0.393, 0.989, 0.775),
        ("lr 1e-4", 0.390, 0.409, 0.981, 0.763),
        ("lr 1e-3", 0.374, 0.402, 0.934, 0.751),
    ]
    assert not runs.unread
    (note,) = runs.notes
    assert isinstance(note, HeadingDiffers)
    assert (note.heading, note.rate) == (1e-7, 1e-3)
    conclusions = Conclusions(runs)
    assert [arm.standing for arm in conclusions.arms] == ["too low"] * 2 + ["contender"] * 4
    assert conclusions.choice.is_default
    found = findings(conclusions)
    assert [each.arm for each in found if isinstance(each, StillImproving)] == ["lr 1e-5"]
    assert not [each for each in found if isinstance(each, WorseAfterBest)], "one sentence is no fall"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("debris", ["", "█▌", " █▌ ", "\x1b[0m"])
def test_debris_and_line_ends(end: str, debris: str, tmp_path: Path) -> None:
    bar = "train-0:  50%|█████     | 53/107 [00:06<00:06,  8.4it/s]\rtrain-0: 100%|██████████| 107/107 [00:12<00:00]"
    text = f"## 2e-5\n{bar}\n{RUN.format(debris=debris)}".replace("\n", end)
    runs = read_log(written(tmp_path, text), {})
    (run,) = runs.runs
    assert (run.arm, run.rate, len(run.points)) == ("lr 2e-5", 2e-5, 2)
    assert run.final == {"dev": {"acc": 0.31}, "test": {"acc": 0.3}}
    assert not runs.unread


@pytest.mark.parametrize(
    "line",
    [
        "python run.py --option finetune --lr 3e-4 --epochs 2 --batch_size 8",
        "args: {'lr': 3e-4, 'epochs': 2, 'batch_size': 8}",
        "args: Namespace(lr=0.0003, epochs=2, batch_size=8, train='data/a.txt')",
    ],
)
def test_settings_are_read_from_commands_and_arguments(line: str, tmp_path: Path) -> None:
    runs = read_log(written(tmp_path, f"{line}\n{RUN.format(debris='')}"), {})
    assert (runs.runs[0].rate, runs.runs[0].settings["batch_size"]) == (3e-4, "8")
    assert not runs.unread


def test_a_run_that_was_cut_off_is_said_to_be(tmp_path: Path) -> None:
    line = "python run.py --lr 1e-4 --epochs 5\n"
    runs = read_log(written(tmp_path, line + RUN.format(debris="")), {})
    assert runs.runs[0].status == "interrupted"
    assert [(note.epochs, note.of) for note in runs.notes if isinstance(note, CutOff)] == [(2, 5)]


def test_runs_without_headings_are_told_apart_by_their_epochs(tmp_path: Path) -> None:
    other = RUN.replace("0.31", "0.32").format(debris="")
    runs = read_runs([written(tmp_path, "# 1e-4\n" + RUN.format(debris="") + other)], {})
    assert [(run.arm, run.seed) for run in runs.runs] == [("lr 1e-4", 0), ("lr 1e-4", 1)]


def test_what_cannot_be_read_is_listed(tmp_path: Path) -> None:
    runs = read_log(written(tmp_path, "some words\n# 1e-4\n" + RUN.format(debris="") + "epoch 2: nothing here\n"), {})
    assert runs.unread == ((1, "some words"), (7, "epoch 2: nothing here"))


def test_values_that_are_not_numbers(tmp_path: Path) -> None:
    text = "# 1e-2\nepoch 0: train loss :: nan, dev acc :: 0.2\nepoch 1: train loss :: nan, dev acc :: 0.2\n"
    (run,) = read_log(written(tmp_path, text), {}).runs
    assert (run.last("dev", "acc"), run.status) == (0.2, "diverged")


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "got none in"), ("# 1e-5\nwords\n", "got none in"), ("eval_interval = 200\ndev 3\n", "got none in")],
)
def test_logs_with_nothing_to_compare(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        read_log(written(tmp_path, text), {})


def test_a_log_without_an_evaluation_has_its_training(tmp_path: Path) -> None:
    (run,) = ConsoleLog().read(written(tmp_path, "epoch 0: train loss :: 1.0\nepoch 1: train loss :: 0.5\n")).runs
    assert (run.points, run.arm, run.rate) == ((), "", None)
    assert run.log is not None
    assert list(run.log.losses) == [1.0, 0.5]


def test_sources_of_several_kinds_are_refused(tmp_path: Path) -> None:
    log = written(tmp_path, "# 1e-4\n" + RUN.format(debris=""))
    with pytest.raises(DataError, match="every file is given once"):  # the folder stands for the log in it
        read_runs([log, tmp_path], {})
    with pytest.raises(DataError, match="there is no"):
        read_runs([tmp_path / "none"], {})
    both = read_runs([log, written(tmp_path, "# 1e-3\n" + RUN.format(debris=""), "other.log")], {})
    assert list(both.arms) == ["lr 1e-4", "lr 1e-3"]


EPOCH = "epoch {epoch}: train loss :: {loss:.3f}, train acc :: 0.400, dev acc :: {acc:.3f}\n"


def epochs(*numbers: int) -> str:
    return "".join(
        EPOCH.format(epoch=n, loss=2 - n / 10 - at / 1000, acc=0.3 + n / 100) for at, n in enumerate(numbers)
    )


def test_an_epoch_that_stands_twice_is_no_second_seed(tmp_path: Path) -> None:
    runs = read_log(written(tmp_path, "# 1e-4\n" + epochs(0, 1, 2, 1, 2, 3)), {})
    (run,) = runs.runs
    assert [point.epoch for point in run.points] == [1, 2, 3, 4]
    assert run.points[1].value("train", "loss") == 1.897, "the last time counts"
    assert [note.epoch for note in runs.notes if isinstance(note, EpochRepeated)] == [2, 3]


def test_epochs_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    (run,) = read_log(written(tmp_path, "# 1e-4\n" + epochs(0, 2, 1)), {}).runs
    assert [point.epoch for point in run.points] == [1, 2, 3]


def test_values_that_stand_under_every_epoch_are_the_epochs(tmp_path: Path) -> None:
    text = "".join(f"epoch {n}: train loss :: 1.{n}\ndev acc :: 0.3{n}\ntest acc :: 0.2{n}\n" for n in range(3))
    runs = read_log(written(tmp_path, "# 1e-4\n" + text), {})
    (run,) = runs.runs
    assert run.series("dev", "acc") == [(1, 0.30), (2, 0.31), (3, 0.32)]
    assert run.final["test"] == {"acc": 0.22}
    assert not runs.unread


def test_a_summary_that_no_epoch_bears_out(tmp_path: Path) -> None:
    runs = read_log(written(tmp_path, "# 1e-4\n" + epochs(0, 1) + "dev acc :: 0.900\n"), {})
    (note,) = runs.notes
    assert isinstance(note, SummaryDiffers)
    assert (note.arm, note.final) == ("lr 1e-4", 0.9)
    assert Conclusions(runs).arms[0].value == 0.31


@pytest.mark.parametrize(
    ("end", "number"),
    [("dev acc :: 0.3", 2), ("dev acc ::", 2), ("dev a", 2), ("dev acc :: 0.340", 3), ("dev acc :: 0.34\n", 3)],
)
def test_a_file_that_breaks_off_within_a_value(end: str, number: int, tmp_path: Path) -> None:
    last = f"epoch 2: train loss :: 1.700, train acc :: 0.400, {end}"
    runs = read_log(written(tmp_path, "# 1e-4\n" + epochs(0, 1) + last), {})
    assert len(runs.runs[0].points) == number
    assert runs.unread == (() if number == 3 else ((4, last),))


def test_a_last_line_that_is_like_the_others_is_whole(tmp_path: Path) -> None:
    text = "\n".join(f"epoch {n}: train loss :: 1.5, dev acc :: 0.3{n}, took 3s" for n in range(2))
    assert len(read_log(written(tmp_path, "# 1e-4\n" + text), {}).runs[0].points) == 2


def test_a_metric_is_named_and_the_others_are_told(tmp_path: Path) -> None:
    text = "".join(f"epoch {n}: dev loss :: 1.{n}, dev f1 :: 0.3, dev acc :: 0.4\n" for n in range(2))
    path = written(tmp_path, "# 1e-4\n" + text)
    runs = read_log(path, {})
    assert runs.metric == ("acc", "maximize")
    assert runs.notes[0] == OtherMetrics(Text("acc"), Names(["f1"]))
    assert read_log(path, {}, "f1").metric == ("f1", "maximize")
    assert read_log(path, {}, "loss").metric == ("loss", "minimize")
    with pytest.raises(DataError, match="it has acc, f1, loss"):
        read_log(path, {}, "bleu")


def test_a_file_given_twice_and_a_copy_of_it(tmp_path: Path) -> None:
    log = written(tmp_path, "# 1e-4\n" + epochs(0, 1, 2))
    with pytest.raises(DataError, match="every file is given once"):
        read_runs([log, tmp_path / "." / log.name], {})
    copy = written(tmp_path, log.read_text(encoding="utf-8"), "copy.log")
    (note,) = read_runs([log, copy], {}).notes
    assert note == DuplicateRun(Setting("lr 1e-4"), Count(9))


TWO = """\
epoch 0: train loss :: 1.9, train acc :: 0.250, dev acc :: {0}
epoch 1: train loss :: 1.7, train acc :: 0.310, dev acc :: {1}
"""


@pytest.mark.parametrize(
    "heading",
    [
        "=== lr=1e-5 ===",
        "---- 1e-5 ----",
        "lr: 1e-5",
        "learning rate 1e-5",
        "Run with LR = 1e-5",
        "学习率 1e-5",
        "1e-5:",
        "### 1×10^-5",
    ],
)
def test_headings_of_many_kinds(heading: str, tmp_path: Path) -> None:
    text = f"# 3e-4\n{TWO.format(0.3, 0.4)}\n{heading}\n{TWO.format(0.31, 0.41)}"
    runs = read_runs([written(tmp_path, text)], {})
    assert [run.rate for run in runs.runs] == [3e-4, 1e-5]
    assert not runs.unread


def test_seeds_in_headings(tmp_path: Path) -> None:
    headings = ["lr=1e-5 seed=3", "##### 1e-5 (seed 1)", "seed: 7"]
    text = "".join(f"{heading}\n{TWO.format(0.3, 0.4 + n / 100)}" for n, heading in enumerate(headings))
    runs = read_runs([written(tmp_path, text)], {})
    assert [(run.arm, run.seed) for run in runs.runs] == [("lr 1e-5", 3), ("lr 1e-5", 1), ("lr 1e-5", 7)]


def test_a_run_after_lines_that_could_not_be_read_is_no_seed_of_the_one_before(tmp_path: Path) -> None:
    text = f"# 1e-5\n{TWO.format(0.3, 0.4)}and now something else\n{TWO.format(0.2, 0.3)}"
    runs = read_runs([written(tmp_path, text)], {})
    assert [run.rate for run in runs.runs] == [1e-5, None]
    assert [line for _, line in runs.unread] == ["and now something else"]


def test_a_line_right_behind_a_bar(tmp_path: Path) -> None:
    bar = "train-0: 100%|██████████| 107/107 [00:12<00:00, 8.4it/s]"
    text = "# 1e-5\n" + "".join(bar + line + "\n" for line in TWO.format(0.3, 0.4).splitlines())
    assert len(read_log(written(tmp_path, text), {}).runs[0].points) == 2


def test_runs_at_other_settings_are_other_arms(tmp_path: Path) -> None:
    text = "".join(
        f"python run.py --lr {lr} --batch_size {size} --seed {seed}\n{TWO.format(0.3, 0.3 + size / 1000 + seed / 500)}"
        for lr in ("1e-5", "3e-5")
        for size in (8, 64)
        for seed in (0, 1)
    )
    runs = read_runs([written(tmp_path, text)], {"dev": 1000})
    assert list(runs.arms) == [f"lr {lr}, batch size {size}" for lr in ("1e-5", "3e-5") for size in (8, 64)]
    assert [len(of_arm) for of_arm in runs.arms.values()] == [2] * 4
    assert not Conclusions(runs).is_confounded


def test_what_else_differs_is_not_laid_to_the_rate(tmp_path: Path) -> None:
    text = "".join(
        f"python run.py --lr {lr} --dropout {dropout} --seed {seed}\n{TWO.format(0.3, value + seed / 200)}"
        for lr, dropout, value in (("1e-5", 0.1, 0.3), ("1e-4", 0.3, 0.5), ("1e-3", 0.5, 0.3))
        for seed in (0, 1, 2)
    )
    c = Conclusions(read_runs([written(tmp_path, text)], {"dev": 2000}))
    assert {arm.standing for arm in c.arms} == {"contender", "worse"}, "no rate is called too low"
    assert [each.settings for each in findings(c) if isinstance(each, Confounded)] == [("dropout",)]


def test_an_unfinished_run_has_no_value_beside_complete_ones(tmp_path: Path) -> None:
    short = TWO.format(0.3, 0.45).splitlines()[0]
    text = f"# 1e-5\n{TWO.format(0.3, 0.4)}# 1e-4\n{short}\n"
    c = Conclusions(read_runs([written(tmp_path, text)], {"dev": 1000}))
    assert [arm.standing for arm in c.arms] == ["contender", "no value"]
    assert [each.arm for each in findings(c) if isinstance(each, Unfinished)] == ["lr 1e-4"]
    alone = Conclusions(read_runs([written(tmp_path, f"python r.py --lr 1 --epochs 9\n{TWO.format(0.3, 0.4)}")], {}))
    assert alone.arms[0].value == 0.4, "where none is complete, all are judged where they ended"


def test_a_training_loss_that_is_no_number_is_divergence(tmp_path: Path) -> None:
    text = f"# 1e-5\n{TWO.format(0.3, 0.4)}# 1e-1\n{TWO.format(0.2, 0.2).replace('1.7', 'nan')}"
    c = Conclusions(read_runs([written(tmp_path, text)], {"dev": 1000}))
    assert [arm.num_diverged for arm in c.arms] == [0, 1]


def test_of_metrics_that_are_no_shares_one_seed_tells_nothing(tmp_path: Path) -> None:
    text = f"# 1e-5\n{TWO.format(30.0, 42.0)}# 1e-4\n{TWO.format(30.0, 20.0)}"
    runs = read_runs([written(tmp_path, text)], {"dev": 1000})
    c = Conclusions(runs)
    assert [arm.standing for arm in c.arms] == ["contender"] * 2
    assert UnknownSpread in {type(each) for each in findings(c)}
    assert [arm.standing for arm in Conclusions(runs, seed_sd=1.4).arms] == ["contender", "too high"]


@pytest.mark.parametrize(
    "line", ["lr: 0.0005", "Best: learning rate 1e-4", "error rate: 0.31", "0.4123", "best lr 1e-4"]
)
def test_what_a_program_prints_at_its_end_is_not_the_next_runs_rate(line: str, tmp_path: Path) -> None:
    for mark in ("##### {}", "python run.py --lr {}"):
        text = "".join(f"{mark.format(lr)}\n{TWO.format(0.3, 0.4 + float(lr))}{line}\n" for lr in ("1e-3", "1e-2"))
        assert [run.rate for run in read_runs([written(tmp_path, text)], {}).runs] == [1e-3, 1e-2]


@pytest.mark.parametrize(
    ("heading", "rate"),
    [("dropout rate 0.3, lr 1e-5", 1e-5), ("3", None), ("experiment 2", None), ("rate 1e-4", 1e-4), ("lr 2", 2.0)],
)
def test_only_a_learning_rate_is_one(heading: str, rate: float | None) -> None:
    assert rate_in(heading) == rate


def test_unfinished_runs_of_unequal_length_have_no_value(tmp_path: Path) -> None:
    long = TWO.format(0.3, 0.45)
    text = f"python r.py --lr 1e-3 --epochs 9\n{long}python r.py --lr 1e-4 --epochs 9\n{long.splitlines()[0]}\n"
    c = Conclusions(read_runs([written(tmp_path, text)], {"dev": 1000}))
    assert {arm.standing for arm in c.arms} == {"no value"}


def test_seeds_that_collapsed_alike_are_seeds(tmp_path: Path) -> None:
    text = "".join(
        f"lr 1e-3 seed {seed}\n" + "".join(f"epoch {n}: dev acc :: 0.231\n" for n in range(8)) for seed in (1, 2, 3)
    )
    assert [run.seed for run in read_runs([written(tmp_path, text)], {}).runs] == [1, 2, 3]


@pytest.mark.parametrize("name", ["epochs", "max_epochs", "n_epochs", "train_epochs", "num_train_epochs"])
def test_epochs_by_whatever_name_make_arms(name: str, tmp_path: Path) -> None:
    text = "".join(f"python r.py --lr 1e-3 --{name} {n} --warmup_epochs 1\n{TWO.format(0.3, 0.4)}" for n in (2, 3))
    runs = read_runs([written(tmp_path, text)], {})
    assert len(runs.arms) == 2
    assert [run.status for run in runs.runs] == ["completed", "interrupted"]


def test_folders_are_no_settings_and_a_setting_that_not_all_tell(tmp_path: Path) -> None:
    text = "".join(f"python r.py --lr 1e-3 --model_dir out/{n}\n{TWO.format(0.3, 0.4 + n / 100)}" for n in (1, 2))
    assert len(read_runs([written(tmp_path, text)], {}).arms) == 1
    parts = [" --batch_size 8", " --batch_size 32", ""]
    text = "".join(f"python r.py --lr 1e-3{part}\n{TWO.format(0.3, 0.4 + len(part) / 100)}" for part in parts)
    assert list(read_runs([written(tmp_path, text)], {}).arms) == [
        "lr 1e-3, batch size 8",
        "lr 1e-3, batch size 32",
        "lr 1e-3",
    ]


def test_numbers_as_python_prints_them_and_epochs_from_one(tmp_path: Path) -> None:
    text = "# 1e-3\nepoch 1: train loss :: 1.2e+03, dev acc :: .31\nepoch 2: train loss :: 2., dev acc :: 0.4\n"
    (run,) = read_log(written(tmp_path, text), {}).runs
    assert run.series("train", "loss") == [(1, 1200.0), (2, 2.0)]
    assert run.series("dev", "acc")[0] == (1, 0.31)
    read_log(written(tmp_path, "args: {1, 2}\n" + text), {})
