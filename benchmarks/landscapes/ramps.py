"""Range tests on the corpus: which ramp and which rule foretell the best rate, beside the prior and together with it.

    python benchmarks/landscapes/ramps.py [rows.jsonl …]

Tables of docs/range-test.md, from the range tests of ramps.parquet (record_ramps.py) and from more that are named. What
the prior says of a setting, and the bias and spread of a rule, are those without the setting's own model.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from landscape import landscapes
from left_out import prior_of
from ramp_curves import CURVES, RecordedRamp, read_ramps
from rate_scores import (
    Case,
    Places,
    Said,
    Score,
    alone,
    inside,
    mean_interval,
    prior_center,
    prior_start,
    reliability,
    shifted,
    with_prior,
)
from record_ramps import ramps

from lrscope.range_test.bracket import bracket_of
from lrscope.range_test.curve import Curve
from lrscope.range_test.suggest import RULES

MIDDLE = "middle of the bracket"
Rule = Callable[[Curve], float | None]


def middle(curve: Curve) -> float | None:
    """Return the middle of a curve's bracket, on the logarithm."""
    bracket = bracket_of([curve])
    return None if bracket.low is None or bracket.high is None else math.sqrt(bracket.low * bracket.high)


ALL_RULES: dict[str, Rule] = {**RULES, MIDDLE: middle}
GROUPS: dict[str, Callable[[Case], bool]] = {
    "SFT of SmolLM2-135M, LoRA and full": lambda case: case.landscape.setting.is_sft,
    "classification, LoRA": lambda case: not case.landscape.setting.is_sft and case.landscape.setting.part == "lora",
    "classification, full": lambda case: not case.landscape.setting.is_sft and case.landscape.setting.part == "full",
    "classification, head alone": lambda case: case.landscape.setting.part == "head",
    "the prior is narrow (find shows it)": lambda case: case.prior.is_narrow,
    "the prior is wide": lambda case: not case.prior.is_narrow,
}


def cases() -> dict[str, Case]:
    """Return the settings whose whole horizon was recorded with two seeds at least, by name."""
    whole = (each for each in landscapes() if each.horizon == 1 and len(each.seeds) > 1)
    return {each.setting.name: Case(each, prior_of(each.setting)) for each in whole}


def said_of(rule: Rule, tests: Sequence[RecordedRamp], known: dict[str, Case]) -> list[Said]:
    """Return what a rule says of each setting, seed by seed."""
    found = []
    for name, case in known.items():
        rates = [rule(test.curve()) for test in tests if test.setting == name]
        if rates:
            found.append(Said(case, np.array([math.nan if rate is None else math.log10(rate) for rate in rates])))
    return found


def thousandths(values: np.ndarray) -> str:
    """Return a mean over settings in thousandths, with its interval."""
    mean, low, high = mean_interval(values)
    return f"{1000 * mean:.0f} ({1000 * low:.0f} to {1000 * high:.0f})"


def decades(values: np.ndarray) -> str:
    """Return a mean over settings in decades, with its interval."""
    return "{:.2f} ({:.2f} to {:.2f})".format(*mean_interval(values))


def against(score: Score, prior: Score) -> str:
    """Return by how much a regret lies above the prior's, setting by setting, and in how many it is lower."""
    difference = score.regret - prior.regret
    return f"{thousandths(difference)} | {(difference < 0).sum()} of {len(difference)}"


def table(of_rules: dict[str, list[Said]]) -> None:
    """Print a ramp's rules: alone, with their bias taken off, and with the prior."""
    print("| rate | answers | off by (decades) | regret (thousandths) | against the prior's start | lower in |")
    print("| --- | --- | --- | --- | --- | --- |")
    some = next(iter(of_rules.values()))
    prior = Score.of(some, prior_start)
    row("the prior's start", some, prior_start, prior, answers="")
    row("the prior's centre", some, prior_center, prior, answers="")
    for name, said in of_rules.items():
        known = reliability(said)
        bias = "" if known is None else f" ({-known.bias:+.1f}, ± {known.spread:.1f})"
        row(name, said, alone, prior)
        row(f"{name}, shifted{bias}", said, shifted, prior)
        row(f"{name}, with the prior", said, with_prior, prior)
    row("the prior's start, held inside the bracket", of_rules[MIDDLE], inside, prior)


def row(name: str, said: Sequence[Said], way: Places, prior: Score, answers: str | None = None) -> None:
    """Print a way to a rate."""
    score = Score.of(said, way)
    share = f"{np.mean([np.isfinite(each.places).mean() for each in said]):.0%}" if answers is None else answers
    print(f"| {name} | {share} | {decades(score.off)} | {thousandths(score.regret)} | {against(score, prior)} |")


def costs(tests: Sequence[RecordedRamp], known: dict[str, Case]) -> str:
    """Return how many updates a range test takes, and how many full runs of its setting they are, in the middle."""
    steps = np.array([len(test.losses) for test in tests if test.setting in known])
    whole = [known[test.setting].landscape.setting.total_steps for test in tests if test.setting in known]
    return f"{np.median(steps):.0f} updates, {np.median(steps / whole):.2f} full runs in the middle"


def groups(of_rules: dict[str, list[Said]], rules: Sequence[str]) -> None:
    """Print the regret by kind of setting: the prior's, and the prior's with each of these rules."""
    columns = ["the prior's start", *(f"{rule}, {way}" for rule in rules for way in ("alone", "with the prior"))]
    print(f"| settings | number | {' | '.join(columns)} |\n| --- | --- |{' --- |' * len(columns)}")
    for name, belongs in GROUPS.items():
        some = next(iter(of_rules.values()))
        chosen = [place for place, each in enumerate(some) if belongs(each.case)]
        if not chosen:
            continue
        scores = [Score.of(some, prior_start)]
        scores += [Score.of(of_rules[rule], way) for rule in rules for way in (alone, with_prior)]
        cells = [thousandths(score.regret[chosen]) for score in scores]
        print(f"| {name} | {len(chosen)} | {' | '.join(cells)} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    tests = list({test.key: test for path in (*options.files, CURVES) for test in read_ramps(path)}.values())
    known = cases()
    for ramp in ramps(0.0):
        of_ramp = [test for test in tests if test.ramp == ramp]
        of_rules = {name: said_of(rule, of_ramp, known) for name, rule in ALL_RULES.items()}
        some = of_rules[MIDDLE]
        if not some:
            continue
        print(f"\n### {ramp}: {len(some)} settings, {costs(of_ramp, known)}\n")
        table(of_rules)
        print()
        groups(of_rules, (MIDDLE, "divergence / 10", "minimum / 10"))


if __name__ == "__main__":
    main()
