"""From what is said to sentences of a language: numbers become texts here, and nowhere else."""

from __future__ import annotations

import math
from typing import Any

from lrscope.findings.advice import Advice
from lrscope.report.document import Cell
from lrscope.report.locales import Locale
from lrscope.runs.said import Said
from lrscope.schedules.durations import format_number

RATES = ("rate", "heading", "low_rate", "high_rate")
MAX_NAMED = 6  # arms in a sentence; of more, the first and the last


class Wording:
    """Writes a language. `metric` is the decision metric's name."""

    def __init__(self, locale: Locale, metric: str) -> None:
        self.locale, self.metric = locale, metric

    def word(self, key: str, **values: object) -> str:
        """Return a short word or heading."""
        return self.locale.words[key].format(metric=self.metric, **values)

    def sentence(self, said: Said) -> str:
        """Return what is said as a sentence."""
        values = {name: self._shown(name, value) for name, value in said.values.items() if name != "gaps"}
        if "error" in said.values and isinstance(said.values["error"], float):
            size = next((said.values[name] for name in ("rise", "fall") if name in said.values), math.nan)
            values["ratio"] = f"{size / said.values['error']:.1f}" if said.values["error"] else "–"
        if "gaps" in said.values:
            low, high = min(gap for gap, _ in said.values["gaps"]), max(gap for gap, _ in said.values["gaps"])
            values["gaps"] = number(low) if number(low) == number(high) else f"{number(low)} … {number(high)}"
        values.setdefault("metric", self.metric)
        if "most" in said.values:
            least, most = number(said.values["least"]), number(said.values["most"])
            values["widest"] = least if least == most else f"{least} … {most}"
        if said.kind.startswith("assumed-sd"):
            values["sd_source"] = self.locale.say["sd-named" if said.values.get("is_named") else "sd-source"]
        return self.locale.say[_variant(said)].format(arm=said.arm, **values)

    def cost(self, advice: Advice) -> str:
        """Return about how long a piece of advice takes, as an aside."""
        if math.isnan(advice.minutes):
            return self.locale.aside.format(self.word("minutes-unknown"))
        return self.locale.aside.format(self.word("minutes", minutes=max(1, round(advice.minutes))))

    def cell(self, cell: Cell) -> str:
        """Return what stands in a table's cell, without its note."""
        if cell.is_word:
            return self.word(cell.value)
        return number(cell.value, cell.digits) if isinstance(cell.value, float) else str(cell.value)

    def note(self, cell: Cell) -> str:
        """Return what stands beside a table's number, with the space before it; empty where there is nothing."""
        epoch = self.locale.aside.format(f"{self.word('epoch')} {cell.epoch}") if cell.epoch else ""
        return epoch + (f" {cell.note}" if cell.note else "")

    def _shown(self, name: str, value: Any) -> str:
        if isinstance(value, list | tuple):
            if len(value) > MAX_NAMED:
                return f"{value[0]} … {value[-1]}" + self.locale.aside.format(len(value))
            # Names that hold commas are set apart by more than one.
            comma = self.locale.semicolon if any(", " in str(item) for item in value) else self.locale.comma
            return comma.join(str(item) for item in value)
        if isinstance(value, float):
            if name in RATES:
                return format_number(float(f"{value:.3g}"))
            if name in ("low", "high") and 0.0 <= value <= 1.0:
                return f"{value:.0%}"
            return f"{value:g}" if name == "epoch" else number(value)
        return str(value)


def number(value: float, digits: int = 3) -> str:
    """Write a number, a dash for what is not known; small ones keep their first digit.

    >>> number(0.4096), number(float("nan")), number(0.00012)
    ('0.410', '–', '0.0001')
    """
    if math.isnan(value):
        return "–"
    if 1e-4 <= abs(value) < 10.0**-digits:
        return f"{value:.1g}"
    return f"{value:.{digits}f}"


def _variant(said: Said) -> str:
    """Return the sentence that fits what is known."""
    if said.kind == "assumed-sd" and said.values["flips"] is None:
        return "assumed-sd-firm"
    if said.kind == "more-seeds" and said.values["seeds"] is None:
        return "more-sentences" if said.values["examples"] is not None else "no-telling"
    return said.kind
