"""Trackio: a run a trial, grouped by study; TRACKIO_DIR, TRACKIO_SPACE_ID and TRACKIO_SERVER_URL are Trackio's own."""

from __future__ import annotations

import contextvars
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

from lrscope.sinks.base import StudyLog, TrialLog, VerdictLog
from lrscope.sinks.verdict_text import summary_of

PROJECT = "lrscope"
STUDY, TRIAL = "lrscope_study", "lrscope_trial"  # in a run's config, by which it is found again


class TrackioSink:
    """Runs in a project: `trackio`, or `trackio:PROJECT`."""

    def __init__(self, where: str) -> None:
        import trackio

        self._trackio = trackio
        self._project = where or PROJECT
        self._is_local = not (os.environ.get("TRACKIO_SPACE_ID") or os.environ.get("TRACKIO_SERVER_URL"))

    def check(self) -> None:
        """Nothing: a project is made with its first run."""

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        """Write a trial as a run; on this machine, one that was written before is deleted."""
        ended = {"status": trial.status, "reason": trial.reason, "seconds": trial.seconds}
        rows = ((step, values) for step, _, values in trial.history())
        config = {**trial.settings, **ended}
        self._write(study, str(trial.number), trial.name, config, rows, is_again=is_again)

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        """Write the verdict as a run of its own, in its config and as text."""
        text = self._trackio.Markdown("\n\n".join(verdict.answer))
        config = {**study.inputs, **summary_of(study, verdict)}
        self._write(study, "verdict", f"{study.name} verdict", config, iter([(0, {"verdict": text})]), is_again=True)

    def _write(
        self, study: StudyLog, number: str, name: str, config: Mapping[str, Any], rows: Iterator[tuple[int, Any]],
        *, is_again: bool,
    ) -> None:  # fmt: skip
        ours = {STUDY: study.unique_name, TRIAL: number}

        def run() -> None:
            with redirect_stdout(io.StringIO()):  # it says hello, and standard output is the result's
                if is_again and self._is_local:
                    self._delete(ours)
                run = self._trackio.init(
                    project=self._project, name=name, group=study.unique_name, embed=False, auto_log_gpu=False,
                    auto_log_cpu=False, config={**config, **ours},
                )  # fmt: skip
                for step, values in rows:
                    run.log(values, step=step)
                run.finish()

        # Trackio ends a run that it finds begun in its context: in an empty one it finds none of the user's.
        contextvars.Context().run(run)

    def _delete(self, ours: Mapping[str, str]) -> None:
        try:
            runs = list(self._trackio.Api().runs(self._project))
        except ValueError:  # there is no such project yet
            return
        for run in runs:
            if ours.items() <= (run.config or {}).items():
                run.delete()
