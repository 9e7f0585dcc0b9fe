"""How long what is left takes, by what was done so far and of late: measured again at every step, said in words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from lrscope.studies.run_times import SecondsLeft

WINDOWS = (1.0, 0.5, 0.25)  # parts of what is behind that a pace is measured over, counted back from now
LEAST_SECONDS, LEAST_SAMPLES = 5.0, 3  # in a window, but for the one that holds everything
MAX_SAMPLES = 256  # kept; of more, every other one is left out
SCATTERS = 1.3  # a range is said where its ends are further apart
FIRST_LINE, NEXT_LINE, LONGEST_SILENCE, SHARE_OF_LINE = 10.0, 10.0, 60.0, 0.1


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


def about(left: SecondsLeft) -> str:
    """Return a length of time in words: a range where what was measured scatters.

    >>> about(SecondsLeft(290, 310)), about(SecondsLeft(300, 700)), about(SecondsLeft(40, 4000))
    ('about 5 min', '5 to 12 min', '40 s to 1 h 6 min')
    """
    low, high = rough(left.low), rough(left.high)
    if left.high <= SCATTERS * left.low or low == high:
        return f"about {rough(left.middle)}"
    number, _, unit = low.partition(" ")
    return f"{number if high.partition(' ')[2] == unit else low} to {high}"


class Course:
    """How work went on, in seconds by some clock, and what follows for the rest of it.

    The pace is measured over all that is behind, over the latter half and over the last quarter of that time: what is
    left takes as long as the fastest and the slowest of them say. A machine that others use scatters, and is said to.

    >>> course = Course()
    >>> for second in range(41):
    ...     course.add(second, done=second if second < 30 else 30 + (second - 30) / 2)
    >>> [round(seconds) for seconds in course.left(100) or ()]
    [114, 200]
    """

    def __init__(self) -> None:
        self._at: list[float] = []
        self._done: list[float] = []

    def add(self, now: float, done: float) -> None:
        """Take in that so much is done in all; less than before begins anew."""
        if self._done and done < self._done[-1]:
            self._at, self._done = [], []
        if self._done and done == self._done[-1]:
            return
        self._at.append(now)
        self._done.append(done)
        if len(self._at) > MAX_SAMPLES:
            last = self._at[-1], self._done[-1]
            self._at, self._done = [*self._at[:-1:2], last[0]], [*self._done[:-1:2], last[1]]

    def left(self, work: float) -> SecondsLeft | None:
        """Return what so much more work takes; None before there is a pace."""
        paces = [pace for window in WINDOWS if (pace := self._seconds_each(window)) is not None]
        return SecondsLeft(min(paces) * work, max(paces) * work) if paces else None

    def seconds(self, work: float) -> SecondsLeft | None:
        """Return what is behind and so much more work take together."""
        left = self.left(work)
        behind = self._at[-1] - self._at[0] if self._at else 0.0
        return None if left is None else SecondsLeft(behind + left.low, behind + left.high)

    def _seconds_each(self, window: float) -> float | None:
        """Return the seconds of a unit of work over the last part of the time that is behind."""
        if len(self._at) < 2:
            return None
        end = self._at[-1]
        start = end - window * (end - self._at[0])
        place = bisect_left(self._at, start)
        if window < 1.0 and (end - start < LEAST_SECONDS or len(self._at) - place < LEAST_SAMPLES):
            return None
        done = self._done[-1] - self._done_at(start, place)
        return (end - start) / done if done > 0.0 else None

    def _done_at(self, time: float, place: int) -> float:
        """Return what was done at a time, between the samples beside it."""
        if place == 0 or self._at[place] == time:
            return self._done[place]
        (before, after), (low, high) = self._at[place - 1 : place + 1], self._done[place - 1 : place + 1]
        return low + (high - low) * (time - before) / (after - before)


def together(each: Iterable[SecondsLeft | None]) -> SecondsLeft | None:
    """Return the least and the most that several estimates of the same say; None where none is known."""
    known = [left for left in each if left is not None]
    return SecondsLeft(min(each.low for each in known), max(each.high for each in known)) if known else None


class Silence:
    """When a line is due where nothing is redrawn: after ten seconds, then at every tenth of the work or every minute.

    >>> silence = Silence(100.0)
    >>> [silence.is_over(now, share) for now, share in ((105, 0.5), (110, 0.5), (121, 0.55), (122, 0.6), (182, 0.6))]
    [False, True, False, True, True]
    """

    def __init__(self, now: float) -> None:
        self._said, self._share, self._least = now, -SHARE_OF_LINE, FIRST_LINE

    def is_over(self, now: float, share: float = 0.0) -> bool:
        """Return whether a line is due with this share of the work done; then it counts as said."""
        silent = now - self._said
        advanced = share - self._share >= SHARE_OF_LINE * (1.0 - 1e-9)
        if silent < LONGEST_SILENCE and not (silent >= self._least and advanced):
            return False
        self.broken(now, share)
        return True

    def broken(self, now: float, share: float | None = None) -> None:
        """Take in that a line was said."""
        self._said, self._least = now, NEXT_LINE
        self._share = self._share if share is None else share
