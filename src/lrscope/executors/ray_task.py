"""What runs on a node of a Ray cluster: one trial in a folder of the node's own, told and sent back piece by piece."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING

from lrscope import __version__
from lrscope.executors.base import Event, Job
from lrscope.executors.file_transfer import IncomingFolder, Piece, pieces
from lrscope.executors.input_files import Sent, key_of, unpack, unseen
from lrscope.executors.work import events_of, gather_for, worth_telling
from lrscope.store.storage import DATABASE

if TYPE_CHECKING:
    from lrscope.training.study_inputs import StudyInputs

KEPT_SECONDS = 7 * 24 * 3600.0
_gathered: dict[str, StudyInputs] = {}


@dataclass(frozen=True)
class Task:
    """A job for another machine: `key` names its folder there, `begun` is what an earlier run left of it.

    `keep` is the study's; `versions` are the driver's, which a node must have too.
    """

    job: Job
    key: str
    keep: str
    versions: Mapping[str, str]
    begun: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Unseen:
    """A node does not see these inputs; they have to be sent."""

    settings: tuple[str, ...]


def versions() -> dict[str, str]:
    """Return what must be equal on all nodes for their numbers to be."""
    import torch

    return {"lrscope": __version__, "torch": torch.__version__}


def run_task(
    task: Task, sent: Mapping[str, Sent] | None, read: Callable[[object], Piece], stopped: Callable[[], bool]
) -> Iterator[Event | Piece | Unseen]:
    """Run a trial, yield what happens, then the pieces of its folder, and at last how it ended.

    `sent` are inputs that some node did not see; `read` fetches a piece of them, `stopped` is asked now and then.
    """
    trial, config = task.job.trial, task.job.config
    missing = unseen(config)
    if missing and sent is None:
        yield Unseen(tuple(missing))
        return
    yield Event("started", trial)
    if (here := versions()) != task.versions:
        yield Event("blocked", trial, reason=_other_versions(task.versions, here))
        return
    home = Path(tempfile.gettempdir()) / f"lrscope-{_user()}"
    _tidy(home)
    if missing:
        assert sent is not None
        lacking = {name: sent[name] for name in missing}
        inputs = home / f"inputs-{key_of(task.job.fingerprint, missing)}"
        config = config.reading(unpack(lacking, inputs, read))
        os.utime(inputs)
    folder = home / task.key
    if task.begun and not folder.exists():
        arrival = IncomingFolder(folder)
        for piece in task.begun:
            arrival.add(piece)
        arrival.finish()
    yield from _run(replace(task.job, config=config, folder=folder), task.keep, stopped)


def _run(job: Job, keep: str, stopped: Callable[[], bool]) -> Iterator[Event | Piece]:
    over = threading.Event()
    stops: list[Callable[[], None]] = []

    def watch() -> None:
        while not over.wait(1.0):
            if stopped():
                for stop in stops:
                    stop()

    threading.Thread(target=watch, daemon=True).start()
    told = 0.0
    try:
        for event in events_of(job, _inputs, stops.append):
            if event.kind in ("done", "stopped"):
                yield from pieces(job.folder, _kept(keep) if event.kind == "done" else None)
            if event.kind in ("failed", "blocked"):
                event = replace(event, reason=f"{event.reason} (on {platform.node()})")
            if event.record is None or worth_telling(event.record, told):
                told = monotonic()
                yield event
            if event.kind in ("done", "stopped"):
                shutil.rmtree(job.folder, ignore_errors=True)
    finally:
        over.set()


def _kept(keep: str) -> Callable[[str], bool]:
    """Return what of a finished trial travels: its store, and the checkpoints that the study keeps."""
    names = {"all": ("best", "last"), "best": ("best",), "none": ()}[keep]
    return lambda path: path == DATABASE or any(path.startswith(f"trials/0001/{name}/") for name in names)


def _inputs(job: Job) -> StudyInputs:
    """Read a study's inputs once a worker."""
    key = key_of(job.fingerprint, job.numerics, job.config.to_dict()["data"], job.config.to_dict()["model"])
    if key not in _gathered:
        _gathered.clear()
        _gathered[key] = gather_for(job)
    return _gathered[key]


def _other_versions(theirs: Mapping[str, str], here: Mapping[str, str]) -> str:
    differing = [f"{name} {here.get(name)} instead of {version}" for name, version in theirs.items()]
    return f"{platform.node()} has {' and '.join(differing)}: install the same on all nodes"


def _tidy(home: Path) -> None:
    """Remove what drivers that were killed and never came back have left, and inputs that none has used for long."""
    for folder in home.glob("*"):
        with contextlib.suppress(OSError):  # another worker tidies too
            if time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
