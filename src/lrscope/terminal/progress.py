"""Live progress, drawn from records: a bar on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from time import monotonic
from types import TracebackType

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lrscope.records import Answered, EvaluationRecord, Record, StepRecord, Unit
from lrscope.terminal.output import echo, progress_console
from lrscope.visible_text import visible

SECONDS_BETWEEN_LINES = 20.0
STEPS_OF_SPEED = 20  # that it is a mean over


def duration(seconds: float) -> str:
    """Return a duration as a person says it.

    >>> duration(4.2), duration(75), duration(7300)
    ('4 s', '1 min 15 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def rough(seconds: float) -> str:
    """Return about how long something takes: from a minute on, in whole minutes.

    >>> rough(42), rough(75), rough(1560)
    ('42 s', '1 min', '26 min')
    """
    return duration(seconds) if not 60 <= round(seconds) < 3600 else f"{round(seconds / 60)} min"


class Speed:
    """How many tokens a second the last steps trained on; empty where steps count examples.

    >>> speed = Speed("tokens")
    >>> speed.add(StepRecord(0, 1e-3, 2.0, 1000.0, 1.0, 0.8))
    >>> str(speed)
    '1,250 tok/s'
    """

    def __init__(self, unit: Unit) -> None:
        self._last: deque[tuple[float, float]] = deque(maxlen=STEPS_OF_SPEED if unit == "tokens" else 0)

    def add(self, record: StepRecord) -> None:
        """Take in a step."""
        self._last.append((record.count, record.seconds))

    def __str__(self) -> str:
        seconds = sum(each for _, each in self._last)
        return f"{sum(count for count, _ in self._last) / seconds:,.0f} tok/s" if seconds > 0 else ""


class Pace:
    """How many prompts are answered, and how long the rest takes at the pace of those.

    >>> Pace().text(Answered(0, 17))
    'answers 0/17'
    """

    def __init__(self) -> None:
        self._first: tuple[float, int] | None = None

    def text(self, record: Answered) -> str:
        """Return that of a record; of the first nothing is known of the pace."""
        began, before = self._first = self._first or (monotonic(), record.number)
        told, done = f"answers {record.number}/{record.total}", record.number - before
        if not done or record.number == record.total:
            return told
        left = (monotonic() - began) / done * (record.total - record.number)
        return f"{told}  about {rough(left)} left"


class TrialProgress:
    """Draws one trial. `total_steps` and `num_epochs` are of the whole trial, whatever part of it runs now."""

    def __init__(
        self,
        total_steps: int,
        num_epochs: int,
        *,
        quiet: bool = False,
        unit: Unit = "examples",
        titles: Mapping[str, str] | None = None,
        metric: str = "",
    ) -> None:
        self._speed, self._titles, self._metric = Speed(unit), titles or {}, metric
        self.total_steps, self.num_epochs, self.quiet = total_steps, num_epochs, quiet
        self._console = progress_console()
        self._bar: Progress | None = None
        self._first: tuple[int, float] | None = None
        self._answers: Pace | None = None
        self._last_line = monotonic()
        self._train: EvaluationRecord | None = None
        self._dev: EvaluationRecord | None = None

    def __enter__(self) -> TrialProgress:
        if self._console.is_terminal and not self.quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[now]}"),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("fine-tuning", total=self.total_steps, now="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, record: Record) -> None:
        """Draw what a record says."""
        if isinstance(record, StepRecord):
            self._step(record)
        elif isinstance(record, EvaluationRecord):
            self._evaluation(record)
        elif isinstance(record, Answered):
            self._answering(record)

    def _step(self, record: StepRecord) -> None:
        now = monotonic()
        self._first = self._first or (record.step, now)
        self._speed.add(record)
        where = f"step {record.step + 1}/{self.total_steps}  loss {record.loss:.3f}  rate {record.learning_rate:.2e}"
        where = f"{where}  {self._speed}".rstrip()
        if self._bar is not None:
            self._bar.update(self._task, completed=record.step + 1, now=where)
        elif now - self._last_line > SECONDS_BETWEEN_LINES and record.step > self._first[0]:
            self._last_line = now
            seconds_a_step = (now - self._first[1]) / (record.step - self._first[0])
            left = duration(seconds_a_step * (self.total_steps - record.step - 1))
            self._line(f"{where}  about {left} left")

    def _answering(self, record: Answered) -> None:
        self._answers = self._answers or Pace()
        now, where = monotonic(), self._answers.text(record)
        if self._bar is not None:
            self._bar.update(
                self._task, description="answering", total=record.total, completed=record.number, now=where
            )
        elif now - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._line(where)

    def _evaluation(self, record: EvaluationRecord) -> None:
        if record.split in ("train", "train-full"):
            self._train = record
        if record.split != "dev":
            return
        if self._dev is not None and self._dev.step == record.step:  # what is measured once, at the end
            more = {name: value for name, value in record.metrics.items() if name not in self._dev.metrics}
            self._line("  ".join(self._measured("dev", metric, value) for metric, value in more.items()))
            return
        self._dev = record
        parts = [f"epoch {record.epoch:.4g}/{self.num_epochs}"]
        for name, evaluation in (("train", self._train), ("dev", record)):
            if evaluation is not None:
                parts += [
                    self._measured(name, metric, value)
                    for metric, value in sorted(evaluation.metrics.items(), key=lambda item: item[0] != self._metric)
                ]
        self._last_line = monotonic()
        self._line("  ".join(parts) + ("  (best so far)" if record.improved else ""))

    def _measured(self, split: str, metric: str, value: float) -> str:
        return f"{split} {self._titles.get(metric, metric)} {value:.4f}"

    def _line(self, text: str) -> None:
        if not self.quiet:
            self._console.print(visible(text)) if self._console.is_terminal else echo(text, err=True)
