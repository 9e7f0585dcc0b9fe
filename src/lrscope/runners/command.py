"""A command of the user's own as a runner: each trial runs it once, with its rate, its seed and a folder filled in."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from lrscope.config import AnyStudy, ExternalStudy, ExternalTrial
from lrscope.config.numerics import Numerics
from lrscope.machine import available_cores
from lrscope.records import UNDECIDED, EvaluationRecord, Reached, StepRecord
from lrscope.runners.base import ALIVE_SECONDS, Event, Job, JobTrial, OneByOne, OnStart, Prepared
from lrscope.runners.external.ended import Ended, why_failed
from lrscope.runners.external.inputs import check_command, check_direction, fingerprint
from lrscope.runners.external.outcome import has_outcome, last_on_dev, leave_outcome, outcome_of
from lrscope.runners.external.placeholders import fill, placeholder_values, render_template
from lrscope.runners.external.run_process import child_environment, run_process
from lrscope.runners.work_folder import CHECKPOINT, LOGS, OUTPUT, checkpoint_folder, empty_folder
from lrscope.runs.importers.progress_bars import Progress
from lrscope.runs.live_lines import LiveLines
from lrscope.runs.run_results import RunResults, read_results

SECONDS_BETWEEN_BARS = 0.5  # a progress bar is redrawn more often than it is worth telling
NAN_LOSSES = 3  # logged in a row: one may be a skipped step of mixed precision


class CommandRunner(OneByOne):
    """Runs a command once a trial, each in a process tree of its own."""

    most_gpus = math.inf

    def prepare(self, config: AnyStudy, numerics: Numerics | None = None) -> Prepared:
        """Check the command, its template and its inputs; nothing is run.

        Raises:
            ConfigError, DataError: something is missing, or cannot be.
        """
        assert isinstance(config, ExternalStudy)
        check_direction(config)
        notes = check_command(config)
        threads = numerics.threads if numerics is not None else config.threads_asked or available_cores()
        return Prepared(
            metric=UNDECIDED,
            fingerprint=fingerprint(config),
            numerics=Numerics.external(threads),
            sizes={},
            notes=notes,
            cost=None,
            inputs=None,
            task_state={},
        )

    def run(self, job: Job, prepared: Prepared, on_start: OnStart) -> Iterator[Event]:
        """Run the command of a trial to its end, and read what it measured; every attempt begins anew."""
        (trial,) = job.trials
        if has_outcome(trial):  # it ended, and whoever ran it did not come to say so
            yield Event("done", trial.id)
            return
        assert isinstance(job.study, ExternalStudy)
        assert isinstance(trial.config, ExternalTrial)
        yield from _CommandRun(job, trial, job.study, trial.config).run(on_start)


@dataclass
class _CommandRun:
    """One run of a command."""

    job: Job
    trial: JobTrial
    study: ExternalStudy
    config: ExternalTrial
    live: LiveLines = field(default_factory=LiveLines)
    _stop: threading.Event = field(default_factory=threading.Event)
    _bad_losses: int = 0
    _bar_told: float = -math.inf

    def run(self, on_start: OnStart) -> Iterator[Event]:
        folder = self.trial.folder.absolute()  # the command may run in another folder than this process
        out = checkpoint_folder(folder, OUTPUT)
        empty_folder(out)
        log = folder / LOGS[0]
        command = self._command(folder, out)
        on_start(self._stop.set)
        threads = self.study.threads_asked
        process = run_process(
            command,
            cwd=Path(self.study.trainer.folder or "."),
            env=child_environment({} if threads is None else {"OMP_NUM_THREADS": str(threads)}),
            log=log,
            timeout=self.study.trainer.timeout,
            stop=self._stop,
        )
        ended = yield from self._followed(process)
        results = read_results(out, log, live=self.live.records)
        end = self._end(ended, results)
        if end.kind == "done":
            yield from last_on_dev(self.trial, results.evaluations)
        yield end

    def _followed(self, process: Any) -> Any:
        """Yield what the command's lines say, and return how it ended."""
        said = monotonic()
        while True:
            try:
                line = next(process)
            except StopIteration as end:
                return end.value
            for found in self.live.take(line) if line else ():
                if (record := self._record(found)) is not None:
                    said = monotonic()
                    yield Event("record", self.trial.id, record)
            if self._bad_losses >= NAN_LOSSES:
                self._stop.set()
            if monotonic() - said > ALIVE_SECONDS:
                said = monotonic()
                yield Event("alive", self.trial.id)

    def _record(self, found: EvaluationRecord | Progress) -> EvaluationRecord | StepRecord | Reached | None:
        """Return what a live table shows of a line."""
        if isinstance(found, Progress):
            if found.done < found.total and monotonic() - self._bar_told < SECONDS_BETWEEN_BARS:
                return None
            self._bar_told = monotonic()
            return Reached(found.done, found.total)
        if found.split != "train":
            return found
        loss = found.metrics.get("loss", math.nan)
        if "loss" in found.metrics:
            self._bad_losses = 0 if math.isfinite(loss) else self._bad_losses + 1
        rate = found.metrics.get("learning_rate", 0.0)
        return StepRecord(found.step, rate, loss, 1, math.nan, 0.0)

    def _end(self, ended: Ended, results: RunResults) -> Event:
        number = self.trial.id
        if self._has_diverged(results):
            step, rate = results.diverged_at or (results.evaluations[-1].step, self.config.peak_rate)
            reason = f"the loss was NaN or infinite at step {step}, learning rate {rate:.3g}"
            return self._done(results, "diverged", ended, reason)
        if ended.stopped:
            return Event("stopped", number)
        if ended.timed_out:
            return Event("failed", number, reason=why_failed(ended), is_final=True)
        if ended.code != 0:
            return Event("failed", number, reason=why_failed(ended))
        if not any(record.split == "dev" for record in results.evaluations):
            return Event("failed", number, reason=self._nothing_measured(results), is_final=True)
        return self._done(results, "completed", ended, "")

    def _has_diverged(self, results: RunResults) -> bool:
        """Whether the loss was no number at the end, or for so long that the run was ended."""
        last = {r.split: r.metrics["loss"] for r in results.evaluations if "loss" in r.metrics}
        # Trainer logs a training loss of 0 in the place of NaN: then only the evaluation shows it.
        is_finite = [math.isfinite(last[split]) for split in ("train", "dev") if split in last]
        return self._bad_losses >= NAN_LOSSES or not all(is_finite)

    def _done(self, results: RunResults, status: Any, ended: Ended, reason: str) -> Event:
        outcome = outcome_of(
            results.evaluations, status, seconds=ended.seconds, reason=reason, examples=results.examples
        )
        leave_outcome(self.trial, self.job, outcome)
        return Event("done", self.trial.id)

    def _nothing_measured(self, results: RunResults) -> str:
        found = f"found {', '.join(results.found)}" if results.found else "found nothing that can be read"
        unusable = "".join(f"; {Path(path).name}: {why}" for path, why in results.unusable)
        return (
            f"it ended well without an evaluation, in its output folder or in what it printed: {found}{unusable}; let "
            "it evaluate (Trainer's --eval_strategy epoch), or write lrscope.json into {out}"
        )

    def _command(self, folder: Path, out: Path) -> list[str]:
        checkpoint = folder / CHECKPOINT
        checkpoint.mkdir(parents=True, exist_ok=True)
        config, trainer = self.config, self.study.trainer
        values: dict[str, Any] = {
            **placeholder_values(config), "out": out, "checkpoint": checkpoint, "port": free_port(),
        }  # fmt: skip
        if trainer.template is not None:
            template = Path(trainer.template)
            values["config"] = folder / f"config{template.suffix}"
            values["config"].write_text(render_template(template, values).text, encoding="utf-8")
        assert trainer.command is not None
        return [fill(word, values) for word in trainer.command]


def free_port() -> int:
    """Return a TCP port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
