"""Console logs of training runs, read as a person reads them: headings, settings, epochs, final values.

What is known for certain is read; progress bars and blank lines are skipped; everything else is listed, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.records import Status
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.console_lines import EPOCH_LINE, PRINTED_VALUE, chunks_of, lines_of
from lrscope.runs.importers.headings import LONGEST, is_heading, rate_in, seed_in
from lrscope.runs.importers.printed_settings import rate_of, settings_in
from lrscope.runs.importers.text import decoded
from lrscope.runs.notes import CutOff, EpochRepeated, HeadingDiffers, Note, SummaryDiffers, UnreadOmitted
from lrscope.runs.quantities import Count, Epoch, Number, Rate, Setting, Value
from lrscope.runs.run import Point, Run
from lrscope.runs.settings import RATES, SPLITS, shared_settings

MAX_UNREAD, MAX_SHOWN = 1000, 300  # lines that are listed, and characters of each
MAX_FORMS, MAX_REPEATED = 10_000, 20  # kinds of an epoch's parts, and epochs that stand again in a run
# What every value has in front of it, in lower case: tried first, since it is the fastest way past a line without any.
_MARK = re.compile(r"(?:train|dev|test|val|valid|validation|eval)[ _]\w{1,60}\s*[:=]")
_WORD = re.compile(r"[^\W_]")
_DIGITS = re.compile(r"[\d.]+")
_ROUNDING = 6e-4  # what a log prints of a value with three digits may differ by

Splits = dict[str, dict[str, float]]


@dataclass
class _Begun:
    """A run as it is put together."""

    heading: str | None
    settings: dict[str, str]
    line: int
    seed: int | None = None
    points: dict[int, Splits] = field(default_factory=dict)
    final: Splits = field(default_factory=dict)
    final_line: int = 0
    repeated: list[tuple[int, int]] = field(default_factory=list)  # (epoch, line)
    differing: list[tuple[float, float]] = field(default_factory=list)  # (in the summary, in the last epoch)

    def measured(self, epoch: int, values: Splits, line: int) -> None:
        """Take in an epoch; what stands again, as after a resumption, counts the last time."""
        if self.final:
            self._take_final()
            self.final = {}
        if epoch in self.points:
            self.repeated = [*self.repeated[: MAX_REPEATED - 1], (epoch, line)]
        self.points[epoch] = values

    def finish(self) -> None:
        """Settle what stands under the last epoch: a part of it, where its like stood under every epoch."""
        last = self.points[max(self.points)]
        if any("dev" in splits for splits in self.points.values()) and "dev" not in last:
            self._take_final()
        for name, value in self.final.get("dev", {}).items():
            known = [splits["dev"][name] for splits in self.points.values() if name in splits.get("dev", {})]
            if known and not any(abs(value - each) <= _ROUNDING for each in known):
                self.differing.append((value, known[-1]))

    def _take_final(self) -> None:
        """Give the last epoch what stood under it."""
        last = self.points[max(self.points)]
        for split, values in self.final.items():
            last[split] = {**values, **last.get(split, {})}


class _Reader:
    def __init__(self) -> None:
        self.runs: list[_Begun] = []
        self.unread: list[tuple[int, str]] = []
        self.num_unread = 0
        self.notes: list[Note] = []
        self._shared: dict[str, str] = {}
        self._heading: tuple[int, str] | None = None
        self._maybe: tuple[int, str] | None = None  # a line that would be a heading if a run began under it
        self._open: _Begun | None = None
        self._last = 0  # the last line that belonged to a run
        self._last_unread = 0
        self._fewest_digits: dict[tuple[str, str], int] = {}  # after the point, by split and metric
        self._forms: set[str] = set()  # what stands between the commas of epochs' lines, without its numbers

    def read(self, number: int, line: str) -> None:
        if line[0] in "eE" and (match := EPOCH_LINE.match(line)):
            self._epoch(number, line, int(match[1]), match[2])
        elif line[0] == "#":
            self._open = self._maybe = None
            self._heading = (number, line.strip("# \t"))
        elif ("--" in line or line[0] in "aAcCnN") and (settings := settings_in(line)):
            self._settings(number, settings)
        elif _MARK.search(line.lower()) and (values := self._values(line)):
            self._final(number, line, values)
        else:
            if len(line) <= LONGEST and is_heading(line):
                self._maybe = (number, line)
            if _WORD.search(line):
                self.leave(number, line)

    def leave(self, number: int, line: str) -> None:
        """List a line that could not be read."""
        self._last_unread = number
        self.num_unread += 1
        if len(self.unread) < MAX_UNREAD:
            self.unread.append((number, line if len(line) <= MAX_SHOWN else f"{line[: MAX_SHOWN - 1]}…"))

    def is_cut(self, line: str) -> bool:
        """Whether a last line without a line break breaks off within a value: its like has more digits everywhere."""
        last = line.split(",")[-1]
        match = PRINTED_VALUE.search(last)
        if match is None:
            is_like_others = _DIGITS.sub("#", last) in self._forms
            return bool(EPOCH_LINE.match(line) and re.search(r"[A-Za-z]", last)) and not is_like_others
        fewest = self._fewest_digits.get((match[1], match[2]))
        return fewest is not None and match.end() == len(last) and _num_digits(match[3]) < fewest

    def _values(self, text: str) -> Splits:
        values: Splits = {}
        for split, metric, value in PRINTED_VALUE.findall(text):
            values.setdefault(SPLITS.get(split.lower(), split.lower()), {})[metric.lower()] = checked.measured(value)
            digits = _num_digits(value)
            self._fewest_digits[split, metric] = min(digits, self._fewest_digits.get((split, metric), digits))
        return values

    def _epoch(self, number: int, line: str, epoch: int, rest: str) -> None:
        values = self._values(rest)
        if len(self._forms) < MAX_FORMS:
            self._forms.update(_DIGITS.sub("#", part) for part in line.split(","))
        if not values:
            self.leave(number, f"epoch {epoch}: {rest}")
            return
        run = self._open
        if run is None or epoch <= min(run.points):
            run = self._open = self._begin(number)
            self.runs.append(run)
        run.measured(epoch, values, number)
        self._last = number

    def _begin(self, number: int) -> _Begun:
        """Begin a run under the heading that is in force: the last one, or a line since the last run that is like one.

        Where lines that could not be read stand between, it is not known to be another run of the same settings.
        """
        if self._maybe is not None and self._maybe[0] > self._last:
            if self._maybe in self.unread:
                self.unread.remove(self._maybe)
                self.num_unread -= 1
            heading = self._maybe[1]
            if rate_in(heading) is None and self._heading is not None:  # another seed under the heading
                return _Begun(self._heading[1], dict(self._shared), number, seed=seed_in(heading))
            self._heading = self._maybe
        elif self._open is not None and self._last_unread > self._last:
            self._heading, self._shared = None, {}
        in_force = self._heading[1] if self._heading else None
        return _Begun(in_force, dict(self._shared), number, seed=seed_in(in_force or ""))

    def _settings(self, number: int, settings: dict[str, str]) -> None:
        self._maybe = None
        if self._open is not None:
            self._open, self._heading = None, None
        self._shared = settings
        if self._heading is not None:
            rate, in_heading = rate_of(settings), rate_in(self._heading[1])
            if rate is not None and in_heading is not None and rate != in_heading:
                lines = Number(self._heading[0]), Number(number)
                self.notes.append(HeadingDiffers(Rate(in_heading), lines[0], Rate(rate), lines[1]))

    def _final(self, number: int, line: str, values: Splits) -> None:
        if self._open is None or not self._open.points:
            self.leave(number, line)
            return
        for split, metrics in values.items():
            self._open.final.setdefault(split, {}).update(metrics)
        self._open.final_line = self._last = number


def _num_digits(value: str) -> int:
    return len(value.partition(".")[2])


class ConsoleLog:
    """What a program printed while it trained."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether a line tells of an epoch."""
        lines = lines_of(iter([decoded(head, errors="replace")]))
        return any(EPOCH_LINE.match(line) and PRINTED_VALUE.search(line) for _, line, _ in lines)

    def read(self, path: Path) -> Imported:
        """Return the runs of a log.

        Raises:
            DataError: the file cannot be read, or holds no run.
        """
        reader, shown = _Reader(), checked.file_name(path)
        for number, line, is_whole in lines_of(chunks_of(path)):
            if is_whole or not reader.is_cut(line):
                reader.read(number, line)
            else:
                reader.leave(number, line)
        if not reader.runs:
            raise DataError(
                "a log of training runs has lines such as 'epoch 0: train loss :: 1.9, dev acc :: 0.3': got none in "
                f"{shown}"
            )
        for begun in reader.runs:
            begun.finish()
        if not any("dev" in splits for begun in reader.runs for splits in begun.points.values()):
            raise DataError(f"runs are compared by what was measured on dev: got a log without a dev metric, {shown}")
        first = 1 if any(0 in begun.points for begun in reader.runs) else 0  # epochs are counted from 1 here
        runs, notes = [], reader.notes
        for begun in reader.runs:
            run = _run(begun, first)
            runs.append(run)
            notes += _notes(begun, run, first)
        if reader.num_unread > len(reader.unread):
            notes.append(UnreadOmitted(Count(reader.num_unread - len(reader.unread))))
        settings = shared_settings([begun.settings for begun in reader.runs])
        return Imported(tuple(runs), settings, tuple(notes), tuple(reader.unread))


