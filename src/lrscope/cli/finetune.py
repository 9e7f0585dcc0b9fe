"""`lrscope finetune`: one fine-tune, begun or resumed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from lrscope.cli import options as opt
from lrscope.cli.interrupt import INTERRUPTED, graceful_interrupt
from lrscope.cli.options import FINETUNE, Settings, with_settings
from lrscope.cli.output import echo, metrics_line, print_json
from lrscope.cli.progress import TrialProgress, duration
from lrscope.cli.settings import MOVABLE, build_config, resolve_paths
from lrscope.config.catalogue import flag_of
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig
from lrscope.files import write_text
from lrscope.records import TrialResult

if TYPE_CHECKING:
    from lrscope.config import StudyConfig
    from lrscope.runners.finetune import FineTune

UNSCORED = "test-predictions.tsv"


@with_settings(FINETUNE, words={"peak_rate": "find"})
def finetune(
    settings: Settings,
    config: Annotated[
        Path | None, typer.Option("--config", help="Settings from a config.toml; options win over it.", metavar="FILE")
    ] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the run in this folder.", metavar="FOLDER")
    ] = None,
    score_test: Annotated[
        bool, typer.Option("--score-test", help="Open the test scores when training ends; it is recorded.")
    ] = False,
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Fine-tune a model at one learning rate and schedule, and keep everything that happened.

    Example:

      lrscope finetune --model stories260K-hf --train train.txt --dev dev.txt --lr 1e-3 --epochs 4 --out runs/first
    """
    from lrscope.runners import finetune as session

    if resume is not None:
        _require_unchanged(settings, config, score_test, out)
        with session.resume(resume, resolve_paths(settings)) as run:
            return drive(run, as_json=json)
    search = settings.get("peak_rate") == "find"
    known = {**settings, "peak_rate": 1e-3} if search else settings
    asked = build_config(known, config=config, score_test=score_test)
    folder = out or Path("runs") / f"finetune-{datetime.now():%Y%m%d-%H%M%S}"
    if search:
        rate = _search(asked, folder, quiet=json)
        if rate is None:
            return INTERRUPTED
        asked = replace(asked, trial=replace(asked.trial, peak_rate=rate))
    with session.begin(asked, folder) as run:
        return drive(run, as_json=json)


def _require_unchanged(settings: Settings, config: Path | None, score_test: bool, out: Path | None) -> None:
    """Refuse options that would make a resumed run another one."""
    beyond = [flag_of(name) for name in settings if name not in MOVABLE]
    beyond += [flag for flag, value in (("--config", config), ("--out", out)) if value is not None]
    if score_test and not beyond:
        raise ConfigError(
            "a resumed run keeps its settings: got --score-test; leave it out: lrscope evaluate scores a finished run"
        )
    if beyond:
        raise ConfigError(
            f"a resumed run keeps its settings: got {beyond[0]}; leave it out, or start anew without --resume"
        )


def _search(asked: StudyConfig, folder: Path, *, quiet: bool) -> float | None:
    """Find the rate to train at: a range test, then complete runs of one epoch inside its bracket."""
    from lrscope.cli.find_runs import Confirmation, found
    from lrscope.runners.study_folder import require_new

    require_new(folder)
    beside = folder.with_name(f"{folder.name}-find")
    result = found(asked, beside, ExecutorConfig(), Confirmation(1, 5, 1), quiet=quiet)
    if result is None:
        echo("stopped; the same command goes on with what was found so far", err=True)
        return None
    echo(f"training at {result.rate:g}", err=True)
    return result.rate


def drive(run: FineTune, *, as_json: bool) -> int:
    """Run a trial with live progress and print how it ended; return the exit code."""
    trial, result = run.trial, None
    if not as_json:
        for line in _opening_lines(run):
            echo(line, err=True)
    with graceful_interrupt(trial.stop), TrialProgress(trial.total_steps, trial.config.epochs) as progress:
        for record in trial.run():
            progress.update(record)
            if isinstance(record, TrialResult):
                result = record
    assert result is not None, "a trial ends with its result"
    if result.status == "interrupted":
        echo(
            f"stopped after step {result.step} of {result.total_steps}; "
            f"go on with: lrscope finetune --resume {run.store.folder}",
            err=True,
        )
        return INTERRUPTED
    from lrscope.report.figures import save_trial_curves

    picture = run.store.folder / "curves.png"
    save_trial_curves(run.store, trial.id, picture)
    _write_unscored_predictions(run)
    if as_json:
        print_json(summary(run, result))
    else:
        for line in _closing_lines(run, result, picture):
            echo(line)
    return 0


