"""A study's sinks fed from its store, while it runs and after: each trial once, when it has ended, and the verdict.

Never from the processes that train: what is in `study.db` is what is written, so that a study that was stopped, killed
or tried again leaves the same in every sink as one that ran straight through.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from time import monotonic

from lrscope.config.arms import grouped
from lrscope.config.command_line import quote
from lrscope.errors import LrscopeError, StudyError
from lrscope.findings.answer import answer
from lrscope.findings.confidence import confidence
from lrscope.records import UNDECIDED
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.quantities import Rate
from lrscope.sinks.base import ENDED, SettingVerdict, Sink, StudyLog, TrialLog, VerdictLog, read_trial
from lrscope.sinks.ledger import Ledger, Written
from lrscope.sinks.target import Target, one_line
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.lock import study_lock
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.budget import is_tune_folder
from lrscope.workflows.callbacks import Callbacks, LogFailed
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.study_folder import compared_study

SAVE_SECONDS = 1.0  # between two writes of the ledger: what a crash makes forget is written again, and not twice


class SinkFeed:
    """Feeds the sinks of one study. A sink is opened when there is something to write; one that fails is told of once,
    and left out from then on.
    """

    def __init__(self, store: StudyStore, targets: Iterable[Target], on_failure: Callable[[LogFailed], None]) -> None:
        self._store, self._on_failure = store, on_failure
        self._ledger = Ledger.read(store.folder, _name_of(store.folder))
        self._ledger.add(*targets)
        self._usable = list(self._ledger.sinks)
        self._sinks: dict[Target, Sink] = {}
        self._names: dict[int, str] = {}
        self._saved = monotonic()

    @property
    def targets(self) -> tuple[Target, ...]:
        """Where it writes."""
        return tuple(self._usable)

    def write_all(self) -> None:
        """Write the trials that have ended and are in no sink yet: of an earlier process, or before there was one."""
        for row in self._store.trials() if self._usable else ():
            self.write(row, is_again=True)

    def write(self, row: TrialRow, *, is_again: bool = False) -> None:
        """Write a trial, where it has ended, to the sinks that do not have it as it stands."""
        if row.status not in ENDED or not self._usable:
            return
        state = self._state(row)
        missing = [target for target in self._usable if self._written(target).trials.get(row.id) != state]
        trial = read_trial(self._store, row, self._name(row.id)) if missing else None
        for target in missing:
            assert trial is not None
            trials = self._written(target).trials
            if self._try(target, partial(self._write, target, trial, is_again=is_again or row.id in trials)):
                trials[row.id] = state
        if missing and monotonic() - self._saved > SAVE_SECONDS:
            self.save()

    def conclude(self, draw: Callable[[], Conclusions | None]) -> None:
        """Write what the study came to, where it is not what was written last; `draw` draws the conclusions.

        A sink that lacks trials has failed on one: it gets the verdict when it gets those.
        """
        states = {row.id: self._state(row) for row in self._store.trials() if row.status in ENDED}
        complete = [target for target in self._usable if states.items() <= self._written(target).trials.items()]
        conclusions = draw() if complete else None
        if conclusions is None:
            return
        verdict = verdict_of(conclusions, self._store)
        digest = hashlib.sha256(repr(verdict).encode()).hexdigest()[:16]
        for target in complete:
            written = self._written(target)
            if written.verdict != digest and self._try(target, partial(self._conclude, target, verdict)):
                written.verdict = digest
        self.save()

    def save(self) -> None:
        """Keep what was written."""
        if self._ledger.sinks:
            self._ledger.save()
        self._saved = monotonic()

    def _write(self, target: Target, trial: TrialLog, *, is_again: bool) -> None:
        self._open(target).write(self._study(), trial, is_again=is_again)

    def _conclude(self, target: Target, verdict: VerdictLog) -> None:
        self._open(target).conclude(self._study(), verdict)

    def _open(self, target: Target) -> Sink:
        if target not in self._sinks:
            self._sinks[target] = target.sink()
        return self._sinks[target]

    def _state(self, row: TrialRow) -> str:
        """Return what tells whether a trial is as it was written: it may be tried again, or its test scores opened."""
        return f"{row.status} {row.step} {len(self._store.evaluations(row.id))}"

    def _written(self, target: Target) -> Written:
        return self._ledger.sinks[target]

    def _try(self, target: Target, write: Callable[[], object]) -> bool:
        """Return whether something could be written. Where not, the sink is left out: what is computed is kept."""
        try:
            write()
        except Exception as error:  # noqa: BLE001 - a network, a disk, any library's own
            self._usable.remove(target)
            self._on_failure(LogFailed(str(target), one_line(error), f"lrscope log {quote(self._store.folder)}"))
            return False
        return True

    def _name(self, trial: int) -> str:
        if trial not in self._names:
            self._names = {row.id: arm.name for arm, rows in grouped(self._store.trials()) for row in rows}
        return self._names[trial]

    def _study(self) -> StudyLog:
        store, config = self._store, self._store.config
        return StudyLog(
            id=self._ledger.id, name=self._ledger.name, folder=store.folder,
            metric=store.metric.name if store.metric != UNDECIDED else "loss",
            inputs={name: str(value) for name, value in config.inputs_named.items() if value not in (None, "")},
            is_comparison=config.sweep is not None, ended=self._ended,
        )  # fmt: skip

    def _ended(self) -> Iterator[TrialLog]:
        return (read_trial(self._store, row, self._name(row.id)) for row in self._store.trials() if row.status in ENDED)


def feed_of(store: StudyStore, callbacks: Callbacks) -> SinkFeed:
    """Return what feeds a study's sinks while it runs: those that it has, and those that are asked for now."""
    targets = () if store.config.find is not None else callbacks.log
    return SinkFeed(store, targets, callbacks.on_progress)


