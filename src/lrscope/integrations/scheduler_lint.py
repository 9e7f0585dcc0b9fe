"""What torch's schedulers will do over a run: simulated on an optimizer that trains nothing."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lrscope.errors import ScheduleError
from lrscope.integrations.scheduled_lr import ScheduledLR
from lrscope.schedules.lint import Finding, horizon

PERIODIC = ("CosineAnnealingWarmRestarts", "CyclicLR")  # these rise again because they are asked to
VANISHED = 1e-4  # of the peak: what decays below it within a third of the run was meant to be stepped less often
ENDLESS = 1e-15  # of the peak: what passes below it, and not to 0 at once, decays by factors and has no end to miss
BEYOND, MAX_BEYOND = 19, 100_000  # how far past the run a schedule's own end is looked for, in runs and in steps


def preview(scheduler: LRScheduler, num_steps: int) -> list[float]:
    """Return the first group's rates that a torch scheduler will give to the next updates, stepped once an update.

    The scheduler and its optimizer stay as they are.

    Raises:
        ScheduleError: the scheduler depends on a metric, or raises before these updates are over.
    """
    rates, error = _simulated(scheduler, num_steps)
    if error is not None:
        raise ScheduleError(
            f"{type(scheduler).__name__} ends before the run does: after {len(rates)} of {num_steps} updates it raises "
            f"{_one_line(error)}; build it for {num_steps} updates"
        )
    return rates


def lint_scheduler(scheduler: LRScheduler, num_steps: int) -> list[Finding]:
    """Return what is likely wrong with a torch scheduler that will be stepped once in each of `num_steps` updates.

    It is judged by the rates that it will give, on a copy that trains nothing; nothing is raised.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
    >>> print(lint_scheduler(cosine, 535)[0])
    error: CosineAnnealingLR(T_max=5) is periodic and will rise again 53 times in 535 steps; did you mean T_max=535?
    """
    if num_steps < 1:
        return [Finding("error", "horizon", f"a run has at least one update: got {num_steps}", "count its updates")]
    name = type(scheduler).__name__
    try:
        rates, error = _simulated(scheduler, num_steps + min(BEYOND * num_steps, MAX_BEYOND))
    except ScheduleError as why:
        sentence, _, fix = str(why).rpartition("; ")
        return [Finding("note", "metric", sentence, fix)]
    if error is not None and len(rates) <= num_steps:
        sentence = f"{name} raises after {len(rates)} of {num_steps} updates: {_one_line(error)}"
        return [Finding("error", "horizon", sentence, f"build it for {num_steps} updates")]
    run, beyond = rates[:num_steps], rates[num_steps:]
    rises = _rises(run)
    findings: list[Finding] = []
    if name in PERIODIC:
        pass
    elif rises:
        findings = [_rises_again(scheduler, rises, num_steps)]
    elif run[-1] == max(run) > run[-2:][0]:
        sentence = (
            f"{name} is still rising when the run ends: its rate is {run[-1]:.3g} after {num_steps} updates, and is to "
            f"reach {_peak_rate(scheduler):.3g}"
        )
        fix = f"a warmup of 5% to 10% of the {num_steps} updates is usual; count updates, not micro-batches or epochs"
        findings = [Finding("error", "unfinished warmup", sentence, fix)]
    else:
        findings = _unfinished_decay(name, run, beyond)
    return [*findings, *_vanishing(name, run), *_zero_rates(run)]


def _simulated(scheduler: LRScheduler, num_steps: int) -> tuple[list[float], Exception | None]:
    """Return the rates of these updates, and what the scheduler raised, after which there are no more."""
    if isinstance(scheduler, ReduceLROnPlateau):
        raise ScheduleError("ReduceLROnPlateau depends on a metric: its rates cannot be known before; watch it instead")
    groups = scheduler.optimizer.param_groups
    stand_in = torch.optim.SGD([dict(params=[torch.zeros(1, requires_grad=True)], lr=0.0) for _ in groups])
    for stand, group in zip(stand_in.param_groups, groups, strict=True):
        # Some schedulers keep their own figures in the groups.
        stand.update({name: value for name, value in group.items() if name == "lr" or name not in stand})
    twin = copy.deepcopy(scheduler, {id(scheduler.optimizer): stand_in})
    for member in _members(twin):
        if isinstance(member, ScheduledLR):
            stand_in.register_step_post_hook(member._count)
    rates: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(num_steps):
            rates.append(_rate(stand_in))
            stand_in.step()
            try:
                twin.step()
            except Exception as error:  # noqa: BLE001  a scheduler is anybody's code
                return rates, error
    return rates, None


def _members(scheduler: Any) -> Iterator[Any]:
    """Yield a scheduler, and those within it."""
    yield scheduler
    for inner in getattr(scheduler, "_schedulers", ()):
        yield from _members(inner)


def _rate(optimizer: Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def _peak_rate(scheduler: LRScheduler) -> float:
    group = scheduler.optimizer.param_groups[0]
    return float(group.get("max_lr", group.get("initial_lr", group["lr"])))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def _rises(rates: Sequence[float]) -> int:
    """Return how often the rate turns upwards after it has fallen."""
    count, falling = 0, False
    for before, after in itertools.pairwise(rates):
        if after < before:
            falling = True
        elif after > before and falling:
            count, falling = count + 1, False
    return count


def _rises_again(scheduler: LRScheduler, rises: int, num_steps: int) -> Finding:
    name, period = type(scheduler).__name__, getattr(scheduler, "T_max", None)
    if period is None:
        sentence = f"{name} will rise again {rises} times in {num_steps} steps after it fell"
        return Finding("warning", "rises again", sentence, "lengthen its period to the run")
    sentence = f"{name}(T_max={period}) is periodic and will rise again {rises} times in {num_steps} steps"
    return Finding("error", "rises again", sentence, f"did you mean T_max={num_steps}?")


def _unfinished_decay(name: str, run: Sequence[float], beyond: Sequence[float]) -> list[Finding]:
    """Look for a decay that ends, or turns, only after the run: it was counted in something else than updates.

    What goes on falling as far as is looked, such as an exponential decay, has no end to miss.
    """
    peak, end, last = max(run), len(run), len(run)
    slack = max(1, len(run) // 100)
    for step, (before, after) in enumerate(itertools.pairwise([run[-1], *beyond]), len(run)):
        if after > before:
            break
        if 0 < after < ENDLESS * peak:
            return []
        last = step
        if after < before:
            if before == peak and step - len(run) > slack:
                sentence = f"{name} stays at its peak for all {len(run)} steps: its rate first falls at step {step}"
                return [Finding("warning", "past the end", sentence, "shorten it to the run, or take a constant rate")]
            end = step
    has_ended = last < len(run) + len(beyond) - 1 or end < len(run) + 0.9 * len(beyond)
    if not has_ended or end - len(run) <= slack:
        return []
    finding = horizon(end, len(run), name)[0]
    ratio = end / len(run)
    if ratio > 1.5 and abs(ratio - round(ratio)) < 0.01 * ratio:
        hint = f"{finding.fix}: it may have counted micro-batches, {round(ratio)} to an update"
        return [Finding(finding.level, finding.rule, finding.sentence, hint)]
    return [finding]


def _vanishing(name: str, run: Sequence[float]) -> list[Finding]:
    """Look for a rate that is gone for most of the run: a decay meant in epochs that is stepped in every update."""
    early, peak = run[len(run) // 3], max(run)
    if len(run) < 10 or not 0 < early < VANISHED * peak:
        return []
    sentence = f"{name} is down to {early / peak:.1g} of its peak after a third of the {len(run)} steps"
    return [Finding("error", "vanishing", sentence, "step it once an epoch, or count its lengths in updates")]


def _zero_rates(run: Sequence[float]) -> list[Finding]:
    zero = [step for step, rate in enumerate(run) if rate == 0.0]
    if not zero:
        return []
    sentence = f"{len(zero)} of {len(run)} steps run at rate 0, the first one at step {zero[0]}"
    # Hugging Face's warmups all begin so.
    return [Finding("note" if zero == [0] else "warning", "rate zero", sentence, "they cost time and change nothing")]
