"""All trials of a frozen backbone together, in this process: what is trained is small enough to be trained as one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lrscope.config import TrialConfig
from lrscope.executors.base import Event, Job

if TYPE_CHECKING:
    from lrscope.training.heads import HeadBundle
    from lrscope.training.study_inputs import StudyInputs


class HeadExecutor:
    """Trains bundles of heads on features that the study's folder keeps. `keep` is the study's."""

    def __init__(self, inputs: StudyInputs, keep: str) -> None:
        self.inputs, self.keep = inputs, keep
        self._stopped = threading.Event()
        self._best: dict[TrialConfig, float] = {}

    def run(self, jobs: Sequence[Job]) -> Iterator[Event]:
        """Train all jobs, bundle by bundle; a bundle that is stopped on the way is not begun."""
        from lrscope.training.features import features_of
        from lrscope.training.heads import HeadBundle, bundles

        features = features_of(self.inputs, jobs[0].folder.parents[2])
        self.inputs.numerics.apply()
        for places in bundles([job.config.trial for job in jobs]):
            bundle_jobs = [jobs[place] for place in places]
            if not self._stopped.is_set():
                yield from (Event("started", job.trial) for job in bundle_jobs)
                bundle = HeadBundle(self.inputs, features, [job.config.trial for job in bundle_jobs])
                for epoch in bundle.run():
                    yield from self._told(bundle, bundle_jobs, epoch)
                    if self._stopped.is_set():
                        break
            if self._stopped.is_set():
                yield from (Event("stopped", job.trial) for job in bundle_jobs)
                continue
            for a, (job, outcome) in enumerate(zip(bundle_jobs, bundle.outcomes(), strict=True)):
                self._save(job, bundle, a)
                yield Event("done", job.trial, outcome=outcome)

    def stop(self) -> None:
        """Stop after this epoch; what a bundle has not finished is done again."""
        self._stopped.set()

    def _told(self, bundle: HeadBundle, jobs: Sequence[Job], epoch: int) -> Iterator[Event]:
        for a, job in enumerate(jobs):
            last = bundle.evaluations[a][-1:]
            if last and last[0].epoch == epoch:
                yield Event("record", job.trial, replace(last[0], scores={}))

    def _save(self, job: Job, bundle: HeadBundle, a: int) -> None:
        """Write the best checkpoint where it is the arm's best so far, or all are kept."""
        from lrscope.models.checkpoint_writer import write_checkpoint

        dev = [record for record in bundle.evaluations[a] if record.improved]
        if self.keep == "none" or not dev:
            return
        arm, value = replace(job.config.trial, seed=0), dev[-1].metrics[bundle.metric.name]
        if self.keep == "best" and not bundle.metric.better(value, self._best.get(arm)):
            return
        self._best[arm] = value
        backbone = {name: t for name, t in self.inputs.checkpoint.tensors.items() if name.startswith("model.")}
        metadata = {"lrscope.step": str(dev[-1].step), "lrscope.schedule": str(job.config.trial.schedule)}
        for name, head, wanted in (("best", bundle.best_ACD, True), ("last", bundle.w_ACD, self.keep == "all")):
            if wanted:
                tensors = {**backbone, "score.weight": head[a].clone()}
                folder = job.folder / "trials" / "0001" / name
                write_checkpoint(folder, tensors, self.inputs.saved_config(), self.inputs.tokenizer, metadata=metadata)
