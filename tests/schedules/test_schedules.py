"""The factors: bounds, joints, edges of short runs, and the same number however it is asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tests.schedules.peers import stepped
from tests.schedules.strategies import filling, schedules, warmups, whole_decays

from lrscope.errors import ScheduleError
from lrscope.schedules import MultiStep, Piecewise, ResolvedSchedule, Schedule, Step, parse
from lrscope.schedules.phase import resolved_phases

RUN = {"total_steps": 535, "steps_per_epoch": 107}


def resolved_or_skip(schedule: Schedule, total: int, per_epoch: int) -> ResolvedSchedule:
    try:
        return schedule.resolve(total_steps=total, steps_per_epoch=per_epoch, peak_rate=1e-3)
    except ScheduleError:
        assume(False)
        raise


@settings(deadline=None, max_examples=250, suppress_health_check=[HealthCheck.filter_too_much])
@given(filling | schedules, st.integers(1, 300), st.integers(1, 60))
def test_factors_are_from_0_to_1_and_held_after_the_end(schedule: Schedule, total: int, per_epoch: int) -> None:
    resolved = resolved_or_skip(schedule, total, per_epoch)
    factors = resolved.factors()
    assert factors.shape == (total,)
    assert ((factors >= 0) & (factors <= 1 + 1e-12)).all(), factors
    # Never rebounding, never periodic.
    assert resolved(total) == resolved(total + 1) == resolved(10 * total) == resolved.factors(0, total + 2)[-1]


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.filter_too_much])
@given(filling | schedules, st.integers(1, 9000), st.integers(1, 2000), st.data())
def test_random_access_equals_stepwise_equals_resumed(
    schedule: Schedule, total: int, per_epoch: int, data: st.DataObject
) -> None:
    resolved = resolved_or_skip(schedule, total, per_epoch)
    at = data.draw(st.integers(0, total - 1))
    whole = resolved.factors()
    assert resolved(at) == whole[at]
    assert resolved_or_skip(schedule, total, per_epoch)(at) == whole[at]
    assert (resolved.factors(at) == whole[at:]).all()


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
@given(warmups, whole_decays, st.integers(20, 400))
def test_a_phase_starts_where_its_predecessor_ends(warmup: Schedule, decay: Schedule, total: int) -> None:
    try:
        schedule = warmup >> decay
    except ScheduleError:
        assume(False)
    first, second = resolved_or_skip(schedule, total, 10).resolved.leaves()
    assume(not isinstance(second.schedule, Step | MultiStep | Piecewise))  # they drop where the run says
    assert second.factors(np.array([float(second.span.start)]))[0] == pytest.approx(first.end, abs=1e-12)


MONOTONE = [
    "linear", "cosine(to=1%)", "sqrt", "polynomial(power=3)", "exponential(to=1%)", "exponential(gamma=0.9, every=1ep)",
    "inverse_sqrt(timescale=1ep)", "step(1ep)", "multistep(at=[1ep, 50%])", "hold", "constant", "cosine(update=1ep)",
    "cosine * linear",
]  # fmt: skip


@settings(deadline=None)
@given(st.sampled_from(MONOTONE), st.integers(1, 200), st.integers(1, 50))
def test_decays_never_rise(text: str, total: int, per_epoch: int) -> None:
    factors = resolved_or_skip(parse(text), total, per_epoch).factors()
    assert (np.diff(factors) <= 1e-12).all()


@pytest.mark.parametrize("text", [*MONOTONE, "restarts(1st)", "piecewise(at=[0%, 100%], values=[1, 0.5])", "plateau"])
@pytest.mark.parametrize("total", [1, 2, 7])
def test_edges_of_short_runs(text: str, total: int) -> None:
    if "50%" in text and total < 4:
        return  # its milestones fall on one step
    for warmup in range(total):
        schedule = parse(f"warmup({warmup}st) > {text}" if " * " not in text else f"warmup({warmup}st) > ({text})")
        factors = schedule.resolve(total_steps=total, steps_per_epoch=1).factors()
        assert len(factors) == total
        assert ((factors > 0) & (factors <= 1)).all()  # no step runs at rate 0
        if warmup:
            assert factors[warmup - 1] == 1.0
            assert factors[0] == pytest.approx(1 / warmup)


def test_a_warmup_as_long_as_the_run_is_refused_with_the_way_out() -> None:
    with pytest.raises(ScheduleError) as error:
        parse("warmup(600st) > linear").resolve(**RUN)
    assert str(error.value) == (
        "warmup must be shorter than the run: got warmup(600st) in a run of 535 steps; shorten it or write it as a "
        "share, such as warmup(10%)"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cosine(5st)", "phases must fill the run: cosine(5st) ends at step 5 of 535; leave its length out"),
        ("warmup(6%) > hold(50%) > linear(10%)", "ends at step 353 of 535; leave one length out"),
        (
            "hold(60%) > linear(60%)",
            "phases must fit the run: hold(60%) > linear(60%) needs 642 steps, the run has 535",
        ),
        ("hold(100%) > linear", "needs 535 steps and more"),
        ("hold * cosine(50%)", "ends at step 268 of 535"),
        ("step(every=0.1st)", "steps are whole"),
        ("step(every=0.001ep)", "every must be at least one step"),
        ("restarts(period=0.001ep)", "period must be at least one step"),
        ("cosine(update=0.001ep)", "update must be at least one step"),
        ("multistep(at=[3ep, 50%])", "must rise: got 3ep (step 321) before 50% (step 268)"),
        ("linear(to=1e-3lr)", "must not exceed the peak rate of 1e-05: got 0.001lr"),
        ("warmup(6%, from=0.1) > linear", "must not exceed the peak rate of 1e-05: got 0.1lr"),
        ("warmup(6%, shape=exponential) > linear", "must start above 0"),
        ("warmup(6%, shape=constant) > linear", "must start above 0"),
        ("inverse_sqrt", "takes its timescale from the warmup before it"),
        ("linear(50%) > exponential(to=1%)", "must begin above 0"),
        ("part(linear, of=100st, from=60st, to=50st, length=1st) > hold", "a part lies within its whole"),
        ("part(linear, of=100st, to=500st) > hold", "a part lies within its whole"),
    ],
)
def test_what_does_not_fit_a_run_is_refused(text: str, says: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse(text).resolve(**RUN, peak_rate=1e-5)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_rate_needs_the_peak() -> None:
    with pytest.raises(ScheduleError, match="1e-6lr is a rate, which needs peak_rate"):
        parse("linear(to=1e-6lr)").resolve(**RUN)


def test_a_run_of_no_steps_is_refused() -> None:
    with pytest.raises(ScheduleError, match="a run has at least one step"):
        parse("linear").resolve(total_steps=0, steps_per_epoch=1)


# Conventions


def test_step_boundaries_count_from_the_start_of_the_run_and_round_half_up() -> None:
    schedule = parse("warmup(2st) > step(every=2.5ep, gamma=0.5)").resolve(total_steps=10, steps_per_epoch=1)
    assert schedule.factors().tolist() == [0.5, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125]


def test_cumulated_boundaries_are_rounded_half_up() -> None:
    resolved = parse("hold(10%) > linear(25%) > hold").resolve(total_steps=10, steps_per_epoch=1)
    assert [(span.start, span.stop) for _, span in resolved_phases(resolved)] == [(0, 1), (1, 4), (4, 10)]
    resolved = parse("warmup(33.3%) > hold(33.3%) > linear(33.4%)").resolve(total_steps=100, steps_per_epoch=1)
    assert [span.stop for _, span in resolved_phases(resolved)] == [33, 67, 100]


def test_a_floor_under_steps_holds() -> None:
    factors = parse("step(every=1st, gamma=0.1, to=0.05)").resolve(total_steps=4, steps_per_epoch=4).factors()
    assert np.allclose(factors, [1.0, 0.1, 0.05, 0.05])


def test_a_warmup_from_a_rate_begins_at_it() -> None:
    rates = parse("warmup(2ep, from=1e-6) > cosine").resolve(**RUN, peak_rate=2e-5).factors() * 2e-5
    assert rates[0] == pytest.approx(1e-6)
    assert rates[213] == 2e-5
    assert np.allclose(np.diff(rates[:214]), (2e-5 - 1e-6) / 213)


@pytest.mark.parametrize("shape", ["linear", "cosine", "exponential"])
def test_warmup_shapes_rise_from_their_start_to_the_peak(shape: str) -> None:
    schedule = parse(f"warmup(10st, from=10%, shape={shape}) > hold")
    factors = schedule.resolve(total_steps=12, steps_per_epoch=1).factors()
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[11] == 1.0
    assert (np.diff(factors[:10]) > 0).all()
    at_4_of_9 = {"linear": 0.1 + 0.9 * 4 / 9, "cosine": 0.1 + 0.9 * (1 - np.cos(np.pi * 4 / 9)) / 2}
    assert factors[4] == pytest.approx(at_4_of_9.get(shape, 0.1 ** (5 / 9)))


def test_a_constant_warmup_is_torchs_constant() -> None:
    import torch

    factors = parse("warmup(5st, from=25%, shape=constant) > hold").resolve(total_steps=8, steps_per_epoch=1).factors()
    theirs = stepped(lambda o: torch.optim.lr_scheduler.ConstantLR(o, 0.25, 5), 8)
    assert np.allclose(factors, theirs)


def test_a_second_warmup_goes_on_from_where_the_rate_stands() -> None:
    factors = parse("linear(4st, to=0.2) > warmup(5st) > hold").resolve(total_steps=10, steps_per_epoch=1).factors()
    assert np.allclose(factors, [1.0, 0.8, 0.6, 0.4, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


def test_a_phase_that_is_rounded_to_nothing_still_ends_where_it_would() -> None:
    factors = parse("linear(0.01%, to=0.5) > hold").resolve(total_steps=10, steps_per_epoch=1).factors()
    assert np.allclose(factors, 0.5)


def test_products_multiply() -> None:
    run = {"total_steps": 20, "steps_per_epoch": 5}
    product = parse("(warmup(4st) > hold) * cosine(to=0.1) * step(1ep)").resolve(**run).factors()
    parts = [parse(text).resolve(**run).factors() for text in ("warmup(4st) > hold", "cosine(to=0.1)", "step(1ep)")]
    assert np.allclose(product, np.prod(parts, axis=0), atol=1e-15)


# Updates once an epoch


def per_epoch(build: object, epochs: int, per: int) -> list[float]:
    return np.repeat(stepped(build, epochs), per).tolist()  # type: ignore[arg-type]


def test_cosine_per_epoch_equals_torchs_stepped_per_epoch() -> None:
    import torch

    ours = parse("cosine(update=1ep)").resolve(**RUN).factors()
    assert np.allclose(ours, per_epoch(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=5), 5, 107))


def test_warmup_per_epoch_equals_a_lambda_stepped_per_epoch() -> None:
    import torch

    ours = parse("warmup(2ep, update=1ep) > constant").resolve(**RUN).factors()
    theirs = per_epoch(lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda e: min(1.0, (e + 1) / 2)), 5, 107)
    assert ours.tolist() == theirs


def test_an_update_within_a_phase_is_counted_from_the_start_of_the_run() -> None:
    factors = parse("warmup(3st) > linear(update=4st)").resolve(total_steps=11, steps_per_epoch=4).factors()
    assert np.allclose(factors, [1 / 3, 2 / 3, 1, 1, 7 / 8, 7 / 8, 7 / 8, 7 / 8, 3 / 8, 3 / 8, 3 / 8])
