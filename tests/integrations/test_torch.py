"""A schedule as a torch scheduler: in a plain loop, under a gradient scaler, saved and loaded; and torch's own."""

from __future__ import annotations

import io
import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import transformers.optimization as hf
from torch.optim import lr_scheduler

from lrscope.errors import ScheduleError
from lrscope.integrations.torch import ScheduledLR, lint_scheduler, preview
from lrscope.schedules import parse

TEXT = "warmup(3st) > cosine(to=0.1)"


def optimizer(*rates: float, fused: bool = False) -> torch.optim.Optimizer:
    groups = [{"params": [torch.zeros(2, requires_grad=True)], "lr": rate} for rate in rates or (0.5,)]
    return torch.optim.AdamW(groups, fused=fused)


def train(opt: torch.optim.Optimizer, scheduler: Any, num: int) -> list[list[float]]:
    applied = []
    for _ in range(num):
        for group in opt.param_groups:
            group["params"][0].grad = torch.ones(2)
        applied.append([group["lr"] for group in opt.param_groups])
        opt.step()
        scheduler.step()
    return applied


def test_it_applies_the_schedule_and_keeps_the_ratio_of_groups() -> None:
    opt = optimizer(0.5, 0.05)
    applied = train(opt, ScheduledLR(opt, TEXT, total_steps=12, steps_per_epoch=4), 12)
    factors = parse(TEXT).resolve(total_steps=12, steps_per_epoch=4).factors()
    assert [row[0] for row in applied] == [0.5 * factor for factor in factors]
    assert [row[1] for row in applied] == [0.05 * factor for factor in factors]


def test_its_line_says_where_it_is() -> None:
    opt = optimizer(0.5, 0.05)
    scheduler = ScheduledLR(opt, TEXT)
    assert repr(scheduler) == "<ScheduledLR warmup(3st) > cosine(to=0.1): the length of the run is not known yet>"
    scheduler.resolve_schedule_over(12)
    train(opt, scheduler, 2)
    assert repr(scheduler) == "<ScheduledLR warmup(3st) > cosine(to=0.1): step 2 of 12, rate 0.5, 5e-2>"


@pytest.mark.filterwarnings("error")
def test_it_counts_updates_and_not_its_own_calls() -> None:
    opt = optimizer()
    scheduler = ScheduledLR(opt, "linear", total_steps=8, steps_per_epoch=4)
    scheduler.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5]
    train(opt, scheduler, 2)
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5 * 6 / 8]
    for _ in range(2):  # stepped once an epoch by mistake: the rate is late, and never wrong for long
        opt.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5 * 4 / 8]


def test_after_the_run_it_is_held() -> None:
    opt = optimizer()
    applied = train(opt, ScheduledLR(opt, "cosine(to=0.1)", total_steps=4, steps_per_epoch=4), 9)
    assert {row[0] for row in applied[4:]} == {0.05}


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_the_gradient_scaler_skips_does_not_advance_it(fused: bool) -> None:
    opt = optimizer(fused=fused)
    scheduler = ScheduledLR(opt, "linear", total_steps=8, steps_per_epoch=8)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    rates = []
    for step in range(6):
        overflows = step in (0, 2, 3)
        weight = opt.param_groups[0]["params"][0]
        opt.zero_grad()
        scaler.scale((weight * (float("inf") if overflows else 1.0)).sum()).backward()
        scaler.step(opt)
        scaler.update()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    assert rates == [0.5 * left / 8 for left in (8, 7, 7, 7, 6, 5)]


