"""What a study of the user's own training takes: not known before a run has finished, told when it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.external import Result, bowl, fake, study
from tests.workflows.test_runs import Recorder

from lrscope.config import ExternalTrial
from lrscope.records import FINISHED
from lrscope.store.trials import TrialRow
from lrscope.studies.run_times import RunTimes, seconds_together
from lrscope.terminal.live import cost_lines
from lrscope.terminal.study_progress import StudyProgress
from lrscope.terminal.time_left import about
from lrscope.workflows import callbacks as tell
from lrscope.workflows import time_known
from lrscope.workflows.callbacks import Callbacks, Stopped
from lrscope.workflows.status import StudyStatus, TrialStatus, study_status
from lrscope.workflows.sweep import resume_sweep, sweep


def row(number: int, seconds: float = 0.0, status: str = "completed", **config: object) -> TrialRow:
    trial = ExternalTrial(**{"peak_rate": 1e-4, **config})  # type: ignore[arg-type]
    return TrialRow(number, trial, status, "", 0, None, None, seconds)  # type: ignore[arg-type]


def test_time_is_not_known_before_a_run_has_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda trial: Result(bowl(trial).records[-1].metrics["loss"], seconds=26 * 60))
    watch = Recorder()
    sweep(study({"peak_rate": (1e-5, 1e-4, 1e-3)}, seeds=2), tmp_path / "s", callbacks=watch.callbacks())
    (cost,) = watch.of(tell.CostEstimated)
    assert isinstance(cost, tell.CostEstimated)
    assert (cost.seconds, cost.num_bytes, cost.is_large) == (None, None, False)
    assert cost_lines(cost)[0] == (
        "3 settings × 2 seeds, 6 trials to run, 1 at a time; how long is known after the first"
    )
    told = watch.of(tell.TimeKnown)
    assert told == [
        tell.TimeKnown(5 * 1560.0, 5, (1560.0,)),
        tell.TimeKnown(3 * 1560.0, 3, (1560.0,) * 3),
    ], "after the first, and after each setting has been seen once"


def test_nobody_is_asked_where_time_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda trial: Result(1.0, seconds=1e6))
    asked: list[tell.CostEstimated] = []
    sweep(study(), tmp_path / "s", callbacks=Callbacks(agree=lambda cost: bool(asked.append(cost))))
    assert asked == []


def test_a_study_that_goes_on_knows_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda trial: Result(1.0, seconds=3000.0))
    watch = Recorder(stop_at=tell.TimeKnown)
    with pytest.raises(Stopped):
        sweep(study(seeds=3), tmp_path / "s", callbacks=watch.callbacks())
    finished = sum(each.row.status in FINISHED for each in study_status(tmp_path / "s").trials)
    left = study_status(tmp_path / "s").seconds_left
    assert left == 3000.0 * (6 - finished)
    again = Recorder()
    with pytest.raises(Stopped) as stopped:
        resume_sweep(tmp_path / "s", callbacks=Callbacks(again.show, agree=lambda cost: False))
    assert stopped.value.was_declined, "what is known to be long is asked about"
    (cost,) = again.of(tell.CostEstimated)
    assert isinstance(cost, tell.CostEstimated)
    assert cost.seconds == left


def test_what_was_told_is_told_again_where_it_was_far_off_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([1.0, 100.0, 1e4, 1e6, 1e8, 1e10, 1e12, 1e14])
    fake(monkeypatch, lambda trial: Result(1.0, seconds=next(seconds)))
    watch = Recorder()
    sweep(study(seeds=4), tmp_path / "s", callbacks=watch.callbacks())
    assert len(watch.of(tell.TimeKnown)) == 3


def test_rows_are_not_gone_through_where_there_is_nothing_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []
    monkeypatch.setattr(time_known, "RunTimes", lambda rows: built.append(1) or RunTimes(rows))
    seconds = iter([1.0, 100.0, 1e4, *[1.0] * 5])
    fake(monkeypatch, lambda trial: Result(1.0, seconds=next(seconds)))
    sweep(study(seeds=4), tmp_path / "s")
    assert len(built) == 4, "when it began and after each of the first three runs, after which no more is told"


def test_runs_that_diverged_tell_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, lambda trial: Result(status="diverged") if trial.peak_rate > 5e-4 else Result(1.0, seconds=60))
    watch = Recorder()
    sweep(study({"peak_rate": (1e-3, 1e-4)}, seeds=2), tmp_path / "s", callbacks=watch.callbacks())
    assert watch.of(tell.TimeKnown) == [tell.TimeKnown(120.0, 2, (60.0,))]


def test_time_goes_with_the_length_and_with_settings() -> None:
    times = RunTimes([row(1, 10.0, epochs=1), row(2, 99.0, "diverged", epochs=1), row(3, 99.0, "failed", epochs=1)])
    assert times.seconds_of(ExternalTrial(peak_rate=1e-3, seed=3, epochs=5)) == 50.0
    times = RunTimes([row(1, 10.0, epochs=1), row(2, 40.0, epochs=5)])
    assert times.seconds_of(ExternalTrial(peak_rate=1e-3, epochs=5)) == 40.0, "one of that length has been seen"
    large = {"settings": {"batch": 64}}
    times = RunTimes([row(1, 10.0, settings={"batch": 8}), row(2, 30.0, **large)])
    assert times.seconds_of(ExternalTrial(peak_rate=1e-3, **large)) == 30.0
    assert times.seconds_of(ExternalTrial(peak_rate=1e-3, settings={"batch": 1})) == 20.0
    assert RunTimes([]).seconds_of(ExternalTrial(peak_rate=1e-3)) is None
    assert times.seconds_left([ExternalTrial(peak_rate=1.0, **large)] * 3, 2) == 60.0
    assert seconds_together([5.0, 1.0, 1.0, 1.0], 2) == 5.0


def test_the_live_line_counts_from_finished_runs() -> None:
    rows = (row(1, 600.0), row(2, status="planned", seed=1), row(3, status="planned", seed=2))
    shown = StudyProgress(tell.StudyStarted(Path(), study(), "loss", rows))
    assert shown._left() == "1 of 3 trials, about 20 min left"
    unknown = StudyProgress(tell.StudyStarted(Path(), study(), "loss", rows[1:]))
    assert unknown._left() == "0 of 2 trials"


def status_of(*rows: TrialRow) -> StudyStatus:
    trials = tuple(TrialStatus(each, each.status) for each in rows)
    return StudyStatus(folder=Path(), kind="sweep", running=True, trials=trials)


def test_a_status_counts_what_a_running_trial_has_done() -> None:
    running = replace(row(1, 30.0, "running"), step=25, total_steps=100)
    assert status_of(running, row(2, status="planned", seed=1)).seconds_left == 90.0 + 120.0, "by its own steps"
    assert status_of(row(1, status="planned")).seconds_left is None
    ended = status_of(row(1, 200.0), replace(row(2, 30.0, "running", seed=1), step=25, total_steps=100))
    assert ended.seconds_left == 90.0, "what runs goes by its own pace"


def test_a_status_says_a_range_where_runs_grew_slower() -> None:
    seconds = [60.0] * 4 + [180.0] * 4
    done = [row(number, each, seed=number) for number, each in enumerate(seconds, start=1)]
    left = status_of(*done, row(9, status="planned", seed=9)).left_between
    assert left == (120.0, 180.0)
    assert about(left) == "2 to 3 min"
    others = [row(number, each, settings={"batch": number}) for number, each in enumerate(seconds, start=1)]
    mixed = status_of(*others, row(9, status="planned", settings={"batch": 9})).left_between
    assert mixed == (120.0, 120.0), "of other settings, the settings make the difference"
