"""Whether anything was learned: which arms are shown to be better than guessing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lrscope.statistics.multiplicity import best_critical, effective_freedom


@dataclass(frozen=True)
class Learned:
    """What guessing gets by the decision metric, and whether each arm is shown to be better; None without a value."""

    baseline: float
    arms: tuple[bool | None, ...]

    @property
    def anything(self) -> bool:
        """Whether any arm is shown to be better than guessing."""
        return any(self.arms)


def above_baseline(
    values: Sequence[Sequence[float]], example_errors: Sequence[float], baseline: float, baseline_error: float,
    *, seed_sd: float, error: float, maximize: bool = True,
) -> Learned:  # fmt: skip
    """Compare arms with guessing; `values` are each arm's over seeds, `example_errors` their standard errors.

    One-sided, for all arms at once (Dunnett's comparisons with a control): better by more than c standard errors, where
    error² = s²/S + e² + g², s² the variance over seeds pooled over arms, e of the examples, and g of the guess on
    them, as if arm and guess were right independently of each other: cautious. `seed_sd` is taken for s where each arm
    has one seed; nothing where that is not known, and the statement is then of these seeds.

    >>> above_baseline([[0.5, 0.52], [0.26, 0.27]], [0.015] * 2, 0.25, 0.013, seed_sd=0.01, error=0.05).arms
    (True, False)
    """
    known = [each for each in values if each]
    means = [sum(each) / len(each) if each else math.nan for each in values]
    freedom = float(sum(len(each) - 1 for each in known))
    squares = sum((value - sum(each) / len(each)) ** 2 for each in known for value in each)
    variance = squares / freedom if freedom else seed_sd**2 if math.isfinite(seed_sd) else 0.0
    better: list[bool | None] = []
    for each, mean, example_error in zip(values, means, example_errors, strict=True):
        if not each:
            better.append(None)
            continue
        seeds = variance / len(each)
        examples = sum(part**2 for part in (example_error, baseline_error) if math.isfinite(part))
        total = seeds + examples
        share = round(seeds / total, 2) if total > 0.0 else 0.0
        nu = effective_freedom(share, freedom, error / len(known)) if freedom else math.inf
        reach = best_critical(len(known) + 1, nu, error) * math.sqrt(total)
        better.append((mean - baseline if maximize else baseline - mean) > reach)
    return Learned(baseline, tuple(better))
