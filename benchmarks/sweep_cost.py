"""What cheaper strategies cost and give up: stories260K on SST-5, eight rates, one epoch, two and four, several seeds.

    python benchmarks/sweep_cost.py --study runs/sweep-cost [--seeds 4] [--workers 2]

The study is run where it is not there yet, and extended to so many seeds (an hour and a half on two cores). Then each
strategy is replayed on it: it decides with some seeds, and what it chose is judged, after four epochs, on the others,
against what the full grid chose with the same seeds. Optuna's pruner is Optuna's own, fed with the recorded curves.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.store.study import StudyStore
from lrscope.studies.rungs import interval

SHARED = Path(__file__).resolve().parents[2] / "shared"
LENGTHS = (1, 2, 4)  # epochs
SHORT, LONG = LENGTHS[0], LENGTHS[-1]
RATES = [float(f"{10 ** (-5 + k / 2):.4g}") for k in range(8)]
ORDERS = 40  # Optuna's choices depend on the order in which it sees the arms
Floats = NDArray[np.float64]


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("runs/sweep-cost"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    run(options.study, options.seeds, options.workers)
    report(read(options.study))


def run(folder: Path, seeds: int, workers: int) -> None:
    """Run what of the study is not there yet."""
    from lrscope.executors.processes import ProcessExecutor
    from lrscope.studies import session
    from lrscope.studies.controller import Controller

    sst = SHARED / "data" / "sst"
    config = StudyConfig(
        data=DataConfig(
            train=str(sst / "sst-train.txt"),
            dev=str(sst / "sst-dev.txt"),
            label_names=str(sst / "sst-label-mapping.json"),
        ),
        model=ModelConfig(model=str(SHARED / "models" / "stories260K-hf")),
        trial=TrialConfig(peak_rate=RATES[0], batch_size=80),
        numerics=NumericsConfig(device="cpu", precision="float32", threads=1),
        sweep=SweepConfig(grid={"peak_rate": RATES, "epochs": LENGTHS}, seeds=seeds, keep="none"),
    )
    begun = (folder / "study.db").exists()
    if begun:
        with StudyStore.open(folder) as store:
            assert store.config.sweep is not None
            begun_seeds = store.config.sweep.seeds
    held = (
        session.resume(folder, extension={"seeds": max(seeds, begun_seeds)}) if begun else session.begin(config, folder)
    )
    with held as study:
        for event in Controller(study.store).run(ProcessExecutor(workers)):
            if event.kind == "done":
                print(f"trial {event.trial} is done", flush=True)


@dataclass(frozen=True)
class Results:
    """Dev at the endpoint and on the way. Shapes: R rates, S seeds, E epochs of the long run, N examples.

    What diverged is infinite in its losses and 0 in its accuracy.
    """

    ends: Mapping[int, Floats]  # dev loss by example at the end of complete runs, (R, S, N) for each length
    accuracy_RS: Floats
    curve_RSE: Floats


def read(folder: Path) -> Results:
    """Read all complete seeds of the study."""
    with StudyStore.open(folder) as store:
        rows = {(row.config.peak_rate, row.config.length, row.config.seed): row for row in store.trials()}
        over = {key for key, row in rows.items() if row.status in ("completed", "diverged")}
        seeds = [s for s in range(99) if all((r, e, s) in over for r in RATES for e in LENGTHS)]
        num_dev = len(store.scores(rows[RATES[0], SHORT, 0].id, rows[RATES[0], SHORT, 0].step, "dev")["loss"].values)
        shape = (len(RATES), len(seeds))
        ends = {epochs: np.full((*shape, num_dev), np.inf) for epochs in LENGTHS}
        accuracy, curve = np.zeros(shape), np.full((*shape, LONG), np.inf)
        for (r, rate), (s, seed), epochs in itertools.product(enumerate(RATES), enumerate(seeds), LENGTHS):
            row = rows[rate, epochs, seed]
            if row.status == "completed":
                ends[epochs][r, s] = store.scores(row.id, row.step, "dev")["loss"].values
                if epochs == LONG:
                    dev = store.evaluations(row.id, "dev")
                    curve[r, s] = [record.metrics["loss"] for record in dev]
                    accuracy[r, s] = dev[-1].metrics[store.metric.name]
    return Results(ends, accuracy, curve)


# Strategies: results and the places of the seeds they may look at → (place of the chosen rate, epochs spent) per seed

Choice = tuple[int, float]
Strategy = Callable[[Results, list[int]], Iterator[Choice]]


def full_grid(results: Results, seeds: list[int]) -> Iterator[Choice]:
    yield int(np.argmin(results.ends[LONG][:, seeds].mean(axis=(1, 2)))), len(RATES) * LONG


def rungs(ladder: tuple[int, ...], margin: float) -> Strategy:
    """Return `--strategy rungs` with these lengths; what goes on is decided by lrscope's own function."""

    def strategy(results: Results, seeds: list[int]) -> Iterator[Choice]:
        places, spent = list(range(len(RATES))), 0
        for epochs in ladder:
            means = results.ends[epochs][places][:, seeds].mean(axis=1)
            spent += epochs * len(places)
            if epochs == LONG:
                break
            kept = interval([cost if np.isfinite(cost).all() else None for cost in means], margin)
            places = [places[place] for place in kept]
        yield places[int(np.argmin(means.mean(axis=1)))], spent

    return strategy


