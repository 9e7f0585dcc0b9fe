"""Runs from wherever they are: a study's folder, or files of any format, read by the importer that claims them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from lrscope.config import StudyConfig
from lrscope.errors import DataError
from lrscope.records import Direction, Metric
from lrscope.runs.dev_set import seen_sizes
from lrscope.runs.import_study import read_study
from lrscope.runs.importers.base import Imported, Importer
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.console import ConsoleLog
from lrscope.runs.importers.example_scores import ExampleScoreTable
from lrscope.runs.importers.run_record import RunRecord
from lrscope.runs.importers.tables import MetricTable
from lrscope.runs.importers.trainer_state import TrainerState, last_state
from lrscope.runs.joined_scores import with_score_table
from lrscope.runs.metric import metric_of_files, passed_over
from lrscope.runs.notes import Note
from lrscope.runs.reconcile import reconciled
from lrscope.runs.recorded_run import RECORD
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.settings import shared_settings
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore

# In the order in which they are asked; what none claims is read as a console log.
IMPORTERS: tuple[Importer, ...] = (RunRecord(), ExampleScoreTable(), TrainerState(), MetricTable(), ConsoleLog())
HEAD = 1 << 16  # bytes that importers are shown


def read_runs(
    paths: Sequence[Path],
    sizes: Mapping[str, int],
    metric: str | None = None,
    direction: Direction | None = None,
    *,
    at_best: bool = False,
) -> Runs:
    """Return the runs of a study, or of imported files; `metric` is the one to compare by, `direction` its better way.

    A folder stands for the record in it, or for the last state that Trainer wrote. `sizes` counts the examples of
    splits, for files that do not say. With `at_best` runs are judged at their best evaluations.

    Raises:
        DataError, StudyError: they cannot be read or compared, or are the same one twice.
    """
    if not paths:
        raise DataError("a report is of a study's folder or of files: got none")
    paths = [_source(path) for path in paths]
    known: set[tuple[int, int]] = set()
    for path in paths:
        identity = path.stat().st_dev, path.stat().st_ino
        if identity in known:
            raise DataError(f"every file is given once: got {path} twice; runs at other seeds are files of their own")
        known.add(identity)
    if any(path.is_dir() for path in paths):
        return _of_study(paths, sizes, metric, at_best=at_best)
    files = [(file_name(path), _imported(path)) for path in paths]
    return with_score_table(replace(reconciled(_together(files, sizes, metric, direction)), at_best=at_best))


def importer_of(path: Path) -> Importer:
    """Return the importer of a file: the first that claims it by content, else the first of its suffix, else the log's.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    for importer in IMPORTERS:
        if importer.claims(path, head):
            return importer
    return next((each for each in IMPORTERS if path.suffix.lower() in each.suffixes), IMPORTERS[-1])


def _imported(path: Path) -> Imported:
    """Return what a file holds; a pipe, as a shell's `<(...)` makes one, gives its bytes once and is copied first."""
    if path.is_file():
        return importer_of(path).read(path)
    if not path.is_fifo():
        raise DataError(f"a report is of a study's folder or of files: {file_name(path)} is neither")
    with TemporaryDirectory(prefix="lrscope-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as pipe, copy.open("wb") as file:
            copyfileobj(pipe, file)
        return importer_of(copy).read(copy)


def _source(path: Path) -> Path:
    """Return a file, or a folder that is a study or unknown; of a folder of Trainer's, the file that it stands for."""
    try:
        if not path.exists():
            raise DataError(f"a report is of a study's folder or of logs: there is no {path}")
        stands_for_itself = not path.is_dir() or (path / DATABASE).exists()
        if stands_for_itself:
            return path
        return path / RECORD if (path / RECORD).is_file() else last_state(path) or path
    except OSError as error:  # a name that is too long, a folder that may not be listed
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _of_study(paths: Sequence[Path], sizes: Mapping[str, int], metric: str | None, *, at_best: bool) -> Runs:
    if len(paths) > 1:
        raise DataError("a report is of one study, or of files: got " + ", ".join(map(str, paths)))
    with StudyStore.open(paths[0]) as store:
        runs = read_study(store, metric, at_best=at_best)
        if known := [name for name in sizes if runs.scores is not None or isinstance(store.config, StudyConfig)]:
            raise DataError(f"{paths[0]} is a study, which knows how many examples it has: leave out --{known[0]}-size")
        return replace(runs, sizes={**runs.sizes, **sizes})


def _together(
    files: Sequence[tuple[str, Imported]], sizes: Mapping[str, int], wanted: str | None, direction: Direction | None
) -> Runs:
    """Return the runs of all files as one comparison, by one metric; runs of one arm become its seeds."""
    own = _own_metric((file for _, file in files), wanted) if direction is None else None
    measured = [(name, file.metrics) for name, file in files]
    metric, candidates = metric_of_files(measured, *(own or (wanted, direction)))
    notes: list[Note] = [*(passed_over(candidates, metric) if wanted is None else ())]
    source = ", ".join(name for name, _ in files)
    files = [(name, _scored(file, metric.name)) for name, file in files]
    _require_runs_once(file for _, file in files if file.scores is not None)
    notes += [note for _, file in files for note in file.notes]
    runs = tuple(_named(files))
    return Runs(
        source, metric, runs, {**_dev_size(runs), **sizes}, notes=tuple(notes), is_imported=True,
        unread=tuple(line for _, file in files for line in file.unread),
        settings=shared_settings([file.settings for _, file in files]),
    )  # fmt: skip


def _own_metric(files: Iterable[Imported], wanted: str | None) -> Metric | None:
    """Return the metric that all files say they are compared by, unless another one is wanted."""
    named = {file.metric for file in files}
    own = named.pop() if len(named) == 1 else None
    return own if own is not None and wanted in (None, own.name) else None


def _scored(file: Imported, metric: str) -> Imported:
    """Return a file with its runs, where those are the ones that have scores of the metric."""
    return file if file.scores is None else replace(file, runs=file.scores.runs(metric))


def _require_runs_once(scored: Iterable[Imported]) -> None:
    """Refuse tables of scores that hold the same run: they name their runs, so it is no other seed."""
    known: set[tuple[str, int | None]] = set()
    for run in (run for file in scored for run in file.runs):
        if (run.arm, run.seed) in known:
            raise DataError(
                f"scores of a run stand in one file: got {run.arm}, seed {run.seed} in several; runs of one arm differ "
                "in a column seed"
            )
        known.add((run.arm, run.seed))


def _named(files: Sequence[tuple[str, Imported]]) -> Iterator[Run]:
    """Yield all runs; one that nothing names is called by its folder, or its file where several are in one folder."""
    folders = [str(Path(name).parent) for name, _ in files]
    for (name, file), folder in zip(files, folders, strict=True):
        for run in file.runs:
            yield run if run.arm else replace(run, arm=folder if folders.count(folder) == 1 else name)


def _dev_size(runs: Iterable[Run]) -> dict[str, int]:
    """Return how many examples of dev the runs were evaluated on, where all that tell it agree."""
    sizes = {(run.dev_set.low, run.dev_set.high) for run in runs if run.dev_set.size is not None}
    known = seen_sizes((low, high) for low, high in sizes if low is not None and high is not None)
    return {} if known is None else {"dev": (known[0] + known[1]) // 2}
