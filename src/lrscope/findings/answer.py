"""The answer: which setting to use, how the others stand beside it, how sure that is, and what to expect of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from lrscope.config.catalogue import title_of
from lrscope.findings.checkup.checkup import checkup, schedule_of
from lrscope.findings.checkup.loss_statements import LossBroke
from lrscope.findings.confidence import Level, Reason, confidence
from lrscope.findings.method import Rule, choice_rule
from lrscope.runs.quantities import Count, Names, Setting, Settings, Text, Value
from lrscope.runs.statement import Statement
from lrscope.statistics.conclusions import Conclusions

MIN_SAME, MIN_DIGITS = 4, 5  # runs with one value, characters of it, that are no chance
FAR_BEHIND = 2.0  # margins: settings further behind did not do about as well


@dataclass(frozen=True)
class Answer(Statement):
    """A sentence of the answer."""


@dataclass(frozen=True)
class NoRecommendation(Answer):
    """Nothing is recommended; the next sentence says why."""


@dataclass(frozen=True)
class NoValue(Answer):
    """No run came to a value."""


@dataclass(frozen=True)
class AllDiverged(Answer):
    """Every run diverged, so none came to a value."""


@dataclass(frozen=True)
class NoEvaluation(Answer):
    """No run was evaluated on dev; `how` is how the program that trained would do it, empty where that is not known."""

    WORDINGS = ("how", "bare")

    source: Text
    how: Text

    @property
    def wording(self) -> str:
        """Whether it is known how."""
        return "how" if self.how else "bare"


@dataclass(frozen=True)
class OtherDevSets(Answer):
    """Other runs of the same files were measured on other dev sets, and are not compared with these."""

    here: Text
    others: Names


@dataclass(frozen=True)
class NothingLearned(Answer):
    """No setting is shown to be better than guessing, so none is recommended; `arm` has the best mean."""

    arm: Setting
    value: Value
    baseline: Value


@dataclass(frozen=True)
class Use(Answer):
    """The recommendation."""

    arm: Setting


@dataclass(frozen=True)
class Winner(Answer):
    """Every other setting with a value is ruled out: by the seed noise that was measured, or by one that is assumed."""

    WORDINGS = ("measured", "assumed")

    is_assumed: bool

    @property
    def wording(self) -> str:
        """Where the seed noise is from."""
        return "assumed" if self.is_assumed else "measured"


@dataclass(frozen=True)
class Tie(Answer):
    """Others are not ruled out: `close` did about as well as the recommended one, `behind` worse in these runs."""

    WORDINGS = ("close", "behind", "both")

    close: Settings
    behind: Settings

    @property
    def wording(self) -> str:
        """Which of the two there are."""
        return "both" if self.close and self.behind else "close" if self.close else "behind"


@dataclass(frozen=True)
class Equivalent(Answer):
    """Others are shown to differ by less than the margin."""

    others: Settings
    margin: Value


@dataclass(frozen=True)
class RatesNotApplied(Answer):
    """Settings that were asked for at different learning rates were trained alike."""

    arms: Settings


@dataclass(frozen=True)
class OnlyOne(Answer):
    """One setting alone has a value: that is no recommendation."""

    arm: Setting


@dataclass(frozen=True)
class OneRun(Answer):
    """There is one run alone, so that what is said of it is its check-up."""


@dataclass(frozen=True)
class NotCompared(Answer):
    """There is nothing to compare a setting with."""


@dataclass(frozen=True)
class NotComparable(Answer):
    """Nothing is known of how seeds differ, so that no setting can be ruled out."""


@dataclass(frozen=True)
class Confidence(Answer):
    """How sure the recommendation is, and what decides that."""

    WORDINGS = get_args(Reason)

    level: Level
    reason: Reason

    @property
    def wording(self) -> str:
        """The reason."""
        return self.reason


@dataclass(frozen=True)
class ChosenBelow(Answer):
    """The recommended setting has a lower mean than another, and the rule that chose it all the same."""

    WORDINGS = get_args(Rule)

    arm: Setting
    value: Value
    best: Setting
    best_value: Value
    rule: Rule

    @property
    def wording(self) -> str:
        """The rule."""
        return self.rule


@dataclass(frozen=True)
class Expected(Answer):
    """What to expect of the recommended setting: what was observed, corrected for having been picked."""

    WORDINGS = ("higher", "lower", "equal", "higher-these", "lower-these", "equal-these")

    expected: Value
    observed: Value
    correction: Value
    number: Count
    is_maximized: bool
    is_of_these: bool

    @property
    def wording(self) -> str:
        """Which way picking flatters, and whether it holds for these examples alone."""
        way = "equal" if self.correction < 5e-4 else "higher" if self.is_maximized else "lower"
        return f"{way}-these" if self.is_of_these else way


@dataclass(frozen=True)
class OfEpochs(Answer):
    """The part of the correction that is due to taking each run's best epoch."""

    correction: Value


@dataclass(frozen=True)
class AlsoDiffer(Answer):
    """Settings of the rates that are compared, which differ as well."""

    settings: Names


@dataclass(frozen=True)
class AllTheSame(Answer):
    """All of so many runs, of several settings, have the same value."""

    number: Count
    value: Value


