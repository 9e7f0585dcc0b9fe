"""A Hugging Face Trainer, or one of TRL, that a function returned: trained, evaluated and recorded."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lrscope.number_text import format_rate
from lrscope.records import EvaluationRecord, Reached, Scores
from lrscope.runners.external.returned import WrongReturn
from lrscope.runners.external.running_trial import Diverged, Reports, StopRequested, TimeIsUp, Trial
from lrscope.runs.run_record_writer import SCORES

_METHODS = ("train", "evaluate", "add_callback")


def is_trainer(value: Any) -> bool:
    """Return whether a function returned something that is driven as a Trainer is."""
    return hasattr(value, "args") and all(callable(getattr(value, name, None)) for name in _METHODS)


def drive(trainer: Any, trial: Trial) -> None:
    """Train and evaluate, and report all that it logs; a checkpoint in `trial.checkpoint` is gone on from.

    Raises:
        WrongReturn: its learning rate or seed is not the trial's, or it has nothing to evaluate on.
        Diverged, StopRequested, TimeIsUp: it ended so.
    """
    _require_own_settings(trainer.args, trial)
    reports, recorder = trial._reports, _recorder(trainer, trial)

    def report(record: EvaluationRecord) -> bool:
        values = {_named(record.split, name): value for name, value in record.metrics.items()}
        reports.add(record.step, record.epoch, values.pop("learning_rate", None), values.pop("loss", None), values)
        return False

    recorder.on_record = report
    ending = _ending(trial)
    trainer.add_callback(ending)
    checkpoint = last_checkpoint(trial.checkpoint)
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if reports.diverged:
        raise Diverged(reports.diverged)
    if ending.was_ended:
        raise StopRequested if reports.stop_asked else TimeIsUp
    reports.step = int(trainer.state.global_step)
    if not any(record.split == "dev" and record.step == reports.step for record in reports.evaluations):
        if getattr(trainer, "eval_dataset", None) is None:
            raise WrongReturn("runs are compared by evaluations: got a Trainer without eval_dataset; give it one")
        trainer.evaluate()
    _add_scores(reports, recorder.folder)


def _named(split: str, name: str) -> str:
    return name if split == "train" else f"{split}_{name}"


def _recorder(trainer: Any, trial: Trial) -> Any:
    """Return the Recorder that the user gave the Trainer, or a new one that writes beside what it trains."""
    from lrscope.runners.external.trainer_recorder import Recorder

    given = getattr(getattr(trainer, "callback_handler", None), "callbacks", ())
    for callback in given:
        if isinstance(callback, Recorder):
            return callback
    recorder = Recorder(trial.out)
    trainer.add_callback(recorder)
    return recorder


def _ending(trial: Trial) -> Any:
    """Return a callback that tells how long the training is, and ends it where asked, leaving a checkpoint."""
    from transformers import TrainerCallback

    class Ending(TrainerCallback):  # type: ignore[misc]
        was_ended = False

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            trial._reports.say(Reached(state.global_step, state.max_steps))

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step < state.max_steps and trial._reports.should_end:
                self.was_ended = control.should_training_stop = control.should_save = True

    return Ending()


def _add_scores(reports: Reports, folder: Path) -> None:
    """Give the last evaluation the per-example losses that a Recorder has measured."""
    from lrscope.runs.importers.run_scores import read_run_scores

    path = folder / SCORES
    place = max((n for n, record in enumerate(reports.evaluations) if record.split == "dev"), default=None)
    if place is None or not path.is_file():
        return
    scores = {
        name: Scores(each.values.astype(np.float32), each.weights.astype(np.float32))
        for name, each in read_run_scores(path).items()
    }
    reports.evaluations[place] = replace(reports.evaluations[place], scores=scores)


def last_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint of the most steps in a folder, `checkpoint-120`, that was written to its end."""
    found = [
        (int(path.name.removeprefix("checkpoint-")), path)
        for path in folder.glob("checkpoint-*")
        if path.name.removeprefix("checkpoint-").isdigit() and (path / "trainer_state.json").is_file()
    ]
    return max(found)[1] if found else None


def _require_own_settings(args: Any, trial: Trial) -> None:
    rate, seed = getattr(args, "learning_rate", None), getattr(args, "seed", None)
    if isinstance(rate, int | float) and not math.isclose(rate, trial.lr, rel_tol=1e-6):
        raise WrongReturn(
            f"a Trainer trains with its trial's learning rate: got learning_rate={format_rate(rate)} for lr "
            f"{format_rate(trial.lr)}; write learning_rate=trial.lr"
        )
    if isinstance(seed, int) and seed != trial.seed:
        raise WrongReturn(
            f"a Trainer trains with its trial's seed: got seed={seed} for seed {trial.seed}; write seed=trial.seed"
        )
