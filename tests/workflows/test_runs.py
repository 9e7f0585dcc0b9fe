"""Sweeps, range tests, fine-tunes and tune as values: progress by callback, stopped by a handle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Toy, toy_lines

from lrscope.config import StudyConfig, SweepConfig
from lrscope.errors import ConfigError, StudyError
from lrscope.executors.config import ExecutorConfig
from lrscope.studies.budget import parse_budget
from lrscope.studies.kept_tune import read_tune
from lrscope.workflows import callbacks as tell
from lrscope.workflows.callbacks import Callbacks, StopHandle, Stopped
from lrscope.workflows.finetune import finetune, resume_finetune
from lrscope.workflows.range_tests import Confirmation, find, find_for, range_test_study, resume_find
from lrscope.workflows.status import study_status
from lrscope.workflows.study_folder import folder_beside
from lrscope.workflows.sweep import SweepResult, resume_sweep, sweep, sweep_until_decided
from lrscope.workflows.tune import tune


class Recorder:
    """Keeps what a workflow tells, and stops it after so many events of a kind."""

    def __init__(self, stop_at: type | None = None) -> None:
        self.seen: list[tell.Progress] = []
        self.stop = StopHandle()
        self._stop_at = stop_at

    def callbacks(self) -> Callbacks:
        return Callbacks(self.show, stop=self.stop)

    def show(self, progress: tell.Progress) -> None:
        self.seen.append(progress)
        if self._stop_at is not None and isinstance(progress, self._stop_at):
            self.stop.stop()

    def of(self, kind: type) -> list[tell.Progress]:
        return [progress for progress in self.seen if isinstance(progress, kind)]


def two_rates(toy: Toy, **changes: object) -> StudyConfig:
    config = toy.config(epochs=1, **changes)
    return replace(config, sweep=SweepConfig(grid={"peak_rate": [1e-4, 1e-2]}, seeds=2))


def losses(result: SweepResult) -> list[tuple[float, ...]]:
    return [summary.values for summary in result.settings]


def test_a_sweep_tells_its_cost_its_trials_and_what_they_show(toy: Toy, tmp_path: Path) -> None:
    watch = Recorder()
    result = sweep(two_rates(toy), tmp_path / "s", callbacks=watch.callbacks())
    (cost,) = watch.of(tell.CostEstimated)
    assert isinstance(cost, tell.CostEstimated)
    assert (cost.num_settings, cost.num_seeds, cost.num_trials, cost.is_large) == (2, 2, 4, False)
    ends = [e for e in watch.of(tell.TrialEvent) if isinstance(e, tell.TrialEvent) and e.event.kind == "done"]
    assert [end.row.status for end in ends] == ["completed"] * 4
    assert [type(each) for each in (watch.seen[1], watch.seen[-1])] == [tell.StudyStarted, tell.StudyEnded]
    assert (result.metric, [each.arm.name for each in result.settings]) == ("accuracy", ["lr 1e-4", "lr 1e-2"])
    assert result.contenders
    more = resume_sweep(tmp_path / "s", extension={"seeds": 3})
    assert [each.num_finished for each in more.settings] == [3, 3]


def test_a_stopped_sweep_goes_on_to_the_same_numbers(toy: Toy, tmp_path: Path) -> None:
    watch = Recorder(stop_at=tell.TrialEvent)
    with pytest.raises(Stopped) as stopped:
        sweep(two_rates(toy), tmp_path / "s", callbacks=watch.callbacks())
    assert stopped.value.resume_command == f"lrscope sweep --resume {tmp_path / 's'}"
    assert study_status(tmp_path / "s").num_left > 0
    assert losses(resume_sweep(tmp_path / "s")) == losses(sweep(two_rates(toy), tmp_path / "whole"))


def test_a_stop_before_anything_runs_is_not_lost(toy: Toy, tmp_path: Path) -> None:
    watch = Recorder(stop_at=tell.CostEstimated)
    with pytest.raises(Stopped):
        sweep(two_rates(toy), tmp_path / "s", callbacks=watch.callbacks())
    assert not watch.of(tell.TrialEvent)


def test_a_large_study_is_asked_about(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrscope.workflows.callbacks.MAX_SECONDS", 0.0)
    with pytest.raises(Stopped) as stopped:
        sweep(two_rates(toy), tmp_path / "s", callbacks=Callbacks(agree=lambda cost: cost.num_trials != 4))
    assert stopped.value.was_declined
    assert study_status(tmp_path / "s").counts == {"planned": 4}


def test_checks_are_told_and_share_a_plan(toy: Toy, tmp_path: Path) -> None:
    sweep(two_rates(toy), tmp_path / "s")
    watch = Recorder()
    result = sweep_until_decided(tmp_path / "s", 0.3, callbacks=watch.callbacks(), max_seeds=3)
    checks = watch.of(tell.CheckTaken)
    assert isinstance(checks[-1], tell.CheckTaken)
    assert checks[-1].contenders == result.contenders
    assert result.conclusions is not None
    assert result.conclusions.margin == 0.3
    with pytest.raises(StudyError, match="planned before the first is taken"):
        sweep_until_decided(tmp_path / "s", 0.1, max_seeds=3)
    with pytest.raises(ConfigError, match="above 0"):
        sweep_until_decided(tmp_path / "s", 0.0)


def test_a_range_test_and_runs_inside_it(toy: Toy, tmp_path: Path) -> None:
    config = range_test_study(toy.config(epochs=1), seeds=1)
    result = find(config, tmp_path / "f", confirmation=Confirmation(1, 2, 1))
    bracket = result.test.bracket
    assert bracket.low is not None
    assert bracket.high is not None
    assert result.confirmed is not None
    assert result.rate == result.confirmed.rate in result.confirmed.among
    assert len(result.rates(5)) == 5
    assert "--batch-size 8" in str(result.next_command)
    assert "--schedule 'warmup(2st) > linear'" in str(result.next_command)
    again = resume_find(tmp_path / "f", confirmation=Confirmation(1, 2, 1))
    assert again.to_dict() == result.to_dict()
    with pytest.raises(StudyError, match=r"this study was begun with seeds 1: got 2; remove .*confirm to begin anew"):
        resume_find(tmp_path / "f", confirmation=Confirmation(1, 2, 2))


def test_a_range_test_of_other_settings_or_inputs_is_not_reused(toy: Toy, tmp_path: Path) -> None:
    folder = tmp_path / "run-find"
    base = toy.config(epochs=1)

    def search(config: StudyConfig) -> None:
        find_for(config, folder, ExecutorConfig(), Callbacks(), seeds=1, resume_command="again")

    search(base)
    search(base)  # the same goes on with what is there
    with pytest.raises(StudyError, match="was begun with optimizer adamw: got sgd; remove"):
        search(replace(base, trial=replace(base.trial, optimizer="sgd")))
    with pytest.raises(StudyError, match="begun with precision auto: got bfloat16"):
        search(replace(base, numerics=replace(base.numerics, precision="bfloat16")))
    moved = tmp_path / "elsewhere.txt"
    moved.write_bytes(toy.train.read_bytes())
    search(replace(base, data=replace(base.data, train=str(moved))))  # the same examples, at another place
    moved.write_text("\n".join(toy_lines(40, 9)) + "\n", encoding="utf-8")
    with pytest.raises(StudyError, match="train changed since"):
        search(replace(base, data=replace(base.data, train=str(moved))))


def test_a_fine_tune_stops_and_goes_on(toy: Toy, tmp_path: Path) -> None:
    watch = Recorder(stop_at=tell.FinetuneRecord)
    with pytest.raises(Stopped, match="lrscope finetune --resume"):
        finetune(toy.config(epochs=2), tmp_path / "r", watch.callbacks())
    result = resume_finetune(tmp_path / "r")
    straight = finetune(toy.config(epochs=2), tmp_path / "straight")
    assert result.result.endpoint == straight.result.endpoint
    assert (result.is_sealed, result.unscored, result.tests) == (True, None, [])
    assert result.curves.is_file()


def test_what_belongs_to_a_study_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_beside(Path(), "find") == tmp_path.with_name(f"{tmp_path.name}-find")
    assert folder_beside(Path("a/.."), "find") == folder_beside(Path(), "find")
    with pytest.raises(StudyError, match="a folder with a name: got /"):
        folder_beside(Path("/"), "find")


@pytest.mark.slow
def test_tune_is_whole_and_its_folder_names_the_command(toy: Toy, tmp_path: Path) -> None:
    watch = Recorder(stop_at=tell.RunChosen)
    budget, config = parse_budget("10s"), replace(toy.config(epochs=1))
    try:
        tune(config, tmp_path / "t", budget, callbacks=watch.callbacks(), epochs=1, margin=0.5)
    except Stopped:
        command = study_status(tmp_path / "t").resume_command
        assert command == f"lrscope tune --resume {tmp_path / 't'}"
        assert read_tune(tmp_path / "t").margin == 0.5  # type: ignore[union-attr]
    result = tune(config, tmp_path / "t", budget, epochs=1, margin=0.5)
    assert watch.of(tell.PlanMade)
    assert result.report.conclusions.margin == 0.5
    # So few dev sentences may show nothing: then there is no command to train the choice.
    assert (result.finetune_command is None) == (result.report.conclusions.recommended is None)
    with pytest.raises(StudyError, match=r"was begun with dropout 0\.3: got 0\.7"):
        tune(replace(config, trial=replace(config.trial, dropout=0.7)), tmp_path / "t", budget, epochs=1, margin=0.5)
