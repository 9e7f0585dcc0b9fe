"""A trial: the same run every time, and the same again when it is stopped, closed or killed on the way."""

import math
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.conftest import Toy
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from lrscope.config import StudyConfig
from lrscope.errors import DataError, StudyError
from lrscope.files import write_text
from lrscope.models.checkpoint_writer import read_weights
from lrscope.records import EvaluationRecord, Record, StepRecord, TrialResult
from lrscope.runners import finetune
from lrscope.runs.import_study import read_run
from lrscope.schedules import parse
from lrscope.store.study import StudyStore
from lrscope.tasks.classification import Classification
from lrscope.training.class_predictions import class_probabilities
from lrscope.training.inference import load_trained
from lrscope.training.optimizer import build_optimizer, set_rate

STEPS = 6  # an epoch: 43 examples in batches of 8


def straight(config: StudyConfig, folder: Path) -> list[Record]:
    with finetune.begin(config, folder) as run:
        return list(run.trial.run())


def stopped_at(config: StudyConfig, folder: Path, step: int, how: str) -> None:
    with finetune.begin(config, folder) as run:
        records = run.trial.run()
        for record in records:
            if isinstance(record, StepRecord) and record.step == step:
                if how == "close":
                    records.close()  # type: ignore[attr-defined]
                    break
                run.trial.stop()


def resumed(folder: Path) -> list[Record]:
    with finetune.resume(folder) as run:
        return list(run.trial.run())


def series(folder: Path) -> dict[str, Any]:
    """All that a study holds of its trial, but for the time it took."""
    with StudyStore.open(folder) as store:
        steps = store.steps(1)
        return {
            "steps": steps[["learning_rate", "loss", "count", "gradient_norm", "diverged"]].tolist(),
            "evaluations": [(r.step, r.epoch, r.split, r.metrics, r.improved) for r in store.evaluations(1)],
            "scores": {
                (r.step, name): scores.values.tolist()
                for r in store.evaluations(1, "dev", with_scores=True)
                for name, scores in r.scores.items()
            },
            "predictions": [
                None if p is None else p.tolist()
                for p in (store.predictions(1, step, "test") for step in range(3 * STEPS + 1))
            ],
            "status": (store.trial(1).status, store.trial(1).step),
        }


def assert_same(one: Path, other: Path) -> None:
    assert series(one) == series(other)
    for name in ("best", "last"):
        ours, theirs = (read_weights(folder / "trials" / "0001" / name) for folder in (one, other))
        assert set(ours) == set(theirs)
        assert all(torch.equal(ours[key], theirs[key]) for key in ours), name


def test_what_a_trial_yields_and_keeps(toy: Toy, tmp_path: Path) -> None:
    records = straight(toy.config(), tmp_path / "run")
    steps = [r for r in records if isinstance(r, StepRecord)]
    result = records[-1]
    assert [r.step for r in steps] == list(range(3 * STEPS))
    assert [(r.split, r.epoch) for r in records if isinstance(r, EvaluationRecord)] == [
        ("train", 1), ("dev", 1), ("train", 2), ("dev", 2), ("train", 3), ("dev", 3),
    ]  # fmt: skip
    assert isinstance(result, TrialResult)
    assert result.status == "completed"
    assert steps[-1].loss < steps[0].loss
    with StudyStore.open(tmp_path / "run") as store:
        schedule = parse("warmup(2st) > linear").resolve(total_steps=18, steps_per_epoch=6)
        assert store.steps(1)["learning_rate"].tolist() == [3e-3 * schedule(t) for t in range(18)]
        assert store.config == toy.config()
        assert StudyConfig.from_toml(tmp_path / "run" / "config.toml") == toy.config()
        dev = store.evaluations(1, "dev", with_scores=True)
        assert len(dev[0].scores["accuracy"].values) == 17
        assert dev[0].metrics["accuracy"] == pytest.approx(dev[0].scores["accuracy"].mean())
        assert result.best == max(r.metrics["accuracy"] for r in dev)
        # The test split is predicted, and not scored.
        assert store.evaluations(1, "test") == []
        assert store.openings() == []
        assert store.predictions(1, 18, "test").shape == (11, 3)  # type: ignore[union-attr]
    assert not (tmp_path / "run" / "trials" / "0001" / "snapshots").exists()


