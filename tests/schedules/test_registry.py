"""Shapes of a user's own: once registered, they are read, written and suggested as those of lrscope are."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from lrscope.config import TrialConfig
from lrscope.errors import ScheduleError
from lrscope.schedules import DURATION, NUMBER, Duration, Phase, Span, argument, parse, register_shape, word
from lrscope.schedules.lint import lint
from lrscope.schedules.registry import FORMS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Sawtooth(Phase):
    """factor = v (1 − depth · s / period), again and again."""

    name: ClassVar[str] = "sawtooth"
    first_argument: ClassVar[str] = "period"

    period: Duration = argument(DURATION)  # noqa: RUF009  a field, as dataclasses.field is
    depth: float = argument(NUMBER, 0.5)
    side: str = argument(word("falling", "rising"), "falling")

    def values(self, steps: NDArray[np.float64], span: Span) -> NDArray[np.float64]:
        share = (steps - span.start) / span.horizon.steps(self.period) % 1.0
        return span.first * (1.0 - self.depth * (share if self.side == "falling" else 1.0 - share))

    def end(self, span: Span) -> float:
        return span.first


@pytest.fixture
def _registered() -> Iterator[None]:
    register_shape(Sawtooth)
    yield
    del FORMS["sawtooth"]


@pytest.mark.usefixtures("_registered")
def test_a_registered_shape_is_like_any_other() -> None:
    schedule = parse("warmup( 2st )>sawtooth(4st,depth=.25)")
    assert str(schedule) == "warmup(2st) > sawtooth(period=4st, depth=0.25)"
    assert parse(str(schedule)) == schedule
    assert pickle.loads(pickle.dumps(schedule)) == schedule
    factors = schedule.resolve(total_steps=8, steps_per_epoch=8).factors()
    assert factors.tolist() == [0.5, 1.0, 1.0, 0.9375, 0.875, 0.8125, 1.0, 0.9375]
    assert TrialConfig(peak_rate=1e-3, schedule=schedule).to_dict()["schedule"] == str(schedule)
    assert [finding.rule for finding in lint(parse("sawtooth(5ep)"), total_steps=40, steps_per_epoch=8)] == [
        "past the end"
    ]
    with pytest.raises(ScheduleError, match="did you mean sawtooth"):
        parse("sawtoth(4st)")
    with pytest.raises(ScheduleError, match=r"missing period= in 'sawtooth' .*write sawtooth\(period=2ep\)"):
        parse("sawtooth")
    with pytest.raises(ScheduleError, match="one of falling, rising is wanted"):
        parse("sawtooth(4st, side=flat)")
    with pytest.raises(ScheduleError, match="the name sawtooth is taken"):
        register_shape(Sawtooth)


def test_what_is_not_registered_is_unknown() -> None:
    with pytest.raises(ScheduleError, match="unknown schedule 'sawtooth'"):
        parse("sawtooth(4st)")


@dataclass(frozen=True, kw_only=True)
class Cosine(Phase):
    name: ClassVar[str] = "cosine"


@dataclass(frozen=True, kw_only=True)
class Spaced(Phase):
    name: ClassVar[str] = "two words"


@dataclass(frozen=True, kw_only=True)
class Bare(Phase):
    name: ClassVar[str] = "bare"
    depth: float = 0.5


class Plain(Phase):
    name: ClassVar[str] = "plain"


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (Cosine, "the name cosine is taken: got it for Cosine; choose another name"),
        (Spaced, "a shape's name is a word: got 'two words'"),
        (Bare, "fields are arguments of its text: got depth in Bare; write depth: float = argument"),
        (Plain, "a shape is a frozen dataclass: got Plain"),
        (Span, "a shape is a subclass of Phase"),
        ("linear", "a shape is a subclass of Phase"),
    ],
)
def test_what_cannot_be_a_shape_is_refused(shape: object, says: str) -> None:
    with pytest.raises(ScheduleError) as error:
        register_shape(shape)  # type: ignore[type-var]
    assert says in str(error.value)
