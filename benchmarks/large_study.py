"""A study of ten thousand trials: how long its status, its table and its data frames take.

    python benchmarks/large_study.py [--arms 400] [--seeds 25] [--epochs 4]

The trials are written, not trained: four evaluations of two splits each, as a sweep leaves them. The report is of a
thousand trials, a hundred arms at ten seeds, with scores of 1,101 examples each.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

from lrscope.config import DataConfig, ModelConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.records import EvaluationRecord, Metric, Outcome, Scores
from lrscope.store.blobs import STEP
from lrscope.store.outcomes import take_outcome
from lrscope.store.study import StudyStore


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "large"
        write(folder, options.arms, options.seeds, options.epochs)
        print("| what | seconds |\n| --- | --- |")
        for what, command in (
            ("`lrscope status`, Python's start included", ["status", str(folder)]),
            ("`lrscope status --json`", ["status", str(folder), "--json"]),
            ("`lrscope status --log csv`", ["status", str(folder), "--log", "csv"]),
        ):
            print(f"| {what} | {timed(lambda c=command: run(c)):.2f} |")  # type: ignore[misc]
        print(f"| the table of {options.arms} arms | {timed(lambda: table(folder)):.2f} |")
        reported = Path(name) / "reported"
        write(reported, 100, 10, options.epochs, num_examples=1101)
        print(f"| `lrscope report` of 1,000 trials | {timed(lambda: run(['report', str(reported)])):.2f} |")
        print(f"| `load_study(...).trials()` and `.evaluations()` | {timed(lambda: frames(folder)):.2f} |")


def timed(work: Callable[[], None]) -> float:
    """Return the fastest of three."""
    seconds = []
    for _ in range(3):
        began = perf_counter()
        work()
        seconds.append(perf_counter() - began)
    return min(seconds)


def run(arguments: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "lrscope", *arguments], check=True, stdout=subprocess.DEVNULL)


def table(folder: Path) -> None:
    from lrscope.cli.study_table import print_sweep
    from lrscope.workflows.sweep import read_sweep

    with StudyStore.open(folder) as store, contextlib.redirect_stdout(io.StringIO()):
        print_sweep(read_sweep(store), as_json=False)


def frames(folder: Path) -> None:
    import lrscope

    with lrscope.load_study(folder) as study:
        study.trials()
        study.evaluations()


def write(folder: Path, arms: int, seeds: int, epochs: int, num_examples: int = 0) -> None:
    config = StudyConfig(
        data=DataConfig(train="train.txt", dev="dev.txt"),
        model=ModelConfig(model="model"),
        trial=TrialConfig(peak_rate=1e-3, epochs=epochs),
        sweep=SweepConfig(grid={"peak_rate": [float(r) for r in np.logspace(-6, -1, arms)]}, seeds=seeds),
    )
    draw = np.random.default_rng(0)
    with StudyStore.create(
        folder, config, fingerprint={}, numerics={}, task_state={}, metric=Metric("accuracy", "maximize")
    ) as store:
        assert config.sweep is not None
        rates = config.sweep.grid["peak_rate"]
        store.add_trials([replace(config.trial, peak_rate=r, seed=s) for s in range(seeds) for r in rates])
        series = np.zeros(epochs, dtype=STEP)
        for row in store.trials():
            evaluations = tuple(
                EvaluationRecord(
                    epoch,
                    epoch,
                    split,
                    {"loss": float(draw.random()), "accuracy": float(draw.random())},
                    0.1,
                    scores=scores(draw, num_examples) if num_examples and (epoch, split) == (epochs, "dev") else {},
                )
                for epoch in range(1, epochs + 1)
                for split in ("train", "dev")
            )
            take_outcome(store, row.id, Outcome("completed", "", epochs, epochs, 1, 1.0, series, evaluations))


def scores(draw: np.random.Generator, number: int) -> dict[str, Scores]:
    """Draw hits and misses."""
    hits = (draw.random(number) < 0.4).astype(np.float32)
    return {"accuracy": Scores(hits, np.ones(number, dtype=np.float32))}


if __name__ == "__main__":
    main()
