"""Trials of supervised fine-tuning: exact when they go on, whatever is trained and whoever runs the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.sft import SftToy, sft_toy_in, write_rows
from tests.training.test_trial import CUTS, STEPS, assert_same, cut_off, resumed, series, stopped_at, straight

from lrscope.models.checkpoint_writer import read_weights
from lrscope.records import EvaluationRecord, StepRecord, TrialResult
from lrscope.store.study import StudyStore
from lrscope.training.evaluation import outputs_of
from lrscope.training.inference import load_trained
from lrscope.training.study_inputs import load_inputs
from lrscope.training.trial import Trial

LORA: dict[str, Any] = {"train_part": "lora", "lora_rank": 4, "lora_alpha": 8.0, "lora_dropout": 0.1}
PARTS: dict[str, dict[str, Any]] = {
    "lora": LORA,
    "full": {},
    "lora through transformers": {**LORA, "implementation": "transformers"},
    "full through transformers": {"implementation": "transformers"},
}


@pytest.fixture(params=PARTS, ids=list(PARTS))
def part(request: pytest.FixtureRequest) -> dict[str, Any]:
    return PARTS[request.param]


@pytest.fixture(scope="module")
def lora_run(chat_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lora")
    straight(sft_toy_in(folder / "data", chat_llama).config(**LORA), folder / "run")
    return folder / "run"


def test_a_trial_learns_and_keeps_what_it_measured(sft_toy: SftToy, tmp_path: Path, part: dict[str, Any]) -> None:
    records = straight(sft_toy.config(**part), tmp_path / "run")
    losses = [r.loss for r in records if isinstance(r, StepRecord)]
    assert len(losses) == 3 * STEPS
    assert losses[-1] < losses[0] - 0.5
    dev = [r for r in records if isinstance(r, EvaluationRecord) and r.split == "dev"]
    for record in dev:
        loss = record.metrics["loss"]
        assert record.metrics["perplexity"] == pytest.approx(math.exp(loss))
        weights = record.scores["loss"].weights
        assert loss == pytest.approx(np.average(record.scores["loss"].values, weights=weights), rel=1e-6)
    with StudyStore.open(tmp_path / "run") as store:
        assert store.predictions(1, 3 * STEPS, "test").shape == (11, 3)  # type: ignore[union-attr]
        assert store.evaluations(1, "test") == []


def test_the_same_again(sft_toy: SftToy, tmp_path: Path, part: dict[str, Any]) -> None:
    straight(sft_toy.config(**part), tmp_path / "one")
    torch.manual_seed(99)
    straight(sft_toy.config(**part), tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")
    straight(sft_toy.config(**part, seed=1), tmp_path / "third")
    assert series(tmp_path / "one")["steps"] != series(tmp_path / "third")["steps"]


@pytest.mark.parametrize(("step", "how"), [(5, "close"), (6, "stop"), (16, "close")])
def test_stopped_and_resumed_equals_straight(
    sft_toy: SftToy, tmp_path: Path, step: int, how: str, part: dict[str, Any]
) -> None:
    straight(sft_toy.config(**part), tmp_path / "one")
    stopped_at(sft_toy.config(**part), tmp_path / "other", step, how)
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize(("place", "time_"), CUTS)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_cut_off_around_any_write_and_resumed_equals_straight(
    lora_run: Path, sft_toy: SftToy, tmp_path: Path, place: str, before: bool, time_: int
) -> None:
    cut_off(sft_toy.config(**LORA), tmp_path / "other", place, time_, before=before)
    resumed(tmp_path / "other")
    assert_same(lora_run, tmp_path / "other")


def losses_of(folder: Path) -> list[float]:
    return [row[1] for row in series(folder)["steps"]]


@pytest.mark.parametrize("name", ["lora", "full"])
def test_micro_batches_follow_the_whole_batch_closely(sft_toy: SftToy, tmp_path: Path, name: str) -> None:
    straight(sft_toy.config(**PARTS[name]), tmp_path / "one")
    straight(sft_toy.config(**PARTS[name], micro_batch=3), tmp_path / "other")
    assert np.allclose(losses_of(tmp_path / "one"), losses_of(tmp_path / "other"), atol=1e-3)


def test_gradient_checkpointing_changes_no_bit(sft_toy: SftToy, tmp_path: Path, part: dict[str, Any]) -> None:
    straight(sft_toy.config(**part, epochs=1), tmp_path / "one")
    straight(sft_toy.config(**part, epochs=1, gradient_checkpointing=True), tmp_path / "other")
    assert series(tmp_path / "one")["steps"] == series(tmp_path / "other")["steps"]


@pytest.mark.parametrize("name", ["lora", "full"])
def test_native_and_transformers_train_alike(sft_toy: SftToy, tmp_path: Path, name: str) -> None:
    """The initial values of adapters are the same ones, too."""
    trial = {**PARTS[name], **({"lora_dropout": 0.0} if name == "lora" else {})}
    straight(sft_toy.config(**trial), tmp_path / "one")
    straight(sft_toy.config(**trial, implementation="transformers"), tmp_path / "other")
    assert np.allclose(losses_of(tmp_path / "one"), losses_of(tmp_path / "other"), atol=2e-3)
    ours, theirs = (read_weights(tmp_path / run / "trials/0001/last") for run in ("one", "other"))
    assert set(ours) == set(theirs)
    for key, value in ours.items():
        assert (value - theirs[key]).norm() < 0.02 * theirs[key].norm(), key


def test_one_example_one_learned_token_one_step(sft_toy: SftToy, tmp_path: Path, part: dict[str, Any]) -> None:
    for path in (sft_toy.train, sft_toy.dev):
        write_rows(path, [{"prompt": "the", "completion": "a"}])
    config = sft_toy.config(**part, epochs=1, batch_size=50, schedule="linear")
    result = straight(config, tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert (result.status, result.step) == ("completed", 1)


def test_divergence_is_a_result_and_the_best_survives(
    sft_toy: SftToy, tmp_path: Path, part: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Trial._loss

    def spoilt(self: Trial, model: Any, batch: Any) -> Any:
        total, count = real(self, model, batch)
        return total * (math.nan if self._done == 8 else 1.0), count

    monkeypatch.setattr(Trial, "_loss", spoilt)
    result = straight(sft_toy.config(**part), tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert (result.status, result.step, result.best_epoch) == ("diverged", 8, 1)
    with StudyStore.open(tmp_path / "run") as store:
        kept = store.predictions(1, 6, "test")
    monkeypatch.undo()
    straight(sft_toy.config(**part, epochs=3), tmp_path / "other")
    with StudyStore.open(tmp_path / "other") as store:
        assert kept is not None
        assert store.evaluations(1, "dev")[0].metrics["loss"] == pytest.approx(result.best)


def test_a_rate_far_too_large_diverges(sft_toy: SftToy, tmp_path: Path) -> None:
    config = sft_toy.config(**LORA, peak_rate=1e30, clip_norm=0.0, schedule="constant")
    result = straight(config, tmp_path / "run")[-1]
    assert isinstance(result, TrialResult)
    assert result.status == "diverged"


def test_the_best_checkpoint_measures_what_was_stored(sft_toy: SftToy, tmp_path: Path, part: dict[str, Any]) -> None:
    config = sft_toy.config(**part)
    straight(config, tmp_path / "run")
    inputs = load_inputs(config)
    for name in ("best", "last"):
        trained = load_trained(tmp_path / "run", name)
        dev = inputs.encoded["dev"]
        measured = inputs.task.score(outputs_of(trained.network, inputs, dev), dev).metrics
        assert trained.store is not None
        stored = {r.step: r.metrics for r in trained.store.evaluations(1, "dev")}
        assert measured == pytest.approx(stored[trained.step])
        trained.close()


def test_a_trial_stores_its_adapters_alone(sft_toy: SftToy, tmp_path: Path) -> None:
    straight(sft_toy.config(**LORA), tmp_path / "run")
    folder = tmp_path / "run" / "trials" / "0001" / "best"
    assert not (folder / "model.safetensors").exists()
    weights = read_weights(folder)
    assert {name.split(".")[-2] for name in weights} == {"lora_A", "lora_B"}
    size = (folder / "adapter_model.safetensors").stat().st_size
    assert size == pytest.approx(4 * sum(tensor.numel() for tensor in weights.values()), abs=4000)