@dataclass(frozen=True)
class WithoutValue(Answer):
    """Settings without a value at the end of training."""

    arms: Settings


def answer(c: Conclusions) -> list[Statement]:
    """Return the answer: first the recommendation, then how the others stand beside it, then the rest.

    Of one run alone that is which schedule it was trained with.
    """
    first, standing, *rest = _of_one_run(c) if len(c.runs.runs) == 1 else _answer(c)
    others = Names(map(str, c.runs.other_dev_sets))
    return [first, standing, *([OtherDevSets(Text(c.runs.dev_set), others)] if others else []), *rest]


def _of_one_run(c: Conclusions) -> list[Statement]:
    checked = checkup(c.runs)
    head: list[Statement] = [OneRun(), schedule_of(checked)]
    if not any(run.points or run.status == "diverged" for run in c.runs.runs):
        return [*head, NoEvaluation(Text(c.runs.source), Text(c.runs.to_evaluate))]
    if c.learned is not None and c.recommended is None and not math.isnan(c.arms[0].value):
        return [*head, NothingLearned(Setting(c.arms[0].name), Value(c.arms[0].value), Value(c.learned.baseline))]
    is_told = any(isinstance(each, LossBroke) for each in checked) or not math.isnan(c.arms[0].value)
    return head if is_told else [*head, NoValue()]


def _answer(c: Conclusions) -> list[Statement]:
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    if not known and not any(run.points or run.status == "diverged" for run in c.runs.runs):
        return [NoRecommendation(), NoEvaluation(Text(c.runs.source), Text(c.runs.to_evaluate))]
    if not known:
        have_diverged = all(run.status == "diverged" for run in c.runs.runs)
        return [NoRecommendation(), AllDiverged() if have_diverged else NoValue()]
    if c.arms[c.choice.first].name in c.untold:
        return [NoRecommendation(), RatesNotApplied(Settings(arm.name for arm in c.arms if arm.name in c.untold))]
    if c.learned is not None and c.recommended is None:
        best = c.arms[c.order[0]]
        nothing = NothingLearned(Setting(best.name), Value(best.value), Value(c.learned.baseline))
        return [NoRecommendation(), nothing, *_without_value(c)]
    first = c.arms[c.choice.first]
    headline = Use(Setting(first.name)) if len(known) > 1 else OnlyOne(Setting(first.name))
    return [
        headline, _standing(c), *_all_the_same(c), *_also_differ(c, len(known)),
        Confidence(*confidence(c)), *_details(c),
    ]  # fmt: skip


def _all_the_same(c: Conclusions) -> Iterator[Answer]:
    """Say that all results are equal where that is no chance: of enough runs, told to enough digits."""
    values = [c.runs.value(run) for arm in c.arms for run in arm.done]
    if len(values) >= MIN_SAME and len(set(values)) == 1 and len(c.arms) > 1 and len(f"{values[0]:g}") >= MIN_DIGITS:
        yield AllTheSame(Count(len(values)), Value(values[0]))


def _also_differ(c: Conclusions, number: int) -> Iterator[Answer]:
    """Say with the recommendation that its rate is not all there is to it, where names of settings do not."""
    if c.runs.varied and number > 1 and c.is_confounded:
        yield AlsoDiffer(Names(title_of(name) for name in c.runs.varied))


def _standing(c: Conclusions) -> Answer:
    first = c.arms[c.choice.first]
    others = [arm for arm in c.arms if arm.standing == "contender" and arm.name != first.name]
    if sum(not math.isnan(arm.value) for arm in c.arms) < 2:
        return NotCompared()
    if not c.knows_spread:
        return NotComparable()
    if not others:
        return Winner(c.is_assumed)
    if c.verdict.is_decided:
        return Equivalent(Settings(arm.name for arm in others), Value(c.margin))
    # That noise alone could explain a gap does not make two settings alike: a large one is said.
    behind = [arm.name for arm in others if c.runs.metric.sign * (first.value - arm.value) > FAR_BEHIND * c.margin]
    return Tie(Settings(arm.name for arm in others if arm.name not in behind), Settings(behind))


def _details(c: Conclusions) -> Iterator[Answer]:
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    if len(known) > 1 and c.knows_spread:
        yield from _why_below(c)
        yield _expected(c, len(known))
        if c.runs.at_best:
            yield OfEpochs(Value(c.epoch_optimism))
    yield from _without_value(c)


def _without_value(c: Conclusions) -> Iterator[Answer]:
    missing = [arm.name for arm in c.arms if math.isnan(arm.value)]
    if missing:
        yield WithoutValue(Settings(missing))


def _why_below(c: Conclusions) -> Iterator[Answer]:
    first, best = c.arms[c.choice.first], c.arms[c.order[0]]
    if first.name != best.name and first.value != best.value:
        yield ChosenBelow(
            Setting(first.name), Value(first.value), Setting(best.name), Value(best.value), choice_rule(c)
        )


def _expected(c: Conclusions, number: int) -> Expected:
    first, maximize = c.arms[c.choice.first], c.runs.metric.direction == "maximize"
    return Expected(
        Value(c.expected), Value(first.value), Value(c.optimism), Count(number), maximize, c.is_of_these
    )  # fmt: skip
