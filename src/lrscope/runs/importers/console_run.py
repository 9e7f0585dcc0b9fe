"""A run of a console log as it is put together, line by line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lrscope.number_text import format_rate
from lrscope.records import Status
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.history import Told, run_of_entries
from lrscope.runs.importers import checked
from lrscope.runs.importers.headings import is_seed, rate_in
from lrscope.runs.importers.measured_line import Measured
from lrscope.runs.importers.printed_settings import rate_of
from lrscope.runs.measured import Entry
from lrscope.runs.notes import CutOff, EpochRepeated, Note, SummaryDiffers
from lrscope.runs.quantities import Count, Epoch, Number, Setting, Value
from lrscope.runs.run import Run
from lrscope.runs.settings import RATES, SETTING, epochs_of

MAX_REPEATED = 20  # epochs that stand again in a run
MAX_WITHIN = 20_000  # entries of training within epochs: of more, every second one is left out
_ROUNDING = 6e-4  # what a log prints of a value with three digits may differ by
_STEPS = ("max_steps", "max_iters", "num_iterations")

Splits = dict[str, dict[str, float]]


@dataclass
class BegunRun:
    """A run as it is put together. `is_named` is whether the log says anything of it before its first line."""

    heading: str | None
    settings: dict[str, str]
    line: int
    seed: int | None = None
    dev_set: DevSet = UNKNOWN
    names_all_settings: bool = False
    is_named: bool = False
    epochs: dict[int, Splits] = field(default_factory=dict)
    within: list[Measured] = field(default_factory=list)
    final: Splits = field(default_factory=dict)
    final_line: int = 0
    repeated: list[tuple[int, int]] = field(default_factory=list)  # (epoch, line)
    differing: list[tuple[float, float]] = field(default_factory=list)  # (in the summary, in the last epoch)
    status: Status | None = None
    has_rate_lines: bool = False  # whether the rate stands in a line of its own under every epoch
    num_new: int = 0  # lines that no earlier run has
    stride: int = 1  # of the entries of training, every so many-th one is kept
    asked: int | None = None
    first_epoch: int | None = None
    last_epoch: int | None = None  # that was told last
    _drawn: int | None = None  # an epoch that a bar told of
    _first: Measured | None = None
    _last: Measured | None = None
    _forms: set[str] = field(default_factory=set)  # of lines at the last position

    def is_continued_by(self, found: Measured) -> bool:
        """Whether a line is of this run: it goes on, or repeats some of it, but does not go back to the first."""
        first, last = self._first, self._last
        if first is None or last is None:
            return True
        if found.epoch is not None and first.epoch is not None:
            if found.epoch != self.last_epoch:
                return found.epoch > (self.first_epoch or 0)
            if found.epoch > (self.first_epoch or 0):
                return True
            if found.step is not None and last.step is not None and found.step != last.step:
                return found.step > last.step or first.step is None or found.step > first.step
            if found.is_redrawn:
                return found.form in self._forms or not any(form.startswith("bar") for form in self._forms)
            return found.form not in self._forms or (found.share is not None and found.share != last.share)
        if found.step is not None and first.step is not None:
            if last.step is None or found.step > last.step:
                return True
            if found.step == last.step:
                return found.step > first.step or found.form not in self._forms
            return found.step > first.step
        return True

    def add(self, found: Measured, line: int) -> None:
        """Take in what a line measured; what stands again, as after a resumption, counts the last time."""
        at = (found.epoch, found.step, found.share)
        if self._last is None or at != (self._last.epoch, self._last.step, self._last.share):
            self._forms, self.final, self.status = set(), {}, None
        self._first, self._last = self._first or found, found
        if found.epoch is not None:
            self.first_epoch = found.epoch if self.first_epoch is None else min(self.first_epoch, found.epoch)
            self.last_epoch = found.epoch
        self._forms.add(found.form)
        self.asked = found.total_epochs or self.asked
        if found.epoch is None or found.is_within_epoch:
            self._add_within(found)
            return
        known = self.epochs.setdefault(found.epoch, {})
        if found.is_redrawn:
            self._drawn = found.epoch
        elif self._drawn != found.epoch and all(name in known.get(split, {}) for split, name in found.names):
            self.repeated = [*self.repeated[: MAX_REPEATED - 1], (found.epoch, line)]
        for split, values in found.values.items():
            known[split] = {**known.get(split, {}), **values}

    def _add_within(self, found: Measured) -> None:
        if found.epoch is None and self.epochs:
            found = replace(found, epoch=(self.last_epoch or 0) + 1)
        self.within.append(found)
        if len(self.within) > MAX_WITHIN:
            logged = [each for each in self.within[:-1] if len(each.values) == 1 and "train" in each.values]
            dropped = {id(each) for each in logged[1::2]}
            if len(dropped) > MAX_WITHIN // 4:
                self.within = [each for each in self.within if id(each) not in dropped]
                self.stride *= 2

    def summed_up(self, values: Mapping[str, Mapping[str, float]], line: int) -> None:
        """Take in what stands under the last epoch and sums the run up."""
        for split, metrics in values.items():
            self.final.setdefault(split, {}).update(metrics)
        self.final_line = line

    def rate_of_last_epoch(self, rate: float) -> None:
        """Take in the rate that stands in a line of its own under the last epoch."""
        self.has_rate_lines = True
        if self.epochs:
            self.epochs[next(reversed(self.epochs))].setdefault("train", {})["learning_rate"] = rate

    def ended(self, status: Status) -> None:
        """Take in that the program says how it ended; what follows a summary is no end of the training."""
        if not self.final and not (self.epochs and "test" in self.epochs[next(reversed(self.epochs))]):
            self.status = status

    def is_same_training(self, other: BegunRun) -> bool:
        """Whether another run has the rate, the seed and the settings of this one, or names none."""
        return not other.is_named or (
            self.rate == other.rate and self.seed == other.seed and _asked(self) == _asked(other)
        )

    @property
    def rate(self) -> float | None:
        """The rate that the log names for it."""
        rate = rate_in(self.heading) if self.heading else None
        return rate if rate is not None else rate_of(self.settings)

    def num_asked(self) -> int | None:
        """Return how many epochs it was to take, None where nothing tells it."""
        told = checked.count(epochs_of(self.settings) or "")
        return told or self.asked

    def reached(self, zero: int) -> int | None:
        """Return how many epochs it came, where they are counted from `zero`; None where none is told."""
        return None if self.last_epoch is None else max([self.last_epoch, *self.epochs]) - zero + 1


def _asked(run: BegunRun) -> dict[str, str]:
    return {name: value for name, value in run.settings.items() if SETTING.match(name)}


def run_of(begun: BegunRun, zero: int, *, is_alone: bool) -> Run:
    """Return a run; epochs are counted from `zero` in its log. One that is alone in a log and unnamed has no name."""
    final = dict(begun.final)
    for name, value in final.get("dev", {}).items():
        known = [each["dev"][name] for each in begun.epochs.values() if name in each.get("dev", {})]
        if known and not any(abs(value - each) <= _ROUNDING for each in known):
            begun.differing.append((value, known[-1]))
    seed = checked.count(begun.settings.get("seed", "")) if begun.seed is None else begun.seed
    rate = begun.rate
    heading = "" if begun.heading is None or is_seed(begun.heading) else begun.heading
    name = f"lr {format_rate(rate)}" if rate is not None else heading
    total = next((checked.count(begun.settings[key]) for key in _STEPS if key in begun.settings), None)
    steps = _StepsOf(begun, zero)
    told = Told(
        name, rate, seed, {key: value for key, value in begun.settings.items() if key not in RATES},
        float(total or steps.total or math.nan), float(begun.num_asked() or math.nan),
        _status(begun, zero, has_total=bool(total)), dev_set=begun.dev_set, names_all_settings=begun.names_all_settings,
    )  # fmt: skip
    run = run_of_entries(list(steps.entries()), told)
    if not run.arm and not is_alone and run.seed is None:  # several seeds are of what the file is of
        run = replace(run, arm=f"run in line {begun.line}")
    tests = {**run.final.get("test", {}), **final.get("test", {})}
    return replace(
        run, final={**({"dev": final["dev"]} if "dev" in final else {}), **({"test": tests} if tests else {})}
    )


def _status(begun: BegunRun, zero: int, *, has_total: bool) -> Status | None:
    asked, reached = begun.num_asked(), begun.reached(zero)
    is_short = asked is not None and reached is not None and reached < asked
    if begun.status is not None:
        return begun.status if is_short or asked is None or has_total else None
    return "interrupted" if is_short and not has_total else None


class _StepsOf:
    """A run's entries with their steps, whether those are counted on or begin again with every epoch."""

    def __init__(self, begun: BegunRun, zero: int) -> None:
        self._begun, self._zero = begun, zero
        stepped = [each for each in begun.within if each.step is not None]
        in_epochs = [(each.epoch, each.step) for each in stepped if each.epoch is not None and each.step is not None]
        self._begin_again = any(
            one[0] < after[0] and after[1] <= one[1] for one, after in itertools.pairwise(in_epochs)
        )
        self._total = max((each.total_steps for each in stepped if each.total_steps), default=None)
        self._is_one_epoch = len({epoch for epoch, _ in in_epochs}) == 1

    @property
    def total(self) -> int | None:
        """How many steps the run was to take; where one epoch is all that there is, it may be those of one."""
        asked = self._begun.num_asked()
        if not self._begin_again:
            return None if self._is_one_epoch and asked != 1 else self._total
        return self._total * asked if self._total and asked else None

    def entries(self) -> Iterator[Entry]:
        """Yield a run's entries in order."""
        first = self._begun.first_epoch or 0
        placed = [
            (each.epoch if each.epoch is not None else first, 0, self._within(each)) for each in self._begun.within
        ]
        placed += [(epoch, 1, self._of_epoch(epoch, values)) for epoch, values in self._begun.epochs.items()]
        yield from (entry for _, _, entry in sorted(placed, key=lambda each: each[:2]))

    def _within(self, found: Measured) -> Entry:
        step, epoch = found.step, math.nan
        before = None if found.epoch is None else found.epoch - self._zero
        if found.share is not None and before is not None:
            epoch = before + found.share
        elif self._begin_again:
            if self._total and before is not None and step is not None:
                epoch = before + step / self._total
                step += before * self._total
            else:
                step = None
        return Entry(step, None if math.isnan(epoch) else epoch, found.values)

    def _of_epoch(self, epoch: int, values: Splits) -> Entry:
        done = epoch - self._zero + 1
        return Entry(done * self._total if self._begin_again and self._total else None, float(done), values)


def notes_of(begun: BegunRun, run: Run, zero: int) -> Iterator[Note]:
    """Yield what is odd about a run's record."""
    arm, asked = Setting(run.arm), begun.num_asked()
    if run.status == "interrupted" and asked is not None and begun.reached(zero) is not None:
        yield CutOff(arm, Number(begun.line), Count(len(begun.epochs) or begun.reached(zero) or 0), Count(asked))
    for epoch, line in begun.repeated:
        yield EpochRepeated(arm, Number(line), Epoch(epoch - zero + 1))
    for value, last in begun.differing:
        yield SummaryDiffers(arm, Number(begun.final_line), Value(value), Value(last))
