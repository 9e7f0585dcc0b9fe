"""The kinds of sentences of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from lrscope.findings.confidence import Level, Reason
from lrscope.findings.method import Rule
from lrscope.runs.quantities import Count, Interval, Names, Rate, Setting, Settings, Share, Text, Value
from lrscope.runs.statement import Statement


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
class AllFailed(Answer):
    """Every run failed, so none came to a value."""


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
class StudyUnfinished(Answer):
    """Only some of a study's runs have ended, so that the answer may change; others may run at this moment."""

    WORDINGS = ("left", "running")

    ended: Count
    planned: Count
    is_running: bool

    @property
    def wording(self) -> str:
        """Whether a process runs the others now."""
        return "running" if self.is_running else "left"


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
class UseRate(Answer):
    """The recommendation of a search of rates, which need not have run."""

    rate: Rate


@dataclass(frozen=True)
class Searched(Answer):
    """What a recommended rate rests on: the runs of the search, where the best rate lies, what this one may cost.

    With `is_of_errors` runs are compared by a share of right answers, and the cost is one of wrong ones.
    """

    WORDINGS = ("bracketed", "open", "bracketed-errors", "open-errors", "bare")

    runs: Count
    interval: Interval[Rate] | None
    cost: Share | None
    is_bracketed: bool
    is_of_errors: bool = False

    @property
    def wording(self) -> str:
        """Whether interval and cost are known, and of what, and whether worse rates lie on both sides."""
        if self.interval is None:
            return "bare"
        return ("bracketed" if self.is_bracketed else "open") + "-errors" * self.is_of_errors


@dataclass(frozen=True)
class BestThatRan(Answer):
    """Of the rates that ran, the first choice."""

    arm: Setting


@dataclass(frozen=True)
class SearchedElsewhere(Answer):
    """A search has its best rate near one of which the decision metric says otherwise."""

    rate: Rate


@dataclass(frozen=True)
class Winner(Answer):
    """Every other setting with a value is ruled out: by the seed noise that was measured, or by one that is assumed.

    Where `is_of_all` is false others have no result, and nothing is said of those.
    """

    WORDINGS = ("measured", "assumed", "measured-part", "assumed-part")

    is_assumed: bool
    is_of_all: bool

    @property
    def wording(self) -> str:
        """Where the seed noise is from, and whether some settings have no result."""
        return ("assumed" if self.is_assumed else "measured") + ("" if self.is_of_all else "-part")


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
class AtEdge(Answer):
    """The recommended setting has the lowest rate that was measured, or the highest."""

    WORDINGS = ("low", "high")

    arm: Setting
    is_high: bool

    @property
    def wording(self) -> str:
        """Which end it is."""
        return "high" if self.is_high else "low"


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
