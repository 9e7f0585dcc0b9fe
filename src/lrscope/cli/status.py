"""`lrscope status`: how a study stands."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.output import echo, print_json, table_lines
from lrscope.cli.progress import duration
from lrscope.errors import ConfigError

if TYPE_CHECKING:
    from lrscope.store.study import StudyStore
    from lrscope.store.trials import TrialRow

SHOWN = 40


def status(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.", metavar="FOLDER", show_default=False)],
    log: Annotated[
        str | None,
        typer.Option("--log", help="Print all evaluations instead.", metavar="csv", show_default=False),
    ] = None,
    json: opt.Json = False,
) -> None:
    """Say of a study what ran, what failed, what is left and about how long it will take.

    Example:

      lrscope status runs/sweep
    """
    from lrscope.config.arms import shown

    if log is not None:
        _print_log(folder, log)
        return
    from lrscope.records import FINISHED
    from lrscope.store.lock import is_held
    from lrscope.store.study import StudyStore

    with StudyStore.open(folder) as store:
        rows, running = store.trials(), is_held(folder)
        # Without a controller nothing runs: what says so was cut off, and goes on when the study does.
        state = {row.id: "cut off" if row.status == "running" and not running else row.status for row in rows}
        counts = Counter(state.values())
        over = [row for row in rows if row.status in FINISHED and row.total_steps]
        left = [row for row in rows if row.status not in FINISHED and row.status != "failed"]
        seconds, steps = sum(row.seconds for row in over), sum(row.step for row in over)
        epochs = sum(row.config.epochs for row in over)
        remaining = seconds / epochs * sum(row.config.epochs for row in left) if epochs else None
        if json:
            print_json(
                {
                    "study": str(folder), "running": running, "trials": len(rows), "states": dict(counts),
                    "seconds_spent": seconds, "steps": steps, "seconds_left_on_one_worker": remaining,
                    "failed": [{"trial": row.id, "reason": row.reason} for row in rows if row.status == "failed"],
                }
            )  # fmt: skip
            return
        states = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
        echo(f"{len(rows)} trials: {states}; {'a controller runs it now' if running else 'nothing runs'}")
        shown_rows = [row for row in rows if row.status not in FINISHED] or rows
        names = ["trial", "lr", "seed", "step", "state", "schedule"]
        cells = [
            [str(r.id), shown(r.config.peak_rate), str(r.config.seed), f"{r.step}/{r.total_steps or '?'}",
             state[r.id] + (f": {r.reason}" if r.reason else ""), str(r.config.schedule)]
            for r in (_reached(store, row) for row in shown_rows[:SHOWN])
        ]  # fmt: skip
        echo("\n".join(table_lines(names, cells)))
        if len(shown_rows) > SHOWN:
            echo(f"... and {len(shown_rows) - SHOWN} more")
        if left and remaining is not None:
            echo(f"{len(left)} trials are left, about {duration(remaining)} on one worker; spent {duration(seconds)}")
        if left and not running:
            echo(f"go on with: lrscope sweep --resume {folder}")


def _reached(store: StudyStore, row: TrialRow) -> TrialRow:
    """Return how a trial stands now: what runs has a store of its own, and writes there at every epoch."""
    from lrscope.errors import StudyError
    from lrscope.store.study import StudyStore

    try:
        with StudyStore.open(store.work_folder(row.id)) as worker:
            here = worker.trials()[0]
            return replace(here, id=row.id, reason=row.reason, step=len(worker.steps(here.id)))
    except (StudyError, IndexError):  # not begun, or being made this moment
        return row


def _print_log(folder: Path, form: str) -> None:
    from lrscope.studies.frames import load_study, to_csv

    if form != "csv":
        raise ConfigError(f"--log is csv: got {form!r}")
    with load_study(folder) as study:
        echo(to_csv(study.evaluation_rows()), nl=False)
