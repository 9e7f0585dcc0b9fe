"""The schedule that was applied, identified from what torch's and transformers' schedulers would have logged."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.runs.applied_schedule import AppliedSchedule, Unit, applied_schedule
from lrscope.runs.score_table import Floats
from lrscope.schedules import parse

SCHEDULERS = torch.optim.lr_scheduler
STEPS = 200
ROUNDED: dict[str, Callable[[float], float]] = {
    "as it is": float, "float32": lambda rate: float(np.float32(rate)), "%.4g": lambda rate: float(f"{rate:.4g}"),
    "%.4e": lambda rate: float(f"{rate:.4e}"),
}  # fmt: skip


def factors(make: Callable[[torch.optim.Optimizer], Any], steps: int = STEPS) -> Floats:
    """Return a scheduler's rates at a peak of 1, at steps 0 to `steps`."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer)
    rates = []
    for step in range(steps + 1):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:  # torch's OneCycleLR raises beyond its end
            scheduler.step()
    return np.array(rates[:steps])


def of_transformers(name: str, warmup: int, **arguments: Any) -> Floats:
    from transformers import get_scheduler

    return factors(lambda opt: get_scheduler(name, opt, warmup, STEPS, scheduler_specific_kwargs=arguments))


def read(
    shares: Floats, peak: float, *, first: int, every: int, form: str = "as it is", cut: float = 1.0,
    told: bool = True,
) -> AppliedSchedule:  # fmt: skip
    """Return what is read back from rates logged every so many updates; step 0's stands at the place `first`."""
    places = np.arange(every, int(cut * len(shares)) + 1, every)
    places = places[places - first < len(shares)]
    rates = np.array([ROUNDED[form](peak * shares[place - first]) for place in places])
    found = applied_schedule(places.astype(float), rates, float(len(shares)) if told else math.nan)
    assert found is not None
    return found


@pytest.mark.parametrize("form", ["as it is", "%.4g"])
@pytest.mark.parametrize("first", [1, 0])
@pytest.mark.parametrize("every", [1, 10])
@pytest.mark.parametrize("warmup", [0, 6, 20, 100])
@pytest.mark.parametrize(
    ("name", "arguments", "shape", "text"),
    [
        ("linear", {}, "linear", "linear"),
        ("cosine", {}, "cosine", "cosine"),
        ("cosine_with_min_lr", {"min_lr_rate": 0.1}, "cosine", "cosine(to=0.1)"),
        ("constant_with_warmup", {}, "constant", "constant"),
        ("polynomial", {"power": 2.0, "lr_end": 0.0}, "polynomial", "polynomial(power=2)"),
    ],
)
def test_schedulers_of_transformers(
    name: str, arguments: dict[str, Any], shape: str, text: str, warmup: int, every: int, first: int, form: str
) -> None:
    """transformers 5 logs the rate that a step was made with, earlier versions that of the next step."""
    found = read(of_transformers(name, warmup, **arguments), 2e-4, first=first, every=every, form=form)
    if name == "constant_with_warmup" and warmup < every:
        assert (found.peak, found.shape) == (2e-4, "constant"), "no step of the warmup was logged"
        return
    assert (found.peak, found.shape) == (2e-4, shape)
    assert found.warmup == pytest.approx(warmup, abs=1.01)
    assert found.total == pytest.approx(STEPS, abs=1.01)
    assert found.error < (1e-6 if form == "as it is" else 1e-3)
    if every == 1 and form == "as it is" and name != "constant_with_warmup":
        share = {0: "", 6: "warmup(3%) > ", 20: "warmup(10%) > ", 100: "warmup(50%) > "}[warmup]
        assert found.text == share + text


@pytest.mark.parametrize("first", [1, 0])
@pytest.mark.parametrize(
    ("make", "shape", "text"),
    [
        (lambda opt: SCHEDULERS.CosineAnnealingLR(opt, STEPS, 0.01), "cosine", "cosine(to=0.01)"),
        (lambda opt: SCHEDULERS.LinearLR(opt, 1.0, 0.1, STEPS), "linear", "linear(to=0.1)"),
        (lambda opt: SCHEDULERS.PolynomialLR(opt, STEPS, 3.0), "polynomial", "polynomial(power=3)"),
        (lambda opt: SCHEDULERS.StepLR(opt, 70, 0.1), "step", "step(every=70st, gamma=0.1)"),
        (lambda opt: SCHEDULERS.MultiStepLR(opt, [90, 151], 0.3), "step", "multistep(at=[90st, 151st], gamma=0.3)"),
        (lambda opt: SCHEDULERS.ExponentialLR(opt, 0.99), "exponential", "exponential(gamma=0.99, every=1st)"),
        (
            lambda opt: SCHEDULERS.CosineAnnealingWarmRestarts(opt, 30, 2), "restarts",
            "restarts(period=30st, multiplier=2)",
        ),
        (lambda opt: SCHEDULERS.OneCycleLR(opt, 1.0, total_steps=STEPS), "one-cycle", None),
    ],
)  # fmt: skip
def test_schedulers_of_torch(make: Any, shape: str, text: str | None, first: int) -> None:
    found = read(factors(make), 3e-4, first=first, every=1)
    assert (found.peak, found.shape) == (3e-4, shape)
    if text is not None and not (shape == "step" and first == 0):
        assert found.text == text
    if shape not in ("restarts", "one-cycle") and not (shape == "step" and first == 0):
        ours = parse(found.text).resolve(total_steps=STEPS, steps_per_epoch=STEPS).factors()
        assert np.abs(ours - factors(make)).max() < 0.02, "the text says what was applied"


