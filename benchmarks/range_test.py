"""How well range tests find where the best rates are, on settings whose best rates are known.

    python benchmarks/range_test.py [--work runs/range-curves] [--seeds 5] [--only SETTING ...] [--variant ramp ...]

True rates, and runs of one epoch, come from `range_settings.py`, other packages' rates from `range_peers.py`. Curves
are made once and kept in the work folder. Printed, as Markdown: for every variant of the test, how often its bracket
holds a true rate, beside the best constant bracket of the same width, chosen on the other settings; how far every
rule's rate is from the nearest true one; and what a confirmed rate loses, beside runs of one epoch on a grid at the
same cost.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import stats

from lrscope.config import FindConfig
from lrscope.range_test.bracket import WIDTH_DECADES, Bracket, bracket_of
from lrscope.range_test.curve import Curve
from lrscope.range_test.suggest import RULES
from lrscope.schedules.ramp import RAMP_ENDED
from lrscope.statistics.confirmation import rates_within
from range_peers import PEERS
from range_settings import (
    ERRORS,
    SETTINGS,
    SHORT,
    SHORT_SEEDS,
    TRUTH,
    Rates,
    Setting,
    best_rates,
    compared,
    setting_files,
    study_config,
)  # fmt: skip

VARIANTS: Mapping[str, FindConfig] = {
    "ramp": FindConfig(),
    "ramp, same batches": FindConfig(vary=("head", "dropout")),
    "ramp, dev probe": FindConfig(probe="dev"),
    "forks": FindConfig(method="forks", start=1e-5, steps_each=10),
    "runs": FindConfig(method="runs", start=1e-5, steps_each=40, per_decade=2),
}
GRID = (1e-5, 1.0)  # what a grid of short runs spans where nothing is known
CONFIRM_RATES = 5
PAIRS = (("0", "1"), ("0", "2"), ("1", "2"))  # of the truth's own seeds


@dataclass(frozen=True)
class Truth:
    """What complete runs of a setting came to, and the standard errors of differences from the best."""

    losses: Rates
    errors: Mapping[str, float] | None

    @property
    def best(self) -> list[float]:
        """The true rates."""
        return best_rates(self.losses, self.errors)

    @property
    def rows(self) -> list[tuple[float, float, float]]:
        """Each rate, its difference from the best and the standard error of that."""
        return compared(self.losses, self.errors)


def main() -> None:
    """Make what is missing, and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/range-curves"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--variant", nargs="*", default=["ramp"], choices=list(VARIANTS))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    losses: dict[str, Rates] = json.loads(TRUTH.read_text(encoding="utf-8"))
    errors = json.loads(ERRORS.read_text(encoding="utf-8")) if ERRORS.exists() else {}
    truths = {name: Truth(rates, errors.get(name)) for name, rates in losses.items()}
    settings = [s for s in SETTINGS if s.name in truths and (not options.only or s.name in options.only)]
    curves = {
        name: {setting.name: curves_of(setting, name, options.seeds, options.work) for setting in settings}
        for name in options.variant
    }
    print_truths(settings, truths)
    for name in options.variant:
        print_brackets(name, settings, truths, curves[name])
    print_rules(settings, truths, curves[options.variant[0]])
    for name in options.variant:
        print_confirmed(name, settings, truths, curves[name])


# Curves


def curves_of(setting: Setting, variant: str, seeds: int, work: Path) -> list[Curve]:
    """Return a setting's curves, making those that are not kept yet."""
    from lrscope.runners.range_test import RangeTrial
    from lrscope.training.study_inputs import load_inputs

    path = work / f"{setting.name}, {variant}.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if len(kept) < seeds:
        with setting_files(setting) as (data, model):
            config = study_config(setting, data, model)
            inputs = load_inputs(config)
            for seed in range(len(kept), seeds):
                began = perf_counter()
                test = RangeTrial(inputs, VARIANTS[variant], replace(config.trial, seed=seed))
                for _ in test.run():
                    pass
                losses = [record.metrics["loss"] for record in test.probes[1:]] or [r.loss for r in test.records]
                losses += [float("nan")] * (len(test.records) - len(losses))
                kept[str(seed)] = {
                    "rates": [record.learning_rate for record in test.records], "losses": losses,
                    "why": test.end_reason, "seconds": perf_counter() - began,
                }  # fmt: skip
                path.write_text(json.dumps(kept), encoding="utf-8")
            print(f"{path.stem}: {sum(k['seconds'] for k in kept.values()):.0f} s", flush=True)
    return [
        Curve.of(
            k["rates"],
            k["losses"],
            end_reason=k["why"],
            seed=int(seed),
            rose=k["why"] != RAMP_ENDED,
            independent_rates=VARIANTS[variant].method != "ramp",
        )
        for seed, k in list(kept.items())[:seeds]
    ]


def num_steps(curve: Curve, variant: str) -> int:
    """Return how many updates a curve cost."""
    points = len(curve.rates)
    return points if VARIANTS[variant].method == "ramp" else points * VARIANTS[variant].steps_each


# Truths and brackets


