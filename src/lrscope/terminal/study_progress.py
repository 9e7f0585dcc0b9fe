"""Live progress of a study, on standard error: a table redrawn in place on a terminal, a line a trial elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import fmean
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from lrscope.config import AnyTrial, ExternalStudy
from lrscope.config.arms import BesideRate
from lrscope.config.external import ExternalTrial
from lrscope.errors import DataError
from lrscope.number_text import counted, format_rate
from lrscope.records import FINISHED, Answered, EvaluationRecord, Reached, StepRecord, TrialResult
from lrscope.runs.metric import choose_metric
from lrscope.store.trials import TrialRow
from lrscope.studies.run_times import RunTimes, is_open, seconds_together
from lrscope.terminal.output import echo, progress_console
from lrscope.terminal.progress import Pace, Speed, duration, rough
from lrscope.visible_text import visible
from lrscope.workflows.callbacks import StudyStarted, TrialEvent

BARS = "▁▂▃▄▅▆▇█"
ROWS = 12
SECONDS_BETWEEN_DRAWINGS, SECONDS_BETWEEN_LINES = 0.25, 60.0


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
class _Row:
    config: AnyTrial
    began: float
    speed: Speed
    state: str = "running"
    epoch: float = 0
    step: int = 0
    total_steps: int | None = None  # where it shows them
    rate: float = 0.0
    losses: list[float] = field(default_factory=list)
    metric: float | None = None
    first: tuple[float, int] | None = None  # when it was first heard of, and at which step it was then
    heard: float = 0.0
    pace: Pace | None = None  # of its answers, while it generates them
    answers: str = ""
    said: float = field(default_factory=monotonic)  # when a line was last printed of it

    def at(self, step: int) -> None:
        """Take in that it has come to a step."""
        self.step, self.heard = max(step, self.step), monotonic()
        self.first = self.first or (self.heard, self.step)

    @property
    def doing(self) -> str:
        """Its state, or how far its answers are."""
        return self.answers if self.answers and self.state == "running" else self.state

    @property
    def seconds(self) -> float | None:
        """What it will take in all by the pace of its steps, with what went before the first; None where unknown."""
        if self.first is None or not self.total_steps or self.step <= self.first[1]:
            return None
        since, step = self.first
        return since - self.began + (self.heard - since) / (self.step - step) * max(0, self.total_steps - step)


class StudyProgress:
    """Draws a study as it runs, on standard error or on `console`; a line a trial alone where `is_plain`."""

    def __init__(self, started: StudyStarted, console: Console | None = None, *, is_plain: bool = False) -> None:
        self._metric, self._unit, self._titles = started.metric, started.unit, started.config.metric_titles
        self._console, self._is_plain = console or progress_console(), is_plain
        self._drawn, self._stopping = 0.0, False
        self._is_external, self._at_once = isinstance(started.config, ExternalStudy), 1
        self.plan(started.trials)
        self._rows: dict[int, _Row] = {}
        self._began, self._epochs_done = monotonic(), 0.0
        self._live: Live | None = None

    def __enter__(self) -> StudyProgress:
        if self._console.is_terminal and not self._is_plain:
            # Drawn from `update` alone, at the pace of what happens.
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, happened: TrialEvent) -> None:
        """Draw what an event says."""
        self._take(happened)
        if self._live is not None and (not self._waiting or monotonic() - self._drawn > SECONDS_BETWEEN_DRAWINGS):
            self._drawn = monotonic()
            self._live.update(self._table(), refresh=True)

    def _take(self, happened: TrialEvent) -> None:
        event = happened.event
        if event.kind == "started":
            self._rows[event.trial] = _Row(happened.row.config, monotonic(), Speed(self._unit))
            self._at_once = max(self._at_once, len(self._running()))
            return
        row = self._rows.get(event.trial)
        if row is None:
            return
        if isinstance(event.record, StepRecord):
            row.rate = event.record.learning_rate
            row.losses.append(event.record.loss)
            row.speed.add(event.record)
            row.at(event.record.step)
        elif isinstance(event.record, Reached):
            if row.total_steps not in (None, event.record.total_steps):  # another bar, in another count
                row.step, row.first = 0, None
            row.total_steps = event.record.total_steps
            row.at(event.record.step)
        elif isinstance(event.record, EvaluationRecord) and event.record.split == "dev":
            self._epochs_done += min(1.0, event.record.epoch - row.epoch)
            row.epoch = event.record.epoch
            row.at(event.record.step)
            self._metric = self._metric or _metric_among(event.record)
            row.metric = event.record.metrics.get(self._metric, row.metric)
        elif isinstance(event.record, EvaluationRecord) and event.record.split == "train":
            row.rate = event.record.metrics.get("learning_rate", row.rate)
            row.losses += [event.record.metrics["loss"]] if "loss" in event.record.metrics else []
            row.at(event.record.step)
        elif isinstance(event.record, Answered):
            row.pace = row.pace or Pace()
            row.answers = row.pace.text(event.record)
        elif isinstance(event.record, TrialResult):
            row.state = event.record.status
        if event.record is not None:
            self._print_still_running(event.trial, row)
        if event.kind in ("done", "failed", "stopped"):
            status = happened.row.status
            self._trials[event.trial] = happened.row
            row.state = status if event.kind == "done" else event.kind
            if event.kind == "failed" and status != "failed":
                row.state = "failed, tried again:"
            self._stopping = self._stopping or event.kind == "stopped"
            if status in FINISHED or status == "failed":
                self._waiting.pop(event.trial, None)
            self._print_row(happened, row)

    def _print_still_running(self, trial: int, row: _Row) -> None:
        """Print a line now and then of what runs for long, where no table is drawn."""
        now = monotonic()
        if self._live is None and row.state == "running" and now - row.said > SECONDS_BETWEEN_LINES:
            row.said = now
            echo("  ".join(self._cells(trial, row)), err=True)

    def _print_row(self, happened: TrialEvent, row: _Row) -> None:
        event = happened.event
        if self._live is not None and event.kind != "failed":
            return
        what = "  ".join(self._cells(event.trial, row))
        self.say(f"{what}  {event.reason}".rstrip() + f"  ({self._left()})")

    def say(self, line: str) -> None:
        """Print a line, above what is drawn."""
        if self._live is not None:
            self._console.print(visible(line))
        else:
            echo(line, err=True)

    def _cells(self, trial: int, row: _Row) -> list[str]:
        config = row.config
        metric = "" if row.metric is None else f"dev {self._label} {row.metric:.4f}"
        cells = [
            f"trial {trial}", f"lr {format_rate(config.peak_rate)}", self._beside.of(config), f"seed {config.seed}",
            _reached(row), metric, str(row.speed) if row.doing == "running" else "", row.doing,
        ]  # fmt: skip
        return [cell for cell in cells if cell]

    def plan(self, trials: Sequence[TrialRow]) -> None:
        """Take in which trials there are: at the beginning, and when a rung has planned more."""
        self._num_trials = len(trials)
        self._waiting = {r.id: r.config.length or 1.0 for r in trials if is_open(r)}
        self._trials = {row.id: row for row in trials}
        self._beside = BesideRate([row.config for row in trials])

    @property
    def _label(self) -> str:
        return self._titles.get(self._metric, self._metric)

    def _left(self) -> str:
        known = f"{self._num_trials - len(self._waiting)} of {counted(self._num_trials, 'trial')}"
        if not self._waiting or self._stopping:
            return known
        if self._is_external:
            seconds_left = self._left_by_finished()
            return known if seconds_left is None else f"{known}, about {rough(seconds_left)} left"
        if not self._epochs_done:
            return known
        epochs_left = sum(self._waiting.values()) - sum(row.epoch for row in self._running().values())
        seconds = (monotonic() - self._began) / self._epochs_done * epochs_left
        return f"{known}, about {duration(seconds)} left"

    def _left_by_finished(self) -> float | None:
        """Return what is left will take by the runs that finished, or by the steps of those that run and show them."""
        times, running = RunTimes(self._trials.values()), self._running()
        paces = {trial: row.seconds for trial, row in running.items()}
        known = [seconds for seconds in paces.values() if seconds is not None]
        # Before one has finished, others take what one that runs will, where none is longer by what was asked for.
        others = fmean(known) if known and len(set(self._waiting.values())) == 1 else None
        left = [paces.get(trial) or times.seconds_of(self._trials[trial].config) or others for trial in self._waiting]
        if not left or None in left:
            return None
        been = {trial: monotonic() - row.began for trial, row in running.items()}
        each = [
            max(0.0, (seconds or 0.0) - been.get(trial, 0.0))
            for trial, seconds in zip(self._waiting, left, strict=True)
        ]
        return seconds_together(each, self._at_once)

    def _running(self) -> dict[int, _Row]:
        return {trial: row for trial, row in self._rows.items() if row.state == "running"}

    def _table(self) -> Table:
        second = self._beside.heading
        table = Table(box=None, pad_edge=False, caption=self._left(), caption_justify="left")
        reached = "reached" if self._is_external else "epoch"
        metric = f"dev {self._label}".rstrip()
        for name in (
            "trial",
            "lr",
            *([second] if second else []),
            "seed",
            reached,
            "rate now",
            "loss",
            "",
            *(["tok/s"] if self._unit == "tokens" else []),
            metric,
            "",
        ):
            table.add_column(name, no_wrap=True, overflow="ellipsis" if name == second else "crop")
        running = list(self._running().items())[:ROWS]
        over = [(trial, row) for trial, row in self._rows.items() if row.state != "running"]
        for trial, row in [*over[max(0, len(over) - ROWS + len(running)) :], *running]:
            loss = f"{row.losses[-1]:.3f}" if row.losses else ""
            rate = f"{row.rate:.1e}" if row.rate else ""
            reached = _reached(row) if self._is_external else _reached(row).removeprefix("epoch ")
            table.add_row(
                str(trial), format_rate(row.config.peak_rate), *([self._beside.of(row.config)] if second else []),
                str(row.config.seed),
                reached, rate, loss, sparkline(row.losses, 8),
                *([str(row.speed).removesuffix(" tok/s")] if self._unit == "tokens" else []),
                "" if row.metric is None else f"{row.metric:.4f}", row.doing,
            )  # fmt: skip
        return table


def _metric_among(record: EvaluationRecord) -> str:
    """Return what a study will be compared by that has not decided yet; empty where that is not clear."""
    with suppress(DataError):
        return choose_metric(record.metrics).name
    return ""


def _reached(row: _Row) -> str:
    """Return how far a trial has come, in what it tells: epochs, or steps."""
    config = row.config
    total = row.total_steps or (config.steps if isinstance(config, ExternalTrial) else None)
    if not isinstance(config, ExternalTrial) or (row.epoch and not total):
        return f"epoch {row.epoch:.4g}{_of(config)}"
    return f"step {row.step}" + (f"/{total}" if total else "") if row.step or row.total_steps else ""


def _of(config: AnyTrial) -> str:
    return "" if config.length is None else f"/{config.length:.6g}"
