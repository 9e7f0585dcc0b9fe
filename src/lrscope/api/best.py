"""The recommended setting of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lrscope.config.external import with_whole_epochs
from lrscope.findings.confidence import confidence
from lrscope.number_text import format_rate
from lrscope.statistics.conclusions import Conclusions


@dataclass(frozen=True)
class Best(Mapping[str, Any]):
    """The recommended setting: a mapping of `lr` and the study's own settings, and what is known of it.

    `value` is its mean of `metric` over seeds. `is_proven` says that every other setting is shown to be worse; where
    it is not, others may be as good, and `confidence` (high, medium or low) and the study's `answer` say what is known.

    `lr` is `conclusions.recommended_rate`: of `lrscope.tune` where all runs put the best rate, which need not have run.
    `measured_lr` is the first choice of those that ran, of which `value` and `is_proven` are; elsewhere it is `lr`.
    """

    settings: Mapping[str, Any]
    value: float
    metric: str
    confidence: Literal["high", "medium", "low"]
    is_proven: bool
    measured_lr: float

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def __repr__(self) -> str:
        proven = "" if self.is_proven else ", not proven: others may be as good"
        at = "" if self.settings["lr"] == self.measured_lr else f" at lr {format_rate(self.measured_lr)}"
        return f"{dict(self.settings)!r} ({self.metric} {self.value:.4g}{at}, confidence {self.confidence}{proven})"


def best_of(c: Conclusions) -> Best | None:
    """Return the recommendation of these conclusions; None where nothing is recommended."""
    first = c.recommended
    if first is None or c.num_known < 2:
        return None
    values = dict(c.runs.configs[first.name].values)
    measured = values.pop("peak_rate")
    rate = measured if c.recommends_arm else c.recommended_rate
    settings = {"lr": rate, **with_whole_epochs(values)}
    left = c.verdict.contenders
    is_proven = len(left) == 1 and c.arms[left[0]].name == first.name
    return Best(settings, first.value, c.runs.metric.name, confidence(c)[0], is_proven, measured)
