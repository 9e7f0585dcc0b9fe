"""`lrscope.sweep` of a function: the same wherever it runs, and whatever happens to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.api import toys
from tests.commands import TRAIN

import lrscope
from lrscope.errors import ConfigError, StudyError
from lrscope.store.study import StudyStore

SOURCE = Path(__file__).parents[2]


def swept(train: Callable[[Any], Any], folder: Path, **more: Any) -> Any:
    return lrscope.sweep(train, **{"lr": toys.RATES, "seeds": 2, "out": folder, "progress": False, **more})


def statuses(folder: Path) -> list[str]:
    with StudyStore.open(folder) as store:
        return [row.status for row in store.trials()]


def everything(folder: Path) -> list[Any]:
    """Return all that was measured, in values that compare."""
    with StudyStore.open(folder) as store:
        return [
            (row.status, row.config, record.step, record.split, dict(record.metrics),
             {name: scores.values.tolist() for name, scores in record.scores.items()})
            for row in store.trials() for record in store.evaluations(row.id, with_scores=True)
        ]  # fmt: skip


def test_it_is_the_same_in_processes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    inline, processes = tmp_path / "inline", tmp_path / "processes"
    study = swept(toys.bowl, inline)
    assert "at 0." in capfd.readouterr().out  # inline, what it prints stays where it was printed
    swept(toys.bowl, processes, executor="processes", workers=2)
    assert "at 0." not in capfd.readouterr().out
    assert everything(inline) == everything(processes)
    for folder in (inline, processes):
        assert (folder / "trials" / "0001" / "out" / "weights.txt").is_file()
    assert (processes / "trials" / "0001" / "output.log").read_text().startswith("at 0.")
    assert study.table[0]["lr"] == toys.RATES[0]
    assert study.table[0]["verdict"] == "too low"
    assert study.best is not None
    assert study.best["lr"] in toys.RATES[1:]
    assert "not proven" in repr(study.best) or study.best.is_proven
    assert study.conclusions.evidence.num_examples == 40  # scores are paired, example by example


def test_what_it_shows(tmp_path: Path) -> None:
    study = swept(toys.bowl, tmp_path / "a", settings={"dropout": [0.0, 0.1], "note": "x"})
    text, page = str(study), study._repr_html_()
    assert text.startswith(study.answer)
    assert study.answer.startswith(("Use lr", "No setting"))
    assert "<svg" in page
    assert "dropout 0.1" in page
    assert page.count("<script") == 0
    assert study.report().read_text().count("<svg") >= 2
    assert set(study.best) == {"lr", "dropout", "note"}
    pytest.importorskip("pandas")
    assert list(study.frame()["dropout"]) == [0.0, 0.1] * 3
    assert len(study.frame("trials")) == 12
    assert set(study.frame("evaluations")["split"]) == {"train", "dev", "sealed test"}
    with pytest.raises(ConfigError, match="settings, trials or evaluations: got 'x'"):
        study.frame("x")


def test_progress_is_plain_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swept(toys.bowl, tmp_path / "a", progress=True, seeds=1, settings={"dropout": 0.1})
    said = capsys.readouterr().err
    assert re.search(r"trial 2  lr 0.3  dropout 0.1  seed 0  step 8  dev accuracy 0\.\d+  completed  \(2 of 3", said)
    assert "\x1b" not in said


def test_an_exception_costs_one_trial(tmp_path: Path) -> None:
    for executor in ("inline", "processes"):
        folder = tmp_path / executor
        study = swept(toys.fails_at_the_largest, folder, seeds=1, metric="accuracy", executor=executor)
        assert statuses(folder) == ["completed", "completed", "failed"]
        (reason,) = study.failures.values()
        assert re.fullmatch(r"ValueError: this rate is not for me \(.*toys.py:\d+\)", reason)
        assert "Trial 3 failed: ValueError" in str(study)
        log = (folder / "trials" / "0003" / "work" / "output.log").read_text()
        assert log.count("Traceback") == 1  # what a program does wrong is not tried twice
        assert ("about to fail" in log) == (executor == "processes")


def test_where_all_trials_fail_one_line_says_why(tmp_path: Path) -> None:
    study = swept(lambda trial: 1 / 0, tmp_path / "a", seeds=1)
    text = str(study)
    assert text.startswith("No setting can be recommended. No run has ended with a value yet.\nTrials 1, 2, 3 failed:")
    assert text.count("ZeroDivisionError: division by zero (") == 1
    assert "ZeroDivisionError" in study._repr_html_()
    assert study.best is None


def test_a_function_may_change_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)

    def train(trial: Any) -> dict[str, float]:
        os.chdir(elsewhere)
        (trial.out / "model").touch()
        if trial.seed:
            raise ValueError
        return {"dev_loss": trial.lr}

    swept(train, Path("study"))
    assert statuses(tmp_path / "study").count("completed") == len(toys.RATES)
    assert len(list((tmp_path / "study").glob("trials/*/out/model"))) == len(toys.RATES)
    assert Path.cwd() == tmp_path
    assert not list(elsewhere.iterdir())


def test_divergence_is_a_result(tmp_path: Path) -> None:
    swept(toys.diverges_at_the_largest, tmp_path / "a", metric="accuracy", seeds=1)
    with StudyStore.open(tmp_path / "a") as store:
        row = store.trials()[-1]
    assert (row.status, row.step) == ("diverged", 2)
    assert row.reason == "loss became nan at step 2, learning rate 0.9"


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (float("nan"), "a training function returns finite numbers: got accuracy = nan; raise lrscope.Diverged"),
        ("good", "a training function returns a number: got 'good'"),
        (True, "a training function returns a number: got True"),
        (None, "a training function returns what it measured on dev, or reports it: got nothing"),
        ({"test_accuracy": 0.5}, "returns what it measured on dev, or reports it: got {'test_accuracy': 0.5}"),
        ({"dev_accuracy": "0.5"}, "dev_accuracy is a number: got '0.5'"),
        ({"dev_accuracy": 0.5, "scores": [[0.5]]}, "one an example: got an array of 1 × 1"),
        ({"dev_accuracy": 0.5, "scores": [0.5, float("inf")]}, "are finite: got 1 that are not"),
        ({"dev_accuracy": 0.5, "scores": [1, 0], "weights": [1]}, "got 1 weights for 2 scores"),
        ({"dev_accuracy": 0.5, "step": 1.5}, "step says how far the training came: got 1.5"),
    ],
    ids=str,
)
def test_a_wrong_return_is_one_reason(tmp_path: Path, returned: Any, reason: str) -> None:
    study = swept(lambda trial: returned, tmp_path / "a", lr=0.1, seeds=1, metric="accuracy")
    assert reason in study.failures[1]
    assert "\n" not in study.failures[1]


def test_a_number_needs_a_direction_and_what_was_run_is_kept(tmp_path: Path) -> None:
    calls = []

    def train(trial: lrscope.Trial) -> float:
        calls.append(trial.number)
        return trial.lr

    with pytest.raises(StudyError, match='whether a larger score is better is not known: add direction="minimize" or'):
        swept(train, tmp_path / "a")
    study = swept(train, tmp_path / "a", direction="minimize")
    assert calls == [1, 2, 3, 4, 5, 6]
    assert study.conclusions.runs.metric == ("score", "minimize")


def test_what_was_not_measured_is_told_at_the_first_run_which_is_kept(tmp_path: Path) -> None:
    calls = []

    def train(trial: lrscope.Trial) -> dict[str, float]:
        calls.append(trial.number)
        return {"accuracy": trial.lr}

    with pytest.raises(StudyError, match=r"got 'f1'; it has accuracy \(the run is kept: the same call goes on"):
        swept(train, tmp_path / "a", seeds=1, metric="f1")
    study = swept(train, tmp_path / "a", seeds=1, metric="accuracy")
    assert calls == [1, 2, 3]
    assert study.conclusions.runs.metric == ("accuracy", "maximize")


def test_a_run_that_diverged_need_not_tell_what_runs_are_compared_by(tmp_path: Path) -> None:
    def train(trial: lrscope.Trial) -> dict[str, float]:
        trial.report(dev_loss=1.0)
        if trial.number == 1:
            raise lrscope.Diverged("it says so")
        return {"accuracy": trial.lr}

    study = swept(train, tmp_path / "a", seeds=1, metric="accuracy")
    assert statuses(tmp_path / "a") == ["diverged", "completed", "completed"]
    assert study.conclusions.runs.metric == ("accuracy", "maximize")


def test_several_metrics_are_told_apart_by_an_argument(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match='measured were grade, score; name one with metric="NAME"'):
        swept(lambda trial: {"grade": 0.5, "score": trial.lr}, tmp_path / "a", seeds=1)


def test_the_same_call_goes_on_and_another_extends(tmp_path: Path) -> None:
    calls: list[tuple[float, int]] = []

    def train(trial: lrscope.Trial) -> float:
        calls.append((trial.lr, trial.seed))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return 1.0 - abs(trial.lr - 0.3)

    folder, said = tmp_path / "a", {"metric": "accuracy", "seeds": 1}
    with pytest.raises(KeyboardInterrupt):
        swept(train, folder, **said)
    study = swept(train, folder, **said)
    assert calls == [(0.01, 0), (0.3, 0), (0.3, 0), (0.9, 0)]
    study.add_seeds()
    assert calls[4:] == [(0.01, 1), (0.3, 1), (0.9, 1)]
    swept(train, folder, **said)  # fewer seeds than it has by now: nothing is lost, nothing is run
    swept(train, folder, **{**said, "lr": [0.1], "seeds": 2})
    assert calls[7:] == [(0.1, 0), (0.1, 1)]
    assert len(study.table) == 4


def train_twice(trial: lrscope.Trial) -> float:
    return 2.0 * trial.lr


def test_other_settings_are_one_error(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    said: dict[str, Any] = {"metric": "accuracy", "seeds": 1, "settings": {"dropout": 0.1}}
    swept(train_twice, folder, **said)
    for change, match in [
        ({"settings": {"dropout": 0.2}}, r"was begun with dropout 0.1: got dropout 0.2; leave it as it was, or choose"),
        ({"settings": {}}, "was begun with dropout 0.1: got no dropout"),
        ({"settings": {"dropout": 0.1, "r": 8}}, "was begun with no r: got r 8"),
        ({"keep": "none"}, "was begun with keep='all': got 'none'"),
        ({"metric": "f1"}, "compares by accuracy, to maximize: got metric='f1'"),
    ]:
        with pytest.raises(StudyError, match=match):
            swept(train_twice, folder, **{**said, **change})


def test_a_function_that_changed_is_refused_once_runs_depend_on_it(tmp_path: Path) -> None:
    def made(body: str) -> Any:
        names: dict[str, Any] = {}
        exec(compile(f"def train(trial):\n{body}", "train.py", "exec"), names)
        return names["train"]

    folder, said = tmp_path / "a", {"metric": "accuracy", "seeds": 1}
    swept(made("    return trial.rate"), folder, **said)
    assert statuses(folder) == ["failed"] * 3
    work = folder / "trials" / "0001" / "work"
    (work / "checkpoint" / "of the one before").touch()
    swept(made("    return trial.lr"), folder, **said)  # mended before any run had ended
    assert statuses(folder) == ["completed"] * 3
    assert (work.with_name("work.unusable-1") / "checkpoint" / "of the one before").exists(), "it is not gone on from"
    swept(made("\n    # the same\n    return trial.lr"), folder, **said)
    with pytest.raises(StudyError, match=r"train has changed since .* was begun \(comments and line"):
        swept(made("    return 2 * trial.lr"), folder, **said)


def test_inputs_that_were_named_must_not_change(tmp_path: Path) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text("a")
    said: dict[str, Any] = {"lr": 0.1, "seeds": 1, "metric": "accuracy", "inputs": [data]}
    swept(train_twice, tmp_path / "a", **said)
    data.write_text("b")
    with pytest.raises(StudyError, match="goes on with the inputs it began with: input 1 changed"):
        swept(train_twice, tmp_path / "a", **said)


def test_a_command_is_swept_too(tmp_path: Path) -> None:
    code = "import json, sys; json.dump({'dev_f1': float(sys.argv[1])}, open(sys.argv[3] + '/lrscope.json', 'w'))"
    command = [sys.executable, "-c", code, "{lr}", "{seed}", "{out}"]
    study = lrscope.sweep(command=command, lr=[0.1, 0.2], seeds=1, out=tmp_path / "a", progress=False)
    assert study.failures == {}
    assert [row["f1"] for row in study.table] == [0.1, 0.2]


def test_a_worker_that_dies_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    study = swept(toys.dies_once, tmp_path / "a", lr=0.1, seeds=1, metric="accuracy", executor="processes")
    assert study.failures == {}
    assert study.conclusions.arms[0].value == 1.0


def test_what_cannot_travel_runs_inline_alone(tmp_path: Path) -> None:
    held = threading.Lock()

    def train(trial: lrscope.Trial) -> float:
        return float(held.locked())

    said: dict[str, Any] = {"lr": 0.1, "seeds": 1, "metric": "accuracy"}
    with pytest.raises(StudyError, match=r'can be pickled: got .* for train; .*, or use executor="inline"'):
        swept(train, tmp_path / "a", executor="processes", **said)
    assert not (tmp_path / "a").exists()
    assert swept(train, tmp_path / "a", **said).failures == {}


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import lrscope\nprint('the script runs')\nSCALE = 2.0\n"
        "def helper(rate):\n    return SCALE * rate\n"
        "def train(trial):\n    return helper(trial.lr)\n"
        "study = lrscope.sweep(train, lr=[0.1, 0.2], seeds=1, metric='accuracy', out='a', workers=2)\n"
        "print([row['accuracy'] for row in study.table])\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(SOURCE / "src")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the script runs\n[0.2, 0.4]\n"


def test_what_is_asked_for_is_checked() -> None:
    for asked, match in [
        ({}, "is a function or a command: got neither"),
        ({"train": toys.bowl, "command": "x"}, "got both"),
        ({"train": "python train.py"}, "what trains is a function: got str; of a command, write command="),
        ({"train": toys.bowl, "lr": []}, "lr is a value or a list of values: got an empty list"),
        ({"train": toys.bowl, "settings": {"seed": 1}}, "not one of lr, seed"),
        (
            {"train": toys.bowl, "metric": "quality"},
            "whether a larger quality is better is not known",
        ),
        ({"train": toys.bowl, "timeout": "2"}, "a time with its unit"),
    ]:
        with pytest.raises(ConfigError, match=match):
            lrscope.sweep(**{"lr": 0.1, **asked})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no argument 'dropout'; settings of one's own are settings="):
        lrscope.sweep(toys.bowl, lr=0.1, dropout=0.1)  # type: ignore[call-arg]


def test_what_takes_too_long_has_failed(tmp_path: Path) -> None:
    def train(trial: lrscope.Trial) -> float:
        while True:
            trial.report(dev_accuracy=0.5)

    study = swept(train, tmp_path / "a", lr=0.1, seeds=1, timeout=0.01)
    assert study.failures == {1: "it took longer than the study's timeout of 0.01 s"}


def test_more_seeds_until_it_is_decided(tmp_path: Path) -> None:
    study = swept(toys.bowl, tmp_path / "a").until_decided(0.2, max_seeds=4)
    assert study.best is not None
    assert 2 <= max(row["seeds"] for row in study.table) <= 4


KILLED = """
import os, time, lrscope