def test_restarts_and_cooldowns_of_transformers() -> None:
    hard = read(of_transformers("cosine_with_restarts", 20, num_cycles=3), 1e-3, first=1, every=5)
    assert (hard.peak, hard.shape, hard.text) == (1e-3, "restarts", "warmup(10%) > restarts(period=60st)")
    root = read(of_transformers("inverse_sqrt", 20), 1e-3, first=1, every=10)
    assert (root.peak, root.shape, root.text) == (1e-3, "inverse-sqrt", "warmup(10%) > inverse_sqrt")
    for decay, written in (("linear", "linear"), ("1-sqrt", "sqrt"), ("cosine", "cosine")):
        shares = of_transformers("warmup_stable_decay", 20, num_decay_steps=40, decay_type=decay)
        cooled = read(shares, 5e-5, first=1, every=5)
        assert (cooled.peak, cooled.shape) == (5e-5, "warmup-stable-decay")
        assert cooled.text == f"warmup(10%) > hold > {written}(20%)"


def lrscope_rates(text: str, steps: int = STEPS) -> Floats:
    return np.asarray(parse(text).resolve(total_steps=steps, steps_per_epoch=steps).factors())


@pytest.mark.parametrize("form", list(ROUNDED))
@pytest.mark.parametrize("every", [1, 8])
@pytest.mark.parametrize(
    "text", ["warmup(10%) > linear", "warmup(3%) > cosine(to=0.1)", "warmup(10%) > polynomial(power=2)", "cosine"]
)
def test_schedules_of_our_own(text: str, every: int, form: str) -> None:
    found = read(lrscope_rates(text), 1e-3, first=1, every=every, form=form)
    assert (found.peak, found.text) == (1e-3, text)
    assert (found.total, found.is_whole) == (STEPS, True)


@pytest.mark.parametrize(("peak", "warmup"), [(3e-5, 50), (2e-4, 0), (5e-5, 93)])
def test_a_peak_that_was_never_logged(peak: float, warmup: int) -> None:
    """First logged at step 100 of 2,315, after the warmup; a loss scaler skipped a step later on."""
    places = np.arange(100.0, 2201.0, 100.0)
    steps = np.where(places > 600, places - 2.0, places - 1.0)
    found = applied_schedule(places, peak * (2315.0 - steps) / (2315.0 - warmup), 2315.0)
    assert found is not None
    assert (found.peak, found.shape, found.is_read_back) == (peak, "linear", True)
    assert found.warmup == pytest.approx(warmup, abs=3.0)


@pytest.mark.parametrize(
    ("places", "rates", "total"),
    [
        ([10, 110, 220], [1e-4, 7e-5, 3e-5], 300),
        ([100, 200], [2e-6, 1e-6], 200),
        ([10, 40], [1.8e-4, 9e-5], 60),
        ([10, 20, 30], [2e-4, 1.9e-4, 1.7e-4], 40),
        ([7], [3e-4], 10),
    ],
)
def test_too_little_makes_no_peak_and_no_shape(places: list[float], rates: list[float], total: float) -> None:
    found = applied_schedule(np.array(places, float), np.array(rates), float(total))
    assert found is not None
    assert (found.peak, found.shape, found.text, found.is_read_back) == (rates[0], "", "", False)


def test_a_way_down_that_is_none_of_the_known() -> None:
    share = np.linspace(0.0, 1.0, 60)
    found = applied_schedule(np.arange(60.0), 1e-4 * (1 - 0.5 * share - 0.4 * np.sin(3 * share) ** 2 * share), 60.0)
    assert found is not None
    assert (found.peak, found.shape, found.text, found.is_read_back) == (1e-4, "curved", "", False)


def test_a_warmup_that_never_ended() -> None:
    found = read(lrscope_rates("warmup(50%) > linear"), 1e-4, first=1, every=10, cut=0.4)
    assert (found.shape, found.is_read_back, found.text) == ("warming up", False, "")
    assert found.peak == pytest.approx(8e-5)


def test_a_rate_that_was_reduced_is_not_the_peak() -> None:
    levels = np.repeat([1e-3, 5e-4, 2.5e-4, 1.25e-4], [30, 12, 25, 9])
    found = applied_schedule(np.arange(1.0, len(levels) + 1.0), levels)
    assert found is not None
    assert (found.peak, found.shape, found.ended_at) == (1e-3, "step", 0.125)


