"""What is known before a search, as a search; budgets and the runs that they hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.config.trial import MAX_RATE
from lrscope.errors import ConfigError
from lrscope.studies.budget import FEWEST_RUNS, epochs_within, parse_budget, require_fewest
from lrscope.studies.run_times import seconds_together
from lrscope.studies.tune_plan import NOTHING_KNOWN, Known, RateRange, parse_range, range_of, shown_range


@pytest.mark.parametrize("text", ["1e-4", "1e-3:1e-5", "0:1e-3", "1e-5:inf", "1e-5:nan", "a:b", "1:2:3", "1e-5:1.1e-5"])
def test_ranges_without_sense(text: str) -> None:
    with pytest.raises(ConfigError, match=r"lr of tune .*got .*; write 1e-5:1e-3"):
        parse_range(text)


@given(st.floats(-8, -2), st.floats(0.31, 5))
def test_a_range_is_searched_from_its_middle_and_one_step_beyond_its_ends(low: float, decades: float) -> None:
    asked = RateRange(float(f"{10**low:.6g}"), float(f"{10 ** (low + decades):.6g}"))
    known = Known.of_range(asked)
    assert known.search.start == pytest.approx(math.log10(asked.low * asked.high) / 2)
    assert known.search.low == pytest.approx(math.log10(asked.low) - known.search.spacing)
    assert known.search.high <= math.log10(MAX_RATE)
    assert known.interval == pytest.approx((asked.low, asked.high))
    assert range_of(known) == asked


def test_a_bracket_holds_the_best_rate_with_eighty_percent() -> None:
    known = Known.of_bracket(1e-4, 1e-3)
    assert known.interval == pytest.approx((1e-4, 1e-3))
    assert known.source == "range test"
    assert range_of(known) is None
    assert NOTHING_KNOWN.sd > known.sd


def test_runs_begin_where_the_prior_says_and_reach_as_far_from_its_middle() -> None:
    known, plain = Known(-3.2, 0.4, "prior", start=-3.3), Known(-3.2, 0.4, "prior")
    assert (known.search.start, plain.search.start) == (-3.3, -3.2)
    assert (known.search.upward, plain.search.upward) == (True, False)  # the second run lies towards the middle
    assert (known.search.low, known.search.high) == (plain.search.low, plain.search.high)
    assert known.interval == plain.interval


@given(
    st.floats(10, 1e5), st.floats(0.1, 100), st.floats(0.1, 300), st.integers(1, 8),
    st.one_of(st.none(), st.integers(1, 9)),
)  # fmt: skip
def test_runs_are_as_long_as_lets_enough_fit_or_it_says_what_it_takes(
    budget: float, fixed: float, epoch: float, at_once: int, epochs: int | None
) -> None:
    def together(length: int, runs: int) -> float:
        return seconds_together([fixed + length * epoch] * runs, at_once)

    try:
        length = epochs_within(budget, (fixed, epoch), at_once, epochs, most_epochs=10)
    except ConfigError as error:
        needed = parse_budget(str(error).split("; give ")[1].split(",")[0])
        assert needed > budget
        assert epochs_within(needed, (fixed, epoch), at_once, epochs, most_epochs=10) >= 1
        return
    assert together(length, FEWEST_RUNS) <= budget
    if epochs is None and length < 10:
        assert together(length + 1, 6) > budget, "as long as can be"


def test_what_a_small_budget_would_take_is_said() -> None:
    with pytest.raises(ConfigError, match=r"each about 25min here: got 60min; give 83min, or take"):
        require_fewest(3600.0, 1500.0, 1)
    require_fewest(3600.0, 1200.0, 1)


def test_a_range_is_written_as_it_is_typed() -> None:
    assert shown_range(parse_range("2e-5:1e-3")) == "2e-5:1e-3"
