"""How well `lrscope prior` foretells families of models that it has not seen: its intervals, and what its centre costs.

    python benchmarks/priors.py [--write docs/priors.md]

Every family of the evidence is left out in turn, the variances are fitted to the rest, and the question of each of its
landscapes is asked as the command asks it: of new data, by a model of an unknown family. Landscapes whose best rate
lies beyond their grid are left out. Tables of docs/priors.md, printed as they stand there; --write puts them there.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np

from lrscope.priors.evidence import Evidence, Landscape, read_evidence
from lrscope.priors.fitting import REGIME_METHODS, HeldOut, coverage, held_out
from lrscope.priors.model import COEFFICIENTS, Posterior
from lrscope.priors.question import Question
from lrscope.priors.regret import excess_at
from lrscope.priors.sentences import TITLES
from page_tables import printed_into

CONSTANTS = (1e-4, 2e-4, 3e-4, 5e-4, 1e-3)
OFF_FOR_LORA = ("head", "base", "alpha", "small_size", "small_full")
Rate = Callable[[Landscape], float]


@dataclass(frozen=True)
class Score:
    """What a rule's rates cost on landscapes that it did not see, and how far off they are, in decades."""

    regrets: np.ndarray
    errors: np.ndarray

    @staticmethod
    def of(landscapes: Sequence[Landscape], rate: Rate) -> Score:
        """Return the score of a rule that gives log10 of a rate for each landscape."""
        rates = [rate(each) for each in landscapes]
        regrets = [float(excess_at(each, np.array([at]))[0]) for each, at in zip(landscapes, rates, strict=True)]
        return Score(np.array(regrets), np.array([at - each.best for each, at in zip(landscapes, rates, strict=True)]))

    @property
    def cells(self) -> list[str]:
        """Return the mean, median and worst regret, and the root mean square error."""
        rms = math.sqrt(float((self.errors**2).mean()))
        return [
            f"{self.regrets.mean():.2%}",
            f"{np.median(self.regrets):.2%}",
            f"{self.regrets.max():.2%}",
            f"{rms:.2f}",
        ]


def known(found: Sequence[HeldOut], method: str = "lora", task: str = "sft") -> list[HeldOut]:
    """Return those of a method and a task whose best rate is known."""
    return [
        each for each in found
        if not each.landscape.edge and (each.landscape.at.method, each.landscape.at.task) == (method, task)
    ]  # fmt: skip


def starts(found: Sequence[HeldOut]) -> Rate:
    """Return the rule that the prior is: the rate to start at, for the landscapes that were held out."""
    at = {each.landscape.name: each.prior.start_log10 for each in found}
    return lambda landscape: at[landscape.name]


def centers(found: Sequence[HeldOut]) -> Rate:
    """Return the centre of the prior as a rule."""
    at = {each.landscape.name: each.prior.center_log10 for each in found}
    return lambda landscape: at[landscape.name]


def row(*cells: str) -> None:
    """Print a row of a table."""
    print(f"| {' | '.join(cells)} |")


def head(*cells: str) -> None:
    """Print the head of a table."""
    print()
    row(*cells)
    row(*["---"] * len(cells))


def by_family(found: Sequence[HeldOut]) -> None:
    """Print the interval's coverage and the regret of each family that was left out."""
    head("left out", "landscapes", "interval holds the best", "off by (decades)", "interval ± (decades)", "mean regret",
         "of 3e-4")  # fmt: skip
    families = dict.fromkeys(each.landscape.at.family for each in found)
    for family in families:
        of_family = [each for each in found if each.landscape.at.family == family]
        landscapes = [each.landscape for each in of_family]
        score, constant = Score.of(landscapes, starts(found)), Score.of(landscapes, always(3e-4))
        half = np.mean([1.2816 * each.prior.sd for each in of_family])
        row(family, str(len(of_family)), f"{coverage(of_family):.0%}", f"{score.errors.mean():+.2f}", f"{half:.2f}",
            f"{score.regrets.mean():.2%}", f"{constant.regrets.mean():.2%}")  # fmt: skip
    means = {
        family: [Score.of([e.landscape for e in found if e.landscape.at.family == family], rate).regrets.mean()
                 for rate in (starts(found), always(3e-4))]
        for family in families
    }  # fmt: skip
    better = sum(bool(ours < constant) for ours, constant in means.values())
    each_counts = np.mean([coverage([e for e in found if e.landscape.at.family == family]) for family in families])
    row("**all**", str(len(found)), f"**{coverage(found):.1%}**", "", "", "", "")
    print(f"\nEvery family counting the same, the interval holds {each_counts:.1%}. "
          f"The start costs less than 3e-4 in {better} of {len(families)} families.")  # fmt: skip


