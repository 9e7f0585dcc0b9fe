"""Hundreds of schedules made of what is allowed and what is not: each is refused in one line, or runs."""

from __future__ import annotations

import random
import warnings

import pytest

from lrscope.errors import ScheduleError
from lrscope.schedules import parse
from lrscope.schedules.lint import lint
from lrscope.schedules.registry import FORMS

NUMBERS = [
    "0", "1", "2", "7", "50", "100", "0.1", "3.3333", "-1", "1e-5", "1e-9", "1e-300", "4e-324", "1e15", "1e16", "1e300",
    "1e308", "9" * 30, "9" * 400,
]  # fmt: skip
UNITS = ["%", "ep", "st", "", "lr", "x"]


def value(draw: random.Random) -> str:
    if draw.random() < 0.9:
        return draw.choice(NUMBERS) + draw.choice(UNITS)
    return draw.choice(["linear", "cosine", "constant", "exponential", "nan", "inf", "²"])


def shape(draw: random.Random, depth: int = 0) -> str:
    name = draw.choice(list(FORMS))
    form = FORMS[name]
    arguments = [text(draw, depth + 1) if depth < 3 else "linear"] if form.takes_schedule else []
    names = [name for name, (_, _, required) in form.arguments.items() if required or draw.random() < 0.2]
    for argument in names:
        many = form.arguments[argument][1].many
        given = "[" + ", ".join(value(draw) for _ in range(draw.randint(0, 3))) + "]" if many else value(draw)
        arguments.append(f"{argument}={given}")
    return f"{name}({', '.join(arguments)})" if arguments else name


def text(draw: random.Random, depth: int = 0) -> str:
    return draw.choice([" > ", " * "]).join(shape(draw, depth) for _ in range(draw.choice([1, 1, 2, 3])))


@pytest.mark.parametrize("seed", range(8))
def test_a_schedule_runs_or_is_refused_in_one_line(seed: int) -> None:
    draw = random.Random(seed)
    num_run = 0
    for _ in range(400):
        written, total, per_epoch = text(draw), draw.choice([1, 2, 7, 100, 1000]), draw.choice([1, 3, 100, 10**6])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                schedule = parse(written)
                assert parse(str(schedule)) == schedule
                resolved = schedule.resolve(total_steps=total, steps_per_epoch=per_epoch, peak_rate=1e-3)
                factors = resolved.factors()
                lint(schedule, total_steps=total, steps_per_epoch=per_epoch, peak_rate=1e-3, patience=2)
        except ScheduleError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert len(str(error)) < 1000  # noqa: PT017
            continue
        assert ((factors >= 0) & (factors <= 1 + 1e-9)).all(), written
        assert resolved(total) == resolved(10 * total), written
        num_run += 1
    assert num_run > 10
