"""How a time budget is spent on training whose speed nobody knows yet: short runs find where to look, then a sweep.

Pure: rates, lengths, costs in, plans out. What is run, and when, is `workflows/tune_command.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrscope.config.trial import MAX_RATE
from lrscope.errors import ConfigError
from lrscope.number_text import format_rate
from lrscope.studies.budget import MAX_SEEDS, MIN_SEEDS, NUM_CONTENDERS, NUM_RATES, SWEEP_SHARE, format_budget
from lrscope.studies.run_times import seconds_together

COARSE = (5, 7)  # rates of the first stage: odd numbers, so that the ends and the middle are in both
NEAR_FACTOR = 3.2  # between neighbours, where the budget holds so many: half a decade
SHORT_SHARE = 0.35  # of the budget, at most, for more than the fewest short runs
SHORTER = 5  # short runs are a fifth as long; each runs its schedule to the end, as in `rungs.py`
FEWEST_STEPS, LEAST_SAVED = 20, 0.7  # a run of 70% of the length is no short one


@dataclass(frozen=True)
class RateRange:
    """The rates between which the best is looked for."""

    low: float
    high: float

    def spread(self, number: int) -> tuple[float, ...]:
        """Return so many rates evenly spaced on the log axis, both ends included.

        >>> RateRange(1e-5, 1e-3).spread(5)
        (1e-05, 3.2e-05, 0.0001, 0.00032, 0.001)
        """
        digits = 2 if self.high / self.low > 4.0 else 4
        between = [self.low * (self.high / self.low) ** (place / (number - 1)) for place in range(1, number - 1)]
        rates = (self.low, *(float(f"{rate:.{digits}g}") for rate in between), self.high)
        return tuple(sorted(set(rates)))

    def factor(self, number: int) -> float:
        """Return the ratio of neighbours among so many rates."""
        return math.pow(self.high / self.low, 1.0 / (number - 1))


def parse_range(text: str) -> RateRange:
    """Return the range of rates that is written `LOW:HIGH`.

    Raises:
        ConfigError: it is none.

    >>> parse_range("1e-5:1e-3")
    RateRange(low=1e-05, high=0.001)
    """
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise ConfigError(f"--lr of tune is a range, LOW:HIGH: got {text!r}; write 1e-5:1e-3") from None
    if not 0.0 < low < high <= MAX_RATE:
        raise ConfigError(f"--lr of tune rises from a positive rate to a higher one: got {text!r}; write 1e-5:1e-3")
    if high / low < 2.0:
        raise ConfigError(f"--lr of tune spans a factor of 2 at least: got {text!r}; write 1e-5:1e-3")
    return RateRange(low, high)


def short_length(length: float | None, *, is_epochs: bool) -> float | None:
    """Return how long a short run is; None where runs cannot be shortened, or it would save too little.

    >>> short_length(10, is_epochs=True), short_length(3, is_epochs=True), short_length(500, is_epochs=False)
    (2, 1, 100)
    >>> short_length(1, is_epochs=True), short_length(None, is_epochs=True), short_length(25, is_epochs=False)
    (None, None, None)
    """
    if length is None:
        return None
    short = max(1 if is_epochs else FEWEST_STEPS, round(length / SHORTER))
    return short if short <= LEAST_SAVED * length else None


@dataclass(frozen=True)
class TunePlan:
    """What a budget in seconds is spent on, once a first run has told what runs take.

    `rates` are those of the first stage, whose runs may be short; `seeds` are those of the sweep, `max_seeds` the most
    of rates that may be the best. `short_seconds` is what the first stage takes, `full_run` what a run of full length
    is expected to take.
    """

    budget: float
    rates: tuple[float, ...]
    is_short: bool
    seeds: int
    max_seeds: int
    full_run: float
    short_seconds: float
    sweep_seconds: float
    more_seconds: float


def first_rates(search: RateRange, at_once: int) -> tuple[float, ...]:
    """Return the rates that run before there is a plan: the middle one, and the ends where several run at once."""
    rates = search.spread(COARSE[0])
    return tuple(sorted((rates[len(rates) // 2], rates[0], rates[-1])[: max(1, at_once)]))


def plan_tune(budget: float, search: RateRange, short_run: float, full_run: float, at_once: int) -> TunePlan:
    """Return the plan for a budget in seconds, by what a short run took and one of full length is expected to take.

    Raises:
        ConfigError: not even five short runs and five rates at two seeds fit; it says what would.

    >>> plan = plan_tune(8 * 3600, RateRange(1e-5, 1e-3), 300.0, 1500.0, 1)
    >>> len(plan.rates), plan.seeds, plan.max_seeds
    (5, 2, 4)
    """

    def short(number: int) -> float:
        return seconds_together([short_run] * number, at_once)

    def sweep(seeds: int) -> float:
        return seconds_together([full_run] * NUM_RATES * seeds, at_once)

    least = short(COARSE[0]) + sweep(MIN_SEEDS)
    if least > budget:
        raise ConfigError(
            f"--budget holds {COARSE[0]} short runs and {NUM_RATES} rates at {MIN_SEEDS} seeds: {_span(budget)} is too "
            f"little where a short run takes {_span(short_run)} and a full one about {_span(full_run)}; give "
            f"{math.ceil(least * 1.1 / 60.0)}min (what ran is kept: the same command with more goes on)"
        )
    fits = short(COARSE[1]) <= SHORT_SHARE * budget and short(COARSE[1]) + sweep(MIN_SEEDS) <= budget
    number = COARSE[1] if search.factor(COARSE[0]) > NEAR_FACTOR and fits else COARSE[0]
    left = budget - short(number)
    seeds = max((n for n in range(MIN_SEEDS, MAX_SEEDS + 1) if sweep(n) <= SWEEP_SHARE * left), default=MIN_SEEDS)
    each = seconds_together([full_run] * NUM_CONTENDERS, at_once)
    most = min(MAX_SEEDS, seeds + int((left - sweep(seeds)) / each))
    more = (most - seeds) * each
    return TunePlan(
        budget, search.spread(number), short_run < full_run, seeds, most, full_run, short(number), sweep(seeds), more
    )


def _span(seconds: float) -> str:
    return format_budget(float(f"{seconds:.3g}") if seconds < 120 else 60.0 * round(seconds / 60.0))


@dataclass(frozen=True)
class Found:
    """Where the short runs say that the best rate lies; `edge` is the end of the rates that the best stands at."""

    best: float
    within: RateRange
    edge: float | None


def found_in(rates: Sequence[float], costs: Sequence[float | None], *, is_short: bool) -> Found | None:
    """Return the interval that goes on: the best rate and its neighbours; None where no run came to a value.

    `costs` are better when lower, None where a run diverged or failed. Equal ones are all the best. As the best rate
    tends to fall with the horizon, the interval reaches one rate further down after short runs. Towards a rate that
    diverged it ends half-way.

    >>> found_in([1e-5, 1e-4, 1e-3, 1e-1], [3.0, 2.0, 1.0, None], is_short=True).within
    RateRange(low=1e-05, high=0.01)
    """
    known = [cost for cost in costs if cost is not None and math.isfinite(cost)]
    if not known:
        return None
    places = [place for place, cost in enumerate(costs) if cost is not None and cost == min(known)]
    lowest, highest = places[0], places[-1]
    best = places[len(places) // 2]
    low, high = max(0, lowest - 1 - is_short), min(len(rates) - 1, highest + 1)
    half_way = float(f"{math.sqrt(rates[highest] * rates[high]):.2g}")
    top = half_way if costs[high] is None else rates[high]
    edge = rates[0] if lowest == 0 else rates[-1] if highest == len(rates) - 1 else None
    bottom = rates[low]
    if not bottom < top:  # one rate alone came to a value
        bottom, top = rates[best] / 2.0, rates[best] * 2.0
    return Found(rates[best], RateRange(bottom, top), edge)


def beyond(rates: Sequence[float], edge: float) -> float | None:
    """Return a rate one step beyond the end of the rates that the best stands at; None where there can be none.

    >>> beyond([1e-5, 1e-4, 1e-3], 1e-3), beyond([1e-5, 1e-4, 1e-3], 1e-5)
    (0.01, 1e-06)
    """
    step = (rates[-1] / rates[0]) ** (1.0 / (len(rates) - 1))
    rate = float(f"{edge * step if edge == rates[-1] else edge / step:.2g}")
    return rate if 1e-12 < rate <= MAX_RATE and rate not in rates else None


def shown_range(search: RateRange) -> str:
    """Return a range as it is typed.

    >>> shown_range(RateRange(1e-5, 1e-3))
    '1e-5:1e-3'
    """
    return f"{format_rate(search.low)}:{format_rate(search.high)}"
