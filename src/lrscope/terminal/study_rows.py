"""How far each trial of a study is, by what it tells; and the table of those that are drawn, as there is room."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.table import Table

from lrscope.config import AnyTrial, ExternalTrial
from lrscope.errors import DataError
from lrscope.records import Answered, EvaluationRecord, Reached, Record, StepRecord, TrialResult
from lrscope.runs.metric import choose_metric
from lrscope.studies.run_times import SecondsLeft
from lrscope.terminal.progress import Pace, Speed
from lrscope.terminal.time_left import Course

BARS = "▁▂▃▄▅▆▇█"
GAP = 2  # columns of a terminal between those of the table
FLEXIBLE, LEAST = ("state", "second"), 10  # columns whose text may be cut, and what is shown of it at least


def sparkline(values: list[float], width: int = 12) -> str:
    """Return values as a row of bars, the last `width` of them.

    >>> sparkline([1.0, 0.5, 0.0])
    '█▅▁'
    """
    last = [value for value in values[-width:] if value == value]
    if not last:
        return ""
    low, high = min(last), max(last)
    return "".join(BARS[round((value - low) / (high - low or 1.0) * (len(BARS) - 1))] for value in last)


@dataclass
class DrawnTrial:
    """One trial that was begun, and how far it is; `total_steps` where that is known, or it shows them."""

    config: AnyTrial
    began: float
    speed: Speed
    total_steps: int | None = None
    state: str = "running"
    epoch: float = 0
    step: int = 0
    rate: float = 0.0
    losses: list[float] = field(default_factory=list)
    metric: float | None = None
    answers: str = ""
    heard: float | None = None  # when the first step was heard of
    course: Course = field(default_factory=Course)
    pace: Pace | None = None  # of its answers, while it generates them

    def take(self, record: Record | None, now: float, metric: str) -> None:
        """Take in what it did; `metric` is what settings are compared by."""
        match record:
            case StepRecord():
                self.rate = record.learning_rate
                self.losses.append(record.loss)
                self.speed.add(record)
                self._at(record.step + (not isinstance(self.config, ExternalTrial)), now)
            case Reached():
                if self.total_steps not in (None, record.total_steps):  # another bar, in another count
                    self.step, self.course, self.heard = 0, Course(), None
                self.total_steps = record.total_steps
                self._at(record.step, now)
            case EvaluationRecord(split="dev"):
                self.epoch = self.epoch if math.isnan(record.epoch) else record.epoch
                self.metric = record.metrics.get(metric, self.metric)
                self._at(record.step, now)
            case EvaluationRecord(split="train"):
                self.rate = record.metrics.get("learning_rate", self.rate)
                self.losses += [record.metrics["loss"]] if "loss" in record.metrics else []
                self._at(record.step, now)
            case Answered():
                self.pace = self.pace or Pace()
                self.answers = self.pace.text(record)
            case TrialResult():
                self.state = record.status

    def _at(self, step: int, now: float) -> None:
        self.step = max(step, self.step)
        self.heard = now if self.heard is None else self.heard
        self.course.add(now, self.step)

    @property
    def doing(self) -> str:
        """Its state, or how far its answers are."""
        return self.answers if self.answers and self.state == "running" else self.state

    @property
    def share(self) -> float:
        """How much of it is done, 0 where that is not known."""
        if self.total_steps:
            return min(1.0, self.step / self.total_steps)
        return min(1.0, self.epoch / (self.config.length or 1.0)) if self.epoch else 0.0

    def seconds(self, now: float) -> SecondsLeft | None:
        """Return what it will take in all, by the pace of its steps and with what went before them."""
        if self.pace is not None and (left := self.pace.left) is not None:
            return SecondsLeft(now - self.began + left.low, now - self.began + left.high)
        if self.heard is None or not self.total_steps:
            return None
        been = self.course.seconds(max(0, self.total_steps - self.step))
        before = self.heard - self.began
        return None if been is None else SecondsLeft(before + been.low, before + been.high)

    @property
    def reached(self) -> str:
        """How far it has come, in what it tells: epochs, or steps."""
        config, total = self.config, self.total_steps
        if not isinstance(config, ExternalTrial):
            epoch = max(self.epoch, int(100 * self.share * (config.length or 1.0)) / 100)
            return f"epoch {epoch:.{0 if epoch == int(epoch) else 2}f}{_of(config)}"
        total = total or config.steps
        if self.epoch and not total:
            return f"epoch {self.epoch:.4g}{_of(config)}"
        return f"step {self.step}" + (f"/{total}" if total else "") if self.step or self.total_steps else ""


def metric_among(record: EvaluationRecord) -> str:
    """Return what a study will be compared by that has not decided yet; empty where that is not clear."""
    with suppress(DataError):
        return choose_metric(record.metrics).name
    return ""


def _of(config: AnyTrial) -> str:
    return "" if config.length is None else f"/{config.length:.6g}"


def fitted_table(
    columns: Mapping[str, Sequence[str]], headings: Mapping[str, str], leave_out: Sequence[str], width: int
) -> Table:
    """Return a table of these columns; where there is no room for all, without some of `leave_out`, the first first.

    Text of `FLEXIBLE` columns is cut then, down to ten characters.
    """
    shown = {name: cells for name, cells in columns.items() if name not in leave_out}

    def widths(least: bool) -> dict[str, int]:
        full = {name: max(map(cell_len, (headings[name], *cells))) for name, cells in shown.items()}
        return {name: min(full[name], LEAST) if least and name in FLEXIBLE else full[name] for name in shown}

    def needed(of: Mapping[str, int]) -> int:
        return sum(of.values()) + GAP * (len(of) - 1)

    for name in reversed(leave_out):
        if name in columns:
            fewer, shown = shown, {each: columns[each] for each in columns if each in shown or each == name}
            shown = shown if needed(widths(least=True)) <= width else fewer
    allowed, spare = widths(least=False), width - needed(widths(least=True))
    for name in FLEXIBLE:
        if name in shown:
            least = min(allowed[name], LEAST)
            allowed[name] = min(allowed[name], least + max(0, spare))
            spare -= allowed[name] - least
    table = Table(box=None, pad_edge=False, caption_justify="left")
    for name in shown:
        table.add_column(headings[name], no_wrap=True, overflow="crop")
    for row in zip(*([_cut(cell, allowed[name]) for cell in cells] for name, cells in shown.items()), strict=True):
        table.add_row(*row)
    return table


def _cut(text: str, width: int) -> str:
    """Return text in so many columns, with dots where it was cut.

    >>> _cut("answers 3/40", 10), _cut("running", 10)
    ('answers 3…', 'running')
    """
    if cell_len(text) <= width:
        return text
    while cell_len(text) >= width and text:
        text = text[:-1]
    return f"{text}…"
