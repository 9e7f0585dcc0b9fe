"""Advice follows from findings, and its commands run: with the settings of the study that it is about."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy

import lrscope
from lrscope.findings.advice import advice
from lrscope.findings.commands import finetune_command, sweep
from lrscope.findings.findings import findings
from lrscope.findings.learning_curves import Course
from lrscope.findings.statements import SeedCollapsed
from lrscope.number_text import format_rate
from lrscope.records import Metric
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.notes import SettingUnused
from lrscope.runs.quantities import Names, Text
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions


def imported(values: dict[float, list[float]], size: int = 2000, **settings: str) -> Conclusions:
    runs = [
        Run(
            f"lr {format_rate(rate)}",
            0,
            rate,
            tuple(Point(None, n, {"dev": {"acc": v}}) for n, v in enumerate(course, start=1)),
        )
        for rate, course in values.items()
    ]
    return Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": size}, settings=settings))


def kinds(c: Conclusions) -> dict[str, str]:
    return {each.suggestion.kind: str(each.command or "") for each in advice(c, findings(c))}


def test_a_clear_peak_between_rates_far_apart_calls_for_a_finer_grid_and_batches() -> None:
    tops = {1e-5: 0.30, 1e-4: 0.40, 1e-3: 0.46, 1e-2: 0.40, 1e-1: 0.30}
    found = kinds(imported({rate: [top] for rate, top in tops.items()}, batch_size="32"))
    assert found["finer-grid"].endswith("--lr 3.2e-4,3.2e-3")
    assert found["scale-batch"].endswith("--lr 1e-3 --batch-size 32,128 --scale-lr sqrt")
    assert "--batch-size 32 " not in found["scale-batch"], "an option stands once"
    assert "more-seeds" not in found, "one arm is left"


def test_losses_of_several_seeds_show_what_their_course_is() -> None:
    courses = {1e-3: [3.0, 2.6, 2.3, 2.0], 1e-2: [2.0, 1.5, 1.8, 2.1]}
    runs = [
        Run(
            f"lr {format_rate(rate)}", seed, rate,
            tuple(Point(n, n, {"dev": {"loss": v + 0.01 * seed}}) for n, v in enumerate(course, start=1)),
        )
        for rate, course in courses.items() for seed in (0, 1)
    ]  # fmt: skip
    losses = Conclusions(Runs("x", Metric("loss", "minimize"), tuple(runs), {}))
    found = {each.kind for each in findings(losses)}
    assert {"still-improving", "worse-after-best", "means-only"} <= found
    assert "unknown-size" not in found, "a size would not tell how losses vary between examples"
    single = Conclusions(Runs("x", Metric("loss", "minimize"), tuple(run for run in runs if run.seed == 0), {}))
    assert not {"still-improving", "worse-after-best"} & {each.kind for each in findings(single)}


def test_rates_that_did_not_reach_the_training_are_to_be_mended_first() -> None:
    c = imported({1e-4: [0.3], 1e-3: [0.4], 1e-2: [0.5]})
    assert "wider-grid" in kinds(c)
    unused = SettingUnused(Text("lr"), Names(["1e-4", "1e-3"]))
    assert not kinds(replace(c, runs=replace(c.runs, notes=(unused,))))


def test_what_was_not_found_is_not_advised() -> None:
    assert set(kinds(imported({1e-4: [0.4], 1e-3: [0.4]}))) <= {
        "measure-seeds",
        "more-seeds",
        "more-examples",
        "wider-grid",
        "compare-schedules",
    }


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ([0.1, 0.4, 0.2, 0.4, 0.2, 0.4], 2),
        ([0.1, 0.4, 0.2, 0.1], None),
        ([0.1, 0.2, 0.3], None),
        ([0.1, 0.4, 0.39, 0.4], None),
        ([0.4, 0.3, 0.2, 0.4], 1),
    ],
)
def test_swings(values: list[float], number: int | None) -> None:
    found = Course(tuple((float(n), value) for n, value in enumerate(values)), 0.01).swings()
    assert (found and found[0]) == number


def test_swings_beyond_noise_call_for_a_warmup() -> None:
    assert "longer-warmup" in kinds(imported({1e-3: [0.3, 0.45, 0.3, 0.45, 0.46], 1e-4: [0.3, 0.4, 0.42, 0.44, 0.46]}))


@pytest.mark.slow
def test_commands_say_the_settings_of_their_study(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = ["--lr", "1e-3,1e-2", "--epochs", "1", "--optimizer", "sgd", "--dropout", "0.1", "--clip-norm", "0"]
    options += ["--train-part", "head", "--schedule", "cosine", "--warmup", "0", "--seeds", "2", "--max-tokens", "40"]
    assert cli("sweep", *toy.options(*options), "--out", tmp_path / "s", "--yes")[0] == 0
    runs = read_runs([tmp_path / "s"], {})
    for command, folder in ((finetune_command(runs, "lr 1e-2"), "f"), (sweep(runs, peak_rate=(1e-2, 1e-1)), "n")):
        words = shlex.split(str(command))
        assert words[0] == "lrscope"
        code, _, error = cli(*words[1:], "--out", tmp_path / folder)
        assert code == 0, error
    asked, one, new = (read_runs([tmp_path / name], {}).study for name in ("s", "f", "n"))
    assert asked is not None
    assert one is not None
    assert new is not None
    assert (one.model, new.model) == (asked.model, asked.model)
    assert one.data.max_tokens == new.data.max_tokens == 40
    for name in ("optimizer", "dropout", "clip_norm", "schedule", "epochs", "batch_size"):
        assert getattr(one.trial, name) == getattr(new.trial, name) == getattr(runs.configs["lr 1e-2"], name), name
    assert one.trial.peak_rate == 1e-2
    assert new.sweep is not None
    assert new.sweep.seeds == 2


@pytest.mark.slow
def test_a_warmup_that_is_compared_takes_the_place_of_the_schedules_own(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    options = toy.options("--lr", "1e-3", "--epochs", "1", "--schedule", "warmup(10%) > cosine")
    assert cli("sweep", *options, "--out", tmp_path / "s", "--yes")[0] == 0
    command = str(sweep(read_runs([tmp_path / "s"], {}), peak_rate=1e-3, warmup=("6%", "20%")))
    assert "--schedule cosine" in command
    assert cli(*shlex.split(command)[1:], "--out", tmp_path / "n")[0] == 0


def test_the_best_epoch_costs_more_than_the_last() -> None:
    c = imported({1e-4: [0.3, 0.42, 0.41, 0.40], 1e-3: [0.3, 0.40, 0.42, 0.41]}, size=500)
    at_best = Conclusions(replace(c.runs, at_best=True))
    assert [arm.value for arm in at_best.arms] == [0.42, 0.42]
    assert at_best.optimism > at_best.epoch_optimism > 0.005
    assert c.epoch_optimism == 0.0


def test_a_seed_that_collapsed_is_named() -> None:
    values = {1e-4: [0.40, 0.41, 0.40], 1e-3: [0.42, 0.21, 0.43], 1e-2: [0.38, 0.37, 0.40]}
    runs = [
        Run(f"lr {format_rate(rate)}", seed, rate, (Point(None, 1, {"dev": {"acc": value}}),))
        for rate, of_arm in values.items()
        for seed, value in enumerate(of_arm)
    ]
    c = Conclusions(Runs("x", Metric("acc", "maximize"), tuple(runs), {"dev": 2000}))
    assert [(each.arm, each.seed) for each in findings(c) if isinstance(each, SeedCollapsed)] == [("lr 1e-3", 1)]


def test_no_command_is_made_of_imported_settings_that_differ_in_more_than_the_rate(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("lr,batch_size,val_acc\n1e-5,16,0.80\n2e-5,32,0.82\n4e-5,64,0.81\n")
    runs = read_runs([table], {})
    assert sweep(runs, peak_rate=(1e-5, 2e-5), seeds=8) is None
    assert sweep(runs, peak_rate=1e-5, batch_size=(16, 64)) is not None
    found = kinds(Conclusions(runs))
    assert not any(found.values())
    assert "more-seeds" in found


def test_where_seed_noise_is_assumed_seeds_are_advised_with_a_command() -> None:
    found = kinds(imported({1e-4: [0.30], 1e-3: [0.46], 1e-2: [0.44], 1e-1: [0.3]}, size=300))
    assert found["measure-seeds"].endswith("--lr 1e-3,1e-2 --seeds 3"), "of those that may be the best"
    assert "more-examples" in found


def test_runs_of_another_trainer_are_added_to_by_its_own_command() -> None:
    """What is not to be said to any training stays with the built-in one; so do runs whose inputs are known."""
    runs = imported({1e-4: [0.30], 1e-3: [0.46]}, per_device_train_batch_size="16").runs
    text = str(sweep(runs, peak_rate=(1e-4, 1e-3), seeds=3))
    first, *rest = shlex.split(text)[2:]
    assert (first, rest[1:]) == ("--command", ["--lr", "1e-4,1e-3", "--seeds", "3"])
    assert rest[0] == "python train.py --learning_rate {lr} --seed {seed} --output_dir {out}"
    assert "--num_train_epochs {epochs}' --lr 1e-3 --epochs 6" in str(sweep(runs, peak_rate=1e-3, epochs=6))
    assert "--model MODEL" in str(sweep(runs, peak_rate=1e-3, batch_size=(16, 64)))
    known = replace(runs, settings={"model": "m", "train": "t.txt", "dev": "d.txt"})
    assert str(sweep(known, peak_rate=1e-3)) == "lrscope sweep --model m --train t.txt --dev d.txt --lr 1e-3"
    c = Conclusions(runs)
    told = [each for each in advice(c, findings(c)) if each.command and "command" in each.command.options]
    for lang, clause in (("en", "{lr}, {seed} and {out} are filled in"), ("zh", "填入 {lr}、{seed} 和 {out}")):
        assert clause in Wording(locale(lang), "acc").cost(told[0])


def test_what_failed_is_to_be_run_again_and_no_rate_beyond_it_tried(tmp_path: Path) -> None:
    def train(trial: lrscope.Trial) -> float:
        if trial.lr > 1e-3:
            raise MemoryError("not enough for this one")
        return trial.lr

    study = lrscope.sweep(train, lr=[1e-4, 1e-3, 1e-2], seeds=1, metric="accuracy", out=tmp_path / "s", progress=False)
    found = kinds(Conclusions(read_runs([study.folder], {})))
    assert found["retry-failed"].endswith("--retry-failed")
    assert found["wider-grid"].endswith("--lr 3.3e-5"), "below what was measured, and not above it"
