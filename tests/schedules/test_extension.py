"""Runs that last longer or end sooner: unchanged up to the step, continuous there, and with a text that reads back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrscope.errors import ScheduleError
from lrscope.schedules import ResolvedSchedule, decay_from, parse, stretch

TEXTS = [
    "linear", "warmup(6%) > cosine(to=0.01)", "warmup(10st) > hold > sqrt(20%)", "step(every=1ep)", "cosine * linear",
    "warmup(1ep) > inverse_sqrt", "restarts(1ep)", "piecewise(at=[0%, 50%, 100%], values=[0.5, 1, 0])",
]  # fmt: skip


def same_text(schedule: ResolvedSchedule) -> bool:
    again = parse(schedule.text).resolve(
        total_steps=schedule.total_steps, steps_per_epoch=schedule.steps_per_epoch, peak_rate=schedule.horizon.peak_rate
    )
    return bool((again.factors() == schedule.factors()).all())


@settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sampled_from(TEXTS), st.integers(40, 300), st.integers(0, 299), st.integers(1, 400))
def test_stretching(text: str, total: int, at: int, more: int) -> None:
    old = parse(text).resolve(total_steps=total, steps_per_epoch=20)
    at = min(at, total - 1)
    new = stretch(old, at=at, total_steps=at + more)
    assert (new.factors()[:at] == old.factors()[:at]).all()
    assert new(at) == old(at)
    assert new(at + more) == old(total)
    assert same_text(new)


def test_a_stretch_passes_the_same_factors_at_another_pace() -> None:
    old = parse("warmup(10st) > cosine").resolve(total_steps=100, steps_per_epoch=10)
    new = stretch(old, at=40, total_steps=160)
    assert np.allclose(new.factors()[40::2], old.factors()[40:])
    assert np.allclose(stretch(old, at=40, total_steps=100).factors(), old.factors())
    assert np.allclose(stretch(new, at=100, total_steps=400).factors()[:100], new.factors()[:100])


@settings(deadline=None)
@given(st.sampled_from(TEXTS), st.integers(40, 300), st.integers(1, 299), st.sampled_from(["sqrt", "linear", "cosine"]))
def test_decay_from_here(text: str, total: int, at: int, cooldown: str) -> None:
    old = parse(text).resolve(total_steps=total, steps_per_epoch=20)
    at = min(at, total - 2)
    new = decay_from(old, at=at, cooldown=cooldown)
    assert new.total_steps == total
    assert (new.factors()[:at] == old.factors()[:at]).all()
    assert new(at) == pytest.approx(old(at))
    assert new(total) == 0.0
    assert same_text(new)


def test_branching_a_cooldown_from_a_stable_phase() -> None:
    stable = parse("warmup(10st) > hold").resolve(total_steps=1000, steps_per_epoch=100)
    branch = decay_from(stable, at=400, cooldown="sqrt", total_steps=500)
    written = parse("warmup(10st) > hold(390st) > sqrt").resolve(total_steps=500, steps_per_epoch=100)
    assert np.allclose(branch.factors(), written.factors())
    assert branch.text == "part(warmup(10st) > hold, of=1000st, to=400st) > sqrt"


@pytest.mark.parametrize(("at", "total"), [(-1, 50), (100, 200), (60, 50)])
def test_a_step_outside_the_run_is_refused(at: int, total: int) -> None:
    old = parse("linear").resolve(total_steps=100, steps_per_epoch=10)
    with pytest.raises(ScheduleError, match="changes within its run"):
        stretch(old, at=at, total_steps=total)
    with pytest.raises(ScheduleError, match="changes within its run"):
        decay_from(old, at=at, total_steps=total)