def train(trial):
    with open("calls", "a") as file:
        file.write(f"{trial.number} {os.getpid()}\\n")
    time.sleep(0.3)
    with open("completed", "a") as file:
        file.write(f"{trial.number}\\n")
    return trial.lr

lrscope.sweep(train, lr=[0.1, 0.2, 0.3], seeds=2, metric="accuracy", out="a", workers=2, progress=False)
"""


def test_killed_it_goes_on_and_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(KILLED)
    environment = {**os.environ, "PYTHONPATH": str(SOURCE / "src")}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, env=environment)

    first, completed = start(), tmp_path / "completed"
    until = time.monotonic() + 60.0
    while not (completed.exists() and len(completed.read_text().split()) >= 2) and time.monotonic() < until:
        time.sleep(0.02)
    first.kill()
    first.wait()
    assert start().wait(120) == 0
    assert statuses(tmp_path / "a") == ["completed"] * 6
    assert set(completed.read_text().split()) == set("123456")
    assert len(completed.read_text().split()) <= 8  # what was taken in, or left its outcome, was not run again
    workers = {int(line.split()[1]) for line in (tmp_path / "calls").read_text().splitlines()}
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def test_mistakes_in_a_command_s_metric_are_told_by_arguments(tmp_path: Path) -> None:
    def command(how: str) -> str:
        return f"{TRAIN} --how {how}"

    with pytest.raises(ConfigError, match='larger glory is better is not known: add direction="minimize" or direction'):
        lrscope.sweep(command=command("state"), lr=[1e-3], metric="glory", out=tmp_path / "a", progress=False)
    several = {"command": command("several"), "lr": [1e-4, 1e-3], "seeds": 1, "out": tmp_path / "b", "progress": False}
    with pytest.raises(StudyError, match=r'name one with metric="NAME" \(the run is kept: the same call goes on'):
        lrscope.sweep(**several)
    study = lrscope.sweep(**several, metric="quality", direction="maximize")
    assert study.conclusions.runs.metric == ("quality", "maximize")
    with pytest.raises(StudyError, match=r"failed alike: exit code 1: .*; mend it, and make the same call again"):
        lrscope.sweep(command=command("crash"), lr="log:1e-5:1e-2:4", seeds=1, out=tmp_path / "c", progress=False)


def test_whole_epochs_can_be_counted(tmp_path: Path) -> None:
    def train(trial: Any) -> dict[str, float]:
        return {"dev_loss": float(isinstance(trial.epochs, int)) + sum(1 for _ in range(int(trial.epochs)))}

    study = swept(train, tmp_path / "a", seeds=1, lr=[0.1], epochs=[2, 2.5])
    assert [row["loss"] for row in study.table] == [3.0, 2.0]
