"""Write how much log-losses differ between seeds near the best rate: src/lrscope/statistics/recorded_noise.csv.

    python benchmarks/landscapes/seed_noise.py                # the table
    python benchmarks/landscapes/seed_noise.py --check        # and how often one seed misleads with it

Of every landscape of the corpus with two seeds or more, at each length of its runs: the standard deviation over seeds
as a share of the mean log-loss, pooled over the rates whose mean lies within `NEAR` of the least. Over landscapes of a
kind (a task, and whether the model is trained or the head alone) the log of that is taken to be Normal, with a mean for
each kind and a spread that all kinds share: a kind with few settings has no spread of its own to go by. Both by
moments, with what so few seeds scatter by themselves taken off. `high` is the 95% quantile for another setting of the
kind, the mean's own error included.

The check draws studies from the recorded runs: one seed, every second rate, judged with the `high` that the other
settings give. What is said is held against the means over all seeds.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from landscape import Landscape, landscapes
from scipy import stats
from scipy.special import digamma, polygamma
from settings import Setting

from lrscope.statistics.evidence import evidence_of_values
from lrscope.statistics.recorded_noise import TABLE, RecordedNoise
from lrscope.statistics.verdict import Verdict

NEAR = 0.05
LEVEL = 0.95
SIZES = {"stories": "260K", "sample": "500K", "smollm2": "135M"}  # parameters, from the smallest model to the largest
CHECKED_SEEDS = 5

Kind = tuple[str, tuple[str, ...]]


class Found(NamedTuple):
    """A landscape's variance over seeds as a share of the squared log-loss, and its degrees of freedom."""

    landscape: Landscape
    variance: float
    freedom: int


def kind_of(setting: Setting) -> Kind:
    """Return its task, and the parts that are trained of it and its like."""
    return "sft" if setting.is_sft else "classification", ("head",) if setting.part == "head" else ("full", "lora")


def found() -> Iterator[Found]:
    """Yield every landscape whose seeds can be told apart."""
    for each in landscapes():
        near = each.mean <= each.mean.min() * (1.0 + NEAR)
        if len(each.seeds) > 1 and near.any():
            shares = each.loss[near].var(axis=1, ddof=1) / each.mean[near] ** 2
            yield Found(each, float(shares.mean()), int(near.sum()) * (len(each.seeds) - 1))


def fitted(rows: Iterable[Found]) -> dict[Kind, RecordedNoise]:
    """Return what is usual of each kind, and what is high."""
    by_kind: dict[Kind, list[Found]] = defaultdict(list)
    for row in rows:
        by_kind[kind_of(row.landscape.setting)].append(row)
    logs = {kind: np.array([_log_sd(row.variance, row.freedom) for row in of]) for kind, of in by_kind.items()}
    apart = sum(((of - of.mean()) ** 2).sum() for of in logs.values())
    own = {kind: np.array([polygamma(1, row.freedom / 2) / 4 for row in of]) for kind, of in by_kind.items()}
    scatter = sum(of.sum() * (1 - 1 / len(of)) for of in own.values())
    spread = max(0.0, apart - scatter) / sum(len(of) - 1 for of in logs.values())
    table = {}
    for kind, of in by_kind.items():
        weights = 1.0 / (own[kind] + spread)
        middle = float((weights * logs[kind]).sum() / weights.sum())
        reach = float(stats.norm.ppf(LEVEL)) * math.sqrt(spread + 1.0 / weights.sum())
        settings = {row.landscape.setting.name: row.landscape.setting for row in of}
        largest = max((each.model for each in settings.values()), key=list(SIZES).index)
        optimizers = tuple(sorted({each.optimizer for each in settings.values()}))
        runs = sum(int(np.isfinite(row.landscape.loss).sum()) for row in of)
        table[kind] = RecordedNoise(
            *kind, optimizers, len(settings), runs, SIZES[largest],
            float(f"{math.exp(middle):.3g}"), float(f"{math.exp(middle + reach):.3g}"),
        )  # fmt: skip
    return table


def _log_sd(variance: float, freedom: int) -> float:
    """Return the log of a standard deviation, without the bias that few degrees of freedom give it."""
    return 0.5 * float(np.log(variance) - digamma(freedom / 2) + np.log(freedom / 2))


def write(table: dict[Kind, RecordedNoise]) -> None:
    """Write the packaged table."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(RecordedNoise._fields)
        for each in table.values():
            rows.writerow(["+".join(value) if isinstance(value, tuple) else value for value in each])


def check(rows: list[Found]) -> None:
    """Print how often studies of one seed said what is not so."""
    print("| kind | landscapes | best rate ruled out | something false said | settings ruled out |")
    print("| --- | --- | --- | --- | --- |")
    for kind in dict.fromkeys(kind_of(row.landscape.setting) for row in rows):
        told: list[tuple[float, float, float]] = []  # of each landscape, as shares of its studies
        of = [row for row in rows if kind_of(row.landscape.setting) == kind]
        able = [row for row in of if len(row.landscape.seeds) >= CHECKED_SEEDS]
        for row in able:
            name = row.landscape.setting.name
            others = fitted(each for each in rows if each.landscape.setting.name != name)
            told.append(tuple(np.mean(list(_studies(row.landscape, others[kind].high)), axis=0)))
        if told:
            lost, false, out = np.mean(told, axis=0)
            title = f"{kind[0]}, {' or '.join(kind[1])}"
            print(f"| {title} | {len(able)} | {lost:.1%} | {false:.1%} | {out:.0%} |")


def _studies(landscape: Landscape, high: float) -> Iterator[tuple[float, float, float]]:
    """Yield whether the best rate was lost, whether anything false was said, and the share that was ruled out."""
    for first in (0, 1):
        tried = np.arange(first, len(landscape.rates), 2)
        tried = tried[np.isfinite(landscape.mean[tried])]
        true, positions = landscape.mean[tried], np.log10(landscape.rates[tried]).tolist()
        for seed in range(len(landscape.seeds)):
            seen = landscape.loss[tried, seed]
            values = {f"{rate:g}": [float(loss)] for rate, loss in zip(landscape.rates[tried], seen, strict=True)}
            evidence = evidence_of_values(values, maximize=False, seed_sd=high * float(seen.min()))
            verdict = Verdict(evidence, positions=positions)
            is_lost = int(true.argmin()) not in verdict.contenders
            said = evidence.differences > verdict.pair_reach
            yield is_lost, bool((said & (true[:, None] >= true)).any()), 1.0 - len(verdict.contenders) / len(tried)


def main() -> None:
    """Write the table, and check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    is_checked = parser.parse_args().check
    rows = list(found())
    table = fitted(rows)
    write(table)
    for each in table.values():
        print(each)
    if is_checked:
        check(rows)


if __name__ == "__main__":
    main()
