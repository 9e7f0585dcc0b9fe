"""What docs/schedules.md says of other libraries' schedules: each row holds a claim that `test_peers.py` runs.

torch and transformers run; timm's and optax's values are golden, with their version and source in golden.json.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch.optim import lr_scheduler

from lrscope.schedules import parse

Array = NDArray[np.float64]
GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))


def stepped(build: Callable[[torch.optim.Optimizer], Any], num_steps: int, rate: float = 1.0) -> Array:
    """The rates that a torch scheduler gives when it is stepped after every update."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = build(optimizer)
        for _ in range(num_steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return np.array(rates, dtype=np.float64)


def golden(peer: str, name: str) -> Array:
    return np.array(GOLDEN[peer]["cases"][name]["values"], dtype=np.float64)


@dataclass(frozen=True)
class Row:
    """ours(t), laid over `total` steps of `per_epoch` an epoch, beside theirs(t + `later`).

    They agree on the steps from `same[0]` to `same[1]`, and somewhere from `differs[0]` to `differs[1]` they do not.
    """

    shape: str
    peer: str
    call: str
    formula: str
    ours: str
    theirs: Callable[[], Array]
    total: int
    verdict: str
    per_epoch: int = 1
    same: tuple[int, int | None] = (0, None)
    differs: tuple[int, int] | None = None
    later: int = 0

    def compared(self) -> tuple[Array, Array]:
        ours = (
            parse(self.ours).resolve(total_steps=self.total, steps_per_epoch=self.per_epoch).factors(0, self.total + 5)
        )
        theirs = self.theirs()[self.later :]
        num = min(len(ours), len(theirs))
        return ours[:num], theirs[:num]


def _torch(build: Callable[[torch.optim.Optimizer], Any], num: int = 25) -> Callable[[], Array]:
    return lambda: stepped(build, num)


def _golden(peer: str, name: str) -> Callable[[], Array]:
    return lambda: golden(peer, name)


hf: Any = transformers
SAME = "the same"
ROWS = (
    # constant
    Row("constant", "transformers", "get_constant_schedule", "1", "constant",
        _torch(hf.get_constant_schedule), 20, SAME),
    Row("constant", "optax", "constant_schedule", "1", "constant",
        lambda: golden("optax", "constant") / 0.5, 20, SAME),
    # linear
    Row("linear", "torch", "LinearLR(1.0, 0.1, T)", "1 + (to − 1) t / T", "linear(to=0.1)",
        _torch(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, 20)), 20, SAME),
    Row("linear", "transformers", "get_linear_schedule_with_warmup(0, T)", "(T − t) / T", "linear",
        _torch(lambda o: hf.get_linear_schedule_with_warmup(o, 0, 20)), 20, SAME),
    Row("linear", "timm", "PolyLRScheduler(T, power=1)", "1 − t / T", "linear",
        _golden("timm", "poly_power1_linear"), 20, SAME),
    Row("linear", "optax", "linear_schedule(1, 0.1, T)", "1 + (to − 1) t / T", "linear(to=0.1)",
        _golden("optax", "linear"), 20, SAME),
    # cosine
    Row("cosine", "torch", "CosineAnnealingLR(T, 0.01)", "to + (1 − to)(1 + cos πt/T) / 2, periodic", "cosine(to=0.01)",
        _torch(lambda o: lr_scheduler.CosineAnnealingLR(o, 20, 0.01)), 20,
        "the same to step T; then theirs rises again, ours is held", same=(0, 21), differs=(21, 25)),
    Row("cosine", "transformers", "get_cosine_schedule_with_warmup(0, T)", "(1 + cos πp) / 2, unclamped", "cosine",
        _torch(lambda o: hf.get_cosine_schedule_with_warmup(o, 0, 20)), 20,
        "the same to step T; then theirs rises again, ours is held", same=(0, 21), differs=(21, 25)),
    Row("cosine", "timm", "CosineLRScheduler(T, lr_min)", "to + (1 − to)(1 + cos πt/T) / 2", "cosine(to=0.01)",
        _golden("timm", "cosine_plain"), 20, SAME),
    Row("cosine", "optax", "cosine_decay_schedule(1, T, alpha)", "to + (1 − to)(1 + cos πt/T) / 2", "cosine(to=0.01)",
        _golden("optax", "cosine_decay_alpha001"), 20, SAME),
    # warmup
    Row("warmup from 0", "transformers", "get_…_with_warmup(W, T)", "t / W", "warmup(4st) > linear",
        _torch(lambda o: hf.get_linear_schedule_with_warmup(o, 4, 20)), 20,
        "theirs runs step 0 at rate 0 and is a step behind ours until the peak", same=(0, 3), later=1),
    Row("warmup from 0", "optax", "warmup_cosine_decay_schedule(0, 1, W, T)", "t / W", "warmup(4st) > cosine(to=0.01)",
        _golden("optax", "warmup_cosine"), 20,
        "theirs runs step 0 at rate 0 and is a step behind ours until the peak", same=(0, 3), later=1),
    Row("warmup from f", "torch", "LinearLR(f, 1.0, W)", "f + (1 − f) t / W", "warmup(5st, from=10%) > constant",
        _torch(lambda o: lr_scheduler.LinearLR(o, 0.1, 1.0, 4)), 20,
        "theirs reaches the peak at step W, ours at W − 1: ours over W + 1 steps is theirs"),
    Row("warmup from f", "timm", "CosineLRScheduler(…, warmup_prefix=True)", "f + (1 − f) t / W",
        "warmup(5st, from=10%) > constant", lambda: golden("timm", "cosine_warmup_prefix")[:5], 20,
        "theirs reaches the peak at step W, ours at W − 1: ours over W + 1 steps is theirs"),
    Row("warmup from f", "timm", "CosineLRScheduler(…), its default", "f + (1 − f) t / W, then cosine at t, not t − W",
        "warmup(5st, from=10%) > cosine(to=0.01)", _golden("timm", "cosine_warmup_noprefix"), 20,
        "theirs jumps into the cosine where the warmup ends and never reaches the peak", same=(0, 4),
        differs=(4, 19)),
    Row("warmup from f", "optax", "warmup_constant_schedule(f, 1, W)", "f + (1 − f) t / W",
        "warmup(6st, from=10%) > constant", _golden("optax", "warmup_constant"), 20,
        "theirs reaches the peak at step W, ours at W − 1: ours over W + 1 steps is theirs"),
    # after a warmup
    Row("decay after a warmup", "transformers", "get_linear_schedule_with_warmup(W, T)", "(T − t) / (T − W)",
        "warmup(4st) > linear", _torch(lambda o: hf.get_linear_schedule_with_warmup(o, 4, 20)), 20,
        "the same from step W on", same=(4, 20), differs=(0, 4)),
    Row("decay after a warmup", "transformers", "get_cosine_schedule_with_warmup(W, T)", "(1 + cos πp) / 2",
        "warmup(4st) > cosine", _torch(lambda o: hf.get_cosine_schedule_with_warmup(o, 4, 20)), 20,
        "the same from step W on", same=(4, 20), differs=(0, 4)),
    # restarts
    Row("restarts", "torch", "CosineAnnealingWarmRestarts(T₀, 2)", "(1 + cos πs/Tᵢ) / 2, Tᵢ = T₀ · 2ⁱ",
        "restarts(period=4st, multiplier=2)",
        _torch(lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, 2), 30), 28,
        "the same in the run; at its end theirs restarts, ours is held", same=(0, 28), differs=(28, 30)),
    Row("restarts", "transformers", "get_cosine_with_hard_restarts_…(0, T, 3)", "(1 + cos π(3p mod 1)) / 2",
        "restarts(period=6st)",
        _torch(lambda o: hf.get_cosine_with_hard_restarts_schedule_with_warmup(o, 0, 18, num_cycles=3)), 18, SAME),
    Row("restarts", "timm", "CosineLRScheduler(T₀, cycle_mul=2, cycle_decay=0.5)", "to + (γⁱ − to)(1 + cos πs/Tᵢ) / 2",
        "restarts(period=4st, multiplier=2, decay=0.5, to=0.01)",
        _golden("timm", "cosine_cycles_mul2_decay05_limit3"), 28, SAME),
    Row("restarts", "optax", "sgdr_schedule", "a warmup in every cycle",
        "warmup(2st) > cosine(6st, to=0.01) > warmup(2st) > cosine(to=0.01)", _golden("optax", "sgdr"), 20,
        "phases say the same; theirs begins each cycle at rate 0, ours where the last one ended", same=(2, 8),
        differs=(8, 9)),
    # jumps
    Row("step", "torch", "StepLR(5, 0.1)", "γ^⌊t/N⌋", "step(every=5st, gamma=0.1)",
        _torch(lambda o: lr_scheduler.StepLR(o, 5, 0.1), 20), 20, SAME),
    Row("step", "timm", "StepLRScheduler(5, 0.1)", "γ^⌊t/N⌋", "step(every=5st, gamma=0.1)",
        lambda: golden("timm", "step_decay5")[:20], 20, SAME),
    Row("step", "optax", "exponential_decay(1, 5, 0.5, staircase=True)", "γ^⌊t/N⌋", "step(every=5st, gamma=0.5)",
        lambda: golden("optax", "exponential_staircase")[:20], 20, SAME),
    Row("multistep", "torch", "MultiStepLR([5, 12, 18], 0.1)", "γ^(milestones ≤ t)",
        "multistep(at=[5st, 12st, 18st], gamma=0.1)",
        _torch(lambda o: lr_scheduler.MultiStepLR(o, [5, 12, 18], 0.1)), 20, SAME),
    Row("multistep", "timm", "MultiStepLRScheduler([5, 12, 18], 0.1)", "γ^(milestones ≤ t + 1)",
        "multistep(at=[4st, 11st, 17st], gamma=0.1)", _golden("timm", "multistep_5_12_18"), 20,
        "theirs drops a step before each milestone: ours a step earlier is theirs"),
    Row("multistep", "optax", "piecewise_constant_schedule(1, {6: 0.5, 12: 0.1})", "Π scales ≤ t",
        "multistep(at=[6st], gamma=0.5) * multistep(at=[12st], gamma=0.1)",
        lambda: golden("optax", "piecewise_constant")[:18], 18, "the same; a factor each is a product here"),
    # smooth
    Row("exponential", "torch", "ExponentialLR(0.9)", "γ^t", "exponential(gamma=0.9, every=1st)",
        _torch(lambda o: lr_scheduler.ExponentialLR(o, 0.9), 20), 20, SAME),
    Row("exponential", "optax", "exponential_decay(1, 5, 0.5)", "γ^(t/N)", "exponential(gamma=0.5, every=5st)",
        lambda: golden("optax", "exponential_smooth")[:20], 20, SAME),
    Row("polynomial", "torch", "PolynomialLR(T, 2)", "(1 − t/T)^power", "polynomial(power=2)",
        _torch(lambda o: lr_scheduler.PolynomialLR(o, 20, 2.0)), 20, SAME),
    Row("polynomial", "transformers", "get_polynomial_decay_…(0, T, 0.01, 2)", "to + (1 − to)(1 − p)^power",
        "polynomial(power=2, to=0.01)",
        _torch(lambda o: hf.get_polynomial_decay_schedule_with_warmup(o, 0, 20, lr_end=0.01, power=2.0)), 20, SAME),
    Row("polynomial", "timm", "PolyLRScheduler(T, power=2, lr_min)", "to + (1 − to)(1 − t/T)^power",
        "polynomial(power=2, to=0.01)", _golden("timm", "poly_power2"), 20, SAME),
    Row("polynomial", "optax", "polynomial_schedule(1, 0.01, 2, T)", "to + (1 − to)(1 − t/T)^power",
        "polynomial(power=2, to=0.01)", _golden("optax", "polynomial_power2"), 20, SAME),
    Row("inverse_sqrt", "transformers", "get_inverse_sqrt_schedule(W, timescale=10)", "√(τ / (τ + t − W))",
        "warmup(4st) > inverse_sqrt(timescale=10st)",
        _torch(lambda o: hf.get_inverse_sqrt_schedule(o, 4, timescale=10), 20), 20, "the same from step W on",
        same=(4, 20), differs=(0, 4)),
    # phases
    Row("sqrt", "transformers", "get_wsd_schedule(…, decay_type=\"1-sqrt\")", "1 − √p",
        "warmup(4st) > hold > sqrt(6st)",
        _torch(lambda o: hf.get_wsd_schedule(o, 4, 6, num_training_steps=20, decay_type="1-sqrt")), 20,
        "the same from step W on", same=(4, 20), differs=(0, 4)),
    Row("wsd", "transformers", "get_wsd_schedule(W, D, T)", "warmup, 1, then (1 + cos πp) / 2",
        "warmup(4st) > hold > cosine(6st)",
        _torch(lambda o: hf.get_wsd_schedule(o, 4, 6, num_training_steps=20)), 20,
        "the same from step W on; `wsd` here decays by 1 − √p, as in its papers", same=(4, 20),
        differs=(0, 4)),
    Row("wsd", "optax", "join_schedules(…)", "warmup, 1, then 1 − p", "warmup(4st) > hold(10st) > linear",
        _golden("optax", "join_wsd"), 20, "the same from step W on", same=(4, 20), differs=(0, 4)),
    Row("one_cycle", "torch", "OneCycleLR(1, T, pct_start=0.25)", "from 1/25 to 1 at 0.25 T − 1, to 4e-6 at T − 1",
        "one_cycle(up=25%)",
        _torch(lambda o: lr_scheduler.OneCycleLR(o, 1.0, 20, pct_start=0.25, cycle_momentum=False), 20), 20,
        "the same rise; theirs falls from step 0.25 T − 1 and runs its last step at the floor, ours falls from 0.25 T "
        "and would reach it at T", same=(0, 5), differs=(5, 20)),
    Row("one_cycle", "optax", "cosine_onecycle_schedule(T, 1)", "from 1/25 to 1 at ⌊0.3 T⌋, to 4e-6 at T",
        "warmup(7st, from=4%, shape=cosine) > cosine", _golden("optax", "cosine_onecycle"), 20,
        "theirs reaches the peak at step W, ours at W − 1: ours over W + 1 steps rises as theirs does",
        same=(0, 7), differs=(7, 20)),
    Row("piecewise", "optax", "piecewise_interpolate_schedule(\"linear\", …)", "straight lines",
        "piecewise(at=[0st, 6st, 12st, 18st], values=[1, 0.5, 0.05, 0.1])", _golden("optax", "piecewise_linear"), 20,
        SAME),
)  # fmt: skip


def table() -> str:
    """The table as docs/schedules.md must show it."""
    lines = ["| shape | beside | its formula | our text | |", "| --- | --- | --- | --- | --- |"]
    for row in ROWS:
        call = f"{row.peer} `{row.call}`"
        lines.append(f"| {row.shape} | {call} | {row.formula} | `{row.ours}` | {row.verdict} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201
