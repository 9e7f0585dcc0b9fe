"""What belongs to one comparison: runs on one dev set, each run once, by a metric that all of them have."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Cli, Toy

from lrscope.errors import DataError
from lrscope.findings.answer import answer
from lrscope.findings.answer_statements import NoEvaluation, OtherDevSets
from lrscope.runs.comparisons import Asked, dev_sets
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.notes import EarlierCheckpoint, NearlyFinished, ScoresIgnored
from lrscope.runs.sources import read_comparisons, read_runs
from lrscope.statistics.conclusions import Conclusions


def state(
    path: Path,
    rate: float,
    *,
    steps: int = 100,
    total: int = 100,
    pace: float = 100.0,
    seed: float = 0.0,
    **more: float,
) -> Path:
    """Write a trainer state: a linear decay over `total`, logged and evaluated every 10 and 20 of `steps` steps."""
    history: list[dict[str, Any]] = []
    for step in range(10, steps + 1, 10):
        loss = 2.0 - step / 97 + seed
        history.append(
            {"step": step, "epoch": step / 50, "loss": loss, "learning_rate": rate * (1 - (step - 1) / total)}
        )
        if step % 20 == 0:
            measured = {f"eval_{name}": value + step / 1000 for name, value in {"loss": 1.0, **more}.items()}
            pace_of = {"eval_runtime": 10.0, "eval_samples_per_second": pace}
            history.append({"step": step, "epoch": step / 50, **measured, **pace_of})
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {"log_history": history, "global_step": steps, "max_steps": total, "num_train_epochs": total / 50}
    path.write_text(json.dumps(named), encoding="utf-8")
    return path


def test_sets_of_different_sizes_are_reported_one_by_one(tmp_path: Path) -> None:
    paths = [state(tmp_path / f"{n}.json", rate, pace=pace) for n, (rate, pace) in enumerate(
        [(1e-4, 100.0), (1e-3, 100.01), (1e-2, 50.0)]
    )]  # fmt: skip
    one, two = read_comparisons(paths, Asked({}))
    assert [[run.rate for run in each.runs] for each in (one, two)] == [[1e-4, 1e-3], [1e-2]]
    told = [each for each in answer(Conclusions(one)) if isinstance(each, OtherDevSets)]
    assert [(each.here, each.others) for each in told] == [("1000 examples", ("500 examples",))]


@pytest.mark.parametrize(
    ("told", "sets"),
    [
        ([], []),
        ([UNKNOWN, UNKNOWN], [UNKNOWN]),
        ([UNKNOWN, DevSet("a.txt")], [DevSet("a.txt")]),
        ([DevSet("x/a.txt", 9, 9), DevSet("y/a.txt", 10, 10)], [DevSet("x/a.txt", 9, 9), DevSet("y/a.txt", 10, 10)]),
        ([DevSet("", 9, 11), DevSet("", 10, 12), DevSet("", 12, 12)], [DevSet("", 10, 11), DevSet("", 12, 12)]),
        ([UNKNOWN, DevSet("", 1, 1), DevSet("", 2, 2)], [UNKNOWN, DevSet("", 1, 1), DevSet("", 2, 2)]),
    ],
)
def test_as_few_sets_as_there_can_be(told: list[DevSet], sets: list[DevSet]) -> None:
    assert list(dict.fromkeys(dev_sets(told).values())) == sets


def test_every_set_has_its_place() -> None:
    generator = random.Random(0)
    for _ in range(2000):
        told = []
        for _ in range(generator.randint(1, 5)):
            low = generator.choice([None, *range(1, 9)])
            high = None if low is None else low + generator.randint(0, 5)
            told.append(DevSet(generator.choice(["", "a.txt", "b.txt"]), low, high))
        place = dev_sets(told)
        assert place.keys() == set(told)
        assert all(UNKNOWN in (one, of) or not one.contradicts(of) for one, of in place.items())


def test_an_earlier_checkpoint_of_a_run_is_not_another_seed(tmp_path: Path) -> None:
    paths = [state(tmp_path / f"checkpoint-{steps}.json", 1e-4, steps=steps) for steps in (40, 100, 60)]
    runs = read_runs(paths, {})
    assert [len(run.points) for run in runs.runs] == [5]
    assert EarlierCheckpoint("lr 1e-4", 2) in runs.notes
    others = [state(tmp_path / "b.json", 1e-4, seed=0.01), state(tmp_path / "c.json", 1e-4)]
    assert [len(run.points) for run in read_runs(others, {}).runs] == [5, 5], "two seeds differ in their losses"


def test_the_last_checkpoint_before_the_end_counts_as_the_end(tmp_path: Path) -> None:
    runs = read_runs([state(tmp_path / "a.json", 1e-4, total=105), state(tmp_path / "b.json", 1e-3, total=105)], {})
    assert [run.status for run in runs.runs] == ["completed", "completed"]
    (note,) = [note for note in runs.notes if isinstance(note, NearlyFinished)]
    assert note.share == pytest.approx(100 / 105)
    (cut,) = read_runs([state(tmp_path / "c.json", 1e-4, total=110)], {}).runs
    assert cut.status == "interrupted"


def test_the_metric_is_one_that_every_run_has(tmp_path: Path) -> None:
    paths = [state(tmp_path / "a.json", 1e-4, accuracy=0.5), state(tmp_path / "b.json", 1e-3)]
    assert read_runs(paths, {}).metric == ("loss", "minimize")
    with pytest.raises(DataError, match="whether a larger grade is better is not known"):
        read_runs([state(tmp_path / "c.json", 1e-4, grade=3.0)], {}, "grade")
    assert read_runs([tmp_path / "c.json"], {}, "eval_grade", "minimize").metric == ("grade", "minimize")


def test_what_was_never_evaluated_says_how_to_evaluate(tmp_path: Path) -> None:
    path = state(tmp_path / "a.json", 1e-4, steps=10)
    (told,) = [each for each in answer(Conclusions(read_runs([path], {}))) if isinstance(each, NoEvaluation)]
    assert (told.source, told.how) == (str(path), "--eval_strategy epoch")


def test_a_study_is_joined_with_an_older_log(tmp_path: Path, toy: Toy, cli: Cli) -> None:
    study, log = tmp_path / "study", tmp_path / "old.log"
    assert cli("sweep", *toy.options(), "--lr", "1e-3,1e-2", "--epochs", "2", "--out", study, "--yes")[0] == 0
    log.write_text("### lr 1e-4\nepoch 0: dev acc :: 0.30\nepoch 1: dev acc :: 0.35\n", encoding="utf-8")
    (runs,) = read_comparisons([study, log], Asked({}))
    assert runs.metric == ("accuracy", "maximize")
    assert sorted(run.rate or 0.0 for run in runs.runs) == [1e-4, 1e-3, 1e-2]
    assert (runs.is_imported, ScoresIgnored() in runs.notes) == (True, True)
    assert runs.baseline.keys() >= {"accuracy", "loss"}, "what guessing gets is known of the study's dev set"
    both = [study, study.parent / "again"]
    assert cli("sweep", *toy.options(), "--lr", "3e-3", "--epochs", "2", "--out", both[1], "--yes")[0] == 0
    assert sorted(run.rate or 0.0 for run in read_runs(both, {}).runs) == [1e-3, 3e-3, 1e-2]


def warmed_up(path: Path, warmup: int, every: int) -> Path:
    """Write a trainer state of 200 steps with a warmup of so many, logged every so many, with one evaluation."""

    def factor(step: int) -> float:
        return step / warmup if step < warmup else (200 - step) / (200 - warmup)

    history: list[dict[str, Any]] = [
        {
            "step": step,
            "epoch": step / 100,
            "loss": 2.0 - step / 350 + warmup / 777,
            "learning_rate": 1e-4 * factor(step - 1),
        }
        for step in range(every, 201, every)
    ]
    history.append({"step": 200, "eval_loss": 1.0 + warmup / 1000})
    path.write_text(json.dumps({"log_history": history, "max_steps": 200, "global_step": 200}), encoding="utf-8")
    return path


def test_another_warmup_is_another_setting(tmp_path: Path) -> None:
    paths = [warmed_up(tmp_path / f"{n}.json", *each) for n, each in enumerate([(10, 5), (10, 1), (40, 5)])]
    runs = read_runs(paths, {})
    assert [run.arm for run in runs.runs] == ["lr 1e-4, warmup 5%", "lr 1e-4, warmup 5%", "lr 1e-4, warmup 20%"]
    assert [run.arm for run in read_runs(paths[:2], {}).runs] == ["lr 1e-4"] * 2
