"""The recommended setting of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lrscope.config.external import with_whole_epochs
from lrscope.findings.confidence import confidence
from lrscope.statistics.conclusions import Conclusions


@dataclass(frozen=True)
class Best(Mapping[str, Any]):
    """The recommended setting: a mapping of `lr` and the study's own settings, and what is known of it.

    `value` is its mean of `metric` over seeds. `is_proven` says that every other setting is shown to be worse; where
    it is not, others may be as good, and `confidence` (high, medium or low) and the study's `answer` say what is known.
    """

    settings: Mapping[str, Any]
    value: float
    metric: str
    confidence: Literal["high", "medium", "low"]
    is_proven: bool

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.settings)

    def __len__(self) -> int:
        return len(self.settings)

    def __repr__(self) -> str:
        proven = "" if self.is_proven else ", not proven: others may be as good"
        return f"{dict(self.settings)!r} ({self.metric} {self.value:.4g}, confidence {self.confidence}{proven})"


def best_of(c: Conclusions) -> Best | None:
    """Return the recommendation of these conclusions; None where nothing is recommended."""
    first = c.recommended
    if first is None or c.num_known < 2:
        return None
    values = dict(c.runs.configs[first.name].values)
    settings = {"lr": values.pop("peak_rate"), **with_whole_epochs(values)}
    left = c.verdict.contenders
    is_proven = len(left) == 1 and c.arms[left[0]].name == first.name
    return Best(settings, first.value, c.runs.metric.name, confidence(c)[0], is_proven)
