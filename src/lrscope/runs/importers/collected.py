"""One run as it is put together from printed dictionaries, and what else was printed of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from lrscope.records import Status
from lrscope.runs.dev_set import UNKNOWN, DevSet, size_of_pace
from lrscope.runs.history import UNFINISHED, Told, run_of_entries
from lrscope.runs.importers import checked
from lrscope.runs.importers.headings import rate_in, seed_in
from lrscope.runs.importers.inferred_steps import Mark, inferred_steps
from lrscope.runs.importers.printed_settings import rate_of
from lrscope.runs.importers.progress_bars import Progress
from lrscope.runs.measured import Entry
from lrscope.runs.run import Run
from lrscope.runs.settings import RATES, epochs_of

MAX_LOGGED = 20_000  # entries of training that are kept; of more, every second one is dropped, again and again
MAX_ODD = 1000  # entries with losses that are no numbers, which are kept whatever their place
MAX_TOTALS, MAX_REPEATED = 50, 20
SAME = 2e-3  # two values of one model on one set differ by less, as a share: by rounding to four digits
# Settings that name the evaluation set.
_DEV_FILES = ("validation_file", "eval_file", "dev_file", "dev", "eval_dataset", "validation_data", "val_file")


@dataclass(slots=True)
class Logged:
    """An entry, its number among those of training (0 for others), and the bars behind it and before it."""

    entry: Entry
    number: int = 0
    bar: Progress | None = None
    before: Progress | None = None

    @property
    def position(self) -> float | None:
        """Where it stands: its epoch, else its step."""
        return self.entry.step if self.entry.epoch is None else self.entry.epoch

    @property
    def train(self) -> Mapping[str, float]:
        """What it tells of training."""
        return self.entry.splits.get("train", {})

    @property
    def is_finite(self) -> bool:
        """Whether its values of training are numbers."""
        return all(math.isfinite(value) for value in self.train.values())


@dataclass
class Collected:
    """A run so far. `facts` are what a block of Trainer's says of it."""

    line: int
    heading: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    is_settings_own: bool = True  # whether they were printed for this run alone
    facts: dict[str, int] = field(default_factory=dict)
    logged: list[Logged] = field(default_factory=list)
    every: int = 1  # of so many entries of training one is kept
    num_trained: int = 0
    first: float = math.nan
    last: float = math.nan
    ended_at: float | None = None  # the epoch at which Trainer summed the training up, NaN where it did not say
    seconds: float = math.nan
    total_by_pace: int | None = None
    repeated: list[tuple[int, float]] = field(default_factory=list)  # (line, position) of resumptions
    replaced: list[Entry] = field(default_factory=list)  # what was logged, the first time, of what was trained again
    totals: dict[int, list[int]] = field(default_factory=dict)  # of bars: how often each was seen, and how far it came
    dev_set: DevSet = UNKNOWN
    names_all: bool = False  # whether a setting that is not among `settings` was left at its default
    _trained: int = 0  # of those that are kept
    _is_counted_right: bool = True

    @property
    def has_ended(self) -> bool:
        """Whether the training was summed up."""
        return self.ended_at is not None

    def add(self, entry: Entry, line: int, *, is_next_epoch: bool = False) -> Logged | None:
        """Take in an entry; None where it tells nothing new, or of another model than the one that was trained.

        With `is_next_epoch` a step that falls back is counted from the beginning of another epoch.
        """
        logged = Logged(entry)
        position = logged.position
        trains = "train" in entry.splits
        if trains and (twice := self._printed_twice(entry)) is not None:
            twice.entry = replace(entry, splits={**entry.splits, "train": {**entry.splits["train"], **twice.train}})
            return None
        if self.has_ended and not trains and self._is_of_another(entry):
            return None
        if trains:
            if position is not None and position < self.last and not is_next_epoch:
                self._rewind(position, line)
            self.num_trained += 1
            logged.number = self.num_trained
            self._trained += 1
        if position is not None:
            self.first = position if math.isnan(self.first) else self.first
            self.last = position if trains or math.isnan(self.last) else max(position, self.last)
        self.logged.append(logged)
        if self._trained > MAX_LOGGED:
            self._thin_out()
        return logged

    @property
    def logged_entries(self) -> list[Entry]:
        """The entries so far."""
        return [each.entry for each in self.logged]

    def restarts(self, entry: Entry) -> bool:
        """Whether an entry stands where this run began, though it has gone on from there."""
        position = Logged(entry).position
        return position is not None and position < self.last and position <= self.first

    def passes(self, line: str) -> bool:
        """Whether an entry of training is one of so many of a long training that it is counted and not read."""
        if (self.num_trained + 1) % self.every == 0 or "eval" in line or "nan" in line or "inf" in line:
            return False
        if "train_" in line or "val" in line or "test" in line or "loss" not in line:
            return False
        self.num_trained += 1
        return True

    def end(self, values: Mapping[str, str]) -> None:
        """Take in what Trainer says at the end of a training."""
        self.ended_at = checked.measured(values.get("epoch"))
        self.seconds = checked.measured(values.get("train_runtime"))
        pace = size_of_pace(self.seconds, checked.measured(values.get("train_steps_per_second")), to_four_digits=True)
        self.total_by_pace = pace[0] if pace is not None and pace[0] == pace[1] else None

    def see(self, bar: Progress) -> None:
        """Take note of how far a bar stands."""
        if bar.total in self.totals or len(self.totals) < MAX_TOTALS:
            seen = self.totals.setdefault(bar.total, [0, 0])
            seen[0] += 1
            seen[1] = max(seen[1], bar.done)

    def run(self, name: str = "") -> Run:
        """Return the run; `name` where nothing names it."""
        settings = dict(self.settings)
        total = self._total()
        entries, steps_an_epoch = self._entries(total)
        asked = checked.number(epochs_of(settings)) if "max_steps" not in settings else math.nan
        knows_steps = steps_an_epoch is not None or any(each.step is not None for each in entries)
        if steps_an_epoch is not None and not math.isnan(total):
            asked = total / steps_an_epoch
        rate = self._rate(entries)
        if rate is None and not any("learning_rate" in each.splits.get("train", {}) for each in entries):
            name = (self.heading or "") or name
        else:
            name = ""
        names = {key: str(value) for key, value in self.facts.items() if key not in ("steps_an_epoch", "epochs")}
        left_out = RATES if self.is_settings_own else (*RATES, "seed")
        settings = {key: value for key, value in {**names, **settings}.items() if key not in left_out}
        seed = seed_in(self.heading or "")
        told = Told(
            name=name, rate=rate, seed=checked.count(settings.get("seed", "")) if seed is None else seed,
            settings=settings, total_steps=total if knows_steps else math.nan, total_epochs=asked,
            status=self._status(entries, total, asked), seconds=self.seconds, dev_set=self._dev_set(),
            names_all_settings=self.names_all, replaced=self.replaced,
        )  # fmt: skip
        return run_of_entries(entries, told)

    def _printed_twice(self, entry: Entry) -> Logged | None:
        """Return the entry before, where this is the same: as two processes, or Trainer and LLaMA-Factory, print it."""
        last = next((each for each in reversed(self.logged[-3:]) if each.number), None)
        if last is None or last.position != Logged(entry).position or last.position is None:
            return None
        mine, other = entry.splits["train"], last.train
        if mine.keys() == other.keys():
            return last if last.entry == entry and len(mine) > 1 else None
        shared = mine.keys() & other.keys()
        is_same = all(abs(mine[name] - other[name]) <= 1e-3 * abs(other[name]) for name in shared)
        return last if "loss" in shared and is_same else None

    def _is_of_another(self, entry: Entry) -> bool:
        """Whether an evaluation after the end contradicts one that was made before: it is of another set or model.

        After training the best checkpoint may have been loaded, and the test set evaluated under the name of dev.
        """
        dev = entry.splits.get("dev", {})
        at = self.last if entry.epoch is None else entry.epoch
        for each in self.logged:
            is_there = each.entry.epoch == at or (each.entry.epoch is None and math.isnan(self.last))
            known = each.entry.splits.get("dev", {}) if is_there else {}
            if any(abs(dev[name] - known[name]) > SAME * abs(known[name]) for name in dev.keys() & known.keys()):
                return True
        return False

    def _rewind(self, position: float, line: int) -> None:
        """Drop what a resumed training repeats."""
        self.repeated = [*self.repeated, (line, position)][:MAX_REPEATED]
        again = [each.entry for each in self.logged if each.number and (each.position or 0.0) >= position]
        self.replaced = [*self.replaced, *again][:MAX_LOGGED]
        self.logged = [each for each in self.logged if each.position is None or each.position < position]
        numbers = [each.number for each in self.logged if each.number]
        self._trained, self.num_trained = len(numbers), max(numbers, default=0)
        self._is_counted_right = self._is_counted_right and self.every == 1
        self.ended_at = None

    def _thin_out(self) -> None:
        odd = sum(not each.is_finite for each in self.logged)
        self.every *= 2
        self.logged = [
            each
            for each in self.logged
            if not each.number or each.number % self.every == 0 or (odd <= MAX_ODD and not each.is_finite)
        ]
        self._trained = sum(each.number > 0 for each in self.logged)

    def _total(self) -> float:
        """Return how many steps the training was to take: as it says itself, else by the bar that was seen most."""
        known = self.facts.get("max_steps") or checked.count(self.settings.get("max_steps", ""))
        if known:
            return float(known)
        if self.total_by_pace is not None and (not self.totals or self.total_by_pace in self.totals):
            return float(self.total_by_pace)
        return float(max(self.totals, key=lambda total: (self.totals[total][0], total))) if self.totals else math.nan

    def _entries(self, total: float) -> tuple[list[Entry], float | None]:
        """Return the entries with their steps where those are known, and the steps of an epoch."""
        entries = _from_one([each.entry for each in self.logged])
        told = [each.step for each in entries if each.step is not None]
        if told:
            if len(told) < len(entries) or told == sorted(told):
                return entries, None
            return [replace(each, step=None) for each in entries], None  # they begin anew with every epoch
        if any(each.epoch is None for each in entries):
            return self._with_places(entries), None
        marks = [
            Mark(entry.epoch or 0.0, each.number, _done(each.bar, total), _done(each.before, total))
            for entry, each in zip(entries, self.logged, strict=True)
        ]
        found = inferred_steps(marks, self._steps_an_epoch(total), total) if self._is_counted_right else None
        if found is None:
            return entries, None
        return [replace(entry, step=step) for entry, step in zip(entries, found[0], strict=True)], found[1]

    @staticmethod
    def _with_places(entries: list[Entry]) -> list[Entry]:
        """Put evaluations before the first entry that has an epoch at epoch 0: they were made before the training."""
        if not any(each.epoch is not None for each in entries):
            return entries
        began = next(at for at, each in enumerate(entries) if each.epoch is not None)
        return [replace(each, epoch=0.0) if at < began else each for at, each in enumerate(entries)]

    def _steps_an_epoch(self, total: float) -> Iterator[float]:
        """Yield how many steps an epoch may have, the surest first."""
        facts = self.facts
        accumulated, batch = facts.get("gradient_accumulation_steps", 1), facts.get("total_batch_size", 0)
        if batch and facts.get("num_examples"):
            yield math.ceil(facts["num_examples"] * accumulated / batch) / accumulated
        if "steps_an_epoch" in facts:
            yield float(facts["steps_an_epoch"])
        for epochs in (self.ended_at, checked.number(epochs_of(self.settings)), facts.get("epochs")):
            if epochs is not None and epochs > 0.0:
                yield total / epochs

    def _rate(self, entries: list[Entry]) -> float | None:
        """Return the configured rate, unless higher ones were logged: then it is that of something else."""
        rate = rate_in(self.heading) if self.heading else None
        if rate is None and self.is_settings_own:
            rate = rate_of(self.settings)
        top = max((each.splits.get("train", {}).get("learning_rate", 0.0) for each in entries), default=0.0)
        return rate if rate is not None and top <= 1.01 * rate else None

    def _status(self, entries: list[Entry], total: float, asked: float) -> Status | None:
        """Return how the run ended, None where nothing tells."""
        done = max((each.step for each in entries if each.step is not None), default=0)
        if total in self.totals:
            done = max(done, self.totals[int(total)][1])
        epochs = max((each.epoch for each in entries if each.epoch is not None), default=0.0)
        if self.has_ended:
            epochs = max(epochs, self.ended_at or 0.0)
            is_short = not math.isnan(asked) and epochs < UNFINISHED * asked and done < UNFINISHED * total
            return "stopped" if is_short else "completed"
        if math.isnan(total) or not done:
            return None
        return "interrupted" if done < UNFINISHED * total else "completed"

    def _dev_set(self) -> DevSet:
        names = (self.settings[name] for name in _DEV_FILES if self.settings.get(name, "true") != "true")
        name = next(names, "")
        return DevSet(name) if name else self.dev_set


def _done(bar: Progress | None, total: float) -> int | None:
    """Return how far a bar of the training stands."""
    return bar.done if bar is not None and bar.total == total else None


def _from_one(entries: list[Entry]) -> list[Entry]:
    """Count epochs from 1 where a loop of one's own counts them from 0: whole ones, with a loss of training at 0."""
    epochs = [each.epoch for each in entries if each.epoch is not None]
    is_counted = all(each == int(each) for each in epochs) and any(
        each.epoch == 0.0 and "loss" in each.splits.get("train", {}) for each in entries
    )
    return [e if e.epoch is None else replace(e, epoch=e.epoch + 1.0) for e in entries] if is_counted else entries
