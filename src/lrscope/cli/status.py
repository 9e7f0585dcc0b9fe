"""`lrscope status`: how a study stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.errors import ConfigError
from lrscope.number_text import counted
from lrscope.studies.run_times import SecondsLeft
from lrscope.terminal.output import echo, print_json, print_table
from lrscope.terminal.time_left import about, duration

if TYPE_CHECKING:
    from lrscope.store.trials import TrialRow

SHOWN = 40


def status(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.", metavar="FOLDER", show_default=False)],
    log: Annotated[
        str | None,
        typer.Option("--log", help="Print all evaluations as CSV instead.", metavar="csv", show_default=False),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Show a study's progress: what ran, what failed, what is left and about how long it will take.

    Example:

      lrscope status runs/sweep
    """
    if log is not None:
        _print_log(folder, log)
        return
    from lrscope.config.arms import BesideRate
    from lrscope.number_text import format_rate
    from lrscope.workflows.status import study_status

    study = study_status(folder)
    if json:
        print_json(
            "status/1",
            {
                "study": str(study.folder), "kind": study.kind, "running": study.running, "trials": len(study.trials),
                "states": study.counts, "seconds_spent": study.seconds_spent, "steps": study.steps,
                "seconds_left_on_one_worker": study.seconds_left, "resume": study.resume_command or None,
                "failed": [{"trial": row.id, "reason": row.reason} for row in study.failed],
            }
        )  # fmt: skip
        return
    states = ", ".join(f"{number} {name}" for name, number in study.counts.items())
    now = "a process runs it now" if study.running else "nothing runs"
    echo(f"{counted(len(study.trials), 'trial')}: {states}; {now}")
    shown_trials = [trial for trial in study.trials if trial.is_left or trial.state == "failed"] or study.trials
    beside = BesideRate([trial.row.config for trial in study.trials])
    names = ["trial", "lr", "seed", "step", "state", beside.heading]
    cells = [
        [str(row.id), format_rate(row.config.peak_rate), str(row.config.seed), _steps(row),
         state + (f": {row.reason}" if row.reason else ""), beside.of(row.config)]
        for row, state in ((trial.row, trial.state) for trial in shown_trials[:SHOWN])
    ]  # fmt: skip
    if not beside.heading:
        names, cells = names[:-1], [row[:-1] for row in cells]
    print_table(names, cells)
    if len(shown_trials) > SHOWN:
        echo(f"... and {len(shown_trials) - SHOWN} more")
    if study.num_left and (left := study.left_between) is not None:
        running, spent = study.num_running, duration(study.seconds_spent)
        shared = SecondsLeft(left.low / max(1, running), left.high / max(1, running))
        now = f", {about(shared)} at {running} at a time" if running > 1 else ""
        echo(f"{counted(study.num_left, 'trial')} left, {about(left)} on one worker{now}; spent {spent}")
    if study.resume_command:
        echo(f"go on with: {study.resume_command}")


def _steps(row: TrialRow) -> str:
    """Return how far a trial has come; nothing where it has not begun, or does not say."""
    return f"{row.step}/{row.total_steps or '?'}" if row.step or row.total_steps else "–"


def _print_log(folder: Path, form: str) -> None:
    from lrscope.studies.frames import StudyReader, to_csv
    from lrscope.workflows.study_folder import begun_study

    if form != "csv":
        raise ConfigError(f"--log is csv: got {form!r}")
    with StudyReader(begun_study(folder)) as study:
        echo(to_csv(study.evaluation_rows()), nl=False)
