"""A study that was begun from Python: what it shows, and how to go on with it."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lrscope.api.best import Best, best_of
from lrscope.api.shown import shown
from lrscope.api.study_line import study_line
from lrscope.config import ExternalStudy
from lrscope.config.external import with_whole_epochs
from lrscope.errors import ConfigError, LrscopeError, StudyError
from lrscope.executors.config import ExecutorConfig
from lrscope.records import UNDECIDED
from lrscope.report import glance
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runners.external.carried_function import TrainFunction
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.study import StudyStore
from lrscope.studies.frames import StudyReader, to_frame
from lrscope.visible_text import paragraphs, visible
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.own_training import decide_own, sweep_own
from lrscope.workflows.report import report

if TYPE_CHECKING:
    import pandas

MAX_REASONS = 3  # of failed trials, in a summary
NOTHING_MEASURED = "No setting can be recommended. No run has ended with a value yet."


class SweepStudy:
    """A sweep of one's own training: `study = lrscope.sweep(train, lr=[1e-4, 1e-3])`.

    In a notebook it shows the answer, the chart and the table; printed it is the answer. What it says is read from its
    folder, so that it is up to date also where another process runs the study.
    """

    def __init__(
        self,
        folder: Path,
        config: ExternalStudy,
        executor: ExecutorConfig,
        *,
        function: TrainFunction | None = None,
        progress: bool = True,
        log: Sequence[str] = (),
    ) -> None:
        self.folder, self._config, self._executor = folder, config, executor
        self._function, self._progress, self._log = function, progress, log
        self._known: tuple[Any, Conclusions] | None = None

    # Going on with it

    def run(self, *, retry_failed: bool = False) -> SweepStudy:
        """Run the trials that have not ended; with `retry_failed` also those that have failed.

        Raises:
            StudyError: the folder holds a study of other settings, or of another function.
            KeyboardInterrupt: Ctrl-C; what was run is kept.
        """
        with shown(self.folder, self._executor, is_shown=self._progress, log=self._log) as callbacks:
            sweep_own(
                self._config, self.folder, self._executor, callbacks,
                function=self._function, retry_failed=retry_failed,
            )  # fmt: skip
        return self

    def add_seeds(self, number: int = 1) -> SweepStudy:
        """Run every setting at so many seeds more.

        Raises:
            ConfigError: the number is not positive.
        """
        if number < 1:
            raise ConfigError(f"seeds are added: got {number}; write add_seeds(1)")
        with StudyStore.open(self.folder) as store:
            assert store.config.sweep is not None
            seeds = store.config.sweep.seeds + number
        assert self._config.sweep is not None
        self._config = replace(self._config, sweep=replace(self._config.sweep, seeds=seeds))
        return self.run()

    def until_decided(self, margin: float, max_seeds: int = 8) -> SweepStudy:
        """Add seeds to the settings that may be the best, until one is left or all are equivalent within `margin`.

        The checks are planned before the first one, and share one error: looking again and again does not deceive.

        Raises:
            ConfigError, StudyError: the plan cannot be, or the study has another one.
        """
        with shown(self.folder, self._executor, is_shown=self._progress, log=self._log) as callbacks:
            decide_own(
                self._config, self.folder, self._executor, callbacks,
                margin=margin, max_seeds=max_seeds, function=self._function,
            )  # fmt: skip
        return self

    # What it shows

    @property
    def conclusions(self) -> Conclusions:
        """All that follows from the runs so far.

        Raises:
            LrscopeError: no run has ended yet.
        """
        with StudyStore.open(self.folder) as store:
            state = [(row.id, row.status, row.seconds) for row in store.trials()]
        if self._known is None or self._known[0] != state:
            self._known = (state, conclude_study(self.folder).conclusions)
        return self._known[1]

    @property
    def best(self) -> Best | None:
        """The recommended setting, a mapping such as `{"lr": 1e-3, "dropout": 0.1}`; None where none is recommended.

        `best.is_proven` says whether every other setting is shown to be worse. Of `lrscope.tune` its `lr` need not have
        run: it is `conclusions.recommended_rate`, and `best.measured_lr` the rate that `value` and `is_proven` are of.
        """
        return None if self._has_no_metric() else best_of(self.conclusions)

    @property
    def answer(self) -> str:
        """Which setting to use, how the others compare, and how sure that is, in sentences."""
        if self._has_no_metric():
            return NOTHING_MEASURED
        try:
            return glance.answer(self.conclusions)
        except LrscopeError as error:
            return visible(str(error))

    @property
    def failures(self) -> dict[int, str]:
        """Why trials failed, by their numbers; what they printed last is in the trial's folder, in `output.log`."""
        with StudyStore.open(self.folder) as store:
            return {row.id: row.reason for row in store.trials() if row.status == "failed"}

    @property
    def table(self) -> list[dict[str, Any]]:
        """A row a setting: its values, how many seeds have a result, the metric's mean and spread, and its verdict."""
        c = self.conclusions
        rows = []
        for arm in c.arms:
            values = dict(c.runs.configs[arm.name].values)
            rows.append(
                {"lr": values.pop("peak_rate"), **with_whole_epochs(values), "seeds": len(arm.done),
                 c.runs.metric.name: arm.value, "sd": arm.sd,
                 "verdict": Wording(locale("en"), c.runs.metric_title).word(arm.standing),
                 "diverged": arm.num_diverged, "failed": arm.num_failed}
            )  # fmt: skip
        return rows

    def frame(self, of: Literal["settings", "trials", "evaluations"] = "settings") -> pandas.DataFrame:
        """Return settings, trials or evaluations as a pandas frame, a row each.

        Raises:
            ConfigError: it is none of these.
            LrscopeError: pandas is not installed.
        """
        if of == "settings":
            return to_frame(self.table)
        if of not in ("trials", "evaluations"):
            raise ConfigError(f"a frame is of settings, trials or evaluations: got {of!r}")
        with StudyReader(self.folder) as reader:
            return reader.trials() if of == "trials" else reader.evaluations()

    def report(self, *, open: bool = False, lang: str = "en") -> Path:  # noqa: A002 - as a reader says it
        """Write the report, `report.html` and `report.md`, into the study's folder; return the page's path.

        With `open` the page is shown in a browser.
        """
        page = report(self.folder, lang=lang).page
        if open:
            webbrowser.open(page.resolve().as_uri())
        return page

    def plot(self, of: str | None = None, path: Path | str | None = None) -> Any:
        """Return a chart of the report's page as matplotlib's figure, and write it where a path is given.

        `of` is "by-rate" (the first where none is named), "curves", or "curves1" of the loss.

        Raises:
            ConfigError: there is no such chart.
            LrscopeError: no run has ended yet.
        """
        return glance.figure(self.conclusions, of, path)

    def __str__(self) -> str:
        return "\n".join([self.answer, *self._failed(), f"The study is in {visible(str(self.folder))}."])

    def __repr__(self) -> str:
        return study_line(self.folder, lambda: None if self._has_no_metric() else self.conclusions)

    def _failed(self) -> list[str]:
        """Return a few lines on trials that failed."""
        by_reason: dict[str, list[int]] = {}
        for trial, reason in self.failures.items():
            by_reason.setdefault(reason, []).append(trial)
        lines = [
            f"{'Trial' if len(trials) == 1 else 'Trials'} {', '.join(map(str, trials))} failed: {visible(reason)}"
            for reason, trials in by_reason.items()
        ]
        more = sum(map(len, list(by_reason.values())[MAX_REASONS:]))
        return lines[:MAX_REASONS] + ([f"{more} more failed: see failures."] if more else [])

    def _has_no_metric(self) -> bool:
        """Return whether no run has shown yet what runs are compared by."""
        with StudyStore.open(self.folder) as store:
            return store.metric == UNDECIDED

    def _repr_html_(self) -> str:
        failed = [*self._failed(), f"The study is in {self.folder}."]
        try:
            if self._has_no_metric():
                raise StudyError(NOTHING_MEASURED)
            return glance.notebook_piece(self.conclusions, failed)
        except LrscopeError as error:
            return paragraphs([str(error), *failed])