def one_epoch_each(results: Results, seeds: list[int], down: int = 0) -> Iterator[Choice]:
    best = int(np.argmin(results.ends[SHORT][:, seeds].mean(axis=(1, 2))))
    yield max(0, best - down), len(RATES) * SHORT


def one_epoch_each_then_down(results: Results, seeds: list[int]) -> Iterator[Choice]:
    yield from one_epoch_each(results, seeds, down=1)


def any_that_did_not_diverge(results: Results, seeds: list[int]) -> Iterator[Choice]:
    for place in range(len(RATES)):
        if np.isfinite(results.ends[LONG][place, seeds]).all():
            yield place, 0.0


def optuna_halving(reduction: int) -> Strategy:
    """Return Optuna's successive halving on the grid: each arm's recorded curve, pruned on the way by Optuna."""

    def strategy(results: Results, seeds: list[int]) -> Iterator[Choice]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        curve = results.curve_RSE[:, seeds].mean(axis=1)
        for order in range(ORDERS):
            pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=reduction)
            study = optuna.create_study(direction="minimize", pruner=pruner)
            spent, finished = 0, {}
            for place in np.random.default_rng(order).permutation(len(RATES)):
                trial, pruned = study.ask(), False
                for epoch in range(1, LONG + 1):
                    spent += 1
                    value = float(curve[place, epoch - 1])
                    if not np.isfinite(value):
                        pruned = True
                        break
                    trial.report(value, epoch)
                    if epoch < LONG and trial.should_prune():
                        pruned = True
                        break
                if pruned:
                    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                else:
                    study.tell(trial, value)
                    finished[int(place)] = value
            yield min(finished, key=lambda place: finished[place]), float(spent)

    return strategy


STRATEGIES: dict[str, Strategy] = {
    "full grid": full_grid,
    "rungs of 1 and 4 epochs": rungs((1, 4), 1.0),
    "rungs of 1 and 4 epochs, two standard errors": rungs((1, 4), 2.0),
    "rungs of 2 and 4 epochs": rungs((2, 4), 1.0),
    "rungs of 2 and 4 epochs, two standard errors": rungs((2, 4), 2.0),
    "one epoch each": one_epoch_each,
    "one epoch each, one rate down": one_epoch_each_then_down,
    "Optuna successive halving, factor 4": optuna_halving(4),
    "Optuna successive halving, factor 2": optuna_halving(2),
    "any arm that did not diverge": any_that_did_not_diverge,
}


