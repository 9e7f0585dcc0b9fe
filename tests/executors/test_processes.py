"""Workers stay for a study's next job where the last one ended well; what went wrong in one is in no other job."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from tests.conftest import Toy

from lrscope.config import SweepConfig
from lrscope.config.numerics import Numerics
from lrscope.errors import StudyError
from lrscope.executors.processes import ProcessExecutor
from lrscope.executors.work import kept_inputs
from lrscope.files import write_text
from lrscope.runners.base import Event, Job, JobTrial
from lrscope.store.study import StudyStore
from lrscope.studies import session

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")


@pytest.fixture
def jobs(toy: Toy, tmp_path: Path) -> Iterator[Callable[..., list[Job]]]:
    """Give a function that makes jobs of trials, a trial each, of one study of adapters."""
    config = toy.config(train_part="lora", lora_dropout=0.1, dropout=0.1, epochs=1, precision="bfloat16")
    config = replace(config, sweep=SweepConfig(grid={"peak_rate": [1e-3]}, seeds=1))
    with session.begin(config, tmp_path / "study") as study:
        store = study.store

        def made(*changes: dict[str, Any], place: str = "trials") -> list[Job]:
            numerics = Numerics.from_dict(store.numerics)
            trials = [
                JobTrial(number, replace(config.trial, **change), tmp_path / place / str(number))
                for number, change in enumerate(changes, start=1)
            ]
            return [
                Job((trial,), store.config, store.folder, numerics, store.fingerprint, ("last",)) for trial in trials
            ]

        yield made


def workers() -> set[int]:
    return {process.pid for process in multiprocessing.active_children() if process.pid is not None}


def holds(pid: int, folder: Path) -> bool:
    """Whether a process has a file of a folder open or mapped."""
    opened = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return str(folder) in "\n".join([*opened, Path(f"/proc/{pid}/maps").read_text()])


def by_trial(executor: ProcessExecutor, jobs: list[Job]) -> tuple[dict[int, set[int]], dict[int, Event]]:
    """Return the workers that lived at the records of each trial, and how each ended; its folder is nobody's then."""
    lived: dict[int, set[int]] = {job.trials[0].id: set() for job in jobs}
    ends = {}
    for event in executor.run(jobs):
        if event.kind == "record":
            lived[event.trial] |= workers()
        if event.is_end:
            ends[event.trial] = event
            assert not any(holds(pid, jobs[event.trial - 1].trials[0].folder) for pid in workers())
    assert not workers()
    return lived, ends


def numbers(folder: Path) -> tuple[Any, ...]:
    """All that a trial measured, and the adapters that it ended with."""
    with StudyStore.open(folder) as store:
        steps = store.steps(1)[["learning_rate", "loss", "gradient_norm"]].tolist()
        metrics = [(r.step, r.split, r.metrics) for r in store.evaluations(1)]
    (file,) = folder.glob("trials/0001/last/*.safetensors")
    weights = {name: tensor.tolist() for name, tensor in load_file(file).items()}
    return steps, metrics, weights


@pytest.mark.slow
def test_a_worker_takes_the_next_job_and_it_is_as_if_alone(jobs: Callable[..., list[Job]]) -> None:
    changes = ({"peak_rate": 1e-2, "seed": 1}, {"lora_rank": 4, "seed": 2}, {"seed": 3, "batch_size": 4})
    together, alone = jobs(*changes), jobs(*changes, place="alone")
    lived, ends = by_trial(ProcessExecutor(1), together)
    assert [ends[n].kind for n in (1, 2, 3)] == ["done"] * 3
    assert lived[1] == lived[2] == lived[3]
    assert len(lived[1]) == 1
    list(ProcessExecutor(1).run(alone[2:]))
    assert numbers(together[2].trials[0].folder) == numbers(alone[2].trials[0].folder)


@pytest.mark.slow
def test_two_workers_share_the_work_and_end_when_there_is_no_more(jobs: Callable[..., list[Job]]) -> None:
    events = ProcessExecutor(2).run(jobs({}, {"epochs": 60}, {}, {}))
    seen = [workers() for event in events if event.kind == "record" and event.trial == 2]
    assert len(set.union(*seen)) == 2
    assert len(seen[-1]) == 1, "the other one has nothing more to do"
    assert not workers()


@pytest.mark.slow
def test_after_a_failure_comes_another_process(jobs: Callable[..., list[Job]]) -> None:
    lived, ends = by_trial(ProcessExecutor(1), jobs({}, {"lora_targets": "no_such_matrix"}, {}))
    assert [ends[n].kind for n in (1, 2, 3)] == ["done", "failed", "done"]
    assert "no_such_matrix" in ends[2].reason
    assert lived[1].isdisjoint(lived[3])
    assert len(lived[1]) == len(lived[3]) == 1


