"""What the tests of `lrscope prior` would show were its model true: best rates drawn from it, families left out.

    python benchmarks/priors_drawn.py [--draws 40]

The landscapes of LoRA keep their models, data and standard errors; their best rates are drawn from the fitted model.
Every family with supervised fine-tuning is left out, the variances are fitted to the rest, and its landscapes are asked
about as of new data: with the data set that the others were on, as `benchmarks/priors.py` must, and with a new one.
Eight families on nearly one data set cannot say more of an interval than this.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from lrscope.priors.evidence import Evidence, Variances, read_evidence
from lrscope.priors.fitting import fit_variances
from lrscope.priors.model import GROUPS, OWN, Posterior, covariates, design, group_of

Z80 = 1.2816


def draw(evidence: Evidence, true: Variances, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return best rates drawn from the model, and what each would be on a data set of its own."""
    at = [each.at for each in evidence.landscapes]
    posterior = Posterior(evidence).coefficients()
    beta = np.array([each.mean for each in posterior.values()])
    best = design(at, evidence.rules)[0] @ beta + true.residual * rng.standard_normal(len(at))
    effects: dict[tuple[str, str], float] = {}
    slopes = {family: OWN * rng.standard_normal(len(OWN)) for family in {each.family for each in at}}
    elsewhere = np.zeros(len(at))
    for place, question in enumerate(at):
        best[place] += np.array(covariates(question)) @ slopes[question.family]
        for group in GROUPS:
            key = group, group_of(question, group)
            if key not in effects:
                effects[key] = getattr(true, group) * rng.standard_normal()
            best[place] += effects[key]
        elsewhere[place] = true.data * rng.standard_normal() - effects["data", question.data]
    return best, best + elsewhere


def scores(evidence: Evidence, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return of one draw how often the intervals hold, of the same data and of new, and their half width."""
    best, elsewhere = draw(evidence, evidence.variances["lora"], rng)
    errors = np.array([each.se for each in evidence.landscapes])
    measured = best + errors * rng.standard_normal(len(best))
    drawn = replace(
        evidence,
        landscapes=tuple(replace(e, best=float(b)) for e, b in zip(evidence.landscapes, measured, strict=True)),
    )
    same, new, halves = [], [], []
    for family in sorted({each.at.family for each in evidence.landscapes if each.at.task == "sft"}):
        rest = drawn.without_family(family)
        posterior = Posterior(replace(rest, variances={"lora": fit_variances(rest, "lora")}))
        for place, each in enumerate(drawn.landscapes):
            if each.at.family == family and not each.edge:
                answer = posterior.answer(replace(each.at, family="", model="", data=""))
                half = Z80 * answer.sd
                same.append(abs(measured[place] - answer.mean) <= half)
                new.append(abs(elsewhere[place] - answer.mean) <= half)
                halves.append(half)
    return float(np.mean(same)), float(np.mean(new)), float(np.mean(halves))


def main() -> None:
    """Print how often they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40)
    number = parser.parse_args().draws
    evidence = read_evidence()
    evidence = replace(evidence, landscapes=tuple(e for e in evidence.landscapes if e.at.method == "lora"))
    rng = np.random.default_rng(0)
    same, new, half = np.array([scores(evidence, rng) for _ in range(number)]).T
    low, high = np.quantile(same, [0.1, 0.9])
    print(
        f"{number} draws: the 80% interval, ± {half.mean():.2f} decades, holds {same.mean():.0%} of families left out "
        f"(of ten draws eight between {low:.0%} and {high:.0%}), and {new.mean():.0%} on new data"
    )


if __name__ == "__main__":
    main()
