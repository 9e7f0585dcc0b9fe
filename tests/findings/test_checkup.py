"""Check-ups of simulated logs with a known defect: it is found, with its numbers, and its cause is not made up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.findings.simulated_logs import Floats, Log, Plan, alone, healthy

from lrscope.findings.advice import advice
from lrscope.findings.checkup import loss_statements as losses
from lrscope.findings.checkup import statements as schedules
from lrscope.findings.checkup.checkup import checkup
from lrscope.findings.checkup.statements import CheckFinding
from lrscope.findings.findings import findings
from lrscope.findings.suggestions import LowerRate
from lrscope.records import Metric
from lrscope.runs.history import Told, run_of_entries
from lrscope.runs.measured import Entry
from lrscope.runs.quantities import Rate
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs
from lrscope.runs.sources import read_runs
from lrscope.statistics.conclusions import Conclusions

PLAN = Plan()
EVERY_STEP = replace(PLAN, every=1)
SEEDS = range(5)


def odd(run: Run) -> dict[str, CheckFinding]:
    """Return what is odd in a run's log, by kind."""
    return {each.kind: each for each in checkup(alone(run)) if each.IS_ODD}


def found(log: Log) -> dict[str, str]:
    """Return the kinds of what is odd in a log, each with its wording."""
    return {kind: each.wording for kind, each in odd(log.run()).items()}


def changed(log: Log, **columns: Callable[[Floats], Floats]) -> Log:
    """Return a log with columns changed."""
    return replace(log, **{name: change(getattr(log, name).copy()) for name, change in columns.items()})


def become(value: float, begin: int, end: int | None = None) -> Callable[[Floats], Floats]:
    """Return a change that sets a stretch of a column."""

    def change(column: Floats) -> Floats:
        column[begin:end] = value
        return column

    return change


def grown(begin: int, end: int, times: float) -> Callable[[Floats], Floats]:
    """Return a change that lets a stretch grow, geometrically, to so many times."""

    def change(column: Floats) -> Floats:
        column[begin:end] *= np.geomspace(1.0, times, end - begin)
        return column

    return change


def lost(log: Log, step: int, **columns: Callable[[Floats], Floats]) -> Log:
    """Return a log whose losses and gradient norms are no numbers from a step on."""
    before = changed(log, **columns)
    return changed(before, losses=become(math.nan, step), norms=become(math.nan, step))


# The schedule


@pytest.mark.parametrize(
    ("plan", "kind", "wording"),
    [
        (replace(PLAN, stopped_at=300), "rate-still-high", "unfinished"),
        (replace(PLAN, stopped_at=300, tells_total=False), "rate-still-high", "log-ends"),
        (replace(PLAN, length=1200), "rate-still-high", "longer"),
        (replace(PLAN, length=1200, shape="cosine"), "rate-still-high", "longer"),
        (replace(PLAN, length=360), "rate-ended-early", "zero"),
        (replace(PLAN, length=360, shape="cosine"), "rate-ended-early", "zero"),
        (replace(PLAN, warmup=1.5), "warmup-unfinished", "complete"),
        (
            replace(PLAN, shape="constant", warmup=0.0, settings={"lr_scheduler_type": "linear"}),
            "decay-not-applied",
            "",
        ),
    ],
)
def test_schedules_that_do_not_fit_their_training(plan: Plan, kind: str, wording: str) -> None:
    for seed in SEEDS:
        assert found(healthy(replace(plan, seed=seed))) == {kind: wording}


def test_the_numbers_of_a_schedule_that_ends_early_or_late() -> None:
    early = odd(healthy(replace(PLAN, length=360)).run())["rate-ended-early"]
    assert isinstance(early, schedules.RateEndedEarly)
    assert (early.at.low, round(early.share.low, 2), early.floor.low) == (370, 0.62, 0.0)
    late = odd(healthy(replace(PLAN, length=1200)).run())["rate-still-high"]
    assert isinstance(late, schedules.RateStillHigh)
    assert round(late.share.low, 2) == 0.53
    assert (late.at.low, late.length.low) == (600, 1200)


