"""All trials of a frozen backbone together: what is trained is small enough to be trained as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lrscope.config import AnyStudy, AnyTrial, TrialConfig
from lrscope.config.numerics import Numerics
from lrscope.config.read import built_in, built_in_trial
from lrscope.runners.base import CostEstimate, Event, Job, JobTrial, OnStart, Prepared
from lrscope.runners.cost_estimate import estimate_cost, estimate_heads_cost
from lrscope.runners.native import NativeRunner
from lrscope.runners.prepared import prepare_training
from lrscope.runners.work_folder import checkpoint_folder
from lrscope.training.features import features_of
from lrscope.training.heads import HeadBundle, bundles
from lrscope.training.numerics import apply
from lrscope.training.study_inputs import StudyInputs


class HeadsRunner:
    """Trains heads on features of the backbone that are computed once and kept in the study's folder.

    Where features are not ours to compute, the heads are trained one by one, as any other part of a model is.
    """

    most_gpus = 1.0

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        """Read data, weights and tokenizer."""
        return prepare_training(built_in(config), numerics, _cost)

    def group(self, trials: Sequence[AnyTrial], numerics: Numerics) -> list[list[int]]:
        """Return bundles: trials of one seed, batch size, length and optimizer."""
        if numerics.implementation != "native":
            return NativeRunner().group(trials, numerics)
        return bundles([built_in_trial(trial) for trial in trials])

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        """Train a bundle, yielding at every evaluation; one that is asked to stop is not kept, and is done again."""
        if prepared.numerics.implementation != "native":
            yield from NativeRunner().run(job, prepared, on_start)
            return
        stopped = False

        def stop() -> None:
            nonlocal stopped
            stopped = True

        on_start(stop)
        inputs: StudyInputs = prepared.inputs
        features = features_of(inputs, job.folder)
        apply(inputs.numerics)
        bundle = HeadBundle(inputs, features, [built_in_trial(trial.config) for trial in job.trials])
        for done in bundle.run():
            yield from _evaluated(bundle, job.trials, done)
            if stopped:
                yield from (Event("stopped", trial.id) for trial in job.trials)
                return
        for a, (trial, outcome) in enumerate(zip(job.trials, bundle.outcomes(), strict=True)):
            _save(job, trial, bundle, a)
            yield Event("done", trial.id, outcome=outcome)


def _cost(inputs: StudyInputs, trials: Sequence[TrialConfig], folder: Path, *, processes: int) -> CostEstimate:
    """Return what heads cost: together, or one by one where features are not ours to compute."""
    estimate = estimate_heads_cost if inputs.task.linear_head(inputs.data) is not None else estimate_cost
    return estimate(inputs, trials, folder, processes=processes)


def _evaluated(bundle: HeadBundle, trials: Sequence[JobTrial], done: int) -> Iterator[Event]:
    for a, trial in enumerate(trials):
        last = bundle.evaluations[a][-1:]
        if last and last[0].step == done:
            yield Event("record", trial.id, replace(last[0], scores={}))


def _save(job: Job, trial: JobTrial, bundle: HeadBundle, a: int) -> None:
    """Write the checkpoints that the study keeps, where this trial's best is worth it."""
    best = [record for record in bundle.evaluations[a] if record.improved]
    if not best or not bundle.metric.better(best[-1].metrics[bundle.metric.name], trial.to_beat):
        return
    backbone = {name: t for name, t in bundle.inputs.data.checkpoint.tensors.items() if name.startswith("model.")}
    metadata = {"lrscope.step": str(best[-1].step), "lrscope.schedule": trial.config.schedule_text}
    heads_ACD = {"best": bundle.best_ACD, "last": bundle.w_ACD}
    for name in job.checkpoints:
        tensors = {**backbone, "score.weight": heads_ACD[name][a].clone()}
        bundle.task.save(bundle.inputs.data, tensors, checkpoint_folder(trial.folder, name), metadata, bundle.trials[a])
