"""Console logs of training runs, read as a person reads them: headings, settings, epochs, final values.

What is known for certain is read; progress bars and blank lines are skipped; everything else is listed, never guessed.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lrscope.errors import DataError
from lrscope.records import Status
from lrscope.runs.importers.headings import is_heading, rate_in, seed_in
from lrscope.runs.importers.text import text_of
from lrscope.runs.metric import decision_metric, passed_over
from lrscope.runs.notes import CutOff, EpochRepeated, HeadingDiffers, Note, SummaryDiffers
from lrscope.runs.quantities import Count, Epoch, Number, Rate, Setting, Value
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.runs.settings import RATES, SPLITS, shared_settings
from lrscope.schedules.durations import format_number

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BAR = re.compile(r"[█▉▊▋▌▍▎▏]+")
_TQDM = re.compile(r"\d+%\|.*?\|\s*\d+(\.\d+)?[kM]?/\d+|\d+it \[|it/s\]|s/it\]")
_EPOCH = re.compile(r"^epoch\s+(\d+)\s*[:,]\s*(.+)$", re.IGNORECASE)
_NUMBER = r"nan|-?inf|-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?"
_VALUE = re.compile(rf"(train|dev|test|val|valid|validation|eval)[ _](\w+)\s*(?:::|[:=])\s*({_NUMBER})", re.I)
_ROUNDING = 6e-4  # what a log prints of a value with three digits may differ by
_ARGS = re.compile(r"^(?:args|arguments|config|namespace)\s*[:=(]\s*(.*)$", re.I)


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
            self.repeated.append((epoch, line))
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
        self.notes: list[Note] = []
        self._shared: dict[str, str] = {}
        self._heading: tuple[int, str] | None = None
        self._maybe: tuple[int, str] | None = None  # a line that would be a heading if a run began under it
        self._open: _Begun | None = None
        self._last = 0  # the last line that belonged to a run

    def read(self, number: int, line: str) -> None:
        if match := _EPOCH.match(line):
            self._epoch(number, int(match[1]), match[2])
        elif line.startswith("#"):
            self._open = self._maybe = None
            self._heading = (number, line.strip("# \t"))
        elif settings := _settings(line):
            self._settings(number, settings)
        elif found := _values(line):
            self._final(number, line, found)
        else:
            if is_heading(line):
                self._maybe = (number, line)
            if any(character.isalnum() for character in line):
                self.unread.append((number, line))

    def _epoch(self, number: int, epoch: int, rest: str) -> None:
        values = _values(rest)
        if not values:
            self.unread.append((number, f"epoch {epoch}: {rest}"))
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
            self.unread.remove(self._maybe)
            line = self._maybe[1]
            if rate_in(line) is None and self._heading is not None:  # another seed under the heading
                return _Begun(self._heading[1], dict(self._shared), number, seed=seed_in(line))
            self._heading = self._maybe
        elif self._open is not None and any(line > self._last for line, _ in self.unread):
            self._heading, self._shared = None, {}
        heading = self._heading[1] if self._heading else None
        return _Begun(heading, dict(self._shared), number, seed=seed_in(heading or ""))

    def _settings(self, number: int, settings: dict[str, str]) -> None:
        self._maybe = None
        if self._open is not None:
            self._open, self._heading = None, None
        self._shared = settings
        if self._heading is not None:
            rate, heading = _rate_of(settings), rate_in(self._heading[1])
            if rate is not None and heading is not None and rate != heading:
                self.notes.append(HeadingDiffers(Rate(heading), Number(self._heading[0]), Rate(rate), Number(number)))

    def _final(self, number: int, line: str, found: dict[str, dict[str, float]]) -> None:
        if self._open is None or not self._open.points:
            self.unread.append((number, line))
            return
        for split, values in found.items():
            self._open.final.setdefault(split, {}).update(values)
        self._open.final_line = self._last = number


def read_log(path: Path, sizes: Mapping[str, int], wanted: str | None = None) -> Runs:
    """Return the runs of a console log; `sizes` counts examples by split, `wanted` is the metric to compare by.

    Raises:
        DataError: the file cannot be read, or holds no run.
    """
    reader = _Reader()
    text = text_of(path, errors="replace")
    whole = text if text.endswith(("\n", "\r")) else text + "\n"
    cut = whole != text and _is_cut(text)
    lines = list(lines_of(whole))
    for number, line in lines[: -1 if cut else None]:
        reader.read(number, line)
    if cut:
        reader.unread.append(lines[-1])
    if not reader.runs:
        raise DataError(
            f"a log of training runs has lines such as 'epoch 0: train loss :: 1.9, dev acc :: 0.3': got none in {path}"
        )
    for begun in reader.runs:
        begun.finish()
    names = {name for begun in reader.runs for splits in begun.points.values() for name in splits.get("dev", {})}
    if not names:
        raise DataError(f"runs are compared by what was measured on dev: got a log without a dev metric, {path}")
    metric = decision_metric(names, wanted)
    notes: list[Note] = [*reader.notes, *(passed_over(names, metric) if wanted is None else ())]
    first = 1 if any(0 in begun.points for begun in reader.runs) else 0  # epochs are counted from 1 here
    runs = []
    for begun in reader.runs:
        rate = rate_in(begun.heading) if begun.heading else None
        rate = rate if rate is not None else _rate_of(begun.settings)
        name = f"lr {format_number(rate)}" if rate is not None else begun.heading or f"run in line {begun.line}"
        seed = begun.seed
        if seed is None and begun.settings.get("seed", "").isdigit():
            seed = int(begun.settings["seed"])
        status: Status = "completed"
        asked = begun.settings.get("epochs", begun.settings.get("num_epochs", ""))
        if asked.isdigit() and len(begun.points) < int(asked):
            status = "interrupted"
            notes.append(CutOff(Setting(name), Number(begun.line), Count(len(begun.points)), Count(int(asked))))
        notes += [EpochRepeated(Setting(name), Number(line), Epoch(epoch + first)) for epoch, line in begun.repeated]
        notes += [
            SummaryDiffers(Setting(name), Number(begun.final_line), Value(value), Value(last))
            for value, last in begun.differing
        ]
        points = tuple(Point(None, epoch + first, splits) for epoch, splits in sorted(begun.points.items()))
        settings = {key: value for key, value in begun.settings.items() if key not in RATES}
        runs.append(Run(name, seed, rate, points, status, begun.final, settings))
    return Runs(
        str(path), metric, tuple(runs), dict(sizes), notes=tuple(notes), unread=tuple(reader.unread), is_imported=True,
        settings=shared_settings([begun.settings for begun in reader.runs]),
    )  # fmt: skip


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield the lines of a log with their numbers, without bars, escapes and blanks; a redrawn line is several.

    >>> list(lines_of("a█▌\r\n\n b\rc"))
    [(1, 'a'), (3, 'b'), (3, 'c')]
    """
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        for part in line.split("\r"):
            if _TQDM.search(part):  # what a program prints may stand right behind a bar
                part = part[part.rfind("]") + 1 :]
            cleaned = _BAR.sub("", _ESCAPES.sub("", part)).strip()
            if cleaned:
                yield number, cleaned