@pytest.mark.parametrize("shape", ["linear", "cosine", "cosine-floor", "constant", "stable-decay"])
def test_a_schedule_is_named_with_its_parameters(shape: str) -> None:
    first, *rest = checkup(alone(healthy(replace(PLAN, shape=shape, warmup=0.03, steps=1200)).run()))
    assert isinstance(first, schedules.ScheduleApplied)
    assert first.schedule.peak == 2e-4
    assert [each.kind for each in rest] == ["nothing-odd"]


def test_a_first_rate_of_zero_is_harmless_and_several_are_not() -> None:
    first = healthy(EVERY_STEP)
    kinds = [each.kind for each in checkup(alone(first.run()))]
    assert kinds == ["schedule-applied", "rate-zero-at-first", "nothing-odd"]
    assert found(changed(first, rates=become(0.0, 0, 40))) == {"rate-zero-until": ""}


def test_rates_that_are_zero_throughout() -> None:
    zero = changed(healthy(PLAN), rates=become(0.0, 0))
    assert found(zero) == {"rate-always-zero": "rounded"}, "the loss falls"
    level = 2.4 * np.exp(0.05 * np.random.default_rng(0).standard_normal(600))
    assert found(replace(zero, losses=level))["rate-always-zero"] == "untrained"
    entries = [
        {"loss": loss, "learning_rate": 0.0, "epoch": at + 1} for at, loss in enumerate((2.0, 1.1, 0.8, 0.7, 0.65))
    ]
    few = run_of_entries([Entry.of(each) for each in entries])
    assert odd(few)["rate-always-zero"].wording == "rounded", "each loss is less than the one before"
    two = run_of_entries([Entry.of(each) for each in entries[:2]])
    assert odd(two)["rate-always-zero"].wording == "unclear"


