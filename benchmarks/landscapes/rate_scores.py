"""Rates that range tests give, held against landscapes of known truth, beside the prior and together with it.

Places are log10 of rates. Each seed of a range test speaks for itself: a score is the mean over seeds of a setting, and
then over settings, with an interval from settings drawn again. A rule's bias and spread are those on the settings of
other models.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from landscape import Landscape
from numpy.typing import NDArray

from lrscope.priors import Prior
from lrscope.range_test.bracket import WIDTH_DECADES

Floats = NDArray[np.float64]
DRAWS = 4000
SPREAD = 0.01  # decades: nothing is surer
OTHER_PART = 0.1  # of a setting, counts one of another trained part: a rule's bias differs between parts
ENOUGH = 3  # settings of other models from which a rule's bias and spread can be told


@dataclass(frozen=True, eq=False)
class Case:
    """A setting as it is judged: its landscape, and what the prior says of it without its model."""

    landscape: Landscape
    prior: Prior

    @property
    def model(self) -> str:
        """Return its model."""
        return self.landscape.setting.model

    @functools.cached_property
    def best(self) -> float:
        """The place of its best rate."""
        return math.log10(self.landscape.best()[0])

    def regret(self, places: Floats) -> float:
        """Return the mean over places of what they cost in dev log-loss."""
        return float(np.mean([self.landscape.regret(10.0**place) for place in places]))


@dataclass(frozen=True, eq=False)
class Said:
    """What a rule says of a setting: a place for each seed, nan where it has no answer."""

    case: Case
    places: Floats

    @property
    def known(self) -> Floats:
        """The answers that there are."""
        return self.places[np.isfinite(self.places)]


@dataclass(frozen=True)
class Reliability:
    """How far a rule lies above the best rate on the average, and how far it strays from there, in decades."""

    bias: float
    spread: float


def reliability(said: Sequence[Said], part: str) -> Reliability | None:
    """Return a rule's bias and spread where this part is trained; None of too few settings with an answer.

    Every setting of the part counts the same, those of other parts a tenth of it.
    """
    known = [each for each in said if len(each.known)]
    if len(known) < ENOUGH:
        return None
    errors = [each.known - each.case.best for each in known]
    weights = np.array([1.0 if each.case.landscape.setting.part == part else OTHER_PART for each in known])
    bias = float(np.average([each.mean() for each in errors], weights=weights))
    squares = float(np.average([((each - bias) ** 2).mean() for each in errors], weights=weights))
    many = weights.sum() ** 2 / (weights**2).sum()  # as many as so many that count the same
    return Reliability(bias, math.sqrt(squares * many / max(many - 1.0, 1.0)))


def of_other_models(said: Sequence[Said], case: Case) -> Reliability | None:
    """Return a rule's bias and spread as the settings of other models tell."""
    return reliability([each for each in said if each.case.model != case.model], case.landscape.setting.part)


Places = Callable[[Said, Sequence[Said]], Floats]


def prior_center(said: Said, _: Sequence[Said]) -> Floats:
    """Return the middle of the prior's interval."""
    return np.full(len(said.places), said.case.prior.center_log10)


def prior_start(said: Said, _: Sequence[Said]) -> Floats:
    """Return the rate that the prior says to start at: a little off its middle, as costs are not the same both ways."""
    return np.full(len(said.places), said.case.prior.start_log10)


def alone(said: Said, others: Sequence[Said]) -> Floats:
    """Return the rule's own rate; without an answer, the prior's middle."""
    return np.where(np.isfinite(said.places), said.places, prior_center(said, others))


def shifted(said: Said, others: Sequence[Said]) -> Floats:
    """Return the rule's rate with its bias taken off; without an answer, the prior's middle."""
    known = of_other_models(others, said.case)
    places = np.full(len(said.places), np.nan) if known is None else said.places - known.bias
    return np.where(np.isfinite(places), places, prior_center(said, others))


def with_prior(said: Said, others: Sequence[Said]) -> Floats:
    """Return the middle of prior and rule as two measurements of the best rate, weighted by precision."""
    known, prior = of_other_models(others, said.case), said.case.prior
    if known is None:
        return prior_center(said, others)
    weights = np.array([prior.sd**-2, max(known.spread, SPREAD) ** -2])
    weight = weights[0] / weights.sum()
    together = weight * prior.center_log10 + (1.0 - weight) * (said.places - known.bias)
    return np.where(np.isfinite(together), together, prior.center_log10)


def inside(said: Said, others: Sequence[Said]) -> Floats:
    """Return the prior's middle, moved to the nearer end of the bracket where it lies outside of it."""
    half = WIDTH_DECADES / 2.0
    middle = prior_center(said, others)
    held = np.clip(middle, said.places - half, said.places + half)
    return np.where(np.isfinite(held), held, middle)


@dataclass(frozen=True, eq=False)
class Score:
    """What a way to a rate comes to, setting by setting: decades from the best, and the regret in dev log-loss."""

    off: Floats
    regret: Floats

    @staticmethod
    def of(said: Sequence[Said], way: Places) -> Score:
        """Score a way on every setting."""
        places = [way(each, said) for each in said]
        off = [float(np.abs(at - each.case.best).mean()) for each, at in zip(said, places, strict=True)]
        regret = [each.case.regret(at) for each, at in zip(said, places, strict=True)]
        return Score(np.array(off), np.array(regret))


def best_elsewhere(scores: Mapping[str, Score], said: Sequence[Said]) -> tuple[Score, list[str]]:
    """Return the score of choosing, for each setting, the way that is nearest on the settings of other models.

    And the names of what was chosen: what is chosen on the settings that it is scored on flatters itself.
    """
    models = np.array([each.case.model for each in said])
    names = {
        model: min(scores, key=lambda name: float(scores[name].off[models != model].mean()))
        for model in dict.fromkeys(models.tolist())
    }
    off, regret = (
        np.array([getattr(scores[names[model]], what)[place] for place, model in enumerate(models.tolist())])
        for what in ("off", "regret")
    )
    return Score(off, regret), list(dict.fromkeys(names.values()))


def mean_interval(values: Floats, groups: Sequence[str] | None = None) -> tuple[float, float, float]:
    """Return the mean over settings and its 95% interval, from settings drawn again.

    With groups, whole groups are drawn: settings of one are alike.
    """
    rng = np.random.default_rng(0)
    names = np.array(range(len(values)) if groups is None else groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]
    sums, sizes = (np.array([float(of(values[each])) for each in members]) for of in (np.sum, len))
    drawn = rng.integers(len(members), size=(DRAWS, len(members)))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)
