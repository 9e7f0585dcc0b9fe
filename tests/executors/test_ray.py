"""Ray: the numbers of the other executors, inputs sent to nodes that do not see them, workers that are lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Cli, Toy
from tests.studies.test_studies import RATES, config_of, inline, numbers, run

from lrscope.errors import ExecutorError
from lrscope.executors.file_transfer import IncomingFolder, pieces
from lrscope.executors.inline import InlineExecutor
from lrscope.executors.ray import RayExecutor
from lrscope.executors.ray_cluster import connect
from lrscope.executors.ray_task import RemoteJob, TrialPiece, Unseen, _user, run_remote, versions
from lrscope.runners.base import Event, Job, JobTrial
from lrscope.runners.native import NativeRunner
from lrscope.store.lock import study_lock
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.controller import Controller

pytestmark = [
    # Ray starts processes and sockets whose end it leaves to the operating system.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.xdist_group("ray"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield ray
    ray.shutdown()


class Elsewhere(RayExecutor):
    """A cluster whose nodes see none of the driver's files."""

    sends = 0

    def _seen_as(self, job: Job) -> dict[str, str]:
        return {name: f"/not/there/{Path(path).name}" for name, path in super()._seen_as(job).items()}

    def _send(self, job: Job) -> None:
        self.sends += self._sent is None
        super()._send(job)


