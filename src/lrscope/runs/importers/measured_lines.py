"""Lines that tell what was measured in a training: at an epoch or a step, in their own line or under a heading of one.

One reader for all programs that print text: loops of one's own, Keras, fastai, Lightning, nanoGPT, llama2.c, nanochat,
torchtune, torchtitan, litgpt. What is not surely a measurement is none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lrscope.runs.importers import checked
from lrscope.runs.importers.printed_tables import PrintedTable
from lrscope.runs.importers.printed_values import Name, Printed, printed_in

_DIGIT = re.compile(r"\d")
# A heading of an epoch: "Epoch 1/3", "===== Epoch 2 =====", "Epoch: 01 | Epoch Time: 0m 10s", "Epoch 3 results:".
_HEADING = re.compile(r"^[^\w]{0,80}(?:\[?(?:train|training)\]?\W{1,3})?(?:start(?:ing)? )?ep(?:och)?\b", re.I)
# What stands behind an epoch's number where it has ended: what was measured may stand before it as well as after it.
_ENDED = re.compile(
    r"\b(?:finished|completed?|done|took|ended|early|saved?|saving|stopp\w{1,5}|improve\w{0,2}|reduc\w{1,5})\b", re.I
)
_LETTERS = re.compile(r"[^\W\d_]+")
_OF_HEADINGS = re.compile(
    r"epoch|ep|time|[smh]|ms|secs?|seconds?|mins?|minutes?|results?|summary|start(?:ing|ed)?|begin(?:ning)?|train(?:ing)?"
    r"|of|info|root|debug|learning|rate|lr|elapsed",
)
_SUMMARY = re.compile(r"best|lowest|highest|minimum|maximum", re.I)
_KERAS = re.compile(r"^(\d{1,9})/(\d{1,9}|Unknown)\s")
# Lightning's bar, also one's own with its epoch in front, and torchtune's.
_BAR = re.compile(
    r"^(?:Epoch (\d{1,9})(?:/\d{1,9})?:\s*\d{1,3}%\|[^|]{0,300}\|\s*(\d{1,12})/(\d{1,12}) \[[^,\]]{1,40},[^,\]]{1,40}, "
    r"|(\d{1,9})\|(\d{1,9})\|(?=Loss: ))(.*)"
)
_ALWAYS_TRAIN = ("loss", "learning_rate", "grad_norm")

Values = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a line measured, by split and metric, and where it stands: what it does not tell is None.

    `total_epochs` and `total_steps` are what stands behind a slash. `share` is the part of its epoch that is done,
    where that is told without steps, as in "Epoch: [3][ 10/391]". `form` tells lines of one kind from others.
    """

    values: Values
    epoch: int | None = None
    total_epochs: int | None = None
    step: int | None = None
    total_steps: int | None = None
    share: float | None = None
    form: str = ""

    @property
    def is_placed(self) -> bool:
        """Whether it has a position."""
        return self.epoch is not None or self.step is not None

    @property
    def is_within_epoch(self) -> bool:
        """Whether it stands at a step, or within an epoch."""
        return self.step is not None or self.share is not None

    @property
    def is_redrawn(self) -> bool:
        """Whether it is a state of a bar, which is drawn again and again: the last one counts."""
        return self.form.startswith("bar")

    @property
    def names(self) -> set[tuple[str, str]]:
        """What was measured: splits and metrics."""
        return {(split, name) for split, values in self.values.items() for name in values}


