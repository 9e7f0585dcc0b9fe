"""Live progress of long work that is no training: so many examples, answers or files done; a line now and then."""

from __future__ import annotations

from time import monotonic
from types import TracebackType

from lrscope.terminal.output import echo, is_redrawn, redraw
from lrscope.terminal.time_left import Course, Silence, about
from lrscope.workflows.callbacks import ItemsDone

SECONDS_BETWEEN_DRAWINGS = 0.25
SECONDS_BEFORE_DRAWN = 1.0  # what is over sooner needs no progress


class ItemsProgress:
    """Draws how far such work is: one line redrawn on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self._what, self._course = "", Course()
        self._began = self._drawn = monotonic()
        self._silence, self._redraws, self._is_drawn = Silence(self._began), is_redrawn(), False

    def __enter__(self) -> ItemsProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_drawn:
            redraw("")

    def update(self, done: ItemsDone) -> None:
        """Draw how far it is."""
        if not done.total:  # in whole parts that are larger than all of it
            return
        now = monotonic()
        if done.what != self._what:
            self._what, self._course = done.what, Course()
        self._course.add(now, done.number)
        if self._redraws:
            if now - self._began > SECONDS_BEFORE_DRAWN and now - self._drawn > SECONDS_BETWEEN_DRAWINGS:
                self._drawn, self._is_drawn = now, True
                redraw(self._line(done))
        elif done.number < done.total and self._silence.is_over(now, done.number / max(1, done.total)):
            echo(self._line(done), err=True)

    def _line(self, done: ItemsDone) -> str:
        told, left = f"{done.what} {done.number:,}/{done.total:,}", self._course.left(done.total - done.number)
        return told if left is None else f"{told}  {about(left)} left"
