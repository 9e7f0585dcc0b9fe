"""`lrscope.tune`: a budget spent on a function with a known best rate, gone on with by the same call."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import lrscope
from lrscope.errors import ConfigError, StudyError
from lrscope.number_text import format_rate
from lrscope.store.study import StudyStore


def train(trial: Any) -> dict[str, float]:
    return {"dev_loss": 1.0 + 0.3 * math.log10(trial.lr / 3e-4) ** 2 + 0.001 * trial.seed}


def test_a_function_is_tuned_and_the_same_call_goes_on(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"lr": "1e-5:1e-2", "budget": "3s", "out": tmp_path / "t", "progress": False}
    study = lrscope.tune(train, **asked)
    c = study.conclusions
    assert c.recommended_rate == pytest.approx(3e-4, rel=0.2)
    assert c.search is not None
    assert c.search.is_bracketed
    best = study.best
    assert best is not None
    assert best["lr"] == c.recommended_rate, "which need not have run"
    (ran,) = [row for row in study.table if row["lr"] == best.measured_lr]
    assert best.value == ran[best.metric]
    assert (f"at lr {format_rate(best.measured_lr)}" in repr(best)) == (best["lr"] != best.measured_lr)
    with StudyStore.open(tmp_path / "t" / "sweep") as store:
        number = len(store.trials())
    again = lrscope.tune(train, **asked)
    assert again.conclusions.recommended_rate == c.recommended_rate
    with StudyStore.open(tmp_path / "t" / "sweep") as store:
        assert len(store.trials()) == number, "the budget is spent, or more cannot matter"
    with pytest.raises(StudyError, match="was begun with lr 1e-5:1e-2: got 1e-5:1e-3"):
        lrscope.tune(train, **{**asked, "lr": (1e-5, 1e-3)})


def test_a_function_that_changed_does_not_go_on(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"lr": (1e-5, 1e-2), "budget": 2.0, "out": tmp_path / "t", "progress": False}
    lrscope.tune(train, **asked)

    def other(trial: Any) -> float:
        return float(trial.lr)

    with pytest.raises(StudyError, match=r"was begun with|goes on with the function it began with"):
        lrscope.tune(other, **asked)


def test_a_sweep_and_a_tune_of_one_function_lie_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lrscope.sweep(train, lr=[1e-4, 1e-3], seeds=1, progress=False)
    lrscope.tune(train, lr="1e-5:1e-2", budget="1s", progress=False)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["train", "train-tune"]


def test_the_same_call_goes_on_with_a_larger_budget(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"lr": "1e-5:1e-2", "out": tmp_path / "t", "progress": False}
    few = lrscope.tune(train, budget=0.2, **asked).conclusions.search
    more = lrscope.tune(train, budget=3.0, **asked).conclusions.search
    assert few is not None
    assert more is not None
    assert few.num_runs < more.num_runs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": "1e-4"}, "is a range, LOW:HIGH"), ({"budget": "soon"}, "a time with its unit"),
        ({"budget": 0.0}, "a time above 0"), ({"settings": {"r": [1, 2]}}, "the learning rate alone: got r="),
        ({"command": "train {lr} {out}"}, "is a function or a command: got both"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    asked = {"lr": "1e-5:1e-3", "budget": "1s", "out": tmp_path / "t", "progress": False, **change}
    with pytest.raises(ConfigError, match=message):
        lrscope.tune(train, **asked)
    assert not (tmp_path / "t").exists()
