"""Conclusions from a study or from imported runs, as every command draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, cast, get_args

from lrscope.errors import ConfigError
from lrscope.records import Direction
from lrscope.runs.beside import ArmFrom
from lrscope.runs.comparisons import Asked
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_comparisons
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies.interim_looks import Looks, conclude, read_looks
from lrscope.studies.search_runs import expected_best
from lrscope.studies.what_is_left import ahead_of
from lrscope.workflows.study_folder import compared_study


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """How runs are compared.

    `metric` is the one of dev to compare by, the study's own where None, and `direction` which way of it is better,
    where its name does not say; `margin` is the smallest difference that matters, that of the planned looks or 0.02
    where None; `seed_sd` the standard deviation over seeds to assume where a setting has one run. With `best_epoch`
    runs are compared at their best epochs. `dev_size` and `test_size` are numbers of examples, for logs that do not
    name them, and `arm_from` where settings are taken from that they do not name: the "path", or a "config" beside.

    >>> ReportConfig(margin=-0.1)
    Traceback (most recent call last):
    lrscope.errors.ConfigError: --margin is a positive number: got -0.1
    """

    metric: str | None = None
    direction: Direction | None = None
    margin: float | None = None
    seed_sd: float | None = None
    best_epoch: bool = False
    dev_size: int | None = None
    test_size: int | None = None
    arm_from: str | None = None

    def __post_init__(self) -> None:
        problems = [
            f"--{name.replace('_', '-')} is a positive number: got {value:g}"
            for name, value in (("margin", self.margin), ("seed_sd", self.seed_sd))
            if value is not None and not (math.isfinite(value) and value > 0.0)
        ]
        problems += [
            f"--{name}-size is a number of examples: got {size}" for name, size in self.sizes.items() if size < 1
        ]
        if self.arm_from not in (None, *get_args(ArmFrom)):
            problems.append(f"--arm-from is path or config: got {self.arm_from}")
        if problems:
            raise ConfigError("; ".join(problems))

    @property
    def sizes(self) -> dict[str, int]:
        """The numbers of examples that were given, by split."""
        known = {"dev": self.dev_size, "test": self.test_size}
        return {name: size for name, size in known.items() if size is not None}


class Concluded(NamedTuple):
    """Conclusions, and notes for the user on how they were drawn."""

    conclusions: Conclusions
    notes: tuple[str, ...]


def conclude_each(sources: Sequence[Path], config: ReportConfig | None = None) -> list[Concluded]:
    """Return what the runs of a study, of a tune's folder, or of imported files show: one comparison a dev set.

    A study with planned looks is judged by its plan: its margin, and the error that the looks share.

    Raises:
        DataError, StudyError: they cannot be read, or no run has ended.
    """
    config = config or ReportConfig()
    paths = [compared_study(path) for path in sources]
    asked = Asked(
        config.sizes, config.metric, config.direction, config.best_epoch, cast("ArmFrom | None", config.arm_from)
    )
    return [_concluded(runs, paths, config) for runs in read_comparisons(paths, asked)]


def conclude_study(folder: Path, config: ReportConfig | None = None) -> Concluded:
    """Return what the runs of a study show.

    Raises:
        DataError, StudyError: it cannot be read, or no run has ended.
    """
    (concluded,) = conclude_each([folder], config)
    return concluded


def _concluded(runs: Runs, paths: Sequence[Path], config: ReportConfig) -> Concluded:
    looks = None if runs.is_imported else read_looks(paths[0])
    own_metric = looks is None or _is_own_metric(paths[0], config.metric)
    search = None if runs.is_imported else expected_best(paths[0])
    runs = runs if runs.is_imported else replace(runs, ahead=ahead_of(paths[0]))
    concluded = conclude(
        runs, looks, margin=config.margin, seed_sd=config.seed_sd, own_metric=own_metric, search=search
    )
    return Concluded(concluded, _notes(looks, config.margin) if own_metric else ())


def _is_own_metric(folder: Path, metric: str | None) -> bool:
    if metric is None or not (folder / DATABASE).is_file():
        return True
    with StudyStore.open(folder) as store:
        return store.metric.name == metric


def _notes(looks: Looks | None, margin: float | None) -> tuple[str, ...]:
    if looks is None or margin is None or margin == looks.margin:
        return ()
    return (
        f"this study's checks were planned with a margin of {looks.margin:g}, which decides; --margin {margin:g} is "
        "not used",
    )
