"""How much runs that differ only in the seed were seen to differ, in recorded settings: `recorded_noise.csv`.

Made by `benchmarks/landscapes/seed_noise.py`; docs/statistics.md says how, and how often one seed misleads with it.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_name("recorded_noise.csv")


class RecordedNoise(NamedTuple):
    """The standard deviation over seeds of the dev log-loss near the best rate, as a share of it.

    `usual` is the middle of recorded settings of this kind, and `high` what 95% of such settings stay below. `largest`
    is the number of parameters of the largest model among them.
    """

    task: str
    parts: tuple[str, ...]
    optimizers: tuple[str, ...]
    settings: int
    runs: int
    largest: str
    usual: float
    high: float


@functools.cache
def _table() -> tuple[RecordedNoise, ...]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            RecordedNoise(
                row["task"], tuple(row["parts"].split("+")), tuple(row["optimizers"].split("+")),
                int(row["settings"]), int(row["runs"]), row["largest"], float(row["usual"]), float(row["high"]),
            )
            for row in csv.DictReader(file)
        )  # fmt: skip


def recorded_noise(task: str, part: str, optimizer: str) -> RecordedNoise | None:
    """Return what was recorded of a task where this part of a model is trained; None where nothing was.

    >>> recorded_noise("sft", "lora", "adamw").largest
    '135M'
    >>> recorded_noise("sft", "lora", "sgd") is None
    True
    """
    fitting = (each for each in _table() if each.task == task and part in each.parts and optimizer in each.optimizers)
    return next(fitting, None)