def saved_and_loaded(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("at", [0, 1, 3, 7])
def test_loaded_equals_straight(at: int) -> None:
    straight = optimizer(0.5, 0.05)
    expected = train(straight, ScheduledLR(straight, TEXT, total_steps=12, steps_per_epoch=4), 12)
    first = optimizer(0.5, 0.05)
    scheduler = ScheduledLR(first, TEXT, total_steps=12, steps_per_epoch=4)
    before = train(first, scheduler, at)
    second = optimizer(0.5, 0.05)
    again = ScheduledLR(second, TEXT, total_steps=12, steps_per_epoch=4)
    second.load_state_dict(saved_and_loaded(first.state_dict()))
    again.load_state_dict(saved_and_loaded(scheduler.state_dict()))
    assert before + train(second, again, 12 - at) == expected


@pytest.mark.parametrize(
    ("text", "total", "says"),
    [("linear", 12, "got linear over 12 steps, the state has warmup"), (TEXT, 16, "over 16 steps, the state has")],
)
def test_a_state_of_another_schedule_or_horizon_is_refused_with_both_texts(text: str, total: int, says: str) -> None:
    state = ScheduledLR(optimizer(), TEXT, total_steps=12, steps_per_epoch=4).state_dict()
    with pytest.raises(ScheduleError) as error:
        ScheduledLR(optimizer(), text, total_steps=total, steps_per_epoch=4).load_state_dict(state)
    assert says in str(error.value)
    assert TEXT in str(error.value)
    waiting = ScheduledLR(optimizer(), TEXT)
    waiting.load_state_dict(state)
    with pytest.raises(ScheduleError, match="over 13 steps, the state has"):
        waiting.resolve_schedule_over(13, 4)


def test_what_is_missing_is_said() -> None:
    opt = optimizer()
    scheduler = ScheduledLR(opt, "warmup(1ep) > linear")
    opt.step()
    with pytest.raises(ScheduleError, match="give total_steps="):
        scheduler.step()
    with pytest.raises(ScheduleError, match="counts in epochs"):
        scheduler.resolve_schedule_over(10)
    with pytest.raises(ScheduleError, match="counts in tokens: the tokens per epoch are missing; give tokens_per_ep"):
        ScheduledLR(optimizer(), "warmup(5ktok) > linear", total_steps=10, steps_per_epoch=5)
    with pytest.raises(ScheduleError, match="counts in tokens: the steps per epoch are missing"):
        ScheduledLR(optimizer(), "warmup(5ktok) > linear", total_steps=10, tokens_per_epoch=10_000)
    with pytest.raises(ScheduleError, match="sees no metric"):
        ScheduledLR(optimizer(), "plateau", total_steps=10)


def test_tokens_as_a_unit() -> None:
    opt, other = optimizer(0.5), optimizer(0.5)
    tokens = ScheduledLR(opt, "warmup(5ktok) > linear", total_steps=10, steps_per_epoch=5, tokens_per_epoch=10_000)
    steps = ScheduledLR(other, "warmup(3st) > linear", total_steps=10)
    assert train(opt, tokens, 10) == train(other, steps, 10)
    with pytest.raises(ScheduleError, match="a resumed run keeps the schedule"):
        ScheduledLR(
            optimizer(), "warmup(5ktok) > linear", total_steps=10, steps_per_epoch=5, tokens_per_epoch=20_000
        ).load_state_dict(tokens.state_dict())


def test_rates_as_levels_are_shares_of_the_first_groups_rate() -> None:
    opt = optimizer(2e-5)
    applied = train(opt, ScheduledLR(opt, "warmup(4st, from=1e-6) > hold", total_steps=6), 6)
    assert applied[0][0] == pytest.approx(1e-6)


# Within torch's SequentialLR


def linear_then(build: Any) -> tuple[torch.optim.Optimizer, Any]:
    opt = optimizer(0.5, 0.05)
    return opt, lr_scheduler.SequentialLR(opt, [lr_scheduler.LinearLR(opt, 0.1, 1.0, 3), build(opt)], [3])


def test_in_a_sequential_it_begins_at_its_milestone() -> None:
    theirs = train(*linear_then(lambda o: lr_scheduler.CosineAnnealingLR(o, 7)), 10)
    ours = train(*linear_then(lambda o: ScheduledLR(o, "cosine", total_steps=7)), 10)
    assert np.allclose(ours, theirs, atol=1e-12)


def test_in_a_sequential_it_hands_over() -> None:
    def run(build: Any) -> list[list[float]]:
        opt = optimizer(0.5, 0.05)
        last = lr_scheduler.ConstantLR(opt, 0.2, 100)
        return train(opt, lr_scheduler.SequentialLR(opt, [build(opt), last], [4]), 8)

    theirs = run(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.5, 4))
    ours = run(lambda o: ScheduledLR(o, "linear(to=0.5)", total_steps=4))
    assert np.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("at", [0, 2, 3, 5, 9])