def conclude_logs(store: StudyStore, conclusions: Conclusions | None, callbacks: Callbacks) -> None:
    """Write what a study came to into its sinks; conclusions are drawn here where there are none yet."""
    feed_of(store, callbacks).conclude(lambda: conclusions or _conclusions(store))


def log_study(folder: Path, targets: Sequence[Target] = ()) -> tuple[Target, ...]:
    """Write a study's trials and its verdict into these sinks, and bring those that it has up to date; return all.

    What is there already is not written again. A single fine-tune has no verdict.

    Raises:
        StudyError: there is no study, another process holds it, it has no sinks, or one cannot be written to.
    """
    folder = compared_study(folder)
    with StudyStore.open(folder) as store, study_lock(folder):
        if store.config.find is not None:
            raise StudyError(f"{folder} holds range tests, not runs to compare; name the folder of a sweep")
        feed = SinkFeed(store, targets, _refuse)
        if not feed.targets:
            raise StudyError(f"{folder} is written nowhere yet: say where with --to csv, tensorboard, wandb, …")
        try:
            feed.write_all()
            feed.conclude(lambda: _conclusions(store))
        finally:
            feed.save()
        return tuple(feed.targets)


def _name_of(folder: Path) -> str:
    """Return what a study is called in its sinks: of a tune's own study also what the tune is called."""
    home = folder.resolve()
    own = home.name or "study"
    return f"{home.parent.name}-{own}" if is_tune_folder(home.parent) else own


def _refuse(failed: LogFailed) -> None:
    raise StudyError(f"cannot write to {failed.target}: {failed.reason}; what was written is kept")


def _conclusions(store: StudyStore) -> Conclusions | None:
    """Return what a sweep's runs show; None of a single fine-tune, and where none has ended."""
    if store.config.sweep is None or store.metric == UNDECIDED:
        return None
    try:
        return conclude_study(store.folder).conclusions
    except LrscopeError:
        return None


def verdict_of(c: Conclusions, store: StudyStore) -> VerdictLog:
    """Return conclusions as a sink takes them."""
    words = Wording(locale("en"), c.runs.metric_title)
    trials = {arm.name: tuple(row.id for row in rows) for arm, rows in grouped(store.trials())}
    chosen, recommended = c.recommended, ""
    if chosen is not None:
        recommended = chosen.name if c.recommends_arm else f"lr {words.text(Rate(c.recommended_rate or 0.0))}"
    return VerdictLog(
        recommended=recommended,
        confidence=confidence(c)[0] if chosen is not None else "none",
        answer=tuple(words.answer(answer(c))),
        settings=tuple(
            SettingVerdict(
                setting=arm.name, trials=trials.get(arm.name, ()), seeds=len(arm.done), value=arm.value,
                sd=arm.sd if not math.isnan(arm.sd) else math.nan, standing=words.word(arm.standing),
                is_recommended=chosen is not None and arm.name == chosen.name and c.recommends_arm,
            )
            for arm in c.arms
        ),
    )  # fmt: skip
