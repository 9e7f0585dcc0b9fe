"""One writer a study: an operating-system lock that dies with its process, so a crash leaves nothing to clean up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from lrscope.errors import StudyError

LOCK = "study.lock"
# Whoever asks whether a study is held takes its lock for a moment: a writer tries for so long before it gives up.
PATIENCE_SECONDS = 0.5


def is_held(folder: Path) -> bool:
    """Return whether some process writes the study in `folder` now."""
    from filelock import FileLock, Timeout  # a report of logs does not wait for its import

    if not (folder / LOCK).is_file():
        return False
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written is written by nobody
        return False
    lock.release()
    return False


def wait_until_free(folder: Path, seconds: float) -> None:
    """Wait until no process writes the study in `folder`.

    Raises:
        StudyError: it is still held after so many seconds.
    """
    end = monotonic() + seconds
    while is_held(folder):
        if monotonic() > end:
            raise StudyError(_held(folder))
        sleep(0.05)


@contextmanager
def study_lock(folder: Path) -> Iterator[None]:
    """Hold the study in `folder` for the length of the block.

    Raises:
        StudyError: another process holds it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout as error:
        raise StudyError(_held(folder)) from error
    except OSError as error:
        raise StudyError(f"cannot write {folder}: {error.strerror or error}; choose another folder") from error
    try:
        yield
    finally:
        lock.release()


def _held(folder: Path) -> str:
    return f"one process at a time may write a study: another one is writing {folder}; wait for it or stop it"