@pytest.mark.slow
def test_a_worker_killed_in_its_second_job_costs_that_job(jobs: Callable[..., list[Job]]) -> None:
    ends, killed = {}, 0
    for event in ProcessExecutor(1).run(jobs({}, {"epochs": 400}, {})):
        if event.kind == "record" and event.trial == 2 and not killed:
            (killed,) = workers()
            os.kill(killed, signal.SIGKILL)
        if event.is_end:
            ends[event.trial] = event
    assert [ends[n].kind for n in (1, 2, 3)] == ["done", "failed", "done"]
    assert "killed by SIGKILL" in ends[2].reason


@pytest.mark.slow
def test_what_happens_between_jobs_fails_none(jobs: Callable[..., list[Job]]) -> None:
    ends, at_end, hang_seconds = {}, {}, 60.0
    executor = ProcessExecutor(1, hang_seconds=hang_seconds)
    for event in executor.run(jobs(*[{}] * 5)):
        if event.is_end:
            ends[event.trial], at_end[event.trial] = event.kind, workers()
            if event.trial == 1:  # a worker that waits does not hang
                time.sleep(0.6)
                executor.hang_seconds = 0.5
            elif event.trial == 2:
                os.kill(*at_end[2], signal.SIGTERM)
            elif event.trial == 4:
                os.kill(*at_end[4], signal.SIGKILL)
        elif event.kind == "record":
            executor.hang_seconds = hang_seconds
    assert [ends[n] for n in range(1, 6)] == ["done", "done", "stopped", "done", "done"]
    assert at_end[1] == at_end[2]
    assert at_end[2].isdisjoint(at_end[4])


@pytest.mark.slow
def test_all_end_when_jobs_are_heard_no_more(jobs: Callable[..., list[Job]]) -> None:
    run = ProcessExecutor(2).run(jobs({}, {"epochs": 4000}, {}, {}))
    assert any(event.is_end for event in run)
    assert len(workers()) == 2, "one works, one waits"
    run.close()
    assert not workers()


@pytest.mark.slow
def test_what_is_asked_to_stop_stops_and_nothing_follows(jobs: Callable[..., list[Job]]) -> None:
    executor, ends = ProcessExecutor(1), {}
    for event in executor.run(jobs({}, {"epochs": 4000}, {})):
        if event.kind == "record" and event.trial == 2:
            executor.stop()
        if event.is_end:
            ends[event.trial] = event.kind
    assert ends == {1: "done", 2: "stopped", 3: "stopped"}
    assert not workers()


WAITING = (
    "import sys, time; from multiprocessing import active_children; from pathlib import Path\n"
    "from lrscope.config import StudyConfig; from lrscope.executors.processes import ProcessExecutor\n"
    "from lrscope.studies import session; from lrscope.studies.controller import Controller\n"
    "def main():\n"
    "    with session.begin(StudyConfig.from_toml(Path(sys.argv[1])), Path(sys.argv[2])) as study:\n"
    "        for event in Controller(study.store).run(ProcessExecutor(1)):\n"
    "            if event.is_end: print(*[child.pid for child in active_children()], flush=True); time.sleep(600)\n"
    "if __name__ == '__main__': main()\n"
)


@pytest.mark.slow
def test_a_worker_that_waits_ends_with_its_controller(toy: Toy, tmp_path: Path) -> None:
    config = replace(toy.config(epochs=1), sweep=SweepConfig(grid={"peak_rate": [1e-3, 1e-2]}, seeds=1))
    write_text(tmp_path / "study.toml", config.to_toml())
    write_text(tmp_path / "controller.py", WAITING)
    command = [sys.executable, str(tmp_path / "controller.py"), str(tmp_path / "study.toml"), str(tmp_path / "study")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        (worker,) = map(int, process.stdout.readline().split())
        process.kill()
    until = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{worker}").exists()


def test_inputs_are_read_once_and_again_where_a_file_was_written(jobs: Callable[..., list[Job]], toy: Toy) -> None:
    first, second = jobs({}, {"peak_rate": 1e-2, "epochs": 2})
    kept = kept_inputs(first)
    assert kept_inputs(second) is kept
    text = toy.train.read_text(encoding="utf-8")
    toy.train.write_text(text, encoding="utf-8")
    again = kept_inputs(second)
    assert again is not kept
    assert again.fingerprint == kept.fingerprint
    toy.train.write_text(text + "0 ||| one more\n", encoding="utf-8")
    with pytest.raises(StudyError, match="train changed since"):
        kept_inputs(first)
