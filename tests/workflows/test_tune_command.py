"""Tune for one's own training: a budget spent on a landscape with a known best, whatever comes between."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.external import Result, fake
from tests.workflows.test_runs import Recorder

from lrscope.config import ExternalStudy, ExternalTrial
from lrscope.config.external import OwnSettings, TrainerConfig
from lrscope.errors import ConfigError, StudyError
from lrscope.executors.config import ExecutorConfig
from lrscope.findings.answer_statements import Searched
from lrscope.runners.external.placeholders import value_text
from lrscope.store.study import StudyStore
from lrscope.studies.tune_plan import RateRange
from lrscope.terminal.search_words import ended_lines, plan_lines
from lrscope.workflows import callbacks as tell
from lrscope.workflows.callbacks import Callbacks, Stopped
from lrscope.workflows.report import report
from lrscope.workflows.status import study_status
from lrscope.workflows.tune_command import filled_command, train_command, tune_command

SEARCH, HOUR = RateRange(1e-5, 1e-3), 3600.0


def asked(epochs: float | None = 5, **trainer: object) -> ExternalStudy:
    trial = ExternalTrial(peak_rate=1e-5, epochs=epochs, settings=OwnSettings({"lora_r": 8}))
    command = ("python", "train.py", "--lr={lr}", "--seed", "{seed}", "-e", "{epochs}", "-r", "{lora_r}", "{out}")
    return ExternalStudy(trainer=TrainerConfig(**{"command": command, **trainer}), trial=trial)  # type: ignore[arg-type]


def landscape(best: float = 1e-4, shift: float = 0.25, cliff: float = 1.2) -> Callable[[ExternalTrial], Result]:
    """Return a loss that is least at `best` over 5 epochs, higher by `shift` decades over 1, and diverges beyond."""

    def run(trial: ExternalTrial) -> Result:
        epochs = trial.epochs or 5
        middle = math.log10(best) + shift * (5 - epochs) / 4
        away = math.log10(trial.peak_rate) - middle
        if away > cliff:
            return Result(status="diverged", reason="loss became nan at step 7", seconds=5.0)
        noise = random.Random(repr((trial.peak_rate, trial.seed, epochs))).gauss(0, 0.005)
        return Result(1.0 + away**2 + noise, seconds=20.0 + 20.0 * epochs)

    return run


def rates(folder: Path) -> list[float]:
    with StudyStore.open(folder) as store:
        return sorted({row.config.peak_rate for row in store.trials()})


def test_a_budget_is_spent_on_runs_around_the_best_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner, watch = fake(monkeypatch, landscape()), Recorder()
    result = tune_command(asked(), SEARCH, tmp_path / "t", HOUR, callbacks=watch.callbacks())
    assert runner.ran[0].peak_rate == 1e-4, "the middle tells the cost"
    assert all(trial.epochs == 5 and trial.settings["lora_r"] == 8 for trial in runner.ran)
    seeds = Counter(trial.peak_rate for trial in runner.ran)
    assert seeds[1e-4] >= 2, "seeds are spent where they decide"
    assert {trial.seed for trial in runner.ran} == set(range(max(seeds.values())))
    c = result.report.conclusions
    assert c.recommended_rate is not None
    assert abs(math.log10(c.recommended_rate / 1e-4)) < 0.15
    assert c.search is not None
    assert c.search.interval is not None
    assert c.search.interval[0] < 1e-4 < c.search.interval[1]
    assert result.found.is_bracketed
    (plan,) = [each for each in watch.of(tell.PlanMade) if isinstance(each, tell.PlanMade)]
    assert plan_lines(plan)[1] == "  room for about 30 runs, about 2 min each"
    place = watch.seen.index(plan)
    done = [e for e in watch.seen[:place] if isinstance(e, tell.TrialEvent) and e.event.kind == "done"]
    assert len(done) == 1, "the plan is laid out after the first run"
    chosen = [each for each in watch.seen if isinstance(each, tell.RunChosen)]
    assert [each.number for each in chosen] == list(range(1, len(runner.ran) + 1))
    assert [each.reason for each in chosen[:4]] == ["start", "lower", "higher", "between"]
    assert train_command(result).startswith(f"python train.py --lr={value_text(c.recommended_rate)} --seed 0")
    assert train_command(result).endswith(f"-e 5 -r 8 {(tmp_path / 't' / 'recommended').resolve()}")


def test_it_ends_where_the_budget_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is a clock that runs 120 s a run."""
    clock = [0.0]
    monkeypatch.setattr("lrscope.workflows.search.monotonic", lambda: clock[0])
    monkeypatch.setattr("lrscope.workflows.tune_command.monotonic", lambda: clock[0])
    truth = landscape()

    def timed(trial: ExternalTrial) -> Result:
        result = truth(trial)
        clock[0] += result.seconds
        return result

    runner, watch = fake(monkeypatch, timed), Recorder()
    tune_command(asked(), SEARCH, tmp_path / "t", 15 * 60.0, callbacks=watch.callbacks())
    assert len(runner.ran) == 7
    assert clock[0] <= 15 * 60.0
    (ended,) = [each for each in watch.seen if isinstance(each, tell.SearchEnded)]
    assert ended.is_spent
    assert ended_lines(ended)[0] == "7 runs in 14 min: the budget does not hold another run"
    found = report(tmp_path / "t").values
    assert found["advice"][0]["kind"] == "more-budget"
    assert found["advice"][0]["command"] == f"lrscope tune --resume {tmp_path / 't'} --budget 30min"
    assert found["advice"][0]["command"] in ended_lines(ended)[-1]
    assert not any("sweep --resume" in each["command"] for each in found["advice"])
    assert "study-unfinished" not in {each["kind"] for each in found["answer"]}, "its plan is open"


