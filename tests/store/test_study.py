"""The store: what goes in comes out, whole or not at all."""

import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.errors import StudyError
from lrscope.records import EvaluationRecord, Metric, Scores, StepRecord
from lrscope.store.blobs import pack_floats, pack_steps, unpack_floats, unpack_steps
from lrscope.store.schema import VERSION
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore

CONFIG = StudyConfig(
    data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1e-3)
)


def step(number: int, loss: float = 1.5) -> StepRecord:
    return StepRecord(number, 1e-3 / 3, loss, 8.0, 0.7, 0.25, math.isnan(loss))


def evaluation(number: int, value: float = 0.5) -> EvaluationRecord:
    scores = {"value": Scores(np.array([0.25, 0.75], np.float32), np.array([1, 2], np.float32))}
    return EvaluationRecord(number, 1, "dev", {"value": value}, 0.5, scores, improved=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StudyStore]:
    made = StudyStore.create(
        tmp_path / "study", CONFIG, fingerprint={"train": "x"}, numerics={"threads": 2}, task_state={"n": ["a"]},
        metric=Metric("value", "maximize"),
    )  # fmt: skip
    made.add_trial(CONFIG.trial)
    yield made
    made.close()


def test_what_goes_in_comes_out(store: StudyStore) -> None:
    store.append(1, [step(0), step(1)], [evaluation(2)])
    store.append(1, [step(2, math.nan)])
    store.update_trial(1, "diverged", step=2, reason="why", horizon=(30, 10), seconds=1.5)
    store.update_trial(1, "diverged", step=2, reason="why", seconds=1.0)
    store.close()
    with StudyStore.open(store.folder) as again:
        assert again.config == CONFIG
        assert (again.fingerprint, again.numerics) == ({"train": "x"}, {"threads": 2})
        assert again.metric == Metric("value", "maximize")
        row = again.trial(1)
        assert (row.status, row.reason, row.total_steps, row.seconds) == ("diverged", "why", 30, 2.5)
        assert row.config == CONFIG.trial
        steps = again.steps(1)
        assert steps["learning_rate"].tolist() == [1e-3 / 3] * 3
        assert math.isnan(steps["loss"][2])
        assert steps["diverged"].tolist() == [0, 0, 1]
        kept = again.evaluations(1, "dev", with_scores=True)[0]
        assert kept.metrics == {"value": 0.5}
        assert kept.scores["value"].weights.tolist() == [1, 2]
        assert kept.scores["value"].mean() == pytest.approx((0.25 + 1.5) / 3)


def test_a_trial_is_added_once(store: StudyStore) -> None:
    assert store.add_trial(CONFIG.trial).id == store.add_trial(TrialConfig(peak_rate=1e-3)).id == 1
    assert store.add_trial(TrialConfig(peak_rate=2e-3)).id == 2
    assert [row.name for row in store.trials()] == ["0001", "0002"]


def test_rewinding_forgets_what_came_after(store: StudyStore) -> None:
    store.append(1, [step(0), step(1)], [evaluation(2)])
    store.append(1, [step(2), step(3)], [evaluation(4)])
    store.add_predictions(1, 4, "test", np.zeros((2, 3), np.float32))
    store.rewind(1, 2)
    assert len(store.steps(1)) == 2
    assert [r.step for r in store.evaluations(1)] == [2]
    assert store.predictions(1, 4, "test") is None
    with pytest.raises(StudyError, match="cannot go on"):
        store.rewind(1, 1)
    assert len(store.steps(1)) == 2  # and nothing was lost by trying


def test_an_append_is_whole_or_not_at_all(store: StudyStore) -> None:
    store.append(1, [step(0)])
    with pytest.raises(StudyError):
        store.append(1, [step(0)], [evaluation(1)])
    assert store.evaluations(1) == []


def test_predictions_and_openings(store: StudyStore) -> None:
    outputs = np.arange(6, dtype=np.float32).reshape(2, 3)
    store.add_predictions(1, 4, "test", outputs)
    assert np.array_equal(store.predictions(1, 4, "test"), outputs)  # type: ignore[arg-type]
    store.record_opening(1, 4, "test", "somebody")
    assert [(o["trial"], o["asked_by"]) for o in store.openings()] == [(1, "somebody")]


def test_a_study_is_never_overwritten(store: StudyStore) -> None:
    with pytest.raises(StudyError, match="already holds a study"):
        StudyStore.create(
            store.folder, CONFIG, fingerprint={}, numerics={}, task_state={}, metric=Metric("value", "maximize")
        )


def test_what_is_no_study_is_refused(tmp_path: Path, store: StudyStore) -> None:
    with pytest.raises(StudyError, match=r"it has no study\.db"):
        StudyStore.open(tmp_path)
    (tmp_path / DATABASE).write_bytes(b"not a database at all, just text" * 40)
    with pytest.raises(StudyError, match="not a study that can be read"):
        StudyStore.open(tmp_path)
    store.close()
    connection = sqlite3.connect(store.folder / DATABASE)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(StudyError, match="newer lrscope"):
        StudyStore.open(store.folder)


def test_blobs_keep_every_bit() -> None:
    records = [step(0, 0.1), step(1, math.inf), step(2, math.nan)]
    back = unpack_steps(pack_steps(records), 3)
    assert back["loss"][:2].tolist() == [0.1, math.inf]
    assert math.isnan(back["loss"][2])
    values = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    assert np.array_equal(unpack_floats(pack_floats(values), 7), values)
    assert np.array_equal(unpack_floats(pack_floats(values[:, 0]), 7), values[:, 0])


def test_a_study_of_the_first_version_is_brought_forward(tmp_path: Path) -> None:
    import json

    with StudyStore.create(
        tmp_path / "s", CONFIG, fingerprint={}, numerics={}, task_state={}, metric=Metric("value", "maximize")
    ) as store:
        store.add_trial(CONFIG.trial)
    connection = sqlite3.connect(tmp_path / "s" / DATABASE)
    connection.execute("ALTER TABLE trials DROP COLUMN attempts")
    connection.execute("ALTER TABLE study DROP COLUMN overlaps")
    (text,) = connection.execute("SELECT config FROM trials").fetchone()
    old = {name: value for name, value in json.loads(text).items() if name not in ("layer_decay", "head_multiplier")}
    connection.execute("UPDATE trials SET config = ?", (json.dumps(old),))
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()
    with StudyStore.open(tmp_path / "s") as store:
        assert store.trial(1).attempts == 0
        assert store.overlaps == []
        assert store.add_trial(CONFIG.trial).id == 1
        assert len(store.trials()) == 1
