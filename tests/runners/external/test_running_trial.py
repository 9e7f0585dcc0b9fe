"""What a function reports: names, steps, numbers of every kind, and what ends it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lrscope.runners.external import running_trial
from lrscope.runners.external.running_trial import Diverged, StopRequested, TimeIsUp, Trial


def trial() -> Trial:
    return Trial(lr=1e-3, seed=1, settings={"r": 8}, number=2, out=Path("out"), checkpoint=Path("checkpoint"))


def test_a_trial_says_what_it_is() -> None:
    one = trial()
    assert (one["r"], repr(one), one.epochs, one.should_stop) == (8, "Trial(2: lr=0.001, seed=1, r=8)", None, False)
    with pytest.raises(KeyError, match="got 'dropout'; it has r"):
        one["dropout"]


def test_names_tell_splits_and_numbers_are_of_any_kind() -> None:
    one = trial()
    one.report(10, epoch=0.5, loss=torch.tensor(1.5), lr=np.float32(0.5), eval_f1=np.float64(0.25), test_f1=1)
    one.report(accuracy=0.5, dev_bleu=math.nan)
    got = [(r.step, r.epoch, r.split, dict(r.metrics)) for r in one._reports.records]
    assert got == [
        (10, 0.5, "train", {"loss": 1.5, "learning_rate": 0.5}),
        (10, 0.5, "dev", {"f1": 0.25}),
        (10, 0.5, "test", {"f1": 1.0}),
        (10, 0.5, "dev", {"accuracy": 0.5}),
    ]


def test_reports_are_counted_where_no_step_is_told() -> None:
    one = trial()
    for _ in range(3):
        one.report(dev_f1=0.5)
    assert [record.step for record in one._reports.records] == [1, 2, 3]


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"loss": "1"}, "a value of a training is a number: got train_loss='1'"),
        ({"dev_f1": True}, "got dev_f1=True"),
        ({"dev_f1": np.ones(2)}, r"got dev_f1=array\(\[1., 1.\]\)"),
        ({"step": 1.5}, "a step is a whole number, 0 or more: got step=1.5"),
        ({"step": -1}, "got step=-1"),
        ({"epoch": -1}, "an epoch is a number, 0 or more: got epoch=-1"),
    ],
)
def test_what_is_no_number_is_an_error(said: dict[str, Any], match: str) -> None:
    with pytest.raises(TypeError, match=match):
        trial().report(**said)


@pytest.mark.parametrize("name", ["loss", "dev_loss", "train_loss"])
def test_a_loss_that_is_not_finite_is_a_divergence(name: str) -> None:
    one = trial()
    with pytest.raises(Diverged, match=f"{'dev_loss' if name == 'dev_loss' else 'loss'} became inf at step 4"):
        one.report(4, **{name: math.inf})
    assert one._reports.diverged


def test_asked_to_stop_the_next_report_ends_it() -> None:
    one = trial()
    one._reports.stop_asked = True
    assert one.should_stop
    with pytest.raises(StopRequested):
        one.report(1, loss=1.0)
    assert len(one._reports.records) == 1
    two = trial()
    two._reports.deadline = 0.0
    with pytest.raises(TimeIsUp):
        two.report(1)


def test_of_many_losses_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_trial, "MAX_REPORTS", 10)
    one = trial()
    for step in range(100):
        one.report(step, loss=1.0)
    steps = [record.step for record in one._reports.records]
    assert len(steps) <= 10
    assert len(set(np.diff(steps))) == 1
    assert steps[-1] > 80
