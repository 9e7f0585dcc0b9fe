"""Seeds spent only where the decision is open: planned looks, kept with the study, that share one error."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lrscope.config import AnyTrial
from lrscope.config.arms import grouped
from lrscope.errors import StudyError
from lrscope.files import count_in, damaged, number_in, read_json, write_text
from lrscope.runs.import_study import read_study
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.defaults import ERROR, MARGIN
from lrscope.statistics.expected_best import ExpectedBest
from lrscope.statistics.multiplicity import spent
from lrscope.store.study import StudyStore

LOOKS = "looks.json"
GROWTH = 1.6


@dataclass(frozen=True)
class Looks:
    """The plan: a difference that matters, the seeds at each look, and how many looks have been taken."""

    margin: float
    seeds: tuple[int, ...]
    taken: int = 0

    @property
    def so_far(self) -> tuple[tuple[int, float], ...]:
        """The looks that were taken, the first where none was: seeds, and the error that it may spend."""
        shares = [number / self.seeds[-1] for number in self.seeds]
        return tuple(zip(self.seeds, spent(shares, ERROR), strict=True))[: max(1, self.taken)]

    @property
    def is_over(self) -> bool:
        """Whether all looks have been taken."""
        return self.taken >= len(self.seeds)


def planned_seeds(first: int, most: int) -> tuple[int, ...]:
    """Return the seeds at each look: from what there is, two at least, growing by half and more.

    >>> planned_seeds(3, 8), planned_seeds(1, 8), planned_seeds(8, 8)
    ((3, 5, 8), (2, 4, 7, 8), (8,))
    """
    found = [min(max(2, first), most)]
    while found[-1] < most:
        found.append(min(most, math.ceil(found[-1] * GROWTH)))
    return tuple(found)


def read_looks(folder: Path) -> Looks | None:
    """Return a study's plan of looks; None where it has none.

    Raises:
        StudyError: the file is damaged.
    """
    path = folder / LOOKS
    if not path.is_file():
        return None
    values = read_json(path)
    margin, taken, seeds = number_in(values, "margin", path), count_in(values, "taken", path), values.get("seeds")
    if margin <= 0.0:
        raise damaged(path, f"margin must be above 0: got {margin:g}")
    if not (isinstance(seeds, list) and seeds and all(isinstance(seed, int) and seed >= 1 for seed in seeds)):
        raise damaged(path, f"seeds must be a list of whole numbers: got {seeds!r:.60}")
    if seeds != sorted(set(seeds)) or taken > len(seeds):
        raise damaged(path, f"seeds must rise, and no more looks be taken than there are: got {seeds!r:.60}, {taken}")
    return Looks(margin, tuple(map(int, seeds)), taken)


def write_looks(folder: Path, looks: Looks) -> None:
    """Keep a plan of looks."""
    write_text(folder / LOOKS, json.dumps(asdict(looks)) + "\n")


def begin_looks(store: StudyStore, margin: float, most: int) -> Looks:
    """Plan the looks of a study, or go on with the plan that it has.

    Raises:
        StudyError: it has another plan: what was declared before looking is not changed after.
    """
    assert store.config.sweep is not None
    first = store.config.sweep.seeds
    known = read_looks(store.folder)
    if known is None:
        if most < first:
            raise StudyError(f"--max-seeds is at least the seeds that the study has: it has {first}, got {most}")
        known = Looks(margin, planned_seeds(first, most))
        write_looks(store.folder, known)
    elif known.seeds[-1] != most or known.margin != margin:
        raise StudyError(
            f"looks are planned before the first is taken: this study has --until-decided {known.margin:g} "
            f"--max-seeds {known.seeds[-1]}; got {margin:g} and {most}"
        )
    return known


def look(store: StudyStore, looks: Looks) -> tuple[Looks, Conclusions]:
    """Take the next look, and put on record that it was taken."""
    taken = replace(looks, taken=min(len(looks.seeds), looks.taken + 1))
    write_looks(store.folder, taken)
    return taken, conclude(read_study(store), taken)


def conclude(
    runs: Runs,
    looks: Looks | None,
    *,
    margin: float | None = None,
    seed_sd: float | None = None,
    own_metric: bool = True,
    search: ExpectedBest | None = None,
) -> Conclusions:
    """Return what runs show: the one way to conclusions, whoever asks.

    `looks` are those planned for the study, where there are any: the margin that was declared and the part of the error
    that the last look may spend are the plan's, whatever `margin` is. Without a plan `margin` holds, or the default; so
    it does where runs are compared by another metric than the study's own, in whose units the plan's margin is.
    """
    if looks is not None and own_metric:
        margin = looks.margin
    so_far = () if looks is None else looks.so_far
    return Conclusions(runs, MARGIN if margin is None else margin, seed_sd, looks=so_far, search=search)


def open_trials(store: StudyStore, names: Sequence[str] | None, seeds: int) -> list[AnyTrial]:
    """Return the trials of these arms, all where None, at the first so many seeds, that are not there yet."""
    rows = store.trials()
    known = {row.config for row in rows}
    arms = [arm for arm, _ in grouped(rows) if names is None or arm.name in names]
    wanted = [arm.at(seed) for seed in range(seeds) for arm in arms]
    return [trial for trial in wanted if trial not in known]