def resumed(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> Run:
    return run_of_entries([Entry.of(each) for each in (*first, *second)], Told(total_steps=600.0))


def test_a_stretch_that_was_trained_twice() -> None:
    entries = healthy(PLAN).entries()
    first = [each for each in entries if each["step"] <= 400]
    second = [{**each, "loss": each["loss"] * 1.01} for each in entries if each["step"] > 300 and "loss" in each]
    assert odd(resumed(first, [each for each in entries if each["step"] > 300])) == {}, "the same lines once more"
    again = [{**each, "loss": 0.99 * each["loss"]} for each in entries if "loss" in each]
    assert odd(resumed(entries, again)) == {}, "from the beginning: another run"
    same = odd(resumed(first, second))["trained-twice"]
    assert isinstance(same, schedules.TrainedTwice)
    assert (same.wording, same.low.low, same.high.low) == ("same", 310, 400)
    restarted = [{**each, "learning_rate": 2e-4 * (1.0 - (each["step"] - 300) / 300)} for each in second]
    other = odd(resumed(first, restarted))
    assert other["trained-twice"].wording == "other"
    assert "rate-jumps" not in other


def test_a_stretch_that_a_console_log_has_twice(tmp_path: Path) -> None:
    entries = [each for each in healthy(PLAN).entries() if "loss" in each]
    names = ("loss", "learning_rate", "epoch")
    again = [
        {**each, "learning_rate": 0.5 * each["learning_rate"], "loss": each["loss"] + 0.01} for each in entries[30:]
    ]
    lines = [str({name: each[name] for name in names}) for each in (*entries[:40], *again)]
    (tmp_path / "train.log").write_text("\n".join(lines), encoding="utf-8")
    (run,) = read_runs([tmp_path / "train.log"], {}).runs
    twice = odd(run)["trained-twice"]
    assert isinstance(twice, schedules.TrainedTwice)
    assert (twice.wording, twice.low.low, twice.high.low) == ("other", entries[30]["epoch"], entries[39]["epoch"])
    assert twice.first is not None
    assert twice.second is not None
    assert twice.second.low == pytest.approx(0.5 * twice.first.low)


def test_a_stretch_that_stands_twice_is_matched_by_epochs_where_the_first_try_has_no_steps(tmp_path: Path) -> None:
    names = ("loss", "learning_rate", "epoch")
    entries = [{name: each[name] for name in names} for each in healthy(PLAN).entries() if "loss" in each]
    again = [{**each, "loss": each["loss"] + 0.01} for each in entries[30:]]
    end = {"train_runtime": 600.0, "train_steps_per_second": 1.0, "epoch": 3.0}
    lines = [str(each) for each in (*entries[:40], *again, end)]
    (tmp_path / "train.log").write_text("\n".join(lines), encoding="utf-8")
    (run,) = read_runs([tmp_path / "train.log"], {}).runs
    assert run.log is not None
    assert not run.log.counts_entries, "the pace at the end tells the steps"
    twice = odd(run)["trained-twice"]
    assert isinstance(twice, schedules.TrainedTwice)
    assert (twice.wording, twice.low.low) == ("same", entries[30]["epoch"])


def test_a_jump_in_a_smooth_schedule() -> None:
    for factor in (0.3, 1.5):
        jumped = changed(
            healthy(PLAN), rates=lambda rates, times=factor: np.where(np.arange(600) < 300, rates, times * rates)
        )
        jump = odd(jumped.run())["rate-jumps"]
        assert isinstance(jump, schedules.RateJumps)
        assert jump.at.low == 310
        assert jump.after.low / jump.before.low == pytest.approx(factor, rel=0.05)
        notes = [each.kind for each in findings(Conclusions(alone(jumped.run())))]
        assert "rate-rises" not in notes, "that is why it rises"


def test_steps_that_do_not_follow_from_examples_and_batch() -> None:
    settings = {"num_examples": "6,400", "per_device_train_batch_size": "8", "gradient_accumulation_steps": "2"}
    packed = replace(PLAN, settings={**settings, "world_size": "1"})
    differ = odd(healthy(packed).run())["steps-differ"]
    assert isinstance(differ, losses.CheckFinding)
    assert isinstance(differ, schedules.StepsDiffer)
    assert (differ.steps.low, differ.expected.low, differ.batch.low) == (200, 400, 16)
    assert found(healthy(replace(PLAN, settings=settings))) == {}, "how many devices is not known"
    assert found(healthy(replace(PLAN, settings={**settings, "world_size": "2"}))) == {}


# Losses and gradients


def test_losses_and_gradients_that_are_stuck() -> None:
    log = healthy(PLAN)
    frozen = changed(log, losses=become(2.3456, 0), norms=become(0.0, 0))
    assert found(frozen) == {"loss-unmoved": "equal", "gradient-zero": ""}
    level = replace(log, losses=2.4 * np.exp(0.005 * np.random.default_rng(0).standard_normal(600)))
    assert found(level) == {"loss-unmoved": "level"}
    assert found(changed(log, dev=become(1.23456, 0))) == {"dev-unmoved": ""}


def test_gradients_that_are_always_clipped() -> None:
    log = changed(healthy(PLAN), norms=lambda norms: 30.0 * norms)
    assert found(log) == {"always-clipped": "default"}
    assert found(replace(log, plan=replace(PLAN, settings={"max_grad_norm": "1.0"}))) == {"always-clipped": "known"}
    assert found(replace(log, plan=replace(PLAN, settings={"max_grad_norm": "50"}))) == {}


def test_norms_that_are_no_numbers_while_the_loss_is_one() -> None:
    log = changed(healthy(EVERY_STEP), norms=become(math.inf, 0, 8))
    half = replace(log, plan=replace(EVERY_STEP, settings={"fp16": "True"}))
    assert found(half) == {}, "how a loss scale is found"
    assert found(log) == {"gradient-not-finite": "unknown"}


# Divergence


UNEVALUATED = replace(EVERY_STEP, evaluations=0)
HALF = replace(EVERY_STEP, settings={"fp16": "True"})
BARE = replace(PLAN, norms=False, every=5)
OVERFLOW = become(math.inf, 300, 330)
CAUSES: dict[str, tuple[Log, str]] = {
    "a norm that grows": (lost(healthy(EVERY_STEP), 200, norms=grown(175, 200, 40.0)), "rate-norm"),
    "a norm that climbs in four steps": (lost(healthy(EVERY_STEP), 200, norms=grown(196, 200, 300.0)), "rate-norm"),
    "a loss that rises": (lost(healthy(replace(BARE, every=1)), 200, losses=grown(180, 200, 6.0)), "rate-loss"),
    "out of nowhere": (lost(healthy(EVERY_STEP), 300), "sudden"),
    "out of nowhere, between entries": (lost(healthy(PLAN), 300), "coarse"),
    "no norms, at the peak": (lost(healthy(BARE), 45), "highest-rate"),
    "no norms, in the middle": (lost(healthy(BARE), 300), "unknown"),
    "in the tail": (lost(healthy(EVERY_STEP), 580), "low-rate"),
    "from the start": (lost(healthy(PLAN), 0), "start"),
    "an overflow": (lost(healthy(HALF), 330, norms=OVERFLOW), "precision"),
    "an overflow of unknown precision": (lost(healthy(EVERY_STEP), 330, norms=OVERFLOW), "precision-unknown"),
    "one batch": (
        changed(
            healthy(UNEVALUATED),
            norms=become(80.0, 300, 301),
            losses=lambda column: np.where(np.arange(600) <= 300, column, 8.0 * column / column.mean()),
        ),
        "batch",
    ),
}


@pytest.mark.parametrize(("log", "expected"), CAUSES.values(), ids=CAUSES)
def test_why_training_diverged(log: Log, expected: str) -> None:
    for seed in SEEDS:
        noise = np.exp(0.01 * np.random.default_rng(seed).standard_normal(600))
        told = found(changed(log, norms=lambda norms, noise=noise: noise * norms))
        assert told["divergence-cause"] == expected
        assert "loss-broke" in told


def test_a_loss_that_explodes_at_once_ends_above_where_it_began() -> None:
    step = np.arange(600)
    course = np.where(step < 3, 3.4, 4.7 + 7.0 * np.exp(-step / 12.0))
    exploded = replace(healthy(replace(EVERY_STEP, norms=False)), losses=course)
    broke = odd(exploded.run())
    assert broke["loss-broke"].wording == "rose"
    assert broke["divergence-cause"].wording == "highest-rate"


def test_a_training_loss_that_rose_while_dev_did_not_is_no_divergence() -> None:
    harder = changed(healthy(PLAN), losses=lambda column: np.where(np.arange(600) >= 300, 2.5 * column, column))
    rose = odd(harder.run())
    assert set(rose) == {"loss-rose-alone"}
    alone_ = rose["loss-rose-alone"]
    assert isinstance(alone_, losses.LossRoseAlone)
    assert (alone_.at.low, alone_.last.low > 2.0 * alone_.first.low) == (310, True)
    worse = changed(harder, dev=lambda column: column * np.where(np.arange(6) >= 3, 2.5, 1.0))
    assert "loss-broke" in odd(worse.run())


def test_a_loss_that_rose_before_it_was_lost_broke_where_it_rose() -> None:
    log = lost(changed(healthy(UNEVALUATED), losses=grown(100, 130, 100.0)), 400)
    high = changed(log, losses=lambda column: np.where(np.arange(600) >= 130, 100.0 * column, column))
    told = [each for each in checkup(alone(high.run())) if isinstance(each, losses.LossBroke)]
    assert [each.how for each in told] == ["rose", "nan"]
    assert 100 < told[0].at.low <= 130


def test_a_break_between_entries_that_count_no_updates_does_not_say_how_many_lie_between() -> None:
    entries = lost(healthy(PLAN), 300).entries()
    run = run_of_entries([Entry.of({k: v for k, v in each.items() if k != "step"}) for each in entries])
    assert odd(run)["divergence-cause"].wording == "coarse-entries"


def test_a_loss_of_reinforcement_learning_may_rise() -> None:
    log = replace(healthy(EVERY_STEP), losses=1e-3 * np.arange(600), dev=np.zeros(0))
    entries = [{**each, "reward": 0.5} for each in log.entries() if "loss" in each]
    assert "loss-broke" in odd(run_of_entries([Entry.of(each) for each in log.entries()])), "without a reward"
    assert odd(run_of_entries([Entry.of(each) for each in entries])) == {}
    lost_now = [{**each, "loss": math.nan} if each["step"] > 300 else each for each in entries]
    assert odd(run_of_entries([Entry.of(each) for each in lost_now]))["loss-broke"].wording == "nan"


def test_trainers_filter_of_nan_shows_as_zero() -> None:
    log = changed(healthy(replace(PLAN, norms=False)), losses=become(0.0, 300))
    filtered = odd(changed(log, dev=become(math.nan, 3)).run())
    broke = filtered["loss-broke"]
    assert isinstance(broke, losses.LossBroke)
    assert (broke.how, broke.at.low) == ("zero", 310)
    assert found(replace(log, dev=log.dev[:0])) == {"loss-zero": "unclear"}
    masked = changed(healthy(PLAN), losses=become(0.0, 300), norms=become(0.0, 300))
    assert found(masked) == {"loss-zero": "norm-zero"}
    by_nature = changed(healthy(PLAN), losses=become(0.0, 0))
    assert found(by_nature) == {}, "a loss that is 0 with a gradient, as in GRPO"


def test_what_is_no_number_for_a_while() -> None:
    log = healthy(PLAN)
    assert found(changed(log, dev=become(math.nan, 2, 3))) == {"dev-not-finite": ""}
    assert found(changed(log, losses=become(math.nan, 300, 301))) == {"loss-not-finite": ""}


def test_spikes() -> None:
    log = changed(healthy(EVERY_STEP), losses=become(9.0, 300, 304))
    spikes = odd(log.run())
    (spike,) = spikes.values()
    assert isinstance(spike, losses.LossSpikes)
    assert (spike.wording, spike.times.low, spike.at.low, spike.top.low) == ("recovered", 1, 301, 9.0)
    assert found(changed(healthy(replace(PLAN, every=1, steps=60)), losses=become(9.0, 35, 36))) == {
        "loss-spikes": "recovered"
    }, "while the loss still falls"
    assert found(changed(healthy(EVERY_STEP), losses=become(9.0, 597))) == {"loss-spikes": "log-ends"}


# Several runs


def compared(runs: list[Run]) -> Runs:
    return Runs("logs", Metric("loss", "minimize"), tuple(runs), {}, is_imported=True)


def test_runs_that_diverge_above_a_rate() -> None:
    runs = [healthy(replace(PLAN, peak=rate, norms=False)).run() for rate in (1e-5, 3e-5)]
    runs += [lost(healthy(replace(PLAN, peak=rate, norms=False)), 300).run() for rate in (1e-3, 3e-3)]
    (cause,) = [each for each in checkup(compared(runs)) if isinstance(each, losses.DivergenceCause)]
    assert (cause.cause, tuple(cause.arms), cause.number) == ("rate-runs", ("lr 1e-3", "lr 3e-3"), 2)
    mixed = [runs[2], healthy(replace(PLAN, peak=1e-2, norms=False)).run(), runs[3]]
    causes = {each.cause for each in checkup(compared(mixed)) if isinstance(each, losses.DivergenceCause)}
    assert causes == {"unknown"}, "a run at a higher rate did not"


def test_of_compared_settings_only_what_is_odd_is_said_once_for_all() -> None:
    runs = [healthy(replace(PLAN, peak=rate, length=360)).run() for rate in (1e-5, 3e-5)]
    runs += [healthy(replace(PLAN, peak=1e-4)).run()]
    (early,) = checkup(compared(runs))
    assert isinstance(early, schedules.RateEndedEarly)
    assert (tuple(early.arms), early.number, early.of) == (("lr 1e-5", "lr 3e-5"), 2, 2)


def test_a_third_of_the_rate_is_what_to_try_next() -> None:
    c = Conclusions(alone(lost(healthy(EVERY_STEP), 200, norms=grown(175, 200, 40.0)).run()))
    (lower,) = [each for each in advice(c, findings(c)) if isinstance(each.suggestion, LowerRate)]
    assert lower.suggestion == LowerRate(Rate(6.7e-5), True)
    assert "--lr 6.7e-5" in str(lower.command)


def test_a_floor_that_is_held_is_no_reason_to_change_the_schedule() -> None:
    factor = np.maximum(0.5 + 0.5 * np.cos(np.pi * np.arange(600) / 600), 0.1)
    held = replace(healthy(PLAN), rates=2e-4 * factor)
    runs = alone(held.run())
    assert found(held) == {"rate-ended-early": "floor"}
    assert not advice(Conclusions(runs), findings(Conclusions(runs)))
