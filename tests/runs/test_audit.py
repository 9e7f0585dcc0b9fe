"""What was asked for and did not reach the training: said where it is certain, and nowhere else."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.external import Result, fake, study
from tests.workflows.test_runs import Recorder

from lrscope.config import ExternalTrial
from lrscope.config.arms import named
from lrscope.config.external import OwnSettings
from lrscope.errors import ScheduleError
from lrscope.findings.findings import findings
from lrscope.runs.audit import audit
from lrscope.runs.notes import Note, OtherRates, SameRates, SeedUnused, SettingUnused
from lrscope.runs.run import Point, Run
from lrscope.runs.sources import read_runs
from lrscope.schedules import parse
from lrscope.statistics.conclusions import Conclusions
from lrscope.workflows import callbacks as tell
from lrscope.workflows.sweep import resume_sweep, sweep

Rates = Mapping[int, float]
AUDITED = OtherRates | SameRates | SeedUnused | SettingUnused


def trial(rate: float = 1e-4, seed: int = 0, **settings: object) -> ExternalTrial:
    return ExternalTrial(peak_rate=rate, seed=seed, settings=OwnSettings(settings))


def audited(
    runs: Sequence[tuple[ExternalTrial, Rates]],
    losses: Callable[[ExternalTrial, int], float] | None = None,
    dev: Callable[[ExternalTrial, int], float] | None = None,
    *,
    num_losses: int = 0,
    last: int = 0,
) -> list[Note]:
    """Return what is said of runs that logged these rates, and losses at steps 10, 20, …"""
    arms = {arm.config: arm.name for arm in named(list(dict.fromkeys(config.at(0) for config, _ in runs)))}
    made = []
    for config, rates in runs:
        splits: dict[int, dict[str, dict[str, float]]] = {}
        for step, rate in rates.items():
            splits.setdefault(step, {}).setdefault("train", {})["learning_rate"] = rate
        for step in range(10, 10 * num_losses + 1, 10):
            if losses is not None:
                splits.setdefault(step, {}).setdefault("train", {})["loss"] = losses(config, step)
            if dev is not None:
                splits.setdefault(step, {})["dev"] = {"loss": dev(config, step)}
        if last:
            splits.setdefault(last, {}).setdefault("dev", {"loss": 1.0})
        points = tuple(Point(step, None, splits[step]) for step in sorted(splits))
        made.append(Run(arms[config.at(0)], config.seed, config.peak_rate, points))
    return audit(made, {name: config for config, name in arms.items()})


def logged(text: str, peak: float, steps: int = 100, every: int = 10, form: str = "") -> Rates:
    """Return the rates of a schedule as a program logs them, each rounded as `form` prints it."""
    factors = parse(text).resolve(total_steps=steps, steps_per_epoch=steps, peak_rate=1.0).factors()
    rates = {step: peak * float(factors[min(step, steps - 1)]) for step in range(every, steps + 1, every)}
    return {step: float(f"{rate:{form}}") if form else rate for step, rate in rates.items()}


# What is said


def test_a_rate_above_the_one_that_was_asked_for() -> None:
    (note,) = audited([(trial(1e-5), logged("linear", 2e-4))])
    assert isinstance(note, OtherRates)
    assert note.asked == (1e-5,)
    assert note.applied == pytest.approx((1.8e-4,))


def test_rates_that_are_scaled_are_named_once_with_all_their_settings() -> None:
    runs = [(trial(rate, seed), logged("cosine", 8 * rate)) for rate in (1e-5, 1e-4) for seed in (0, 1)]
    (note,) = audited(runs)
    assert isinstance(note, OtherRates)
    assert note.arms == ("lr 1e-5", "lr 1e-4")


@pytest.mark.parametrize("text", ["linear", "warmup(10%) > cosine", "constant"])
@pytest.mark.parametrize("form", ["", ".2e", ".1e", ".6f"])
def test_rates_that_do_not_change_with_what_was_asked_for(text: str, form: str) -> None:
    rates = [1e-5, 1e-4, 1e-3]
    (note,) = audited([(trial(rate), logged(text, 2e-5, form=form)) for rate in rates])
    assert isinstance(note, SameRates)
    assert note.arms == ("lr 1e-5", "lr 1e-4", "lr 1e-3")


@pytest.mark.parametrize("text", ["warmup(10%) > linear", "warmup(20st) > cosine", "constant"])
def test_a_rate_below_where_every_step_was_logged(text: str) -> None:
    (note,) = audited([(trial(1e-4), logged(text, 2e-5, every=1))])
    assert isinstance(note, OtherRates)
    assert (note.asked, note.applied) == ((1e-4,), pytest.approx((2e-5,)))


def noisy(config: ExternalTrial, step: int, *of: object) -> float:
    return 2.0 / math.sqrt(step) + 0.1 * random.Random(repr((step, *of))).random()


def test_a_seed_that_does_not_reach_the_training() -> None:
    runs = [(trial(rate, seed), {}) for rate in (1e-4, 1e-3) for seed in (0, 1)]
    notes = audited(runs, lambda c, step: round(noisy(c, step, c.peak_rate), 4), num_losses=5)
    assert notes == [SeedUnused("lr 1e-4", 0, 1)]
    assert audited(runs, lambda c, step: noisy(c, step, c.peak_rate), num_losses=4) == notes


def test_a_setting_that_does_not_reach_the_training() -> None:
    runs = [(trial(1e-4, seed, lora_r=r), {}) for seed in (0, 1) for r in (8, 16)]
    assert audited(runs, lambda c, step: noisy(c, step, c.seed), num_losses=5) == [SettingUnused("lora_r", ("8", "16"))]
    runs = [(trial(rate, seed), {}) for seed in (0, 1) for rate in (1e-4, 1e-3)]
    assert audited(runs, lambda c, step: noisy(c, step, c.seed), num_losses=5) == [
        SettingUnused("lr", ("1e-4", "1e-3"))
    ]


# What must not be said


@given(
    text=st.sampled_from([
        "linear", "cosine", "constant", "warmup(10%) > linear", "warmup(50%) > cosine", "warmup(100%)", "sqrt",
        "linear(to=10%)", "step(10st)", "warmup(30%) > linear", "warmup(2%) > cosine",
    ]),
    peak=st.floats(1e-6, 1.0).map(lambda rate: float(f"{rate:.3g}")),
    ratio=st.sampled_from([1.2, 2.0, math.sqrt(10), 10.0]),
    steps=st.integers(1, 120), every=st.sampled_from([1, 7, 10, 50]),
    form=st.sampled_from(["", ".6g", ".4g", ".2e", ".1e", ".0e", ".6f", ".4f"]), counted=st.booleans(),
)  # fmt: skip
def test_rates_that_were_kept_to(
    text: str, peak: float, ratio: float, steps: int, every: int, form: str, counted: bool
) -> None:
    try:
        rates = [logged(text, each, steps, every, form) for each in (peak, peak * ratio)]
    except ScheduleError:  # the schedule does not fit so short a run
        return
    if counted:  # a log that tells no steps: lines are numbered
        rates = [dict(enumerate(each.values(), start=1)) for each in rates]
    assert audited([(trial(peak), rates[0]), (trial(peak * ratio), rates[1])], last=1 if counted else steps) == []


def test_a_warmup_that_never_reaches_its_peak() -> None:
    short = {step: 1e-4 * step / 500 for step in range(1, 41)}
    assert audited([(trial(1e-4), short)]) == []
    assert audited([(trial(1e-4), {10: 5e-5, 20: 8e-5, 30: 3e-5})]) == [], "the peak lies between two lines"


def test_decay_that_was_logged_late() -> None:
    floor = {90: 1e-6, 95: 1e-6, 100: 1e-6}
    assert audited([(trial(1e-4), floor), (trial(1e-3), floor)]) == [], "a lowest rate that all share"
    assert audited([(trial(1e-4), {50: 1e-6, 100: 1e-6}), (trial(1e-3), {50: 1e-6, 100: 1e-6})]) == []


def test_one_logged_rate_or_none() -> None:
    assert audited([(trial(1e-4), {10: 2e-5}), (trial(1e-3), {10: 2e-5})]) == []
    assert audited([(trial(1e-4), {10: 5e-4})]) == []
    assert audited([(trial(1e-4), {}), (trial(1e-3), {})], dev=lambda c, step: 1.0 + c.peak_rate, num_losses=5) == []
    assert audited([(trial(1e-4), dict.fromkeys(range(1, 20), 0.0))]) == [], "too few digits to show it"


def test_rates_that_round_to_the_same() -> None:
    same = dict.fromkeys((10, 20, 30, 40), 0.0001)
    assert audited([(trial(1.0e-4), same), (trial(1.3e-4), same)]) == []
    zeros = dict.fromkeys((10, 20, 30, 40), 0.0)
    assert audited([(trial(1e-6), zeros), (trial(1e-5), zeros)]) == []


def test_losses_of_few_digits_or_few_lines_or_few_differences() -> None:
    seeds = [(trial(1e-4, seed), {}) for seed in (0, 1)]

    def digits(number: int) -> Callable[[ExternalTrial, int], float]:
        return lambda c, step: round(noisy(c, step), number)

    assert audited(seeds, digits(2), num_losses=40) == [], "a tiny run prints the same two digits"
    assert audited(seeds, digits(4), num_losses=3) == [], "three lines"
    assert audited(seeds, lambda c, step: round(1.2345 + step * 1e-5, 4), num_losses=8) == [], "it hardly moves"
    assert audited(seeds, lambda c, step: 0.1234567891, num_losses=8) == [], "it never moves"
    assert audited(seeds, digits(4), dev=lambda c, step: 1.0 + c.seed * 1e-9, num_losses=8) == [], "dev differs"
    assert audited(seeds, dev=lambda c, step: noisy(c, step), num_losses=8) == [], "evaluations alone"
    assert audited(seeds, lambda c, step: math.nan, num_losses=8) == []


def test_a_setting_of_small_effect_is_not_one_that_is_not_used() -> None:
    decays = [(trial(1e-4, 0, weight_decay=each), {}) for each in (0, 0.01)]

    def loss(config: ExternalTrial, step: int) -> float:
        return noisy(config, step) + 1e-7 * float(config.settings["weight_decay"])

    assert audited(decays, lambda c, step: round(loss(c, step), 4), num_losses=8) == []
    assert audited(decays, lambda c, step: round(loss(c, step), 4), loss, num_losses=8) == []
    lengths = [(replace(trial(1e-4), epochs=each), {}) for each in (1, 2)]
    assert audited(lengths, noisy, num_losses=8) == [], "a shorter run is the beginning of a longer one"


def test_studies_of_the_built_in_training_are_not_audited() -> None:
    run = Run("lr 1e-4", 0, 1e-4, (Point(1, None, {"train": {"learning_rate": 1.0}}),) * 9)
    assert audit([run], {}) == []


# In a study


def test_it_is_told_while_it_runs_once_and_stands_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def own_rate(config: ExternalTrial) -> Result:
        train = [
            (step, {"loss": noisy(config, step, config.seed), "learning_rate": 2e-5 * (1 - step / 100)})
            for step in range(10, 101, 10)
        ]
        return Result(0.5 + 0.1 * random.Random(config.seed).random(), train=train)

    fake(monkeypatch, own_rate)
    watch = Recorder()
    sweep(study(seeds=2), tmp_path / "s", callbacks=watch.callbacks())
    told = [each.text for each in watch.of(tell.Note) if isinstance(each, tell.Note)]
    assert told == [
        "note: runs are compared by dev loss, of which smaller is better",
        "note: 1e-4 and 1e-3: the logs show the same learning rates for all of them, at most 1.8e-5. The command or "
        "its configuration sets its own learning rate, or logs that of other parameters.",
    ]
    place = next(n for n, each in enumerate(watch.seen) if isinstance(each, tell.Note) and each.text == told[1])
    ends = [e for e in watch.seen[:place] if isinstance(e, tell.TrialEvent) and e.event.kind == "done"]
    assert len(ends) == 2, "as soon as two runs show it"
    again = Recorder()
    resume_sweep(tmp_path / "s", callbacks=again.callbacks(), extension={"seeds": 3})
    assert again.of(tell.Note) == []
    found = [each for each in findings(Conclusions(read_runs([tmp_path / "s"], {}))) if isinstance(each, AUDITED)]
    assert [type(each) for each in found] == [SameRates]


def finals(value: Callable[[float, int], float], seeds: int = 2) -> list[Note]:
    """Return what is said of runs that tell their final values alone."""
    runs, configs = [], {}
    for rate in (1e-4, 1e-3, 1e-2):
        for seed in range(seeds):
            name = f"lr {rate:g}"
            configs[name] = ExternalTrial(peak_rate=rate)
            runs.append(Run(name, seed, rate, (Point(1, None, {"dev": {"acc": value(rate, seed)}}),)))
    return audit(runs, configs)


def test_final_values_that_are_all_the_same_are_noticed() -> None:
    assert [type(note) for note in finals(lambda _, seed: 0.7 + seed / 10)] == [SettingUnused]
    assert [type(note) for note in finals(lambda rate, _: 0.7 + rate)] == [SeedUnused]


def test_final_values_that_may_be_equal_by_chance_are_not() -> None:
    assert finals(lambda *_: 0.5) == []  # a model that always answers the same
    assert finals(lambda rate, seed: 0.7 + rate + seed / 10) == []
    assert finals(lambda rate, seed: 0.7 + (rate == 1e-2) / 10 + seed / 10) == []
