"""Dev as a share of the training examples, drawn by a seed of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrscope.data.dev_share import parse_share
from lrscope.errors import DataError, Problem
from lrscope.number_text import counted
from lrscope.randomness import derive_seed


class DevShare(NamedTuple):
    """A share of train in (0, 1) that becomes dev, and the seed that decides which examples those are."""

    share: float
    seed: int = 0

    def __str__(self) -> str:
        """Return the share as it is written, such as `10%`."""
        return f"{100.0 * self.share:.6g}%"


def dev_source(dev: str, split_seed: int) -> Path | DevShare:
    """Return the file of a dev set, or the share of train that it is, by the settings of that name.

    >>> dev_source("10%", 3)
    DevShare(share=0.1, seed=3)

    Raises:
        ConfigError: it is no share between 0% and 100%.
    """
    share = parse_share(dev)
    return Path(dev) if share is None else DevShare(share, split_seed)


def split_off(
    groups: Sequence[str], share: DevShare, source: Path, kinds: Sequence[Hashable] = ()
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the examples of train and of dev, each in its order in the file.

    Examples of an equal `groups` text are on one side: whole groups are drawn at random until dev is as near to
    `share` of all as they allow, with at least one example. Of each of `kinds`, which are all one where none are
    given, train keeps an example.

    Raises:
        DataError: the examples of `source` cannot be divided so.
    """
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    drawn = np.random.Generator(np.random.PCG64(derive_seed(share.seed, "dev split"))).permutation(len(members))
    every = list(members.values())
    target = max(1, round(share.share * len(groups)))
    left = Counter(kinds or [0] * len(groups))
    dev: list[int] = []

    def can_go(rows: Sequence[int]) -> bool:
        return all(left[kind] > number for kind, number in Counter(_kinds_of(rows, kinds)).items())

    for number in drawn:
        rows = every[number]
        if len(rows) <= 2 * (target - len(dev)) and can_go(rows):
            dev += rows
            left.subtract(_kinds_of(rows, kinds))
        if len(dev) >= target:
            break
    if not dev:
        dev = min((every[number] for number in drawn if can_go(every[number])), key=len, default=[])
    if not dev:
        raise DataError(
            Problem(
                f"{{dev}} {share} of train needs examples that differ, with others left to train on",
                f"{counted(len(groups), 'example')}, {len(every)} different",
                "add examples or name a file with {dev}",
            ),
            source=str(source),
        )
    chosen = np.zeros(len(groups), dtype=bool)
    chosen[dev] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _kinds_of(rows: Sequence[int], kinds: Sequence[Hashable]) -> list[Hashable]:
    return [kinds[row] if kinds else 0 for row in rows]


def share_note(train: Path, num_dev: int, num_all: int, share: DevShare) -> str:
    """Return the note that says where dev came from."""
    return f"dev is {num_dev} of the {num_all} examples in {train}, drawn with split seed {share.seed}"