def print_truths(settings: list[Setting], truths: Mapping[str, Truth]) -> None:
    """Print each setting's true rates: within one paired standard error of the best."""
    print("| setting | true rates | dev log-loss | one standard error |\n| --- | --- | --- | --- |")
    for setting in settings:
        rates = truths[setting.name].best
        rows = truths[setting.name].rows
        errors = [error for rate, _, error in rows if rate in rates and error > 0]
        whole = [by.values() for by in truths[setting.name].losses.values() if None not in by.values()]
        best = min(np.mean([float(v) for v in by if v is not None]) for by in whole)
        error = f"{np.median(errors):.4f}" if errors else "–"
        print(f"| {setting.name} | {', '.join(f'{rate:g}' for rate in rates)} | {best:.4f} | {error} |")
    print()


def print_brackets(
    variant: str, settings: list[Setting], truths: Mapping[str, Truth], curves: Mapping[str, list[Curve]]
) -> None:
    """Print how often the bracket holds a true rate, beside the best constant one of the same width."""
    print(f"### {variant}\n\n| setting | true rates | bracket | holds one | disagreement of seeds |")
    print("| --- " * 5 + "|")
    held = 0
    for setting in settings:
        true, bracket = truths[setting.name].best, bracket_of(curves[setting.name])
        holds = any(rate in bracket for rate in true)
        held += holds
        interval = "–" if bracket.low is None or bracket.high is None else f"{bracket.low:.1e} … {bracket.high:.1e}"
        shown = f"{min(true):g} … {max(true):g}"
        mark = "yes" if holds else "**no**"
        print(f"| {setting.name} | {shown} | {interval} | {mark} | {bracket.disagreement:.1f}× |")
    constant = sum(constant_brackets(settings, truths))
    print(f"\nThe bracket holds a true rate in {share(held, len(settings))}; the best constant one of")
    print(f"{WIDTH_DECADES} decades, chosen on the other settings, in {share(constant, len(settings))}.\n")


