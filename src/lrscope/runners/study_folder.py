"""A study's folder: made in a place that holds nothing else, or gone on with; held by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lrscope.config import AnyStudy
from lrscope.config.command_line import quote, resume
from lrscope.errors import StudyError
from lrscope.files import write_text
from lrscope.runners.base import Prepared
from lrscope.store.lock import LOCK, study_lock
from lrscope.store.storage import DATABASE, UNFINISHED
from lrscope.store.study import StudyStore


def require_new(folder: Path) -> None:
    """Refuse a folder that holds anything: nothing is ever overwritten silently.

    Raises:
        StudyError: it holds a study, or something else.
    """
    if (folder / DATABASE).exists():
        go_on = f"go on with --resume {quote(folder)}"
        raise StudyError(f"{folder} holds a study already; {go_on}, or choose another --out")
    if folder.is_file() or (folder.is_dir() and any(not _is_ours(path) for path in folder.iterdir())):
        raise StudyError(
            f"--out must be a new or an empty folder: got {folder}, which holds other files; choose another"
        )


def _is_ours(path: Path) -> bool:
    """Return whether a file is what a run leaves that was killed while it made its study."""
    return path.name == LOCK or path.name.startswith(UNFINISHED)


@contextmanager
def new_study(config: AnyStudy, folder: Path, prepared: Prepared) -> Iterator[StudyStore]:
    """Make a new study of these inputs in `folder`, and hold it.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
    """
    require_new(folder)
    with (
        study_lock(folder),
        StudyStore.create(
            folder,
            config,
            fingerprint=prepared.fingerprint,
            numerics=prepared.numerics.to_dict(),
            task_state=prepared.task_state,
            metric=prepared.metric,
            overlaps=prepared.overlaps,
        ) as store,
    ):
        write_text(folder / "config.toml", config.to_toml())
        yield store


KINDS = {"finetune": "a single fine-tune", "sweep": "a sweep", "find": "a range test"}


def kind_of(config: AnyStudy) -> str:
    """Return which command's study it is: `finetune`, `sweep` or `find`."""
    if config.find is not None:
        return "find"
    return "finetune" if config.sweep is None else "sweep"


@contextmanager
def held_study(folder: Path, kind: str) -> Iterator[StudyStore]:
    """Hold the study in `folder`, to go on with it.

    Raises:
        UnusableStudyError: its files are damaged.
        StudyError: there is no study of this kind, or another process holds it.
    """
    if not (folder / DATABASE).is_file():
        raise StudyError(f"{folder} holds no study to resume: it has no {DATABASE}; name the --out of a {kind} command")
    with study_lock(folder), StudyStore.open(folder, for_writing=True) as store:
        held = kind_of(store.config)
        if held != kind:
            raise StudyError(f"{folder} holds {KINDS[held]}: go on with {resume(held, folder)}")
        yield store


def require_same(kept: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """Hold a study to the inputs that it began with.

    Raises:
        StudyError: some input's fingerprint differs; the message names it.
    """
    differing = sorted(name for name in kept.keys() | now.keys() if kept.get(name) != now.get(name))
    if differing:
        raise StudyError(
            f"a study goes on with the inputs it began with: {', '.join(differing)} changed since {folder} was begun; "
            "restore the file, or start a new study with --out"
        )
