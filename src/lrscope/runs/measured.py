"""What one run measured, entry by entry, put in order: whatever names its program has for splits, steps and rates."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from lrscope.records import EvaluationRecord
from lrscope.runs.dev_set import size_of_pace
from lrscope.runs.importers import checked
from lrscope.runs.settings import RATES, without_split

MAX_METRICS, MAX_NAME = 200, 80  # of one entry, and characters of one name
# What stands among metrics and is none: counters and times.
_ENDS_OF_OTHERS = (
    "runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "jit_compilation_time", "num_tokens",
    "num_input_tokens_seen", "tokens_per_second", "samples",
)  # fmt: skip
_OTHERS = frozenset({
    "step", "global_step", "epoch", "seed", "total_flos", "grad_norm", "seconds", "time", "timestamp", "format",
    "version", "status", "reason", *RATES,
})  # fmt: skip
_OF_OTHER_SPLIT = re.compile(r"^(train|test|predict)[_ /.](?=.)", re.I)

Splits = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Entry:
    """What was measured together: metrics by split. A step or an epoch that is not told is None.

    `dev_size` is between which numbers of examples an evaluation took, None where nothing tells it.
    """

    step: int | None
    epoch: float | None
    splits: Mapping[str, Mapping[str, float]]
    dev_size: tuple[int, int] | None = None

    @staticmethod
    def of(values: Mapping[str, Any], *, bare: Literal["train", "dev"] = "train") -> Entry:
        """Return what a program wrote of one moment; a name without a split is of `bare`.

        Of training the loss, the rate and the gradient's norm are taken: one that is NaN stays so, an infinite one too;
        and a reward, which says that the loss is one of reinforcement learning.

        >>> Entry.of({"loss": "1.5", "learning_rate": "1e-4", "epoch": 0.5, "grad_norm": 1}).splits
        {'train': {'loss': 1.5, 'learning_rate': 0.0001, 'grad_norm': 1.0}}
        >>> Entry.of({"eval_loss": 1.5, "eval_runtime": 3, "test_acc": 0.5, "step": 7}).splits
        {'dev': {'loss': 1.5}, 'test': {'acc': 0.5}}
        """
        splits: Splits = {}
        is_summary = "train_runtime" in values  # what Trainer says at the end, of the whole training
        for key, value in values.items():
            split, name = _place(str(key), bare)
            if split == "train":
                if name not in ("loss", "grad_norm", "reward", *RATES) or (is_summary and key == "train_loss"):
                    continue
                if not _is_number(value):
                    continue
                splits.setdefault("train", {})["learning_rate" if name in RATES else name] = checked.number(value)
            elif len(of_split := splits.get(split, {})) < MAX_METRICS and _is_metric(key, name, value):
                splits[split] = {**of_split, name: checked.measured(value)}
        epoch = checked.number(values.get("epoch"))
        step = checked.count(values.get("step", values.get("global_step")))
        told = [values.get(f"eval_{name}") for name in ("runtime", "samples_per_second")]
        size = size_of_pace(*map(checked.number, told), to_four_digits=all(map(_has_four_digits, told)))
        return Entry(step, epoch if 0.0 <= epoch <= 1e9 else None, _with_numbers(splits), size)


def _has_four_digits(value: Any) -> bool:
    """Whether a number may have been printed with four digits in all, as transformers 5 does."""
    return isinstance(value, str) and sum(map(str.isdigit, value.strip("0."))) <= 4


def _with_numbers(splits: Splits) -> Splits:
    """Leave out rates that are none."""
    train = splits.get("train", {})
    if not 0.0 <= train.get("learning_rate", 0.0) <= 1e30:
        del train["learning_rate"]
    return {split: values for split, values in splits.items() if values}


@lru_cache(maxsize=4096)  # a log has few names, and has them in every entry
def _place(key: str, bare: str) -> tuple[str, str]:
    """Return a value's split and its metric's name without it."""
    name = checked.text(key)[:MAX_NAME]
    of_eval = without_split(name)
    match = _OF_OTHER_SPLIT.match(of_eval)
    if match and match[1].lower() != "train":
        return "test", of_eval[match.end() :]
    if of_eval != name:
        return "dev", of_eval
    if match:
        return "train", name[match.end() :]
    return ("train" if name in RATES else bare), name


def _is_metric(key: Any, name: str, value: Any) -> bool:
    if not name or name.endswith(_ENDS_OF_OTHERS) or (key == name and name in _OTHERS):
        return False
    return _is_number(value)


def _is_number(value: Any) -> bool:
    """Whether a value is a number, NaN among them, or the text of one."""
    return not math.isnan(checked.number(value)) or isinstance(value, float) or (value in ("nan", "NaN", "NAN"))


@dataclass
class Placed:
    """Gives entries their steps, one after another.

    Where no step is told, positions are counted: an epoch that is another than before begins a new one, and so does a
    value that stands again, unless it is an evaluation of the same epoch, made or printed once more. Where steps are
    told, what has none stands at the last one.
    """

    step: int = 0
    epoch: float | None = None
    told: bool = False  # whether any entry told its step
    _here: set[tuple[str, str]] = field(default_factory=set)

    def place(self, entry: Entry) -> list[EvaluationRecord]:
        """Return an entry's records, one a split; an epoch that is not told is NaN."""
        names = {(split, name) for split, values in entry.splits.items() for name in values}
        if not names:
            return []
        moves = entry.epoch is not None and self.epoch is not None and entry.epoch != self.epoch
        again = names & self._here
        if entry.epoch is not None and entry.epoch == self.epoch:
            again = {(split, name) for split, name in again if split == "train"}
        if entry.step is not None:
            if entry.step != self.step:
                self._here = set()
                self.epoch = None
            self.step, self.told = entry.step, True
        elif not self.told and (moves or not self.step or again):
            self.step += 1
            self._here = set()
            self.epoch = None
        self._here |= names
        self.epoch = self.epoch if entry.epoch is None else entry.epoch
        epoch = math.nan if self.epoch is None else self.epoch
        return [EvaluationRecord(self.step, epoch, split, dict(values), 0.0) for split, values in entry.splits.items()]


def merged(records: Iterable[EvaluationRecord]) -> tuple[EvaluationRecord, ...]:
    """Return records in the order of their steps, those of one split at one step as one: what came later counts.

    >>> [dict(r.metrics) for r in merged([EvaluationRecord(5, 1, "dev", {name: 1.0}, 0.0) for name in "ab"])]
    [{'a': 1.0, 'b': 1.0}]
    """
    by_place: dict[tuple[int, str], EvaluationRecord] = {}
    for record in records:
        known = by_place.get((record.step, record.split))
        if known is not None:
            epoch = known.epoch if math.isnan(record.epoch) else record.epoch
            scores = {**known.scores, **record.scores}
            record = replace(record, epoch=epoch, metrics={**known.metrics, **record.metrics}, scores=scores)
        by_place[record.step, record.split] = record
    return tuple(sorted(by_place.values(), key=lambda record: (record.step, record.split)))


def records_of(entries: Iterable[Entry]) -> tuple[EvaluationRecord, ...]:
    """Return entries, in the order in which they were written, as records in the order of their steps."""
    placed = Placed()
    return merged(record for entry in entries for record in placed.place(entry))
