"""What schedules cost: all factors of a long run, and setting the rates of many groups, beside torch's SequentialLR.

    python benchmarks/schedules.py [--steps 1000000] [--groups 100]

The same three phases on both sides: linear warmup over 10%, constant to 70%, cosine to the end. torch's side is stepped
once an update, as it must be; ours is asked for the rate of a step and writes it into every group. Medians of five.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from time import perf_counter

import torch
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, SequentialLR

from lrscope.integrations.torch import ScheduledLR
from lrscope.schedules import parse
from lrscope.training.optimizer import set_rate

TEXT = "warmup(10%, from=1%) > hold(60%) > cosine"
REPEATS = 5


def median_seconds(run: Callable[[], object]) -> float:
    """Return the median time of a few runs."""
    seconds = []
    for _ in range(REPEATS):
        began = perf_counter()
        run()
        seconds.append(perf_counter() - began)
    return statistics.median(seconds)


def optimizer(num_groups: int) -> torch.optim.Optimizer:
    """Return an optimizer of so many groups whose own step does nothing worth timing."""
    return torch.optim.SGD([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(num_groups)], lr=1e-3)


def sequential(opt: torch.optim.Optimizer, total: int) -> SequentialLR:
    """Return torch's scheduler of the same phases."""
    first, second = total // 10, total * 7 // 10
    phases = [
        LinearLR(opt, 0.01, 1.0, first),
        ConstantLR(opt, 1.0),
        CosineAnnealingLR(opt, total - second),
    ]
    return SequentialLR(opt, phases, [first, second])


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--groups", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    total, num_groups, sample = options.steps, options.groups, 2000

    ours = median_seconds(lambda: parse(TEXT).resolve(total_steps=total, steps_per_epoch=total // 10).factors())
    one = optimizer(1)
    scheduler = sequential(one, total)

    def step_theirs(num: int, scheduler: SequentialLR) -> None:
        for _ in range(num):
            scheduler.step()

    theirs = median_seconds(lambda: step_theirs(sample, scheduler)) / sample * total
    print("| what | lrscope | torch SequentialLR | |\n| --- | --- | --- | --- |")
    print(f"| all factors of {total:,} steps | {1e3 * ours:.1f} ms | {theirs:.1f} s (from {sample:,} steps) | ", end="")
    print(f"{theirs / ours:,.0f}× |")

    many = optimizer(num_groups)
    schedule = parse(TEXT).resolve(total_steps=total, steps_per_epoch=total // 10)
    start = total // 2

    def set_ours() -> None:
        for step in range(start, start + sample):
            set_rate(many, 1e-3 * schedule(step))

    ours = median_seconds(set_ours) / sample
    theirs_many = sequential(optimizer(num_groups), total)
    theirs = median_seconds(lambda: step_theirs(sample, theirs_many)) / sample
    print(
        f"| rates of {num_groups} groups, a step | {1e6 * ours:.1f} µs | {1e6 * theirs:.1f} µs | {theirs / ours:.1f}× |"
    )

    as_torch = ScheduledLR(optimizer(num_groups), TEXT, total_steps=total, steps_per_epoch=total // 10)

    def step_as_torch() -> None:
        for _ in range(sample):
            as_torch._updates += 1  # an update, without the optimizer's own work
            as_torch.step()

    ours = median_seconds(step_as_torch) / sample
    print(f"| the same through ScheduledLR | {1e6 * ours:.1f} µs | {1e6 * theirs:.1f} µs | {theirs / ours:.1f}× |")


if __name__ == "__main__":
    main()
