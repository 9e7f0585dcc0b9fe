"""Seeds spent only where the decision is open: the plan is kept, looks are counted, arms that are out get no more."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import Cli, Toy

from lrscope.store.study import StudyStore
from lrscope.studies.interim_looks import Looks, planned_seeds, read_looks


def test_looks_are_planned_up_to_the_most_seeds() -> None:
    for first in range(1, 9):
        for most in range(first, 20):
            seeds = planned_seeds(first, most)
            assert seeds[-1] == most
            assert list(seeds) == sorted(set(seeds))
    looks = Looks(0.02, (3, 5, 8), 3).so_far
    assert [seeds for seeds, _ in looks] == [3, 5, 8]
    assert sum(error for _, error in looks) == pytest.approx(0.05)
    assert Looks(0.02, (3, 5, 8), 1).so_far == Looks(0.02, (3, 5, 8), 0).so_far == looks[:1]


@pytest.mark.slow
def test_a_study_goes_on_until_it_is_decided_or_out_of_seeds(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    options = ["--lr", "1e-7,1e-3,1e-2", "--seeds", "2", "--epochs", "2", "--out", str(study), "--yes"]
    assert cli("sweep", *toy.options(*options))[0] == 0
    code, _, error = cli("sweep", "--resume", study, "--until-decided", "0.02", "--max-seeds", "4")
    assert code == 0, error
    assert "Check 1 of 2 (2 seeds)" in error
    looks = read_looks(study)
    assert looks is not None
    assert looks.seeds == (2, 4)
    with StudyStore.open(study) as store:
        seeds = Counter(row.config.peak_rate for row in store.trials())
        assert all(row.status == "completed" for row in store.trials())
    assert max(seeds.values()) == (4 if looks.taken == 2 else 2)
    # Going on changes nothing: the looks are taken.
    assert cli("sweep", "--resume", study, "--until-decided", "0.02", "--max-seeds", "4")[0] == 0
    assert read_looks(study) == looks
    code, out, _ = cli("report", study, "--json")
    assert (code, len(json.loads(out)["arms"])) == (0, 3)
    assert "is checked several times, as planned" in (study / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--until-decided", "0.02"], "got it without --resume"),
        (["--resume", "S", "--until-decided", "0"], "a difference that matters, above 0"),
        (["--resume", "S", "--until-decided", "0.02", "--max-seeds", "1"], "the study that has 2"),
    ],
)
def test_plans_that_cannot_be(options: list[str], said: str, toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    assert cli("sweep", *toy.options("--epochs", "1", "--seeds", "2", "--out", str(study), "--yes"))[0] == 0
    given = [str(study) if option == "S" else option for option in options]
    code, _, error = cli("sweep", *(given if "--resume" in given else toy.options(*given)))
    assert code == 2
    assert said.replace("the study that has 2", "it has 2") in error


def test_a_refused_command_changes_nothing(toy: Toy, tmp_path: Path, cli: Cli) -> None:
    study = tmp_path / "s"
    assert cli("sweep", *toy.options("--epochs", "1", "--seeds", "2", "--out", str(study), "--yes"))[0] == 0
    code, _, error = cli("sweep", "--resume", study, "--until-decided", "0.02", "--seeds", "4")
    assert (code, "adds the seeds itself" in error) == (2, True)
    with StudyStore.open(study) as store:
        assert store.config.sweep is not None
        assert store.config.sweep.seeds == 2
