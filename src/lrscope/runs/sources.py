"""Runs from wherever they are: a study's folder, console logs, Trainer states, tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lrscope.errors import DataError
from lrscope.runs.import_study import read_study
from lrscope.runs.importers.console import read_log
from lrscope.runs.importers.tables import SUFFIXES, read_table
from lrscope.runs.importers.trainer import read_trainer_states
from lrscope.runs.reconcile import settled
from lrscope.runs.runs import Runs
from lrscope.runs.settings import shared_settings
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore

STATE = "trainer_state.json"


def read_runs(
    paths: Sequence[Path], sizes: Mapping[str, int], metric: str | None = None, *, at_best: bool = False
) -> Runs:
    """Return the runs of a study, or of imported files, all of one kind; `metric` is the one to compare by.

    A folder that Trainer wrote stands for the last state in it. With `at_best` runs are judged at their best epochs.

    Raises:
        DataError, StudyError: they cannot be read, are of different kinds, or are the same one twice.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"a report is of a study's folder or of logs: there is no {path}")
    paths = [_last_state(path) if path.is_dir() else path for path in paths]
    for number, path in enumerate(paths):
        if any(path.samefile(other) for other in paths[:number]):
            raise DataError(f"every file is given once: got {path} twice; runs at other seeds are files of their own")
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1 or (kinds == {"study"} and len(paths) > 1):
        raise DataError("a report is of one study, or of files of one kind: got " + ", ".join(map(str, paths)))
    if kinds == {"study"}:
        with StudyStore.open(paths[0]) as store:
            if sizes:
                name = next(iter(sizes))
                raise DataError(
                    f"{paths[0]} is a study, which knows how many sentences it has: leave out --{name}-size"
                )
            return read_study(store, metric, at_best=at_best)
    if kinds == {"trainer"}:
        found = read_trainer_states(paths, sizes, metric)
    elif kinds == {"table"}:
        found = _joined([read_table(path, sizes, metric) for path in paths])
    else:
        found = _joined([read_log(path, sizes, metric) for path in paths])
    return replace(settled(found), at_best=at_best)


def _last_state(folder: Path) -> Path:
    """Return Trainer's last state in a folder: its own, or that of the checkpoint with the most steps."""
    if (folder / DATABASE).exists():
        return folder
    if (folder / STATE).is_file():
        return folder / STATE
    steps = {int(m[1]): path for path in folder.iterdir() if (m := re.fullmatch(r"checkpoint-(\d+)", path.name))}
    states = [steps[step] / STATE for step in sorted(steps) if (steps[step] / STATE).is_file()]
    return states[-1] if states else folder


def _kind(path: Path) -> str:
    if path.is_dir():
        return "study"
    return "trainer" if path.suffix == ".json" else "table" if path.suffix in SUFFIXES else "log"


def _joined(logs: Sequence[Runs]) -> Runs:
    """Return several logs' runs as one comparison; runs of one arm become its seeds."""
    if len(logs) == 1:
        return logs[0]
    if any(log.scores is not None for log in logs):
        raise DataError("per-example scores are read from one file: got several; put all arms into one")
    if len({log.metric for log in logs}) > 1:
        raise DataError("logs are compared by one metric: got " + ", ".join(log.metric.name for log in logs))
    first = logs[0]
    return replace(
        first, source=", ".join(log.source for log in logs), runs=tuple(run for log in logs for run in log.runs),
        notes=tuple(note for log in logs for note in log.notes),
        unread=tuple(line for log in logs for line in log.unread),
        settings=shared_settings([log.settings for log in logs]),
    )  # fmt: skip
