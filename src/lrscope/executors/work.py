"""How every executor runs a job: by the runner of its study, whatever goes wrong becoming an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Literal

from lrscope.config import AnyStudy
from lrscope.errors import LrscopeError, StudyError
from lrscope.executors.input_files import input_paths, key_of
from lrscope.records import Record, StepRecord
from lrscope.runners.base import Event, Job, OnStart, Prepared
from lrscope.runners.registry import runner_for
from lrscope.runners.study_folder import require_same

SECONDS_BETWEEN_STEPS_TOLD = 0.1
_kept: dict[str, Prepared] = {}


def prepare_for(job: Job) -> Prepared:
    """Read a study's inputs with the numerics that it decided on.

    Raises:
        StudyError: an input is no longer what it was.
    """
    prepared = runner_for(job.study).prepare(job.study, job.numerics)
    require_same(job.fingerprint, prepared.fingerprint, job.folder)
    return prepared


def kept_inputs(job: Job) -> Prepared:
    """Return a study's inputs, read once a process, and read again where a file was written since.

    Those of another study take their place.

    Raises:
        StudyError: an input is no longer what it was.
    """
    study = {name: part for name, part in job.study.to_dict().items() if name not in ("trial", "sweep")}
    key = key_of(job.fingerprint, job.numerics.to_dict(), study, _written(job.study))
    if key not in _kept:
        _kept.clear()
        _kept[key] = prepare_for(job)
    return _kept[key]


def _written(study: AnyStudy) -> list[tuple[str, int, int, int]]:
    """Return when a study's files were last written, and which they are, without reading them."""
    paths = [Path(path) for path in input_paths(study).values()]
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]
    states = [(str(file), file.stat()) for file in files]
    return [(name, state.st_mtime_ns, state.st_size, state.st_ino) for name, state in states]


def events_of(job: Job, prepare: Callable[[Job], Prepared], on_start: OnStart) -> Iterator[Event]:
    """Yield what a job's trials do, and at last how each ended; what is raised is how those failed that had not."""
    open_trials = {trial.id: None for trial in job.trials}
    kind: Literal["failed", "blocked"] = "failed"
    try:
        for event in runner_for(job.study).run(job, prepare(job), on_start):
            if event.is_end:
                del open_trials[event.trial]
            yield event
        return
    except (StudyError, OSError) as error:  # a full disk, permissions, too many open files
        kind, reason = "blocked", str(error)
    except LrscopeError as error:
        reason = str(error)
    except (MemoryError, RuntimeError) as error:  # torch raises RuntimeError where memory runs out
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
    for trial in open_trials:
        yield Event(kind, trial, reason=reason)


def is_worth_sending(record: Record, last_sent: float) -> bool:
    """Return whether a record goes to the controller at once, which last heard at `last_sent`; steps are thinned."""
    return not isinstance(record, StepRecord) or record.diverged or monotonic() - last_sent > SECONDS_BETWEEN_STEPS_TOLD
