"""The plan of a budget for one's own training: rates, lengths, and what short runs leave."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrscope.errors import ConfigError
from lrscope.studies.tune_plan import (
    COARSE,
    NEAR_FACTOR,
    RateRange,
    beyond,
    first_rates,
    found_in,
    parse_range,
    plan_tune,
    short_length,
    shown_range,
)  # fmt: skip


@pytest.mark.parametrize("text", ["1e-4", "1e-3:1e-5", "0:1e-3", "1e-5:inf", "1e-5:nan", "a:b", "1:2:3", "1e-5:1.1e-5"])
def test_ranges_without_sense(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--lr of tune .*got .*; write 1e-5:1e-3"):
        parse_range(text)


@given(st.floats(-8, -2), st.floats(0.31, 5))
def test_rates_are_spread_evenly_between_the_ends(low: float, decades: float) -> None:
    search = RateRange(10**low, 10 ** (low + decades))
    for number in COARSE:
        rates = search.spread(number)
        assert (rates[0], rates[-1], len(rates)) == (search.low, search.high, number)
        ratios = [after / before for before, after in itertools.pairwise(rates)]
        assert max(ratios) / min(ratios) < 1.15, "but for the digits that people read"
    for at_once in (1, 2, 3, 8):
        first = first_rates(search, at_once)
        assert set(first) <= set(search.spread(5)) & set(search.spread(7)), "they are run once"
        assert len(first) == min(3, at_once)


@given(
    st.floats(60, 1e6), st.floats(0.5, 8), st.floats(0.1, 4000), st.floats(1, 10), st.integers(1, 16)
)  # fmt: skip
def test_a_plan_keeps_to_its_budget_or_says_what_it_takes(
    budget: float, decades: float, short: float, longer: float, at_once: int
) -> None:
    search, full = RateRange(1e-7, 1e-7 * 10**decades), short * longer
    try:
        plan = plan_tune(budget, search, short, full, at_once)
    except ConfigError as error:
        needed = float(str(error).split("; give ")[1].split("min")[0]) * 60.0
        assert needed > budget
        plan_tune(needed, search, short, full, at_once)  # holds it
        return
    assert plan.short_seconds + plan.sweep_seconds + plan.more_seconds <= budget * (1 + 1e-9)
    assert 2 <= plan.seeds <= plan.max_seeds <= 8
    assert len(plan.rates) in COARSE
    if search.factor(5) <= NEAR_FACTOR:
        assert len(plan.rates) == 5, "no more than it takes"


def test_a_wide_range_takes_more_rates_where_the_budget_holds_them() -> None:
    wide = RateRange(1e-6, 1e-3)
    assert len(plan_tune(8 * 3600, wide, 60, 300, 1).rates) == 7
    assert len(plan_tune(3400, wide, 60, 300, 1).rates) == 5


def test_what_a_small_budget_would_take_is_said() -> None:
    with pytest.raises(ConfigError, match="60min is too little where a short run takes 5min and a full one about"):
        plan_tune(3600, RateRange(1e-5, 1e-3), 300, 1500, 1)


def test_short_runs_are_complete_runs_of_a_fifth() -> None:
    assert short_length(2.5, is_epochs=True) == 1
    assert short_length(1.2, is_epochs=True) is None
    assert short_length(10_000, is_epochs=False) == 2000
    assert short_length(60, is_epochs=False) == 20


def test_what_goes_on() -> None:
    rates = [1e-5, 1e-4, 1e-3, 1e-2]

    def ends(costs: list[float | None], *, is_short: bool = False) -> tuple[float, float, float | None]:
        found = found_in(rates, costs, is_short=is_short)
        assert found is not None
        return found.within.low, found.within.high, found.edge

    assert ends([3, 1, 2, 4]) == (1e-5, 1e-3, None)
    assert ends([4, 3, 1, 2]) == (1e-4, 1e-2, None)
    assert ends([4, 3, 1, 2], is_short=True) == (1e-5, 1e-2, None)
    assert ends([4, 1, 1, 2]) == (1e-5, 1e-2, None), "equal ones are all the best"
    assert ends([1, 2, 3, 4]) == (1e-5, 1e-4, 1e-5)
    assert ends([4, 3, 2, 1]) == (1e-3, 1e-2, 1e-2)
    low, high, edge = ends([None, None, 1, None])
    assert (low, high, edge) == (1e-4, 3.2e-3, None)
    assert ends([1, None, None, None])[1] == 3.2e-5
    assert found_in(rates, [None, math.inf, math.nan, None], is_short=True) is None


def test_beyond_the_end() -> None:
    assert beyond([1e-5, 3.2e-5, 1e-4], 1e-4) == 3.2e-4
    assert shown_range(parse_range("2e-5:1e-3")) == "2e-5:1e-3"


@settings(max_examples=300)
@given(
    best=st.floats(-4.6, -3.4), shift=st.floats(0, 0.5), width=st.floats(0.4, 3), cliff=st.floats(0.3, 3),
    noise=st.floats(0, 0.02), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_the_best_of_the_full_length_lies_in_what_short_runs_leave(
    best: float, shift: float, width: float, cliff: float, noise: float, seed: int
) -> None:
    """A landscape with a known best; short runs like a higher rate, by up to half a decade, and diverge beyond it."""
    draw, search = random.Random(seed), RateRange(1e-5, 1e-3)
    rates = search.spread(5)

    def cost(rate: float) -> float | None:
        away = math.log10(rate) - (best + shift)
        return None if away > cliff else width * away**2 + draw.gauss(0, noise * width)

    found = found_in(rates, [cost(rate) for rate in rates], is_short=True)
    assert found is not None
    assert math.log10(found.within.low) - 1e-9 <= best <= math.log10(found.within.high) + 1e-9
    fine = found.within.spread(5)
    assert min(abs(math.log10(rate) - best) for rate in fine) < 0.25, "one of the five is near it"
