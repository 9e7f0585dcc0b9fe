"""Scalars as loggers write them, by name and step, in events, metric files or rows: entries of one run's history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lrscope.runs.measured import Entry

MAX_VALUES = 5_000_000  # scalars of one run
MAX_NAME, MAX_NAMES = 200, 2_000
_TRAIN, _DEV = "train|training", "val|valid|validation|dev|eval|evaluation"
_SPLIT = re.compile(rf"^({_TRAIN}|{_DEV}|test)[/_ .:-]+(?=.)", re.I)
_SPLIT_BEHIND = re.compile(rf"[/_ .:-]+({_TRAIN}|{_DEV}|test)$", re.I)  # `Loss/val`
_RATE = re.compile(r"^(?:learning_rate|lr)(?:[-_/].*)?$")
_WHEN = re.compile(r"_(step|epoch)$")  # Lightning logs a value at every step, and its mean over the epoch
_KERAS = "epoch_"


def scalar_name(tag: str) -> str:
    """Return a scalar's name as `Entry.of` knows it, empty for what says nothing of a run's course.

    >>> [scalar_name(tag) for tag in ("train/loss", "Loss/val", "val_loss", "lr-AdamW", "validation/epoch_f1")]
    ['loss', 'eval_loss', 'eval_loss', 'learning_rate', 'eval_f1']
    >>> [scalar_name(tag) for tag in ("train/epoch", "hp_metric", "grad_2.0_norm_total", "eval/runtime")]
    ['epoch', '', 'grad_norm', 'eval_runtime']
    """
    ahead = _SPLIT.match(tag)
    behind = None if ahead else _SPLIT_BEHIND.search(tag)
    match = ahead or behind
    name = tag[ahead.end() :] if ahead else tag[: behind.start()] if behind else tag
    name = name.lower().replace(" ", "_")
    split = match[1].lower() if match else ""
    name = name.removeprefix(_KERAS) if name != "epoch" else name
    if _RATE.match(name.rpartition("/")[2]) or _RATE.match(name):
        return "learning_rate"
    if name in ("epoch", "epochs"):
        return "epoch"
    if re.match(r"^grad(ient)?([-_]?norm$|_[0-9.]+_norm_total$)", name):
        return "grad_norm"
    if not name or name.startswith("hp") or "_vs_iterations" in name:
        return ""
    if split.startswith("train") or not split:
        return name if _WHEN.sub("", name) == "loss" else ""
    return f"test_{name}" if split == "test" else f"eval_{name}"


@dataclass
class Scalars:
    """A run's scalars by step, the last one where a name stands twice at one. `counts_epochs`: its steps are epochs."""

    values: dict[int, dict[str, float]] = field(default_factory=dict)
    counts_epochs: bool = True
    _names: dict[str, str] = field(default_factory=dict)
    _source: dict[tuple[int, str], str] = field(default_factory=dict)
    _number: int = 0

    def take(self, tag: str, step: int, value: float) -> None:
        """Take in a scalar. Of the rates of several groups of parameters the largest counts."""
        if tag not in self._names:
            if len(self._names) >= MAX_NAMES:
                return
            self._names[tag] = scalar_name(tag[:MAX_NAME])
        name = self._names[tag]
        self._number += 1
        if not name or self._number > MAX_VALUES:
            return
        self.counts_epochs = self.counts_epochs and tag.rpartition("/")[2].startswith(_KERAS)
        here = self.values.setdefault(step, {})
        if name == "learning_rate":
            first = self._source.setdefault((step, name), tag)
            value = value if first == tag else max(value, here.get(name, value))
        here[name] = value

    def entries(self) -> Iterator[Entry]:
        """Yield what was measured, in the order of steps."""
        names = {name for values in self.values.values() for name in values}
        epochs = [values["epoch"] for values in self.values.values() if "epoch" in values]
        counts_from_zero = bool(epochs) and min(epochs) == 0 and all(each == int(each) for each in epochs)
        for step, values in sorted(self.values.items()):
            entry = {_without_when(name, names): value for name, value in values.items()}
            entry.pop("", None)
            if self.counts_epochs:
                yield Entry.of({**entry, "epoch": step + 1})
                continue
            if counts_from_zero and "epoch" in entry:  # Lightning's: the one that is going on, as its step is
                is_evaluation = any(name.startswith("eval") for name in entry)
                epoch = entry.pop("epoch")
                entry |= {"epoch": epoch + 1} if is_evaluation else {}
            step += counts_from_zero
            yield Entry.of({**entry, "step": step})


def _without_when(name: str, names: set[str]) -> str:
    """Return a name without when it was logged: of training at steps, of evaluations over the epoch."""
    match = _WHEN.search(name)
    if not match or name[: match.start()] in names:
        return name if not match else ""
    wanted = "step" if name.startswith("loss") else "epoch"
    is_other = match[1] != wanted and name[: match.start() + 1] + wanted in names
    return "" if is_other else name[: match.start()]
