"""The folder that a trial works in: a study of its own, of one trial, until the study it belongs to takes it in.

What lies there is progress. Only what is shown to be past going on with is begun anew, and then it is set aside under
another name, never deleted; what may pass (a full disk, a lock, missing permissions) leaves it as it is.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lrscope.config import AnyStudy
from lrscope.errors import StudyError, UnusableStudyError
from lrscope.runners.base import Prepared
from lrscope.runners.study_folder import held_study, new_study
from lrscope.store.lock import LOCK, wait_until_free
from lrscope.store.storage import DATABASE, UNFINISHED
from lrscope.store.study import StudyStore
from lrscope.store.trials import ANSWERS, trial_name

LET_GO_SECONDS = 30.0  # a try that was killed may take a while to be gone
OUTPUT = "out"  # where the user's own training writes, beside the checkpoints of the built-in one
CHECKPOINT = "checkpoint"  # where it keeps what it goes on from, in the work folder, over kills and stops
LOGS = ("output.log",)  # files of a run that are kept with its trial
RESULTS = (ANSWERS,)  # files that its training writes, which are kept too
ONLY_TRIAL = 1  # the number of a trial in the study of its own


def checkpoint_folder(work: Path, name: str) -> Path:
    """Return where a trial that works in `work` leaves its checkpoint, or another result, of this name.

    >>> checkpoint_folder(Path("work"), "best").as_posix()
    'work/trials/0001/best'
    """
    return work / "trials" / trial_name(ONLY_TRIAL) / name


@contextmanager
def own_study(config: AnyStudy, folder: Path, prepared: Prepared) -> Iterator[StudyStore]:
    """Hold the study of one trial in `folder`: the one that was begun there, or a new one.

    Raises:
        StudyError: another process holds it, or it can neither be read nor written now; what is there is kept.
    """
    wait_until_free(folder, LET_GO_SECONDS)
    with ExitStack() as held:
        store = None
        if (folder / DATABASE).is_file():
            try:
                store = held.enter_context(held_study(folder, "finetune"))
                _require_its_own(store, config, prepared)
            except UnusableStudyError:
                held.close()
                store = None
                set_aside(folder)
        elif folder.is_dir() and any(not _is_harmless(path) for path in folder.iterdir()):
            set_aside(folder)  # checkpoints of a trial that has lost its records
        if store is None:
            store = held.enter_context(new_study(config, folder, prepared))
        yield store


def _is_harmless(path: Path) -> bool:
    return path.name == LOCK or path.name.startswith(UNFINISHED)


def _require_its_own(store: StudyStore, config: AnyStudy, prepared: Prepared) -> None:
    trial, numerics = store.config.trial, prepared.numerics.to_dict()
    differing = trial.differing(config.trial)
    differing += [name for name, digest in prepared.fingerprint.items() if store.fingerprint.get(name) != digest]
    differing += [name for name, value in store.numerics.items() if numerics.get(name, value) != value]
    if differing:
        raise UnusableStudyError(f"{store.folder} holds another trial: {', '.join(differing)} differ")


def set_aside(folder: Path) -> Path:
    """Rename a folder that nobody can go on with, so that the trial is begun anew; return its new name.

    Raises:
        StudyError: it cannot be renamed.
    """
    names = (folder.with_name(f"{folder.name}.unusable-{number}") for number in itertools.count(1))
    target = next(name for name in names if not name.exists())
    try:
        return folder.replace(target)
    except OSError as error:
        raise StudyError(f"cannot set {folder} aside: {error.strerror or error}; remove it by hand") from error


def empty_folder(folder: Path) -> None:
    """Make an empty folder: what an earlier attempt left in its place is removed, or set aside where that cannot be.

    Raises:
        StudyError, OSError: it is neither possible.
    """
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():  # read-only folders in it, or files that somebody holds open
        set_aside(folder)
    folder.mkdir(parents=True)
