"""A thousand heads on one frozen backbone: stories260K on SST-5, 40 rates × 25 seeds × 20 epochs.

    python benchmarks/heads.py [--rates 40] [--seeds 25] [--epochs 20] [--threads 2]

Printed: the time of the features, of the training with everything stored, and the process's peak memory; and what one
trial alone takes on the ordinary path, through the same backbone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter

SHARED = Path(__file__).resolve().parents[2] / "shared"


def main() -> None:
    """Print a Markdown table."""
    import resource

    from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
    from lrscope.executors.inline import InlineExecutor
    from lrscope.studies import session
    from lrscope.studies.controller import Controller
    from lrscope.studies.plan import parse_rates
    from lrscope.training.features import features_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=25)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    sst = SHARED / "data" / "sst"

    def config(rates: list[float], seeds: int, epochs: int) -> StudyConfig:
        return StudyConfig(
            data=DataConfig(train=str(sst / "sst-train.txt"), dev=str(sst / "sst-dev.txt")),
            model=ModelConfig(model=str(SHARED / "models" / "stories260K-hf")),
            trial=TrialConfig(peak_rate=1e-3, epochs=epochs, batch_size=80, train_part="head"),
            numerics=NumericsConfig(device="cpu", precision="float32", threads=options.threads),
            sweep=SweepConfig(grid={"peak_rate": rates}, seeds=seeds, keep="none"),
        )

    rates = parse_rates(f"log:1e-5:1e-1:{options.rates}")
    num = options.rates * options.seeds
    with tempfile.TemporaryDirectory() as folder:
        with session.begin(config(rates, options.seeds, options.epochs), Path(folder) / "together") as study:
            began = perf_counter()
            features_of(study.prepared.inputs, study.store.folder)
            features = perf_counter() - began
            began = perf_counter()
            executor = InlineExecutor(study.prepared)
            done = sum(event.kind == "done" for event in Controller(study.store).run(executor))
            together = perf_counter() - began
            size = (study.store.folder / "study.db").stat().st_size / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with session.begin(config([1e-3], 1, 1), Path(folder) / "alone") as study:
            began = perf_counter()
            list(Controller(study.store).run(InlineExecutor(study.prepared)))
            alone = (perf_counter() - began) * options.epochs
    assert done == num
    print("| what | figure |\n| --- | --- |")
    print(f"| features of all sentences | {features:.1f} s |")
    print(f"| {num:,} trials of {options.epochs} epochs, together, stored | {together:.1f} s |")
    print(f"| one trial of {options.epochs} epochs alone (from one epoch) | {alone:.1f} s |")
    print(f"| ratio, trial by trial | {alone / (together / num):,.0f}× |")
    print(f"| peak memory | {peak:,.0f} MB |\n| study.db | {size:,.0f} MB |")


if __name__ == "__main__":
    main()