def test_lengths_in_tokens_are_those_of_the_training_set(toy: Toy, tmp_path: Path) -> None:
    """Two steps' worth of tokens are two steps, through training, a kill, the store and the report."""
    with finetune.begin(toy.config(), tmp_path / "sizes") as run:
        tokens = run.inputs.encoded["train"].size.num_tokens
    assert tokens is not None
    two_steps = round(2 * tokens / STEPS)
    straight(toy.config(eval_every="4st"), tmp_path / "steps")
    config = toy.config(schedule=f"warmup({two_steps}tok) > linear", eval_every=f"{2 * two_steps}tok")
    stopped_at(config, tmp_path / "tokens", 5, "close")
    resumed(tmp_path / "tokens")
    assert_same(tmp_path / "steps", tmp_path / "tokens")
    with StudyStore.open(tmp_path / "tokens") as store:
        assert store.train_tokens == tokens
        log = read_run(store, store.trial(1)).log
        assert log is not None
        assert log.planned is not None
        assert log.planned.tolist() == log.rates.tolist()


def test_the_same_again(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002
    straight(toy.config(), tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


def test_another_seed_is_another_run(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    straight(toy.config(seed=1), tmp_path / "other")
    assert series(tmp_path / "one")["steps"] != series(tmp_path / "other")["steps"]


@pytest.mark.parametrize("how", ["stop", "close"])
@pytest.mark.parametrize("step", [0, 3, 5, 6, 16])
def test_stopped_and_resumed_equals_straight(toy: Toy, tmp_path: Path, step: int, how: str) -> None:
    straight(toy.config(), tmp_path / "one")
    stopped_at(toy.config(), tmp_path / "other", step, how)
    with StudyStore.open(tmp_path / "other") as store:
        assert store.trial(1).status == "interrupted"
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize("every", ["4st", "0.25ep", "15%"])
@pytest.mark.parametrize("step", [2, 3, 4, 7, 11])
def test_evaluations_within_an_epoch_resume_exactly(toy: Toy, tmp_path: Path, step: int, every: str) -> None:
    config = toy.config(eval_every=every, train_metrics="full", patience=4)
    straight(config, tmp_path / "one")
    stopped_at(config, tmp_path / "other", step, "stop" if step % 2 else "close")
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


def test_evaluations_within_an_epoch_change_no_update(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    records = straight(toy.config(eval_every="4st"), tmp_path / "other")
    assert series(tmp_path / "one")["steps"] == series(tmp_path / "other")["steps"]
    dev = [r for r in records if isinstance(r, EvaluationRecord) and r.split == "dev"]
    assert [(r.step, r.epoch) for r in dev] == [(4, 4 / 6), (8, 8 / 6), (12, 2), (16, 16 / 6), (18, 3)]
    with StudyStore.open(tmp_path / "other") as store:
        assert [(r.step, r.epoch) for r in store.evaluations(1, "dev")] == [(r.step, r.epoch) for r in dev]
        train = [r.metrics["loss"] for r in store.evaluations(1, "train")]
        steps = store.steps(1)
        shares = [steps["loss"] * steps["count"], steps["count"]]
        for value, (first, last) in zip(train, [(0, 4), (4, 8), (8, 12), (12, 16), (16, 18)], strict=True):
            assert value == pytest.approx(shares[0][first:last].sum() / shares[1][first:last].sum())


def test_patience_counts_evaluations(toy: Toy, tmp_path: Path) -> None:
    result = straight(toy.config(peak_rate=1e-12, epochs=9, patience=2, eval_every="2st"), tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert (result.status, result.step) == ("stopped", 6)
    assert result.best_epoch == pytest.approx(2 / 6)


def test_stopped_twice_equals_straight(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    stopped_at(toy.config(), tmp_path / "other", 2, "stop")
    with finetune.resume(tmp_path / "other") as run:
        for record in run.trial.run():
            if isinstance(record, StepRecord) and record.step == 9:
                run.trial.stop()
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


class Killed(BaseException):
    """Stands for a power cut: nothing after it runs."""


CUTS = [
    *((place, time_) for place in ("append", "write_snapshot") for time_ in (1, 2, 3)),
    ("_save", 1),
    ("_save", 2),
    *((place, 1) for place in ("update_trial", "add_predictions", "_finish")),
]


def cut_off(config: StudyConfig, folder: Path, place: str, time_: int, *, before: bool) -> None:
    """Run a trial until it is killed before or after something is written the so manieth time."""
    from lrscope.training import trial as module
    from lrscope.training import trial_snapshots

    owner: Any = {"append": StudyStore, "update_trial": StudyStore, "add_predictions": StudyStore}.get(place)
    owner = owner or (trial_snapshots if place == "write_snapshot" else module.Trial)
    real: Callable[..., Any] = getattr(owner, place)
    calls = 0

    def cut(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == time_:
            raise Killed
        result = real(*arguments, **named)
        if not before and calls == time_:
            raise Killed
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, place, cut)
        with pytest.raises(Killed):
            straight(config, folder)


@pytest.mark.parametrize(("place", "time_"), CUTS)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_cut_off_around_any_write_and_resumed_equals_straight(
    toy: Toy, tmp_path: Path, place: str, before: bool, time_: int
) -> None:
    straight(toy.config(), tmp_path / "one")
    cut_off(toy.config(), tmp_path / "other", place, time_, before=before)
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


@pytest.mark.slow
def test_killed_by_the_system_and_resumed_equals_straight(toy: Toy, tmp_path: Path) -> None:
    config = toy.config(epochs=40)
    straight(config, tmp_path / "one")
    write_text(tmp_path / "config.toml", config.to_toml())
    code = (
        "import sys; from pathlib import Path; from lrscope.config import StudyConfig\n"
        "from lrscope.runners import finetune\n"
        "config, folder = StudyConfig.from_toml(Path(sys.argv[1])), Path(sys.argv[2])\n"
        "where = finetune.resume(folder) if (folder / 'study.db').exists() else finetune.begin(config, folder)\n"
        "with where as run:\n"
        "    run.trial.snapshot_seconds = 0.01\n"
        "    for record in run.trial.run(): pass\n"
    )
    folder, kills = tmp_path / "other", 0
    for seconds in (0.2, 0.3, 0.37, 0.45):
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "config.toml"), str(folder)])
        snapshots = folder / "trials" / "0001" / "snapshots"
        while process.poll() is None and not (snapshots.is_dir() and any(snapshots.iterdir())):
            time.sleep(0.02)
        time.sleep(seconds)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            kills += 1
        process.wait()
    assert kills, "it was over before it could be killed"
    resumed(folder)
    assert_same(tmp_path / "one", folder)


def test_a_spoilt_snapshot_costs_one_interval(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    stopped_at(toy.config(), tmp_path / "other", 14, "stop")
    snapshots = sorted((tmp_path / "other" / "trials" / "0001" / "snapshots").iterdir())
    assert len(snapshots) == 2
    snapshots[-1].write_bytes(snapshots[-1].read_bytes()[:-9])
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


def test_micro_batches_follow_the_whole_batch_closely(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    straight(toy.config(micro_batch=3), tmp_path / "other")
    ours, theirs = series(tmp_path / "one")["steps"], series(tmp_path / "other")["steps"]
    assert np.allclose([row[1] for row in ours], [row[1] for row in theirs], atol=1e-4)


def test_a_batch_that_memory_does_not_hold_is_computed_in_parts(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight(toy.config(micro_batch=2), tmp_path / "one")
    whole_loss = Classification.loss

    def small(self: Any, model: Any, batch: Any, trial: Any) -> Any:
        if len(batch.lengths_B) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole_loss(self, model, batch, trial)

    monkeypatch.setattr(Classification, "loss", small)
    straight(toy.config(), tmp_path / "other")
    assert series(tmp_path / "one")["steps"] == series(tmp_path / "other")["steps"]
    with StudyStore.open(tmp_path / "other") as store:
        assert store.trial(1).config.micro_batch is None, "the arm stays what it was"
        assert store.trial(1).reason == "memory was short: batches were computed in parts of 2"


def test_an_example_that_memory_does_not_hold_is_an_error(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(Classification, "loss", never)
    with pytest.raises(RuntimeError, match="allocate memory"):
        straight(toy.config(), tmp_path / "one")


def test_gradient_checkpointing_changes_no_bit(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "one")
    straight(toy.config(gradient_checkpointing=True), tmp_path / "other")
    assert series(tmp_path / "one")["steps"] == series(tmp_path / "other")["steps"]


def test_the_head_alone(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(train_part="head"), tmp_path / "run")
    before = read_weights(toy.model)
    after = read_weights(tmp_path / "run" / "best")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "score.weight" in after


def test_native_and_transformers_train_alike(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(batching="random", dropout=0.0), tmp_path / "one")
    straight(toy.config(batching="random", dropout=0.0, implementation="transformers"), tmp_path / "other")
    ours, theirs = series(tmp_path / "one")["steps"], series(tmp_path / "other")["steps"]
    assert np.allclose([row[1] for row in ours], [row[1] for row in theirs], atol=2e-4)
    stopped_at(toy.config(batching="random", dropout=0.0, implementation="transformers"), tmp_path / "third", 7, "stop")
    resumed(tmp_path / "third")
    assert_same(tmp_path / "other", tmp_path / "third")


@pytest.mark.parametrize("implementation", ["native", "transformers"])
def test_what_is_saved_loads_in_transformers_with_the_same_logits(
    toy: Toy, tmp_path: Path, implementation: str
) -> None:
    straight(toy.config(implementation=implementation), tmp_path / "run")
    trained = load_trained(tmp_path / "run")
    sentences = ["the film is good .", "a dull story"]
    probabilities = class_probabilities(trained, sentences)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "best")
    network = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "best").eval()
    with torch.no_grad():
        theirs = network(**tokenizer(sentences, padding=True, return_tensors="pt")).logits.softmax(-1)
    assert np.allclose(probabilities, theirs.numpy(), atol=1e-5)
    assert tokenizer(sentences)["input_ids"] == trained.inputs.data.tokenizer.encode(sentences)
    trained.close()


def test_the_best_checkpoint_is_the_best_evaluation(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(epochs=6), tmp_path / "run")
    for name in ("best", "last"):
        trained = load_trained(tmp_path / "run", name)
        measured = trained.evaluate(trained.read(toy.dev)).metrics
        stored = {r.step: r.metrics for r in trained.store.evaluations(1, "dev")}
        assert measured == pytest.approx(stored[trained.step])
        assert name == "best" or trained.step == 36
        trained.close()


def test_opening_the_test_split_is_recorded(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(), tmp_path / "run")
    trained = load_trained(tmp_path / "run")
    trained.evaluate(trained.read(toy.dev))
    assert trained.store.openings() == []
    trained.evaluate(trained.read(toy.test))
    assert [o["asked_by"] for o in trained.store.openings()] == ["evaluate"]
    trained.close()
    straight(toy.config(score_test=True), tmp_path / "scored")
    with StudyStore.open(tmp_path / "scored") as store:
        assert {o["asked_by"] for o in store.openings()} == {"--score-test"}
        assert store.evaluations(1, "test")


def test_unlabelled_test_sentences_are_predicted(toy: Toy, tmp_path: Path) -> None:
    toy.test.write_text("the film\na dull story\n", encoding="utf-8")
    straight(toy.config(score_test=True), tmp_path / "run")
    with StudyStore.open(tmp_path / "run") as store:
        assert store.predictions(1, 18, "test").shape == (2, 3)  # type: ignore[union-attr]
        assert store.evaluations(1, "test") == []
    trained = load_trained(tmp_path / "run")
    with pytest.raises(DataError, match="lrscope predict"):
        trained.evaluate(trained.read(toy.test))
    trained.close()


def test_divergence_is_a_result_with_its_step_and_rate(toy: Toy, tmp_path: Path) -> None:
    records = straight(toy.config(peak_rate=1e30, clip_norm=0.0, schedule="warmup(2ep) > constant"), tmp_path / "run")
    result = records[-1]
    assert isinstance(result, TrialResult)
    assert result.status == "diverged"
    assert f"at step {result.step + 1}," in result.reason, "counted from 1, as a report does"
    assert "learning rate" in result.reason
    last = [r for r in records if isinstance(r, StepRecord)][-1]
    assert last.diverged
    assert not math.isfinite(last.loss) or not math.isfinite(last.gradient_norm)
    with StudyStore.open(tmp_path / "run") as store:
        assert bool(store.steps(1)[-1]["diverged"])
        assert store.trial(1).status == "diverged"
    assert resumed(tmp_path / "run")[-1] == result  # it is over
    with pytest.raises(StudyError, match=r"has no last checkpoint: trial 1 diverged; train again with a lower --lr"):
        load_trained(tmp_path / "run", "last")


def test_the_best_checkpoint_survives_divergence(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lrscope.training.trial import Trial

    real = Trial._loss

    def spoilt(self: Trial, model: Any, batch: Any) -> Any:
        total, count = real(self, model, batch)
        return total * (math.nan if self._done == 8 else 1.0), count

    monkeypatch.setattr(Trial, "_loss", spoilt)
    result = straight(toy.config(), tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert (result.status, result.step, result.best_epoch) == ("diverged", 8, 1)
    trained = load_trained(tmp_path / "run")
    assert trained.step == 6
    assert trained.store.predictions(1, 6, "test") is not None
    trained.close()


def test_early_stopping(toy: Toy, tmp_path: Path) -> None:
    result = straight(toy.config(peak_rate=1e-12, epochs=9, patience=2), tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert result.status == "stopped"
    assert result.step == 3 * STEPS
    assert "has not improved for 2 evaluations" in result.reason
    assert resumed(tmp_path / "run")[-1] == result


def test_one_example_one_step(toy: Toy, tmp_path: Path) -> None:
    toy.train.write_text("0 ||| a\n1 ||| b\n2 ||| c\n", encoding="utf-8")
    toy.dev.write_text("0 ||| a\n", encoding="utf-8")
    result = straight(toy.config(epochs=1, batch_size=50, schedule="linear"), tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert (result.status, result.step) == ("completed", 1)


def test_a_folder_that_holds_something_is_refused(toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(epochs=1), tmp_path / "run")
    with pytest.raises(StudyError, match="holds a study already"):
        straight(toy.config(epochs=1), tmp_path / "run")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("mine")
    with pytest.raises(StudyError, match="new or an empty folder"):
        straight(toy.config(), tmp_path / "notes")
    assert (tmp_path / "notes" / "a.txt").read_text() == "mine"


def test_nothing_is_written_where_an_input_is_wrong(toy: Toy, tmp_path: Path) -> None:
    toy.dev.write_text("7 ||| no such class\n", encoding="utf-8")
    with pytest.raises(DataError):
        straight(toy.config(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_holds_to_its_inputs(toy: Toy, tmp_path: Path) -> None:
    stopped_at(toy.config(), tmp_path / "run", 3, "stop")
    moved = toy.dev.with_name("moved.txt")
    toy.dev.rename(moved)
    with pytest.raises(DataError, match="no such file"):
        resumed(tmp_path / "run")
    with finetune.resume(tmp_path / "run", {"dev": str(moved)}) as run:
        assert isinstance(list(run.trial.run())[-1], TrialResult)
    moved.rename(toy.dev)
    stopped_at(toy.config(), tmp_path / "other", 3, "stop")
    toy.train.write_text(toy.train.read_text() + "0 ||| one more\n", encoding="utf-8")
    with pytest.raises(StudyError, match="train changed since"):
        resumed(tmp_path / "other")


def test_another_schedule_or_horizon_is_refused(toy: Toy, tmp_path: Path) -> None:
    stopped_at(toy.config(), tmp_path / "run", 3, "stop")
    connection = sqlite3.connect(tmp_path / "run" / "study.db")
    changed = connection.execute("SELECT config FROM trials").fetchone()[0].replace("> linear", "> cosine")
    with connection:
        connection.execute("UPDATE trials SET config = ?", (changed,))
        connection.execute("UPDATE study SET config = replace(config, '> linear', '> cosine')")
    connection.close()
    with pytest.raises(StudyError, match=r"under the schedule and horizon it began with: got warmup\(2st\) > cosine"):
        resumed(tmp_path / "run")


def test_two_processes_do_not_write_one_study(toy: Toy, tmp_path: Path) -> None:
    with finetune.begin(toy.config(), tmp_path / "run"):
        code = "import sys; from pathlib import Path; from lrscope.runners import finetune\n"
        code += "finetune.resume(Path(sys.argv[1])).__enter__()"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, text=True, check=False
        )
    assert "one process at a time may write a study" in done.stderr


def test_long_sentences_are_cut_and_counted_or_refused(toy: Toy, tmp_path: Path) -> None:
    toy.dev.write_text("0 ||| short\n1 ||| " + "long " * 60 + "\n", encoding="utf-8")
    with finetune.begin(toy.config(), tmp_path / "run") as run:
        assert any("1 of 2 sentences" in note and "longer than 48 tokens" in note for note in run.inputs.data.notes)
        ids = run.inputs.encoded["dev"]
        assert ids.lengths.max() == 48
        assert ids.ids[ids.offsets[2] - 1] == 2  # the end token stays
    config = toy.config()
    object.__setattr__(config.data, "on_long", "error")
    with pytest.raises(DataError, match=r"dev\.txt:2: a sentence must fit the context of 48 tokens: got \d+"):
        straight(config, tmp_path / "other")


# Schedules in a trial


def applied(folder: Path) -> list[float]:
    with StudyStore.open(folder) as store:
        return [float(rate) for rate in store.steps(1)["learning_rate"]]


@pytest.mark.parametrize(
    "text",
    [
        "cosine(to=0.01)", "cosine(update=1ep)", "linear", "step(every=1ep, gamma=0.1)",
        "warmup(2ep, update=1ep) > constant", "warmup(2ep, from=1e-6) > cosine", "warmup(2st) > hold(50%) > sqrt(to=0)",
        "(warmup(2st) > hold) * cosine", "restarts(1ep)",
    ],
)  # fmt: skip
def test_the_applied_rates_equal_the_preview(text: str, toy: Toy, tmp_path: Path) -> None:
    straight(toy.config(schedule=text), tmp_path / "one")
    preview = parse(text).resolve(total_steps=18, steps_per_epoch=6, peak_rate=3e-3)
    assert applied(tmp_path / "one") == [3e-3 * factor for factor in preview.factors()]


def test_a_plateau_reacts_to_the_dev_metric_and_resumes_exactly(toy: Toy, tmp_path: Path) -> None:
    config = toy.config(schedule="warmup(2st) > plateau(patience=0, gamma=0.5)", epochs=6, peak_rate=1e-5)
    straight(config, tmp_path / "one")
    with StudyStore.open(tmp_path / "one") as store:
        history = [(r.step, r.metrics["accuracy"]) for r in store.evaluations(1, "dev")]
    expected = config.trial.schedule.resolve(total_steps=36, steps_per_epoch=6).with_history(history)
    assert applied(tmp_path / "one") == [1e-5 * factor for factor in expected.factors()]
    assert applied(tmp_path / "one")[-1] < 1e-5, "the metric must stand still for this test to say anything"
    stopped_at(config, tmp_path / "other", 21, "stop")
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


def test_layers_and_head_have_rates_of_their_own(toy: Toy, tmp_path: Path) -> None:
    config = toy.config(layer_decay=0.5, head_multiplier=4.0, epochs=1)
    with finetune.begin(config, tmp_path / "one") as run:
        model = run.inputs.build_model(config.trial)
        optimizer = build_optimizer(model, config.trial)
        set_rate(optimizer, 1.0)
        rate_of = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
        rates = {name: rate_of[id(parameter)] for name, parameter in model.named_parameters()}
        assert rates["model.embed_tokens.weight"] == 0.125
        assert rates["model.layers.0.mlp.up_proj.weight"] == 0.25
        assert rates["model.layers.1.input_layernorm.weight"] == 0.5
        assert rates["model.norm.weight"] == 1.0
        assert rates["score.weight"] == 4.0
        for _ in run.trial.run():
            pass
    preview = run.trial.schedule
    assert applied(tmp_path / "one") == [3e-3 * preview(step) for step in range(6)]
