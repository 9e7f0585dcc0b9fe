"""Console logs of training runs, read as a person reads them: headings, settings, epochs, final values.

What is known for certain is read; progress bars and blank lines are skipped; everything else is listed, never guessed.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lrscope.analysis.runs import RATES, SPLITS, EpochPoint, Run, Runs
from lrscope.analysis.said import Said
from lrscope.errors import DataError
from lrscope.records import Metric
from lrscope.schedules.durations import format_number

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BAR = re.compile(r"[█▉▊▋▌▍▎▏]+")
_TQDM = re.compile(r"\d+%\|.*?\|\s*\d+(\.\d+)?[kM]?/\d+|\d+it \[|it/s\]|s/it\]")
_EPOCH = re.compile(r"^epoch\s+(\d+)\s*[:,]\s*(.+)$", re.IGNORECASE)
_VALUE = re.compile(
    r"(train|dev|test|val|valid|validation|eval)[ _](\w+)\s*(?:::|[:=])\s*(nan|inf|-?\d+(?:\.\d+)?(?:e-?\d+)?)", re.I
)
_ALONE = re.compile(r"^(\d*\.?\d+(?:e[-+]?\d+)?)$", re.I)
_NAMED = re.compile(r"(?:\blr|learning[ _-]rate|\brate|学习率)\s*[:=：]?\s*(\d*\.?\d+(?:e[-+]?\d+)?)", re.I)
_ARGS = re.compile(r"^(?:args|arguments|config|namespace)\s*[:=(]\s*(.*)$", re.I)


@dataclass
class _Begun:
    """A run as it is put together."""

    heading: str | None
    settings: dict[str, str]
    line: int
    points: list[EpochPoint] = field(default_factory=list)
    final: dict[str, dict[str, float]] = field(default_factory=dict)


class _Reader:
    def __init__(self) -> None:
        self.runs: list[_Begun] = []
        self.unread: list[tuple[int, str]] = []
        self.notes: list[Said] = []
        self._shared: dict[str, str] = {}
        self._heading: tuple[int, str] | None = None
        self._open: _Begun | None = None

    def read(self, number: int, line: str) -> None:
        if match := _EPOCH.match(line):
            self._epoch(number, int(match[1]), match[2])
        elif line.startswith("#"):
            self._open = None
            self._heading = (number, line.strip("# \t"))
        elif settings := _settings(line):
            self._settings(number, settings)
        elif found := _values(line):
            self._final(number, line, found)
        else:
            self.unread.append((number, line))

    def _epoch(self, number: int, epoch: int, rest: str) -> None:
        values = _values(rest)
        if not values:
            self.unread.append((number, f"epoch {epoch}: {rest}"))
            return
        run = self._open
        if run is None or run.final or (run.points and run.points[-1].epoch >= epoch + 1):
            run = self._open = _Begun(self._heading[1] if self._heading else None, dict(self._shared), number)
            self.runs.append(run)
        run.points.append(EpochPoint(epoch + 1, values))

    def _settings(self, number: int, settings: dict[str, str]) -> None:
        if self._open is not None:
            self._open, self._heading = None, None
        self._shared = settings
        if self._heading is not None:
            rate, said = _rate_of(settings), _number_in(self._heading[1])
            if rate is not None and said is not None and rate != said:
                lines = {"heading_line": self._heading[0], "line": number}
                self.notes.append(Said("heading-differs", {"heading": said, "rate": rate, **lines}))

    def _final(self, number: int, line: str, found: dict[str, dict[str, float]]) -> None:
        if self._open is None or not self._open.points:
            self.unread.append((number, line))
            return
        for split, values in found.items():
            self._open.final.setdefault(split, {}).update(values)


def read_log(path: Path, sizes: dict[str, int]) -> Runs:
    """Return the runs of a console log; `sizes` counts examples by split, as far as they are known.

    Raises:
        DataError: the file cannot be read, or holds no run.
    """
    reader = _Reader()
    for number, line in lines_of(path):
        reader.read(number, line)
    if not reader.runs:
        raise DataError(
            f"a log of training runs has lines such as 'epoch 0: train loss :: 1.9, dev acc :: 0.3': got none in {path}"
        )
    metric = _metric_of(reader.runs)
    notes = list(reader.notes)
    seen: dict[str, int] = {}
    runs = []
    for begun in reader.runs:
        rate = _number_in(begun.heading) if begun.heading else None
        rate = rate if rate is not None else _rate_of(begun.settings)
        name = f"lr {format_number(rate)}" if rate is not None else begun.heading or f"run in line {begun.line}"
        seed = int(begun.settings["seed"]) if begun.settings.get("seed", "").isdigit() else seen.get(name, 0)
        seen[name] = seen.get(name, 0) + 1
        status = "completed"
        asked = begun.settings.get("epochs", begun.settings.get("num_epochs", ""))
        if asked.isdigit() and len(begun.points) < int(asked):
            status = "interrupted"
            there = {"epochs": len(begun.points), "of": int(asked), "line": begun.line}
            notes.append(Said("cut-off", there, name))
        settings = {key: value for key, value in begun.settings.items() if key not in RATES}
        runs.append(Run(name, seed, rate, tuple(begun.points), status, begun.final, settings))
    return Runs(
        str(path), metric, tuple(runs), sizes, notes=tuple(notes), unread=tuple(reader.unread), is_imported=True,
        settings=dict(reader.runs[0].settings),
    )  # fmt: skip


def lines_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a log with their numbers, without bars, escapes and blanks; a redrawn line is several.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = content.decode(encoding, errors="replace")
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        for part in line.split("\r"):
            if _TQDM.search(part):
                continue
            cleaned = _BAR.sub("", _ESCAPES.sub("", part)).strip()
            if cleaned:
                yield number, cleaned


def _values(text: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for split, metric, value in _VALUE.findall(text):
        found.setdefault(SPLITS.get(split.lower(), split.lower()), {})[metric.lower()] = float(value)
    return found


def _settings(line: str) -> dict[str, str]:
    """Return the settings of a command line, or of what a program prints of its arguments."""
    if match := _ARGS.match(line):
        text = match[1].strip().removeprefix("Namespace(").rstrip(")")
        if text.startswith("{"):
            try:
                return {str(key): str(value) for key, value in ast.literal_eval(text).items()}
            except (ValueError, SyntaxError):
                return {}
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


def _number_in(heading: str) -> float | None:
    """Return the rate that a heading names: alone, or after a word for it; None where it names none.

    >>> _number_in("1e-7"), _number_in("run 3, lr = 2e-5"), _number_in("5 epochs")
    (1e-07, 2e-05, None)
    """
    match = _ALONE.match(heading) or _NAMED.search(heading)
    return float(match[1]) if match else None


def _metric_of(runs: list[_Begun]) -> Metric:
    names = {name for run in runs for point in run.points for name in point.splits.get("dev", {})}
    others = sorted(names - {"loss"})
    if not names:
        raise DataError("runs are compared by what was measured on dev: got a log without a dev metric")
    return Metric(others[0], "maximize") if others else Metric("loss", "minimize")
