"""Schedules held against torch's, transformers', timm's and optax's, as docs/schedules.md claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schedules.peers import GOLDEN, ROWS, Row, stepped, table
from torch.optim import lr_scheduler

from lrscope.schedules import parse

hf: Any = transformers
DOCS = Path(__file__).parents[2] / "docs" / "schedules.md"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.shape}, {row.peer} {row.call}")
def test_what_the_table_claims(row: Row) -> None:
    ours, theirs = row.compared()
    same = np.abs(ours - theirs)[slice(*row.same)]
    assert len(same) >= 3
    assert same.max() < 1e-9, f"{row.ours}: {ours} against {theirs}"
    if row.differs is not None:
        apart = np.abs(ours - theirs)[slice(*row.differs)]
        assert len(apart)
        assert apart.max() > 1e-3, f"{row.ours} does not differ there"


def test_the_table_in_the_docs_is_this_one() -> None:
    assert table() in DOCS.read_text(encoding="utf-8"), "run python -m tests.schedules.peers and paste what it prints"


def test_golden_values_say_where_they_are_from() -> None:
    for peer in GOLDEN.values():
        assert peer["version"]
        assert peer["source"]


totals = st.integers(2, 300)
shares = st.floats(0.0, 0.9)


@settings(deadline=None, max_examples=60)
@given(totals, shares, st.data())
def test_torch_over_random_parameters(total: int, to: float, data: st.DataObject) -> None:
    every, gamma = data.draw(st.integers(1, total)), data.draw(st.floats(0.1, 1.0))
    power = data.draw(st.floats(0.2, 4.0))
    milestones = sorted(data.draw(st.sets(st.integers(1, total), min_size=1, max_size=4)))
    pairs = {
        f"cosine(to={to!r})": lambda o: lr_scheduler.CosineAnnealingLR(o, total, to),
        f"linear(to={to!r})": lambda o: lr_scheduler.LinearLR(o, 1.0, to, total),
        f"polynomial(power={power!r})": lambda o: lr_scheduler.PolynomialLR(o, total, power),
        f"step(every={every}st, gamma={gamma!r})": lambda o: lr_scheduler.StepLR(o, every, gamma),
        f"multistep(at=[{', '.join(f'{m}st' for m in milestones)}], gamma={gamma!r})": lambda o: (
            lr_scheduler.MultiStepLR(o, milestones, gamma)
        ),
        f"exponential(gamma={gamma!r}, every=1st)": lambda o: lr_scheduler.ExponentialLR(o, gamma),
        f"restarts(period={every}st)": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, every),
    }
    for text, build in pairs.items():
        ours = parse(text).resolve(total_steps=total, steps_per_epoch=total).factors()
        assert np.allclose(ours, stepped(build, total), rtol=1e-7, atol=1e-9), text


@settings(deadline=None, max_examples=60)
@given(totals, st.data())
def test_transformers_after_a_warmup_over_random_parameters(total: int, data: st.DataObject) -> None:
    warmup = data.draw(st.integers(0, total - 1))
    timescale = data.draw(st.integers(1, 500))
    power = data.draw(st.floats(0.2, 4.0))
    pairs = {
        "linear": lambda o: hf.get_linear_schedule_with_warmup(o, warmup, total),
        "cosine": lambda o: hf.get_cosine_schedule_with_warmup(o, warmup, total),
        f"polynomial(power={power!r}, to=1e-7)": lambda o: hf.get_polynomial_decay_schedule_with_warmup(
            o, warmup, total, power=power
        ),
        f"inverse_sqrt(timescale={timescale}st)": lambda o: hf.get_inverse_sqrt_schedule(
            o, warmup, timescale=timescale
        ),
        "constant": lambda o: hf.get_constant_schedule_with_warmup(o, warmup),
    }
    for text, build in pairs.items():
        ours = parse(f"warmup({warmup}st) > {text}").resolve(total_steps=total, steps_per_epoch=total).factors()
        theirs = stepped(build, total + 1)
        assert np.allclose(ours[warmup:], theirs[warmup:total], rtol=1e-7, atol=1e-9), text
        assert np.allclose(ours[: max(warmup - 1, 0)], theirs[1 : max(warmup, 1)], atol=1e-12), text


def test_phases_equal_torchs_sequential() -> None:
    def build(o: torch.optim.Optimizer) -> Any:
        rise = lr_scheduler.LinearLR(o, 0.1, 1.0, 9)
        hold, fall = lr_scheduler.ConstantLR(o, 1.0), lr_scheduler.CosineAnnealingLR(o, 30)
        return lr_scheduler.SequentialLR(o, [rise, hold, fall], [10, 40])

    ours = parse("warmup(10st, from=10%) > hold(30st) > cosine").resolve(total_steps=70, steps_per_epoch=10).factors()
    assert np.allclose(ours, stepped(build, 70), atol=1e-9)