@pytest.mark.parametrize("told", [3.0, math.nan])
@pytest.mark.parametrize("name", ["linear", "cosine"])
@pytest.mark.parametrize("steps", [60, 2000])
def test_epochs_that_were_rounded(steps: int, name: str, told: float) -> None:
    """A console's epochs have two digits: a hundred entries may share one."""
    every = max(steps // 50, 1)
    places = np.arange(every, steps + 1, every)
    shares = lrscope_rates(f"warmup(10%) > {name}", steps)[places - 1]
    found = applied_schedule(np.round(places * 3.0 / steps, 2), 2e-4 * shares, told, unit="epoch")
    assert found is not None
    assert (found.peak, found.shape, found.unit) == (2e-4, name, "epoch")
    assert found.total == pytest.approx(3.0, abs=0.02)
    assert found.warmup == pytest.approx(0.3, abs=0.06)


def test_a_training_that_was_resumed() -> None:
    shares = lrscope_rates("warmup(10%) > cosine")
    first, again = np.arange(10, 121, 10), np.arange(90, 201, 10)
    stray = np.array([1e-4] * 3)  # what the first attempt logged past its checkpoint with another rate
    places = np.concatenate([first, np.array([130, 140, 150]), again]).astype(float)
    rates = np.concatenate([1e-3 * shares[first - 1], stray, 1e-3 * shares[again - 1]])
    found = applied_schedule(places, rates, 200.0)
    assert found is not None
    assert (found.peak, found.text) == (1e-3, "warmup(10%) > cosine")


def test_entries_that_two_processes_wrote() -> None:
    places = np.repeat(np.arange(10.0, 201.0, 10.0), 2)
    found = applied_schedule(places, 1e-5 * (1 - places / 200), 200.0)
    assert found is not None
    assert (found.peak, found.shape, found.is_whole) == (1e-5, "linear", True)


@pytest.mark.parametrize("cut", [0.6, 0.4])
@pytest.mark.parametrize(("text", "shape"), [("warmup(10%) > linear", "linear"), ("cosine", "cosine")])
def test_a_training_that_was_cut(text: str, shape: str, cut: float) -> None:
    found = read(lrscope_rates(text, 400), 5e-4, first=1, every=10, cut=cut, told=False)
    assert (found.peak, found.shape, found.is_whole) == (5e-4, shape, False)
    assert found.total == pytest.approx(400, abs=1.01)
    assert found.ended_at == pytest.approx(lrscope_rates(text, 400)[int(cut * 400) - 1])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_log_whose_head_is_missing_has_no_known_beginning(share: float) -> None:
    shares = of_transformers("cosine", 10)
    at = np.arange(round(share * STEPS), STEPS)
    found = applied_schedule(np.round((at + 1) / 50.0, 2), 2e-4 * shares[at], unit="epoch")
    assert found is not None
    assert math.isnan(found.warmup) or found.peak == 2e-4
    assert found.shape == "cosine"


def test_the_same_schedule_has_the_same_shape_whatever_the_interval() -> None:
    for text in ("warmup(3%) > linear", "warmup(3%) > cosine", "cosine(to=0.1)"):
        shares = lrscope_rates(text, 1000)
        shapes = {read(shares, 1e-4, first=1, every=every, form="%.4g").shape for every in (1, 5, 20, 50, 100, 400)}
        assert shapes - {""} == {parse(text).without_warmup().name}


def test_a_hundred_thousand_entries_take_no_time() -> None:
    places = np.arange(1.0, 100_001.0)
    begun = time.perf_counter()
    found = applied_schedule(places, 1e-4 * (1 + np.cos(math.pi * places / 1e5)), 1e5)
    assert found is not None
    assert found.shape == "cosine"
    assert time.perf_counter() - begun < 2.0


RATES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.sampled_from([0.0, 1e-4, 2e-4, 1e-30, 5e-324, 3e-5, -1.0])
)
PLACES = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 9).map(float))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(PLACES, RATES), max_size=12), st.booleans(), st.sampled_from([math.nan, 0.0, 10.0, math.inf]),
    st.sampled_from(["step", "epoch", "entry"]),
)  # fmt: skip
def test_whatever_was_logged(entries: list[tuple[float, float]], falls: bool, total: float, unit: Unit) -> None:
    places = np.array([place for place, _ in entries], np.float64)
    rates = np.array([rate for _, rate in entries], np.float64)
    if falls:
        places, rates = np.sort(places), np.sort(rates)[::-1]
    found = applied_schedule(places, rates, total, unit=unit)
    possible = rates[(rates > 0.0) & (rates < 1e30)]
    if found is None:
        known = (places >= 0.0) & (places < 1e15) & (rates > 1e-30) & (rates < 1e30)
        assert not known.any()
        return
    assert 0.0 < found.peak < math.inf
    assert found.is_read_back or found.peak <= possible.max() * 1.002
    assert not found.text or parse(found.text)
