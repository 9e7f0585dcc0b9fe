"""Live progress of a study, on standard error: a table redrawn in place on a terminal, a line a trial elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from time import monotonic
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from lrscope.config import AnyTrial, ExternalStudy, TrialConfig
from lrscope.config.arms import BesideRate
from lrscope.number_text import counted, format_rate
from lrscope.records import FINISHED, EvaluationRecord
from lrscope.store.trials import TrialRow
from lrscope.studies.run_times import RunTimes, SecondsLeft, is_open, recent_times, seconds_together
from lrscope.terminal.output import echo, progress_console
from lrscope.terminal.progress import Speed
from lrscope.terminal.study_rows import DrawnTrial, fitted_table, metric_among, sparkline
from lrscope.terminal.time_left import Course, Silence, about, rough
from lrscope.visible_text import visible
from lrscope.workflows.callbacks import StudyStarted, TrialEvent

ROWS = 12
SECONDS_BETWEEN_DRAWINGS = 0.25
FAR_OFF, MOST_CORRECTED = 1.5, 3  # a quote is corrected that is off by so many times; so often at most
SECONDS_BEFORE_CORRECTION, SECONDS_BETWEEN_CHECKS = 10.0, 1.0
# Columns, from the first that is left out where a terminal is narrow.
LEFT_OUT = ("bars", "speed", "now", "loss", "seed", "second", "metric")


class StudyProgress:
    """Draws a study as it runs, on standard error or on `console`; a line a trial alone where `is_plain`.

    `quoted` is how many seconds it was said to take before anything of it ran: that is corrected where it was far off.
    """

    def __init__(
        self,
        started: StudyStarted,
        console: Console | None = None,
        *,
        is_plain: bool = False,
        quoted: float | None = None,
    ) -> None:
        self._metric, self._unit, self._titles = started.metric, started.unit, started.config.metric_titles
        self._size, self._jobs = started.size, started.jobs_at_once
        self._console, self._is_plain = console or progress_console(), is_plain
        self._drawn, self._stopping = 0.0, False
        self._is_external, self._at_once = isinstance(started.config, ExternalStudy), 1
        self._quoted, self._num_corrected, self._checked = None if self._is_external else quoted, 0, 0.0
        self.plan(started.trials)
        self._rows: dict[int, DrawnTrial] = {}
        self._began, self._epochs_done, self._course = monotonic(), 0.0, Course()
        self._course.add(self._began, 0.0)
        self._silence = Silence(self._began)
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
            config = happened.row.config
            self._rows[event.trial] = DrawnTrial(config, monotonic(), Speed(self._unit), self._steps_of(config))
            self._at_once = max(self._at_once, len(self._running()))
            return
        row = self._rows.get(event.trial)
        if row is None:
            return
        if isinstance(event.record, EvaluationRecord) and event.record.split == "dev":
            self._epochs_done += min(1.0, event.record.epoch - row.epoch)
            self._course.add(monotonic(), self._epochs_done)
            self._metric = self._metric or metric_among(event.record)
        row.take(event.record, monotonic(), self._metric)
        if event.record is not None:
            self._correct()
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
                self._times = recent_times(list(self._trials.values()))
            self._print_row(happened, row)

    def _steps_of(self, config: AnyTrial) -> int | None:
        """Return how many steps a trial of the built-in training makes."""
        if not isinstance(config, TrialConfig) or self._size is None:
            return None
        return config.resolve_schedule(self._size).total_steps

    def _print_still_running(self, trial: int, row: DrawnTrial) -> None:
        """Print a line now and then of what runs for long, where no table is drawn."""
        if self._live is None and row.state == "running" and self._silence.is_over(monotonic(), self._share()):
            echo("  ".join(self._cells(trial, row)) + f"  ({self._left()})", err=True)

    def _print_row(self, happened: TrialEvent, row: DrawnTrial) -> None:
        event = happened.event
        if self._live is not None and event.kind != "failed":
            return
        what = "  ".join(self._cells(event.trial, row))
        self.say(f"{what}  {event.reason}".rstrip() + f"  ({self._left()})")
        self._silence.broken(monotonic(), self._share())

    def say(self, line: str) -> None:
        """Print a line, above what is drawn."""
        if self._live is not None:
            self._console.print(visible(line))
        else:
            echo(line, err=True)

    def _cells(self, trial: int, row: DrawnTrial) -> list[str]:
        config = row.config
        metric = "" if row.metric is None else f"dev {self._label} {row.metric:.4f}"
        cells = [
            f"trial {trial}", f"lr {format_rate(config.peak_rate)}", self._beside.of(config), f"seed {config.seed}",
            row.reached, metric, str(row.speed) if row.doing == "running" else "", row.doing,
        ]  # fmt: skip
        return [cell for cell in cells if cell]

    def plan(self, trials: Sequence[TrialRow]) -> None:
        """Take in which trials there are: at the beginning, and when a rung has planned more."""
        self._num_trials = len(trials)
        self._waiting = {r.id: r.config.length or 1.0 for r in trials if is_open(r)}
        self._trials = {row.id: row for row in trials}
        self._times = recent_times(trials)
        self._beside = BesideRate([row.config for row in trials])

    @property
    def _label(self) -> str:
        return self._titles.get(self._metric, self._metric)

    def _share(self) -> float:
        """Return how much of the trials is done, those that run included."""
        over = self._num_trials - len(self._waiting)
        return (over + sum(row.share for row in self._running().values())) / max(1, self._num_trials)

    # What is left

    def _left(self) -> str:
        known = f"{self._num_trials - len(self._waiting)} of {counted(self._num_trials, 'trial')}"
        left = self._seconds_left()
        return known if left is None else f"{known}, {about(left)} left"

    def _seconds_left(self) -> SecondsLeft | None:
        if not self._waiting or self._stopping:
            return None
        running = self._running()
        if 0 < self._jobs < len(running):  # several run as one job
            return self._course.left(sum(self._waiting.values()) - sum(row.epoch for row in running.values()))
        now = monotonic()
        paces = {trial: row.seconds(now) for trial, row in running.items()}
        each: list[float] = []
        for times in self._times or [RunTimes(())]:
            for end in (0, 1):
                at_end = {trial: None if pace is None else pace[end] for trial, pace in paces.items()}
                if (seconds := self._together(times, at_end, now)) is not None:
                    each.append(seconds)
        return SecondsLeft(min(each), max(each)) if each else None

    def _together(self, times: RunTimes, paces: dict[int, float | None], now: float) -> float | None:
        """Return what is left takes by the runs that finished, or by the steps of those that run and show them."""
        lengths = [self._waiting.get(trial, 1.0) for trial in paces]
        known = [pace / length for pace, length in zip(paces.values(), lengths, strict=True) if pace is not None]
        other = fmean(known) if known else None  # before one has finished, others take what those do that run
        each: list[float] = []
        for trial, length in self._waiting.items():
            seconds = paces.get(trial) or times.seconds_of(self._trials[trial].config)
            seconds = seconds or (None if other is None else other * length)
            if seconds is None:
                return None
            been = now - self._rows[trial].began if trial in paces else 0.0
            each.append(max(0.0, seconds - been))
        return seconds_together(each, self._at_once)

    def _correct(self) -> None:
        """Say so where what was quoted before it ran turns out to be far off."""
        now = monotonic()
        been = now - self._began
        if self._quoted is None or been < SECONDS_BEFORE_CORRECTION or self._num_corrected == MOST_CORRECTED:
            return
        if now - self._checked < SECONDS_BETWEEN_CHECKS:
            return
        self._checked = now
        if (left := self._seconds_left()) is None:
            return
        whole = SecondsLeft(been + left.low, been + left.high)
        is_slower = whole.low > FAR_OFF * self._quoted
        if not is_slower and whole.high > self._quoted / FAR_OFF:
            return
        how = "slower" if is_slower else "faster"
        before = "said before" if self._num_corrected else "timed before it ran"
        self.say(f"note: {how} than was {before}: {about(whole)} in all, not {rough(self._quoted)}")
        self._quoted, self._num_corrected = whole.middle, self._num_corrected + 1

    def _running(self) -> dict[int, DrawnTrial]:
        return {trial: row for trial, row in self._rows.items() if row.state == "running"}

    def _table(self) -> Table:
        running = list(self._running().items())[:ROWS]
        over = [(trial, row) for trial, row in self._rows.items() if row.state != "running"]
        shown = [*over[max(0, len(over) - ROWS + len(running)) :], *running]
        rows = [row for _, row in shown]
        headings = {
            "trial": "trial", "lr": "lr", "second": self._beside.heading, "seed": "seed",
            "reached": "reached" if self._is_external else "epoch", "now": "rate now", "loss": "loss", "bars": "",
            "speed": "tok/s", "metric": f"dev {self._label}".rstrip(), "state": "",
        }  # fmt: skip
        columns = {
            "trial": [str(trial) for trial, _ in shown],
            "lr": [format_rate(row.config.peak_rate) for row in rows],
            "second": [self._beside.of(row.config) for row in rows] if self._beside.heading else None,
            "seed": [str(row.config.seed) for row in rows],
            "reached": [row.reached if self._is_external else row.reached.removeprefix("epoch ") for row in rows],
            "now": [f"{row.rate:.1e}" if row.rate else "" for row in rows],
            "loss": [f"{row.losses[-1]:.3f}" if row.losses else "" for row in rows],
            "bars": [sparkline(row.losses, 8) for row in rows],
            "speed": [str(row.speed).removesuffix(" tok/s") for row in rows] if self._unit == "tokens" else None,
            "metric": ["" if row.metric is None else f"{row.metric:.4f}" for row in rows],
            "state": [row.doing for row in rows],
        }
        drawn = {name: cells for name, cells in columns.items() if cells is not None}
        table = fitted_table(drawn, headings, LEFT_OUT, self._console.width)
        table.caption = self._left()
        return table
