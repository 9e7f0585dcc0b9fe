"""The landscapes of a real 135M LLaMA: dev loss against learning rate, LoRA beside full fine-tuning.

    python benchmarks/real_models.py [--minutes 60] [--threads 2] [--only gsm8k-lora,…] [--out table.csv]

Each run is a fine-tune of SmolLM2-135M-Instruct on data of ../shared, by lrscope's own trainer, and a row of the table:
runs that stand in it already are not made again, so that the table grows over several calls. `lrscope report` reads it.

    gsm8k    1,000 problems of the training set, 200 of the test set as dev; the completion is learned
    alpaca   alpaca-demo, 10% of it as dev; the completion is learned
    trec     2,000 questions of the training set, dev as it is; classification
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
from lrscope.workflows.finetune import finetune

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODEL = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()
COLUMNS = (
    "data", "train_part", "learning_rate", "seed", "status", "eval_loss", "eval_accuracy", "train_loss", "steps",
    "batch_size", "epochs", "lora_rank", "seconds",
)  # fmt: skip


Part = Literal["lora", "full"]


@dataclass(frozen=True)
class Landscape:
    """What is compared: one set of data and one part of the model, at these rates."""

    data: str
    part: Part
    rates: tuple[float, ...]
    batch_size: int
    epochs: int

    @property
    def name(self) -> str:
        """Return what `--only` calls it."""
        return f"{self.data}-{self.part}"


LORA = (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
FULL = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3)
PARTS: tuple[tuple[Part, tuple[float, ...]], ...] = (("lora", LORA), ("full", FULL))
LANDSCAPES = tuple(
    Landscape(data, part, rates, batch, epochs)
    for data, batch, epochs in (("gsm8k", 8, 1), ("alpaca", 8, 1), ("trec", 16, 1))
    for part, rates in PARTS
)


def prepare(data: str, folder: Path) -> DataConfig:
    """Write the files of a set of data that are a part of one of ../shared's, and say how it is read."""
    if data == "alpaca":
        return DataConfig(train=str(SHARED / "data/sft/alpaca-demo.json"), dev="10%")
    if data == "trec":
        train = _head(SHARED / "data/trec/train.txt", 2000, folder)
        return DataConfig(
            train=train, dev=str(SHARED / "data/trec/dev.txt"), label_names=str(SHARED / "data/trec/labels.json")
        )
    return DataConfig(
        train=_head(SHARED / "data/sft/gsm8k-train.jsonl", 1000, folder),
        dev=_head(SHARED / "data/sft/gsm8k-test.jsonl", 200, folder),
    )


def _head(source: Path, number: int, folder: Path) -> str:
    path = folder / source.name
    path.write_text("".join(source.open(encoding="utf-8").readlines()[:number]), encoding="utf-8")
    return str(path)


def run(landscape: Landscape, rate: float, seed: int, threads: int, folder: Path) -> dict[str, object]:
    """Make one fine-tune and return its row."""
    config = StudyConfig(
        task="classification" if landscape.data == "trec" else "sft",
        data=prepare(landscape.data, folder),
        model=ModelConfig(model=str(MODEL)),
        trial=TrialConfig(
            peak_rate=rate, seed=seed, train_part=landscape.part, batch_size=landscape.batch_size,
            epochs=landscape.epochs,
        ),
        numerics=NumericsConfig(device="cpu", threads=threads, precision="bfloat16"),
    )  # fmt: skip
    done = finetune(config, folder / "run")
    last = {record.split: record.metrics for record in done.evaluations}
    return {
        "data": landscape.data, "train_part": landscape.part, "learning_rate": rate, "seed": seed,
        "status": done.result.status, "eval_loss": last.get("dev", {}).get("loss", float("nan")),
        "eval_accuracy": last.get("dev", {}).get("accuracy", last.get("dev", {}).get("token_accuracy", float("nan"))),
        "train_loss": last.get("train", {}).get("loss", float("nan")), "steps": done.result.step,
        "batch_size": landscape.batch_size, "epochs": landscape.epochs,
        "lora_rank": config.trial.lora_rank if landscape.part == "lora" else "", "seconds": round(done.seconds),
    }  # fmt: skip


def main() -> None:
    """Make the runs that the table lacks, seed by seed, until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default=",".join(landscape.name for landscape in LANDSCAPES))
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    options = parser.parse_args()
    rows = list(csv.DictReader(options.out.open(encoding="utf-8"))) if options.out.is_file() else []
    done = {(row["data"], row["train_part"], float(row["learning_rate"]), int(row["seed"])) for row in rows}
    chosen = [landscape for landscape in LANDSCAPES if landscape.name in options.only.split(",")]
    wanted = [
        (landscape, rate, seed)
        for seed, landscape in itertools.product(range(options.seeds), chosen)
        for rate in landscape.rates
        if (landscape.data, landscape.part, rate, seed) not in done
    ]
    began = monotonic()
    for landscape, rate, seed in wanted:
        if monotonic() - began > 60.0 * options.minutes:
            break
        with tempfile.TemporaryDirectory() as temporary:
            row = run(landscape, rate, seed, options.threads, Path(temporary))
        is_new = not options.out.is_file()
        with options.out.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if is_new:
                writer.writeheader()
            writer.writerow(row)
        shown = ("data", "train_part", "learning_rate", "seed", "eval_loss", "seconds")
        print(*(row[name] for name in shown), flush=True)


if __name__ == "__main__":
    main()