def kinds(found: Sequence[HeldOut]) -> None:
    """Print how every method and task is foretold: by the start, and by the middle; and so for each source."""
    head("method", "task", "landscapes", "families", "coverage", "interval ± (decades)", "mean regret", "of the middle",
         "worst", "rms error of the middle (decades)")  # fmt: skip

    def line(method: str, task: str, some: Sequence[HeldOut]) -> None:
        landscapes = [each.landscape for each in some]
        start, middle = Score.of(landscapes, starts(some)).cells, Score.of(landscapes, centers(some)).cells
        half = np.mean([1.2816 * each.prior.sd for each in some])
        row(method, task, str(len(some)), str(len({each.at.family for each in landscapes})), f"{coverage(some):.1%}",
            f"{half:.2f}", start[0], middle[0], start[2], middle[3])  # fmt: skip

    for method, task in dict.fromkeys((each.landscape.at.method, each.landscape.at.task) for each in found):
        if some := known(found, method, task):
            line(method, task, some)
    inside = [each for each in found if not each.landscape.edge]
    ours = [each for each in inside if "corpus" in each.landscape.source]
    line("all", "of our corpus", ours)
    line("all", "of the public sweep", [each for each in inside if each not in ours])


def always(rate: float) -> Rate:
    """Return the rule that is one rate."""
    return lambda _: math.log10(rate)


def nearest(rule: Rate) -> Rate:
    """Return the rule that takes, of the rates that were trained and did not diverge, the nearest one."""

    def rate(landscape: Landscape) -> float:
        known = [at for at, cost in zip(landscape.rates, landscape.excess, strict=True) if math.isfinite(cost)]
        return min(known, key=lambda at: abs(at - rule(landscape)))

    return rate


def rules(evidence: Evidence, found: Sequence[HeldOut]) -> None:
    """Print the regret of the prior and of simple rules on the same landscapes."""
    landscapes = [each.landscape for each in found]
    large = [each for each in landscapes if each.at.parameters >= 1e9]
    head("rule", "mean regret", "median", "worst", "rms error (decades)", "mean, 1B and more", "worst, 1B and more")

    def line(name: str, rate: Rate) -> None:
        of_large = Score.of(large, rate).cells
        row(name, *Score.of(landscapes, rate).cells, of_large[0], of_large[2])

    line("**the prior's start**", starts(found))
    line("the prior's start, at the nearest rate that was trained", nearest(starts(found)))
    line("the prior's median", centers(found))
    for constant in CONSTANTS:
        line(f"constant {constant:g}", always(constant))
    line("the median of the other families", lambda each: median_of_others(evidence, each))
    line("tinker-cookbook's rule of the width", width_rule)


def median_of_others(evidence: Evidence, landscape: Landscape) -> float:
    """Return the median best rate of the other families' landscapes of the same method."""
    others = [
        each.best for each in evidence.landscapes
        if each.at.family != landscape.at.family and each.at.method == landscape.at.method
    ]  # fmt: skip
    return float(np.median(others))


def width_rule(landscape: Landscape) -> float:
    """Return 5e-4 · (2000 / width)^k, k = 0.781 for LLaMAs and 0.0775 for others: hyperparam_utils.get_lr of
    tinker-cookbook, which refuses families other than Llama and Qwen; these take Qwen's k here.
    """
    exponent = 0.781 if re.search("llama|smollm", landscape.at.family) else 0.0775
    return math.log10(5e-4) + exponent * math.log10(2000 / width(landscape.at))


