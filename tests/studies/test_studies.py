"""Studies: the same numbers on every executor and after every kind of stop; nothing lost, nothing run twice."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Toy
from tests.warm import Started, WarmPython

from lrscope.config import StudyConfig, SweepConfig
from lrscope.errors import StudyError
from lrscope.executors.inline import InlineExecutor
from lrscope.executors.processes import ProcessExecutor
from lrscope.files import write_text
from lrscope.records import FINISHED
from lrscope.runners.base import Event, Job
from lrscope.runs.arm_summary import summarize
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.controller import Controller
from lrscope.workflows.conclusions import conclude_study

RATES = [1e-4, 3e-3, 3e-2]
posix = pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")


def config_of(toy: Toy, **sweep: Any) -> StudyConfig:
    settings = {"grid": {"peak_rate": RATES}, "seeds": 2, **sweep}
    return replace(toy.config(epochs=2), sweep=SweepConfig(**settings))


def run(config: StudyConfig, folder: Path, executor: Callable[[Any], Any]) -> list[Event]:
    with session.begin(config, folder) as study:
        return list(Controller(study.store).run(executor(study)))


def resume(folder: Path, executor: Callable[[Any], Any] | None = None, **more: Any) -> list[Event]:
    with session.resume(folder, **more) as study:
        chosen = InlineExecutor(study.prepared) if executor is None else executor(study)
        return list(Controller(study.store).run(chosen))


def inline(study: Any) -> InlineExecutor:
    return InlineExecutor(study.prepared)


def numbers(folder: Path) -> dict[Any, Any]:
    """All that was measured, by trial; not the order in which trials came."""
    with StudyStore.open(folder) as store:
        found = {}
        for row in store.trials():
            steps = store.steps(row.id)[["learning_rate", "loss", "gradient_norm"]].tolist()
            evaluations = [(r.step, r.split, r.metrics) for r in store.evaluations(row.id)]
            scores = store.scores(row.id, row.step, "dev")["loss"].values.tolist()
            predictions = store.predictions(row.id, row.step, "test")
            assert predictions is not None
            found[row.config] = (row.status, row.step, steps, evaluations, scores, predictions.tolist())
        return found


def test_a_study_runs_every_trial_once_and_keeps_the_best_of_each_arm(toy: Toy, tmp_path: Path) -> None:
    events = run(config_of(toy), tmp_path / "one", inline)
    assert [e.trial for e in events if e.kind == "done"] == [1, 2, 3, 4, 5, 6]
    with StudyStore.open(tmp_path / "one") as store:
        assert all(row.status == "completed" and row.attempts == 1 for row in store.trials())
        best = list((tmp_path / "one" / "trials").glob("*/best/model.safetensors"))
        assert len(best) == len(RATES)
        assert not list((tmp_path / "one" / "trials").glob("*/work"))
        assert [s.metric.number for s in summarize(store)] == [2, 2, 2]
        assert store.openings() == []
    assert resume(tmp_path / "one") == []


@pytest.mark.parametrize(("keep", "num"), [("none", 0), ("all", 12)])
def test_what_is_kept(keep: str, num: int, toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy, keep=keep), tmp_path / "one", inline)
    assert len(list((tmp_path / "one").rglob("model.safetensors"))) == num


def test_arms_share_heads_and_order(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", inline)
    with StudyStore.open(tmp_path / "one") as store:
        first = {(row.config.seed, float(store.steps(row.id)["loss"][0])) for row in store.trials()}
    assert len(first) == 2, "before its first update every arm has the same loss at a seed"


@pytest.mark.slow
def test_processes_give_the_same_numbers_as_inline(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", inline)
    events = run(config_of(toy), tmp_path / "two", lambda _: ProcessExecutor(2))
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    assert {e.kind for e in events} == {"started", "record", "done"}


def test_extending_runs_only_what_is_new(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy, seeds=1), tmp_path / "one", inline)
    events = resume(tmp_path / "one", extension={"seeds": 2, "peak_rate": (1e-3,)})
    assert [e.trial for e in events if e.kind == "done"] == [4, 5, 6, 7, 8]
    run(
        replace(config_of(toy), sweep=SweepConfig(grid={"peak_rate": [*RATES, 1e-3]}, seeds=2)),
        tmp_path / "two",
        inline,
    )
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    with pytest.raises(StudyError, match=r"keeps its \d seeds"):
        resume(tmp_path / "one", extension={"seeds": 1})


def test_stopped_and_resumed_equals_straight(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", inline)
    with session.begin(config_of(toy), tmp_path / "two") as study:
        controller = Controller(study.store)
        for number, event in enumerate(controller.run(InlineExecutor(study.prepared))):
            if number == 25 and event.kind == "record":
                controller.stop()
        assert any(row.status == "planned" for row in study.store.trials())
    resume(tmp_path / "two")
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


def test_a_study_moves_with_its_folder(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy, seeds=1), tmp_path / "one", inline)
    shutil.move(tmp_path / "one", tmp_path / "elsewhere")
    resume(tmp_path / "elsewhere", extension={"seeds": 2})
    with StudyStore.open(tmp_path / "elsewhere") as store:
        assert len([row for row in store.trials() if row.status in FINISHED]) == 6


def test_what_differs_from_the_fingerprint_is_named(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy, seeds=1), tmp_path / "one", inline)
    toy.dev.write_text(toy.dev.read_text() + "0 ||| one more\n", encoding="utf-8")
    with pytest.raises(StudyError, match="dev changed since"):
        resume(tmp_path / "one")


def test_two_controllers_do_not_run_one_study(toy: Toy, tmp_path: Path) -> None:
    with session.begin(config_of(toy), tmp_path / "one"):
        code = (
            "import sys; from pathlib import Path; from lrscope.studies import session\n"
            "from lrscope.errors import StudyError\n"
            "try:\n    with session.resume(Path(sys.argv[1])): pass\n"
            "except StudyError as error: print(error)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "one")], capture_output=True, text=True, check=True
        )
    assert "one process at a time may write a study" in done.stdout


def test_a_single_fine_tune_is_not_resumed_as_a_study(toy: Toy, tmp_path: Path) -> None:
    from lrscope.runners import finetune

    with finetune.begin(toy.config(epochs=1), tmp_path / "one") as fine_tune:
        list(fine_tune.trial.run())
    with pytest.raises(StudyError, match="holds a single fine-tune"):
        resume(tmp_path / "one")
    with pytest.raises(StudyError, match="holds no study to resume"):
        resume(tmp_path)


class Fails:
    """An executor that fails some trials, so many times each, and runs the others."""

    def __init__(self, study: Any, fails: dict[int, int]) -> None:
        self.inner, self.fails = InlineExecutor(study.prepared), fails

    def run(self, jobs: Iterable[Job]) -> Any:
        for job in jobs:
            (trial,) = job.trials
            if self.fails.get(trial.id, 0):
                self.fails[trial.id] -= 1
                yield Event("started", trial.id)
                yield Event("failed", trial.id, reason="the worker died: killed by SIGKILL")
            else:
                yield from self.inner.run([job])

    def stop(self) -> None:
        self.inner.stop()


def test_a_trial_is_tried_twice_and_then_it_has_failed(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", lambda study: Fails(study, {2: 1, 5: 9}))
    with StudyStore.open(tmp_path / "one") as store:
        rows = store.trials()
        assert [row.status for row in rows] == ["completed"] * 4 + ["failed", "completed"]
        assert rows[4].reason == "the worker died: killed by SIGKILL"
        assert (rows[1].attempts, rows[4].attempts) == (2, 2)
        assert [s.num_failed for s in summarize(store)] == [0, 1, 0]


def test_what_has_failed_is_tried_again_where_that_is_asked_for(toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", lambda study: Fails(study, {2: 2}))
    with session.resume(tmp_path / "one") as study:
        controller = Controller(study.store)
        controller.retry_failed()
        events = list(controller.run(InlineExecutor(study.prepared)))
        assert {e.trial for e in events} == {2}
        assert (study.store.trial(2).status, study.store.trial(2).reason) == ("completed", "")


def test_rungs_run_complete_schedules_of_their_length(toy: Toy, tmp_path: Path) -> None:
    config = replace(
        toy.config(epochs=3), sweep=SweepConfig(grid={"peak_rate": [1e-6, 1e-3, 1e-2, 1.0]}, strategy="rungs")
    )
    run(config, tmp_path / "one", inline)
    with StudyStore.open(tmp_path / "one") as store:
        rows = store.trials()
        assert [row.config.epochs for row in rows[:4]] == [1, 1, 1, 1]
        assert 0 < len([row for row in rows if row.config.epochs == 3]) < 4
        assert all(row.step == row.total_steps == row.config.epochs * 6 for row in rows)
    run(config, tmp_path / "two", inline)
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


def test_diverged_seeds_are_counted_and_never_averaged_in(toy: Toy, tmp_path: Path) -> None:
    config = replace(toy.config(epochs=1), sweep=SweepConfig(grid={"peak_rate": [1e-3, 1e30]}, seeds=2))
    run(config, tmp_path / "one", inline)
    with StudyStore.open(tmp_path / "one") as store:
        fine, wild = summarize(store)
        places = [arm.standing for arm in conclude_study(store.folder).conclusions.arms]
    assert (fine.num_diverged, wild.num_diverged, wild.metric.number) == (0, 2, 0)
    assert places == ["contender", "no value"]


# Killed


CONTROLLER = (
    "import sys; from pathlib import Path; from lrscope.config import StudyConfig\n"
    "from lrscope.executors.inline import InlineExecutor; from lrscope.executors.processes import ProcessExecutor\n"
    "from lrscope.studies import session; from lrscope.studies.controller import Controller\n"
    "def main():\n"
    "    config, folder, workers = StudyConfig.from_toml(Path(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])\n"
    "    held = session.resume(folder) if (folder / 'study.db').exists() else session.begin(config, folder)\n"
    "    with held as study:\n"
    "        place = ProcessExecutor(workers) if workers else InlineExecutor(study.prepared)\n"
    "        for event in Controller(study.store).run(place): print(event.kind, event.trial, flush=True)\n"
    "if __name__ == '__main__': main()\n"
)


def start(warm: WarmPython, tmp_path: Path, folder: Path, workers: int) -> Started:
    return warm.start(CONTROLLER, tmp_path / "study.toml", folder, workers, stdout=True)


def workers_of(folder: Path) -> list[int]:
    """Processes that have a file open in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                files = [os.readlink(link) for link in (entry / "fd").iterdir()]  # noqa: PTH115
            except OSError:
                continue
            if any(str(folder) in file for file in files):
                found.append(int(entry.name))
    return found


