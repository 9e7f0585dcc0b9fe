"""A budget of time for finding a learning rate: written and read, and how long runs are so that enough fit."""

from __future__ import annotations

import math
from pathlib import Path

from lrscope.config.times import parse_time
from lrscope.errors import ConfigError, Problem
from lrscope.studies.run_times import seconds_together

PLAN, SETTINGS = "plan.json", "settings.toml"
NUM_RATES = 5  # of a sweep whose rates are found
FEWEST_RUNS = 3  # a rate, and one on each side
GOOD_RUNS = 6  # runs are shortened, where their length is free, until so many fit


def parse_budget(text: str) -> float:
    """Return the seconds of a budget.

    Raises:
        ConfigError: it is no length of time with its unit.
    """
    return parse_time(text, "budget")


def format_budget(seconds: float) -> str:
    """Return a budget as it is typed.

    >>> format_budget(90), format_budget(1200), format_budget(5400)
    ('90s', '20min', '90min')
    """
    minutes = f"{seconds / 60:.3g}"
    return f"{minutes}min" if seconds >= 120 and float(minutes) * 60.0 == seconds else f"{seconds:.10g}s"


def epochs_within(
    budget: float, run_of: tuple[float, float], at_once: int, epochs: int | None, *, most_epochs: int
) -> int:
    """Return how many epochs a run has: those asked for, else as many as let six runs fit, up to `most_epochs`.

    `run_of` is what a run takes beside its epochs, and an epoch, in seconds.

    Raises:
        ConfigError: not even three runs fit; it says what would.

    >>> [epochs_within(600.0, (4.0, 10.0), 1, epochs, most_epochs=10) for epochs in (None, 12)]
    [9, 12]
    """
    fixed, epoch = run_of

    def together(length: int, runs: int) -> float:
        return seconds_together([fixed + length * epoch] * runs, at_once)

    lengths = [epochs] if epochs is not None else list(range(most_epochs, 0, -1))
    length = next((each for each in lengths if together(each, GOOD_RUNS) <= budget), lengths[-1])
    require_fewest(budget, fixed + length * epoch, at_once, f" of {length} epoch{'s' * (length > 1)}")
    return length


def require_fewest(budget: float, full_run: float, at_once: int, length: str = "") -> None:
    """Refuse a budget that does not hold the fewest runs: a rate, and one on each side.

    Raises:
        ConfigError: it does not; the message says what would.
    """
    least = seconds_together([full_run] * FEWEST_RUNS, at_once)
    if least > budget:
        enough = least * 1.1
        enough = math.ceil(enough) if enough < 120.0 else 60.0 * math.ceil(enough / 60.0)
        rule = f"{{budget}} holds {FEWEST_RUNS} runs at least, each{length} about {shown_seconds(full_run)} here"
        way_out = f"give {format_budget(enough)}, or take the rate that lrscope prior names"
        raise ConfigError(Problem(rule, format_budget(budget), way_out))


def shown_seconds(seconds: float) -> str:
    """Return a length of time to two or three digits.

    >>> shown_seconds(37.26), shown_seconds(1512)
    ('37.3s', '25min')
    """
    return format_budget(float(f"{seconds:.3g}") if seconds < 120 else 60.0 * round(seconds / 60.0))


def is_tune_folder(folder: Path) -> bool:
    """Return whether a folder is one that tune spends a budget in: its plan was kept there."""
    return (folder / PLAN).is_file()


def holds_other_files(folder: Path) -> bool:
    """Return whether a folder without a plan holds anything but what a tune leaves that was killed at its start."""
    return folder.exists() and (not folder.is_dir() or any(not _is_left_over(path) for path in folder.iterdir()))


def _is_left_over(path: Path) -> bool:
    """Version 0.1 wrote the settings before the plan; a file that was being written begins with a dot."""
    return path.name == SETTINGS or (path.name.startswith((f".{PLAN}.", f".{SETTINGS}.")) and path.suffix == ".tmp")