def width(at: Question) -> float:
    """Return about how wide a model is: within a tenth for LLaMAs; the rule hardly depends on it for others."""
    dense = at.parameters / (10 if re.search(r"-a\d|kimi|deepseek|gpt-oss", at.model) else 1)
    return float(2048 * (dense / 1.24e9) ** 0.35)


def with_rule(evidence: Evidence, name: str, mean: float, sd: float) -> Evidence:
    """Return the evidence with another rule of a coefficient."""
    changed = [replace(rule, mean=mean, sd=sd) if rule.coefficient == name else rule for rule in evidence.rules]
    return replace(evidence, rules=tuple(changed))


def active(evidence: Evidence) -> Evidence:
    """Return the evidence with the active parameters of mixtures in the place of all."""
    names = {"deepseek-v3": 37e9, "kimi-k2": 32e9, "gpt-oss-120b": 5.1e9, "gpt-oss-20b": 3.6e9}

    def smaller(each: Landscape) -> Landscape:
        told = re.search(r"-a(\d+)b", each.at.model)
        size = float(told[1]) * 1e9 if told else names.get(each.at.family, names.get(each.at.model, each.at.parameters))
        return replace(each, at=replace(each.at, parameters=size))

    return replace(evidence, landscapes=tuple(map(smaller, evidence.landscapes)))


def covariates(evidence: Evidence) -> None:
    """Print what each covariate buys: the model without it, on the families left out."""
    posterior = Posterior(evidence, "lora").coefficients()
    head("model", "coefficient (decades a decade)", "coverage", "mean regret", "worst", "rms error (decades)",
         "mean, 1B and more", "worst, 1B and more")  # fmt: skip

    def line(name: str, coefficient: str, changed: Evidence) -> None:
        found = known(list(held_out(changed)))
        cells = Score.of([each.landscape for each in found], starts(found)).cells
        large = [each.landscape for each in found if each.landscape.at.parameters >= 1e9]
        of_large = Score.of(large, starts(found)).cells
        row(name, coefficient, f"{coverage(found):.1%}", cells[0], cells[2], cells[3], of_large[0], of_large[2])

    line("all of it", "", evidence)
    for name in COEFFICIENTS:
        if name not in OFF_FOR_LORA:
            at = posterior[name]
            line(f"without {name}", f"{at.mean:+.2f} ± {at.sd:.2f}", with_rule(evidence, name, 0.0, 1e-6))
    line("batch by its square root", "+0.50 ± 0.05", with_rule(evidence, "batch", 0.5, 0.05))
    line("active parameters of mixtures, not all", "", active(evidence))


def fitted_numbers(evidence: Evidence) -> None:
    """Print the rules with what the landscapes make of them, and the variances."""
    after = {regime: Posterior(evidence, method).coefficients() for regime, method in REGIME_METHODS.items()}
    head("coefficient", "beforehand", "why", "after the landscapes")
    for rule in evidence.rules:
        at = after["head" if rule.coefficient == "head" else "weights"][rule.coefficient]
        row(rule.coefficient, f"{rule.mean:+.2f} ± {rule.sd:.2f}", rule.source, f"{at.mean:+.2f} ± {at.sd:.2f}")
    head("standard deviation (decades) between", "families", "models", "data", "settings", "the rest")
    for method, variances in evidence.variances.items():
        row(TITLES[method], *(f"{value:.2f}" for value in astuple(variances)))


def main() -> None:
    """Print the tables, or write them to the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path)
    with printed_into(parser.parse_args().write, "benchmarks/priors.py"):
        tables()


def tables() -> None:
    """Print all of it."""
    evidence = read_evidence()
    found = list(held_out(evidence))
    print(f"{len(evidence.landscapes)} landscapes, {sum(not each.edge for each in evidence.landscapes)} of them with a "
          f"best rate inside of their grid; {len(evidence.rules)} rules")  # fmt: skip
    fitted_numbers(evidence)
    print("\n### LoRA, supervised fine-tuning")
    by_family(known(found))
    rules(evidence, known(found))
    print("\n### All that can be left out")
    kinds(found)
    print("\n### What each covariate buys (LoRA, supervised fine-tuning)")
    covariates(evidence)


if __name__ == "__main__":
    main()
