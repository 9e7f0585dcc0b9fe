"""One printed line that tells what was measured: its position, and its values by split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lrscope.config.metric_names import known_direction
from lrscope.runs.importers import checked
from lrscope.runs.importers.printed_values import Name, Printed, printed_in

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


class MeasuredLine:
    """The numbers of one line, put together.

    What names no split is of `bare`; or of `of_section`, in a line without a position.
    """

    def __init__(self, line: str, bare: str = "", of_section: str = "") -> None:
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
        bare = bare or ("" if self._totals else of_section)
        of_metrics = (each for each in self._found if each[1] != "learning_rate")
        self.is_named = bool(bare) or any(split or section for split, _, _, section in of_metrics)
        step, counted = (self.iteration, "iter") if self.step is None else (self.step, "step")
        values = self._values(bare)
        form = ",".join([*self._totals, *(f"{split} {name}" for split, each in values.items() for name in each)])
        self.measured = Measured(
            values, self.epoch, self._totals.get("epoch"), step, self._totals.get(counted), self.share, form
        )

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
        elif number.total and not name.kind and self._is_before_share():
            self.share = min(checked.number(number.text) / number.total, 1.0)
        elif not self._found and not name.kind and line.startswith(" | loss ", number.end) and not self._totals:
            self._position(Name("step"), number)  # llama2.c: "1000 | loss 1.5 | lr 5.0e-04"

    def _is_before_share(self) -> bool:
        """Whether a number with a total may be a part of an epoch: "Epoch: [3][ 10/391]", "loss: 2.3  [ 64/60000]"."""
        return (list(self._totals) == ["epoch"] and not self._found) or (not self._totals and len(self._found) == 1)

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

    def _values(self, bare: str) -> dict[str, dict[str, float]]:
        """Return the values by split; one whose split is not certain is left out."""
        values: dict[str, dict[str, float]] = {}
        named = {split for split, metric, _, _ in self._found if split and metric not in ("learning_rate", "grad_norm")}
        of_line = next(iter(named), "") if len(named) == 1 and self._found and self._found[0][0] else ""
        seen = [metric for split, metric, _, _ in self._found if not split]
        before = ""
        # "F1: 50.9%, Avg loss: 2.15" with no position is of any split.
        is_unclear = not self._totals and any(metric not in _ALWAYS_TRAIN for metric in seen)
        for split, metric, value, section in self._found:
            owner = split or section or bare
            if not owner and seen.count(metric) > 1 and before:
                owner = before  # "Train Loss: 0.5, Acc: 0.7 | Valid Loss: 0.6, Acc: 0.8"
            if not owner and of_line and (metric != "loss" or not self._totals):
                owner = of_line  # "val Loss: 0.6 Acc: 0.8"
            if not owner and metric in _ALWAYS_TRAIN and not (is_unclear or (of_line and not self._totals)):
                owner = "train"
            if not owner and any(each == metric and other == "dev" for other, each, _, _ in self._found):
                owner = "train"  # "f1: 0.8 - val_f1: 0.7"
            if split and metric not in ("learning_rate", "grad_norm"):
                before = split
            if not self._totals and metric != "score" and metric not in _ALWAYS_TRAIN and not known_direction(metric):
                continue  # a line without a position may speak of anything
            if not owner or metric in values.get(owner, {}) or (metric == "learning_rate" and not 0.0 <= value < 1e30):
                continue
            values.setdefault(owner, {})[metric] = value if owner == "train" else checked.measured(value)
        return values
