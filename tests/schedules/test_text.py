"""Schedules and their text: what is written reads back equal, and what cannot be read is pointed at."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schedules.strategies import schedules

from lrscope.errors import ScheduleError
from lrscope.schedules import Schedule, parse, parse_duration
from lrscope.schedules.parser import FORMS


@settings(deadline=None, max_examples=400)
@given(schedules)
def test_text_round_trips(schedule: Schedule) -> None:
    text = str(schedule)
    assert parse(text) == schedule
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("warmup( 6% )>linear", "warmup(6%) > linear"),
        ("cosine( to = 1% )", "cosine(to=0.01)"),
        ("step(2ep,gamma=.5)", "step(every=2ep, gamma=0.5)"),
        ("step(1ep)", "step(every=1ep, gamma=0.1)"),
        ("warmup(100st) > hold(70%) > sqrt(to=0)", "warmup(100st) > hold(70%) > sqrt"),
        ("warmup(2ep, from=1e-6) > cosine", "warmup(2ep, from=1e-6lr) > cosine"),
        ("warmup(2ep, from=5%, shape=cosine) > cosine", "warmup(2ep, from=5%, shape=cosine) > cosine"),
        ("cosine(to=1e-7lr)", "cosine(to=1e-7lr)"),
        ("wsd", "warmup(6%) > hold > sqrt(20%)"),
        ("wsd(warmup=1ep, decay=30%, to=1%)", "warmup(1ep) > hold > sqrt(30%, to=0.01)"),
        ("one_cycle", "warmup(30%, from=4%, shape=cosine) > cosine"),
        ("multistep([2ep, 4ep])", "multistep(at=[2ep, 4ep], gamma=0.1)"),
        ("restarts(1ep, multiplier=2)", "restarts(period=1ep, multiplier=2)"),
        ("(warmup(6%) > hold) * cosine", "(warmup(6%) > hold) * cosine"),
        ("warmup(6%) > (hold(20%) > linear)", "warmup(6%) > hold(20%) > linear"),
        ("((linear))", "linear"),
        ("plateau", "plateau(patience=2, gamma=0.1)"),
        ("plateau(5)", "plateau(patience=5, gamma=0.1)"),
        ("part(linear, of=100st, to=50st) > hold", "part(linear, of=100st, to=50st) > hold"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)


def test_two_spellings_of_one_schedule_are_equal_and_hash_alike() -> None:
    assert parse("cosine(to=1%)") == parse("cosine( to=0.010 )")
    assert len({parse("linear"), parse("linear(to=0)"), parse("linear(to=0%)")}) == 1


pieces = st.sampled_from(
    [*FORMS, "(", ")", "[", "]", ",", "=", ">", "*", "to", "from", "length", "every", "at", "values", "of", "6%", "2ep",
     "500st", "0.1", "1e-6lr", "1e999", "-1", "nan", " ", "\n", "é", "__", "update=1ep"]
)  # fmt: skip


@settings(deadline=None, max_examples=600)
@given(st.lists(pieces, max_size=25).map("".join) | st.lists(pieces, max_size=25).map(" ".join) | st.text(max_size=40))
def test_any_text_parses_or_is_refused_with_a_column(text: str) -> None:
    try:
        parse(text)
    except ScheduleError as error:
        assert error.column is not None  # noqa: PT017
        assert 0 <= error.column <= len(text)  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("cosin", 0, "did you mean cosine"),
        ("linaer > cosine", 0, "did you mean linear"),
        ("", 0, "linear, cosine or warmup(6%) > linear"),
        ("warmup(6) > linear", 7, "6%, 6ep or 6st"),
        ("cosine(0.5)", 7, "0.5%, 0.5ep or 0.5st"),
        ("linear > cosine", 0, "one phase at most takes the rest"),
        ("warmup(6%)", 0, "leads to a shape"),
        ("linear(90%) > warmup(10%)", 0, "leads to a shape"),
        ("linear(90%) > warmup(0) > linear", 0, "warmup(0) says"),
        ("warmup > linear", 0, "missing length= in 'warmup'"),
        ("step", 0, "step(every=2ep)"),
        ("multistep", 0, "multistep(at=[2ep, 4ep])"),
        ("multistep(at=2ep)", 13, "a list, as in at=[2ep, 4ep]"),
        ("multistep(at=[4ep, 2ep])", 0, "must rise: got 4ep before 2ep"),
        ("multistep(at=[2ep, 2ep])", 0, "must rise"),
        ("multistep(at=[])", 0, "milestones are needed"),
        ("step(every=2ep, gama=1)", 16, "every=, gamma=, to="),
        ("step(every=2ep, every=2ep)", 16, "once"),
        ("step(every=2ep, gamma=0)", 0, "gamma must be above 0"),
        ("step(every=2ep, gamma=1.5)", 0, "at most 1: got 1.5"),
        ("step(every=0)", 0, "longer than 0"),
        ("step(every=-1ep)", 11, "not negative"),
        ("linear(0%)", 0, "longer than 0"),
        ("linear(length=0st)", 0, "longer than 0"),
        ("linear(update=0)", 0, "longer than 0"),
        ("cosine(to=2)", 10, "from 0 to 1"),
        ("cosine(to=1ep)", 10, "0.01 or 1%, or 1e-6lr"),
        ("cosine(to=-1e-6lr)", 10, "0 or a positive number"),
        ("cosine(to=1e999)", 10, "from 0 to 1"),
        ("warmup(6%, shape=cubic) > linear", 17, "linear, cosine, exponential, constant"),
        ("warmup(6%, shape=1) > linear", 17, "write a word"),
        ("warmup(6 %) > linear", 9, "right after its number"),
        ("warmup(120%) > linear", 7, "at most 100%"),
        ("warmup(1.5st) > linear", 7, "steps are whole"),
        ("polynomial(power=0)", 0, "power must be above 0"),
        ("exponential", 0, "never reaches 0"),
        ("exponential(gamma=0.9)", 0, "together"),
        ("restarts(1ep, multiplier=0.5)", 0, "at least 1"),
        ("piecewise(at=[0%, 10%], values=[1])", 0, "got 2 in at= and 1 in values="),
        ("plateau(patience=1.5)", 17, "whole number"),
        ("plateau(patience=2ep)", 17, "leave ep out"),
        ("plateau(threshold=-1)", 0, "threshold must be 0 or more"),
        ("linear)", 6, "> between phases"),
        ("(linear", 7, "write ) here"),
        ("linear * ", 9, "write a shape"),
        ("linear(to=0.1", 13, "close with )"),
        ("part(of=100st)", 5, "unknown schedule 'of'"),
        ("part(linear)", 0, "missing of= in"),
        ("part(linear, of=50%)", 0, "of=1000st"),
        ("__import__('os')", 11, "leave it out"),
        ("(" * 99 + "linear" + ")" * 99, 40, "nest at most"),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text: str, column: int, says: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse(text)
    assert says in str(error.value)
    assert error.value.column == column
    assert "\n" not in str(error.value)


def test_a_text_of_any_length_ends_quickly() -> None:
    with pytest.raises(ScheduleError, match="at most 2000 characters"):
        parse("linear > " * 1000)


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