@pytest.mark.slow
def test_ray_gives_the_same_numbers_as_inline(cluster: Any, toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", inline)
    events = run(config_of(toy), tmp_path / "two", lambda _: RayExecutor())
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    assert {e.kind for e in events} == {"started", "record", "done"}
    assert len(list((tmp_path / "two" / "trials").glob("*/best/model.safetensors"))) == len(RATES)
    assert not list((tmp_path / "two").rglob("*.arriving"))


@pytest.mark.slow
def test_inputs_that_nodes_do_not_see_are_sent_once(cluster: Any, toy: Toy, tmp_path: Path) -> None:
    run(config_of(toy), tmp_path / "one", inline)
    executor = Elsewhere(workers=2)
    events = run(config_of(toy), tmp_path / "two", lambda _: executor)
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")
    assert executor.sends == 1
    assert sum(e.kind == "started" for e in events) == 6


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_worker_killed_midway_is_replaced_and_costs_no_try(cluster: Any, toy: Toy, tmp_path: Path) -> None:
    config = replace(config_of(toy, seeds=1, grid={"peak_rate": [1e-3]}), trial=replace(toy.config().trial, epochs=60))
    run(config, tmp_path / "one", inline)
    killed: list[int] = []
    with session.begin(config, tmp_path / "two") as study:
        for event in Controller(study.store).run(RayExecutor()):
            if event.kind == "record" and not killed:
                killed = ray_workers("trial 1")
                for worker in killed:
                    os.kill(worker, signal.SIGKILL)
        assert killed
        assert (study.store.trial(1).status, study.store.trial(1).attempts) == ("completed", 1)
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


def ray_workers(task: str) -> list[int]:
    """Processes that run a task of this name, as Ray titles them."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if title.startswith("ray::") and task in title:
                found.append(int(entry.name))
    return found


@pytest.mark.slow
def test_stopped_on_ray_and_resumed_elsewhere_equals_straight(cluster: Any, toy: Toy, tmp_path: Path) -> None:
    config = replace(config_of(toy, seeds=1), trial=replace(toy.config().trial, epochs=40))
    run(config, tmp_path / "one", inline)
    with session.begin(config, tmp_path / "two") as study:
        controller = Controller(study.store)
        for event in controller.run(RayExecutor(workers=2)):
            if event.kind == "record" and not controller.stopped:
                controller.stop()
        assert all(row.status == "planned" for row in study.store.trials())
    assert list((tmp_path / "two").glob("trials/*/work/study.db")), "what was begun comes back"
    with session.resume(tmp_path / "two") as study:
        list(Controller(study.store).run(InlineExecutor(study.prepared)))
    assert numbers(tmp_path / "one") == numbers(tmp_path / "two")


@pytest.mark.slow
def test_a_trial_that_hangs_is_ended(cluster: Any, toy: Toy, tmp_path: Path) -> None:
    config = replace(
        config_of(toy, seeds=1, grid={"peak_rate": [1e-3]}), trial=replace(toy.config().trial, epochs=4000)
    )
    events = []
    with session.begin(config, tmp_path / "two") as study:
        for event in Controller(study.store).run(RayExecutor(hang_seconds=2.0)):
            events.append(event)
            if event.kind == "record":
                for worker in ray_workers("trial 1"):
                    os.kill(worker, signal.SIGSTOP)
        assert study.store.trial(1).status == "failed"
    assert [e.reason for e in events if e.kind == "failed"] == ["the trial said nothing for 2 seconds"] * 2


# What runs on a node, without Ray


def remote_job(toy: Toy, tmp_path: Path, **changes: Any) -> RemoteJob:
    config = toy.config(epochs=1)
    prepared = NativeRunner().prepare(config)
    trial = JobTrial(7, config.trial, tmp_path / "study" / "work")
    job = Job((trial,), config, tmp_path / "study", prepared.numerics, prepared.fingerprint, ("best",))
    return replace(RemoteJob(job, f"test-{os.getpid()}-{tmp_path.name}", versions()), **changes)


def yielded_by(remote: RemoteJob, sent: Any = None) -> list[Any]:
    return list(run_remote(remote, sent, lambda piece: piece, lambda: False))


def test_a_job_yields_what_happens_then_its_folder(toy: Toy, tmp_path: Path) -> None:
    items = yielded_by(remote_job(toy, tmp_path))
    kinds = ["piece" if isinstance(item, TrialPiece) else item.kind for item in items]
    assert (kinds[0], kinds[-1]) == ("started", "done")
    sent = {item.piece.path for item in items if isinstance(item, TrialPiece)}
    assert "study.db" in sent
    assert "trials/0001/best/model.safetensors" in sent
    assert not any("last" in path or "snapshot" in path for path in sent)


def test_a_job_names_the_inputs_that_a_node_does_not_see(toy: Toy, tmp_path: Path) -> None:
    remote = remote_job(toy, tmp_path)
    gone = remote.job.study.reading({"train": "/not/there/train.txt", "model": "/not/there/model"})
    assert yielded_by(replace(remote, job=replace(remote.job, study=gone))) == [Unseen(("train", "model"))]


def test_a_try_that_is_ending_is_waited_for(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remote = remote_job(toy, tmp_path)
    home = tmp_path / f"lrscope-{_user()}" / remote.key / "0007"
    with ExitStack() as held:
        held.enter_context(study_lock(home))
        threading.Timer(1.0, held.close).start()
        assert yielded_by(remote)[-1].kind == "done"
        monkeypatch.setattr("lrscope.runners.work_folder.LET_GO_SECONDS", 0.1)
        held.enter_context(study_lock(home))
        assert "one process at a time" in yielded_by(remote)[-1].reason


def test_a_node_with_other_versions_is_refused(toy: Toy, tmp_path: Path) -> None:
    items = yielded_by(remote_job(toy, tmp_path, versions={"lrscope": "9.9", "torch": "1.0"}))
    assert [item.kind for item in items] == ["started", "blocked"]
    assert "instead of 9.9" in items[-1].reason
    assert "install the same on all nodes" in items[-1].reason


def test_what_differs_on_a_node_is_named(toy: Toy, tmp_path: Path) -> None:
    remote = remote_job(toy, tmp_path)
    toy.dev.write_text(toy.dev.read_text() + "0 ||| one more\n", encoding="utf-8")
    last = yielded_by(remote)[-1]
    assert isinstance(last, Event)
    assert last.reason.startswith("a study goes on with the inputs it began with: dev changed")


def test_folders_travel_whole(tmp_path: Path) -> None:
    for name, content in (("a.txt", b"one"), ("b/c.bin", bytes(range(256)) * 5), ("b/empty", b"")):
        (tmp_path / "from" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from" / name).write_bytes(content)
    arrival = IncomingFolder(tmp_path / "to")
    for piece in pieces(tmp_path / "from", size=100):
        assert len(piece.content) <= 100
        assert not (tmp_path / "to").exists()
        arrival.add(piece)
    arrival.finish()
    for name in ("a.txt", "b/c.bin", "b/empty"):
        assert (tmp_path / "to" / name).read_bytes() == (tmp_path / "from" / name).read_bytes()


# Not there


def test_ray_not_installed(toy: Toy, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    code, _, error = cli("sweep", "--executor", "ray", *toy.options())
    assert (code, error.strip()) == (
        2,
        'lrscope: the ray executor needs Ray: got none installed; type: pip install "lrscope[ray]"',
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:9", "no Ray cluster answers at 127.0.0.1:9"),
        ("nonsense", "--address is auto, local or HOST:PORT: got 'nonsense'"),
        ("ray://127.0.0.1:10001", "a study is driven from a machine of the cluster"),
    ],
)
def test_a_cluster_that_is_not_there(address: str, said: str, tmp_path: Path) -> None:
    code = f"from lrscope.executors.ray_cluster import connect; connect({address!r})"
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert said in done.stderr
    assert time.monotonic() - began < 15


@pytest.mark.slow
def test_a_port_where_something_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        code = f"from lrscope.executors.ray_cluster import connect; connect({address!r})"
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"no Ray cluster answers at {address} within 10 seconds" in done.stderr
    assert time.monotonic() - began < 20


def test_connecting_twice_is_connecting_once(cluster: Any) -> None:
    connect("auto")
    with pytest.raises(ExecutorError, match="needs Ray"), pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ray", None)
        connect("auto")


@pytest.mark.slow
def test_a_budget_is_spent_on_ray(cluster: Any, toy: Toy, tmp_path: Path, cli: Cli, monkeypatch: Any) -> None:
    monkeypatch.setattr("lrscope.workflows.tune.RAMP_SHARE", 0.0)
    code, out, error = cli(
        "tune", "--model", toy.model, "--train", toy.train, "--dev", toy.dev, "--label-names", toy.names,
        "--threads", "1", "--batch-size", "8", "--epochs", "1", "--budget", "40s", "--executor", "ray",
        "--workers", "2", "--out", tmp_path / "t",
    )  # fmt: skip
    assert code == 0, error
    assert "2 at a time" in error
    assert "run 1: lr " in error
    assert "the report is" in out
    with StudyStore.open(tmp_path / "t" / "sweep") as store:
        rows = store.trials()
    assert len(rows) >= 2
    assert {row.status for row in rows} <= {"completed", "diverged"}
