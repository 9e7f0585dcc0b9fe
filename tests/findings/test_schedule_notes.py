"""Schedules that were not what their names say, and what else the records of runs give away."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Cli, Toy

from lrscope.errors import DataError
from lrscope.findings.findings import findings
from lrscope.runs.notes import Overlap, PeakEstimated, RateRises, ScheduleCut, ScheduleDiffers
from lrscope.runs.quantities import Count, Settings, Text
from lrscope.runs.sources import read_runs
from lrscope.runs.training_log import TrainingLog, schedule_notes
from lrscope.schedules import parse
from lrscope.statistics.conclusions import Conclusions


def planned(text: str, steps: int = 100) -> np.ndarray:
    return np.asarray(parse(text).resolve(total_steps=steps, steps_per_epoch=20, peak_rate=1.0).factors())


@pytest.mark.parametrize("text", ["warmup(6%) > linear", "cosine", "constant", "restarts(20st)", "step(1ep)"])
def test_a_schedule_that_was_kept_to_is_no_finding(text: str) -> None:
    whole = planned(text)
    assert list(schedule_notes([("a", [TrainingLog(whole, whole)])])) == []


def test_a_cosine_whose_period_of_epochs_was_stepped_per_batch() -> None:
    steps = np.arange(535)
    rates = 1e-3 * (1 + np.cos(np.pi * steps / 5)) / 2  # torch's closed form goes on beyond its T_max of 5
    (note,) = schedule_notes([("lr 1e-3", [TrainingLog(rates)]), ("lr 1e-2", [TrainingLog(rates[:4])])])
    assert note == RateRises(Settings(["lr 1e-3"]), Count(53))


@pytest.mark.parametrize("text", ["warmup(6%) > linear", "cosine", "step(1ep)"])
def test_a_schedule_that_only_falls_never_rises(text: str) -> None:
    assert TrainingLog(planned(text)).num_rises == 0


def test_a_run_that_was_left_early() -> None:
    whole = planned("linear")
    assert TrainingLog(whole[:40], whole).left_at == pytest.approx(whole[39])
    assert TrainingLog(whole[:99], whole).left_at is None
    losses = np.ones(40)
    assert TrainingLog(whole[:40], whole, losses=losses).left_at is not None
    losses[-1] = np.inf
    assert TrainingLog(whole[:40], whole, losses=losses).left_at is None, "it diverged, which is said by itself"
    constant = planned("constant")
    assert TrainingLog(constant[:40], constant).left_at is None, "it would have ended no lower"


def test_rates_that_are_not_the_schedules() -> None:
    whole = planned("cosine")
    (note,) = schedule_notes([("a", [TrainingLog(whole * 0.9, whole)])])
    assert isinstance(note, ScheduleDiffers)
    assert note.share == pytest.approx(0.1)


def test_what_a_study_knows_of_its_data_and_of_runs_that_stopped(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    train = tmp_path / "train.txt"
    sentences = Path(toy.dev).read_text(encoding="utf-8").splitlines()
    train.write_text(Path(toy.train).read_text(encoding="utf-8").rstrip("\n") + "\n" + sentences[0] + "\n", "utf-8")
    options = list(toy.options())
    options[options.index("--train") + 1] = str(train)
    out = tmp_path / "s"
    assert (
        cli("sweep", *options, "--lr", "1e-4,1e-2", "--epochs", "6", "--patience", "1", "--out", out, "--yes")[0] == 0
    )
    runs = read_runs([out], {})
    statements = findings(Conclusions(runs))
    assert Overlap(Text("train"), Text("dev"), Count(1)) in statements
    kinds = {type(each) for each in statements}
    assert ScheduleDiffers not in kinds, "what was applied is what was asked for"
    stopped = [run.arm for run in runs.runs if run.status == "stopped"]
    assert (ScheduleCut in kinds) == bool(stopped)


def state(rates: list[float], epochs: int = 3) -> str:
    log = [{"step": step, "learning_rate": rate, "loss": 1.0, "epoch": step / 10} for step, rate in enumerate(rates)]
    log += [{"step": 10 * n, "epoch": float(n), "eval_f1": 0.3 + n / 10} for n in range(1, epochs + 1)]
    return json.dumps({"log_history": log, "epoch": epochs, "num_train_epochs": epochs})


def test_folders_that_trainer_wrote_stand_for_their_last_state(tmp_path: Path) -> None:
    for name, rate, steps in (("one", 1e-4, 9), ("one", 1e-4, 30), ("two", 1e-3, 30)):
        folder = tmp_path / name / f"checkpoint-{steps}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(state([rate, 0.0, rate, 0.0], 1 if steps == 9 else 3), "utf-8")
    runs = read_runs([tmp_path / "one", tmp_path / "two"], {"dev": 100})
    assert [(run.rate, len(run.points)) for run in runs.runs] == [(1e-4, 3), (1e-3, 3)]
    assert [each.number for each in findings(Conclusions(runs)) if isinstance(each, RateRises)] == [1]


def trainer(folder: Path, rate: float, shape: str, value: float, **others: object) -> Path:
    steps = np.arange(10, 301, 10)
    part = 1 - steps / 300 if shape == "linear" else (1 + np.cos(np.pi * steps / 300)) / 2
    log = [
        {"step": int(s), "learning_rate": rate * p, "loss": 1.0, "epoch": s / 100}
        for s, p in zip(steps, part, strict=True)
    ]
    log += [
        {
            "step": 100 * n,
            "epoch": float(n),
            "eval_acc": value,
            "eval_runtime": 1.2345,
            "eval_samples_per_second": 706.359,
        }
        for n in (1, 2, 3)
    ]
    state = {"log_history": log, "global_step": 300, "max_steps": 300, "num_train_epochs": 3, "train_batch_size": 16}
    folder.mkdir(parents=True)
    (folder / "trainer_state.json").write_text(json.dumps({**state, **others}), "utf-8")
    return folder


def test_what_a_trainer_state_says_between_its_lines(tmp_path: Path) -> None:
    folders = [
        trainer(tmp_path / f"{rate}-{shape}", rate, shape, value)
        for rate, shape, value in ((1e-5, "linear", 0.5), (3e-5, "linear", 0.6), (3e-5, "cosine", 0.61))
    ]
    runs = read_runs(folders, {})
    assert list(runs.arms) == ["lr 1e-5, schedule linear", "lr 3e-5, schedule linear", "lr 3e-5, schedule cosine"]
    assert [run.rate for run in runs.runs] == [1e-5, 3e-5, 3e-5], "read back from rates that had come down already"
    assert runs.sizes["dev"] == 872
    assert runs.settings["batch_size"] == "16"
    assert {type(note) for note in runs.notes} == {PeakEstimated}


def test_trainer_runs_that_were_stopped_and_that_were_cut(tmp_path: Path) -> None:
    control = {"TrainerControl": {"args": {"should_training_stop": True}}}
    stopped = trainer(tmp_path / "a", 1e-5, "linear", 0.5, max_steps=600, stateful_callbacks=control)
    cut = trainer(tmp_path / "b", 3e-5, "linear", 0.6, max_steps=600)
    runs = read_runs([stopped, cut], {})
    assert [run.status for run in runs.runs] == ["stopped", "interrupted"]
    assert [arm.standing for arm in Conclusions(runs).arms] == ["contender", "no value"]


def test_sizes_are_for_logs_alone(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    assert cli("sweep", *toy.options(), "--lr", "1e-3", "--epochs", "1", "--out", tmp_path / "s", "--yes")[0] == 0
    with pytest.raises(DataError, match="knows how many examples it has: leave out --dev-size"):
        read_runs([tmp_path / "s"], {"dev": 10})
    assert read_runs([tmp_path / "s"], {}, "loss").metric == ("loss", "minimize")
    code, _, error = cli("sweep", "--resume", tmp_path / "s", "--max-seeds", "4")
    assert (code, "--max-seeds is how far --until-decided may go" in error) == (2, True)
