"""A single fine-tune: begun, gone on with, or at a rate that a range test finds first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrscope.config import StudyConfig
from lrscope.config.command_line import quote, resume
from lrscope.config.read import built_in
from lrscope.executors.config import ExecutorConfig
from lrscope.files import write_text
from lrscope.number_text import counted, format_rate
from lrscope.records import EvaluationRecord, TrialResult
from lrscope.runners.study_folder import require_new
from lrscope.store.trials import ANSWERS
from lrscope.workflows.callbacks import Callbacks, FinetuneRecord, FinetuneStarted, Note, Stopped
from lrscope.workflows.range_tests import Confirmation, find_for
from lrscope.workflows.study_folder import folder_beside
from lrscope.workflows.study_log import feed_of

if TYPE_CHECKING:
    from lrscope.runners.finetune import FineTune

CURVES, UNSCORED = "curves.png", "test-predictions.tsv"


@dataclass(frozen=True, kw_only=True)
class FinetuneResult:
    """How a fine-tune ended, and where what it left lies.

    `unscored` are the predictions for test examples without labels; `is_sealed` says that test examples with labels
    were predicted and not scored. `answers` are what the trained model generated for dev, where that was measured.
    """

    folder: Path
    result: TrialResult
    config: StudyConfig
    evaluations: tuple[EvaluationRecord, ...]
    numerics: Mapping[str, Any]
    notes: tuple[str, ...]
    seconds: float
    curves: Path
    unscored: Path | None
    is_sealed: bool
    answers: Path | None = None

    @property
    def tests(self) -> list[EvaluationRecord]:
        """The scores on test that were opened."""
        return [record for record in self.evaluations if record.split == "test"]


def finetune(config: StudyConfig, folder: Path, callbacks: Callbacks | None = None) -> FinetuneResult:
    """Fine-tune in the new `folder`, and draw the training curves.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError, ScheduleError: an input or a setting cannot be used.
        Stopped: it was asked to stop; a snapshot was left.
    """
    from lrscope.runners import finetune as session

    with session.begin(config, folder) as run:
        return _run(run, callbacks or Callbacks())


def resume_finetune(
    folder: Path, callbacks: Callbacks | None = None, *, moved: Mapping[str, str] | None = None
) -> FinetuneResult:
    """Go on with a fine-tune; `moved` says where its inputs lie now, if elsewhere.

    Raises:
        StudyError: there is none, another process runs it, or an input is no longer what it was.
        Stopped: it was asked to stop; a snapshot was left.
    """
    from lrscope.runners import finetune as session

    with session.resume(folder, moved) as run:
        return _run(run, callbacks or Callbacks())


def finetune_at_found_rate(config: StudyConfig, folder: Path, callbacks: Callbacks | None = None) -> FinetuneResult:
    """Find the rate by a range test and complete runs of one epoch inside its bracket, then fine-tune at it.

    The range test is kept beside `folder`, and goes on there where it was stopped.

    Raises:
        ConfigError: the range test found no rate.
        StudyError: the range test there is of other settings or inputs.
    """
    callbacks = callbacks or Callbacks()
    require_new(folder)
    search = find_for(
        config,
        folder_beside(folder, "find"),
        ExecutorConfig(),
        callbacks,
        confirmation=Confirmation(1, num_rates=5, num_seeds=1),
        resume_command=f"the same command, with --out {quote(folder)}",
    )
    assert search.rate is not None
    rate = float(f"{search.rate:.3g}")
    callbacks.on_progress(Note(f"training at {format_rate(rate)}"))
    return finetune(replace(config, trial=replace(config.trial, peak_rate=rate)), folder, callbacks)


def _run(run: FineTune, callbacks: Callbacks) -> FinetuneResult:
    from lrscope.report.figures import save_trial_curves

    trial, folder, result = run.trial, run.store.folder, None
    command = str(resume("finetune", folder))
    callbacks.on_progress(
        FinetuneStarted(
            trial.total_steps,
            trial.config.epochs,
            tuple(_what_runs(run)),
            run.inputs.task.unit,
            run.inputs.config.metric_titles,
            run.store.metric.name,
        )
    )
    callbacks.check_stop(command)
    logs = feed_of(run.store, callbacks)
    with callbacks.stop.running(trial.stop):
        for record in trial.run():
            callbacks.on_progress(FinetuneRecord(record))
            if isinstance(record, TrialResult):
                result = record
    assert result is not None, "a trial ends with its result"
    if result.status == "interrupted":
        raise Stopped(command)
    logs.write(run.store.trial(trial.id))
    logs.save()
    save_trial_curves(run.store, trial.id, folder / CURVES)
    test = run.inputs.encoded.get("test")
    answers = run.store.trial_folder(trial.id) / ANSWERS
    return FinetuneResult(
        folder=folder,
        result=result,
        config=replace(built_in(run.store.config), trial=trial.config),
        evaluations=tuple(run.store.evaluations(trial.id)),
        numerics=run.inputs.numerics.to_dict(),
        notes=(*run.inputs.data.notes, *map(str, trial.findings())),
        seconds=run.store.trial(trial.id).seconds,
        curves=folder / CURVES,
        unscored=_write_unscored_predictions(run),
        is_sealed=test is not None and test.has_targets and not run.store.evaluations(trial.id, "test"),
        answers=answers if answers.is_file() else None,
    )


def _write_unscored_predictions(run: FineTune) -> Path | None:
    """Write the best checkpoint's predictions for test sentences that have no labels: there is nothing to seal."""
    test = run.inputs.encoded.get("test")
    best = [record for record in run.store.evaluations(run.trial.id, "dev") if record.improved]
    if test is None or test.has_targets or not best:
        return None
    import numpy as np

    from lrscope.data.labels import LabelSet
    from lrscope.report.predictions import predictions_tsv

    log_probabilities = run.store.predictions(run.trial.id, best[-1].step, "test")
    assert log_probabilities is not None, "a finished trial has predicted its test sentences"
    path = run.store.folder / UNSCORED
    write_text(path, predictions_tsv(LabelSet.of_state(run.store.task_state).names, np.exp(log_probabilities)))
    return path


def _what_runs(run: FineTune) -> list[str]:
    inputs, trial = run.inputs, run.trial
    numerics, epochs = inputs.numerics, trial.config.epochs
    return [
        f"{inputs.data.checkpoint.source}, {numerics.implementation} implementation; {inputs.data.summary}",
        f"{trial.schedule.text} to a peak of {format_rate(trial.config.peak_rate)} over "
        f"{counted(trial.total_steps, 'step')} ({counted(epochs, 'epoch')} of {trial.steps_per_epoch}), "
        f"batch {trial.config.batch_size}, seed {trial.config.seed}; {numerics.device}, "
        f"{numerics.precision}, {counted(numerics.threads, 'thread')}",
        *(f"note: {note}" for note in inputs.data.notes),
        *map(str, trial.findings()),
    ]
