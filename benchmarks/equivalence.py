"""Do bfloat16 and length-bucketed batches change what comes out? Paired seeds of stories260K on SST-5 say.

    python benchmarks/equivalence.py [--seeds 8] [--epochs 4] [--processes 2]

Each seed is trained three times, with the same head and dropout: in float32 with random batches, in bfloat16 with the
same batches, and in float32 with bucketed ones. Printed are all sides, and the mean differences of the endpoint's dev
loss and accuracy from the first, with their 95% intervals (paired t).
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"
SIDES = {
    "float32, random": ("float32", "random"),
    "bfloat16, random": ("bfloat16", "random"),
    "float32, bucketed": ("float32", "bucketed"),
}


def endpoint(job: tuple[str, int, int]) -> dict[str, float]:
    """Fine-tune once on one thread and return the metrics of the last evaluation."""
    side, seed, epochs = job
    from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
    from lrscope.runners import finetune

    precision, batching = SIDES[side]
    sst = SHARED / "data" / "sst"
    config = StudyConfig(
        data=DataConfig(train=str(sst / "sst-train.txt"), dev=str(sst / "sst-dev.txt")),
        model=ModelConfig(model=str(SHARED / "models" / "stories260K-hf")),
        trial=TrialConfig(peak_rate=1e-3, epochs=epochs, batch_size=80, seed=seed),
        numerics=NumericsConfig(device="cpu", precision=precision, threads=1, batching=batching),  # type: ignore[arg-type]
    )
    with tempfile.TemporaryDirectory() as folder, finetune.begin(config, Path(folder) / "run") as run:
        for _ in run.trial.run():
            pass
        return dict(run.store.evaluations(run.trial.id, "dev")[-1].metrics)


def main() -> None:
    """Print a Markdown table and the paired differences."""
    from scipy import stats

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    jobs = [(side, seed, options.epochs) for seed in range(options.seeds) for side in SIDES]
    print("| seed | side | dev loss | dev accuracy |\n| --- | --- | --- | --- |", flush=True)
    found = []
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
        for (side, seed, _), metrics in zip(jobs, pool.map(endpoint, jobs), strict=True):
            print(f"| {seed} | {side} | {metrics['loss']:.4f} | {metrics['accuracy']:.4f} |", flush=True)
            found.append(metrics)
    first, *others = SIDES
    for place, side in enumerate(others, 1):
        for name in ("loss", "accuracy"):
            pairs = zip(found[:: len(SIDES)], found[place :: len(SIDES)], strict=True)
            differences = [after[name] - before[name] for before, after in pairs]
            mean, error = sum(differences) / len(differences), stats.sem(differences)
            half = stats.t.ppf(0.975, len(differences) - 1) * error
            interval = f"95% interval {mean - half:+.4f} … {mean + half:+.4f}"
            print(f"\ndev {name}, {side} less {first}: {mean:+.4f}, {interval}")


if __name__ == "__main__":
    main()
