"""Range tests on the corpus: which ramp and which rule foretell the best rate, beside the prior and together with it.

    python benchmarks/landscapes/ramps.py [--write docs/range-test.md] [rows.jsonl …]

Tables of docs/range-test.md, from the range tests of ramps.parquet (record_ramps.py) and from more that are named;
--write puts them there, and what `lrscope find` says of them into src/lrscope/priors/range_tests.json. What the prior
says of a setting, and the bias and spread of a rule, are those without the setting's own model.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from landscape import landscapes
from left_out import prior_of
from ramp_curves import CURVES, RecordedRamp, read_ramps
from rate_scores import (
    Case,
    Places,
    Said,
    Score,
    alone,
    best_elsewhere,
    inside,
    mean_interval,
    prior_center,
    prior_start,
    shifted,
    with_prior,
)
from record_ramps import ramps

from lrscope.priors.range_tests import FILE, RangeTestsMeasured
from lrscope.range_test.bracket import bracket_of
from lrscope.range_test.curve import Curve
from lrscope.range_test.suggest import RULES
from page_tables import printed_into

MIDDLE = "middle of the bracket"
DEFAULT = "default"
ENOUGH_RATES = 6
WITH = ", with the prior"
WAYS: dict[str, Places] = {"": alone, ", shifted": shifted, WITH: with_prior}
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
    """Return the settings whose whole horizon was recorded with two seeds at least, at enough rates, by name."""
    known = (each for each in landscapes() if each.horizon == 1 and len(each.seeds) > 1)
    whole = (each for each in known if np.isfinite(each.mean).sum() >= ENOUGH_RATES)
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
    return "{:.2f} ({:.2f} to {:.2f})".format(*(round(each, 2) + 0.0 for each in mean_interval(values)))


def against(score: Score, prior: Score) -> str:
    """Return by how much a regret lies above the prior's, setting by setting, and in how many it is lower."""
    off, regret = score.off - prior.off, score.regret - prior.regret
    return f"{decades(off)} | {thousandths(regret)} | {(regret < 0).sum()} of {len(regret)}"


def table(of_rules: dict[str, list[Said]], ways: dict[str, Places]) -> None:
    """Print a ramp's rules, each in these ways, after the prior."""
    print(
        "| rate | answers | off by (decades) | regret (thousandths) | off, less the prior's | regret, less | lower in |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    some = of_rules[MIDDLE]
    prior = Score.of(some, prior_center)
    row("the prior's middle", some, prior_center, prior)
    row("the prior's start", some, prior_start, prior)
    row("the prior's middle, held inside the bracket", some, inside, prior)
    for name, said in of_rules.items():
        for words, way in ways.items():
            row(f"{name}{words}", said, way, prior)
    chosen, which = best_elsewhere({name: Score.of(said, with_prior) for name, said in of_rules.items()}, some)
    line(f"the rule that is best of other models ({', '.join(which)}), with the prior", "", chosen, prior)


def row(name: str, said: Sequence[Said], way: Places, prior: Score) -> None:
    """Print a way to a rate."""
    answered = np.mean([np.isfinite(each.places).mean() for each in said])
    line(name, "" if way in (prior_center, prior_start) else f"{answered:.0%}", Score.of(said, way), prior)


def line(name: str, answers: str, score: Score, prior: Score) -> None:
    """Print a score."""
    print(f"| {name} | {answers} | {decades(score.off)} | {thousandths(score.regret)} | {against(score, prior)} |")


def costs(tests: Sequence[RecordedRamp], known: dict[str, Case]) -> str:
    """Return how many updates a range test takes, and how many full runs of its setting they are, in the middle."""
    steps = np.array([len(test.losses) for test in tests if test.setting in known])
    whole = [known[test.setting].landscape.setting.total_steps for test in tests if test.setting in known]
    return f"{np.median(steps):.0f} updates, {np.median(steps / whole):.2f} full runs in the middle"


def groups(of_rules: dict[str, list[Said]], rules: Sequence[str]) -> None:
    """Print the regret by kind of setting: the prior's, these rules' alone, and the prior's with each of them."""
    columns = ["the prior's middle", *(f"{rule}{words}" for rule in rules for words in ("", WITH))]
    print(f"| settings | number | {' | '.join(columns)} |\n| --- | --- |{' --- |' * len(columns)}")
    for name, belongs in GROUPS.items():
        chosen = [place for place, each in enumerate(of_rules[MIDDLE]) if belongs(each.case)]
        if not chosen:
            continue
        scores = [Score.of(of_rules[MIDDLE], prior_center)]
        scores += [Score.of(of_rules[rule], way) for rule in rules for way in (alone, with_prior)]
        cells = [f"{decades(each.off[chosen])}; {thousandths(each.regret[chosen])}" for each in scores]
        print(f"| {name} | {len(chosen)} | {' | '.join(cells)} |")


def measured(of_rules: dict[str, list[Said]]) -> RangeTestsMeasured:
    """Return what `lrscope find` says of these tests: of trainings by AdamW, of which the prior knows."""
    of_adamw = {
        name: [each for each in said if each.case.landscape.setting.optimizer == "adamw"]
        for name, said in of_rules.items()
    }
    some = of_adamw[MIDDLE]
    prior, test = Score.of(some, prior_center), Score.of(some, alone)
    together, _ = best_elsewhere({name: Score.of(said, with_prior) for name, said in of_adamw.items()}, some)
    alike = [f"{each.case.model} {each.case.landscape.setting.part}" for each in some]
    middle, low, high = (round(each, 3) for each in mean_interval(together.off - prior.off, alike))
    missed = [round(float(each.off.mean()), 3) for each in (prior, test, together)]
    return RangeTestsMeasured(len(some), missed[0], missed[1], missed[2], (middle, low, high))


def tables(tests: Sequence[RecordedRamp], *, whole: bool) -> RangeTestsMeasured:
    """Print the tables of every ramp, and return what was measured with the default one."""
    known, found = cases(), None
    for ramp in ramps(0.0):
        of_ramp = [test for test in tests if test.ramp == ramp]
        of_rules = {name: said_of(rule, of_ramp, known) for name, rule in ALL_RULES.items()}
        some = of_rules[MIDDLE]
        if not some:
            continue
        print(f"\n### {ramp}: {len(some)} settings, {costs(of_ramp, known)}\n")
        table(of_rules, WAYS if ramp == DEFAULT or whole else {WITH: with_prior})
        if ramp == DEFAULT or whole:
            print()
            groups(of_rules, (MIDDLE, "divergence / 10", "valley"))
        if ramp == DEFAULT:
            found = measured(of_rules)
            print(f'\nOf AdamW\'s: {asdict(found)}\n\n`lrscope find`: "{found.sentence}"')
    assert found is not None, "ramps.parquet has range tests of the default ramp"
    return found


def main() -> None:
    """Print the tables, or write them to the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--all", action="store_true", help="of every ramp what is printed of the default one")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    tests = list({test.key: test for path in (*options.files, CURVES) for test in read_ramps(path)}.values())
    with printed_into(options.write, "benchmarks/landscapes/ramps.py"):
        found = tables(tests, whole=options.all)
    if options.write is not None:
        FILE.write_text(json.dumps(asdict(found), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
