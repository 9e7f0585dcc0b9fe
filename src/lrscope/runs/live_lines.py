"""What a training prints, read line by line as it comes: Trainer's dictionaries, progress bars, lines of epochs.

Whatever comes, memory is bounded: a line is cut, and of too many records every second one is dropped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from lrscope.records import EvaluationRecord
from lrscope.runs.importers import checked
from lrscope.runs.importers.console_lines import EPOCH_LINE, MAX_LINE, PRINTED_VALUE
from lrscope.runs.importers.printed_dictionaries import dictionaries_in, is_measured
from lrscope.runs.importers.progress_bars import Progress, progress_in
from lrscope.runs.measured import Entry, Placed, merged

MAX_KEPT = 20_000  # records
_PLACES = frozenset({"epoch", "step", "global_step"})
_SPLITS = ("eval", "dev", "train", "test", "val")  # one of which stands in a line with a value
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What stands behind the name of a split where its data are spoken of: "Generating test split: 16 examples".
_OF_DATA = frozenset({"split", "set", "dataset", "data", "examples", "samples", "size", "file", "files", "batch_size"})


class LiveLines:
    """Reads printed lines as they come, and keeps what they said.

    >>> lines = LiveLines()
    >>> lines.take("{'loss': '1.25', 'learning_rate': '1e-4', 'epoch': '0.5'}")[0].metrics
    {'loss': 1.25, 'learning_rate': 0.0001}
    >>> lines.take(" 12%|#2        | 12/100 [00:10<01:20,  1.10it/s]")
    [Progress(done=12, total=100, seconds_left=80.0)]
    """

    def __init__(self) -> None:
        self._placed = Placed()
        self._records: list[EvaluationRecord] = []
        self.seconds = math.nan  # of the training, as Trainer says at its end
        self._bar: Progress | None = None
        self._first_epoch: int | None = None
        self._of_epochs: set[tuple[str, str]] = set()  # what stood in lines of epochs

    @property
    def records(self) -> tuple[EvaluationRecord, ...]:
        """All that was measured so far, in the order of its steps; an epoch that is not told is NaN.

        Where no line tells its step, as Trainer's do not, positions are counted from 1.
        """
        return merged(self._records)

    @property
    def tells_steps(self) -> bool:
        """Whether a line told its step."""
        return self._placed.told

    def take(self, line: str) -> list[EvaluationRecord | Progress]:
        """Return what a line says; of a bar that was redrawn in it, the last state."""
        found: list[EvaluationRecord | Progress] = []
        last: Progress | None = None
        for part in line[: 4 * MAX_LINE].split("\r"):
            part = part[:MAX_LINE].strip()
            if ":" not in part and "=" not in part:  # what says nothing, as most lines of a flood, is passed fast
                continue
            if "\x1b" in part:
                part = _ESCAPES.sub("", part).strip()
            bar = progress_in(part)
            last = self._of_training(bar) or last
            if bar is not None and "{" not in part:
                continue
            for entry in self._entries(part):
                records = self._placed.place(entry)
                found += records
                self._keep(records)
        return found if last is None else [*found, last]

    def _of_training(self, bar: Progress | None) -> Progress | None:
        """Leave out a bar of something else, as of an evaluation within the training: it has another, smaller total."""
        if bar is None or (self._bar is not None and self._bar.done < self._bar.total and bar.total < self._bar.total):
            return None
        self._bar = bar
        return bar

    def _keep(self, records: list[EvaluationRecord]) -> None:
        self._records += records
        if len(self._records) > MAX_KEPT:
            self._records = list(merged(self._records))
            logged = [each for each in self._records if each.split == "train"]
            dropped = {id(each) for each in (logged or self._records)[1:-1:2]}
            self._records = [each for each in self._records if id(each) not in dropped][-MAX_KEPT:]

    def _entries(self, part: str) -> Iterator[Entry]:
        brace = part.find("{")
        if brace >= 0 and part.find(":", brace) >= 0:
            for values in dictionaries_in(part):
                if "train_runtime" in values:
                    self.seconds = checked.measured(values["train_runtime"])
                if is_measured(values) or values.keys() & _PLACES:  # settings that are printed were not applied yet
                    yield Entry.of(values)
        elif any(split in part.lower() for split in _SPLITS) and (entry := self._of_line(part)) is not None:
            yield entry

    def _of_line(self, part: str) -> Entry | None:
        if (match := EPOCH_LINE.match(part)) is not None:
            return self._of_epoch(int(match[1]), match[2])
        found = PRINTED_VALUE.findall(part)
        values = {f"{split}_{name}": value for split, name, value in found if name.lower() not in _OF_DATA}
        entry = Entry.of(values)
        # What stands under the epochs sums them up: only what they did not say is new.
        splits = {
            split: new
            for split, metrics in entry.splits.items()
            if split != "train" and (new := {k: v for k, v in metrics.items() if (split, k) not in self._of_epochs})
        }
        return Entry(None, self._placed.epoch, splits) if splits else None

    def _of_epoch(self, epoch: int, text: str) -> Entry | None:
        """Return the values of an epoch's line; epochs are counted from 1, also where a program counts from 0."""
        values = {f"{split}_{name}": value for split, name, value in PRINTED_VALUE.findall(text)}
        entry = Entry.of(values)
        if not entry.splits:
            return None
        self._first_epoch = epoch if self._first_epoch is None else self._first_epoch
        self._of_epochs |= {(split, name) for split, metrics in entry.splits.items() for name in metrics}
        return Entry(None, float(epoch + (self._first_epoch == 0)), entry.splits)
