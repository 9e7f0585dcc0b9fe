"""A study's runs as those of a file: to be compared with others' records, and with those of other studies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from lrscope.config.any_trial import AnyTrial
from lrscope.config.arms import grouped
from lrscope.config.base import settings_of
from lrscope.runs.dev_set import DevSet
from lrscope.runs.import_study import read_study
from lrscope.runs.importers.base import Imported
from lrscope.runs.notes import ScoresIgnored
from lrscope.runs.run import Run
from lrscope.runs.score_table import ExampleValues, Floats
from lrscope.runs.settings import SETTING, shared_settings
from lrscope.runs.study_facts import StudyFacts, apart, facts_of
from lrscope.store.study import StudyStore

ALWAYS = ("epochs", "steps", "batch_size", "schedule")


def study_as_file(store: StudyStore) -> Imported:
    """Return a study's runs with all that tells them from those of another record: settings, schedule, dev set.

    Raises:
        StudyError: no run has ended.
    """
    runs, facts = read_study(store), facts_of(store)
    size = runs.sizes.get("dev")
    dev_set = DevSet(facts.dev, size, size)
    trials = {(arm.name, row.config.seed): row.id for arm, rows in grouped(store.trials()) for row in rows}
    joined, weights = [], dict[str, Floats]()
    for run in runs.runs:
        of_run = _joined(run, runs.configs.get(run.arm), dev_set)
        trial = trials.get((run.arm, run.seed or 0)) if runs.scores is not None else None
        joined.append(replace(of_run, scores=_scores(store, trial, run, facts.examples, weights)))
    return Imported(
        tuple(joined), shared_settings([run.settings for run in joined]), runs.notes, metric=runs.metric,
        baseline=runs.baseline, study=facts,
    )  # fmt: skip


def told_apart(files: Sequence[Imported]) -> list[Imported]:
    """Return files of which the runs of studies are told apart by what the studies read and train.

    Their scores are kept, to be compared example by example, where there is nothing but studies, of the same examples.
    """
    facts = [file.study for file in files if file.study is not None]
    if not facts:
        return list(files)
    are_paired = len(facts) == len(files) and len({each.examples for each in facts}) == 1 and bool(facts[0].examples)
    own = iter(apart(facts))
    return [file if file.study is None else _told_apart(file, next(own), facts, are_paired) for file in files]


def _told_apart(file: Imported, own: dict[str, str], all_facts: Sequence[StudyFacts], are_paired: bool) -> Imported:
    runs = [replace(run, settings={**run.settings, **own}) for run in file.runs]
    if are_paired:  # one dev set, by whatever names
        dev = all_facts[0].dev
        return replace(file, runs=tuple(replace(run, dev_set=replace(run.dev_set, name=dev)) for run in runs))
    had_scores = any(run.scores for run in runs)
    notes = (*file.notes, ScoresIgnored()) if had_scores and ScoresIgnored() not in file.notes else file.notes
    return replace(file, runs=tuple(replace(run, scores={}) for run in runs), notes=notes)


def _scores(
    store: StudyStore, trial: int | None, run: Run, examples: str, known: dict[str, Floats]
) -> dict[str, ExampleValues]:
    """Return a run's scores on dev at its end; the examples of two studies have the same names where they are one.

    `known` has the examples' weights by metric: all runs that have the same ones share them.
    """
    steps = [point.step for point in run.points if "dev" in point.splits]
    if trial is None or not examples or not steps or steps[-1] is None:
        return {}
    found = {}
    for name, scores in store.scores(trial, steps[-1], "dev").items():
        weights = scores.weights.astype(np.float64)
        shared = known.setdefault(name, weights)
        own = shared if np.array_equal(shared, weights) else weights
        found[name] = ExampleValues(_names(examples, len(weights)), scores.values.astype(np.float64), own)
    return found


@cache
def _names(examples: str, number: int) -> tuple[str, ...]:
    return (examples,) * number


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