def report(results: Results) -> None:
    """Print what each strategy spends and gives up, and how far short runs tell what long ones do."""
    num_seeds = results.accuracy_RS.shape[1]
    unit = one_standard_error(results)
    print(f"{len(RATES)} rates from {RATES[0]:g} to {RATES[-1]:g}, {num_seeds} seeds. One standard error of the paired")
    print(f"difference between two of the five best arms at one seed: {unit:.4f} of dev log-loss.\n")
    for number in range(1, min(2, num_seeds - 1) + 1):
        chosen = list(itertools.combinations(range(num_seeds), number))
        print(f"Deciding with {number} seed{'s' * (number > 1)}, judged on the others, {len(chosen)} ways:\n")
        print("| strategy | share of the grid's epochs | log-loss given up | in standard errors | worst | accuracy |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, strategy in STRATEGIES.items():
            shares, losses, accuracies = [], [], []
            for looked in map(list, chosen):
                others = [seed for seed in range(num_seeds) if seed not in looked]
                reference = next(full_grid(results, looked))[0]
                regrets = []
                for place, spent in strategy(results, looked):
                    shares.append(spent / (len(RATES) * LONG))
                    loss = results.ends[LONG][:, others].mean(axis=(1, 2))
                    regrets.append(float(loss[place] - loss[reference]))
                    accuracy = results.accuracy_RS[:, others].mean(axis=1)
                    accuracies.append(float(accuracy[reference] - accuracy[place]))
                losses.append(np.mean(regrets))
            print(
                f"| {name} | {np.mean(shares):.0%} | {np.mean(losses):+.4f} | {np.mean(losses) / unit:+.2f} | "
                f"{np.max(losses) / unit:+.2f} | {np.mean(accuracies):+.4f} |"
            )
        print()
    means = {epochs: end.mean(axis=2) for epochs, end in results.ends.items()}
    long = means[LONG]
    print("| what | mean over seeds | seed by seed |\n| --- | --- | --- |")
    for epochs in LENGTHS[:-1]:
        each = [best_rate(end) - best_rate(early) for early, end in zip(means[epochs].T, long.T, strict=True)]
        whole = best_rate(long.mean(axis=1)) - best_rate(means[epochs].mean(axis=1))
        shifts = ", ".join(f"{m:+.2f}" for m in each)
        print(f"| the best rate moves from {epochs} to {LONG} epochs, decades | {whole:+.2f} | {shifts} |")
    complete = [(f"complete runs of {epochs} epochs", means[epochs]) for epochs in LENGTHS[:-1]]
    for name, early in (*complete, ("the first epoch of four", results.curve_RSE[:, :, 0])):
        whole = spearmanr(early.mean(axis=1), long.mean(axis=1)).statistic
        each = [spearmanr(*pair).statistic for pair in zip(early.T, long.T, strict=True)]
        print(f"| rank correlation of {name} with the end | {whole:.2f} | {', '.join(f'{c:.2f}' for c in each)} |")
    print(
        "\n| rate | "
        + " | ".join(f"dev loss, {e} epochs" for e in LENGTHS)
        + " | accuracy |\n| --- | --- | --- | --- | --- |"
    )
    for r, rate in enumerate(RATES):
        values = [*(means[epochs][r] for epochs in LENGTHS), results.accuracy_RS[r]]
        spread = [f"{v.mean():.4f} ± {v.std(ddof=1):.4f}" for v in values]
        print(f"| {rate:g} | {' | '.join(spread)} |")


def best_rate(losses: Floats) -> float:
    """Return the decimal logarithm of the best rate."""
    return float(np.log10(RATES[int(np.argmin(losses))]))


def one_standard_error(results: Results) -> float:
    """Return the median standard error of the difference between two good arms at one seed: seeds, and examples.

    SE² = 2 s²(seeds, pooled) + s²(paired differences over examples) / N.
    """
    loss = results.ends[LONG]
    best = np.argsort(loss.mean(axis=(1, 2)))[:5]
    seed_variance = float(np.mean([loss[place].mean(axis=1).var(ddof=1) for place in best]))
    found = []
    for one, other in itertools.combinations(best, 2):
        difference = (loss[one] - loss[other]).mean(axis=0)
        found.append((2 * seed_variance + difference.var(ddof=1) / len(difference)) ** 0.5)
    return float(np.median(found))


if __name__ == "__main__":
    main()
