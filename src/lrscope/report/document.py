"""What a report says, in order and in no language: blocks that renderers turn into pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lrscope.config import StudyConfig
from lrscope.config.read import built_in_trial
from lrscope.findings.advice import Advice, advice
from lrscope.findings.answer import answer
from lrscope.findings.checkup.checkup import is_one_setting
from lrscope.findings.checkup.loss_statements import NothingOdd
from lrscope.findings.checkup.statements import CheckFinding
from lrscope.findings.commands import finetune_command, own_command
from lrscope.findings.findings import findings
from lrscope.findings.gathered import gathered
from lrscope.findings.method import Method, method
from lrscope.findings.statements import DevLossRises, Diverged, OneSetting
from lrscope.report.trainer_arguments import equal_training
from lrscope.runs.notes import PeakEstimated
from lrscope.runs.quantities import Count, Difference, Duration, Epoch, Interval, Quantity, Setting, Step, Text, Value
from lrscope.runs.statement import Statement
from lrscope.statistics.arm_view import ArmView
from lrscope.statistics.conclusions import Conclusions

MAX_ROWS, MAX_FINDINGS = 30, 20  # in a page's table and its list
LEADING = 12  # of more, so many come first


class Word(str):
    """The key of a word, which a language writes."""

    __slots__ = ()


@dataclass(frozen=True)
class Cell:
    """A quantity or a word, with what stands beside it: where it was reached, a spread over seeds, an interval."""

    value: Quantity | Word
    at: Epoch | Step | None = None
    spread: Value | None = None
    interval: Interval[Difference] | None = None


@dataclass(frozen=True)
class Row:
    """One arm's row; `mark` is the key of the word for the choices, "first" or "second", else empty.

    It is "first-that-ran" where the rate that is recommended did not run.
    """

    cells: tuple[Cell, ...]
    mark: str = ""


@dataclass(frozen=True, eq=False)
class Document:
    """The whole report. `columns` are keys of words, `legend` of what explains the table's signs.

    `answer` is what is said first; of one run, with all of its check-up. `checkup` is what the log of a setting that
    stands alone shows; where settings are compared it is in `findings`.
    """

    conclusions: Conclusions
    answer: tuple[Statement, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    checkup: tuple[Statement, ...]
    findings: tuple[Statement, ...]
    advice: tuple[Advice, ...]
    method: tuple[Method, ...]
    unread: tuple[tuple[int, str], ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What people call the decision metric."""
        return self.conclusions.runs.metric_title

    @property
    def head(self) -> tuple[Statement, ...]:
        """What stands at the head of a page that has the check-up in a part of its own."""
        return tuple(each for each in self.answer if each not in self.checkup[1:])

    @property
    def title(self) -> str:
        """The key of its title."""
        return "checkup-title" if len(self.conclusions.runs.runs) == 1 else "title"

    @property
    def order(self) -> list[int]:
        """The columns as a page shows them: the verdict beside the setting, as on a phone the rest is out of sight."""
        last = len(self.columns) - 1
        return [0, last, *range(1, last)] if self.columns[last] == "verdict" else [*range(last + 1)]

    @property
    def leading(self) -> tuple[Row, ...]:
        """The rows that a page shows first: of very many settings the best, from the best on, then what guessing gets.

        All of them, in their own order, where they are few.
        """
        num_arms = len(self.conclusions.arms)
        if num_arms <= MAX_ROWS:
            return self.rows
        chosen = [number for number in self.conclusions.order if self.rows[number].mark]
        best = [*dict.fromkeys([*self.conclusions.order[:LEADING], *chosen])]
        return (*(self.rows[number] for number in best), *self.rows[num_arms:])

    @property
    def num_leading(self) -> int:
        """How many settings those rows are."""
        return len(self.leading) - (len(self.rows) - len(self.conclusions.arms))

    @property
    def spent(self) -> Duration:
        """What all runs took together, NaN where that is not known of each."""
        return Duration(self.conclusions.runs.seconds_spent)

    @property
    def leading_findings(self) -> tuple[Statement, ...]:
        """The findings that a page shows first; of very many settings there are as many findings."""
        return self.findings if len(self.findings) <= MAX_FINDINGS else self.findings[:LEADING]

    @property
    def legend(self) -> tuple[str, ...]:
        """Which of the table's signs occur."""
        cells = [cell for row in self.rows for cell in row.cells]
        spread = ("legend-spread",) if any(cell.spread is not None for cell in cells) else ()
        interval = ("legend-interval",) if any(cell.interval is not None for cell in cells) else ()
        return (*spread, *(f"legend-{column}" for column in self.columns if column.startswith("gap")), *interval)


def document(c: Conclusions) -> Document:
    """Return the report of these conclusions."""
    statements = findings(c)
    columns, rows = _table(c)
    told = tuple(sorted(filter(_is_of_checkup, statements), key=_place)) if is_one_setting(c.runs) else ()
    said = tuple(answer(c))
    if len(c.runs.runs) == 1:
        said += tuple(each for each in told if each.kind not in {known.kind for known in said})
    others = [each for each in statements if each not in told and not (told and _needs_others(each, c))]
    return Document(
        c, said, columns, rows, told, tuple(gathered(others)), tuple(advice(c, statements)),
        tuple(method(c)) if any(run.points for run in c.runs.runs) else (), c.runs.unread, _commands(c),
    )  # fmt: skip


def _is_of_checkup(statement: Statement) -> bool:
    return isinstance(statement, CheckFinding | DevLossRises)


def _place(statement: Statement) -> int:
    """Return where a finding stands: the dev loss after what was logged while training, nothing odd at the end."""
    return 2 if isinstance(statement, NothingOdd) else 1 if isinstance(statement, DevLossRises) else 0


