"""Logs of trainings that never were, with a known cause of what is odd about them: what check-ups are tested on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrscope.records import Metric
from lrscope.runs.history import Told, run_of_entries
from lrscope.runs.measured import Entry
from lrscope.runs.run import Run
from lrscope.runs.runs import Runs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """A training: its schedule, how long it is, how noisy its losses are, and what is logged of it and how often.

    `length` is how many steps the schedule is for, the training's own where None; `digits` are those that losses are
    printed with after the point, `rate_digits` those of rates. With `tells_total` the record says how long the training
    was to be.
    """

    steps: int = 600
    every: int = 10
    shape: str = "linear"
    warmup: float = 0.06
    peak: float = 2e-4
    length: int | None = None
    start: float = 2.4
    end: float = 1.1
    noise: float = 0.05
    heavy: bool = False
    epochs: float = 3.0
    evaluations: int = 6
    dev_noise: float = 0.004
    digits: int = 4
    rate_digits: int = 17
    tells_total: bool = True
    stopped_at: int | None = None
    norms: bool = True
    seed: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)


def factors(plan: Plan) -> Floats:
    """Return the schedule's factor of every step, as Trainer applies it: the first step of a warmup is made at 0."""
    total = plan.length or plan.steps
    warmup = round(plan.warmup * total)
    step = np.arange(plan.steps, dtype=np.float64)
    part = np.clip((step - warmup) / max(1, total - warmup), 0.0, 1.0)
    after = {
        "linear": 1.0 - part,
        "cosine": 0.5 + 0.5 * np.cos(math.pi * part),
        "constant": np.ones_like(part),
        "cosine-floor": 0.1 + 0.45 * (1.0 + np.cos(math.pi * part)),
        "stable-decay": np.minimum(1.0, (1.0 - part) / 0.2),
        "inverse-sqrt": np.sqrt(max(1, warmup) / np.maximum(step, max(1, warmup))),
        "steps": 0.1 ** np.floor(part * 3.0),
        "polynomial": (1.0 - part) ** 2,
        "exponential": 0.05**part,
    }[plan.shape]
    return np.where(step < warmup, step / max(1, warmup), after)


def losses(plan: Plan, rng: np.random.Generator) -> Floats:
    """Return every step's loss: a power law, noise of one batch beside it, a little lower after every epoch."""
    step = np.arange(plan.steps, dtype=np.float64)
    course = plan.end + (plan.start - plan.end) * (1.0 + step / (0.03 * plan.steps + 1.0)) ** -0.8
    course -= 0.05 * (plan.start - plan.end) * np.floor(step / plan.steps * plan.epochs)
    noise = rng.standard_t(3, plan.steps) / math.sqrt(3.0) if plan.heavy else rng.standard_normal(plan.steps)
    return course * np.exp(plan.noise * noise)


def norms(plan: Plan, rng: np.random.Generator) -> Floats:
    """Return every step's gradient norm: large at first, then level, log-normal."""
    step = np.arange(plan.steps, dtype=np.float64)
    return (0.8 + 2.0 * np.exp(-step / (0.02 * plan.steps + 1.0))) * np.exp(0.25 * rng.standard_normal(plan.steps))


@dataclass(frozen=True)
class Log:
    """A training, step by step, and the dev losses at its evaluations: what a test breaks before it is written."""

    plan: Plan
    rates: Floats
    losses: Floats
    norms: Floats
    dev: Floats

    @property
    def evaluated(self) -> list[int]:
        """The steps at which there was an evaluation."""
        return [round(self.plan.steps * n / len(self.dev)) for n in range(1, len(self.dev) + 1)]

    def entries(self) -> list[dict[str, Any]]:
        """Return what Trainer would have logged: mean losses since the last entry, the rates that steps had."""
        plan, entries = self.plan, list[dict[str, Any]]()
        last = plan.stopped_at or plan.steps
        for step in range(plan.every, last + 1, plan.every):
            mean = float(np.mean(self.losses[step - plan.every : step]))
            rate = float(f"{self.rates[step - 1]:.{plan.rate_digits}g}")
            entry: dict[str, Any] = {
                "loss": round(mean, plan.digits), "learning_rate": rate,
                "epoch": round(step / plan.steps * plan.epochs, 2), "step": step,
            }  # fmt: skip
            if plan.norms:
                entry["grad_norm"] = float(self.norms[step - 1])
            entries.append(entry)
        entries += [
            {"eval_loss": float(value), "step": step, "epoch": round(step / plan.steps * plan.epochs, 2)}
            for step, value in zip(self.evaluated, self.dev, strict=True)
            if step <= last
        ]
        return sorted(entries, key=lambda entry: entry["step"])

    def run(self) -> Run:
        """Return the run that its record tells of."""
        plan = self.plan
        totals = (float(plan.steps), plan.epochs) if plan.tells_total else (math.nan, math.nan)
        told = Told(total_steps=totals[0], total_epochs=totals[1], settings=plan.settings)
        return run_of_entries([Entry.of(entry) for entry in self.entries()], told)


def healthy(plan: Plan) -> Log:
    """Return a training of which nothing is odd."""
    rng = np.random.default_rng(plan.seed)
    course = losses(plan, rng)
    at = [round(plan.steps * n / max(1, plan.evaluations)) for n in range(1, plan.evaluations + 1)]
    smooth = losses(replace(plan, noise=0.0), rng)
    dev = np.array([smooth[step - 1] * 1.05 for step in at]) * np.exp(plan.dev_noise * rng.standard_normal(len(at)))
    return Log(plan, plan.peak * factors(plan), course, norms(plan, rng), dev)


def alone(run: Run) -> Runs:
    """Return a comparison of one run alone."""
    return Runs("log", Metric("loss", "minimize"), (run,), {}, settings=run.settings, is_imported=True)
