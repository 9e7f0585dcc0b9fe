"""Schedules held against torch's and transformers' own, and their text against themselves."""

import math

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from lrscope.errors import ScheduleError
from lrscope.schedules import Duration, Schedule, parse, parse_duration
from lrscope.schedules.shapes import Constant, Cosine, Linear, Shape, Step

RUN = {"total_steps": 535, "steps_per_epoch": 107}


def stepped(build: object, total: int, rate: float = 1.0) -> list[float]:
    """The rates that a torch scheduler gives when it is stepped after every update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = build(optimizer)  # type: ignore[operator]
    rates = []
    for _ in range(total):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_cosine_equals_torch() -> None:
    theirs = stepped(lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, T_max=535, eta_min=0.01), 535)
    assert np.allclose(parse("cosine(to=0.01)").resolve(**RUN).factors(), theirs, atol=1e-9)


def test_linear_equals_torch() -> None:
    theirs = stepped(lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.1, total_iters=535), 535)
    assert np.allclose(parse("linear(to=0.1)").resolve(**RUN).factors(), theirs, atol=1e-9)


def test_step_equals_torch() -> None:
    theirs = stepped(lambda o: torch.optim.lr_scheduler.StepLR(o, 2 * 107, 0.1), 535)
    assert np.allclose(parse("step(every=2ep, gamma=0.1)").resolve(**RUN).factors(), theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("warmup(50st) > linear", transformers.get_linear_schedule_with_warmup),
        ("warmup(50st) > cosine", transformers.get_cosine_schedule_with_warmup),
    ],
)
def test_decays_after_a_warmup_equal_transformers(text: str, theirs: object) -> None:
    ours = parse(text).resolve(**RUN).factors()
    expected = stepped(lambda o: theirs(o, 50, 535), 535)  # type: ignore[operator]
    assert np.allclose(ours[50:], expected[50:], atol=1e-9)
    # Their warmup begins at rate 0 and reaches the peak a step later than ours.
    assert np.allclose(ours[:50], expected[1:51], atol=1e-9)
    assert expected[0] == 0.0 < ours[0]


def test_warmup_reaches_the_peak_at_its_last_step_and_no_step_runs_at_rate_zero() -> None:
    schedule = parse("warmup(6%) > linear").resolve(**RUN)
    assert schedule.warmup_steps == 32
    assert schedule(31) == 1.0 == schedule(32)
    assert schedule.factors().min() > 0


@pytest.mark.parametrize("text", ["constant", "linear", "cosine", "linear(to=0.2)", "step(every=1st)", "cosine(to=1%)"])
@pytest.mark.parametrize("total", [1, 2, 7])
def test_edges_of_short_runs(text: str, total: int) -> None:
    for warmup in range(total):
        schedule = parse(text).with_warmup(Duration(warmup, "st")).resolve(total_steps=total, steps_per_epoch=1)
        factors = schedule.factors()
        assert len(factors) == total
        assert ((factors > 0) & (factors <= 1)).all()
        if warmup or not text.startswith("step"):
            assert factors[max(warmup - 1, 0)] == 1.0
        # From the end on the factor is held: never rebounding, never periodic.
        assert schedule(total) == schedule(total + 1) == schedule(10 * total) <= factors[-1]


def test_a_warmup_as_long_as_the_run_is_refused_with_the_way_out() -> None:
    with pytest.raises(ScheduleError) as error:
        parse("warmup(600st) > linear").resolve(**RUN)
    assert str(error.value) == (
        "warmup must be shorter than the run: got warmup(600st) in a run of 535 steps; shorten it or write it as a "
        "share, such as warmup(10%)"
    )


def test_step_boundaries_count_from_the_start_of_the_run_and_round_half_up() -> None:
    schedule = parse("warmup(2st) > step(every=2.5ep, gamma=0.5)").resolve(total_steps=10, steps_per_epoch=1)
    assert schedule.factors().tolist() == [0.5, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125]


def test_a_floor_under_steps_holds() -> None:
    factors = parse("step(every=1st, gamma=0.1, to=0.05)").resolve(total_steps=4, steps_per_epoch=4).factors()
    assert np.allclose(factors, [1.0, 0.1, 0.05, 0.05])


# Text

durations = st.one_of(
    st.builds(Duration, st.integers(0, 10_000), st.just("st")),
    st.builds(Duration, st.floats(0, 100, allow_subnormal=False), st.just("%")),
    st.builds(Duration, st.floats(0, 1000, allow_subnormal=False), st.just("ep")),
)
shares = st.floats(0, 1, allow_subnormal=False)
shapes: st.SearchStrategy[Shape] = st.one_of(
    st.just(Constant()),
    st.builds(Linear, shares),
    st.builds(Cosine, shares),
    st.builds(Step, durations.filter(lambda d: d.value > 0), st.floats(1e-6, 1.0), shares),
)


@given(shapes, st.none() | durations)
def test_text_round_trips(shape: Shape, warmup: Duration | None) -> None:
    schedule = Schedule(shape, warmup)
    assert parse(str(schedule)) == schedule
    assert str(parse(str(schedule))) == str(schedule)


@given(st.text(alphabet="cosinewarmuplt()=,>%. 0123456789ep\n\"'_-+x", max_size=40) | st.text(max_size=30))
def test_any_text_parses_or_is_refused_with_a_column(text: str) -> None:
    try:
        parse(text)
    except ScheduleError as error:
        assert 0 <= (-1 if error.column is None else error.column) <= max(len(text), 2000)  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("cosin", 0, "did you mean cosine"),
        ("", 0, "linear, cosine or warmup(6%) > linear"),
        ("warmup(6) > linear", 7, "6%, 6ep or 6st"),
        ("linear > cosine", 0, "only a warmup comes before"),
        ("warmup(6%)", 0, "leads to a shape"),
        ("warmup(6%) > warmup(6%) > linear", 13, "one warmup"),
        ("step", 0, "step(every=2ep)"),
        ("step(every=2ep, gama=1)", 21, "every=, gamma=, to="),
        ("step(every=2ep, every=2ep)", 22, "once"),
        ("step(every=2ep, gamma=0)", 0, "gamma must be above 0"),
        ("cosine(to=2)", 0, "from 0 to 1"),
        ("cosine(to=1ep)", 10, "0.01 or 1%"),
        ("warmup(6 %) > linear", 9, "right after its number"),
        ("warmup(120%) > linear", 7, "at most 100%"),
        ("linear)", 6, "> between phases"),
        ("__import__('os')", 11, "leave it out"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, column: int, says: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse(text)
    assert error.value.column == column
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "steps"), [("10%", 54), ("2ep", 214), ("500st", 500), ("0", 0), ("0.5ep", 54), ("1e2st", 100)]
)
def test_durations_become_steps_rounded_half_up(text: str, steps: int) -> None:
    assert parse_duration(text).to_steps(535, 107) == steps


@pytest.mark.parametrize("text", ["10", "-1st", "1.5st", "nan%", "101%", "ten", "", "5 st", "1e999ep"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"st"):
        parse_duration(text)


def test_a_bare_number_shows_the_three_spellings() -> None:
    with pytest.raises(ScheduleError, match=r"write 10%, 10ep or 10st"):
        parse_duration("10")


def test_cosine_is_half_at_half() -> None:
    assert math.isclose(parse("cosine").resolve(total_steps=100, steps_per_epoch=10)(50), 0.5)
