"""An answer before training: where the best rate lies, how surely, what it costs, and what was never measured."""

from __future__ import annotations

import functools
import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from lrscope.errors import ConfigError
from lrscope.number_text import short_rate
from lrscope.priors.evidence import Evidence, HeldOutScore, Landscape, read_evidence
from lrscope.priors.model import Posterior
from lrscope.priors.outside import Outside, outside_of
from lrscope.priors.question import Method, Question
from lrscope.priors.regret import NARROW, Regret, best_start
from lrscope.priors.sentences import asked, evidence_text, outside_text

LEVEL = 0.8
BEND = 0.15  # decades of the rate, for each decade outside of what was measured: lines in logarithms may bend there
SPACING = (0.0, 1.596, 1.224, 0.9957, 0.8430, 0.7334, 0.6508, 0.5860)  # of so many rates, in standard deviations
NOTICEABLE = 0.03  # decades
ENOUGH = 2  # landscapes of a task that speak for it alone


@dataclass(frozen=True, kw_only=True, repr=False)
class Prior:
    """The distribution of log10 of the best rate, a normal, and what it rests on.

    `start_log10` is where to begin and `regret` what that is expected to cost: the rate that is expected to cost least,
    a little off the centre, as losses rise more steeply on one side of the best rate; the centre itself where the prior
    is wide. `landscapes` are those of the same method, and
    of the same task where there are enough; `held_out` tells how families that were left out were foretold, None where
    that cannot be tested.
    """

    question: Question
    center_log10: float
    sd: float
    start_log10: float
    regret: Regret
    landscapes: tuple[Landscape, ...]
    outside: tuple[Outside, ...]
    held_out: HeldOutScore | None = None

    @property
    def is_narrow(self) -> bool:
        """Whether it says more than a range test would: its standard deviation is half a decade at most."""
        return self.sd <= NARROW

    @property
    def rate(self) -> float:
        """Return the rate to start at."""
        return float(10.0**self.start_log10)

    @property
    def families(self) -> list[str]:
        """Return the families of models that it rests on."""
        return sorted({each.at.family for each in self.landscapes})

    @property
    def data(self) -> list[str]:
        """Return the data sets that it rests on."""
        return sorted({each.at.data for each in self.landscapes})

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return between which rates the best one lies with this probability."""
        half = self.sd * NormalDist().inv_cdf((1.0 + level) / 2.0)
        return float(10.0 ** (self.center_log10 - half)), float(10.0 ** (self.center_log10 + half))

    def rates(self, number: int = 3) -> tuple[float, ...]:
        """Return rates to compare: evenly spaced in the logarithm, so that the best lies near one of them.

        Around the rate to start at, with the spacing that is best for a normal. Source: Max, "Quantizing for minimum
        distortion", IRE Transactions on Information Theory 6, 1960, table II.

        Raises:
            ConfigError: the number is not from 1 to 8.
        """
        if not 1 <= number <= len(SPACING):
            raise ConfigError(f"the rates around a prior are 1 to {len(SPACING)}: got {number}")
        step = SPACING[number - 1] * self.sd
        return tuple(10.0 ** (self.start_log10 + step * (place - (number - 1) / 2)) for place in range(number))

    @property
    def lines(self) -> tuple[str, ...]:
        """The answer in English, line by line: what was asked, the rate, its cost, the evidence, what lies outside."""
        low, high = self.interval()
        told = [
            asked(self.question),
            f"start at {short_rate(self.rate)}; the best rate lies in {short_rate(low)} … {short_rate(high)} with 80%",
        ]
        off, middle = self.start_log10 - self.center_log10, short_rate(10**self.center_log10)
        if off < -NOTICEABLE:
            told.append(f"(below the middle, {middle}: too high costs more than too low)")
        elif off > NOTICEABLE:
            told.append(f"(above the middle, {middle}: too low costs more than too high)")
        if not self.is_narrow:
            told.append("this is wide: too little is known of such a fine-tune, and a range test tells more")
        mean, bound = self.regret.mean, self.regret.bound
        told.append(f"expected to cost {mean:.1%} of the loss against the best rate (90%: below {bound:.1%})")
        coverage = None if self.held_out is None else self.held_out.coverage
        told.append(f"from: {evidence_text(self.landscapes, self.question.method, coverage)}")
        if self.outside:
            told.append(f"outside of the evidence: {'; '.join(map(outside_text, self.outside))}")
        return tuple(told)

    def plot(self, path: Path | str | None = None) -> Any:
        """Draw where the best rate may lie beside the landscapes' best rates; return matplotlib's figure."""
        from lrscope.priors.figure import prior_figure, save_prior_figure

        measured = [each.best for each in self.landscapes]
        figure = prior_figure(self.center_log10, self.sd, self.rate, self.interval(), measured)
        if path is not None:
            save_prior_figure(figure, Path(path))
        return figure

    def __repr__(self) -> str:
        low, high = self.interval()
        within = f"80% in {short_rate(low)} … {short_rate(high)}"
        return f"<prior of {self.question.model or 'a model'}: start at {short_rate(self.rate)}, {within}>"

    def _repr_html_(self) -> str:
        picture: str = self.plot().to_html(repr(self))
        return f"<p>{'<br>'.join(html.escape(line) for line in self.lines)}</p>{picture}"

    def deviation(self, rate: float) -> float:
        """Return how many standard deviations a rate lies above the centre.

        >>> prior = predict(Question(method="lora", parameters=8e9))
        >>> prior.deviation(10.0**prior.center_log10)
        0.0
        """
        return (math.log10(rate) - self.center_log10) / self.sd


def predict(question: Question, evidence: Evidence | None = None) -> Prior:
    """Return the prior of a question, from the packaged evidence or from other.

    Raises:
        ConfigError: no landscape is of this method.

    >>> prior = predict(Question(method="lora", parameters=8e9, family="llama-3", batch_size=64, steps=80))
    >>> low, high = prior.interval()
    >>> 1e-4 < low < prior.rate < high < 3e-3
    True
    """
    known = read_evidence() if evidence is None else evidence
    near = relevant(known.landscapes, question)
    if not near:
        measured = ", ".join(dict.fromkeys(each.at.method for each in known.landscapes))
        raise ConfigError(f"no landscape of this method was measured: got {question.method}; known are {measured}")
    outside = tuple(outside_of(near, question))
    answer = posterior_of(known, question.method).answer(question)
    sd = math.hypot(answer.sd, BEND * math.hypot(*(each.beyond for each in outside)))
    start = best_start(with_peak(near), sd)
    return Prior(
        question=question, center_log10=answer.mean, sd=sd, start_log10=answer.mean + start.shift, regret=start.regret,
        landscapes=near, outside=outside, held_out=known.held_out.get(f"{question.method} {question.task}"),
    )  # fmt: skip


@functools.lru_cache(maxsize=4)
def posterior_of(evidence: Evidence, method: Method) -> Posterior:
    """Return the model conditioned on evidence, the same for the same object."""
    return Posterior(evidence, method)


def relevant(landscapes: Sequence[Landscape], at: Question) -> tuple[Landscape, ...]:
    """Return the landscapes of a question's method, and of its task alone where there are enough of them."""
    of_method = tuple(each for each in landscapes if each.at.method == at.method)
    of_task = tuple(each for each in of_method if each.at.task == at.task)
    return of_task if len(of_task) >= ENOUGH else of_method


def with_peak(landscapes: Sequence[Landscape]) -> tuple[Landscape, ...]:
    """Return the landscapes whose best rate lies inside of their grid; all where none does."""
    return tuple(each for each in landscapes if not each.edge) or tuple(landscapes)
