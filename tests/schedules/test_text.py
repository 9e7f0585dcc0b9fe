"""Schedules and their text: what is written reads back equal, and what cannot be read is pointed at."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schedules.strategies import schedules

from lrscope.errors import ScheduleError
from lrscope.schedules import Duration, Schedule, parse, parse_duration, stretch
from lrscope.schedules.registry import FORMS


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
        ("cosine(0.5)", 7, "write 50%, or 0.5ep"),
        ("warmup(0.1) > linear", 7, "got 0.1; write 10%, or 0.1ep"),
        ("warmup(500) > linear", 7, "got 500; write 500st, or 500ep"),
        ("warmup(2.5) > linear", 7, "got 2.5; write 2.5% or 2.5ep"),
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
        ("cosine(to=1e999)", 10, "beyond range: got 1e999"),
        (f"plateau({'9' * 400})", 8, "beyond range: got 9999"),
        (f"warmup({'9' * 400}st) > linear", 7, "beyond range: got 9999"),
        ("warmup(1e300st) > linear", 7, "at most 1e+15 st: got 1e300st"),
        ("step(every=1ep, gamma=inf)", 22, "write a number"),
        ("linear(to=²)", 10, "unexpected '²'"),
        ("part(" * 99 + "linear" + ", of=9st)" * 99, 200, "nest at most"),
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


@pytest.mark.parametrize(
    ("text", "steps", "written"),
    [
        ("500ktok", 54, "500ktok"), ("1000tok", 0, "1ktok"), ("2Mtok", 214, "2Mtok"), ("2.5Mtok", 268, "2.5Mtok"),
        ("1234567tok", 132, "1234567tok"), ("1250ktok", 134, "1250ktok"), ("0.5ktok", 0, "500tok"), ("0Mtok", 0, "0"),
    ],
)  # fmt: skip
def test_tokens_become_steps_by_the_mean_of_an_epoch(text: str, steps: int, written: str) -> None:
    length = parse_duration(text)
    assert length.to_steps(535, 107, tokens_per_epoch=1_000_000) == steps
    assert str(length) == written
    assert parse_duration(written) == length
    if steps:
        with pytest.raises(ScheduleError, match=r"how many tokens an epoch has is not known: got .*; write it as a sh"):
            length.to_steps(535, 107)


@given(st.integers(1, 10**15))
def test_tokens_are_written_and_read_back(tokens: int) -> None:
    assert parse_duration(str(Duration(tokens, "tok"))).value == tokens


def test_a_schedule_in_tokens_keeps_its_text_and_equals_one_in_steps() -> None:
    schedule = parse("warmup(500ktok) > hold > linear(2Mtok, to=10%)")
    assert str(schedule) == "warmup(500ktok) > hold > linear(2Mtok, to=0.1)"
    run = schedule.resolve(total_steps=535, steps_per_epoch=107, tokens_per_epoch=1_000_000)
    same = parse("warmup(0.5ep) > hold > linear(214st, to=10%)")
    assert run.factors().tolist() == same.resolve(total_steps=535, steps_per_epoch=107).factors().tolist()
    longer = stretch(run, at=200, total_steps=700)
    assert longer.factors()[:200].tolist() == run.factors()[:200].tolist()
    with pytest.raises(ScheduleError, match="how many tokens an epoch has is not known: got 500ktok"):
        schedule.resolve(total_steps=535, steps_per_epoch=107)


@pytest.mark.parametrize(
    "text",
    [
        "1Ktok",
        "1mtok",
        "1.5tok",
        "0.0001ktok",
        "1tokens",
        "-1ktok",
        "2e15Mtok",
        "10",
        "-1st",
        "1.5st",
        "nan%",
        "101%",
        "ten",
        "",
        "5 st",
        "1e999ep",
        "9" * 99,
        "²st",
        "inf",
        "-0.1",
        "1e999",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match=r"st|ep") as error:
        parse_duration(text)
    assert len(str(error.value)) < 200


def test_durations_of_one_unit_are_ordered_and_others_are_not_compared() -> None:
    assert Duration(2, "ep") < Duration(3, "ep") <= Duration(3.0, "ep")
    assert max(Duration(6, "%"), Duration(0, "st")) == Duration(6, "%")  # nothing is nothing in every unit
    with pytest.raises(ScheduleError, match="different units are compared within a run: got 6% and 2ep"):
        _ = Duration(6, "%") >= Duration(2, "ep")
    with pytest.raises(TypeError):
        _ = Duration(6, "%") < 3
    for value in (10**400, "x", None):
        with pytest.raises(ScheduleError, match="a finite number"):
            Duration(value, "st")


@pytest.mark.parametrize(
    ("text", "says"),
    [("10", "10%, 10ep or 10st"), ("0.06", "6%, or 0.06ep"), (".1", "10%, or 0.1ep"), ("4000", "4000st, or 4000ep")],
)
def test_a_bare_number_shows_its_spellings_the_likeliest_first(text: str, says: str) -> None:
    with pytest.raises(ScheduleError, match=f"needs its unit: got {text}; write {says}"):
        parse_duration(text)