def test_the_same_command_goes_on_wherever_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, landscape())
    whole = tune_command(asked(), SEARCH, tmp_path / "whole", HOUR)
    runner = fake(monkeypatch, landscape())
    num_stops, commands = 0, {""}
    while True:
        watch = Recorder()

        def stop_soon(progress: tell.Progress, watch: Recorder = watch) -> None:
            watch.show(progress)
            if isinstance(progress, tell.TrialEvent) and progress.event.kind == "done":
                watch.stop.stop()

        try:
            result = tune_command(
                asked(), SEARCH, tmp_path / "t", HOUR, callbacks=Callbacks(stop_soon, stop=watch.stop)
            )
            break
        except Stopped as stopped:
            commands |= {stopped.resume_command, study_status(tmp_path / "t").resume_command}
            num_stops += 1
    assert commands == {"", f"lrscope tune --resume {tmp_path / 't'}"}
    assert num_stops > 3
    assert len(runner.ran) == len(set(runner.ran)), "nothing that was completed ran again"
    assert result.kept.known == whole.kept.known
    assert rates(tmp_path / "t" / "sweep") == rates(tmp_path / "whole" / "sweep")
    assert [arm.value for arm in result.report.conclusions.arms] == [arm.value for arm in whole.report.conclusions.arms]


def test_a_small_budget_says_what_it_takes_and_more_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = fake(monkeypatch, landscape())
    with pytest.raises(ConfigError, match=r"^budget holds 3 runs at least, each about 2min here: got 5min; give 7min"):
        tune_command(asked(), SEARCH, tmp_path / "t", 300.0)
    assert len(runner.ran) == 1
    watch = Recorder()
    tune_command(asked(), SEARCH, tmp_path / "t", 9 * 60.0, callbacks=watch.callbacks())
    (ended,) = [each for each in watch.seen if isinstance(each, tell.SearchEnded)]
    assert ended_lines(ended)[-1].endswith(f"runs again: lrscope tune --resume {tmp_path / 't'} --budget 18min")
    few = len(runner.ran)
    tune_command(asked(), SEARCH, tmp_path / "t", 41 * 60.0)
    assert few < len(runner.ran) == len(set(runner.ran))
    with pytest.raises(StudyError, match="was begun with lr 1e-5:1e-3: got 1e-5:1e-2; leave it as it was"):
        tune_command(asked(), RateRange(1e-5, 1e-2), tmp_path / "t", 41 * 60.0)
    with pytest.raises(StudyError, match=r"was begun with epochs 5.*: got 3"):
        tune_command(asked(3), SEARCH, tmp_path / "t", 41 * 60.0)


def test_the_search_goes_one_step_beyond_the_range_where_its_end_is_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, landscape(best=1e-2, cliff=5))
    watch = Recorder()
    result = tune_command(asked(), SEARCH, tmp_path / "t", HOUR, callbacks=watch.callbacks())
    assert 1e-3 < rates(tmp_path / "t" / "sweep")[-1] <= 3.2e-3
    (ended,) = [each for each in watch.seen if isinstance(each, tell.SearchEnded)]
    assert not result.found.is_bracketed
    assert "at an end of those that ran" in ended_lines(ended)[1]


