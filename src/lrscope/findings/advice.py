"""What to do next: each piece of advice follows from a finding, with the command to type and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from lrscope.config import StudyConfig
from lrscope.config.command_line import CommandLine
from lrscope.findings import answer_statements as say
from lrscope.findings import statements as s
from lrscope.findings import suggestions as to
from lrscope.findings.checkup.checkup import is_one_setting
from lrscope.findings.checkup.loss_statements import LossBroke
from lrscope.findings.checkup.remedies import remedies
from lrscope.findings.commands import extension, sweep, takes_warmup
from lrscope.findings.confidence import MIN_SEEDS, confidence
from lrscope.findings.edges import without_result
from lrscope.runs.ahead import RunsLeft, TuneAhead
from lrscope.runs.notes import SameRates, SettingUnused
from lrscope.runs.quantities import Count, Rate, Rates, Setting, Value
from lrscope.runs.statement import Statement
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions

FAR_APART = 3.0  # rates between which others are worth trying
WARMED = 10.0 * (1.0 + 1e-9)  # times a rate that holds: what a longer warmup may make stable as well
SOME_SEEDS = 8  # that a person may run to see

F = TypeVar("F", bound=Statement)


@dataclass(frozen=True)
class Advice:
    """One thing to do, the kind of finding it is `because` of, the command, and about how long it takes."""

    suggestion: to.Suggestion
    because: type[Statement]
    command: CommandLine | None
    minutes: float


def advice(c: Conclusions, statements: Sequence[Statement]) -> list[Advice]:
    """Return the advice that the findings give rise to."""
    if any(
        isinstance(each, SameRates) or (isinstance(each, SettingUnused) and each.name == "lr") for each in statements
    ):
        return []  # rates did not reach the training: that is to be mended first, and more runs would tell nothing
    advisor = _Advisor(c, statements)
    # A search chooses rates and seeds itself, and what is left of a study may be the very ones that are wanting.
    if c.search is not None or isinstance(c.runs.ahead, RunsLeft):
        after = [] if c.recommended is None else [*advisor.epochs(), *advisor.training()]
        return [*advisor.ahead(), *advisor.failures(), *advisor.checkup(), *after]
    if c.recommended is None:  # more of what learned nothing would be no better; other rates may
        return [*advisor.failures(), *advisor.checkup(), *advisor.edges(), *advisor.epochs()]
    return [
        *advisor.failures(), *advisor.checkup(), *advisor.seed_noise(), *advisor.seeds(), *advisor.edges(),
        *advisor.rates(), *advisor.epochs(), *advisor.training(),
    ]  # fmt: skip


class _Advisor:
    """Knows the findings by kind, the arms that may be the best, and what an arm takes at all its seeds."""

    def __init__(self, c: Conclusions, statements: Sequence[Statement]) -> None:
        self.c, self.statements = c, statements
        self.left = [arm for arm in c.arms if arm.standing == "contender"]

    def first_of(self, *kinds: type[Statement]) -> type[Statement] | None:
        """Return the first of these kinds that was found."""
        return next((kind for kind in kinds if self.of(kind)), None)

    def of(self, kind: type[F]) -> list[F]:
        """Return the findings of a kind."""
        return [each for each in self.statements if isinstance(each, kind)]

    @cached_property
    def run_minutes(self) -> float:
        seconds = [run.seconds for run in self.c.runs.runs if not math.isnan(run.seconds) and run.seconds > 0]
        return sum(seconds) / len(seconds) / 60.0 if seconds else math.nan

    def minutes(self, num_arms: int) -> float:
        """Return what so many arms more would take, at as many seeds."""
        return num_arms * self.run_minutes * max(len(arm.runs) for arm in self.c.arms)

    def ahead(self) -> Iterator[Advice]:
        """Yield that a study is run to its end, or how a tune goes on where more runs can matter."""
        match self.c.runs.ahead:
            case RunsLeft(ended, planned, command, is_running=False):
                left = planned - ended
                yield Advice(to.FinishStudy(Count(left)), say.StudyUnfinished, command, left * self.run_minutes)
            case TuneAhead(command, is_spent, seconds):
                suggestion = to.MoreBudget() if is_spent else to.FinishTune()
                yield Advice(suggestion, say.Searched, command, seconds / 60.0)

    def checkup(self) -> Iterator[Advice]:
        """Yield what follows from the log of a run alone: where settings are compared, their rates say it better."""
        runs = self.c.runs
        rates = [run.rate for run in runs.runs if run.rate]
        is_own = isinstance(runs.study, StudyConfig)
        is_telling = is_one_setting(runs) or all(run.status == "diverged" for run in runs.runs)
        for remedy in remedies(self.statements, min(rates, default=math.nan), is_own=is_own):
            if remedy.changes and not is_telling:
                continue
            command = sweep(self.c.runs, **remedy.changes) if remedy.changes else None
            yield Advice(remedy.suggestion, remedy.because, command, self.minutes(1))

    def failures(self) -> Iterator[Advice]:
        """Yield that what failed is run again: nothing is known of it, and no other rate stands for it."""
        failed = sum(arm.num_failed for arm in self.c.arms)
        if failed and self.c.runs.study is not None and self.c.search is None:
            command = extension(self.c.runs, retry_failed=True)
            yield Advice(to.RetryFailed(Count(failed)), s.Failed, command, failed * self.run_minutes)

    def seed_noise(self) -> Iterator[Advice]:
        """Yield that seeds are run where the confidence is low for want of them, and no number of them decides."""
        need, reason = self.c.need, confidence(self.c)[1]
        if reason not in ("assumed", "unknown", "few-seeds") or self.c.search is not None or self.c.looks:
            return
        if need is not None and need.seeds is not None and need.seeds > max(len(arm.runs) for arm in self.left):
            return
        known = [arm for arm in self.c.arms if arm.done]
        because = self.first_of(s.AssumedSpread, s.RecordedSpread, s.UnknownSpread) or s.Undecided
        told = [arm for arm in known if arm in self.left] if len(self.left) > 1 else known
        rates = _rates(told)
        if self.c.runs.study is not None:
            told, command = known, extension(self.c.runs, seeds=MIN_SEEDS)
        else:
            command = sweep(self.c.runs, **rates, seeds=MIN_SEEDS) if rates else None
        minutes = sum(max(0, MIN_SEEDS - len(arm.runs)) for arm in told) * self.run_minutes
        yield Advice(to.MeasureSeeds(Count(MIN_SEEDS)), because, command, minutes)

    def seeds(self) -> Iterator[Advice]:
        need = self.c.need
        most = max(len(arm.runs) for arm in self.left) if self.left else 0
        # As many seeds as there are would tell such a difference: these differ by less, for which no number is named.
        if need is None or (need.seeds is not None and need.seeds <= most):
            return
        difference = Value(need.difference)
        if need.seeds is None:  # only more examples would do
            suggestion: to.Suggestion = to.Undetectable(difference, Count(need.at_seeds))
            if need.examples is not None:
                suggestion = to.MoreExamples(difference, Count(float(f"{need.examples:.3g}")), Count(need.at_seeds))
            yield Advice(suggestion, s.Undecided, None, math.nan)
            return
        suggestion, tried = to.MoreSeeds(Count(need.seeds), difference), need.seeds
        if tried > 2 * max(SOME_SEEDS, most):
            tried = SOME_SEEDS if most < SOME_SEEDS else 2 * most
            suggestion = to.TrySomeSeeds(Count(need.seeds), difference, Value(self._lead()), Count(tried))
        command: CommandLine | None = None
        minutes = math.nan
        if self.c.runs.study is not None and not self.c.looks:
            command = extension(self.c.runs, until_decided=self.c.margin, max_seeds=tried)
            minutes = sum(max(0, tried - len(arm.runs)) for arm in self.left) * self.run_minutes
        elif rates := _rates(self.left):
            command = sweep(self.c.runs, **rates, seeds=tried)
            minutes = tried * len(self.left) * self.run_minutes
        yield Advice(suggestion, s.Undecided, command, minutes)

    def _lead(self) -> float:
        """Return by how much the best of the arms that are left is ahead of the next."""
        first, second = sorted((float(self.c.evidence.values[a]) for a in self.c.verdict.contenders), reverse=True)[:2]
        return first - second

    def edges(self) -> Iterator[Advice]:
        broke = {arm for each in self.of(LossBroke) for arm in each.arms}
        failed = [arm.rate for arm in without_result(self.c) if arm.rate]
        for edges, factor in ((self.of(s.EdgeLow), 1 / 3), (self.of(s.EdgeHigh), 3.0)):
            for finding in edges:
                if factor > 1.0 and finding.arm in broke:
                    continue  # it is too high already
                if any(rate > finding.rate if factor > 1.0 else rate < finding.rate for rate in failed):
                    continue  # what lies there was tried, and is to be run again
                rate = float(f"{finding.rate * factor:.2g}")
                command = extension(self.c.runs, peak_rate=rate)
                yield Advice(to.WiderGrid(Rate(rate)), type(finding), command, self.minutes(1))

    def rates(self) -> Iterator[Advice]:
        if self.first_of(s.EdgeLow, s.EdgeHigh, s.Confounded):
            return
        # The best rate is bounded: by a curve's top, or by arms that are out on both sides.
        because = self.first_of(s.Peak) or (self.first_of(s.TooLow) if self.of(s.TooHigh) else None)
        if because is None:
            return
        chosen = self.c.arms[self.c.choice.first].rate or 0.0
        top = self.c.peak
        between = [
            rate
            for rate in _between(chosen, (arm.rate for arm in self.c.arms if not math.isnan(arm.value)))
            if top is None or not (top.low and top.high) or top.low <= rate <= top.high
        ]
        if between:
            command = extension(self.c.runs, peak_rate=tuple(between))
            yield Advice(to.FinerGrid(Rates(between)), because, command, self.minutes(len(between)))
        batch = self.c.runs.settings.get("batch_size", "")
        if batch.isdigit():
            sizes = (int(batch), 4 * int(batch))
            command = sweep(self.c.runs, peak_rate=chosen, batch_size=sizes, scale_rate="sqrt")
            yield Advice(to.ScaleBatch(Count(batch)), because, command, self.minutes(2))

    def epochs(self) -> Iterator[Advice]:
        improving = {finding.arm: finding.at for finding in self.of(s.StillImproving)}
        on = [arm for arm in self.left if arm.name in improving]
        if on:
            epochs = 2 * max(1, math.ceil(max(improving[Setting(arm.name)] for arm in on) - 1e-6))
            command = sweep(self.c.runs, **_rates(on), epochs=epochs)
            yield Advice(to.TrainLonger(Count(epochs)), s.StillImproving, command, self.minutes(2 * len(on)))
        longest = max(len(run.points) for run in self.c.runs.runs)
        if self.of(s.WorseAfterBest) and longest > 2:  # a patience of all evaluations would stop nothing
            command = sweep(self.c.runs, **_rates(self.left), patience=2 if longest > 3 else 1)
            yield Advice(to.StopEarly(), s.WorseAfterBest, command, self.minutes(len(self.left)))

    def training(self) -> Iterator[Advice]:
        if because := self.first_of(s.Overfitting, s.DevLossRises):
            command = sweep(self.c.runs, **_rates(self.left), dropout=(0.3, 0.5), weight_decay=(0.01, 0.1))
            yield Advice(to.Regularise(), because, command, self.minutes(4 * len(self.left)))
        if because := self.first_of(s.Diverged, s.Unstable, s.TooHigh):
            shaken = {finding.arm for finding in self.of(s.Unstable)}
            larger = [
                arm for arm in self.c.arms if arm.standing == "too high" or arm.num_diverged or arm.name in shaken
            ]
            held = max((arm.rate for arm in self.left if arm.rate), default=math.inf)
            larger = [arm for arm in larger if not arm.rate or arm.rate <= WARMED * held]
            tried = [*self.left, *(arm for arm in larger if arm not in self.left)]
            warmups = {**_rates(tried), "warmup": ("6%", "20%")}
            longer = sweep(self.c.runs, **warmups) if takes_warmup(self.c.runs) else None
            if larger:
                yield Advice(to.LongerWarmup(), because, longer, self.minutes(2 * len(tried)))
        if self.c.runs.is_imported and "schedule" not in self.c.runs.settings and len(self.left) > 1:
            command = sweep(self.c.runs, **_rates(self.left), schedule=("constant", "linear", "cosine"))
            yield Advice(to.CompareSchedules(), s.Undecided, command, self.minutes(3 * len(self.left)))


def _between(chosen: float, rates: Iterable[float | None]) -> list[float]:
    """Return rates halfway from the chosen one to its neighbours, where those are far apart.

    >>> _between(1e-3, [1e-4, 1e-3, 2e-3])
    [0.00032]
    """
    known = sorted({rate for rate in rates if rate})
    at = known.index(chosen) if chosen in known else 0
    pairs = [(known[n], known[n + 1]) for n in (at - 1, at) if 0 <= n < len(known) - 1]
    return [float(f"{math.sqrt(low * high):.2g}") for low, high in pairs if high / low > FAR_APART]


def _rates(arms: Sequence[ArmView]) -> dict[str, Any]:
    rates = tuple(dict.fromkeys(arm.rate for arm in arms if arm.rate is not None))
    return {"peak_rate": rates} if rates else {}
