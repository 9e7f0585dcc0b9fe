"""The runs of a folder that is no study, read from the records that stand for them; what is odd about it is noted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from lrscope.errors import DataError
from lrscope.runs.found_files import MAX_OPENED, Claims, FolderRecords, files_in
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.checked import file_name
from lrscope.runs.notes import FolderCut, FoldersUnlisted, Note, RecordNotRead, RecordsLeftOut
from lrscope.runs.quantities import Count, Names, Text
from lrscope.runs.reading import expect

MAX_NAMED = 5  # names in a line
LOOKED_FOR = (
    "Trainer's states (trainer_state.json), lrscope.json, TensorBoard's events, Lightning's metrics.csv, Ray's "
    "result.json, MLflow's and W&B's run folders, Optuna's databases, tables and logs with evaluations"
)


def read_folder(folder: Path, claims: Claims, read: Callable[[Path], Imported]) -> list[tuple[Path, Imported]]:
    """Return the records of a folder with what each holds. A run that nothing else names is called by its folder.

    Args:
        folder: a folder that is no study.
        claims: whether a file is a record of runs, by its content.
        read: reads one.

    Raises:
        DataError: there is no record in it, or none that can be read.
    """
    records = files_in(folder, claims)
    if not records.found:
        raise DataError(_nothing(folder, records))
    expect(found.path for found in records.found)
    files: list[tuple[Path, Imported]] = []
    unread: list[Note] = []
    refused: list[DataError] = []
    for found in records.found:
        try:
            imported = read(found.path)
        except DataError as error:
            refused.append(error)
            unread.append(RecordNotRead(Text(_shown(found.path, folder)), Text(error)))
            continue
        files.append((found.path, replace(imported, called=_shown(found.home, folder))))
    if not files:
        raise refused[0]
    path, first = files[0]
    notes = (*unread[:MAX_NAMED], *_notes(folder, records))
    return [(path, replace(first, notes=(*first.notes, *notes))), *files[1:]]


def _notes(folder: Path, records: FolderRecords) -> Iterable[Note]:
    if records.left_out:
        yield RecordsLeftOut(Count(len(records.left_out)), _names(records.left_out, folder))
    if records.unlisted:
        yield FoldersUnlisted(_names(records.unlisted, folder))
    if records.is_cut:
        yield FolderCut(Text(file_name(folder)), Count(MAX_OPENED))


def _nothing(folder: Path, records: FolderRecords) -> str:
    """Say what was looked for, and what is there."""
    begun = f"a report is of a study's folder, or of records of runs: {file_name(folder)} holds none"
    if records.studies:
        return f"{begun} of its own, but studies; report one of them: {', '.join(_names(records.studies, folder))}"
    there = [f"it has {', '.join(_names(records.seen, folder))}"] if records.seen else []
    there += [f"{', '.join(_names(records.unlisted, folder))} cannot be listed"] if records.unlisted else []
    return f"{begun}; {'; '.join(there) or 'it is empty'}. Looked for were {LOOKED_FOR}"


def _names(paths: Sequence[Path], folder: Path) -> Names:
    names = [_shown(path, folder) for path in paths[:MAX_NAMED]]
    return Names([*names, "…"] if len(paths) > MAX_NAMED else names)


def _shown(path: Path, folder: Path) -> str:
    """Return a path within a folder, the folder's own name for itself."""
    return file_name(path.relative_to(folder) if path != folder else Path(folder.name or folder))