def test_a_metric_of_right_answers_is_searched_by_the_wrong_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accuracy(trial: ExternalTrial) -> Result:
        away = math.log10(trial.peak_rate / 1e-4)
        return Result(dev=[(10, {"accuracy": 0.9 - 0.1 * away**2})], seconds=60.0)

    fake(monkeypatch, accuracy)
    config = asked(metric="accuracy", direction="maximize")
    result = tune_command(config, SEARCH, tmp_path / "t", HOUR)
    assert result.report.conclusions.recommended_rate == pytest.approx(1e-4, rel=0.3)
    told = [each for each in result.report.document.answer if isinstance(each, Searched)]
    assert [each.wording for each in told] == ["bracketed-errors"], "what it costs is no loss"


def test_several_runs_at_once_share_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lrscope.executors.inline import InlineExecutor

    runner = fake(monkeypatch, landscape())
    monkeypatch.setattr(
        "lrscope.workflows.run_study.build_executor", lambda executor, prepared: InlineExecutor(prepared)
    )
    two = ExecutorConfig("processes", 2)
    result = tune_command(asked(), SEARCH, tmp_path / "t", HOUR, two)
    assert {trial.peak_rate for trial in runner.ran[:2]} == {4.5e-5, 1e-4}
    assert result.found.is_bracketed


def test_no_run_that_comes_to_a_value_is_an_error_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = fake(monkeypatch, lambda trial: Result(status="diverged", reason="loss became nan at step 7"))
    with pytest.raises(StudyError, match=r"none of the 5 runs .*: lr 1e-4 diverged: loss became nan at step 7; search"):
        tune_command(asked(), SEARCH, tmp_path / "d", HOUR)
    assert len(runner.ran) == 5
    broken = fake(monkeypatch, lambda trial: Result(status="failed", reason="no module named peft"))
    with pytest.raises(StudyError, match=r"^lr 1e-4 failed: no module named peft; mend it"):
        tune_command(asked(), SEARCH, tmp_path / "f", HOUR)
    assert len(broken.ran) == 2, "it is not tried at every rate"
    mended = fake(monkeypatch, landscape())
    other = asked(command=("python", "mended.py", "{lr}", "{seed}", "{epochs}", "{lora_r}", "{out}"))
    tune_command(other, SEARCH, tmp_path / "f", HOUR)
    assert mended.ran
    with pytest.raises(StudyError, match=r"was begun with another command: got python train.py .*; leave it as it was"):
        tune_command(asked(), SEARCH, tmp_path / "f", HOUR)


def test_what_was_refused_before_a_run_may_be_asked_for_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="where the learning rate goes"):
        tune_command(asked(command=("python", "train.py", "{out}")), SEARCH, tmp_path / "t", HOUR)
    runner = fake(monkeypatch, landscape())
    tune_command(asked(3), SEARCH, tmp_path / "t", HOUR)
    assert runner.ran


def test_a_rate_that_does_not_reach_the_training_is_no_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = [(step, {"loss": 1.0, "learning_rate": 2e-5 * (1 - step / 100)}) for step in range(10, 100, 10)]
    runner = fake(monkeypatch, lambda trial: Result(1.5, train=logged))
    with pytest.raises(StudyError, match=r"all 3 rates came to the same value: .* the logs show the same learning"):
        tune_command(asked(), RateRange(1e-5, 1e-3), tmp_path / "t", HOUR)
    assert len(runner.ran) <= 6
    fake(monkeypatch, lambda trial: Result(1.5))  # by chance, or where nothing is learned: no log says otherwise
    tune_command(asked(), SEARCH, tmp_path / "u", HOUR)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, landscape())
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(StudyError, match="is neither"):
        tune_command(asked(), SEARCH, tmp_path, HOUR)


def test_the_command_of_a_choice_writes_its_configuration(tmp_path: Path) -> None:
    template = tmp_path / "sft.yaml"
    template.write_text("lr: {lr}\nr: {lora_r}\nout: {out}\n", encoding="utf-8")
    config = asked(command=("axolotl", "train", "{config}"), template=str(template))
    line = filled_command(config, config.trial.with_values({"peak_rate": 1e-4}), tmp_path / "t")
    assert line == f"axolotl train {tmp_path / 't' / 'recommended.yaml'}"
    written = (tmp_path / "t" / "recommended.yaml").read_text(encoding="utf-8")
    assert written == f"lr: 0.0001\nr: 8\nout: {tmp_path / 't' / 'recommended'}\n"
