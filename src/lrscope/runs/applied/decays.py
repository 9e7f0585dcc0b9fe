"""Which curve logged rates came down along."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lrscope.runs.applied.curves import Curve, Fit, Free, Kind, fitted, nearest
from lrscope.runs.applied.readings import Readings
from lrscope.runs.applied.rises import LIMIT, Rise
from lrscope.runs.score_table import Floats

SAMPLE = 120  # rates that a curve is fitted to; all are held against it then
ENOUGH = 4.0  # of evidence, below
FINER = 0.02  # of a tolerance
SPARE = 4  # rates more than there are free values: few that were rounded may lie on a line by chance
FAR = 0.1  # of the way down: a curve that misses by more before it is fitted is none

# The start of these cannot be seen from the way down: an earlier one with a higher peak falls along the same curve.
WITHOUT_START: frozenset[Kind] = frozenset({"linear", "power", "exponential", "inverse"})


@dataclass(frozen=True, eq=False)
class Explained:
    """A way down that the rates from the index `first` on are explained by.

    `told` is whether its end is where the training was to end.
    """

    fit: Fit
    first: int
    told: bool
    rise: Rise | None
    evidence: float

    @property
    def curve(self) -> Curve:
        """The fitted curve."""
        return self.fit.curve

    @cached_property
    def size(self) -> int:
        """How many values were free."""
        return len(self.fit.free)


@dataclass(frozen=True, eq=False)
class Way:
    """The rates that came down: those from the index `first` on, a sample of them, with blurred tolerances.

    `rising` is how many went up before; those between are of either.
    """

    of: Readings
    first: int
    rising: int = 0
    blur: float = 0.0

    @cached_property
    def _indices(self) -> np.ndarray:
        count = len(self.of) - self.first
        return self.first + np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).round().astype(int))

    @cached_property
    def tolerances(self) -> Floats:
        """Of all rates: what was rounded away, and what a place that is a little wrong makes of a slope."""
        blur = max(self.blur, self.of.blur)
        if not blur or len(self.of) < 2:
            return self.of.tolerances
        slopes = np.abs(np.diff(self.of.rates)) / np.maximum(np.diff(self.of.places), 1e-12)
        steepest = np.maximum(np.append(slopes, slopes[-1]), np.insert(slopes, 0, slopes[0]))
        return np.asarray(self.of.tolerances + blur * steepest)

    @cached_property
    def sample(self) -> tuple[Floats, Floats, Floats]:
        """Places, rates and tolerances of the sample."""
        chosen = self._indices
        return self.of.places[chosen], self.of.rates[chosen], self.tolerances[chosen]

    @cached_property
    def span(self) -> float:
        """From the beginning to the last place."""
        return max(float(self.of.places[-1]), 1e-9)

    def evidence(self, fit: Fit) -> float:
        """Return how much would have to be chance for a wrong curve to fit as well, in powers of ten."""
        _, rates, tolerances = self.sample
        spare = len(np.unique(rates)) - len(fit.free)
        reach = float(np.ptp(rates)) / (2.0 * float(np.median(tolerances)))
        return spare * math.log10(max(reach, 1.0))

    def fits(self, curves: Sequence[Curve], free: Sequence[Free]) -> Fit | None:
        """Return the fit from the nearest of these curves, None where it does not explain all rates."""
        places, rates, tolerances = self.sample
        if len(places) < len(free):
            return None
        begun, missed = nearest(curves, free, places, rates)
        if missed > FAR:
            return None
        fit = fitted(begun, free, places, rates, tolerances)
        if fit.worst > LIMIT or not -1e-3 < fit.curve.floor < 0.9:
            return None
        if fit.curve.kind == "power" and abs(fit.curve.bend - 1.0) < 0.02:
            return None  # a line that is no line
        off = np.abs(fit.curve.at(self.of.places[self.first :]) - self.of.rates[self.first :])
        if (off > LIMIT * self.tolerances[self.first :]).any():
            return None
        # Rates with few digits need not have been rounded: many that lie on a curve by far more exactly were not.
        is_exact = fit.worst < FINER and len(np.unique(rates)) - len(free) >= SPARE
        return fit.finer(max(2.0 * fit.worst, 1e-7 / float(np.median(tolerances)))) if is_exact else fit


def explanations(way: Way, lines: Sequence[Rise]) -> list[Explained]:
    """Return the simplest ways down that explain the rates: all with as few free values as the first that does."""
    found: list[Explained] = []
    tries = list(_tries(way, lines))
    for size in range(1, 3 if way.blur else 5):
        for curves, free, told, rise in (each for each in tries if len(each[1]) == size):
            fit = way.fits(curves, free)
            if fit is not None:
                found.append(Explained(fit, way.first, told, rise, way.evidence(fit)))
        if found:
            return [each for each in found if each.fit.unit < 1.0] or found
    return []


Try = tuple[list[Curve], tuple[Free, ...], bool, Rise | None]


def _tries(way: Way, lines: Sequence[Rise]) -> Iterator[Try]:
    """Yield curves to begin a fit with, what is free of them, whether their end is told, and the rise before them."""
    of = way.of
    ends = [way.span * (1.0005 + 40.0 * (step / 30.0) ** 4) for step in range(31)]
    ends = [(way.span - of.places[way.first]) * share + of.places[way.first] for share in (0.3, 0.5, 0.7, 0.85)] + ends
    told: list[float] = []
    if not math.isnan(of.total):
        told = [of.total + late for late in ((1.0, 0.0, -1.0) if of.counts_steps else (0.0, of.late))]
    for end in told:
        yield [Curve("linear", end=end)], ("peak",), True, None
    yield [Curve("linear", end=end) for end in [*_crossings(way), *ends]], ("peak", "end"), False, None
    for starts, free, rise in _starts(way, lines):
        for has_floor in (False, True):
            freed: tuple[Free, ...] = ("peak", "floor", *free) if has_floor else ("peak", *free)
            for end in told:
                begun = [replace(start, end=end) for start in starts if end > start.begins]
                if begun:
                    yield begun, freed, True, rise
            begun = [replace(start, end=end) for start in starts for end in ends if end > start.begins]
            if begun:
                yield begun, (*freed, "end"), False, rise
    if way.blur:
        return
    yield [Curve("exponential", bend=bend) for bend in _paces(way)], ("peak", "bend"), False, None
    start = float(of.places[way.first])
    yield [Curve("inverse", start=start, bend=bend) for bend in _timescales(way)], ("peak", "bend"), False, None
    bends = (0.5, 0.9, 1.5, 2.0, 3.0, 4.0)
    for end in told:
        powers = [Curve("power", end=end, bend=bend) for bend in bends]
        yield powers, ("peak", "bend"), True, None
        yield powers, ("peak", "floor", "bend"), True, None
    powers = [Curve("power", end=end, bend=bend) for end in ends for bend in bends]
    yield powers, ("peak", "end", "bend"), False, None


def _line(way: Way, values: Floats) -> tuple[float, float]:
    """Return the slope of a line through values at the places of the sampled rates that are above 0, and its mean."""
    places, rates, _ = way.sample
    above = rates > 0.0
    if above.sum() < 2 or not np.ptp(places[above]) > 0.0:
        return 0.0, 1.0
    away = places[above] - places[above].mean()
    return float(away @ values[above] / (away @ away)), float(values[above].mean())


def _crossings(way: Way) -> list[float]:
    """Return where a line through the rates is 0."""
    places, rates, _ = way.sample
    slope, mean = _line(way, rates)
    end = float(places[rates > 0.0].mean() - mean / slope) if slope < 0.0 else math.inf
    return [end] if way.of.places[way.first] < end < 1e15 else []


def _paces(way: Way) -> list[float]:
    """Return rates of decay to begin an exponential with: the first is that of a line through the logarithms."""
    slope, _ = _line(way, np.log(np.maximum(way.sample[1], 1e-30)))
    return [*([-slope] if slope < 0.0 else []), *(share / way.span for share in (0.03, 0.3, 1.0, 3.0, 10.0))]


def _timescales(way: Way) -> list[float]:
    """Return timescales to begin an inverse square root with: 1 / rate² is a line."""
    places, rates, _ = way.sample
    slope, mean = _line(way, 1.0 / np.maximum(rates, 1e-9) ** 2)
    start = float(places[0])
    guesses = [share * max(start, 1e-9) for share in (0.5, 1.0, 20.0)]
    if slope <= 0.0:
        return guesses
    scale = mean / slope - float(places[rates > 0.0].mean()) + start
    return [scale, *guesses] if 0.0 < scale < 1e15 else guesses


def _starts(way: Way, lines: Sequence[Rise]) -> Iterator[tuple[list[Curve], tuple[Free, ...], Rise | None]]:
    """Yield the cosines that a fit may begin with, by where they start, what is free of that, and the rise to it."""
    of, first = way.of, way.first
    known = (1.0, 0.0) if of.counts_steps else (0.0, of.late)
    for rise in lines:
        for shift in (0.0, 1.0) if of.counts_steps and rise.zero < 0.5 else (0.0,):
            yield [Curve("cosine", rise=rise.line, shift=shift)], (), rise
    # timm's cosine may begin at step 0 whatever rises before: the peak is never reached then.
    for start in known if not lines or float(np.median(of.tolerances)) < 1e-6 else ():
        yield [Curve("cosine", start=start)], (), None
    low = float(of.places[way.rising - 1]) if way.rising else 0.0
    high = float(of.places[first])
    yield [Curve("cosine", start=low + share * (high - low)) for share in (0.1, 0.5, 0.9)], ("start",), None
