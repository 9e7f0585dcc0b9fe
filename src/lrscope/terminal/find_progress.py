"""Live progress of range tests: one line redrawn on a terminal, a line a test elsewhere. Always on standard error."""

from __future__ import annotations

from time import monotonic
from types import TracebackType

from lrscope.number_text import counted
from lrscope.records import StepRecord
from lrscope.schedules.ramp import RAMP_ENDED
from lrscope.terminal.output import echo, is_redrawn, redraw
from lrscope.terminal.time_left import Course, Silence, about
from lrscope.workflows.callbacks import StudyStarted, TrialEvent

SECONDS_BETWEEN_LINES = 0.25


class FindProgress:
    """Draws range tests as they run."""

    def __init__(self, started: StudyStarted) -> None:
        find = started.config.find
        assert find is not None
        self._tests = [row for row in started.trials if row.status != "completed"]
        self._num = max(1, len(self._tests))
        self._unit = "steps" if find.method == "ramp" else "rates"
        self._planned = find.steps if find.method == "ramp" else len(find.rates)
        self._steps: dict[int, int] = {}
        self._over: set[int] = set()
        self._began, self._drawn, self._terminal = monotonic(), 0.0, is_redrawn()
        self._course, self._silence = Course(), Silence(self._began)
        self._course.add(self._began, 0.0)

    def __enter__(self) -> FindProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal:
            redraw("")

    def update(self, happened: TrialEvent) -> None:
        """Draw what an event says."""
        event, record = happened.event, happened.event.record
        if isinstance(record, StepRecord):
            self._steps[event.trial] = record.step + 1
            now, done = monotonic(), sum(self._steps.values())
            self._course.add(now, done)
            if self._terminal and now - self._drawn > SECONDS_BETWEEN_LINES:
                self._drawn = now
                redraw(self._line(event.trial, record))
            elif not self._terminal and self._silence.is_over(now, done / (self._num * self._planned)):
                echo(self._line(event.trial, record), err=True)
        elif event.kind in ("done", "failed"):
            self._over.add(event.trial)
            row = happened.row
            number = max(row.step, self._steps.get(event.trial, 0))  # steps told on the way are thinned out
            if self._terminal:
                redraw("")
            why = event.reason or row.reason
            why = "up to the last rate" if why == RAMP_ENDED else why
            self._silence.broken(monotonic())
            echo(f"seed {row.config.seed}: {number} {self._unit}; {why}  ({self._left()})", err=True)

    def _line(self, test: int, record: StepRecord) -> str:
        at = f"step {record.step + 1}, rate {record.learning_rate:.1e}, loss {record.loss:.3f}"
        return f"test {test}: {at}  ({self._left()})"

    def _left(self) -> str:
        done = sum(self._steps.values())
        known = f"{len(self._over)} of {counted(max(self._num, len(self._steps)), 'test')}"
        if not done or len(self._over) >= self._num:
            return known
        over = [self._steps.get(test, 0) for test in self._over]
        each = max([self._planned, *over])  # a ramp goes on where the loss has not risen by its end
        running = sum(self._steps.values()) - sum(over)
        left = max(0, (self._num - len(self._over)) * each - running)
        seconds = self._course.left(left)
        return known if seconds is None else f"{known}, {about(seconds)} left"
