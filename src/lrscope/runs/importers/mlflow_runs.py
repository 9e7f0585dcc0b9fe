"""MLflow's runs: folders of its file store, and the database that it keeps since version 3."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lrscope.errors import DataError
from lrscope.records import Status
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.folder_walk import FolderWalk
from lrscope.runs.history import run_of_entries
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.configuration import configuration_of, flat_yaml
from lrscope.runs.importers.databases import opened, tables_of
from lrscope.runs.importers.scalars import Scalars
from lrscope.runs.importers.text import decoded, text_of
from lrscope.runs.measured import Entry
from lrscope.runs.run import Run
from lrscope.runs.settings import shared_settings

META = "meta.yaml"
TABLES = frozenset({"experiments", "runs", "metrics", "params", "alembic_version"})
MAX_FILES, MAX_BYTES, MAX_PARAM = 2_000, 1 << 28, 1 << 16  # of one run; of one metric; of one parameter
_ENDINGS: Mapping[str, Status] = {
    "1": "interrupted", "2": "interrupted", "3": "completed", "4": "failed", "5": "interrupted",
    "RUNNING": "interrupted", "SCHEDULED": "interrupted", "FINISHED": "completed", "FAILED": "failed",
    "KILLED": "interrupted",
}  # fmt: skip


@dataclass
class _Logged:
    """A run as MLflow keeps it: metrics by name as (step, value) in the order of their times."""

    name: str = ""
    status: str = ""
    seconds: float = math.nan
    experiment: str = ""
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def run(self, dev_set: DevSet = UNKNOWN) -> Run:
        configuration = configuration_of(self.params)
        told = configuration.told(
            name="" if configuration.rate is not None else self.name, status=_ENDINGS.get(self.status),
            seconds=self.seconds, dev_set=dev_set,
        )  # fmt: skip
        return run_of_entries(list(self._entries()), told)

    def _entries(self) -> Iterator[Entry]:
        """Yield what was measured; where nothing tells its step, the n-th values of all metrics belong together."""
        scalars = Scalars()
        tells_steps = any(step for each in self.metrics.values() for step, _ in each)
        for name, each in self.metrics.items():
            if not name.startswith("system/"):
                for number, (step, value) in enumerate(each):
                    scalars.take(name, step if tells_steps else number, value)
        for entry in scalars.entries():
            yield entry if tells_steps else Entry(None, entry.epoch, entry.splits, entry.dev_size)


class MlflowRun:
    """One run a folder of MLflow's file store: `meta.yaml`, with `metrics` and `params` beside it."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it describes a run of MLflow's."""
        return path.name == META and b"run_id:" in head and b"lifecycle_stage:" in head

    def read(self, path: Path) -> Imported:
        """Return the run.

        Raises:
            DataError: it cannot be read, or was deleted.
        """
        meta, shown = flat_yaml(text_of(path)), checked.file_name(path)
        if meta.get("lifecycle_stage") == "deleted":
            raise DataError(f"{shown} is of a run that was deleted in MLflow; restore it there, or leave it out")
        begun, ended = checked.number(meta.get("start_time")), checked.number(meta.get("end_time"))
        logged = _Logged(
            checked.text(meta.get("run_name"))[:80], checked.text(meta.get("status")), (ended - begun) / 1000.0
        )
        for file, name in _named(path.parent / "metrics"):
            logged.metrics[name] = _metric(file)
        for file, name in _named(path.parent / "params"):
            logged.params[name] = _parameter(file)
        run = logged.run(_experiment(path))
        return Imported((run,), run.settings)


class MlflowDatabase:
    """All runs of a database of MLflow's."""

    suffixes: tuple[str, ...] = (".db",)

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is a database with the tables of MLflow."""
        return tables_of(path, head) >= TABLES

    def read(self, path: Path) -> Imported:
        """Return the runs that measured something and were not deleted. An experiment is a comparison of its own.

        Raises:
            DataError: it is damaged, of another version, or holds no run with metrics.
        """
        with opened(path) as database:
            logged = [each for each in _logged(database) if each.metrics]
        if not logged:
            raise DataError(f"a database of MLflow has runs with metrics: got none in {checked.file_name(path)}")
        several = len({each.experiment for each in logged}) > 1
        runs = tuple(each.run(DevSet(each.experiment) if several else UNKNOWN) for each in logged)
        return Imported(runs, shared_settings([run.settings for run in runs]))


def _experiment(path: Path) -> DevSet:
    """Return what stands for a run's experiment, where its store has several: runs of one are compared."""
    experiment, store = path.parent.parent, path.parent.parent.parent
    try:
        others = [each for each in store.iterdir() if (each / META).is_file() and _has_metrics(each)]
        if len(others) < 2 or experiment not in others:
            return UNKNOWN
        return DevSet(checked.text(flat_yaml(text_of(experiment / META)).get("name"))[:80] or experiment.name)
    except (OSError, DataError):
        return UNKNOWN


def _has_metrics(experiment: Path) -> bool:
    return any((run / "metrics").is_dir() and any((run / "metrics").iterdir()) for run in experiment.iterdir())


def _named(folder: Path) -> Sequence[tuple[Path, str]]:
    """Return the files of a folder with their names within it: a metric's name may hold slashes."""
    files = [] if folder.is_symlink() else list(FolderWalk(folder, 3, MAX_FILES).files())
    return [(file, file.relative_to(folder).as_posix()) for file in files]


def _metric(path: Path) -> list[tuple[int, float]]:
    """Return the values of a metric: a line each, `timestamp value step`; a line that was cut off does not count."""
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"a metric's file has at most {MAX_BYTES >> 20} MiB: got more in {checked.file_name(path)}")
    values = []
    for line in text_of(path).split("\n"):
        parts = line.split()
        step = checked.number(parts[2]) if len(parts) >= 3 else math.nan
        if 0.0 <= step <= checked.MAX_COUNT and math.isfinite(time := checked.number(parts[0])):
            values.append((time, int(step), checked.measured(parts[1])))
    return [(step, value) for _, step, value in sorted(values, key=lambda each: each[0])]


def _parameter(path: Path) -> str:
    with path.open("rb") as file:
        return decoded(file.read(MAX_PARAM), errors="replace").strip()


def _logged(database: sqlite3.Connection) -> list[_Logged]:
    runs: dict[str, _Logged] = {}
    for run, name, status, begun, ended, experiment in database.execute(
        "select runs.run_uuid, runs.name, runs.status, runs.start_time, runs.end_time, experiments.name from runs "
        "join experiments using (experiment_id) where runs.lifecycle_stage = 'active' order by runs.start_time"
    ):
        seconds = (checked.number(ended) - checked.number(begun)) / 1000.0
        runs[run] = _Logged(checked.text(name)[:80], checked.text(status), seconds, checked.text(experiment)[:80])
    for run, key, value in database.execute("select run_uuid, key, value from params"):
        if run in runs:
            runs[run].params[checked.text(key)] = checked.text(value)
    for run, key, value, step, is_nan in database.execute(
        "select run_uuid, key, value, step, is_nan from metrics order by timestamp, step"
    ):
        if run in runs and (at := checked.count(step)) is not None:
            measured = math.nan if is_nan else checked.measured(value)
            runs[run].metrics.setdefault(checked.text(key), []).append((at, measured))
    return list(runs.values())
