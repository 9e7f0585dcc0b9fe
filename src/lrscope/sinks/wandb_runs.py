"""Weights & Biases: a run a trial, grouped by study; WANDB_MODE, WANDB_DIR, WANDB_ENTITY and the rest are W&B's own."""

from __future__ import annotations

import os
from typing import Any

from lrscope.sinks.base import StudyLog, TrialLog, VerdictLog
from lrscope.sinks.verdict_text import summary_of

PROJECT = "lrscope"
MAX_TAG = 64


class WandbSink:
    """Runs in a project: `wandb`, `wandb:PROJECT` or `wandb:ENTITY/PROJECT`."""

    def __init__(self, where: str) -> None:
        entity, _, project = where.rpartition("/")
        import wandb

        self._wandb = wandb
        self._entity = entity or None
        self._project = project or os.environ.get("WANDB_PROJECT") or PROJECT

    def check(self) -> None:
        """Log in, unless runs stay on this machine."""
        mode = getattr(self._wandb.setup().settings, "mode", "online")
        if mode in ("offline", "disabled", "dryrun"):
            return
        try:
            self._wandb.login()
        except Exception as error:
            raise RuntimeError(f"{error} (WANDB_MODE=offline keeps runs on this machine)") from error

    def write(self, study: StudyLog, trial: TrialLog, *, is_again: bool) -> None:
        """Write a trial as a run. Where one of its id is on the server, W&B ignores the steps that it has already."""
        run = self._run(
            study, f"{study.id}-{trial.number:04d}", trial.name, "trial", [trial.status], dict(trial.settings)
        )
        with run:
            for step, _, values in trial.history():
                run.log(values, step=step)
            run.summary.update(
                {"status": trial.status, "reason": trial.reason, "seconds": trial.seconds, **trial.last()}
            )

    def conclude(self, study: StudyLog, verdict: VerdictLog) -> None:
        """Write the verdict as a run of its own: its tags and its summary."""
        tags = [f"confidence {verdict.confidence}", *([f"use {verdict.recommended}"] if verdict.recommended else [])]
        run = self._run(study, f"{study.id}-verdict", f"{study.name} verdict", "verdict", tags, dict(study.inputs))
        with run:
            run.summary.update(summary_of(study, verdict))

    def _run(self, study: StudyLog, name: str, shown: str, job: str, tags: list[str], config: dict[str, Any]) -> Any:
        online = getattr(self._wandb.setup().settings, "mode", "online") == "online"
        return self._wandb.init(
            entity=self._entity, project=self._project, id=name, name=shown, group=study.unique_name, job_type=job,
            tags=["lrscope", *(tag[:MAX_TAG] for tag in tags)],
            config={**config, "study": study.unique_name},
            resume="allow" if online else None,  # which offline mode does not know
            reinit="create_new",  # the user's own run, if there is one, goes on
            settings=self._wandb.Settings(silent=True, console="off", disable_code=True, disable_git=True),
        )  # fmt: skip