def _write_unscored_predictions(run: FineTune) -> None:
    """Write the best checkpoint's predictions for test sentences that have no labels: there is nothing to seal."""
    test = run.inputs.splits.test
    best = [record for record in run.store.evaluations(run.trial.id, "dev") if record.improved]
    if test is None or test.labelled or not best:
        return
    from lrscope.report.predictions import predictions_tsv

    log_probabilities = run.store.predictions(run.trial.id, best[-1].step, "test")
    assert log_probabilities is not None, "a finished trial has predicted its test sentences"
    table = predictions_tsv(run.inputs.splits.labels.names, np.exp(log_probabilities))
    write_text(run.store.folder / UNSCORED, table)


def summary(run: FineTune, result: TrialResult) -> dict[str, Any]:
    """Return what a fine-tune came to, as plain values."""
    evaluations = run.store.evaluations(run.trial.id)
    return {
        "run": str(run.store.folder),
        "status": result.status,
        "reason": result.reason,
        "step": result.step,
        "total_steps": result.total_steps,
        "peak_rate": run.trial.config.peak_rate,
        "schedule": run.trial.schedule.text,
        "seed": run.trial.config.seed,
        "metric": result.metric.name,
        "direction": result.metric.direction,
        "endpoint": result.endpoint,
        "best": result.best,
        "best_epoch": result.best_epoch,
        "evaluations": [{"step": r.step, "epoch": r.epoch, "split": r.split, **r.metrics} for r in evaluations],
        "numerics": run.inputs.numerics.to_dict(),
        "notes": [*run.inputs.notes, *map(str, run.trial.findings())],
        "seconds": run.store.trial(run.trial.id).seconds,
    }


def _opening_lines(run: FineTune) -> list[str]:
    inputs, trial = run.inputs, run.trial
    splits = [split for split in (inputs.splits.train, inputs.splits.dev, inputs.splits.test) if split]
    numerics = inputs.numerics
    counts = ", ".join(f"{split.num_examples} {split.name}" for split in splits)
    return [
        f"{inputs.checkpoint.source}, {numerics.implementation} implementation; {counts} sentences in "
        f"{len(inputs.splits.labels.names)} classes",
        f"{trial.schedule.text} to a peak of {trial.config.peak_rate:g} over {trial.total_steps} steps "
        f"({trial.config.epochs} epochs of {trial.steps_per_epoch}), batch {trial.config.batch_size}, "
        f"seed {trial.config.seed}; {numerics.device}, {numerics.precision}, {numerics.threads} threads",
        *(f"note: {note}" for note in inputs.notes),
        *map(str, trial.findings()),
    ]


def _closing_lines(run: FineTune, result: TrialResult, picture: Path) -> list[str]:
    folder, metric = run.store.folder, result.metric.name
    lines = []
    if result.status == "diverged":
        lines.append(f"diverged: {result.reason}; try a lower --lr or a longer --warmup")
    elif result.status == "stopped":
        lines.append(f"stopped early after step {result.step} of {result.total_steps}: {result.reason}")
    if result.endpoint is not None and result.best is not None:
        lines.append(
            f"dev {metric} {result.endpoint:.4f} at the end; best {result.best:.4f} after epoch {result.best_epoch} "
            "(a best epoch is chosen on dev, so it flatters)"
        )
    tests = run.store.evaluations(run.trial.id, "test")
    lines += [f"test after step {record.step}: {metrics_line(record.metrics)}" for record in tests]
    test = run.inputs.splits.test
    if test is not None and not tests:
        if test.labelled:
            lines.append(
                "test predictions are kept unscored; --score-test or lrscope evaluate opens them, and is recorded"
            )
        else:
            lines.append(
                f"the test sentences have no labels to be scored by; their predictions are in {folder / UNSCORED}"
            )
    seconds = run.store.trial(run.trial.id).seconds
    lines.append(f"{duration(seconds)}; checkpoints, records and {picture.name} are in {folder}")
    return lines
