"""What is left takes so long: by all that is behind and by what was done of late, and when a line says so."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lrscope.studies.run_times import SecondsLeft
from lrscope.terminal.time_left import MAX_SAMPLES, Course, Silence, about


def course(*paces: tuple[int, float]) -> Course:
    """Return work at these paces: so many seconds, so much done in each."""
    found, now, done = Course(), 0.0, 0.0
    found.add(now, done)
    for seconds, a_second in paces:
        for _ in range(seconds):
            now, done = now + 1.0, done + a_second
            found.add(now, done)
    return found


def test_a_steady_pace_is_one_number() -> None:
    left = course((100, 2.0)).left(100)
    assert left is not None
    assert left == pytest.approx((50.0, 50.0))
    assert about(left) == "about 50 s"


def test_a_machine_that_grew_four_times_slower_is_said_as_a_range_that_holds_the_truth() -> None:
    left = course((60, 4.0), (60, 1.0)).left(240)
    assert left is not None
    assert left == pytest.approx((240 / 2.5, 240.0), rel=0.02)
    assert about(left) == "2 to 4 min"


def test_what_lies_long_back_is_believed_less_and_less() -> None:
    seconds = [course((30, 4.0), (slow, 1.0)).left(100) for slow in (10, 60, 600, 6000)]
    lows = [left.low for left in seconds if left is not None]
    assert lows == sorted(lows)
    assert lows[-1] == pytest.approx(100.0, rel=0.02)


def test_a_long_course_keeps_few_samples_and_its_pace() -> None:
    long = course((20 * MAX_SAMPLES, 0.5))
    assert len(long._at) <= MAX_SAMPLES
    assert long.left(10) == pytest.approx((20.0, 20.0))
    assert long.seconds(10) == pytest.approx((20 * MAX_SAMPLES + 20.0,) * 2)


def test_nothing_is_known_of_one_step_and_counting_anew_forgets() -> None:
    assert course().left(5) is None
    again = course((10, 1.0))
    again.add(11.0, 0.0)
    assert again.left(5) is None


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ((55, 65), "about 1 min"),
        ((20, 40), "20 to 40 s"),
        ((3000, 9000), "50 min to 2 h 30 min"),
        ((0, 0), "about 0 s"),
    ],
)
def test_a_length_of_time_in_words(between: tuple[float, float], said: str) -> None:
    assert about(SecondsLeft(*between)) == said


def test_nobody_waits_longer_than_a_minute_for_a_line() -> None:
    silence = Silence(0.0)
    told = [second for second in range(1, 1000) if silence.is_over(second, second / 1000)]
    assert told[0] == 10
    assert max(b - a for a, b in pairwise(told)) <= 60
    assert len(told) < 25