@posix
@pytest.mark.slow
def test_the_controller_killed_at_random_moments_loses_nothing(toy: Toy, tmp_path: Path, warm: WarmPython) -> None:
    config = config_of(toy, grid={"peak_rate": [1e-4, 1e-3, 3e-3, 1e-2]}, seeds=7)
    run(config, tmp_path / "one", inline)
    write_text(tmp_path / "study.toml", config.to_toml())
    folder, draw, kills, finished = tmp_path / "two", random.Random(5), 0, set()
    for attempt in range(60):
        with start(warm, tmp_path, folder, workers=0) as process:
            assert process.stdout is not None
            # After so many lines of what happens, and a moment: within a trial, between two, while one is taken in.
            for _ in range(draw.randint(1, 24)):
                if not process.stdout.readline():
                    break
            time.sleep(draw.random() * 0.05)
            over = process.poll() is not None
            process.kill()
        kills += not over
        if (folder / "study.db").exists():
            with closing(sqlite3.connect(folder / "study.db")) as connection, connection:
                rows = connection.execute("SELECT id FROM trials WHERE status = 'completed'").fetchall()
            now = {row[0] for row in rows}
            assert finished <= now, "what was done must stay done"
            finished = now
        if over or (attempt > 22 and kills >= 20):
            break
    assert kills >= 20
    resume(folder)
    assert numbers(tmp_path / "one") == numbers(folder)


