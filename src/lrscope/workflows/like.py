"""A sweep that keeps the schedule and the settings of runs that were recorded before: `--like old.log`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lrscope.config import StudyConfig
from lrscope.config.catalogue import all_settings
from lrscope.config.read import built_in_trial
from lrscope.errors import ConfigError
from lrscope.findings.commands import schedule_options, study_options, trial_options
from lrscope.findings.imported_options import UNKNOWN, applied_text, imported_options, names_of
from lrscope.runs.comparisons import Asked
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.settings import SETTING, epochs_of, shared_settings
from lrscope.runs.sources import read_comparisons
from lrscope.workflows.study_folder import compared_study


@dataclass(frozen=True)
class Like:
    """How the runs of a record were trained.

    `options` are settings of the built-in training by their names, `settings` all that the record names, as it names
    them.
    """

    options: Mapping[str, Any]
    settings: Mapping[str, str]

    def values_of(self, names: Iterable[str]) -> dict[str, str]:
        """Return the values of a command's placeholders that the record names, by the same name or another of it.

        >>> Like({}, {"per_device_train_batch_size": "16"}).values_of(["batch_size", "width"])
        {'batch_size': '16'}
        """
        found = {}
        for name in names:
            value = next((self.settings[each] for each in _all_names(name) if each in self.settings), None)
            if value is None and name == "epochs":
                value = epochs_of(self.settings)
            if value is not None:
                found[name] = value
        return found


def like(record: Path) -> Like:
    """Return how the runs of a record were trained: what all of them have alike, but for their rates and seeds.

    Of a study of the built-in training that is all that it was asked for, its inputs included.

    Raises:
        ConfigError: they differ in more than the rate and the seed, or the record names no setting.
        DataError, StudyError: it cannot be read.
    """
    each = read_comparisons([compared_study(record)], Asked({}))
    if isinstance(each[0].study, StudyConfig):
        return _as_asked(record, each[0].study, each[0])
    runs = [run for comparison in each for run in comparison.runs]
    _require_one_training(record, runs)
    settings, applied = shared_settings([run.settings for run in runs]), applied_text(runs)
    if not settings and not applied:
        raise ConfigError(
            f"--like takes a record that names its settings or logs its learning rates: got {record}, which does "
            "neither; give them as options"
        )
    options = imported_options(settings, applied)
    return Like({name: value for name, value in options.items() if name not in UNKNOWN}, settings)


def _as_asked(record: Path, study: StudyConfig, runs: Runs) -> Like:
    """Return what a study of the built-in training was asked for."""
    configs = [built_in_trial(config) for config in runs.configs.values()]
    if runs.varied:
        name = runs.varied[0]
        values = dict.fromkeys(str(config.values.get(name, "none")) for config in configs)
        raise _several(record, name, values)
    first = configs[0]
    schedule = {name: str(value) for name, value in schedule_options(first.schedule).items()}
    options = {**study_options(study), **trial_options(first), "epochs": first.epochs, **schedule}
    return Like(options, {name: str(value) for name, value in first.values.items()})


def _several(record: Path, name: str, values: Iterable[str]) -> ConfigError:
    return ConfigError(
        f"--like takes one training at any learning rates: got {record}, whose runs differ in "
        f"{name.replace('_', ' ')} ({', '.join(value or 'none' for value in values)}); name the record of one of them"
    )


def _require_one_training(record: Path, runs: Sequence[Run]) -> None:
    for name in dict.fromkeys(name for run in runs for name in run.settings if SETTING.match(name)):
        values = dict.fromkeys(run.settings.get(name, "") for run in runs)
        if len(values) > 1:
            raise _several(record, name, values)


def _all_names(name: str) -> tuple[str, ...]:
    """Return all names of the setting that anyone calls by this name."""
    every = (names_of(item) for item in all_settings().values())
    return next((names for names in every if name in names), (name,))