def _needs_others(statement: Statement, c: Conclusions) -> bool:
    """Whether a finding says nothing of one run alone that its check-up does not: how often one of one diverged."""
    return len(c.runs.runs) == 1 and isinstance(statement, OneSetting | Diverged | PeakEstimated)


def _commands(c: Conclusions) -> tuple[str, ...]:
    """Return how to train the choice again: with lrscope, and with Trainer where it can."""
    if c.recommended is None:
        return ()
    first = c.recommended.name
    if own := own_command(c.runs, first):
        return (own,)
    command = finetune_command(c.runs, first)
    if command is None:
        return ()
    config, study = built_in_trial(c.runs.configs[first]), c.runs.study
    assert isinstance(study, StudyConfig), "a command to fine-tune is for the built-in training"
    equal = equal_training(study, config, study.numerics.precision)
    if equal is None:
        return (str(command),)
    comment = "; ".join(
        [*([", ".join(equal.beside)] if equal.beside else []), f"not equal: {', '.join(equal.differences)}"]
    )
    return (str(command), f"{equal.call}  # {comment}")


def _table(c: Conclusions) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    metric = c.runs.metric
    several = any(len(arm.runs) > 1 for arm in c.arms)
    optional = {
        "test": [_mean([run.final.get("test", {}).get(metric.name, math.nan) for run in arm.done]) for arm in c.arms],
        "dev-exact-match": [_mean([run.last("dev", "exact_match") for run in arm.done]) for arm in c.arms],
        "dev-loss": [_mean([run.last("dev", "loss") for run in arm.done]) for arm in c.arms],
        "train-loss": [_mean([run.last("train", "loss") for run in arm.done]) for arm in c.arms],
        "train-metric": [_mean([run.last("train", metric.name) for run in arm.done]) for arm in c.arms],
    }
    if metric.name == "loss":
        optional = {name: optional[name] for name in ("test", "dev-exact-match", "train-metric")}
    if metric.name == "exact_match":
        del optional["dev-exact-match"]
    shown = [name for name, values in optional.items() if not all(math.isnan(value) for value in values)]
    gaps = _gaps(c)
    times = [arm.seconds_per_run for arm in c.arms]
    is_timed = any(seconds > 0.0 for seconds in times)
    compares = len(c.arms) > 1
    gap = "gap" if c.recommends_arm else "gap-that-ran"
    columns = ["setting", *["seeds"] * several, "dev-best", "dev-end", *[gap] * bool(gaps), *shown]
    columns += [*["time"] * is_timed, *["verdict"] * compares]
    rows, position = [], Epoch if c.runs.axis == "epoch" else Step
    for number, arm in enumerate(c.arms):
        best = [run.best("dev", metric) for run in arm.done]
        epoch = _mean([epoch for epoch, _ in best])
        at = None if math.isnan(epoch) else position(round(epoch, 1))
        spread = None if math.isnan(arm.sd) else Value(arm.sd)
        done, planned = len(arm.done), len(arm.runs)
        end = _mean([run.last("dev", metric.name) for run in arm.done])
        cells = [
            Cell(Setting(arm.name)),
            *[Cell(Count(planned) if done == planned else Text(f"{done}/{planned}"))] * several,
            Cell(Value(_mean([value for _, value in best])), at=at, spread=spread if c.runs.at_best else None),
            Cell(Value(end), spread=None if c.runs.at_best else spread),
            *gaps[number : number + 1],
            *(Cell(Value(optional[name][number])) for name in shown),
            *[Cell(Duration(times[number]))] * is_timed,
            *[Cell(_verdict(arm))] * compares,
        ]
        rows.append(Row(tuple(cells), _mark(c, number)))
    return tuple(columns), (*rows, *_guessing(c, columns))


def _verdict(arm: ArmView) -> Word:
    """Return how an arm stands; of one without a value, why, where all of its runs ended in one way."""
    statuses = {run.status for run in arm.runs}
    if arm.standing == "no value" and len(statuses) == 1 and statuses <= {"diverged", "interrupted", "failed"}:
        return Word(statuses.pop())
    return Word(arm.standing)


def _guessing(c: Conclusions, columns: Sequence[str]) -> Iterator[Row]:
    """Yield a row of what guessing gets, where that is known."""
    names = {"dev-end": c.runs.metric.name, "dev-loss": "loss"}
    known = {column: c.runs.baseline.get(name, math.nan) for column, name in names.items() if column in columns}
    if not all(math.isnan(value) for value in known.values()):
        values = [Cell(Value(known.get(column, math.nan))) for column in columns[1:]]
        yield Row((Cell(Word("guessing")), *values))


def _gaps(c: Conclusions) -> list[Cell]:
    """Return by how much the first choice is better than each arm, with intervals; nothing where one has a value."""
    first = c.choice.first
    if c.recommended is None or sum(not math.isnan(arm.value) for arm in c.arms) < 2:
        return []
    cells = []
    for number, arm in enumerate(c.arms):
        if number == first or math.isnan(arm.value):
            cells.append(Cell(Difference(math.nan)))
        else:
            pair = c.verdict.between(first, number)
            interval = Interval(Difference(pair.low), Difference(pair.high)) if math.isfinite(pair.low) else None
            cells.append(Cell(Difference(pair.difference), interval=interval))
    return cells


def _mark(c: Conclusions, number: int) -> str:
    if c.recommended is None or c.num_known < 2:
        return ""
    first = "first" if c.recommends_arm else "first-that-ran"
    return {c.choice.first: first, c.choice.second: "second"}.get(number, "")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
