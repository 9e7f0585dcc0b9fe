"""What a study will cost, measured on a few steps of its own before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from lrscope.config import TrialConfig
from lrscope.config.arms import arm_key
from lrscope.data.batches import plan_epoch
from lrscope.runners.base import JOB_SECONDS, PROCESS_SECONDS, CostEstimate
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
MAX_SECONDS = 5.0  # that steps of a kind are timed for, after the first two
# Steps are timed for one hundredth of what they will take, up to a second: a moment tells little of a busy machine.
PART_TIMED, LONG_ENOUGH = 0.01, 1.0
BLOCKS = 4  # of the timed steps, whose paces are held against one another
EVALUATED = 128  # examples of dev that are measured at least


def estimate_cost(inputs: StudyInputs, trials: Sequence[TrialConfig], folder: Path, *, processes: int) -> CostEstimate:
    """Return what these trials will cost: steps timed of each kind, an evaluation, checkpoints by their size.

    Of one kind are trials whose steps take the same time: of one batch size, training the same part in the same way.
    """
    if not trials:
        return CostEstimate(0.0, 0)
    apply(inputs.numerics)
    kinds: dict[Any, _Kind] = {}
    for trial in trials:
        if _kind_of(trial) not in kinds:
            kinds[_kind_of(trial)] = _measured(inputs, trial)
    evaluation, endpoint = _seconds_of_measuring(inputs, trials[0])
    size = inputs.encoded["train"].size
    beside, steps_at = processes * PROCESS_SECONDS, np.zeros(3)
    for trial in trials:
        total_steps, num_evaluations = _lengths(trial, size)
        kind = kinds[_kind_of(trial)]
        steps_at += total_steps * np.array([kind.seconds_a_step, kind.fastest, kind.slowest])
        beside += (num_evaluations + 2) * evaluation + endpoint + JOB_SECONDS
    seconds, fastest, slowest = (beside + steps_at).tolist()
    num_bytes = _stored_bytes(inputs, trials, [kinds[_kind_of(trial)].num_bytes for trial in trials])
    return CostEstimate(seconds, num_bytes, len(trials) * endpoint, fastest, slowest)


def estimate_heads_cost(
    inputs: StudyInputs, trials: Sequence[TrialConfig], folder: Path, *, processes: int
) -> CostEstimate:
    """Return what heads trained together will cost: features are computed, then a bundle's steps are timed."""
    if not trials:
        return CostEstimate(0.0, 0)
    features = features_of(inputs, folder)
    apply(inputs.numerics)
    groups = bundles(trials)
    seconds = min(processes, len(groups)) * PROCESS_SECONDS + len(groups) * JOB_SECONDS
    timed: dict[tuple[int, int], tuple[float, float]] = {}
    for indices in groups:
        members = [trials[index] for index in indices]
        key = (len(members), members[0].batch_size)
        if key not in timed:
            timed[key] = HeadBundle(inputs, features, members).timed()
        total_steps, num_evaluations = _lengths(members[0], inputs.encoded["train"].size)
        a_step, an_evaluation = timed[key]
        seconds += total_steps * a_step + num_evaluations * an_evaluation
    whole = sum(4 * tensor.numel() for tensor in inputs.data.checkpoint.tensors.values())
    return CostEstimate(seconds, _stored_bytes(inputs, trials, [whole] * len(trials)))


def _stored_bytes(inputs: StudyInputs, trials: Sequence[TrialConfig], checkpoints: Sequence[int]) -> int:
    """Return the bytes of per-example scores and steps in the store, compressed as they are, and of checkpoints.

    `checkpoints` are the bytes of one of each trial.
    """
    num_dev, size = inputs.encoded["dev"].num_examples, inputs.encoded["train"].size
    lengths = [_lengths(trial, size) for trial in trials]
    rows = sum(6 * num_evaluations * num_dev + 24 * total_steps for total_steps, num_evaluations in lengths)
    by_arm = {arm_key(trial): num_bytes for trial, num_bytes in zip(trials, checkpoints, strict=True)}
    kept = inputs.config.sweep.keep if inputs.config.sweep is not None else "all"
    return rows + {"none": 0, "best": sum(by_arm.values()), "all": 2 * sum(checkpoints)}[kept]