def _is_cut(text: str) -> bool:
    """Whether a text without a line break at its end breaks off within a value: its like has more digits everywhere."""
    kept, _, end = text.rpartition("\n")
    last = re.split(r"[,\r]", end.rstrip())[-1]
    match = _VALUE.search(last)
    if match is None:
        like_it = re.sub(r"[\d.]+", "#", last) in re.split(r"[,\r\n]", re.sub(r"[\d.]+", "#", kept))
        return bool(_EPOCH.match(end.strip()) and re.search(r"[A-Za-z]", last)) and not like_it

    def digits(value: str) -> int:
        return len(value.partition(".")[2])

    like = [digits(value) for split, metric, value in _VALUE.findall(kept) if (split, metric) == match.groups()[:2]]
    return bool(like) and match.end() == len(last) and digits(match[3]) < min(like)


def _values(text: str) -> Splits:
    found: Splits = {}
    for split, metric, value in _VALUE.findall(text):
        found.setdefault(SPLITS.get(split.lower(), split.lower()), {})[metric.lower()] = float(value)
    return found


def _settings(line: str) -> dict[str, str]:
    """Return the settings of a command line, or of what a program prints of its arguments."""
    if match := _ARGS.match(line):
        text = match[1].strip().removeprefix("Namespace(").rstrip(")")
        if text.startswith("{"):
            try:
                read: Any = ast.literal_eval(text)
            except (ValueError, SyntaxError, TypeError):
                return {}
            return {str(key): str(value) for key, value in read.items()} if isinstance(read, dict) else {}
        pairs = re.findall(r"(\w+)\s*=\s*('[^']*'|\"[^\"]*\"|[^,\s]+)", text)
        return {key: value.strip("'\"") for key, value in pairs}
    if "--" not in line or not re.search(r"\b(python\d?|torchrun|accelerate|lrscope)\b|\.py\b", line):
        return {}
    try:
        words = shlex.split(line, posix=False)
    except ValueError:
        words = line.split()
    found: dict[str, str] = {}
    for place, word in enumerate(words):
        if word.startswith("--"):
            name, _, value = word[2:].partition("=")
            following = words[place + 1] if place + 1 < len(words) else "--"
            found[name.replace("-", "_")] = value or ("true" if following.startswith("--") else following.strip("'\""))
    return found


def _rate_of(settings: dict[str, str]) -> float | None:
    for name in RATES:
        if name in settings:
            try:
                return float(settings[name])
            except ValueError:
                return None
    return None
