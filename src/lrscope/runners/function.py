"""The user's own training as a Python function: one trial a call."""

from __future__ import annotations

import contextlib
import math
import os
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal

from lrscope.config import AnyStudy, ExternalStudy
from lrscope.config.external import ExternalTrial, with_whole_epochs
from lrscope.config.numerics import Numerics
from lrscope.errors import StudyError
from lrscope.machine import available_cores
from lrscope.records import UNDECIDED, EvaluationRecord, Outcome, Reached
from lrscope.runners.base import ALIVE_SECONDS, Event, Job, JobTrial, OneByOne, OnStart, Prepared
from lrscope.runners.external.captured_output import write_log
from lrscope.runners.external.carried_function import FUNCTION_FILE, CarriedFunction, TrainFunction, load_function
from lrscope.runners.external.driven_trainer import drive, is_trainer
from lrscope.runners.external.inputs import check_direction, digest
from lrscope.runners.external.outcome import has_outcome, last_on_dev, leave_outcome, outcome_of
from lrscope.runners.external.returned import WrongReturn, evaluations_of
from lrscope.runners.external.running_trial import Diverged, StopRequested, TimeIsUp, Trial
from lrscope.runners.external.user_error import place_of, says_what, traceback_of
from lrscope.runners.work_folder import CHECKPOINT, LOGS, OUTPUT, checkpoint_folder, empty_folder

GRACE_SECONDS = 5.0  # after its time is up, for a report to end it
# What a program does wrong once it does wrong again: such a trial is not tried twice.
WOULD_COME_AGAIN = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, NotImplementedError,
    SyntaxError, TypeError, ValueError, WrongReturn,
)  # fmt: skip


class FunctionRunner(OneByOne):
    """Calls a function for every trial: the user's own object in this process, or the one in the study's folder."""

    def __init__(self, function: TrainFunction | None = None, *, must_travel: bool = False) -> None:
        self._function, self._must_travel = function, must_travel

    most_gpus = math.inf

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        """Take the function that was given, or load the study's own.

        Raises:
            ConfigError, DataError, StudyError: the metric has no direction, an input or the function cannot be read.
        """
        assert isinstance(config, ExternalStudy)
        check_direction(config)
        threads = config.threads_asked or available_cores()
        files = {}
        if self._function is not None:
            carried = CarriedFunction.of(self._function)
            try:
                files = {FUNCTION_FILE: carried.pickled()}
            except StudyError:  # then it runs in this process alone
                if self._must_travel:
                    raise
        else:
            if config.threads_asked is not None:  # before torch is loaded with the function
                os.environ["OMP_NUM_THREADS"] = str(config.threads_asked)
            carried = load_function(Path(config.trainer.function_file or FUNCTION_FILE))
        inputs = {name: digest(Path(path)) for name, path in config.input_paths.items() if name != "function"}
        return Prepared(
            metric=UNDECIDED,
            fingerprint={"function": carried.digest, **inputs},
            numerics=numerics or Numerics.external(threads),
            sizes={},
            notes=(),
            cost=None,
            inputs=carried,
            task_state={},
            files=files,
        )

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        """Call the function for one trial.

        The user's own object is called in this thread, where a debugger and Ctrl-C reach it; how it went is told at its
        end. A function from a file is called in a thread of its own, and what it reports is told at once.
        """
        (trial,) = job.trials
        if has_outcome(trial):
            yield Event("done", trial.id)
            return
        assert isinstance(job.study, ExternalStudy)
        attempt = Attempt(prepared.inputs, job.study, trial)
        on_start(attempt.stop)
        if prepared.inputs.is_live:
            attempt.run()
        else:
            yield from attempt.run_beside()
        ended = attempt.ended
        if ended.outcome is not None:
            leave_outcome(trial, job, ended.outcome)
            yield from last_on_dev(trial, ended.outcome.evaluations)
        yield Event(ended.kind, trial.id, reason=ended.reason, is_final=ended.is_final)


@dataclass(frozen=True)
class Ended:
    """How an attempt ended: with an outcome where it is `done`."""

    kind: Literal["done", "failed", "stopped"]
    outcome: Outcome | None = None
    reason: str = ""
    is_final: bool = False


