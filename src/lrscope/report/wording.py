"""From statements to sentences of a language: quantities become text here, by their type, and nowhere else."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from lrscope.config.command_line import CommandLine
from lrscope.findings.advice import Advice
from lrscope.findings.checkup.statements import CheckFinding
from lrscope.number_text import format_rate
from lrscope.report.document import Cell, Document, Word
from lrscope.report.locales import Locale
from lrscope.report.schedule_words import schedule_text
from lrscope.runs import quantities as q
from lrscope.runs.applied_schedule import AppliedSchedule
from lrscope.runs.statement import Statement
from lrscope.visible_text import visible

MAX_NAMED = 6  # settings in a sentence; of more, the first and the last
_BETWEEN_IDEOGRAPHS = re.compile("(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
_MINUS = str.maketrans("-", "−")


class Wording:
    """Writes a language. `metric` is the decision metric's name."""

    def __init__(self, locale: Locale, metric: str) -> None:
        self.locale, self.metric = locale, locale.metrics.get(metric, inline(metric))
        self._writers: dict[type, Callable[[Any], str]] = {
            q.Rate: _rate, q.Share: percent, q.Value: number, q.Difference: signed, q.Count: count,
            q.Multiple: lambda times: f"{times:.1f}", q.Number: str, q.Proportion: self._proportion,
            q.Epoch: lambda epoch: self.word("at-epoch", epoch=f"{epoch:g}"),
            q.Step: lambda step: self.word("at-step", step=f"{step:,.0f}"),
            q.LogEntry: lambda entry: self.word("at-entry", entry=f"{entry:,.0f}"),
            q.Duration: self._duration,
            AppliedSchedule: lambda applied: schedule_text(applied, self.word, self.text, self.locale),
            q.Setting: self.setting, q.Text: inline, q.Settings: self._settings,
            q.Names: lambda names: self._listed([inline(name) for name in names]),
            q.Rates: lambda rates: self._listed([_rate(rate) for rate in rates]),
            q.Estimate: self._estimate, q.Interval: self._interval,
            Word: self.word, str: lambda key: self.locale.words.get(key, key), bool: str, type(None): lambda _: "–",
        }  # fmt: skip

    def word(self, key: str, **values: object) -> str:
        """Return a short word or heading."""
        return self._filled(self.locale.words[key], {name: str(value) for name, value in values.items()})

    def text(self, value: object) -> str:
        """Return a quantity as it is written: by its type."""
        return self._writers[type(value)](value)

    def setting(self, name: str) -> str:
        """Return the name of a setting, on one line."""
        parts = inline(name).split(", ")
        return ", ".join(self.locale.settings.get(part, part) for part in parts)

    def sentence(self, statement: Statement) -> str:
        """Return a statement as a sentence."""
        written = {item.name: self.text(getattr(statement, item.name)) for item in fields(statement)}
        return self._filled(self.locale.say[statement.key], written)

    def finding(self, statement: Statement) -> str:
        """Return a finding as a sentence: what the log of one run shows is said of its setting."""
        sentence = self.sentence(statement)
        if not isinstance(statement, CheckFinding):
            return sentence
        arms = self.text(statement.arms)
        if statement.number == statement.of:
            return self.word("of-arms", arms=arms, sentence=sentence)
        return self.word("of-some-runs", arms=arms, number=statement.number, of=statement.of, sentence=sentence)

    def answer(self, answer: Sequence[Statement]) -> list[str]:
        """Return the answer's paragraphs: the recommendation and how others stand beside it are one."""
        first = self.locale.space.join(part for part in self.headline(answer) if part)
        return [first, *(self.sentence(each) for each in answer[2:])]

    def headline(self, answer: Sequence[Statement]) -> tuple[str, str]:
        """Return the recommendation, and how the other settings stand beside it."""
        first, *rest = (self.sentence(each) for each in answer[:2])
        return first, "".join(rest)

    def measured(self, doc: Document) -> str:
        """Return what the answer rests on: how many runs of how many settings, on how many examples, in what time."""
        runs = doc.conclusions.runs
        parts = [self.word("measured-runs", runs=len(runs.runs), settings=len(doc.conclusions.arms))]
        if "dev" in runs.sizes:
            parts.append(self.word("measured-examples", examples=runs.sizes["dev"]))
        if doc.spent > 0.0:
            parts.append(self.word("measured-time", time=self.text(doc.spent)))
        return self.word("measured", parts=self.locale.comma.join(parts))

    def next_step(self, doc: Document) -> str:
        """Return the first of the next steps, empty where there is none."""
        if not doc.advice:
            return ""
        first = doc.advice[0]
        aside = self.locale.aside.format(self._minutes(first)) if first.command else ""
        return self.word("next-step", sentence=self.sentence(first.suggestion) + aside)

    def cost(self, advice: Advice) -> str:
        """Return about how long a piece of advice takes, and where its command is to be filled in, as an aside."""
        parts = [self._minutes(advice)]
        if isinstance(advice.command, CommandLine) and "command" in advice.command.options:
            parts.append(self.word("own-training"))
        return self.locale.aside.format(self.locale.semicolon.join(parts))

    def _minutes(self, advice: Advice) -> str:
        known = not math.isnan(advice.minutes)
        return self.word("minutes", minutes=max(1, round(advice.minutes))) if known else self.word("minutes-unknown")

    def note(self, cell: Cell) -> str:
        """Return what stands beside a table's number, with the space before it; empty where there is nothing."""
        at = self.locale.aside.format(self.text(cell.at)) if cell.at else ""
        spread = f" ± {number(cell.spread)}" if cell.spread is not None else ""
        return at + spread + (self.locale.aside.format(self.text(cell.interval)) if cell.interval else "")

    def _filled(self, text: str, values: Mapping[str, str]) -> str:
        """Return a text with these values, without spaces between characters of a language that sets none."""
        text = text.format(metric=self.metric, **{name: Written(value) for name, value in values.items()})
        return text if self.locale.space else _BETWEEN_IDEOGRAPHS.sub("", text)

    def _settings(self, names: Sequence[str]) -> str:
        """List settings; where several are bare rates, the rates alone."""
        shown = [self.setting(name) for name in names]
        if len(shown) > 1 and all(name.startswith("lr ") and "," not in name for name in shown):
            shown = [name.removeprefix("lr ") for name in shown]
        if len(shown) > MAX_NAMED:
            return self.word("many-settings", first=shown[0], last=shown[-1], number=len(shown))
        return self._listed(shown)

    def _listed(self, names: Sequence[str]) -> str:
        # Names that hold commas are set apart by more than one.
        comma = self.locale.semicolon if any(", " in name for name in names) else self.locale.comma
        if len(names) < 2:
            return "".join(names)
        last = self.locale.conjunction
        return comma.join(names[:-1]) + last + names[-1]

    def _duration(self, seconds: float) -> str:
        if math.isnan(seconds):
            return "–"
        if seconds < 9.95:
            return self.word("some-seconds", seconds=f"{seconds:.2g}")
        whole = round(seconds)
        minutes, hours = whole // 60, whole // 3600
        if not minutes:
            return self.word("some-seconds", seconds=whole)
        if not hours:
            return self.word("some-minutes", minutes=minutes, seconds=whole % 60)
        return self.word("some-hours", hours=hours, minutes=minutes % 60)

    def _proportion(self, times: float) -> str:
        return self.word("under-a-tenth") if times < 0.1 else self.word("times-as-large", times=f"{times:.1f}")

    def _estimate(self, estimate: q.Estimate) -> str:
        if math.isnan(estimate.ratio):
            return number(estimate.value)
        return self.word("estimate", value=number(estimate.value), ratio=f"{estimate.ratio:.1f}")

    def _interval(self, interval: q.Interval[Any]) -> str:
        low, high = self.text(interval.low), self.text(interval.high)
        return low if low == high else self.word("range", low=low, high=high)


