"""Live progress, drawn from records: a bar on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from time import monotonic
from types import TracebackType

from rich.cells import cell_len
from rich.progress import BarColumn, Progress, TextColumn

from lrscope.records import Answered, EvaluationRecord, Record, StepRecord, Unit
from lrscope.studies.run_times import SecondsLeft
from lrscope.terminal.output import echo, progress_console
from lrscope.terminal.time_left import Course, Silence, about
from lrscope.visible_text import visible

STEPS_OF_SPEED = 20  # that it is a mean over
BAR = 40  # columns, where there is room
ROOM_FOR_DESCRIPTION = 60


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

    >>> Pace().text(Answered(0, 17, tokens=1200))
    'answers 0/17, 1,200 tokens'
    """

    def __init__(self) -> None:
        self._course = Course()
        self.left: SecondsLeft | None = None

    def text(self, record: Answered) -> str:
        """Return that of a record; of the first nothing is known of the pace."""
        done = max(float(record.number), record.part * record.total)
        self._course.add(monotonic(), done)
        self.left = self._course.left(record.total - done)
        told = f"answers {record.number}/{record.total}" + (f", {record.tokens:,} tokens" if record.tokens else "")
        return told if self.left is None or record.number == record.total else f"{told}  {about(self.left)} left"


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
        self._course, self._silence = Course(), Silence(monotonic())
        self._answers: Pace | None = None
        self._train: EvaluationRecord | None = None
        self._dev: EvaluationRecord | None = None

    def __enter__(self) -> TrialProgress:
        if self._console.is_terminal and not self.quiet:
            columns = (TextColumn("{task.description}"), BarColumn(_bar_width(self._console.width)))
            self._bar = Progress(*columns, TextColumn("{task.fields[now]}"), console=self._console, transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self._description("fine-tuning"), total=self.total_steps, now="")
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
        done = record.step + 1
        self._course.add(monotonic(), done)
        self._speed.add(record)
        step, loss = f"step {done}/{self.total_steps}", f"loss {record.loss:.3f}"
        rate = f"rate {record.learning_rate:.2e}"
        parts = [step, loss, rate, str(self._speed), self._left(done)]
        if self._bar is not None:
            order = [step, self._left(done), loss, rate, str(self._speed)]
            self._bar.update(self._task, completed=done, now=self._fitted(parts, order, "fine-tuning"))
        elif self._left(done) and self._silence.is_over(monotonic(), done / self.total_steps):
            self._line("  ".join(part for part in parts if part))

    def _left(self, done: int) -> str:
        """Return how long the steps that are left take, in words; empty where that is not known."""
        left = self._course.left(self.total_steps - done)
        return f"{about(left)} left" if left is not None and done < self.total_steps else ""

    def _fitted(self, parts: Sequence[str], order: Sequence[str], description: str) -> str:
        """Return parts beside the bar, as many as there is room for, those kept that come first in `order`."""
        room = self._console.width - len(self._description(description)) - _bar_width(self._console.width) - 2
        kept: list[str] = []
        for part in order:
            if part and sum(cell_len(each) + 2 for each in kept) + cell_len(part) <= room:
                kept.append(part)
        return "  ".join(part for part in parts if part in kept)

    def _description(self, text: str) -> str:
        """Return what stands before the bar: nothing where the time that is left needs the room."""
        return text if self._console.width >= ROOM_FOR_DESCRIPTION else ""

    def _answering(self, record: Answered) -> None:
        self._answers = self._answers or Pace()
        where = self._answers.text(record)
        if self._bar is not None:
            told, done = where.split("  "), max(record.part * record.total, record.number)
            now = self._fitted(told, told, "answering")
            described = self._description("answering")
            self._bar.update(self._task, description=described, total=record.total, completed=done, now=now)
        elif self._silence.is_over(monotonic(), record.number / max(1, record.total)):
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
        parts += ["(best so far)"] if record.improved else []
        left = self._left(record.step)
        self._silence.broken(monotonic(), record.step / max(1, self.total_steps))
        self._line("  ".join([*parts, *([left] if left and self._bar is None else [])]))

    def _measured(self, split: str, metric: str, value: float) -> str:
        return f"{split} {self._titles.get(metric, metric)} {value:.4f}"

    def _line(self, text: str) -> None:
        if not self.quiet:
            self._console.print(visible(text)) if self._bar is not None else echo(text, err=True)


def _bar_width(width: int) -> int:
    """Return how wide a bar is on a terminal: what it shows beside it has a claim, too.

    >>> _bar_width(40), _bar_width(80), _bar_width(200)
    (5, 10, 40)
    """
    return min(BAR, max(5, width // 8 if width < 120 else width // 3))