def _run(begun: _Begun, first: int) -> Run:
    rate = rate_in(begun.heading) if begun.heading else None
    rate = rate if rate is not None else rate_of(begun.settings)
    name = f"lr {format_rate(rate)}" if rate is not None else begun.heading or f"run in line {begun.line}"
    seed = checked.count(begun.settings.get("seed", "")) if begun.seed is None else begun.seed
    asked = _epochs_asked(begun)
    status: Status = "completed" if asked is None or len(begun.points) >= asked else "interrupted"
    points = tuple(Point(None, epoch + first, splits) for epoch, splits in sorted(begun.points.items()))
    settings = {key: value for key, value in begun.settings.items() if key not in RATES}
    names_all = bool(begun.settings)
    return Run(name, seed, rate, points, status, begun.final, settings, names_all_settings=names_all)


def _epochs_asked(begun: _Begun) -> int | None:
    return checked.count(begun.settings.get("epochs", begun.settings.get("num_epochs", "")))


def _notes(begun: _Begun, run: Run, first: int) -> Iterator[Note]:
    arm, asked = Setting(run.arm), _epochs_asked(begun)
    if run.status == "interrupted" and asked is not None:
        yield CutOff(arm, Number(begun.line), Count(len(begun.points)), Count(asked))
    for epoch, line in begun.repeated:
        yield EpochRepeated(arm, Number(line), Epoch(epoch + first))
    for final, last in begun.differing:
        yield SummaryDiffers(arm, Number(begun.final_line), Value(final), Value(last))
