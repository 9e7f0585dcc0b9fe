"""Check-ups of simulated logs of which nothing is odd: how often each finding is said all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from tests.findings.simulated_logs import Plan, alone, healthy

from lrscope.findings.checkup.checkup import checkup
from lrscope.findings.checkup.dev_loss import rise_after_least

ALLOWED = 0.01
SHAPES = (
    "linear", "cosine", "constant", "cosine-floor", "stable-decay", "inverse-sqrt", "steps", "polynomial",
    "exponential",
)  # fmt: skip


def plans(number: int, seed: int) -> Iterator[Plan]:
    """Yield healthy trainings of all kinds: schedules, lengths, how often they log, how noisy they are."""
    rng = np.random.default_rng(seed)
    while number:
        steps, every = int(rng.choice([60, 150, 400, 1200, 3000])), int(rng.choice([1, 5, 10, 25, 50]))
        is_heavy = bool(rng.random() < 0.15)
        noise = float(rng.choice([0.005, 0.02, 0.1] if is_heavy else [0.005, 0.02, 0.1, 0.3]))
        plan = Plan(
            steps=steps, every=every, shape=str(rng.choice(SHAPES)), warmup=float(rng.choice([0.0, 0.03, 0.1])),
            peak=float(rng.choice([1e-5, 2e-4, 3e-3])), start=float(rng.choice([10.0, 2.4, 1.6, 0.7])), noise=noise,
            heavy=is_heavy, evaluations=int(rng.choice([0, 3, 5, 12])), epochs=float(rng.choice([1.0, 3.0])),
            dev_noise=float(rng.choice([0.001, 0.005, 0.015])), tells_total=bool(rng.random() < 0.6),
            digits=int(rng.choice([2, 4])), rate_digits=int(rng.choice([3, 17])),
            norms=bool(rng.random() < 0.7), seed=int(rng.integers(1 << 30)),
        )  # fmt: skip
        if steps // every >= 6:
            number -= 1
            yield replace(plan, end=plan.start * float(rng.choice([0.3, 0.6, 0.85])))


def alarms(number: int, seed: int) -> Counter[str]:
    """Count the logs of which each odd finding is said."""
    said: Counter[str] = Counter()
    for plan in plans(number, seed):
        run = healthy(plan).run()
        kinds = {each.kind for each in checkup(alone(run)) if each.IS_ODD}
        if rise_after_least([(point.position, point.value("dev", "loss")) for point in run.points]) is not None:
            kinds.add("dev-loss-rises")
        said.update(kinds)
    return said


@pytest.mark.parametrize(
    ("number", "seed"), [pytest.param(150, 1), pytest.param(500, 0, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_what_is_healthy_is_not_called_odd(number: int, seed: int) -> None:
    said = alarms(number, seed)
    print({kind: f"{times / number:.2%}" for kind, times in said.items()})  # noqa: T201
    assert all(times <= max(1, ALLOWED * number) for times in said.values()), said