def _lengths(trial: TrialConfig, size: TrainingSize) -> tuple[int, int]:
    """Return how many steps and evaluations a trial makes."""
    schedule = trial.resolve_schedule(size)
    return schedule.total_steps, len(trial.evaluation_steps(schedule.horizon))


@dataclass(frozen=True)
class _Kind:
    """What trials of a kind have alike: seconds of a step on the mean, at the fastest and the slowest pace that was
    seen; bytes of a checkpoint.
    """

    seconds_a_step: float
    fastest: float
    slowest: float
    num_bytes: int


def _kind_of(trial: TrialConfig) -> tuple[object, ...]:
    adapters = (trial.lora_rank, trial.lora_targets, trial.lora_dropout > 0.0)
    return (trial.batch_size, trial.micro_batch, trial.train_part, *(adapters if trial.train_part == "lora" else ()))


def _measured(inputs: StudyInputs, trial: TrialConfig) -> _Kind:
    config = replace(trial, schedule=Constant(), epochs=1)
    total_steps, _ = _lengths(trial, inputs.encoded["train"].size)
    while True:
        try:
            return _timed(inputs, config, total_steps)
        except (RuntimeError, MemoryError) as error:
            smaller = halved(config) if is_out_of_memory(error) else None
            if smaller is None:
                raise
            config = smaller


def _timed(inputs: StudyInputs, config: TrialConfig, total_steps: int) -> _Kind:
    """Time a few steps by the tokens that they compute on: batches are of examples of any length."""
    model, task, train = inputs.build_model(config), inputs.task, inputs.encoded["train"]
    num_bytes = sum(4 * tensor.numel() for tensor in model.to_tensors().values())
    plan = plan_epoch(train.lengths, config.batch_size, seed=config.seed, epoch=0, batching=inputs.numerics.batching)
    optimizer, batches = build_optimizer(model, config), step_batches(inputs, config)
    run = steps(model, optimizer, batches, lambda m, b: task.loss(m, b, config)[:2], lambda _: 0.0)
    seconds: list[float] = []
    for _, record in zip(plan, run, strict=False):
        seconds.append(record.seconds)
        if len(seconds) > 1 and sum(seconds) > MAX_SECONDS:
            break
        timed = sum(seconds[1:])
        if len(seconds) > STEPS and timed >= min(LONG_ENOUGH, PART_TIMED * total_steps * timed / (len(seconds) - 1)):
            break
    first = 1 if len(seconds) > 1 else 0  # the first step meets memory that was never used
    tokens = [int(train.lengths[batch].sum()) for batch in plan[first : len(seconds)]]
    a_step = len(train.ids) / len(plan)
    parts = np.array_split(np.array([seconds[first:], tokens]), min(BLOCKS, len(tokens)), axis=1)
    paces = [float(part[0].sum() / part[1].sum()) for part in parts]
    pace = sum(seconds[first:]) / sum(tokens)
    return _Kind(pace * a_step, min(paces) * a_step, max(paces) * a_step, num_bytes)


def _seconds_of_measuring(inputs: StudyInputs, trial: TrialConfig) -> tuple[float, float]:
    """Return how long an evaluation of dev takes, and what is measured once a trial besides.

    Of a large dev, examples of all lengths stand for the others.
    """
    model, dev = inputs.build_model(trial), inputs.encoded["dev"]
    every = max(1, dev.num_examples // EVALUATED)
    some = dev if every == 1 else dev.take(np.argsort(dev.lengths, kind="stable")[::every])
    began = perf_counter()
    outputs_of(model, inputs, some)
    evaluation = (perf_counter() - began) * len(dev.ids) / len(some.ids)
    return evaluation, inputs.task.endpoint_seconds(model, inputs.data, dev)