def test_a_sequential_loaded_equals_straight(at: int) -> None:
    def build() -> tuple[torch.optim.Optimizer, Any]:
        opt = optimizer(0.5, 0.05)
        phases = [ScheduledLR(opt, "warmup(2st) > hold", total_steps=3), ScheduledLR(opt, "cosine", total_steps=4)]
        return opt, lr_scheduler.SequentialLR(opt, [*phases, lr_scheduler.ConstantLR(opt, 0.2, 100)], [3, 7])

    expected = train(*build(), 10)
    first, scheduler = build()
    before = train(first, scheduler, at)
    second, again = build()
    second.load_state_dict(saved_and_loaded(first.state_dict()))
    again.load_state_dict(scheduler.state_dict())
    assert before + train(second, again, 10 - at) == expected


# torch's own


def torchs(build: Any) -> Any:
    return build(torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0))


@pytest.mark.parametrize(
    "build",
    [
        lambda o: lr_scheduler.CosineAnnealingLR(o, 5),
        lambda o: lr_scheduler.StepLR(o, 3),
        lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 / (t + 1)),
        lambda o: lr_scheduler.OneCycleLR(o, 1.0, 20, cycle_momentum=False),
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.LinearLR(o, 0.1, 1.0, 4), lr_scheduler.CosineAnnealingLR(o, 16)], [4]
        ),
        lambda o: ScheduledLR(o, "warmup(3st) > linear", total_steps=19),
        lambda o: lr_scheduler.SequentialLR(
            o, [ScheduledLR(o, "linear(to=0.5)", total_steps=4), ScheduledLR(o, "cosine", total_steps=16)], [4]
        ),
        lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.ExponentialLR(o, 0.9), lr_scheduler.StepLR(o, 4)]),
    ],
)
def test_a_preview_is_what_will_be_applied_and_changes_nothing(build: Any) -> None:
    scheduler = torchs(build)
    shown = preview(scheduler, 19)
    assert shown == preview(scheduler, 19)
    applied = []
    for _ in range(19):
        applied.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    assert np.allclose(shown, applied, atol=1e-12)


def findings(build: Any, num: int) -> list[str]:
    return [str(finding) for finding in lint_scheduler(torchs(build), num)]


def test_a_periodic_cosine_rises_53_times() -> None:
    first, *_ = findings(lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.01), 535)
    assert first == (
        "error: CosineAnnealingLR(T_max=5) is periodic and will rise again 53 times in 535 steps; "
        "did you mean T_max=535?"
    )


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 1000), "built for 1,000 steps, but 535 will run"),
        (lambda o: lr_scheduler.LambdaLR(o, lambda t: 1 + np.cos(t / 20)), "LambdaLR will rise again 4 times"),
        (
            lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, 300),
            "235 of 535 steps run at rate 0, the first one at step",
        ),
    ],
)
def test_other_mistakes(build: Any, says: str) -> None:
    assert any(says in finding for finding in findings(build, 535)), findings(build, 535)


@pytest.mark.parametrize(
    "build",
    [
        lambda o: lr_scheduler.CosineAnnealingLR(o, 535),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 107),
        lambda o: lr_scheduler.StepLR(o, 214),
        lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 32),
    ],
)
def test_nothing_is_said_of_what_is_right(build: Any) -> None:
    assert findings(build, 535) == []


