"""A study's runs as those of a file: to be compared with others' records, by their values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from lrscope.config.any_trial import AnyTrial
from lrscope.config.base import settings_of
from lrscope.data.dev_share import parse_share
from lrscope.runs.dev_set import DevSet
from lrscope.runs.import_study import read_study
from lrscope.runs.importers.base import Imported
from lrscope.runs.notes import ScoresIgnored
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.settings import SETTING, shared_settings
from lrscope.store.study import StudyStore

ALWAYS = ("epochs", "steps", "batch_size", "schedule")


def study_as_file(store: StudyStore) -> Imported:
    """Return a study's runs with all that tells them from those of another record: settings, schedule, dev set.

    Raises:
        StudyError: no run has ended.
    """
    runs = read_study(store)
    dev_set = _dev_set(runs)
    joined = tuple(_joined(run, runs.configs.get(run.arm), dev_set) for run in runs.runs)
    notes = (*runs.notes, *([ScoresIgnored()] if runs.scores is not None else ()))
    return Imported(
        joined, shared_settings([run.settings for run in joined]), notes, metric=runs.metric, baseline=runs.baseline
    )


def _dev_set(runs: Runs) -> DevSet:
    size = runs.sizes.get("dev")
    name = runs.settings.get("dev", "")
    if parse_share(name) is not None:  # of train, and drawn by a seed: another draw is another set
        name = f"{runs.settings['train']}, {name} of it drawn with split seed {runs.settings['split_seed']}"
    return DevSet(name, size, size)


def _told(config: AnyTrial) -> Iterator[tuple[str, object]]:
    """Yield the settings of training that a record would name: how long, in which batches, and what is no default."""
    defaults = {name: item.default for name, item in settings_of(type(config)).items()}
    for name, value in config.values.items():
        is_told = name in ALWAYS or value != defaults.get(name)
        if is_told and value is not None and SETTING.match(name):
            yield name, value


def _joined(run: Run, config: AnyTrial | None, dev_set: DevSet) -> Run:
    settings = {} if config is None else {name: str(value) for name, value in _told(config)}
    shape = "" if run.log is None or run.log.schedule is None else run.log.schedule.shape
    settings["schedule"] = shape or settings.get("schedule", "")
    named = {name: value for name, value in settings.items() if value}
    return replace(run, settings=named, dev_set=dev_set)