@posix
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_workers_end_with_their_controller(toy: Toy, tmp_path: Path, warm: WarmPython) -> None:
    config = replace(config_of(toy, seeds=1), trial=replace(toy.config().trial, epochs=400))
    write_text(tmp_path / "study.toml", config.to_toml())
    with start(warm, tmp_path, tmp_path / "two", workers=2) as process:
        assert process.stdout is not None
        seen: set[str] = set()
        while len(seen) < 2:  # both workers have begun
            kind, trial = process.stdout.readline().split()
            seen |= {trial} if kind == "record" else set()
        assert len(workers_of(tmp_path / "two")) >= 2
        process.kill()
    until = time.monotonic() + 10
    while workers_of(tmp_path / "two") and time.monotonic() < until:
        time.sleep(0.1)
    assert workers_of(tmp_path / "two") == []


@posix
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks into /proc")
def test_a_killed_worker_costs_one_try(toy: Toy, tmp_path: Path) -> None:
    config = replace(config_of(toy, seeds=1, grid={"peak_rate": [1e-3]}), trial=replace(toy.config().trial, epochs=60))
    run(config, tmp_path / "one", inline)
    killed = []
    with session.begin(config, tmp_path / "two") as study:
        for event in Controller(study.store).run(ProcessExecutor(1)):
            if event.kind == "record" and not killed:
                killed = workers_of(tmp_path / "two" / "trials" / "0001" / "work")
                for worker in killed:
                    os.kill(worker, signal.SIGKILL)
    assert killed
    with StudyStore.open(tmp_path / "two") as store:
        assert (store.trial(1).status, store.trial(1).attempts) == ("completed", 2)
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


