"""How every executor runs a trial: in a folder of its own, begun or gone on with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from lrscope.errors import LrscopeError, StudyError
from lrscope.executors.base import Event, Job
from lrscope.records import EvaluationRecord, Record, StepRecord, TrialResult
from lrscope.store.lock import wait_until_free
from lrscope.store.storage import DATABASE

if TYPE_CHECKING:
    from lrscope.training.study_inputs import StudyInputs

SECONDS_BETWEEN_STEPS_TOLD = 0.1
LET_GO_SECONDS = 30.0  # a try that was killed may take a while to be gone


def gather_for(job: Job) -> StudyInputs:
    """Read a study's inputs with the numerics that it decided on.

    Raises:
        StudyError: an input is no longer what it was.
    """
    from lrscope.training.numerics import Numerics
    from lrscope.training.study_inputs import load_inputs, require_same

    inputs = load_inputs(job.config, Numerics(**job.numerics))
    require_same(job.fingerprint, inputs.fingerprint, job.folder)
    return inputs


def run_job(job: Job, inputs: StudyInputs, on_start: Callable[[Callable[[], None]], None]) -> Iterator[Record]:
    """Run a trial to its end, or until it is asked to stop; `on_start` is given the function that asks.

    A trial that was begun in this folder goes on; what is there and cannot be gone on with is begun anew.

    Raises:
        StudyError: another process runs it.
    """
    from lrscope.training import finetune

    wait_until_free(job.folder, LET_GO_SECONDS)
    with ExitStack() as held:
        run = None
        if (job.folder / DATABASE).is_file():
            with suppress(StudyError):
                run = held.enter_context(finetune.resume(job.folder, inputs=inputs))
        if run is None:
            shutil.rmtree(job.folder, ignore_errors=True)
            run = held.enter_context(finetune.begin(job.config, job.folder, inputs=inputs))
        on_start(run.trial.stop)
        yield from run.trial.run()


def events_of(
    job: Job, inputs: Callable[[Job], StudyInputs], on_start: Callable[[Callable[[], None]], None]
) -> Iterator[Event]:
    """Yield what a trial does, and at last how it ended; what it raises is how it failed."""
    course = _trial if job.config.find is None else _range_test
    try:
        yield from course(job, inputs, on_start)
    except StudyError as error:
        yield Event("blocked", job.trial, reason=str(error))
    except LrscopeError as error:
        yield Event("failed", job.trial, reason=str(error))
    except (MemoryError, RuntimeError) as error:  # torch raises RuntimeError where memory runs out
        yield Event("failed", job.trial, reason=f"{type(error).__name__}: {error}".splitlines()[0])


def _trial(
    job: Job, inputs: Callable[[Job], StudyInputs], on_start: Callable[[Callable[[], None]], None]
) -> Iterator[Event]:
    result = None
    for record in run_job(job, inputs(job), on_start):
        result = record if isinstance(record, TrialResult) else result
        # Per-example scores are in the store; they need not travel.
        told = replace(record, scores={}) if isinstance(record, EvaluationRecord) else record
        yield Event("record", job.trial, told)
    interrupted = result is not None and result.status == "interrupted"
    yield Event("stopped" if interrupted else "done", job.trial)


def _range_test(
    job: Job, inputs: Callable[[Job], StudyInputs], on_start: Callable[[Callable[[], None]], None]
) -> Iterator[Event]:
    """Make a range test; it is short, keeps no folder, and brings its outcome along."""
    from lrscope.training.range_trial import RangeTrial

    assert job.config.find is not None
    test = RangeTrial(inputs(job), job.config.find, job.config.trial)
    on_start(test.stop)
    for record in test.run():
        yield Event("record", job.trial, record)
    yield Event("stopped", job.trial) if test.interrupted else Event("done", job.trial, outcome=test.outcome())


def worth_telling(record: Record, told: float) -> bool:
    """Return whether a record goes to the controller at once, which last heard at `told`; steps are thinned out."""
    return not isinstance(record, StepRecord) or record.diverged or monotonic() - told > SECONDS_BETWEEN_STEPS_TOLD
