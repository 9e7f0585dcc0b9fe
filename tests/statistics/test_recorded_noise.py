"""One seed each, judged by what seeds did in recorded settings: weaker than measured noise, never claimed elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.findings.answer import answer
from lrscope.findings.answer_statements import Confidence, NotComparable, Winner
from lrscope.findings.findings import findings
from lrscope.findings.statements import AssumedSpread, RecordedSpread, UnknownSpread
from lrscope.records import Metric
from lrscope.runs.run import Point, Run
from lrscope.runs.runs import Runs
from lrscope.statistics.conclusions import Conclusions
from lrscope.statistics.confirmation import confirm
from lrscope.statistics.recorded_noise import RecordedNoise, recorded_noise

RATES = (1e-5, 1e-4, 3e-4, 1e-3, 1e-2)
LOSS = Metric("loss", "minimize")
SFT = StudyConfig(
    task="sft", data=DataConfig(train="train.jsonl", dev="dev.jsonl"), model=ModelConfig(model="Llama-3.2-1B"),
    trial=TrialConfig(peak_rate=1e-3, train_part="lora", epochs=1),
)  # fmt: skip


def recorded(task: str, part: str) -> RecordedNoise:
    found = recorded_noise(task, part, "adamw")
    assert found is not None
    return found


def conclusions(
    losses: Mapping[float, Sequence[float]], study: StudyConfig | None = SFT, metric: Metric = LOSS,
    parts: Sequence[str] = (), seed_sd: float | None = None,
) -> Conclusions:  # fmt: skip
    trial = SFT.trial if study is None else study.trial
    runs = tuple(
        Run(f"lr {rate:g}", seed, rate, (Point(50, 1, {"dev": {metric.name: value}}),))
        for rate, values in losses.items()
        for seed, value in enumerate(values)
    )
    trained = dict(zip(losses, parts or [trial.train_part] * len(losses), strict=True))
    configs = {
        run.arm: trial.with_values({"peak_rate": run.rate, "train_part": trained[run.rate or 0.0]}) for run in runs
    }
    return Conclusions(Runs("x", metric, runs, {"dev": 200}, study=study, configs=configs), seed_sd=seed_sd)


PEAK = {1e-5: [1.30], 1e-4: [1.10], 3e-4: [0.91], 1e-3: [1.20]}


def test_a_lead_far_beyond_what_seeds_did_elsewhere_decides_with_one_seed() -> None:
    c, known = conclusions(PEAK), recorded("sft", "lora")
    assert c.assumed_sd == pytest.approx(known.high * 0.91)
    (found,) = [each for each in findings(c) if isinstance(each, RecordedSpread)]
    assert (found.settings, found.largest) == (known.settings, known.largest)
    assert (found.lead, found.times) == pytest.approx((0.19, 0.19 / c.assumed_sd))
    assert found.wording == "more"
    told = answer(c)
    assert Winner(is_assumed=True, is_of_all=True) in told
    assert Confidence("medium", "recorded") in told


def test_it_says_at_which_noise_the_verdict_flips() -> None:
    c = conclusions(PEAK)
    assert c.flips_at is not None
    left = set(c.verdict.contenders)
    assert left == {2}
    assert set(conclusions(PEAK, seed_sd=c.flips_at).verdict.contenders) != left
    assert set(conclusions(PEAK, seed_sd=c.flips_at / 1.1).verdict.contenders) == left


def test_a_lead_within_what_seeds_did_elsewhere_does_not_decide() -> None:
    c = conclusions({**PEAK, 1e-4: [0.91 * (1.0 + recorded("sft", "lora").high)]})
    assert set(c.verdict.contenders) == {1, 2}
    assert Confidence("low", "assumed") in answer(c)


def test_a_confirmation_with_one_seed_says_that_the_noise_is_assumed() -> None:
    assert confirm(conclusions(PEAK), 1, "log-loss").sentence.endswith(
        "; the other rates are ruled out, if seeds differ no more than assumed"
    )


def test_what_the_user_says_of_the_noise_counts_before_it() -> None:
    c = conclusions(PEAK, seed_sd=0.5)
    assert len(c.verdict.contenders) == 4
    assert [each for each in findings(c) if isinstance(each, AssumedSpread)]


def test_measured_noise_counts_before_it() -> None:
    c = conclusions({rate: [value[0] + step for step in (-0.2, 0.0, 0.25)] for rate, value in PEAK.items()})
    assert not c.is_assumed
    assert not [each for each in findings(c) if isinstance(each, RecordedSpread)]
    calm = conclusions({rate: [value[0] + step for step in (-1e-4, 0.0, 1e-4)] for rate, value in PEAK.items()})
    assert Confidence("high", "winner") in answer(calm), "what is only assumed is never as sure as this"


@pytest.mark.parametrize(
    ("study", "metric"),
    [
        (None, LOSS),
        (SFT, Metric("perplexity", "minimize")),
        (SFT, Metric("reward", "maximize")),
        (replace(SFT, trial=replace(SFT.trial, optimizer="sgd")), LOSS),
    ],
    ids=["imported", "perplexity", "reward", "an optimizer that was not recorded"],
)
def test_nothing_is_claimed_where_nothing_was_recorded(study: StudyConfig | None, metric: Metric) -> None:
    c = conclusions(PEAK, study, metric)
    assert math.isinf(c.assumed_sd)
    assert [each for each in findings(c) if isinstance(each, UnknownSpread)]
    assert [each for each in answer(c) if isinstance(each, NotComparable)]


def test_arms_that_train_different_parts_are_judged_by_the_noisiest() -> None:
    classes = StudyConfig(
        data=DataConfig(train="train.txt", dev="dev.txt"), model=SFT.model, trial=TrialConfig(peak_rate=1e-3)
    )
    parts = ("head", "full", "head", "full")
    highs = {recorded("classification", part).high for part in parts}
    assert conclusions(PEAK, classes, parts=parts).assumed_sd == pytest.approx(max(highs) * 0.91)


@pytest.mark.parametrize(
    "truth", [[1.0] * 5, [1.3, 1.05, 1.0, 1.002, 1.2]], ids=["equal arms", "a peak with two near the top"]
)
def test_false_conclusions_stay_below_five_percent_where_seeds_do_as_the_table_says(truth: list[float]) -> None:
    known = recorded("sft", "lora")
    spread = math.log(known.high / known.usual) / 1.645
    generator, values = np.random.default_rng(0), np.array(truth)
    false = lost = 0
    num = 300
    for _ in range(num):
        sd = known.usual * math.exp(spread * generator.standard_normal())
        seen = values * (1.0 + sd * generator.standard_normal(5))
        c = conclusions({rate: [float(value)] for rate, value in zip(RATES, seen, strict=True)})
        said = c.evidence.differences > c.verdict.pair_reach
        false += bool((said & (values[:, None] >= values)).any())
        lost += int(values.argmin()) not in c.verdict.contenders
    assert false / num < 0.05
    assert lost / num < 0.05
