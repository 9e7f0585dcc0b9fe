"""`lrscope export`: the chosen arm's model, in a folder that transformers loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.output import echo, print_json
from lrscope.errors import StudyError

if TYPE_CHECKING:
    from lrscope.store.study import StudyStore
    from lrscope.store.trials import TrialRow

CHECKPOINTS = ("best", "last")


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.", metavar="FOLDER", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="New folder for the model.", metavar="FOLDER", show_default=False)],
    trial: Annotated[
        int | None,
        typer.Option("--trial", help="This trial instead of the choice's best.", metavar="N", show_default=False),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Copy the chosen arm's model, of its best seed on dev, and print the Trainer arguments that equal its training.

    Example:

      lrscope export runs/sweep --out model
    """
    import shutil

    from lrscope.report.trainer_arguments import as_call, differences, extra_steps, trainer_arguments
    from lrscope.store.study import StudyStore

    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise StudyError(f"a model is exported into a new folder: {out} is there already; name another")
    with StudyStore.open(folder) as store:
        row = store.trial(trial) if trial is not None else chosen_trial(store)
        source = next((store.trial_folder(row.id) / name for name in CHECKPOINTS if _has(store, row, name)), None)
        if source is None:
            raise StudyError(f"trial {row.id} of {folder} has no checkpoint: it is {row.status}; run with --keep best")
        temporary = out.with_name(f".{out.name}.arriving")
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
        if out.is_dir():
            out.rmdir()
        temporary.replace(out)
        arguments = trainer_arguments(row.config, store.config.numerics.batching)
        not_equal = differences(row.config, store.config.numerics.batching)
        more = extra_steps(row.config, store.config.model.train)
    if json:
        print_json({"model": str(out), "trial": row.id, "seed": row.config.seed, "trainer_arguments": arguments})
        return
    echo(f"trial {row.id} (lr {row.config.peak_rate:g}, seed {row.config.seed}) is in {out}; load it with")
    echo(f'AutoModelForSequenceClassification.from_pretrained("{out.as_posix()}")')
    if arguments is None:
        echo(f"Trainer has no schedule or optimizer like its own ({row.config.schedule}, {row.config.optimizer})")
    else:
        with_more = f", {more}" if more else ""
        echo(f"the same training with Trainer{with_more}: {as_call(arguments)}")
        echo(f"what is not equal there: {', '.join(not_equal)}")


def chosen_trial(store: StudyStore) -> TrialRow:
    """Return the trial of the chosen arm that did best on dev, of those whose model was kept.

    The choice is the one that was stored when test scores were opened, where there is one.

    Raises:
        StudyError: no run has a value, or no model of the chosen arm was kept.
    """
    from lrscope.config.arms import arm_key
    from lrscope.studies.interim_looks import concluded
    from lrscope.studies.sealed_test import chosen_rows, kept_choice

    choice = kept_choice(store.folder)
    if choice is None:
        conclusions = concluded(store)
        name = conclusions.arms[conclusions.choice.first].name
        choice = {"first": name, "config": arm_key(conclusions.runs.configs[name]).to_dict()}
    name, rows = choice["first"], chosen_rows(store, choice)
    kept = [row for row in rows if any(_has(store, row, checkpoint) for checkpoint in CHECKPOINTS)]
    if not kept:
        raise StudyError(f"no model of {name} was kept in {store.folder}; name a --trial, or run with --keep best")
    best, value = kept[0], None
    for row in kept:
        dev = store.evaluations(row.id, "dev")
        if dev and store.metric.better(now := dev[-1].metrics[store.metric.name], value):
            best, value = row, now
    return best


def _has(store: StudyStore, row: TrialRow, name: str) -> bool:
    return (store.trial_folder(row.id) / name / "model.safetensors").is_file()
