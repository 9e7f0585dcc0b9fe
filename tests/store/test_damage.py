"""A study's file on a full or a read-only disk, damaged, moved, or meant to do harm: a StudyError, and nothing lost."""

import json
import os
import random
import resource
import shutil
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from tests.store.test_study import CONFIG, evaluation, step

from lrscope.config.read import built_in
from lrscope.errors import StudyError
from lrscope.records import Metric
from lrscope.store import schema
from lrscope.store.blobs import pack_floats, pack_steps, unpack_floats, unpack_steps
from lrscope.store.lock import is_held, study_lock
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies.plan import planned


def create(folder: Path) -> StudyStore:
    return StudyStore.create(
        folder, CONFIG, fingerprint={"train": "x"}, numerics={"threads": 2}, task_state={"n": ["a"]},
        metric=Metric("value", "maximize"),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with create(tmp_path / "study") as store:
        store.add_trial(CONFIG.trial)
        store.append(1, [step(0), step(1)], [evaluation(2)])
        store.add_predictions(1, 2, "test", np.zeros((2, 3), np.float32))
        store.record_opening(1, 2, "test", "somebody")
    return tmp_path / "study"


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def read_all(folder: Path) -> None:
    with StudyStore.open(folder) as store:
        store.openings()
        for row in store.trials():
            store.steps(row.id)
            for record in store.evaluations(row.id, with_scores=True):
                store.predictions(row.id, record.step, "test")


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_a_study_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    refused = 0
    for place, size in enumerate(range(0, 90_000, 3_000)):
        folder = tmp_path / str(place)
        try:
            with files_at_most(size):
                create(folder).close()
        except StudyError:
            refused += 1
        if (folder / DATABASE).is_file():
            with StudyStore.open(folder, for_writing=True) as store:
                assert store.add_trial(CONFIG.trial).id == 1
        else:
            assert not list(folder.iterdir())
            create(folder).close()
    assert 0 < refused < 30


def first_version(folder: Path) -> None:
    change(
        folder,
        "ALTER TABLE trials DROP COLUMN attempts",
        "ALTER TABLE study DROP COLUMN overlaps",
        "PRAGMA user_version = 1",
    )


def test_a_migration_that_is_cut_off_leaves_the_old_version(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first_version(folder)
    whole = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", (*whole[:-1], (*whole[-1], "ALTER TABLE absent ADD COLUMN x")))
    with pytest.raises(StudyError, match="no such table"):
        StudyStore.open(folder, for_writing=True)
    monkeypatch.setattr(schema, "MIGRATIONS", whole)
    with StudyStore.open(folder, for_writing=True) as store:
        assert store.trial(1).attempts == 0
        assert store.overlaps == []


@pytest.mark.parametrize("key", ["train_part", "train"])
@pytest.mark.parametrize("for_writing", [False, True])
def test_what_an_older_study_trained_becomes_a_setting_of_its_trials(folder: Path, key: str, for_writing: bool) -> None:
    """Version 0.1 kept it in [model], as `train`, and version 0.2 began with `train_part` there."""
    change(
        folder,
        "UPDATE trials SET config = json_remove(config, '$.train_part', '$.lora_rank', '$.lora_targets')",
        f"UPDATE study SET config = json_set(json_remove(config, '$.trial.train_part'), '$.model.{key}', 'head')",
        "PRAGMA user_version = 3",
    )
    with StudyStore.open(folder, for_writing=for_writing) as store:
        study = built_in(store.config)
        assert study.trial.train_part == "head"
        assert [row.config for row in store.trials()] == planned(study)
        if for_writing:
            assert store.add_trial(study.trial).id == 1


def test_a_reader_changes_nothing(folder: Path) -> None:
    first_version(folder)
    before = (folder / DATABASE).read_bytes()
    read_all(folder)
    assert (folder / DATABASE).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [DATABASE]
    with StudyStore.open(folder) as store, pytest.raises(StudyError, match="readonly"):
        store.put_off(1)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Run as a user whom permissions hold."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of another kind")
@pytest.mark.parametrize("with_log", [False, True])
def test_a_study_that_cannot_be_written_can_be_read(folder: Path, with_log: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        there = Path(name) / "study"
        with StudyStore.open(folder, for_writing=True) as store:
            store.count_attempt(1)
            shutil.copytree(folder, there)  # as a machine that went down leaves it: with its write-ahead log
        if not with_log:
            read_all(there)
            with StudyStore.open(there, for_writing=True):
                pass
            assert not (there / f"{DATABASE}-wal").exists()
        (there / f"{DATABASE}-shm").unlink(missing_ok=True)
        for path in there.iterdir():
            path.chmod(0o444)
        for path in (there, there.parent):
            path.chmod(0o555)
        with as_nobody(), StudyStore.open(there) as store:
            assert (store.trial(1).attempts, len(store.steps(1))) == (1, 2)
            with pytest.raises(PermissionError):
                (there / "new").touch()
        for path in (there.parent, there):
            path.chmod(0o755)


DAMAGE = [
    "UPDATE study SET config = '[1]'", "UPDATE study SET config = '{'", "UPDATE study SET config = 7",
    "UPDATE study SET numerics = 'null'", "UPDATE study SET overlaps = '[1]'", "UPDATE study SET fingerprint = x'ff'",
    "DELETE FROM study", "DROP TABLE trials", "DROP TABLE evaluations", "UPDATE trials SET status = 'great'",
    "UPDATE trials SET config = '{\"peak_rate\": \"fast\"}'", "UPDATE trials SET config = '{\"peak_rate\": -1}'",
    "UPDATE trials SET step = 'many'", "UPDATE trials SET seconds = 'long'", "UPDATE trials SET step = -1",
    "UPDATE trials SET reason = x'00ff'", "UPDATE trials SET total_steps = 1e300",
    "UPDATE steps SET series = x'00'", "UPDATE steps SET num_steps = 1000000000000", "UPDATE steps SET first_step = 5",
    "UPDATE steps SET series = 'text'", "UPDATE evaluations SET metrics = '{\"value\": \"high\"}'",
    "UPDATE evaluations SET metrics = '[]'", "UPDATE evaluations SET step = 'x'", "UPDATE scores SET number = 3",
    "UPDATE scores SET vals = x''", "UPDATE scores SET vals = weights || weights",
    "UPDATE predictions SET num_rows = 5", "UPDATE predictions SET outputs = NULL", "UPDATE openings SET trial = 'a'",
    "UPDATE study SET direction = 'up'", "UPDATE study SET overlaps = CAST(x'ff' AS TEXT)",
]  # fmt: skip


@pytest.mark.parametrize("statement", DAMAGE)
def test_values_that_cannot_be(folder: Path, statement: str) -> None:
    try:
        change(folder, "PRAGMA ignore_check_constraints = ON", statement)
    except sqlite3.IntegrityError:
        pytest.skip("SQLite itself refuses it")
    with pytest.raises(StudyError, match=DATABASE):
        read_all(folder)


def test_a_file_with_damaged_bytes(folder: Path) -> None:
    draw = random.Random(1)
    whole = (folder / DATABASE).read_bytes()
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 40)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        (folder / DATABASE).write_bytes(data[: draw.choice([len(data), draw.randrange(len(data))])])
        try:
            read_all(folder)
        except StudyError:
            refused += 1
    assert refused > 20


def test_what_unfolds_beyond_measure_is_refused() -> None:
    bomb = zlib.compress(bytes(2**27), 9)
    assert len(bomb) < 2**18
    for unpack in (unpack_steps, unpack_floats):
        with pytest.raises(ValueError, match="unpack to more than"):
            unpack(bomb, 2**20)
    for blob in (pack_floats(np.ones(4, np.float32))[:-3], b"", b"\0" * 9):
        with pytest.raises(ValueError):
            unpack_floats(blob, 4)
    with pytest.raises(ValueError, match="3 steps have"):
        unpack_steps(pack_steps([step(0)]), 3)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


@pytest.mark.parametrize("go", [moved, shutil.rmtree])
def test_a_study_that_is_taken_away_is_written_no_more(folder: Path, go: Callable[[Path], None]) -> None:
    with study_lock(folder), StudyStore.open(folder, for_writing=True) as store:
        go(folder)
        with pytest.raises(StudyError, match="moved or removed while"):
            store.count_attempt(1)
        if go is moved:
            # The lock went with the folder: no second controller where it lies now.
            with pytest.raises(StudyError, match="one process at a time"), study_lock(folder.with_name("elsewhere")):
                pass


def test_asking_whether_a_study_is_held_keeps_nobody_out(folder: Path) -> None:
    asking = threading.Event()

    def ask() -> None:
        while not asking.is_set():
            is_held(folder)

    with study_lock(folder):
        assert is_held(folder)
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(20):
            with study_lock(folder):
                sleep(0.001)
    finally:
        asking.set()
        thread.join()
    assert not is_held(folder)


def test_numbers_of_another_kind_are_no_configuration(folder: Path) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        (text,) = connection.execute("SELECT config FROM trials").fetchone()
    values = {**json.loads(text), "epochs": 1.5}
    change(folder, f"UPDATE trials SET config = '{json.dumps(values)}'")
    with pytest.raises(StudyError, match="epochs"):
        read_all(folder)
