"""The rates of a sweep that names none: around the prior of the best one, or within a range test's bracket."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lrscope.config import StudyConfig, SweepConfig, TrialConfig
from lrscope.config.base import settings_of
from lrscope.config.command_line import quote
from lrscope.executors.config import ExecutorConfig
from lrscope.number_text import short_rate
from lrscope.priors.of_study import prior_of
from lrscope.runners.registry import runner_for
from lrscope.studies.budget import NUM_RATES
from lrscope.workflows.callbacks import Callbacks, Note
from lrscope.workflows.range_tests import find_for
from lrscope.workflows.study_folder import folder_beside


def with_found_rates(config: StudyConfig, folder: Path, executor: ExecutorConfig, callbacks: Callbacks) -> StudyConfig:
    """Return the study of a sweep in `folder` with rates to compare; each part that is trained has its own.

    Range tests are made beside the folder.

    Raises:
        ConfigError: a range test found no rate.
        StudyError: the range test there is of other settings or inputs.
    """
    asked = config.sweep or SweepConfig()
    grid = {name: values for name, values in asked.grid.items() if name != "peak_rate"}
    parts = tuple(dict.fromkeys(grid.get("train_part", (config.trial.train_part,))))
    num_examples = runner_for(config).prepare(config).training_size.num_examples
    command = f"the same command, with --out {quote(folder)}"
    found: dict[str, tuple[float, ...]] = {}
    for part in parts:
        is_alone = len(parts) == 1
        of_part = config if is_alone else _of_part(config, grid, part)
        found[part] = _rates_of_prior(of_part, num_examples, callbacks, "" if is_alone else f"{_title(part)}: ")
        if not found[part]:
            beside = folder_beside(folder, "find" if is_alone else f"find-{part}")
            found[part] = find_for(of_part, beside, executor, callbacks, resume_command=command).rates(NUM_RATES)
    same = len(set(found.values())) == 1
    if same:
        grid["peak_rate"] = found[parts[0]]
    compared = replace(asked, grid=grid, part_rates={} if same else found)
    first = found.get(config.trial.train_part, found[parts[0]])[0]
    return replace(config, trial=replace(config.trial, peak_rate=first), sweep=compared)


def _of_part(config: StudyConfig, grid: dict[str, tuple[object, ...]], part: str) -> StudyConfig:
    """Return the same study where this part of the model is trained alone."""
    known = settings_of(TrialConfig)
    kept = {name: values for name, values in grid.items() if name != "train_part" and known[name].of_part in ("", part)}
    sweep = replace(config.sweep or SweepConfig(), grid=kept)
    return replace(config, trial=config.trial.with_values({"train_part": part}), sweep=sweep)


def _title(part: str) -> str:
    return settings_of(TrialConfig)["train_part"].value_titles[part]


def _rates_of_prior(config: StudyConfig, num_examples: int, callbacks: Callbacks, of_part: str) -> tuple[float, ...]:
    """Return the rates to compare by the prior of the first setting; none where it knows too little."""
    prior = prior_of(config, num_examples)
    if prior is None or not prior.is_narrow:
        known = "nothing is known of" if prior is None else "too little is known of"
        callbacks.on_progress(Note(f"{of_part}{known} the best rate beforehand: a range test finds where to search"))
        return ()
    low, high = prior.interval()
    told = f"the best rate lies in {short_rate(low)} … {short_rate(high)} with 80%, before anything is trained"
    callbacks.on_progress(Note(f"{of_part}{told}: lrscope prior says on what grounds"))
    return tuple(float(f"{rate:.2g}") for rate in prior.rates(NUM_RATES))
