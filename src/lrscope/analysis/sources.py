"""Runs from wherever they are: a study's folder, console logs, Trainer states, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lrscope.analysis.import_logs import read_log
from lrscope.analysis.import_tables import SUFFIXES, read_table
from lrscope.analysis.import_trainer import read_trainer_states
from lrscope.analysis.reading import read_study
from lrscope.analysis.runs import Run, Runs
from lrscope.errors import DataError
from lrscope.store.study import StudyStore


def read_runs(paths: Sequence[Path], sizes: Mapping[str, int]) -> Runs:
    """Return the runs of a study, or of imported files, all of one kind.

    Raises:
        DataError, StudyError: they cannot be read, or are of different kinds.
    """
    for path in paths:
        if not path.exists():
            raise DataError(f"a report is of a study's folder or of logs: there is no {path}")
    kinds = {_kind(path) for path in paths}
    if len(kinds) > 1 or (kinds == {"study"} and len(paths) > 1):
        raise DataError("a report is of one study, or of files of one kind: got " + ", ".join(map(str, paths)))
    if kinds == {"study"}:
        with StudyStore.open(paths[0]) as store:
            return read_study(store)
    if kinds == {"trainer"}:
        return read_trainer_states(paths, sizes)
    if kinds == {"table"}:
        return _joined([read_table(path, sizes) for path in paths])
    return _joined([read_log(path, dict(sizes)) for path in paths])


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
    runs: list[Run] = []
    for log in logs:
        for run in log.runs:
            taken = [other.seed for other in runs if other.arm == run.arm]
            runs.append(replace(run, seed=len(taken)) if run.seed in taken else run)
    first = logs[0]
    return replace(
        first, source=", ".join(log.source for log in logs), runs=tuple(runs),
        notes=tuple(note for log in logs for note in log.notes),
        unread=tuple(line for log in logs for line in log.unread),
    )  # fmt: skip