@posix
@pytest.mark.slow
def test_a_worker_that_hangs_is_ended(toy: Toy, tmp_path: Path) -> None:
    config = replace(
        config_of(toy, seeds=1, grid={"peak_rate": [1e-3]}), trial=replace(toy.config().trial, epochs=4000)
    )
    with session.begin(config, tmp_path / "two") as study:
        events = []
        for event in Controller(study.store).run(ProcessExecutor(1, hang_seconds=2.0)):
            events.append(event)
            if event.kind == "record":
                for worker in workers_of(tmp_path / "two" / "trials" / "0001" / "work"):
                    os.kill(worker, signal.SIGSTOP)
    assert [e.reason for e in events if e.kind == "failed"] == ["the worker said nothing for 2 seconds"] * 2
    with StudyStore.open(tmp_path / "two") as store:
        assert store.trial(1).status == "failed"


def test_ten_thousand_trials_are_read_and_summarised_fast(toy: Toy, tmp_path: Path) -> None:
    with session.begin(config_of(toy), tmp_path / "one") as study:
        base = study.store.config.trial
        study.store.add_trials([replace(base, peak_rate=1e-6 * (n + 1), seed=s) for n in range(400) for s in range(25)])
    began = time.perf_counter()
    with StudyStore.open(tmp_path / "one") as store:
        assert len(store.trials()) == 10_000
        assert len(summarize(store)) == 400
    # The figure is two seconds; a loaded machine is given more, the benchmark tells the truth.
    assert time.perf_counter() - began < 10


# Disks


def test_a_spoilt_last_snapshot_within_a_study_costs_one_interval(toy: Toy, tmp_path: Path) -> None:
    config = config_of(toy, seeds=1)
    run(config, tmp_path / "one", inline)
    with session.begin(config, tmp_path / "two") as study:
        controller = Controller(study.store)
        for event in controller.run(InlineExecutor(study.prepared)):
            if event.record is not None and getattr(event.record, "step", 0) == 9 and not controller.stopped:
                controller.stop()
        snapshots = sorted((study.store.work_folder(1) / "trials" / "0001" / "snapshots").iterdir())
    assert len(snapshots) == 2
    snapshots[-1].write_bytes(snapshots[-1].read_bytes()[:-9])
    resume(tmp_path / "two")
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


LIMITED = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
)


@posix
@pytest.mark.slow
def test_a_disk_that_fills_up_in_a_study_loses_nothing(toy: Toy, tmp_path: Path) -> None:
    config = config_of(toy, seeds=4)
    run(config, tmp_path / "one", inline)
    write_text(tmp_path / "study.toml", config.to_toml())
    script = tmp_path / "limited.py"
    write_text(script, LIMITED + CONTROLLER)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "study.toml"), str(tmp_path / "two"), "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "StudyError: cannot write" in done.stderr
    assert "free some space" in done.stderr
    with StudyStore.open(tmp_path / "two") as store:
        had = [row.id for row in store.trials() if row.status == "completed"]
        assert 0 < len(had) < 12, "the disk was full midway"
    events = resume(tmp_path / "two")
    assert not {e.trial for e in events if e.kind == "started"} & set(had), "what was done is not run again"
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
