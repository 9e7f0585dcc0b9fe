"""Reduce on plateau, held against torch's over random histories."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.schedules import Plateau, parse


def theirs(values: list[float], per: int, patience: int, gamma: float, threshold: float, cooldown: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", factor=gamma, patience=patience, threshold=threshold, threshold_mode="abs", cooldown=cooldown,
        eps=0.0,
    )  # fmt: skip
    rates = [1.0] * per
    for value in values:
        scheduler.step(value)
        rates += [optimizer.param_groups[0]["lr"]] * per
    return rates[: len(values) * per]


metrics = st.lists(st.one_of(st.integers(0, 5).map(float), st.just(math.nan)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=300)
@given(metrics, st.integers(0, 3), st.sampled_from([0.1, 0.5]), st.sampled_from([0.0, 1.0]), st.integers(0, 3))
def test_it_counts_as_torch_does(
    values: list[float], patience: int, gamma: float, threshold: float, cooldown: int
) -> None:
    schedule = Plateau(patience=patience, gamma=gamma, threshold=threshold, cooldown=cooldown)
    run = schedule.resolve(total_steps=4 * len(values), steps_per_epoch=4)
    history = [(4 * (place + 1), value) for place, value in enumerate(values)]
    assert np.allclose(run.with_history(history).factors(), theirs(values, 4, patience, gamma, threshold, cooldown))


def test_it_follows_a_warmup_and_does_not_look_back_at_it() -> None:
    run = parse("warmup(1ep) > plateau(patience=0, gamma=0.5)").resolve(total_steps=12, steps_per_epoch=3)
    history = [(3, 0.9), (6, 0.5), (9, 0.5)]
    assert run.with_history(history).factors().tolist() == [1 / 3, 2 / 3, *[1.0] * 7, *[0.5] * 3]


def test_what_was_measured_later_does_not_change_what_was_applied() -> None:
    run = parse("plateau(patience=0, gamma=0.5, to=0.2)").resolve(total_steps=50, steps_per_epoch=5)
    history = [(5 * n, 0.1) for n in range(1, 10)]
    whole = run.with_history(history).factors()
    for num in range(len(history) + 1):
        now = run.with_history(history[:num]).factors()
        assert (now[: 5 * (num + 1)] == whole[: 5 * (num + 1)]).all()
    assert whole.min() == pytest.approx(0.2)


def test_a_phase_after_it_goes_on_from_where_it_stands() -> None:
    run = parse("plateau(patience=0, gamma=0.5, length=50%) > linear").resolve(total_steps=20, steps_per_epoch=5)
    assert run(10) == 1.0
    assert run.with_history([(5, 0.1), (10, 0.1)])(10) == 0.5


def test_without_a_history_it_is_constant_and_says_that_it_depends_on_one() -> None:
    schedule = parse("warmup(6%) > plateau")
    assert schedule.depends_on_metric
    assert not parse("linear").depends_on_metric
    run = parse("linear").resolve(total_steps=5, steps_per_epoch=5)
    assert run.with_history([(1, 0.5)]) is run
