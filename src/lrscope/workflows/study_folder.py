"""Which folder a user means: a study's own, or the one of `lrscope tune`, which holds its studies."""

from __future__ import annotations

from pathlib import Path

from lrscope.errors import StudyError
from lrscope.store.storage import DATABASE
from lrscope.studies.budget import is_tune_folder
from lrscope.studies.kept_tune import FIND, SWEEP, going_on

SHORT = "short"  # of tunes by an earlier version


def begun_study(folder: Path) -> Path:
    """Return the folder of a study, of any kind: of a tune's own folder the last one that it has begun.

    Raises:
        StudyError: tune has begun none yet.
    """
    if (folder / DATABASE).is_file() or not is_tune_folder(folder):
        return folder  # where there is no study, whoever opens it says so
    for name in (SWEEP, SHORT, FIND):
        if (folder / name / DATABASE).is_file():
            return folder / name
    raise StudyError(f"lrscope tune has not begun a study in {folder} yet; go on with: {going_on(folder)}")


def compared_study(folder: Path) -> Path:
    """Return the folder of a study of runs to compare: of a tune's own folder that of its sweep.

    Raises:
        StudyError: tune has not come to its sweep yet.
    """
    if (folder / DATABASE).is_file() or not is_tune_folder(folder):
        return folder
    if (folder / SWEEP / DATABASE).is_file():
        return folder / SWEEP
    raise StudyError(f"lrscope tune has not begun its sweep in {folder} yet; go on with: {going_on(folder)}")


def folder_beside(folder: Path, suffix: str) -> Path:
    """Return the folder beside a study's in which what belongs to it is kept.

    >>> folder_beside(Path("runs/first"), "find")
    PosixPath('runs/first-find')

    Raises:
        StudyError: the folder has no name, as `/` has none.
    """
    named = folder if folder.name not in ("", "..") else folder.resolve()
    if not named.name:
        raise StudyError(f"a study is made in a folder with a name: got {folder}; choose another --out")
    return named.with_name(f"{named.name}-{suffix}")
