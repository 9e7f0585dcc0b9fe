"""Each finding where it should be, with its level and its fix, and none where nothing is wrong."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.schedules.strategies import schedules

from lrscope.schedules import Schedule, parse
from lrscope.schedules.lint import Finding, horizon, lint


def lint_of(text: str, **more: object) -> list[Finding]:
    return lint(parse(text), **{"total_steps": 535, "steps_per_epoch": 107, "peak_rate": 1e-5, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "level", "sentence", "fix"),
    [
        ("cosine(length=5st)", "error", "cosine(5st) reaches its end at step 5 of 535", "did you mean 5ep?"),
        ("cosine(535ep)", "error", "cosine(535ep) would end at step 57245", "did you mean 535st?"),
        ("warmup(50ep) > linear", "error", "length=50ep in warmup(50ep) is step 5350", "did you mean 50st?"),
        ("warmup(6%) > step(every=2st)", "warning", "every=2st in step", "did you mean 2ep?"),
        ("step(every=500ep)", "warning", "every=500ep in step", "did you mean 500st?"),
        ("multistep(at=[2st, 4st])", "warning", "at=4st in multistep", "did you mean 4ep?"),
        ("cosine(update=1st)", "warning", "update=1st in cosine", "did you mean 1ep?"),
        ("restarts(period=1st)", "warning", "period=1st in restarts", "did you mean 1ep?"),
        ("warmup(2st) > linear", "warning", "length=2st in warmup(2st) is 0.4% of a run", "did you mean 2ep?"),
        ("linear(50%) > hold", "warning", "267 of 535 steps run at rate 0, the first one at step 268", "raise to="),
        ("warmup(40%) > linear", "warning", "the warmup takes 214 of 535 steps", "warmup(6%)"),
        ("multistep(at=[2ep, 9ep])", "warning", "9ep in multistep", "leave it out"),
        ("step(every=5ep)", "warning", "as long as the run of 535 or longer", "shorten every"),
        ("linear(to=1e-4lr)", "error", "a level must not exceed the peak rate of 1e-05: got 0.0001lr", "lower it"),
        ("hold(20%) > linear(20%)", "error", "phases must fill the run", "that phase takes the rest"),
        ("linear(to=1e-7)", "warning", "is a share of the peak, a rate of 1e-12", "to=1e-7lr"),
        ("exponential(gamma=0.5, every=6st)", "warning", "of the peak after a third of its steps", "a larger gamma"),
        ("hold(0.01%) > linear", "warning", "rounded to no step at all", "lengthen it"),
    ],
)
def test_what_is_found(text: str, level: str, sentence: str, fix: str) -> None:
    findings = lint_of(text)
    assert any(f.level == level and sentence in f.sentence and fix in f.fix for f in findings), findings


@pytest.mark.parametrize(
    "text",
    [
        "linear", "warmup(6%) > linear", "warmup(100st) > hold(70%) > sqrt(to=0)", "cosine(to=0.01)", "wsd",
        "one_cycle", "step(every=2ep, gamma=0.1)", "warmup(2ep, from=1e-6) > cosine", "warmup(1ep) > inverse_sqrt",
        "constant",
        "multistep(at=[2ep, 4ep])", "piecewise(at=[0%, 10%, 100%], values=[0.1, 1, 0])", "restarts(1ep)",
        "cosine(update=1ep)", "warmup(5st) > linear", "exponential(to=1%)", "plateau", "linear(to=1e-7lr)",
    ],
)  # fmt: skip
def test_nothing_is_found_where_nothing_is_wrong(text: str) -> None:
    run = {"peak_rate": 1e-4, "total_steps": 1070, "steps_per_epoch": 107} if "2ep, from" in text else {}
    assert lint_of(text, **run) == []


def test_early_stopping_under_a_decay_is_noted() -> None:
    assert [f.rule for f in lint_of("linear", patience=2)] == ["early stopping"]
    assert lint_of("constant", patience=2) == []


def test_a_horizon_that_is_not_the_steps_that_run() -> None:
    (finding,) = horizon(530, 535, "the last partial batch counts")
    assert "built for 530 steps, but 535 will run: the last partial batch counts" in finding.sentence
    assert "it stays at its final rate for the last 5 steps" in finding.sentence
    (finding,) = horizon(535, 134)
    assert "only the first 25% of it will run" in finding.sentence


def test_errors_come_first() -> None:
    levels = [f.level for f in lint_of("warmup(2st) > cosine(5st)")]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert levels[0] == "error"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(schedules, st.integers(1, 300), st.integers(1, 60))
def test_any_schedule_can_be_checked(schedule: Schedule, total: int, per_epoch: int) -> None:
    for finding in lint(schedule, total_steps=total, steps_per_epoch=per_epoch, peak_rate=1e-3):
        assert finding.level in ("error", "warning", "note")
        assert finding.sentence
        assert finding.fix
        assert "\n" not in str(finding)