@dataclass(eq=False)
class Attempt:
    """One call of the function."""

    carried: CarriedFunction
    study: ExternalStudy
    trial: JobTrial
    running: Trial = field(init=False)
    ended: Ended = field(init=False)

    def __post_init__(self) -> None:
        config, folder = self.trial.config, self.trial.folder.absolute()
        assert isinstance(config, ExternalTrial)
        out, checkpoint = checkpoint_folder(folder, OUTPUT), folder / CHECKPOINT
        empty_folder(out)
        checkpoint.mkdir(parents=True, exist_ok=True)
        self.running = Trial(
            lr=config.peak_rate, seed=config.seed, settings=config.settings,
            **with_whole_epochs({"epochs": config.epochs, "steps": config.steps}),
            number=self.trial.id, out=out, checkpoint=checkpoint,
        )  # fmt: skip
        self._reports = self.running._reports

    def stop(self) -> None:
        """Ask the function to end at its next report."""
        self._reports.stop_asked = True

    def run(self) -> None:
        """Call the function, and note how it ended.

        Raises:
            KeyboardInterrupt: the user pressed Ctrl-C.
        """
        began, timeout = monotonic(), self.study.trainer.timeout
        if timeout is not None:
            self._reports.deadline = began + timeout
        try:
            with contextlib.chdir("."):  # the function may change folders, and the study's is relative to this one
                value = self.carried.function(self.running)
                if is_trainer(value):
                    drive(value, self.running)
                    value = None
            if self._reports.diverged:
                raise Diverged(self._reports.diverged)
            if value is None and self._reports.stop_seen:
                raise StopRequested
            evaluations = evaluations_of(value, self._reports, self.study.trainer)
            self.ended = Ended("done", self._outcome(evaluations, "completed", monotonic() - began))
        except StopRequested:
            self.ended = Ended("stopped")
        except TimeIsUp:
            self.ended = self._too_long()
        except Diverged as error:
            seconds = monotonic() - began
            reason = f"{error or 'the function said so'}, learning rate {self.running.lr:.3g}"
            self.ended = Ended("done", self._outcome(self._reports.records, "diverged", seconds, reason))
        except WrongReturn as error:
            self.ended = Ended("failed", reason=str(error), is_final=True)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a training raises costs one trial
            self._log(error)
            reason = f"{says_what(error)} ({place_of(error, self.carried.source)})"
            self.ended = Ended("failed", reason=reason, is_final=isinstance(error, WOULD_COME_AGAIN))

    def run_beside(self) -> Iterator[Event]:
        """Call the function in a thread of its own, and yield what it reports, or that it is alive."""
        told: queue.SimpleQueue[EvaluationRecord | Reached | BaseException | None] = queue.SimpleQueue()
        self._reports.tell = told.put

        def call() -> None:
            try:
                self.run()
            except BaseException as error:  # noqa: BLE001 - raised again where the events are taken
                told.put(error)
            told.put(None)

        threading.Thread(target=call, name=f"trial {self.trial.id}", daemon=True).start()
        timeout = self.study.trainer.timeout
        over = None if timeout is None else monotonic() + timeout + GRACE_SECONDS
        while True:
            wait = ALIVE_SECONDS if over is None else min(ALIVE_SECONDS, max(0.0, over - monotonic()))
            try:
                record = told.get(timeout=wait)
            except queue.Empty:
                if over is not None and monotonic() >= over:
                    self.ended = self._too_long()
                    return
                yield Event("alive", self.trial.id)
                continue
            if isinstance(record, BaseException):
                raise record
            if record is None:
                return
            yield Event("record", self.trial.id, record)

    def _too_long(self) -> Ended:
        reason = f"it took longer than the study's timeout of {self.study.trainer.timeout:g} s"
        return Ended("failed", reason=reason, is_final=True)

    def _outcome(
        self, records: Sequence[EvaluationRecord], status: Literal["completed", "diverged"], seconds: float,
        reason: str = "",
    ) -> Outcome:  # fmt: skip
        return outcome_of(records, status, seconds=seconds, step=self._reports.step, reason=reason)

    def _log(self, error: BaseException) -> None:
        """Write a traceback beside what the function printed."""
        path = self.trial.folder / LOGS[0]
        try:
            write_log(path, traceback_of(error, self.carried.source))
        except OSError as error_of_disk:
            raise StudyError(f"cannot write {path}: {error_of_disk}") from error_of_disk
