"""Answers that a trained model generates at its end: measured once, kept, and the same whatever came between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.sft import SftToy
from tests.training.test_trial import assert_same, resumed, series, straight

from lrscope.config import SftConfig, StudyConfig, SweepConfig
from lrscope.models.language_model import LlamaLearner
from lrscope.models.language_model_transformers import TransformersLearner
from lrscope.records import Answered, EvaluationRecord, TrialResult
from lrscope.runners import finetune
from lrscope.runners.cost_estimate import estimate_cost
from lrscope.store.study import StudyStore
from lrscope.store.trials import ANSWERS
from lrscope.training.inference import load_trained
from lrscope.training.study_inputs import load_inputs
from lrscope.workflows.sweep import sweep

MEASURED = SftConfig(generate_metric="exact_match", answer_after="###", answer_tokens=24)
STEPS = 6
LORA: dict[str, Any] = {"train_part": "lora", "lora_rank": 8, "lora_alpha": 32.0}


def config_of(toy: SftToy, **changes: Any) -> StudyConfig:
    return replace(toy.config(**{"epochs": 2, **changes}), sft=MEASURED)


def answers(folder: Path, trial: str = "0001") -> list[dict[str, Any]]:
    lines = (folder / "trials" / trial / ANSWERS).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def dev_of(folder: Path, trial: int = 1) -> list[EvaluationRecord]:
    with StudyStore.open(folder) as store:
        return store.evaluations(trial, "dev", with_scores=True)


def test_answers_are_measured_at_the_end_alone_and_kept(sft_toy: SftToy, tmp_path: Path) -> None:
    records = straight(config_of(sft_toy, epochs=8), tmp_path / "run")
    straight(sft_toy.config(epochs=8), tmp_path / "plain")
    *earlier, last = dev_of(tmp_path / "run")
    rows = answers(tmp_path / "run")
    assert all("exact_match" not in record.metrics for record in earlier)
    assert last.scores["exact_match"].values.tolist() == [float(row["right"]) for row in rows]
    assert last.metrics["exact_match"] == np.mean([row["right"] for row in rows])
    assert 0.0 < last.metrics["exact_match"] < 1.0
    for row in rows:
        expected, given = (row[name].rpartition("###")[2].split() for name in ("reference", "answer"))
        assert row["right"] == (expected == given and "###" in row["answer"])
    # All else is as it would have been, and what is yielded last of dev is what is stored.
    (plain,) = dev_of(tmp_path / "plain")[-1:]
    assert {name: value for name, value in last.metrics.items() if name != "exact_match"} == plain.metrics
    assert last.scores["loss"].values.tolist() == plain.scores["loss"].values.tolist()
    assert last.improved == plain.improved
    progress = [record for record in records if isinstance(record, Answered)]
    assert progress[0] == Answered(0, 17)
    assert progress[-1] == Answered(17, 17)
    assert [record.number for record in progress] == sorted(record.number for record in progress)
    assert [record.tokens for record in progress] == sorted(record.tokens for record in progress)
    assert progress[-1].part == pytest.approx(1.0)
    yielded = [record for record in records if isinstance(record, EvaluationRecord) and record.split == "dev"]
    assert yielded[-1].metrics == last.metrics
    result = records[-1]
    assert isinstance(result, TrialResult)
    assert result.endpoint == last.metrics["loss"]
    # A trained model measures the same.
    trained = load_trained(tmp_path / "run", "last")
    assert trained.evaluate(trained.read(sft_toy.dev)).metrics == last.metrics
    trained.close()


@pytest.mark.parametrize("part", [{}, LORA], ids=["full", "lora"])
def test_transformers_answers_the_same(sft_toy: SftToy, tmp_path: Path, part: dict[str, Any]) -> None:
    """Its own generate does, whatever its generation_config.json says of other ways to draw tokens."""
    straight(config_of(sft_toy, **part), tmp_path / "run")
    trained = load_trained(tmp_path / "run", "last")
    dev = trained.read(sft_toy.dev)
    ours = trained.evaluate(dev)
    trained.close()
    with StudyStore.open(tmp_path / "run", for_writing=True) as store:
        store.replace_config(config_of(sft_toy, **part, implementation="transformers"))
    theirs = load_trained(tmp_path / "run", "last")
    assert isinstance(theirs.network, TransformersLearner)
    theirs.network.network.generation_config.update(repetition_penalty=3.0, no_repeat_ngram_size=1, min_length=90)
    measured = theirs.evaluate(dev)
    theirs.close()
    assert measured.scores["exact_match"].values.tolist() == ours.scores["exact_match"].values.tolist()
    assert measured.metrics == pytest.approx(ours.metrics, abs=1e-4)
    prompts = [[5, 6, 7], [8, 9], [10, 11, 12, 13]]
    stop = frozenset((2, 0))
    tokens = [sorted_tokens(model.network, prompts, stop) for model in (trained, theirs)]
    assert tokens[0] == tokens[1]


def sorted_tokens(network: Any, prompts: list[list[int]], stop: frozenset[int]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in prompts]
    for number, token in network.generate_tokens(prompts, [9, 4, 9], stop):
        found[number] += [] if token is None else [token]
    return found


def test_stopped_while_it_answers_and_gone_on_with(
    sft_toy: SftToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight(config_of(sft_toy), tmp_path / "one")
    real = LlamaLearner.generate_tokens
    with finetune.begin(config_of(sft_toy), tmp_path / "other") as run, monkeypatch.context() as patch:

        def stopping(self: LlamaLearner, *arguments: Any) -> Iterator[tuple[int, int]]:
            for number, item in enumerate(real(self, *arguments)):
                if number == 20:
                    run.trial.stop()
                yield item

        patch.setattr(LlamaLearner, "generate_tokens", stopping)
        result = list(run.trial.run())[-1]
    assert isinstance(result, TrialResult)
    assert (result.status, result.step) == ("interrupted", 2 * STEPS)
    assert not (tmp_path / "other" / "trials" / "0001" / ANSWERS).exists()
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")
    assert answers(tmp_path / "one") == answers(tmp_path / "other")


@pytest.mark.parametrize("where", ["write_answers", "append"])
def test_killed_before_and_after_the_answers_are_kept(
    sft_toy: SftToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    straight(config_of(sft_toy), tmp_path / "one")
    with monkeypatch.context() as patch:
        real = StudyStore.append

        def killed(*_: Any) -> None:
            raise KeyboardInterrupt

        def append(self: StudyStore, trial: int, steps: Any, evaluations: Any = ()) -> None:
            real(self, trial, steps, evaluations)
            if any("exact_match" in record.metrics for record in evaluations):
                raise KeyboardInterrupt

        if where == "append":
            patch.setattr(StudyStore, "append", append)
        else:
            patch.setattr("lrscope.training.endpoint.write_answers", killed)
        with pytest.raises(KeyboardInterrupt):
            straight(config_of(sft_toy), tmp_path / "other")
    assert ("exact_match" in dev_of(tmp_path / "other")[-1].metrics) == (where == "append")
    resumed(tmp_path / "other")
    assert_same(tmp_path / "one", tmp_path / "other")
    assert answers(tmp_path / "one") == answers(tmp_path / "other")


def test_early_stopping_is_an_end_and_divergence_is_none(sft_toy: SftToy, tmp_path: Path) -> None:
    stopped = straight(config_of(sft_toy, peak_rate=1e-12, epochs=9, patience=1), tmp_path / "stopped")[-1]
    assert isinstance(stopped, TrialResult)
    assert stopped.status == "stopped"
    assert "exact_match" in dev_of(tmp_path / "stopped")[-1].metrics
    wild = config_of(sft_toy, peak_rate=1e30, clip_norm=0.0, schedule="warmup(2ep) > constant", epochs=3)
    diverged = straight(wild, tmp_path / "diverged")[-1]
    assert isinstance(diverged, TrialResult)
    assert diverged.status == "diverged"
    assert not (tmp_path / "diverged" / "trials" / "0001" / ANSWERS).exists()


def test_the_trials_of_a_sweep_keep_their_answers(sft_toy: SftToy, tmp_path: Path) -> None:
    grid = {"peak_rate": [1e-3, 1e-2]}
    config = replace(config_of(sft_toy, epochs=1), sweep=SweepConfig(grid=grid, seeds=1, keep="none"))
    sweep(config, tmp_path / "sweep")
    straight(config_of(sft_toy, epochs=1, peak_rate=1e-2), tmp_path / "alone")
    assert answers(tmp_path / "sweep", "0002") == answers(tmp_path / "alone")
    assert dev_of(tmp_path / "sweep", 2)[-1].metrics == dev_of(tmp_path / "alone")[-1].metrics
    assert not list((tmp_path / "sweep" / "trials").glob("*/work"))


def test_the_estimate_counts_answers(sft_toy: SftToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(sft_toy, epochs=1)
    inputs = load_inputs(config)
    measured = inputs.task.endpoint_seconds(inputs.build_model(config.trial), inputs.data, inputs.encoded["dev"])
    assert measured > 0.0
    monkeypatch.setattr(type(inputs.task), "endpoint_seconds", lambda *_: 1000.0)
    cost = estimate_cost(inputs, [config.trial] * 3, tmp_path, processes=0)
    assert 3000.0 < cost.seconds < 4000.0
    assert cost.endpoint_seconds == 3000.0


def test_generation_leaves_the_generator_of_torch_alone(sft_toy: SftToy, tmp_path: Path) -> None:
    torch.manual_seed(5)
    straight(config_of(sft_toy, epochs=1), tmp_path / "one")
    torch.manual_seed(6)
    straight(config_of(sft_toy, epochs=1), tmp_path / "other")
    assert series(tmp_path / "one") == series(tmp_path / "other")
