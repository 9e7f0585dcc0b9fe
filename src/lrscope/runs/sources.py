"""Runs from wherever they are: a study's folder, or files of any format, read by the importer that claims them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory

from lrscope.config import StudyConfig
from lrscope.errors import DataError
from lrscope.records import Direction
from lrscope.runs.beside import with_arms
from lrscope.runs.comparisons import Asked, comparisons
from lrscope.runs.folder_records import read_folder
from lrscope.runs.import_study import read_study
from lrscope.runs.importers.base import Imported, Importer
from lrscope.runs.importers.checked import file_name
from lrscope.runs.importers.console import ConsoleLog
from lrscope.runs.importers.dictionary_log import DictionaryLog
from lrscope.runs.importers.example_scores import ExampleScoreTable
from lrscope.runs.importers.llama_factory import LlamaFactoryLog, TrainerResults
from lrscope.runs.importers.mlflow_runs import MlflowDatabase, MlflowRun
from lrscope.runs.importers.notebooks import Notebook
from lrscope.runs.importers.optuna_storage import OptunaStorage
from lrscope.runs.importers.progress_tables import ProgressTable
from lrscope.runs.importers.run_record import RunRecord
from lrscope.runs.importers.tables import MetricTable
from lrscope.runs.importers.tensorboard_events import TensorBoardEvents
from lrscope.runs.importers.trainer_state import TrainerState
from lrscope.runs.importers.wandb_log import WandbLog
from lrscope.runs.joined_study import study_as_file, told_apart
from lrscope.runs.reading import expect, of_file
from lrscope.runs.recorded_twice import once
from lrscope.runs.runs import Runs
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore

# In the order in which they are asked; what none claims is read as a console log.
IMPORTERS: tuple[Importer, ...] = (
    TensorBoardEvents(), WandbLog(), OptunaStorage(), MlflowDatabase(), MlflowRun(), RunRecord(), ExampleScoreTable(),
    TrainerState(), Notebook(), LlamaFactoryLog(), TrainerResults(), MetricTable(), DictionaryLog(), ProgressTable(),
    ConsoleLog(),
)  # fmt: skip
HEAD = 1 << 16  # bytes that importers are shown


def read_comparisons(paths: Sequence[Path], asked: Asked) -> list[Runs]:
    """Return the runs of a study, or of imported files, one comparison a dev set.

    A study stands alone, compared example by example, and so are several of one dev set; beside files it is one record
    of several, compared by values.
    A folder that is no study stands for the records of runs in it, one a run. The sizes that are asked for are
    those of splits, for files that do not say.

    Raises:
        DataError, StudyError: they cannot be read or compared, or are the same one twice.
    """
    if not paths:
        raise DataError("a report is of a study's folder or of files: got none")
    paths = [_source(path) for path in paths]
    _require_once(paths)
    if len(paths) == 1 and _is_study(paths[0]):
        return [_of_study(paths[0], asked)]
    expect(paths)
    files = [file for path in paths for file in _files(path)]
    _require_once([path for path, _ in files])
    files = with_arms(once(files), asked.arm_from)
    each = told_apart([imported for _, imported in files])
    return comparisons([(file_name(path), one) for (path, _), one in zip(files, each, strict=True)], asked)


def read_runs(
    paths: Sequence[Path],
    sizes: Mapping[str, int],
    metric: str | None = None,
    direction: Direction | None = None,
    *,
    at_best: bool = False,
) -> Runs:
    """Return the runs of a study, or of imported files that are one comparison; else as `read_comparisons`.

    Raises:
        DataError, StudyError: also where the runs were measured on several dev sets.
    """
    found = read_comparisons(paths, Asked(sizes, metric, direction, at_best))
    if len(found) > 1:
        sets = "; ".join(map(str, (each.dev_set for each in found)))
        raise DataError(f"runs are compared on one dev set: got {sets}; read them one by one")
    return found[0]


def importer_of(path: Path) -> Importer:
    """Return the importer of a file: the first that claims it by content, else the first of its suffix, else the log's.

    Raises:
        DataError: it cannot be read.
    """
    claiming = _claiming(path)
    return claiming or next((each for each in IMPORTERS if path.suffix.lower() in each.suffixes), IMPORTERS[-1])


def _claiming(path: Path) -> Importer | None:
    """Return the first importer that claims a file by its content."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    return next((importer for importer in IMPORTERS if importer.claims(path, head)), None)


def _is_record(path: Path) -> bool:
    try:
        return _claiming(path) is not None
    except DataError:
        return False


def _files(path: Path) -> list[tuple[Path, Imported]]:
    """Return what a file or a study holds, or every record of a folder."""
    is_folder = path.is_dir() and not _is_study(path)
    return read_folder(path, _is_record, _imported) if is_folder else [(path, _imported(path))]


def _require_once(paths: Sequence[Path]) -> None:
    known: set[tuple[int, int]] = set()
    for path in paths:
        identity = path.stat().st_dev, path.stat().st_ino
        if identity in known:
            raise DataError(f"every file is given once: got {path} twice; runs at other seeds are files of their own")
        known.add(identity)


def _imported(path: Path) -> Imported:
    """Return what a file or a study holds; a pipe, as of a shell, gives its bytes once and is copied first."""
    if path.is_dir():
        with StudyStore.open(path) as store:
            return study_as_file(store)
    if path.is_file():
        return _read(path)
    if not path.is_fifo():
        raise DataError(f"a report is of a study's folder or of files: {file_name(path)} is neither")
    with TemporaryDirectory(prefix="lrscope-") as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as pipe, copy.open("wb") as file:
            copyfileobj(pipe, file)
        return _read(copy)


def _read(path: Path) -> Imported:
    importer = importer_of(path)
    with of_file(path):
        return replace(importer.read(path), kind=type(importer).__name__)


def _source(path: Path) -> Path:
    """Return a path that exists and may be looked at."""
    try:
        if not path.exists():
            raise DataError(f"a report is of a study's folder or of logs: there is no {path}")
        if path.is_dir():
            next(path.iterdir(), None)
        return path
    except OSError as error:  # a name that is too long, a folder that may not be listed
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _is_study(path: Path) -> bool:
    return path.is_dir() and (path / DATABASE).exists()


def _of_study(path: Path, asked: Asked) -> Runs:
    with StudyStore.open(path) as store:
        runs = read_study(store, asked.metric, at_best=asked.at_best)
        if known := [n for n in asked.sizes if runs.scores is not None or isinstance(store.config, StudyConfig)]:
            raise DataError(f"{path} is a study, which knows how many examples it has: leave out --{known[0]}-size")
        return replace(runs, sizes={**runs.sizes, **asked.sizes})
