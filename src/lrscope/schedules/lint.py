"""What is likely wrong with a schedule, found before anything is trained.

Each rule is a function of a schedule and the run it is meant for. A finding has a level, a sentence and a fix:
an `error` cannot run or cannot be meant, a `warning` is likely a mistake, a `note` is worth knowing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from lrscope.errors import ScheduleError
from lrscope.number_text import counted
from lrscope.schedules.decays import Exponential
from lrscope.schedules.durations import Duration
from lrscope.schedules.horizon import Horizon
from lrscope.schedules.levels import Level
from lrscope.schedules.phase import Phase, phases, resolved_phases
from lrscope.schedules.schedule import Phases, Product, ResolvedSchedule, Schedule
from lrscope.schedules.step_decay import MultiStep

LONGEST_WARMUP = 1 / 3  # of the run
SMALLEST_SHARE = 1e-4  # a floor below it is more likely a rate than a share of the peak


@dataclass(frozen=True)
class Finding:
    """One thing that is likely wrong. `rule` names the rule that found it."""

    level: Literal["error", "warning", "note"]
    rule: str
    sentence: str
    fix: str

    def __str__(self) -> str:
        return f"{self.level}: {self.sentence}; {self.fix}"


def lint(
    schedule: Schedule,
    *,
    total_steps: int,
    steps_per_epoch: int,
    peak_rate: float | None = None,
    tokens_per_epoch: int | None = None,
    patience: int | None = None,
) -> list[Finding]:
    """Return what is likely wrong with a schedule in a run, errors first.

    `patience` is that of early stopping, which may end the run before its schedule does.

    >>> from lrscope.schedules.parser import parse
    >>> print(*lint(parse("cosine(length=5st)"), total_steps=535, steps_per_epoch=107))
    error: cosine(5st) reaches its end at step 5 of 535; did you mean 5ep?
    """
    run = Horizon(total_steps, steps_per_epoch, peak_rate, tokens_per_epoch=tokens_per_epoch)
    findings = list(_units(schedule, run))
    try:
        resolved = ResolvedSchedule(schedule, run)
    except ScheduleError as error:
        if not any(finding.level == "error" for finding in findings):
            sentence, _, fix = str(error).rpartition("; ")
            findings.insert(0, Finding("error", "fits the run", sentence, fix))
        return _ordered(findings)
    for rule in (_zero_rates, _long_warmup, _past_the_end, _small_shares, _vanishing, _empty_phases):
        findings += rule(resolved)
    if patience is not None and resolved.resolved.end < resolved(0 if run.total_steps == 1 else run.total_steps // 2):
        findings.append(
            Finding(
                "note",
                "early stopping",
                f"early stopping after {counted(patience, 'evaluation')} may end the run while the rate is still high: "
                "its endpoint is then not that of the complete schedule",
                "leave --patience out to compare schedules, or shorten the run",
            )
        )
    return _ordered(findings)


def horizon(planned: int, actual: int, why: str = "") -> list[Finding]:
    """Return a finding where a schedule was built for another number of steps than will run.

    >>> horizon(535, 535)
    []
    """
    if planned == actual:
        return []
    ends = (
        f"only the first {actual / planned:.0%} of it will run"
        if actual < planned
        else f"it stays at its final rate for the last {counted(actual - planned, 'step')}"
    )
    return [
        Finding(
            "error",
            "horizon",
            f"the schedule is built for {counted(planned, 'step')}, but {actual:,} will run"
            f"{': ' + why if why else ''}; {ends}",
            f"build it for {counted(actual, 'step')}",
        )
    ]


def _ordered(findings: list[Finding]) -> list[Finding]:
    order = {"error": 0, "warning": 1, "note": 2}
    return sorted(findings, key=lambda finding: order[finding.level])


# Units


def _units(schedule: Schedule, run: Horizon) -> Iterator[Finding]:
    """Look for lengths that make sense in another unit: `5st` in a run of 5 epochs, `500ep` in one of 535 steps."""
    for phase in dict.fromkeys(phases(schedule)):
        for item, index, duration in phase.durations():
            meant = _meant(schedule, phase, item.name, index, duration, run)
            if meant is not None:
                yield _unit_finding(phase, str(item.metadata.get("text") or item.name), duration, meant, run)


def _meant(
    schedule: Schedule, phase: Phase, name: str, index: int, duration: Duration, run: Horizon
) -> Duration | None:
    epochs = run.total_steps / run.steps_per_epoch
    if duration.unit == "st" and 0 < duration.value <= epochs and run.steps_per_epoch >= 5:
        meant = Duration(duration.value, "ep")
    elif duration.unit == "ep" and duration.value > epochs and float(duration.value).is_integer():
        meant = Duration(duration.value, "st")
        if duration.value > run.total_steps:
            return None
    else:
        return None
    value = getattr(phase, name)
    changed = (*value[:index], meant, *value[index + 1 :]) if isinstance(value, tuple) else meant
    try:
        settings: dict[str, Any] = {name: changed}
        other = _replaced(schedule, phase, dataclasses.replace(phase, **settings))
        ResolvedSchedule(other, run)
    except ScheduleError:
        # Several milestones in the wrong unit are each right only when the others are.
        return meant if isinstance(value, tuple) else None
    return meant


def _replaced(schedule: Schedule, old: Phase, new: Phase) -> Schedule:
    if schedule == old:
        return new
    if isinstance(schedule, Phases | Product):
        return type(schedule)(tuple(_replaced(part, old, new) for part in schedule.parts))
    return schedule


def _unit_finding(phase: Phase, name: str, duration: Duration, meant: Duration, run: Horizon) -> Finding:
    step = run.steps(duration)
    fix = f"did you mean {meant}?"
    if name == "length" and not phase.is_warmup:
        if duration.unit == "st":
            return Finding("error", "unit", f"{phase} reaches its end at step {step} of {run.total_steps}", fix)
        return Finding("error", "unit", f"{phase} would end at step {step}, the run has {run.total_steps}", fix)
    if duration.unit == "ep":
        return Finding(
            "error" if name == "length" else "warning",
            "unit",
            f"{name}={duration} in {phase} is step {step}, the run has {run.total_steps}",
            fix,
        )
    share = f"{100 * step / run.total_steps:.1f}%"
    return Finding(
        "warning", "unit", f"{name}={duration} in {phase} is {share} of a run of {run.total_steps} steps", fix
    )


# Shapes


def _zero_rates(resolved: ResolvedSchedule) -> Iterator[Finding]:
    zero = (resolved.factors() == 0.0).nonzero()[0]
    if len(zero):
        yield Finding(
            "warning",
            "rate zero",
            f"{len(zero)} of {resolved.total_steps} steps run at rate 0, the first one at step {zero[0]}: they cost "
            "time and change nothing",
            "end the run there, or raise to=",
        )


def _long_warmup(resolved: ResolvedSchedule) -> Iterator[Finding]:
    steps = resolved.warmup_steps
    if steps > LONGEST_WARMUP * resolved.total_steps:
        yield Finding(
            "warning",
            "long warmup",
            f"the warmup takes {steps} of {resolved.total_steps} steps, more than a third of the run",
            "a warmup of 5% to 10% is usual: write warmup(6%)",
        )


def _past_the_end(resolved: ResolvedSchedule) -> Iterator[Finding]:
    run = resolved.horizon
    for phase, _ in resolved_phases(resolved):
        milestones: tuple[Duration, ...] = getattr(phase, "at", ())
        last = run.total_steps - isinstance(phase, MultiStep)  # a line may lead to the end itself
        beyond = [milestone for milestone in milestones if run.steps(milestone) > last]
        if beyond:
            yield Finding(
                "warning",
                "past the end",
                f"{', '.join(map(str, beyond))} in {phase} lies beyond the run's {run.total_steps} steps and is never "
                "reached",
                "move it into the run, or leave it out",
            )
        for name in ("every", "period"):
            length: Duration | None = getattr(phase, name, None)
            if length is not None and not isinstance(phase, Exponential) and run.exact(length) >= run.total_steps:
                yield Finding(
                    "warning",
                    "past the end",
                    f"{name}={length} in {phase} is {run.steps(length)} steps, as long as the run of "
                    f"{run.total_steps} or longer, so it never changes the rate",
                    f"shorten {name}",
                )


def _small_shares(resolved: ResolvedSchedule) -> Iterator[Finding]:
    peak_rate = resolved.horizon.peak_rate
    for phase in dict.fromkeys(phases(resolved.schedule)):
        to = getattr(phase, "to", None)
        if isinstance(to, Level) and to.kind == "share" and 0 < to.value < SMALLEST_SHARE:
            rate = f", a rate of {to.value * peak_rate:.3g}" if peak_rate else ""
            yield Finding(
                "warning",
                "share or rate",
                f"to={to} in {phase} is a share of the peak{rate}",
                f"write to={to}lr if the rate {to} is meant",
            )


def _vanishing(resolved: ResolvedSchedule) -> Iterator[Finding]:
    """Look for decay by factors that leaves nothing of the rate for most of the run."""
    for phase, span in resolved_phases(resolved):
        if getattr(phase, "gamma", None) is None or span.num_steps < 10:
            continue
        import numpy as np

        early = span.start + span.num_steps // 3
        factor = float(phase.values(np.array([float(early)]), span)[0])
        if 0 < factor < 1e-4 * span.first:
            yield Finding(
                "warning",
                "vanishing",
                f"{phase} is down to {factor:.1g} of the peak after a third of its steps",
                "a longer every=, such as 1ep, or a larger gamma",
            )


def _empty_phases(resolved: ResolvedSchedule) -> Iterator[Finding]:
    for phase, span in resolved_phases(resolved):
        is_rounded = span.num_steps == 0 and phase.length is not None and phase.length.value
        if is_rounded and not phase.is_warmup:  # a warmup of nothing is only a very short run's
            yield Finding(
                "warning",
                "empty phase",
                f"{phase} is rounded to no step at all in a run of {resolved.total_steps}",
                "lengthen it, or leave it out",
            )