@pytest.mark.parametrize(
    ("build", "num", "rule", "says"),
    [
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 100), 105, "horizon", "raises after 101 of 105 updates: ValueError"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0, 1000), 100, "unfinished warmup", "is to reach 1; a warmup of 5%"),
        (
            lambda o: hf.get_linear_schedule_with_warmup(o, 4000, 10**5),
            20,
            "unfinished warmup",
            "rate is 0.00475",
        ),
        (lambda o: hf.get_cosine_schedule_with_warmup(o, 100, 1000), 250, "horizon", "micro-batches, 4 to an update"),
        (lambda o: hf.get_linear_schedule_with_warmup(o, 10, 600), 500, "horizon", "for 600 steps, but 500 will run"),
        (lambda o: lr_scheduler.StepLR(o, 30, 0.1), 1000, "vanishing", "down to 1e-11 of its peak after a third"),
        (lambda o: lr_scheduler.ExponentialLR(o, 0.95), 1000, "vanishing", "step it once an epoch"),
        (lambda o: lr_scheduler.MultiStepLR(o, [800]), 500, "past the end", "its rate first falls at step 800"),
        (lambda o: ScheduledLR(o, "linear", total_steps=400), 200, "horizon", "for 400 steps, but 200 will run"),
        (lambda o: lr_scheduler.LambdaLR(o, lambda t: [1.0][t]), 3, "horizon", "raises after 1 of 3 updates: IndexErr"),
        (lr_scheduler.ReduceLROnPlateau, 9, "metric", "depends on a metric"),
        (lambda o: lr_scheduler.StepLR(o, 3), 0, "horizon", "at least one update: got 0"),
    ],
)
def test_what_will_run_is_judged_and_nothing_is_raised(build: Any, num: int, rule: str, says: str) -> None:
    first, *others = lint_scheduler(torchs(build), num)
    assert first.rule == rule
    assert says in str(first)
    assert all(finding.level == "note" for finding in others), others


@pytest.mark.parametrize("num", [1, 2, 50, 535])
@pytest.mark.parametrize(
    "build",
    [
        lambda num: lambda o: hf.get_cosine_schedule_with_warmup(o, num // 10, num),
        lambda num: lambda o: hf.get_inverse_sqrt_schedule(o, num // 10),
        lambda num: lambda o: hf.get_constant_schedule(o),
        lambda num: lambda o: lr_scheduler.OneCycleLR(o, 1.0, num),
        lambda num: lambda o: lr_scheduler.ExponentialLR(o, 0.01 ** (1 / num)),
        lambda num: lambda o: ScheduledLR(o, "warmup(10%) > cosine(to=0.1)", total_steps=num),
        lambda num: lambda o: lr_scheduler.CyclicLR(o, 0.1, 1.0, num, cycle_momentum=False),
    ],
)
def test_what_fits_its_run_is_at_most_a_note(build: Any, num: int) -> None:
    if num == 1 and "OneCycle" in type(torchs(build(2))).__name__:
        return  # torch itself divides by zero there
    assert [finding for finding in lint_scheduler(torchs(build(num)), num) if finding.level != "note"] == []


def test_torchs_plateau_cannot_be_known_before() -> None:
    with pytest.raises(ScheduleError, match="ends before the run does: after 4 of 9 updates it raises ValueError"):
        preview(torchs(lambda o: lr_scheduler.OneCycleLR(o, 1.0, 3)), 9)
    with pytest.raises(ScheduleError, match="depends on a metric"):
        preview(torchs(lr_scheduler.ReduceLROnPlateau), 5)


def test_the_loop_takes_torchs_schedulers() -> None:
    from lrscope.training.loop import steps

    model = torch.nn.Linear(2, 1)
    opt = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = lr_scheduler.StepLR(opt, 2, 0.1)
    batches = ([torch.ones(4, 2)] for _ in itertools.count())
    run = steps(model, opt, batches, lambda m, x: (m(x).square().sum(), 4.0), scheduler)
    assert [next(run).learning_rate for _ in range(5)] == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005])
