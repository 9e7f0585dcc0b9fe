"""From runs to conclusions: evidence, contenders, a choice, each arm's standing, and what it would cost to know."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrscope.config.metric_names import is_share
from lrscope.runs.audit import arms_at_the_same_rates, audit
from lrscope.runs.notes import Note
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.score_table import Floats
from lrscope.statistics.arm_view import ArmStanding, ArmView
from lrscope.statistics.assumption import Assumption, Flips, assumption
from lrscope.statistics.choice import Choice, choose, chooser, known_costs
from lrscope.statistics.defaults import ERROR, MARGIN, SHARE_SIZE
from lrscope.statistics.evidence import Evidence, evidence_of, evidence_of_rates, evidence_of_values, value_error
from lrscope.statistics.expected_best import ExpectedBest
from lrscope.statistics.learning import Learned, above_baseline
from lrscope.statistics.power import Need, needed_among
from lrscope.statistics.rates import is_confounded, log_rates
from lrscope.statistics.response import Peak, peak
from lrscope.statistics.selection import corrected, expecting, flattery, optimism, over_best_epochs, own_variances
from lrscope.statistics.verdict import Verdict, errors_by_look, ranked


@dataclass(frozen=True, eq=False)
class Conclusions:
    """All that follows from runs. `margin` is the difference that matters; `seed_sd` is assumed for single seeds; where
    none is named, what `assumption` knows of such runs.

    `error` is that of all planned looks together; `looks` are those that were taken, (seeds, the part of the error that
    it may spend), none where there is but this one. `search` is what a search of rates expects of the best one.
    """

    runs: Runs
    margin: float = MARGIN
    seed_sd: float | None = None
    error: float = ERROR
    looks: tuple[tuple[int, float], ...] = ()
    search: ExpectedBest | None = None

    @property
    def nominal(self) -> float:
        """The error at this look: all of it, or the part that a planned look may spend."""
        return self.looks[-1][1] if self.looks else self.error

    @cached_property
    def evidence(self) -> Evidence:
        """What the runs say of every pair of arms."""
        return self.evidence_at(self.assumed_sd)

    @cached_property
    def assumption(self) -> Assumption:
        """What is assumed of the spread over seeds where none is seen."""
        means = [float(np.mean(values)) for runs in self.runs.arms.values() if (values := self._values(runs))]
        best = max(means, key=lambda mean: self.runs.metric.sign * mean, default=math.nan)
        return assumption(self.runs, asked=self.seed_sd, is_share=self.is_share, best=best)

    @property
    def assumed_sd(self) -> float:
        """The standard deviation over seeds that is assumed where none is seen, infinite where nothing is known."""
        return self.assumption.sd

    @cached_property
    def is_share(self) -> bool:
        """Whether values are shares of right answers, by the metric's name and as they look."""
        values = [value for arm_runs in self.runs.arms.values() for value in self._values(arm_runs)]
        return is_share(self.runs.metric.name) and all(0.0 <= value <= 1.0 for value in values)

    @property
    def knows_spread(self) -> bool:
        """Whether anything is known of how seeds differ, if only by assumption."""
        return not self.is_assumed or self.assumption.is_known

    @property
    def is_of_these(self) -> bool:
        """Whether statements hold for these examples alone, since nothing is known of how others would differ."""
        return self.evidence.num_examples == 0

    @property
    def is_by_example(self) -> bool:
        """Whether settings are compared example by example: how examples differ takes two of them."""
        return self.runs.scores is not None and self.runs.scores.num_examples > 1

    def evidence_at(self, seed_sd: float) -> Evidence:
        """Return the evidence where this standard deviation over seeds is assumed."""
        runs, metric = self.runs, self.runs.metric
        maximize = metric.direction == "maximize"
        if runs.scores is not None and self.is_by_example:
            return evidence_of(runs.scores.in_order(tuple(runs.arms)), maximize=maximize, seed_sd=seed_sd)
        values = {name: self._values(arm_runs) for name, arm_runs in runs.arms.items()}
        size = runs.sizes.get("dev", 0)
        if size and self.is_share:
            return evidence_of_rates(values, size, seed_sd=seed_sd)
        return evidence_of_values(values, maximize=maximize, seed_sd=seed_sd)

    def _values(self, runs: Sequence[Run]) -> list[float]:
        values = [self.runs.value(run) for run in runs if run.status in self.runs.counted]
        return [value for value in values if not math.isnan(value)]

    @cached_property
    def verdict(self) -> Verdict:
        """What the evidence carries."""
        return self._judged(self.evidence)

    def _judged(self, evidence: Evidence) -> Verdict:
        errors = errors_by_look([len(runs) for runs in self.runs.arms.values()], self.looks) if self.looks else None
        return Verdict(evidence, self.margin, self.nominal, errors, self._log_rates)

    @cached_property
    def choice(self) -> Choice:
        """A first and a second choice, by rule where the evidence does not choose."""
        return choose(self.verdict, self._log_rates, self._costs, self.centre)

    @cached_property
    def centre(self) -> float | None:
        """Where along the rates the best is expected; None where arms do not lie along them, or noise is not known."""
        return self._expecting(self.evidence.values) if self._expecting else None

    @cached_property
    def _expecting(self) -> Callable[[Floats], float] | None:
        positions = self._log_rates
        if self.search is not None and positions is not None:
            expected = math.log10(self.search.rate)
            return lambda _: expected
        known = not np.isnan(self.evidence.values).all()
        return expecting(self.evidence, positions) if positions is not None and self.knows_spread and known else None

    @cached_property
    def _log_rates(self) -> list[float] | None:
        return None if self.is_confounded else log_rates(self.runs)

    @property
    def has_log_rates(self) -> bool:
        """Whether arms lie along the rate, so that there is a middle to choose."""
        return self._log_rates is not None

    @cached_property
    def is_confounded(self) -> bool:
        """Whether some rates were tried at other settings than others, so that nothing can be laid to the rate."""
        return is_confounded(self.runs)

    @property
    def _costs(self) -> list[float]:
        each = [[run.seconds for run in runs if not math.isnan(run.seconds)] for runs in self.runs.arms.values()]
        return [*known_costs([sum(seconds) / len(seconds) if seconds else 0.0 for seconds in each])]

    @cached_property
    def arms(self) -> list[ArmView]:
        """Every arm, in the order of the evidence."""
        return [self._arm(number, name, runs) for number, (name, runs) in enumerate(self.runs.arms.items())]

    def _arm(self, number: int, name: str, runs: list[Run]) -> ArmView:
        values = self._values(runs)
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
        exclusion = self.verdict.exclusion(number)
        by, through = (None, None) if exclusion is None else (exclusion.by, exclusion.through)
        names = self.evidence.names
        mean = float(np.mean(values)) if values else math.nan
        done = tuple(run for run in runs if run.status in self.runs.counted and not math.isnan(self.runs.value(run)))
        return ArmView(
            name, runs[0].rate, tuple(runs), done, mean, sd, self._standing(number, values),
            None if by is None else names[by], None if through is None else names[through],
        )  # fmt: skip

    def _standing(self, number: int, values: Sequence[float]) -> ArmStanding:
        if not values:
            return "no value"
        left = self.verdict.contenders
        if number in left or not left:
            return "contender"
        positions = self._log_rates
        if positions is None:
            return "worse"
        low, high = self._bounds
        if positions[number] < low:
            return "too low"
        return "too high" if positions[number] > high else "worse"

    @cached_property
    def _bounds(self) -> tuple[float, float]:
        """The smallest and the largest log rate among contenders."""
        inside = [(self._log_rates or [])[arm] for arm in self.verdict.contenders]
        return min(inside), max(inside)

    @cached_property
    def learned(self) -> Learned | None:
        """Which arms are shown to be better than guessing; None where it is not known what guessing gets.

        Guessing is `runs.baseline` by the decision metric. At all of the error, whichever look this is.
        """
        metric = self.runs.metric
        baseline = self.runs.baseline.get(metric.name, math.nan)
        values = [self._values(arm.runs) for arm in self.arms]
        if math.isnan(baseline) or not any(values):
            return None
        size = self.runs.sizes.get("dev", 0)
        guess = math.sqrt(baseline * (1.0 - baseline) / size) if size and self.is_share else math.nan
        return above_baseline(
            values, [self.value_error(arm) for arm in self.arms], baseline, guess,
            seed_sd=self.assumed_sd, error=self.error, maximize=metric.direction == "maximize",
        )  # fmt: skip

    @cached_property
    def audit(self) -> tuple[Note, ...]:
        """What was asked for of the user's own training and demonstrably not done."""
        return tuple(audit(self.runs.runs, self.runs.configs))

    @property
    def untold(self) -> frozenset[str]:
        """Arms whose rates demonstrably did not reach the training, so that they are the same one."""
        return arms_at_the_same_rates(self.audit, self.runs.configs)

    @property
    def recommended(self) -> ArmView | None:
        """The first choice; None where none has a value, none beats guessing, or its rate was not applied."""
        first = self.arms[self.choice.first]
        nothing = self.learned is not None and not self.learned.anything
        return None if nothing or first.name in self.untold or math.isnan(first.value) else first

    @property
    def follows_search(self) -> bool:
        """Whether what a search of rates recommends is recommended: the rate beside it that ran may be the best."""
        is_one = self.recommended is not None and self.num_known > 1
        return is_one and self.search is not None and self.search.is_borne_out(self.arms)

    @property
    def recommended_rate(self) -> float | None:
        """The rate to train with: that of a search, which need not have run, or the one of the first choice."""
        if self.search is not None and self.follows_search:
            return self.search.rate
        return None if self.recommended is None else self.recommended.rate

    @property
    def recommends_arm(self) -> bool:
        """Whether the first choice is what is recommended: no search, or its rate, as both are written."""
        first = self.recommended
        return first is not None and (not self.follows_search or f"{first.rate:.3g}" == f"{self.recommended_rate:.3g}")

    @cached_property
    def expected(self) -> float:
        """What to expect of the chosen arm: its value, corrected for its having been chosen.

        A share is corrected on the scale of log odds, so that it stays one; a value that is minimized becomes larger.
        """
        value = self.arms[self.choice.first].value
        if self.is_share:
            size = self.runs.sizes.get("dev", 0) or self.evidence.num_examples or SHARE_SIZE
            return corrected(value, self._correction, size)
        return value - self._correction if self.runs.metric.direction == "maximize" else value + self._correction

    @property
    def optimism(self) -> float:
        """By how much the chosen arm's value is expected to be too good, for having been chosen as it was."""
        return abs(self.expected - self.arms[self.choice.first].value)

    @cached_property
    def _correction(self) -> float:
        if not self.knows_spread:
            return 0.0
        chooses = chooser(self.verdict, self._log_rates, self._costs, self._expecting)
        # A rule that passes over the best mean has nothing to correct.
        flattered = max(0.0, optimism(self.evidence, chooses, draws=500))
        return min(flattered, flattery(self.evidence.values, self.choice.first)) + self.epoch_optimism

    @cached_property
    def epoch_optimism(self) -> float:
        """The part of that which is due to having taken the best of several epochs; 0 where the last was taken."""
        if not self.runs.at_best:
            return 0.0
        arm, metric = self.arms[self.choice.first], self.runs.metric
        courses = [[metric.sign * value for _, value in run.series("dev", metric.name)] for run in arm.done]
        return over_best_epochs(courses, [run.epoch_noise for run in arm.done], self.value_error(arm))

    def value_error(self, arm: ArmView) -> float:
        """Return the standard error of one run's value from its examples; NaN where it is not known."""
        return value_error(self.runs, arm.name, arm.value)

    @cached_property
    def flips(self) -> Flips | None:
        """At which other assumed sd over seeds the contenders change; None where nothing is assumed."""
        if not self.is_assumed or not self.knows_spread:
            return None
        left = frozenset(self.verdict.contenders)
        return Flips(self.assumption, left, lambda sd: frozenset(self._judged(self.evidence_at(sd)).contenders))

    @property
    def flips_at(self) -> float | None:
        """The assumed sd over seeds at which the contenders change; None where nothing is assumed or changes them."""
        return None if self.flips is None else self.flips.nearest

    @property
    def is_assumed(self) -> bool:
        """Whether the spread over seeds is an assumption."""
        return self.evidence.noise.source == "assumed"

    @cached_property
    def need(self) -> Need | None:
        """What it would take to tell a difference of the margin among the contenders; None where there is one."""
        contenders = self.verdict.contenders
        if len(contenders) < 2 or self.verdict.is_decided or not self.knows_spread:
            return None
        return needed_among(self.evidence, contenders, self.margin, self.error)

    @cached_property
    def peak(self) -> Peak | None:
        """The rate at the top of a smooth curve through the arms; None where more than rates differ."""
        positions = self._log_rates
        known = ~np.isnan(self.evidence.values)
        if positions is None or known.sum() < 2 or not self.knows_spread:
            return None
        variances = np.full(len(positions), np.nan)
        variances[known] = own_variances(self.evidence.errors[np.ix_(known, known)])
        return peak(10.0 ** np.array(positions), self.evidence.values, variances)

    @cached_property
    def num_known(self) -> int:
        """How many arms have a value."""
        return sum(not math.isnan(arm.value) for arm in self.arms)

    @property
    def order(self) -> list[int]:
        """The arms from the best mean to the worst."""
        return ranked(self.evidence)