class MeasuredLines:
    """Reads lines in order, since what stands under an epoch's heading belongs to that epoch.

    >>> lines = MeasuredLines()
    >>> lines.take("Epoch 1/3").epoch, dict(lines.take("Train Loss: 0.5 | Val. Loss: 0.6 | Val. Acc: 75.0%").values)
    (1, {'train': {'loss': 0.5}, 'dev': {'loss': 0.6, 'acc': 75.0}})
    >>> lines.take("the loss is high"), lines.take("step 200: train loss 2.43, val loss 2.46").step
    (None, 200)
    """

    def __init__(self) -> None:
        self._heading: Measured | None = None
        self._seen: set[tuple[str, str]] = set()  # what stood under the heading
        self._table: PrintedTable | None = None
        self._bar = 0  # how far a bar stood; -1 where its epoch has ended
        self._num_bars = 0
        self._steps_an_iter = 1.0

    def forget(self) -> None:
        """Let a heading's epoch end: another run may begin."""
        self.__init__()  # type: ignore[misc]

    def take(self, line: str) -> Measured | None:
        """Return what a line says, None where it says nothing; without values it is the heading of an epoch."""
        if "{" in line or _DIGIT.search(line) is None:
            if line[:1] in "eEsSiI|" and (table := PrintedTable.headed(line)) is not None:
                self._table, self._heading = table, None
                return Measured({})
            return None
        if self._table is not None and (row := self._table.row(line)) is not None:
            return Measured(row.values, epoch=row.epoch, step=row.step, form="table")
        if not _tells(line.lower()):
            return None
        if "|" in line and (bar := _BAR.match(line)) is not None:
            return self._of_bar(bar)
        if "%|" in line:  # a bar of something else
            return None
        keras = _KERAS.match(line)
        if keras is not None and " - " in line:
            return self._of_keras(keras, line)
        return self._of_text(line)

    def _of_text(self, line: str) -> Measured | None:
        read = _Line(line)
        found = self._in_steps(read)
        if found.is_placed:
            if not found.values:
                if found.epoch is None or not _HEADING.match(line) or _ENDED.search(line):
                    return None
                self._begin(found)
                return found if _is_plain(line) else None
            if found.epoch is not None and not found.is_within_epoch:
                self._begin(found)
            elif found.epoch is None and self._heading is not None and not self._heading.values:
                found = replace(found, epoch=self._heading.epoch, total_epochs=self._heading.total_epochs)
            return found
        if not found.values:
            return None
        at = self._heading
        if at is not None and not found.names & self._seen:
            self._seen |= found.names
            return replace(found, epoch=at.epoch, total_epochs=at.total_epochs, form=f"under {found.form}")
        return found if read.is_named and not _SUMMARY.search(line) else None

    def _begin(self, found: Measured) -> None:
        """Make a line the heading of what stands under it."""
        self._heading, self._seen = found, found.names
        self._bar = 0
        self._num_bars += 1

    def _in_steps(self, read: _Line) -> Measured:
        """Return a line's measurements; litgpt counts iterations beside steps, and evaluates at iterations."""
        found = read.measured
        if read.iteration is not None and read.step is not None and read.iteration > 0:
            self._steps_an_iter = read.step / read.iteration
            if "dev" in found.values and read.is_carried:  # the last evaluation's value, repeated in every line
                return replace(found, values={name: each for name, each in found.values.items() if name != "dev"})
        elif read.iteration is not None and self._steps_an_iter != 1.0:
            return replace(found, step=round(read.iteration * self._steps_an_iter))
        return found

    def _of_keras(self, match: re.Match[str], line: str) -> Measured | None:
        """Return the last state of a bar of Keras: before, it tells of the part of an epoch."""
        if self._heading is None:
            return None
        done, total = int(match[1]), checked.count(match[2])
        if self._bar < 0 or done < self._bar:
            self._bar = -1  # an evaluation after the training
            return None
        self._bar = done
        found = _Line(line[match.end() :], bare="train").measured
        if not found.values or (total is not None and done < total):
            return Measured({})
        if "dev" in found.values:
            self._bar = -1
        return replace(
            found, epoch=self._heading.epoch, total_epochs=self._heading.total_epochs, form=f"bar {self._num_bars}"
        )

    def _of_bar(self, match: re.Match[str]) -> Measured | None:
        """Return the last state of a bar of Lightning, or any state of one of torchtune."""
        found = _Line(match[6].partition("]")[0], bare="train").measured
        if match[4] is not None:
            return replace(found, epoch=int(match[4]), step=int(match[5]), form="torchtune") if found.values else None
        done = int(match[2])
        self._num_bars += done < self._bar
        self._bar = done
        if match[2] != match[3] or not found.values:
            return Measured({})
        return replace(found, epoch=int(match[1]), step=None, total_steps=None, form=f"bar {self._num_bars}")


