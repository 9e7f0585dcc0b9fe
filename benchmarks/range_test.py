"""How well range tests find where the best rates are, on settings whose best rates are known.

    python benchmarks/range_test.py [--work runs/range-curves] [--seeds 5] [--only SETTING ...] [--variant ramp ...]

True rates come from `range_settings.py`. Curves are made once and kept in the work folder. Printed: for every variant
of the test, how often its bracket holds a true rate, beside the best constant bracket of the same width, chosen on the
other settings; and how far every rule's rate is from the nearest true one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from scipy import stats

from lrscope.config import FindConfig
from lrscope.range_test.bracket import WIDTH_DECADES, bracket_of
from lrscope.range_test.curve import Curve
from lrscope.range_test.suggest import RULES
from lrscope.schedules.ramp import RAMP_ENDED
from range_settings import SETTINGS, TRUTH, Setting, best_rates, compared, inputs, study_config

VARIANTS: Mapping[str, FindConfig] = {
    "ramp": FindConfig(),
    "ramp, same batches": FindConfig(vary=("head", "dropout")),
    "ramp, dev probe": FindConfig(probe="dev"),
    "forks": FindConfig(method="forks", start=1e-5, steps_each=10),
    "runs": FindConfig(method="runs", start=1e-5, steps_each=30, per_decade=2),
}
Rates = dict[str, dict[str, float | None]]


def main() -> None:
    """Make what is missing, and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/range-curves"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--variant", nargs="*", default=list(VARIANTS))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    truths: dict[str, Rates] = json.loads(TRUTH.read_text(encoding="utf-8"))
    settings = [s for s in SETTINGS if s.name in truths and (not options.only or s.name in options.only)]
    curves = {
        name: {setting.name: curves_of(setting, name, options.seeds, options.work) for setting in settings}
        for name in options.variant
    }
    print_truths(settings, truths)
    for name in options.variant:
        report(name, settings, truths, curves[name])


def curves_of(setting: Setting, variant: str, seeds: int, work: Path) -> list[Curve]:
    """Return a setting's curves, making those that are not kept yet."""
    from lrscope.training.material import gather
    from lrscope.training.range_trial import RangeTrial

    path = work / f"{setting.name}, {variant}.json"
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if len(kept) < seeds:
        with inputs(setting) as (data, model):
            config = study_config(setting, data, model, 1)
            material = gather(config)
            for seed in range(len(kept), seeds):
                began = perf_counter()
                test = RangeTrial(material, VARIANTS[variant], replace(config.trial, seed=seed))
                for _ in test.run():
                    pass
                losses = [record.metrics["loss"] for record in test.probes[1:]] or [r.loss for r in test.records]
                losses += [float("nan")] * (len(test.records) - len(losses))
                kept[str(seed)] = {
                    "rates": [record.learning_rate for record in test.records], "losses": losses,
                    "why": test.why_over, "seconds": perf_counter() - began,
                }  # fmt: skip
                path.write_text(json.dumps(kept), encoding="utf-8")
            print(f"{path.stem}: {sum(k['seconds'] for k in kept.values()):.0f} s", flush=True)
    return [
        Curve.of(k["rates"], k["losses"], why_over=k["why"], seed=int(seed), rose=k["why"] != RAMP_ENDED)
        for seed, k in list(kept.items())[:seeds]
    ]


def print_truths(settings: list[Setting], truths: Mapping[str, Rates]) -> None:
    print("| setting | true rates | dev log-loss | one standard error |\n| --- | --- | --- | --- |")
    for setting in settings:
        rates = best_rates(truths[setting.name])
        rows = compared(truths[setting.name])
        errors = [error for rate, _, error in rows if rate in rates and error > 0]
        best = min(np.mean([v for v in by.values() if v is not None]) for by in truths[setting.name].values() if by)
        error = f"{np.median(errors):.4f}" if errors else "–"
        print(f"| {setting.name} | {', '.join(f'{rate:g}' for rate in rates)} | {best:.4f} | {error} |")
    print()


def report(
    variant: str, settings: list[Setting], truths: Mapping[str, Rates], curves: Mapping[str, list[Curve]]
) -> None:
    """Print how the bracket and every rule fare."""
    print(f"### {variant}\n\n| setting | true rates | bracket | holds one | {' | '.join(RULES)} |")
    print("| --- " * (4 + len(RULES)) + "|")
    held, distances = 0, {rule: [] for rule in RULES}  # type: ignore[var-annotated]
    for setting in settings:
        true, bracket = best_rates(truths[setting.name]), bracket_of(curves[setting.name])
        holds = any(rate in bracket for rate in true)
        held += holds
        cells = []
        for rule, read in RULES.items():
            found = [rate for rate in map(read, curves[setting.name]) if rate is not None]
            if not found:
                cells.append("–")
                continue
            rate = float(np.exp(np.median(np.log(found))))
            distances[rule].append(decades(rate, true))
            cells.append(f"{rate:.1e} ({distances[rule][-1]:+.1f})")
        interval = "–" if bracket.low is None or bracket.high is None else f"{bracket.low:.1e} … {bracket.high:.1e}"
        shown = f"{min(true):g} … {max(true):g}"
        print(f"| {setting.name} | {shown} | {interval} | {'yes' if holds else '**no**'} | {' | '.join(cells)} |")
    low, high = stats.binomtest(held, len(settings)).proportion_ci(0.95, "exact")
    constant = sum(1 for holds in constant_brackets(settings, truths) if holds)
    print(f"\nThe bracket holds a true rate in {held} of {len(settings)} ({low:.0%} … {high:.0%}); the best")
    print(f"constant one of {WIDTH_DECADES} decades, chosen on the others, in {constant}. Decades from a true rate:\n")
    print("| rule | answers | within half a decade | median, in absolute terms |\n| --- | --- | --- | --- |")
    for rule, values in distances.items():
        near = sum(abs(value) <= 0.5 for value in values)
        middle = f"{np.median(np.abs(values)):.2f}" if values else "–"
        print(f"| {rule} | {len(values)} of {len(settings)} | {near} | {middle} |")
    print()


def decades(rate: float, true: list[float]) -> float:
    """Return how far a rate lies from the interval that the true rates span, negative below."""
    if rate < min(true):
        return float(np.log10(rate / min(true)))
    return float(np.log10(rate / max(true))) if rate > max(true) else 0.0


def constant_brackets(settings: list[Setting], truths: Mapping[str, Rates]) -> Iterator[bool]:
    """Yield for each setting whether the constant bracket that is best on the others holds one of its true rates."""
    lows = np.arange(-6, 1, 0.05)
    true = {s.name: np.log10(best_rates(truths[s.name])) for s in settings}

    def holds(low: float, name: str) -> bool:
        return bool(((true[name] >= low - 1e-9) & (true[name] <= low + WIDTH_DECADES + 1e-9)).any())

    for setting in settings:
        others = [s.name for s in settings if s.name != setting.name]
        counts = [sum(holds(low, name) for name in others) for low in lows]
        best = np.flatnonzero(np.array(counts) == max(counts))
        yield holds(float(lows[best[len(best) // 2]]), setting.name)


if __name__ == "__main__":
    main()