def constant_brackets(settings: list[Setting], truths: Mapping[str, Truth]) -> Iterator[bool]:
    """Yield for each setting whether the constant bracket that is best on the others holds one of its true rates."""
    lows = np.arange(-6, 1, 0.05)
    true = {s.name: np.log10(truths[s.name].best) for s in settings}

    def holds(low: float, name: str) -> bool:
        return bool(((true[name] >= low - 1e-9) & (true[name] <= low + WIDTH_DECADES + 1e-9)).any())

    for setting in settings:
        others = [s.name for s in settings if s.name != setting.name]
        counts = [sum(holds(low, name) for name in others) for low in lows]
        best = np.flatnonzero(np.array(counts) == max(counts))
        yield holds(float(lows[best[len(best) // 2]]), setting.name)


def share(number: int, of: int) -> str:
    """Write a proportion with its interval (Clopper and Pearson, 95%)."""
    low, high = stats.binomtest(number, of).proportion_ci(0.95, "exact")
    return f"{number} of {of} ({low:.0%} … {high:.0%})"


# Rules, ours and others'


def print_rules(settings: list[Setting], truths: Mapping[str, Truth], curves: Mapping[str, list[Curve]]) -> None:
    """Print how far each rule's rate, the median over seeds, lies from the nearest true one."""
    found: dict[str, dict[str, list[float]]] = {
        rule: {s.name: [rate for rate in map(read, curves[s.name]) if rate] for s in settings}
        for rule, read in RULES.items()
    }
    peers = json.loads(PEERS.read_text(encoding="utf-8")) if PEERS.exists() else {}
    for setting in settings:
        for rates in peers.get(setting.name, {}).values():
            for name, rate in rates.items():
                found.setdefault(name, {}).setdefault(setting.name, []).extend([rate] if rate else [])
    print("### Rules\n\n| rule | answers | within half a decade | its bracket holds | median distance | seeds apart |")
    print("| --- " * 6 + "|")
    for rule, by_setting in found.items():
        away = {
            name: decades(float(np.exp(np.median(np.log(rates)))), truths[name].best)
            for name, rates in by_setting.items()
            if rates
        }
        sizes = np.abs(list(away.values()))
        near, held = (sizes <= 0.5).sum(), (sizes <= WIDTH_DECADES / 2).sum()
        apart = [max(rates) / min(rates) for rates in by_setting.values() if len(rates) > 1] or [math.nan]
        print(
            f"| {rule} | {len(away)} of {len(by_setting)} | {near} | {held} "
            f"| {np.median(list(away.values())):+.1f}, {np.median(sizes):.1f} either way | {np.median(apart):.1f}× |"
            if away
            else f"| {rule} | 0 of {len(by_setting)} | – | – | – | – |"
        )
    if versions := peers.get("versions"):
        print(f"\nOther packages at their defaults: {', '.join(f'{k} {v}' for k, v in versions.items())}.")
    print()


def decades(rate: float, true: list[float]) -> float:
    """Return how far a rate lies from the interval that the true rates span, negative below."""
    if rate < min(true):
        return float(np.log10(rate / min(true)))
    return float(np.log10(rate / max(true))) if rate > max(true) else 0.0


# What a confirmed rate loses


def print_confirmed(
    variant: str, settings: list[Setting], truths: Mapping[str, Truth], curves: Mapping[str, list[Curve]]
) -> None:
    """Print regret in dev log-loss: of what short runs in the bracket choose, and a grid of them at equal cost."""
    known: dict[str, Rates] = json.loads(SHORT.read_text(encoding="utf-8")) if SHORT.exists() else {}
    settings = [setting for setting in settings if setting.name in known]
    if not settings:
        return
    print(f"### {variant}: confirmed with runs of one epoch, and a grid of such runs at the same cost\n")
    print(
        "| setting | epochs spent | confirmed | regret | the grid | regret | its bracket holds one | at full length |"
    )
    print("| --- " * 8 + "|")
    scores = {"confirmed": 0.0, "the grid": 0.0, "the grid's bracket": 0.0, "confirmed at full length": 0.0}
    for setting in settings:
        truth, short = truths[setting.name], known[setting.name]
        bracket = bracket_of(curves[setting.name])
        per_epoch = steps_per_epoch(setting)
        spent = sum(num_steps(curve, variant) for curve in curves[setting.name]) / per_epoch
        spent += CONFIRM_RATES * len(SHORT_SEEDS)
        inside = nearest(rates_of(bracket), setting.rates)
        seeds = [str(seed) for seed in SHORT_SEEDS]
        rates, num_seeds = grid_of(setting, spent)
        taken, grid = chosen_at(short, inside, seeds), chosen_at(short, rates, seeds[:num_seeds])
        row = [f"| {setting.name} | {spent:.0f} "]
        for name, rate in (("confirmed", taken), ("the grid", grid)):
            loss, error = regret(truth, rate)
            scores[name] += loss <= 0.5 * error
            row.append(f"| {rate:.1e} | {loss:.4f} ({'yes' if loss <= 0.5 * error else 'no'}) " if rate else "| – | – ")
        true = truth.best
        around = any(grid * 10 ** (-WIDTH_DECADES / 2) <= r <= grid * 10 ** (WIDTH_DECADES / 2) for r in true)
        scores["the grid's bracket"] += around
        whole = [passes(truth, chosen_at(truth.losses, inside, pair)) for pair in PAIRS]
        scores["confirmed at full length"] += sum(whole) / len(whole)
        print("".join(row) + f"| {'yes' if around else '**no**'} | {sum(whole)} of {len(whole)} pairs of seeds |")
    print()
    for name, number in scores.items():
        print(f"- {name}: {share(round(number), len(settings))}" + (f", {number:.1f} unrounded" if number % 1 else ""))
    print()


def rates_of(bracket: Bracket) -> list[float]:
    """Return the rates that a bracket is confirmed at."""
    return [] if bracket.low is None or bracket.high is None else rates_within(bracket.low, bracket.high, CONFIRM_RATES)


def nearest(rates: Sequence[float], known: Sequence[float]) -> list[float]:
    """Return the rates of a grid that are nearest to these; beyond its ends there are none."""
    found = [min(known, key=lambda k: abs(math.log(k / rate))) for rate in rates if _within(rate, known)]
    return list(dict.fromkeys(found))


def _within(rate: float, known: Sequence[float]) -> bool:
    return min(known) * 0.7 < rate < max(known) * 1.43


def grid_of(setting: Setting, epochs: float) -> tuple[list[float], int]:
    """Return the rates of a grid over five decades that so many runs of one epoch allow, and at how many seeds."""
    span = math.log10(GRID[1] / GRID[0])
    per_decade = max(k for k in (1, 2, 4) if k == 1 or span * k + 1 <= epochs)
    number = round(span * per_decade) + 1
    rates = nearest([GRID[0] * 10 ** (k / per_decade) for k in range(number)], setting.rates)
    return rates, max(1, min(len(SHORT_SEEDS), int(epochs) // number))


def chosen_at(losses: Rates, rates: Sequence[float], seeds: Sequence[str]) -> float:
    """Return which of these rates has the least mean dev log-loss after complete runs; 0 where none trained."""
    means = {}
    for rate in rates:
        values = [losses.get(f"{rate:g}", {}).get(seed) for seed in seeds]
        if None not in values:
            means[rate] = float(np.mean([value for value in values if value is not None]))
    return min(means, key=lambda rate: means[rate]) if means else 0.0


def passes(truth: Truth, rate: float) -> bool:
    """Return whether a rate's regret is within half a standard error."""
    loss, error = regret(truth, rate)
    return loss <= 0.5 * error


def regret(truth: Truth, rate: float) -> tuple[float, float]:
    """Return how much more dev log-loss a rate has than the best one, and the paired standard error of that."""
    for known, difference, error in truth.rows:
        if known == rate:
            return difference, error
    return math.inf, 0.0


def steps_per_epoch(setting: Setting) -> int:
    """Return how many updates an epoch takes."""
    with setting_files(setting) as (data, _):
        lines = sum(1 for line in Path(data.train).read_text(encoding="utf-8").splitlines() if line.strip())
    return -(-lines // setting.batch_size)


if __name__ == "__main__":
    main()
