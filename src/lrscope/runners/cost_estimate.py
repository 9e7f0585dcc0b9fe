"""What a study will cost, measured on a few steps of its own before anything runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from lrscope.config import TrialConfig
from lrscope.config.arms import arm_key
from lrscope.runners.base import START_SECONDS, CostEstimate
from lrscope.schedules import Constant
from lrscope.schedules.horizon import TrainingSize
from lrscope.training.batches import step_batches
from lrscope.training.evaluation import outputs_of
from lrscope.training.features import features_of
from lrscope.training.heads import HeadBundle, bundles
from lrscope.training.loop import steps
from lrscope.training.numerics import apply
from lrscope.training.optimizer import build_optimizer
from lrscope.training.out_of_memory import halved, is_out_of_memory
from lrscope.training.study_inputs import StudyInputs

STEPS = 4


def estimate_cost(
    inputs: StudyInputs, trials: Sequence[TrialConfig], folder: Path, *, own_process: bool
) -> CostEstimate:
    """Return what these trials will cost: steps timed at each batch size, evaluations, checkpoints by their size."""
    if not trials:
        return CostEstimate(0.0, 0)
    apply(inputs.numerics)
    per_step = {size: _seconds_a_step(inputs, trials[0], size) for size in sorted({t.batch_size for t in trials})}
    evaluation, endpoint = _seconds_of_measuring(inputs, trials[0])
    size = inputs.encoded["train"].size
    seconds = 0.0
    for trial in trials:
        total_steps, num_evaluations = _lengths(trial, size)
        seconds += total_steps * per_step[trial.batch_size] + (num_evaluations + 2) * evaluation
        seconds += endpoint + START_SECONDS[own_process]
    return CostEstimate(seconds, _stored_bytes(inputs, trials))


def estimate_heads_cost(
    inputs: StudyInputs, trials: Sequence[TrialConfig], folder: Path, *, own_process: bool
) -> CostEstimate:
    """Return what heads trained together will cost: features are computed, then a bundle's steps are timed."""
    if not trials:
        return CostEstimate(0.0, 0)
    features = features_of(inputs, folder)
    apply(inputs.numerics)
    groups = bundles(trials)
    seconds = len(groups) * START_SECONDS[own_process]
    timed: dict[tuple[int, int], tuple[float, float]] = {}
    for indices in groups:
        members = [trials[index] for index in indices]
        key = (len(members), members[0].batch_size)
        if key not in timed:
            timed[key] = HeadBundle(inputs, features, members).timed()
        total_steps, num_evaluations = _lengths(members[0], inputs.encoded["train"].size)
        a_step, an_evaluation = timed[key]
        seconds += total_steps * a_step + num_evaluations * an_evaluation
    return CostEstimate(seconds, _stored_bytes(inputs, trials))


def _stored_bytes(inputs: StudyInputs, trials: Sequence[TrialConfig]) -> int:
    """Return the bytes of per-example scores and steps in the store, compressed as they are, and of checkpoints."""
    num_dev, size = inputs.encoded["dev"].num_examples, inputs.encoded["train"].size
    lengths = [_lengths(trial, size) for trial in trials]
    rows = sum(6 * num_evaluations * num_dev + 24 * total_steps for total_steps, num_evaluations in lengths)
    weights = sum(4 * tensor.numel() for tensor in inputs.data.checkpoint.tensors.values())
    kept = inputs.config.sweep.keep if inputs.config.sweep is not None else "all"
    num_arms = len({arm_key(trial) for trial in trials})
    return rows + {"none": 0, "best": num_arms, "all": 2 * len(trials)}[kept] * weights


def _lengths(trial: TrialConfig, size: TrainingSize) -> tuple[int, int]:
    """Return how many steps and evaluations a trial makes."""
    schedule = trial.resolve_schedule(size)
    return schedule.total_steps, len(trial.evaluation_steps(schedule.horizon))


def _seconds_a_step(inputs: StudyInputs, trial: TrialConfig, batch_size: int) -> float:
    part = min(trial.micro_batch, batch_size) if trial.micro_batch else None
    config = replace(trial, batch_size=batch_size, micro_batch=part, schedule=Constant(), epochs=1)
    while True:
        try:
            return _timed(inputs, config)
        except (RuntimeError, MemoryError) as error:
            smaller = halved(config) if is_out_of_memory(error) else None
            if smaller is None:
                raise
            config = smaller


def _timed(inputs: StudyInputs, config: TrialConfig) -> float:
    model, task = inputs.build_model(config), inputs.task
    optimizer, batches = build_optimizer(model, config), step_batches(inputs, config)
    run = steps(model, optimizer, batches, lambda m, b: task.loss(m, b, config)[:2], lambda _: 0.0)
    seconds = [record.seconds for record, _ in zip(run, range(STEPS + 1), strict=False)]
    return statistics.median(seconds[1:] or seconds)


def _seconds_of_measuring(inputs: StudyInputs, trial: TrialConfig) -> tuple[float, float]:
    """Return how long an evaluation takes, and what is measured once a trial besides."""
    model, dev = inputs.build_model(trial), inputs.encoded["dev"]
    began = perf_counter()
    outputs_of(model, inputs, dev)
    return perf_counter() - began, inputs.task.endpoint_seconds(model, inputs.data, dev)
