"""The prior beside the result: in its interval, outside, or not told."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conftest import Toy

from lrscope.config import DataConfig, ModelConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.findings.findings import findings
from lrscope.findings.statements import PriorHeld, PriorMissed
from lrscope.priors.of_study import prior_over
from lrscope.records import Metric
from lrscope.runs.import_study import read_study
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.response import Peak
from lrscope.store.study import StudyStore
from lrscope.workflows.sweep import sweep

TRIAL = TrialConfig(peak_rate=1e-3, train_part="lora", batch_size=64, epochs=1)
STUDY = StudyConfig(
    task="sft", data=DataConfig(train="train.jsonl", dev="dev.jsonl"), trial=TRIAL,
    model=ModelConfig(model="meta-llama/Llama-3.1-8B"),
)  # fmt: skip
STEPS = 79


def conclusions(best: float, study: StudyConfig | None = STUDY, rates: Sequence[float] = ()) -> Conclusions:
    """Return runs whose loss is a parabola in log10 rate around `best`."""
    tried = rates or [10 ** (math.log10(best) + step / 2) for step in (-2, -1, 0, 1, 2)]
    runs = tuple(
        Run(f"lr {rate:g}", seed, rate, (Point(STEPS, 1, {"dev": {"loss": _loss(rate, best, seed)}}),))
        for rate in tried
        for seed in range(3)
    )
    configs = {run.arm: TRIAL.with_values({"peak_rate": run.rate}) for run in runs}
    return Conclusions(Runs("x", Metric("loss", "minimize"), runs, {"dev": 5000}, study=study, configs=configs))


def _loss(rate: float, best: float, seed: int) -> float:
    return 1.0 + 0.1 * math.log10(rate / best) ** 2 + 0.001 * (seed - 1)


def test_a_best_rate_where_it_was_expected() -> None:
    prior = prior_over(STUDY, TRIAL, STEPS)
    assert prior is not None
    (found,) = [each for each in findings(conclusions(5e-4)) if isinstance(each, PriorHeld | PriorMissed)]
    assert isinstance(found, PriorHeld)
    assert found.rate == pytest.approx(5e-4, rel=0.01)
    assert (found.expected.low, found.expected.high) == pytest.approx(prior.interval())


@pytest.mark.parametrize("factor", [10.0, 0.05])
def test_a_best_rate_elsewhere_is_told_with_how_far(factor: float) -> None:
    prior = prior_over(STUDY, TRIAL, STEPS)
    assert prior is not None
    best = factor * 10**prior.center_log10
    (found,) = [each for each in findings(conclusions(best)) if isinstance(each, PriorHeld | PriorMissed)]
    assert isinstance(found, PriorMissed)
    assert found.deviation == pytest.approx(abs(math.log10(factor)) / prior.sd, rel=0.05)


def test_it_is_told_of_a_study_as_it_is_stored(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
    config = replace(toy.config(epochs=1), sweep=SweepConfig(grid={"peak_rate": rates}, seeds=2))
    sweep(config, tmp_path / "s")
    asked: list[int] = []

    def prior(study: StudyConfig, trial: TrialConfig, steps: int) -> None:
        asked.append(steps)

    monkeypatch.setattr("lrscope.findings.prior_findings.prior_over", prior)
    monkeypatch.setattr(Conclusions, "peak", Peak(1e-2, 1e-3, 3e-2))
    with StudyStore.open(tmp_path / "s") as store:
        list(findings(Conclusions(read_study(store))))
    assert asked == [-(-len(toy.train.read_text().splitlines()) // 8)]


def test_it_is_not_told_of_imported_runs_nor_where_the_best_is_not_bounded() -> None:
    for c in (conclusions(5e-4, study=None), conclusions(5e-4, rates=(1e-6, 3e-6, 1e-5, 3e-5, 1e-4))):
        assert not [each for each in findings(c) if isinstance(each, PriorHeld | PriorMissed)]
