"""What runs on a node of a Ray cluster: one job in folders of the node's own, told and sent back piece by piece."""

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
from typing import NamedTuple

from lrscope import __version__
from lrscope.executors.file_transfer import IncomingFolder, Piece, pieces
from lrscope.executors.input_files import Sent, key_of, unpack, unseen
from lrscope.executors.work import events_of, is_worth_sending, kept_inputs
from lrscope.runners.base import Event, Job
from lrscope.runners.work_folder import LOGS, RESULTS, checkpoint_folder
from lrscope.store.storage import DATABASE

KEPT_SECONDS = 7 * 24 * 3600.0


class TrialPiece(NamedTuple):
    """A piece of a trial's folder."""

    trial: int
    piece: Piece


@dataclass(frozen=True)
class RemoteJob:
    """A job for another machine: `key` names its folder there, `begun` is what an earlier run left of its trials.

    `versions` are the driver's, which a node must have too.
    """

    job: Job
    key: str
    versions: Mapping[str, str]
    begun: tuple[TrialPiece, ...] = ()


@dataclass(frozen=True)
class Unseen:
    """A node does not see these inputs; they have to be sent."""

    settings: tuple[str, ...]


def versions() -> dict[str, str]:
    """Return what must be equal on all nodes for their numbers to be."""
    try:
        import torch
    except ImportError:  # training of the user's own may do without
        return {"lrscope": __version__, "torch": "none"}
    return {"lrscope": __version__, "torch": torch.__version__}


def run_remote(
    remote: RemoteJob, sent: Mapping[str, Sent] | None, read: Callable[[object], Piece], stopped: Callable[[], bool]
) -> Iterator[Event | TrialPiece | Unseen]:
    """Run a job, and yield what happens: of each trial at last the pieces of its folder, and how it ended.

    `sent` are inputs that some node did not see; `read` fetches a piece of them, `stopped` is asked now and then.
    """
    job, study = remote.job, remote.job.study
    missing = unseen(study)
    if missing and sent is None:
        yield Unseen(tuple(missing))
        return
    yield from (Event("started", trial.id) for trial in job.trials)
    if (here := versions()) != remote.versions:
        reason = _other_versions(remote.versions, here)
        yield from (Event("blocked", trial.id, reason=reason) for trial in job.trials)
        return
    home = Path(tempfile.gettempdir()) / f"lrscope-{_user()}"
    _tidy(home)
    if missing:
        assert sent is not None
        lacking = {name: sent[name] for name in missing}
        inputs = home / f"inputs-{key_of(job.fingerprint, missing)}"
        study = study.reading(unpack(lacking, inputs, read))
        os.utime(inputs)
    shared = home / f"shared-{key_of(job.fingerprint, job.numerics.to_dict())}"
    shared.mkdir(parents=True, exist_ok=True)
    trials = tuple(replace(trial, folder=home / remote.key / f"{trial.id:04d}") for trial in job.trials)
    for trial in trials:
        begun = [piece for number, piece in remote.begun if number == trial.id]
        if begun and not trial.folder.exists():
            arrival = IncomingFolder(trial.folder)
            for piece in begun:
                arrival.add(piece)
            arrival.finish()
    yield from _run(replace(job, study=study, folder=shared, trials=trials), stopped)
    with contextlib.suppress(OSError):  # a trial that failed goes on from what it has there
        (home / remote.key).rmdir()


def _run(job: Job, stopped: Callable[[], bool]) -> Iterator[Event | TrialPiece]:
    over = threading.Event()
    stops: list[Callable[[], None]] = []

    def watch() -> None:
        while not over.wait(1.0):
            if stopped():
                for stop in stops:
                    stop()

    threading.Thread(target=watch, daemon=True).start()
    folders = {trial.id: trial.folder for trial in job.trials}
    last_sent = 0.0
    try:
        for event in events_of(job, kept_inputs, stops.append):
            if event.kind in ("done", "stopped"):
                wanted = _wanted(job) if event.kind == "done" else None
                yield from (TrialPiece(event.trial, piece) for piece in pieces(folders[event.trial], wanted))
            if event.kind in ("failed", "blocked"):
                event = replace(event, reason=f"{event.reason} (on {platform.node()})")
            if event.record is None or is_worth_sending(event.record, last_sent):
                last_sent = monotonic()
                yield event
            if event.kind in ("done", "stopped"):
                shutil.rmtree(folders[event.trial], ignore_errors=True)
    finally:
        over.set()


def _wanted(job: Job) -> Callable[[str], bool]:
    """Return what of a finished trial travels: its store, logs and results, and the checkpoints that are kept."""
    kept = tuple(f"{checkpoint_folder(Path(), name).as_posix()}/" for name in job.checkpoints)
    files = (DATABASE, *LOGS, *(checkpoint_folder(Path(), name).as_posix() for name in RESULTS))
    return lambda path: path in files or path.startswith(kept)


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
