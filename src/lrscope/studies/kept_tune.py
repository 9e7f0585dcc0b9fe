"""What a tune was asked for, what it knew before and has spent, kept in its folder: it goes on from there."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lrscope.config import AnyStudy, StudyConfig
from lrscope.config.command_line import CommandLine, quote, resume
from lrscope.config.read import study_from_dict
from lrscope.errors import ConfigError, LrscopeError, StudyError
from lrscope.files import damaged, number_in, read_json, write_text
from lrscope.statistics.defaults import MARGIN
from lrscope.studies.budget import PLAN
from lrscope.studies.tune_plan import SOURCES, Known

FORMAT = "lrscope tune/2"
SWEEP, FIND = "sweep", "find"  # the folders of the runs, and of the range tests before them


@dataclass(frozen=True)
class KeptTune:
    """A budget in seconds and what it is for; `spent` is the part that is gone.

    `epochs` is how long runs of the built-in training are. `known` is what is known of the best rate before runs are
    made, and `run_seconds` what one is expected to take: both None until that was found out.
    """

    budget: float
    settings: AnyStudy
    epochs: int | None = None
    known: Known | None = None
    run_seconds: float | None = None
    spent: float = 0.0
    margin: float = MARGIN

    @property
    def study(self) -> AnyStudy:
        """The settings of the runs."""
        if self.epochs is None or not isinstance(self.settings, StudyConfig):
            return self.settings
        return self.settings.with_parts(trial=self.settings.trial.with_length(self.epochs))


def read_tune(folder: Path) -> KeptTune | None:
    """Return what was kept; None where there is nothing.

    Raises:
        StudyError: the file is damaged, or of an earlier version, which spent budgets in another way.
    """
    path = folder / PLAN
    if not path.is_file():
        return None
    values = read_json(path)
    if is_of_earlier_version(folder):
        raise StudyError(
            f"{folder} was begun by an earlier version, which planned otherwise: its runs are kept, see lrscope report "
            f"{quote(folder)}; to tune anew choose another --out"
        )
    try:
        settings = study_from_dict(_mapping(values.get("settings")), str(path))
        known = None if values.get("known") is None else _known(_mapping(values["known"]), path)
    except LrscopeError as error:  # a schedule that does not read has an error of its own
        raise damaged(path, str(error)) from error
    epochs, seconds = values.get("epochs"), values.get("run_seconds")
    if not (epochs is None or (isinstance(epochs, int) and epochs >= 1)):
        raise damaged(path, f"epochs must be a number of epochs: got {epochs!r:.60}")
    budget, spent = number_in(values, "budget", path), number_in(values, "spent", path)
    if budget <= 0.0 or spent < 0.0:
        raise damaged(path, f"budget and spent must be seconds: got {budget:g} and {spent:g}")
    run_seconds = None if seconds is None else number_in(values, "run_seconds", path)
    return KeptTune(budget, settings, epochs, known, run_seconds, spent, number_in(values, "margin", path))


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"settings and known must be objects: got {value!r:.60}")
    return value


def _known(values: dict[str, Any], path: Path) -> Known:
    center, sd = number_in(values, "center", path), number_in(values, "sd", path)
    source, bounds = values.get("source"), values.get("bounds")
    if source not in SOURCES or not (math.isfinite(center) and sd > 0.0):
        raise damaged(path, f"known must be a normal and its source: got {values!r:.60}")
    start = None if values.get("start") is None else number_in(values, "start", path)
    if bounds is None:
        return Known(center, sd, source, start=start)
    if not (isinstance(bounds, list) and len(bounds) == 2 and all(isinstance(end, float) for end in bounds)):
        raise damaged(path, f"bounds must be two numbers: got {bounds!r:.60}")
    return Known(center, sd, source, (bounds[0], bounds[1]), start)


def keep_tune(folder: Path, kept: KeptTune) -> None:
    """Keep it in one file."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {
        "format": FORMAT, "budget": kept.budget, "spent": round(kept.spent, 3), "margin": kept.margin,
        "epochs": kept.epochs,
        "known": None if kept.known is None else asdict(kept.known), "run_seconds": kept.run_seconds,
        "settings": kept.settings.to_dict(),
    }  # fmt: skip
    write_text(folder / PLAN, json.dumps(values, indent=1) + "\n")


def is_of_earlier_version(folder: Path) -> bool:
    """Return whether a tune was begun by a version that planned otherwise: its studies are there, but no search."""
    return (folder / PLAN).is_file() and read_json(folder / PLAN).get("format") != FORMAT


def going_on(folder: Path) -> CommandLine:
    """Return the command that goes on with a tune.

    >>> print(going_on(Path("runs/tune")))
    lrscope tune --resume runs/tune
    """
    return resume("tune", folder)
