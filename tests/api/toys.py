"""Functions that train in no time, for tests: a quadratic bowl, whose rates are too small, right and too large."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import numpy as np

import lrscope

RATES = [0.01, 0.3, 0.9]
STEPS = 8


def bowl(trial: lrscope.Trial) -> dict[str, Any]:
    """Descend from 1 towards 0 with noise; per-example scores are of 40 examples."""
    noise = np.random.default_rng(trial.seed)
    where = 1.0
    for step in range(1, STEPS + 1):
        where -= trial.lr * (where + 0.2 * noise.standard_normal())
        trial.report(step, loss=where**2, lr=trial.lr)
        if step == STEPS // 2:
            trial.report(dev_accuracy=1.0 - min(1.0, abs(where)))
    (trial.out / "weights.txt").write_text(str(where))
    print(f"at {where:.3f}")  # noqa: T201
    examples = np.random.default_rng(5).random(40)
    scores = np.clip(1.0 - np.abs(where) * examples, 0.0, 1.0)
    return {"dev_accuracy": scores.mean(), "scores": scores, "test_accuracy": 0.5}


def fails_at_the_largest(trial: lrscope.Trial) -> float:
    if trial.lr == max(RATES):
        print("about to fail")  # noqa: T201
        raise ValueError("this rate is\nnot for me")
    return trial.lr


def diverges_at_the_largest(trial: lrscope.Trial) -> float:
    trial.report(1, loss=1.0, dev_accuracy=0.5)
    with contextlib.suppress(Exception):  # as careless code does
        trial.report(2, loss=float("nan") if trial.lr == max(RATES) else 0.5)
    return 0.5 + trial.lr / 10


def dies_once(trial: lrscope.Trial) -> float:
    """Count attempts in the checkpoint folder, and die in the middle of the first one."""
    state = trial.checkpoint / "attempts"
    before = int(state.read_text()) if state.exists() else 0
    state.write_text(str(before + 1))
    assert not list(trial.out.iterdir()), "out is empty at every attempt"
    (trial.out / "part").write_text("x")
    if not before:
        os._exit(9)
    return float(before)
