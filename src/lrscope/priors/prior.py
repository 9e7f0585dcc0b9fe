"""An answer before training: where the best rate lies, how surely, what it costs, and what was never measured."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from lrscope.errors import ConfigError
from lrscope.priors.evidence import Evidence, HeldOutScore, Landscape, read_evidence
from lrscope.priors.model import Posterior
from lrscope.priors.question import Method, Question
from lrscope.priors.regret import Regret, best_start

LEVEL = 0.8
UNKNOWN = "unknown"
BEND = 0.15  # decades of the rate, for each decade outside of what was measured: lines in logarithms may bend there
SPACING = (0.0, 1.596, 1.224, 0.9957, 0.8430, 0.7334, 0.6508, 0.5860)  # of so many rates, in standard deviations
NARROW = 0.5  # decades
SAME = 0.01  # decades; sizes are rounded in tables and names
ENOUGH = 2  # landscapes of a task that speak for it alone


@dataclass(frozen=True)
class Outside:
    """What of a question was never measured: its name, what was asked, and the values that were.

    `beyond` tells how many decades a number lies outside of those measured; 0 between them, and for words.
    """

    name: str
    asked: float | str
    measured: tuple[float | str, ...]
    beyond: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Prior:
    """The distribution of log10 of the best rate, a normal, and what it rests on.

    `start_log10` is the rate that is expected to cost least, and `regret` what it costs: losses rise more steeply above
    the best rate than below, so that it lies a little below the centre. `landscapes` are those of the same method, and
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
    outside = tuple(_outside(near, question))
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


def _outside(landscapes: Sequence[Landscape], at: Question) -> list[Outside]:
    found: list[Outside] = []
    if at.task not in {each.at.task for each in landscapes}:
        found.append(Outside("task", at.task, _words(landscapes, lambda each: each.task)))
    if at.family not in {each.at.family for each in landscapes}:
        found.append(Outside("family", at.family or UNKNOWN, _words(landscapes, lambda each: each.family)))
    numbers: list[tuple[str, Callable[[Question], float]]] = [
        ("parameters", lambda each: each.parameters),
        ("batch size", lambda each: each.batch_size),
        ("steps", lambda each: each.steps),
    ]
    if at.method == "lora":
        numbers += [("LoRA rank", lambda each: each.rank), ("LoRA alpha", lambda each: each.alpha)]
    for name, value in numbers:
        measured, asked = _numbers(landscapes, value), value(at)
        low, high = min(measured), max(measured)
        beyond = max(math.log10(low / asked), math.log10(asked / high), 0.0)
        if beyond < SAME:
            beyond = 0.0
        near = any(abs(math.log10(asked / each)) < SAME for each in measured)
        if beyond or (name != "parameters" and not near):
            found.append(Outside(name, asked, measured, beyond))
    return found


def _words(landscapes: Sequence[Landscape], value: Callable[[Question], str]) -> tuple[str, ...]:
    return tuple(sorted({value(each.at) for each in landscapes}))


def _numbers(landscapes: Sequence[Landscape], value: Callable[[Question], float]) -> tuple[float, ...]:
    return tuple(sorted({value(each.at) for each in landscapes}))