class Written(str):
    """A quantity in a sentence; a number takes the noun that is named with it: that of one, and that of others.

    >>> "{steps:step|steps} of {of:step|steps}".format(steps=Written("1"), of=Written("1 to 12"))
    '1 step of 1 to 12 steps'
    """

    __slots__ = ()

    def __format__(self, nouns: str) -> str:
        """Return the text, and the noun where there is one."""
        if not nouns:
            return str(self)
        one, others = nouns.split("|")
        return f"{self!s} {one if self == '1' else others}"


def inline(text: str) -> str:
    r"""Return text from outside on one line, with its control characters visible.

    >>> print(inline("a\nb\x1b"))
    a\u000ab\u001b
    """
    return visible(text).replace("\n", "\\u000a").replace("\t", " ")


def number(value: float, digits: int = 3) -> str:
    """Write a number, a dash for what is not known; small ones keep their first digit.

    >>> number(0.4096), number(float("nan")), number(0.00012)
    ('0.410', '–', '0.0001')
    """
    if math.isnan(value):
        return "–"
    if 1e-4 <= abs(value) < 10.0**-digits:
        return f"{value:.1g}".translate(_MINUS)
    return f"{value:.{digits}f}".translate(_MINUS)


def count(value: int) -> str:
    """Write how many, with thousands set apart.

    >>> count(19600)
    '19,600'
    """
    return f"{value:,}"


def signed(value: float) -> str:
    """Write a difference with its sign.

    >>> signed(0.031), signed(-0.002), signed(float("nan"))
    ('+0.031', '−0.002', '–')
    """
    return ("+" if value >= 0.0 else "") + number(value)


def percent(value: float) -> str:
    """Write a share as a percentage, small ones with two digits.

    >>> percent(0.95), percent(0.0123)
    ('95%', '1.2%')
    """
    return f"{100.0 * value:.0f}%" if value >= 0.1 or value == 0.0 else f"{100.0 * value:.2g}%"


def _rate(value: float) -> str:
    return format_rate(float(f"{value:.3g}"))