def _tells(line: str) -> bool:
    """Whether a line has a word that every line has which tells something: the fastest way past one that does not."""
    return (
        "loss" in line or "ep" in line or "iter" in line or "acc" in line or "val" in line or "dev" in line
        or "test" in line or "lr" in line or "learning" in line or "batch" in line or "train" in line
    )  # fmt: skip


def _is_plain(heading: str) -> bool:
    """Whether a heading of an epoch says nothing else."""
    return all(_OF_HEADINGS.fullmatch(word) for word in _LETTERS.findall(heading.lower()))


class _Line:
    """The numbers of one line, put together."""

    def __init__(self, line: str, bare: str = "") -> None:
        self.epoch: int | None = None
        self.step: int | None = None
        self.iteration: int | None = None
        self.share: float | None = None
        self.is_carried = False  # whether a split stands alone behind another one's metric
        self._totals: dict[str, int | None] = {}
        self._found: list[tuple[str, str, float, str]] = []  # split, metric, value, split that stands before it
        self._section, self._carried = "", ""
        for number in printed_in(line):
            self._take(number, line)
        self.is_named = any(split or section for split, metric, _, section in self._found if metric != "learning_rate")
        step = self.iteration if self.step is None else self.step
        self.measured = Measured(
            self._values(bare), self.epoch, self._totals.get("epoch"), step,
            self._totals.get("iter" if self.step is None else "step"), self.share, self._form(),
        )  # fmt: skip

    def _take(self, number: Printed, line: str) -> None:
        name = number.name
        if name.section:
            self._section = name.section
        if name.kind in ("epoch", "step", "iter"):
            self._position(name, number)
        elif name.kind == "value" and number.total is None:
            self._found.append((name.split, name.metric, checked.number(number.text), self._section))
            self._carried = name.metric if name.split and not name.section else ""
        elif name.kind == "split" and self._carried and number.total is None:
            self._found.append((name.split, self._carried, checked.number(number.text), ""))
            self.is_carried = True
        elif number.total and not name.kind and list(self._totals) == ["epoch"] and not self._found:
            self.share = min(checked.number(number.text) / number.total, 1.0)
        elif not self._found and not name.kind and line.startswith(" | loss ", number.end) and not self._totals:
            self._position(Name("step"), number)  # llama2.c: "1000 | loss 1.5 | lr 5.0e-04"

    def _position(self, name: Name, number: Printed) -> None:
        count = checked.count(number.text)
        if count is None or name.kind in self._totals:
            return
        if name.kind == "epoch":
            if self._found and self._totals:  # a counter among the values of a step
                return
            self.epoch = count
        elif name.kind == "step":
            self.step = count
        else:
            self.iteration = count
        self._totals[name.kind] = number.total
        self._section = name.split or self._section

    def _form(self) -> str:
        return ",".join([*self._totals, *(f"{split or section} {metric}" for split, metric, _, section in self._found)])

    def _values(self, bare: str) -> dict[str, dict[str, float]]:
        """Return the values by split; one whose split is not certain is left out."""
        values: dict[str, dict[str, float]] = {}
        named = {split for split, metric, _, _ in self._found if split and metric not in ("learning_rate", "grad_norm")}
        of_line = next(iter(named), "") if len(named) == 1 and self._found and self._found[0][0] else ""
        seen = [metric for split, metric, _, _ in self._found if not split]
        before = ""
        for split, metric, value, section in self._found:
            owner = split or section or bare
            if not owner and seen.count(metric) > 1 and before:
                owner = before  # "Train Loss: 0.5, Acc: 0.7 | Valid Loss: 0.6, Acc: 0.8"
            if not owner and of_line and (metric != "loss" or not self._totals):
                owner = of_line  # "val Loss: 0.6 Acc: 0.8"
            if not owner and metric in _ALWAYS_TRAIN and not (of_line and not self._totals):
                owner = "train"
            if not owner and any(each == metric and other == "dev" for other, each, _, _ in self._found):
                owner = "train"  # "f1: 0.8 - val_f1: 0.7"
            if split and metric not in ("learning_rate", "grad_norm"):
                before = split
            if not owner or metric in values.get(owner, {}) or (metric == "learning_rate" and not 0.0 <= value < 1e30):
                continue
            values.setdefault(owner, {})[metric] = value if owner == "train" else checked.measured(value)
        return values
