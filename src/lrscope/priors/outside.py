"""What of a question was never measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lrscope.priors.evidence import Landscape
from lrscope.priors.question import Question

UNKNOWN = "unknown"
SAME = 0.01  # decades; sizes are rounded in tables and names


@dataclass(frozen=True)
class Outside:
    """What of a question was never measured: its name, what was asked, and the values that were.

    `beyond` tells how many decades a number lies outside of those measured; 0 between them, and for words.
    """

    name: str
    asked: float | str
    measured: tuple[float | str, ...]
    beyond: float = 0.0


def outside_of(landscapes: Sequence[Landscape], at: Question) -> list[Outside]:
    """Return what of a question none of the landscapes has measured."""
    found: list[Outside] = []
    if at.task not in {each.at.task for each in landscapes}:
        found.append(Outside("task", at.task, _words(landscapes, lambda each: each.task)))
    if at.family not in {each.at.family for each in landscapes}:
        found.append(Outside("family", at.family or UNKNOWN, _words(landscapes, lambda each: each.family)))
    numbers: list[tuple[str, Callable[[Question], float]]] = [
        ("parameters", lambda each: each.parameters),
        ("batch size", lambda each: each.batch_size),
        ("steps", lambda each: each.steps),
    ]
    if at.method == "lora":
        numbers += [("LoRA rank", lambda each: each.rank), ("LoRA alpha", lambda each: each.alpha)]
    for name, value in numbers:
        measured, asked = _numbers(landscapes, value), value(at)
        low, high = min(measured), max(measured)
        beyond = max(math.log10(low / asked), math.log10(asked / high), 0.0)
        if beyond < SAME:
            beyond = 0.0
        near = any(abs(math.log10(asked / each)) < SAME for each in measured)
        if beyond or (name != "parameters" and not near):
            found.append(Outside(name, asked, measured, beyond))
    return found


def _words(landscapes: Sequence[Landscape], value: Callable[[Question], str]) -> tuple[str, ...]:
    return tuple(sorted({value(each.at) for each in landscapes}))


def _numbers(landscapes: Sequence[Landscape], value: Callable[[Question], float]) -> tuple[float, ...]:
    return tuple(sorted({value(each.at) for each in landscapes}))
