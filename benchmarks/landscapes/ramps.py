"""Range tests on the corpus: which ramp and which rule foretell the best rate, beside the prior and together with it.

    python benchmarks/landscapes/ramps.py [--record] [--only 'stories-*'] [--seeds 3]

`--record` makes the curves that ramps.json lacks. Without it, tables are printed: for each ramp and rule, how far the
rate lies from the best recorded one and what it costs in dev log-loss, relatively, beside the prior's rate and the
rate that both give together. A rule's bias and spread, and the prior, are those of the other models' settings.
"""

from __future__ import annotations

import argparse
import fnmatch
import functools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from landscape import Landscape, landscapes
from make_priors import question as question_of
from settings import SETTINGS, Setting

from lrscope.config import FindConfig
from lrscope.priors.evidence import read_evidence
from lrscope.priors.model import Posterior
from lrscope.range_test.bracket import bracket_of
from lrscope.range_test.curve import Curve
from lrscope.range_test.suggest import RULES
from lrscope.schedules.ramp import RAMP_ENDED

CURVES = Path(__file__).with_name("ramps.json")
BELOW, ABOVE = 2.5, 1.5  # decades around the prior's centre
SGD = 1.5  # decades that its prior lies above AdamW's
MIDDLE = "middle of the bracket"


def ramps(centre: float) -> dict[str, FindConfig]:
    """Return the ramps that are compared; some are laid around the prior's centre."""
    near = FindConfig(start=10 ** (centre - BELOW), end=10 ** (centre + ABOVE))
    return {
        "default": FindConfig(),
        "around the prior": near,
        "around the prior, warm head": replace(near, warm_head=50),
        "around the prior, dev probe": replace(near, probe="dev", probe_size=128),
    }


@functools.cache  # asked for each ramp and rule
def prior_of(setting: Setting) -> tuple[float, float]:
    """Return centre and standard deviation of log10 of a setting's best rate, from the landscapes of other models."""
    evidence = read_evidence()
    others = tuple(each for each in evidence.landscapes if setting.model not in (each.at.model or ""))
    question = replace(question_of(setting, setting.total_steps), family="", model="", data="")
    answer = Posterior(replace(evidence, landscapes=others), question.method).answer(question)
    return answer.mean + (SGD if setting.optimizer == "sgd" else 0.0), answer.sd


# Curves


def record(setting: Setting, seeds: int, kept: dict[str, Any]) -> None:
    """Make a setting's range tests that are not kept yet."""
    from lrscope.runners.range_test import RangeTrial

    inputs = setting.inputs()
    for name, test in ramps(prior_of(setting)[0]).items():
        if test.warm_head and setting.part == "head":
            continue
        for seed in range(seeds):
            key = f"{setting.name}, {name}, {seed}"
            if key in kept:
                continue
            trial = RangeTrial(inputs, test, setting.trial(setting.rates[0], seed))
            for _ in trial.run():
                pass
            losses = [each.metrics["loss"] for each in trial.probes[1:]] or [each.loss for each in trial.records]
            losses += [math.nan] * (len(trial.records) - len(losses))
            kept[key] = {
                "rates": [float(f"{each.learning_rate:.6g}") for each in trial.records],
                "losses": [float(f"{loss:.6g}") for loss in losses],
                "why": trial.end_reason,
            }


def curve_of(kept: dict[str, Any], seed: int) -> Curve:
    """Return a kept curve."""
    rose = kept["why"] != RAMP_ENDED
    return Curve.of(kept["rates"], kept["losses"], end_reason=kept["why"], seed=seed, rose=rose)


# What rules say


@dataclass(frozen=True)
class Said:
    """What a rule says of a setting: log10 of its rate, the median over seeds; None without an answer."""

    landscape: Landscape
    place: float | None


def read(curves: list[Curve]) -> Iterator[tuple[str, float | None]]:
    """Yield each rule's rate."""
    for name, rule in RULES.items():
        found = [rate for rate in map(rule, curves) if rate]
        yield name, float(np.median(np.log10(found))) if found else None
    bracket = bracket_of(curves)
    both = bracket.low is not None and bracket.high is not None
    yield MIDDLE, 0.5 * (math.log10(bracket.low or 1) + math.log10(bracket.high or 1)) if both else None


def score(name: str, said: list[Said]) -> str:
    """Return a row: answers, distance from the best rate, and what the rate costs."""
    able = [each for each in said if each.place is not None]
    away = np.array([(each.place or 0.0) - math.log10(each.landscape.best()[0]) for each in able])
    cost = np.array([min(each.landscape.cost(10 ** (each.place or 0.0)), 1.0) for each in able])
    if not able:
        return f"| {name} | 0 of {len(said)} | | | | |"
    return (
        f"| {name} | {len(able)} of {len(said)} | {np.median(away):+.2f} | {np.sqrt((away**2).mean()):.2f} "
        f"| {100 * np.median(cost):.1f}% | {100 * cost.mean():.1f}% |"
    )


def together(said: list[Said]) -> list[Said]:
    """Return the rule's and the prior's rate, weighed by precision; the rule's bias and spread are other models'."""
    found = []
    for each in said:
        centre, sd = prior_of(each.landscape.setting)
        others = [
            other.place - math.log10(other.landscape.best()[0])
            for other in said
            if other.place is not None and other.landscape.setting.model != each.landscape.setting.model
        ]
        if each.place is None or len(others) < 3:
            found.append(Said(each.landscape, centre))
            continue
        bias, spread = float(np.mean(others)), float(np.std(others, ddof=1))
        weights = np.array([sd**-2, spread**-2])
        found.append(Said(each.landscape, float(np.average([centre, each.place - bias], weights=weights))))
    return found


def main() -> None:
    """Record, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--only", default="stories-*,sample-*")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    kept: dict[str, Any] = json.loads(CURVES.read_text(encoding="utf-8")) if CURVES.is_file() else {}
    if options.record:
        for setting in SETTINGS.values():
            if any(fnmatch.fnmatch(setting.name, name) for name in options.only.split(",")):
                record(setting, options.seeds, kept)
                CURVES.write_text(json.dumps(kept), encoding="utf-8")
                print(setting.name, flush=True)
        return
    whole = {each.setting.name: each for each in landscapes() if each.horizon == 1}
    tested = [each for name, each in whole.items() if f"{name}, default, 0" in kept]
    header = "answers | from the best (median, decades) | root mean square | costs (median) | costs (mean)"
    print(f"| ramp and rule | {header} |\n| --- | --- | --- | --- | --- | --- |")
    print(score("the prior alone", [Said(each, prior_of(each.setting)[0]) for each in tested]))
    for ramp in ramps(0.0):
        by_rule: dict[str, list[Said]] = {}
        for each in tested:
            keys = [f"{each.setting.name}, {ramp}, {seed}" for seed in range(options.seeds)]
            curves = [curve_of(kept[key], seed) for seed, key in enumerate(keys) if key in kept]
            for rule, place in read(curves) if curves else ():
                by_rule.setdefault(rule, []).append(Said(each, place))
        for rule, said in by_rule.items():
            print(score(f"{ramp}: {rule}", said))
            print(score(f"{ramp}: {rule}, with the prior", together(said)))


if __name__ == "__main__":
    main()
