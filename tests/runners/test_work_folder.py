"""A trial's work folder: progress is kept whatever may pass, and set aside where nobody can go on with it."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Toy

from lrscope.config import StudyConfig, SweepConfig
from lrscope.errors import StudyError
from lrscope.executors.inline import InlineExecutor
from lrscope.runners.work_folder import empty_folder, own_study, set_aside
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.controller import Controller


def config_of(toy: Toy, **changes: Any) -> StudyConfig:
    sweep = SweepConfig(grid={"peak_rate": [1e-3, 1e-2]}, keep="none")
    return replace(toy.config(epochs=2, **changes), sweep=sweep)


def stopped_at(step: int, config: StudyConfig, folder: Path) -> Path:
    """Begin a study, stop its first trial after a step, and return that trial's work folder."""
    with session.begin(config, folder) as study:
        controller = Controller(study.store)
        for event in controller.run(InlineExecutor(study.prepared)):
            if getattr(event.record, "step", None) == step:
                controller.stop()
        return study.store.work_folder(1)


def resume(folder: Path) -> list[Any]:
    with session.resume(folder) as study:
        return list(Controller(study.store).run(InlineExecutor(study.prepared)))


def steps_of(events: list[Any], trial: int) -> list[int]:
    records = [event.record for event in events if event.trial == trial and hasattr(event.record, "gradient_norm")]
    return [record.step for record in records]


def losses(folder: Path) -> list[list[float]]:
    with StudyStore.open(folder) as store:
        return [store.steps(row.id)["loss"].tolist() for row in store.trials()]


def files(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in sorted(folder.rglob("snapshots/*"))}


@pytest.fixture
def straight(toy: Toy, tmp_path: Path) -> list[list[float]]:
    with session.begin(config_of(toy), tmp_path / "straight") as study:
        list(Controller(study.store).run(InlineExecutor(study.prepared)))
    return losses(tmp_path / "straight")


@pytest.fixture
def no_space(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Every snapshot meets a full disk."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrscope.training.snapshot.torch.save", full)
        yield patch


@pytest.fixture
def no_rights(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The trial's own database cannot be opened, as without permission to."""
    real = sqlite3.connect

    def refused(database: Any, *args: Any, **options: Any) -> Any:
        if "work" in str(database):
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
            raise error
        return real(database, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sqlite3.connect", refused)
        yield patch


@pytest.fixture
def no_files_left() -> Iterator[pytest.MonkeyPatch]:
    """No file can be opened beyond those that are open."""

    def too_many(*_: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrscope.training.trial_snapshots.read_snapshots", too_many)
        yield patch


@pytest.mark.parametrize("trouble", ["no_space", "no_rights", "no_files_left"])
def test_what_may_pass_keeps_the_progress(
    trouble: str, straight: list[list[float]], toy: Toy, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    work = stopped_at(8, config_of(toy), tmp_path / "study")
    before = files(work)
    assert before
    patch = request.getfixturevalue(trouble)
    with pytest.raises(StudyError):
        resume(tmp_path / "study")
    patch.undo()
    assert files(work) == before, "not a snapshot is lost"
    events = resume(tmp_path / "study")
    assert steps_of(events, 1)[0] == 9, "it goes on where it stopped"
    assert losses(tmp_path / "study") == straight
    assert not list((tmp_path / "study").rglob("*unusable*"))


def test_a_work_folder_that_another_process_holds_is_left_alone(toy: Toy, tmp_path: Path, monkeypatch: Any) -> None:
    from lrscope.store.lock import study_lock

    monkeypatch.setattr("lrscope.runners.work_folder.LET_GO_SECONDS", 0.1)
    work = stopped_at(8, config_of(toy), tmp_path / "study")
    before = files(work)
    with study_lock(work), pytest.raises(StudyError, match="one process at a time"):
        resume(tmp_path / "study")
    assert files(work) == before


def spoil(work: Path) -> None:
    for log in work.glob("study.db-*"):
        log.unlink()
    (work / "study.db").write_bytes(b"no database at all, " * 400)


def another_trial(work: Path) -> None:
    with closing(sqlite3.connect(work / "study.db")) as connection, connection:
        connection.execute('UPDATE study SET fingerprint = \'{"train": "of other sentences"}\'')


@pytest.mark.parametrize("damage", [spoil, another_trial])
def test_what_nobody_can_go_on_with_is_set_aside_and_the_study_goes_on(
    damage: Any, straight: list[list[float]], toy: Toy, tmp_path: Path
) -> None:
    work = stopped_at(8, config_of(toy), tmp_path / "study")
    before = files(work)
    damage(work)
    events = resume(tmp_path / "study")
    assert steps_of(events, 1)[0] == 0
    assert losses(tmp_path / "study") == straight
    assert files(work.with_name("work.unusable-1")) == before, "nothing was deleted"
    assert resume(tmp_path / "study") == []


def test_records_and_snapshots_that_contradict_each_other_do_not_block_the_study(
    straight: list[list[float]], toy: Toy, tmp_path: Path
) -> None:
    work = stopped_at(8, config_of(toy), tmp_path / "study")
    with closing(sqlite3.connect(work / "study.db")) as connection, connection:
        connection.execute("DELETE FROM steps WHERE first_step = 0")
        connection.execute("UPDATE steps SET first_step = 0")
    resume(tmp_path / "study")
    assert losses(tmp_path / "study") == straight
    assert work.with_name("work.unusable-1").is_dir()


def test_checkpoints_without_records_are_set_aside(toy: Toy, tmp_path: Path) -> None:
    work = stopped_at(8, config_of(toy), tmp_path / "study")
    for path in work.glob("study.db*"):
        path.unlink()
    events = resume(tmp_path / "study")
    assert steps_of(events, 1)[0] == 0
    assert work.with_name("work.unusable-1").is_dir()


def test_names_are_not_used_twice(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / "work").mkdir()
        assert set_aside(tmp_path / "work") == tmp_path / f"work.unusable-{number}"


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may all")
def test_a_folder_without_permission_is_left_alone(toy: Toy, tmp_path: Path) -> None:
    work = stopped_at(8, config_of(toy), tmp_path / "study")
    work.chmod(0o000)
    try:
        with pytest.raises(StudyError):
            resume(tmp_path / "study")
    finally:
        work.chmod(0o700)
    assert files(work)


def test_a_new_trial_takes_a_folder_that_its_killed_maker_left(toy: Toy, tmp_path: Path) -> None:
    from lrscope.runners.native import NativeRunner

    config = toy.config(epochs=1)
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "study.lock").touch()
    (tmp_path / "work" / ".study.db.tmp").touch()
    with own_study(config, tmp_path / "work", NativeRunner().prepare(config)) as store:
        assert store.config == config


@pytest.mark.parametrize("there", ["nothing", "folder", "file", "link", "stuck"])
def test_a_folder_is_empty_whatever_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    folder, other = tmp_path / "a" / "out", tmp_path / "other"
    other.mkdir()
    (other / "kept.txt").touch()
    if there != "nothing":
        folder.parent.mkdir()
    if there in ("folder", "stuck"):
        folder.mkdir()
        (folder / "old.txt").touch()
    elif there == "file":
        folder.touch()
    elif there == "link":
        folder.symlink_to(other)
    if there == "stuck":
        monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)
    empty_folder(folder)
    assert folder.is_dir()
    assert not folder.is_symlink()
    assert not list(folder.iterdir())
    assert (other / "kept.txt").exists()
    assert (folder.parent / "out.unusable-1").exists() == (there == "stuck")
