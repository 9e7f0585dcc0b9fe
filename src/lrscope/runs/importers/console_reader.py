"""A console log, line by line: which lines belong to which run, and what stands around them.

What is known for certain is read; progress bars and blank lines are skipped; everything else is listed, never guessed.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace

from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.importers.console_run import BegunRun
from lrscope.runs.importers.dev_set_lines import dev_set_in, dev_set_of
from lrscope.runs.importers.headings import MAX_HEADING, is_heading, rate_in, seed_in
from lrscope.runs.importers.measured_line import Measured
from lrscope.runs.importers.measured_lines import MeasuredLines
from lrscope.runs.importers.printed_settings import rate_of, setting_alone, settings_in, settings_in_heading
from lrscope.runs.importers.run_ends import ending_in, settings_of_checkpoint
from lrscope.runs.notes import HeadingDiffers, Note
from lrscope.runs.quantities import Number, Rate

MAX_UNREAD, MAX_SHOWN = 1000, 300  # lines that are listed, and characters of each
MAX_KNOWN, MAX_LAST = 100_000, 50  # lines of epochs that may be quoted, and those that a last line is held against
MAX_PREFIX = 80  # characters of a line in which the number of a process may stand
_RANK = re.compile(r"[\[(<]\s?(?:local[_ ]?|global[_ ]?)?rank\W{0,3}(\d{1,6})\s?[\])>]", re.I)
_WORD = re.compile(r"[^\W_]")
_DIGITS = re.compile(r"[\d.]+")
_LETTERS = re.compile(r"\D{0,12}")


class ConsoleReader:
    """Reads a log's lines in order; `runs` are those that it holds, `unread` the lines that could not be read."""

    def __init__(self) -> None:
        self.runs: list[BegunRun] = []
        self.unread: list[tuple[int, str]] = []
        self.num_unread = 0
        self.notes: list[Note] = []
        self._lines = MeasuredLines()
        self._shared: dict[str, str] = {}
        self._alone: dict[str, str] = {}  # settings that stood in lines of their own since the last run
        self._checkpoint: dict[str, str] = {}  # settings of a checkpoint's name, since the last line of a run
        self._dev_set = UNKNOWN
        self._heading: tuple[int, str] | None = None
        self._maybe: tuple[int, str] | None = None  # a line that would be a heading if a run began under it
        self._pending_rate: float | None = None  # of that line, where it may as well be the rate of the last epoch
        self._is_named = False  # whether a rate, a seed or settings stood since the last run
        self._open: BegunRun | None = None
        self._last = 0  # the last line that belonged to a run
        self._last_unread = 0
        self._last_found: Measured | None = None
        self._at_step: set[tuple[str, str]] = set()  # what was evaluated at that one's step
        self._known: dict[object, BegunRun] = {}  # runs by their lines of epochs
        self._last_lines: deque[str] = deque(maxlen=MAX_LAST)
        self._skipped: str | None = None
        self._flood: str | None = None  # how lines begin of which there are so many that not all are read
        self._stride, self._num_skipped = 1, 0
        self._rank = ""  # of several processes that print, the one whose lines are read

    def read(self, number: int, line: str) -> None:
        """Take in a line."""
        if self._skipped is not None:
            self.flush()
        if "rank" in line[:MAX_PREFIX] and (match := _RANK.search(line[:MAX_PREFIX])) is not None:
            self._rank = self._rank or match[1]
            if match[1] != self._rank:
                return
        if line[0] == "#" and not line.startswith("# epoch"):
            self._open = self._maybe = self._pending_rate = self._flood = None
            self._heading = (number, line.strip("# \t"))
            self._is_named |= rate_in(line) is not None or seed_in(line) is not None
            self._lines.forget()
        elif ("--" in line or line[0] in "aAcCnN") and (settings := settings_in(line)):
            self._settings(number, settings)
        elif (found := self._lines.take(line)) is not None:
            self._measured(number, line, found)
        else:
            self._other(number, line)

    def flush(self) -> None:
        """Read the last line of a flood that was skipped."""
        if self._skipped is not None:
            line, self._skipped = self._skipped.strip(), None
            if (found := self._lines.take(line)) is not None:
                self._measured(self._last, line, found)

    def end(self) -> None:
        """Take in that the log ends."""
        self.flush()
        if self._open is not None and self._open.has_rate_lines and self._pending_rate is not None:
            self._open.rate_of_last_epoch(self._pending_rate)

    def leave(self, number: int, line: str) -> None:
        """List a line that could not be read."""
        self._last_unread = number
        self.num_unread += 1
        if len(self.unread) < MAX_UNREAD:
            self.unread.append((number, line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"))

    def is_cut(self, line: str) -> bool:
        """Whether a last line without a line break breaks off: it begins as others do, or its last value is shorter."""
        shape = _DIGITS.sub("#", line).rstrip()
        alike = [each for each in self._last_lines if _DIGITS.sub("#", each).rstrip() == shape]
        if not alike:
            return any(_DIGITS.sub("#", each).startswith(shape.rstrip("#")) for each in self._last_lines)
        return shape.endswith("#") and _num_digits(line) < min(map(_num_digits, alike))

    def skips(self, line: str) -> bool:
        """Whether a line need not be read: one of so many alike of a training; the last of them is, and evaluations."""
        if self._flood is None or not (line.startswith(self._flood) if self._flood else line[:1].isdigit()):
            return False
        if "val" in line or "Val" in line or "dev" in line or "test" in line:
            return False
        self._num_skipped += 1
        if self._num_skipped % self._stride == 0:
            return False
        self._skipped = line
        return True

    def _measured(self, number: int, line: str, found: Measured) -> None:
        if not found.values:  # a heading of an epoch, or a bar that is not at its end
            return
        if found.form.startswith("under ") and set(found.values.get("train", ())) == {"learning_rate"} == {
            name for _, name in found.names
        }:
            self._pending_rate = found.values["train"]["learning_rate"]
            self._maybe = (number, line)
            return
        if not found.is_placed:
            self._final(number, line, found)
            return
        if (
            self._open is not None
            and found == self._last_found
            and self._last_unread < self._last
            and self._maybe is None
        ):
            return  # printed by several processes
        if self._last_found is None or found.step != self._last_found.step:
            self._at_step = set()
        self._at_step |= {name for name in found.names if name[0] != "train"}
        self._last_found = found
        self._last_lines.append(line)
        run = self._open or self._continued(found)
        if run is None or not run.is_continued_by(found):
            run = self._begin(number)
            self.runs.append(run)
        elif self._pending_rate is not None:
            run.rate_of_last_epoch(self._pending_rate)
            self._maybe = None
        self._open, self._pending_rate = run, None
        run.settings = {**self._checkpoint, **run.settings}
        self._checkpoint = {}
        run.add(found, number)
        if found.epoch is not None and not found.is_within_epoch:
            self._know(run, found, number)
        self._last = number
        if run.stride > self._stride or run.stride == 1:
            begin = _LETTERS.match(line)
            self._stride, self._flood = run.stride, begin[0] if begin and run.stride > 1 else None

    def _know(self, run: BegunRun, found: Measured, number: int) -> None:
        """Note whether an earlier run has a line: a run that has no other, and is not named, is a quotation."""
        key = (found.epoch, frozenset((s, n, v) for s, values in found.values.items() for n, v in values.items()))
        known = self._known.get(key)
        if known is None or known is run or len(found.names) < 2:
            run.num_new += 1
            if known is None and len(self._known) < MAX_KNOWN:
                self._known[key] = run
        elif not run.is_named and found.epoch is not None:
            known.repeated.append((found.epoch, number))

    def _continued(self, found: Measured) -> BegunRun | None:
        """Return the last run where a line goes on with it, as after it was resumed or where it is quoted."""
        if not self.runs or found.epoch is None:
            return None
        last, epoch = self.runs[-1], self.runs[-1].last_epoch
        if epoch is None or not (last.first_epoch or 0) < found.epoch <= epoch + 1:
            return None
        maybe, known = self._maybe, (self._heading, self._shared, self._alone, self._is_named)
        named = BegunRun(known[0][1] if known[0] else None, {**self._shared, **self._alone}, 0, is_named=known[3])
        named.seed = seed_in(named.heading or "")
        return last if maybe is None and last.is_same_training(named) else None

    def _begin(self, number: int) -> BegunRun:
        """Begin a run under the heading that is in force: the last one, or a line since the last run that is like one.

        Where lines that could not be read stand between, it is not known to be another run of the same settings.
        """
        seed: int | None = None
        if self._open is not None and self._open.has_rate_lines and self._pending_rate is not None:
            self._open.rate_of_last_epoch(self._pending_rate)
            self._maybe = None
        if self._maybe is not None and self._maybe[0] > self._last:
            if self._maybe in self.unread:
                self.unread.remove(self._maybe)
                self.num_unread -= 1
            heading = self._maybe[1]
            self._is_named = True
            if rate_in(heading) is None and self._heading is not None:  # another seed under the heading
                seed = seed_in(heading)
            else:
                self._heading = self._maybe
        elif self._open is not None and self._last_unread > self._last:
            self._heading, self._shared = None, {}
        in_force = self._heading[1] if self._heading else None
        begun = BegunRun(
            in_force, {**self._shared, **settings_in_heading(in_force or ""), **self._alone}, number,
            seed=seed_in(in_force or "") if seed is None else seed, dev_set=self._dev_set,
            names_all_settings=bool(self._shared), is_named=self._is_named or bool(self._alone or self._checkpoint),
        )  # fmt: skip
        self._alone, self._is_named, self._maybe = {}, False, None
        return begun

    def _settings(self, number: int, settings: dict[str, str]) -> None:
        self._maybe = self._pending_rate = self._flood = None
        if self._open is not None:
            self._open, self._heading = None, None
        self._shared, self._alone, self._is_named = settings, {}, True
        self._dev_set = dev_set_of(settings)
        self._lines.forget()
        if self._heading is not None:
            rate, in_heading = rate_of(settings), rate_in(self._heading[1])
            if rate is not None and in_heading is not None and rate != in_heading:
                lines = Number(self._heading[0]), Number(number)
                self.notes.append(HeadingDiffers(Rate(in_heading), lines[0], Rate(rate), lines[1]))

    def _final(self, number: int, line: str, found: Measured) -> None:
        named = rate_in(line)
        if self._open is None or (named is not None and self._open.rate not in (None, named)):  # of another run
            self.leave(number, line)
            return
        at = self._last_found
        if at is not None and at.step is not None and "dev" in found.values and not self._open.epochs:
            here = replace(found, epoch=at.epoch, step=at.step, total_steps=at.total_steps, form=f"under {found.form}")
            if not here.names & self._at_step:
                self._at_step |= here.names
                self._open.add(here, number)
                self._last = number
                return
        self._open.summed_up(found.values, number)
        self._last = number

    def _other(self, number: int, line: str) -> None:
        """Read what tells no measurement: how a run ended, what it was evaluated on, a setting, a heading."""
        ending, is_read = ending_in(line), True
        if ending is not None and self._open is not None:
            self._open.ended(ending)
            is_read = ending == "stopped"
        elif checkpoint := settings_of_checkpoint(line):
            self._checkpoint = checkpoint
        elif (dev_set := dev_set_in(line, self._dev_set)) != UNKNOWN:
            self._evaluated_on(dev_set)
        elif alone := setting_alone(line):
            self._alone |= alone
            if rate_of(alone) is not None and is_heading(line):
                self._maybe = (number, line)
        else:
            is_read = False
        if is_read:
            return
        if len(line) <= MAX_HEADING and is_heading(line):
            self._maybe = (number, line)
        if _WORD.search(line):
            self.leave(number, line)

    def _evaluated_on(self, dev_set: DevSet) -> None:
        is_same = not dev_set.contradicts(self._dev_set) or not dev_set.name
        self._dev_set = self._dev_set.merged(dev_set) if is_same and not dev_set.contradicts(self._dev_set) else dev_set
        if self._open is not None and self._open.dev_set.name and not self._open.dev_set.contradicts(dev_set):
            self._open.dev_set = self._open.dev_set.merged(dev_set)


def _num_digits(line: str) -> int:
    """Return how many digits the last number of a line has after its point."""
    return len(_DIGITS.findall(line)[-1].partition(".")[2])
