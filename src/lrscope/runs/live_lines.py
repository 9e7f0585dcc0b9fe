"""What a training prints, read line by line as it comes: dictionaries, progress bars, lines of epochs and steps.

Whatever comes, memory is bounded: a line is cut, and of too many records every second one is dropped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from lrscope.records import EvaluationRecord
from lrscope.runs.importers import checked
from lrscope.runs.importers.console_lines import MAX_LINE
from lrscope.runs.importers.measured_line import Measured
from lrscope.runs.importers.measured_lines import MeasuredLines
from lrscope.runs.importers.printed_dictionaries import dictionaries_in, is_measured
from lrscope.runs.importers.progress_bars import Progress, progress_in
from lrscope.runs.measured import Entry, Placed, merged

MAX_KEPT = 20_000  # records
_PLACES = frozenset({"epoch", "step", "global_step"})
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LiveLines:
    """Reads printed lines as they come, and keeps what they said.

    >>> lines = LiveLines()
    >>> lines.take("{'loss': '1.25', 'learning_rate': '1e-4', 'epoch': '0.5'}")[0].metrics
    {'loss': 1.25, 'learning_rate': 0.0001}
    >>> lines.take(" 12%|#2        | 12/100 [00:10<01:20,  1.10it/s]")
    [Progress(done=12, total=100, seconds_left=80.0)]
    """

    def __init__(self) -> None:
        self._lines = MeasuredLines()
        self._last: Measured | None = None
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
            if not part:
                continue
            if "\x1b" in part:
                part = _ESCAPES.sub("", part).strip()
            bar = progress_in(part)
            last = self._of_training(bar) or last
            if bar is not None and "{" not in part and not part.startswith("Epoch ") and "|Loss: " not in part:
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
        elif (found := self._lines.take(part)) is not None and (entry := self._of_line(found)) is not None:
            yield entry

    def _of_line(self, found: Measured) -> Entry | None:
        """Return what a line measured; epochs are counted from 1, also where a program counts from 0."""
        last, self._last = self._last, found
        if not found.values or found == last:  # printed by several processes
            return None
        if last is not None and found.is_redrawn and found.form == last.form:  # a bar's last state, drawn once more
            drawn = {split: each for split, each in found.values.items() if split not in last.values}
            return Entry(None, self._placed.epoch, drawn) if drawn else None
        if found.step is not None and (found.epoch is None or found.form == "torchtune"):
            return Entry(found.step, None, found.values)
        if found.is_within_epoch:  # steps that may begin again with every epoch
            return Entry(None, None, found.values)
        if found.epoch is not None:
            self._first_epoch = found.epoch if self._first_epoch is None else self._first_epoch
            self._of_epochs |= found.names
            return Entry(None, float(found.epoch + (self._first_epoch == 0)), found.values)
        # What stands under the epochs sums them up: only what they did not say is new.
        splits = {
            split: new
            for split, metrics in found.values.items()
            if split != "train" and (new := {k: v for k, v in metrics.items() if (split, k) not in self._of_epochs})
        }
        return Entry(None, self._placed.epoch, splits) if splits else None
