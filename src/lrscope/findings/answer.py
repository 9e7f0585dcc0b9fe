"""The answer: which setting to use, how the others stand beside it, how sure that is, and what to expect of it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lrscope.config.catalogue import title_of
from lrscope.findings import answer_statements as say
from lrscope.findings.checkup.checkup import checkup, schedule_of
from lrscope.findings.checkup.loss_statements import LossBroke
from lrscope.findings.confidence import confidence
from lrscope.findings.edges import contenders_at_edges, without_result
from lrscope.findings.method import choice_rule
from lrscope.runs.ahead import RunsLeft
from lrscope.runs.quantities import Count, Interval, Names, Rate, Setting, Settings, Share, Text, Value
from lrscope.runs.statement import Statement
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.expected_best import ExpectedBest

MIN_SAME, MIN_DIGITS = 4, 5  # runs with one value, characters of it, that are no chance
FAR_BEHIND = 2.0  # margins: settings further behind did not do about as well


def answer(c: Conclusions) -> list[Statement]:
    """Return the answer: first the recommendation, then how the others stand beside it, then the rest.

    Of one run alone that is which schedule it was trained with.
    """
    first, standing, *rest = _of_one_run(c) if len(c.runs.runs) == 1 else _answer(c)
    return [first, standing, *_missing(c), *rest]


def _missing(c: Conclusions) -> Iterator[say.Answer]:
    """Say which runs are not in it: those of the study that have not ended, and those on other dev sets."""
    if isinstance(c.runs.ahead, RunsLeft):
        yield say.StudyUnfinished(Count(c.runs.ahead.ended), Count(c.runs.ahead.planned), c.runs.ahead.is_running)
    if others := Names(map(str, c.runs.other_dev_sets)):
        yield say.OtherDevSets(Text(c.runs.dev_set), others)


def _of_one_run(c: Conclusions) -> list[Statement]:
    checked = checkup(c.runs)
    head: list[Statement] = [say.OneRun(), schedule_of(checked)]
    if not any(run.points or run.status == "diverged" for run in c.runs.runs):
        return [*head, say.NoEvaluation(Text(c.runs.source), Text(c.runs.to_evaluate))]
    if c.learned is not None and c.recommended is None and not math.isnan(c.arms[0].value):
        return [*head, say.NothingLearned(Setting(c.arms[0].name), Value(c.arms[0].value), Value(c.learned.baseline))]
    is_told = any(isinstance(each, LossBroke) for each in checked) or not math.isnan(c.arms[0].value)
    return head if is_told else [*head, say.NoValue()]


def _answer(c: Conclusions) -> list[Statement]:
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    if all(run.status == "failed" for run in c.runs.runs):
        return [say.NoRecommendation(), say.AllFailed()]
    if not known and not any(run.points or run.status == "diverged" for run in c.runs.runs):
        return [say.NoRecommendation(), say.NoEvaluation(Text(c.runs.source), Text(c.runs.to_evaluate))]
    if not known:
        have_diverged = all(run.status == "diverged" for run in c.runs.runs)
        return [say.NoRecommendation(), say.AllDiverged() if have_diverged else say.NoValue()]
    if c.arms[c.choice.first].name in c.untold:
        untold = Settings(arm.name for arm in c.arms if arm.name in c.untold)
        return [say.NoRecommendation(), say.RatesNotApplied(untold)]
    if c.learned is not None and c.recommended is None:
        best = c.arms[c.order[0]]
        nothing = say.NothingLearned(Setting(best.name), Value(best.value), Value(c.learned.baseline))
        return [say.NoRecommendation(), nothing, *_without_value(c)]
    first = c.arms[c.choice.first]
    headline: list[say.Answer] = [say.Use(Setting(first.name)) if len(known) > 1 else say.OnlyOne(Setting(first.name))]
    if c.search is not None and c.follows_search and len(known) > 1:
        headline = [say.UseRate(Rate(c.search.rate)), _searched(c.search), say.BestThatRan(Setting(first.name))]
    return [
        *headline, _standing(c), *_searched_elsewhere(c), *_all_the_same(c), *_also_differ(c, len(known)),
        say.Confidence(*confidence(c)), *_at_edge(c), *_details(c),
    ]  # fmt: skip


def _at_edge(c: Conclusions) -> Iterator[say.Answer]:
    """Say that the recommended rate is the last one measured, where the confidence is for another reason."""
    if confidence(c)[1] == "edge" or (c.search is not None and c.follows_search):
        return
    first = c.arms[c.choice.first]
    for is_high, arm in enumerate(contenders_at_edges(c)):
        if arm is not None and arm.name == first.name:
            yield say.AtEdge(Setting(first.name), bool(is_high))


def _searched(search: ExpectedBest) -> say.Searched:
    interval = None if search.interval is None else Interval(*map(Rate, search.interval))
    cost = None if search.cost is None else Share(search.cost)
    return say.Searched(Count(search.num_runs), interval, cost, search.is_bracketed, search.is_of_errors)


def _searched_elsewhere(c: Conclusions) -> Iterator[say.Answer]:
    if c.search is not None and not c.follows_search:
        yield say.SearchedElsewhere(Rate(c.search.rate))


def _all_the_same(c: Conclusions) -> Iterator[say.Answer]:
    """Say that all results are equal where that is no chance: of enough runs, told to enough digits."""
    values = [c.runs.value(run) for arm in c.arms for run in arm.done]
    if len(values) >= MIN_SAME and len(set(values)) == 1 and len(c.arms) > 1 and len(f"{values[0]:g}") >= MIN_DIGITS:
        yield say.AllTheSame(Count(len(values)), Value(values[0]))


def _also_differ(c: Conclusions, number: int) -> Iterator[say.Answer]:
    """Say with the recommendation that its rate is not all there is to it, where names of settings do not."""
    if c.runs.varied and number > 1 and c.is_confounded:
        yield say.AlsoDiffer(Names(title_of(name) for name in c.runs.varied))


def _standing(c: Conclusions) -> say.Answer:
    first = c.arms[c.choice.first]
    others = [arm for arm in c.arms if arm.standing == "contender" and arm.name != first.name]
    if sum(not math.isnan(arm.value) for arm in c.arms) < 2:
        return say.NotCompared()
    if not c.knows_spread:
        return say.NotComparable()
    if not others:
        return say.Winner(c.is_assumed, not without_result(c))
    if c.verdict.is_decided:
        return say.Equivalent(Settings(arm.name for arm in others), Value(c.margin))
    # That noise alone could explain a gap does not make two settings alike: a large one is said.
    behind = [arm.name for arm in others if c.runs.metric.sign * (first.value - arm.value) > FAR_BEHIND * c.margin]
    return say.Tie(Settings(arm.name for arm in others if arm.name not in behind), Settings(behind))


def _details(c: Conclusions) -> Iterator[say.Answer]:
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    if len(known) > 1 and c.knows_spread:
        yield from _why_below(c)
        yield _expected(c, len(known))
        if c.runs.at_best:
            yield say.OfEpochs(Value(c.epoch_optimism))
    yield from _without_value(c)


def _without_value(c: Conclusions) -> Iterator[say.Answer]:
    missing = [arm.name for arm in c.arms if math.isnan(arm.value)]
    if missing:
        yield say.WithoutValue(Settings(missing))


def _why_below(c: Conclusions) -> Iterator[say.Answer]:
    first, best = c.arms[c.choice.first], c.arms[c.order[0]]
    if first.name != best.name and first.value != best.value:
        yield say.ChosenBelow(
            Setting(first.name), Value(first.value), Setting(best.name), Value(best.value), choice_rule(c)
        )


def _expected(c: Conclusions, number: int) -> say.Expected:
    first, maximize = c.arms[c.choice.first], c.runs.metric.direction == "maximize"
    return say.Expected(
        Value(c.expected), Value(first.value), Value(c.optimism), Count(number), maximize, c.is_of_these
    )  # fmt: skip
