"""The settings that range tests are judged on, and the true best rates of each: complete runs on a grid, stored.

    python benchmarks/range_settings.py [--short] [--only sst-head-b80 ...] [--workers 2] [--work runs/range-truth]

Four rates a decade, three seeds, eight where a rate comes near the best. What comes out is benchmarks/range_truth.json:
dev log-loss at the endpoint of the complete schedule, by setting, rate and seed. With `--short`, complete schedules of
one epoch at two other seeds, into benchmarks/range_short.json. What is there is not run again. Standard errors of the
differences from the best rate, over seeds and sentences, go to benchmarks/range_errors.json.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.sample import folder as sample_folder
from lrscope.statistics.components import components
from lrscope.store.study import StudyStore

SHARED = Path(__file__).resolve().parents[2] / "shared"
Rates = dict[str, dict[str, float | None]]
TRUTH = Path(__file__).with_name("range_truth.json")
ERRORS = TRUTH.with_name("range_errors.json")
SHORT = TRUTH.with_name("range_short.json")
SEEDS, MORE_SEEDS, SHORT_SEEDS = 3, 8, (100, 101)
NEAR = 3.0  # standard errors from the best within which a rate is run at more seeds


@dataclass(frozen=True)
class Setting:
    """One model, data set and optimizer. `exponents` are the decimal logarithms of the grid's ends."""

    name: str
    data: Literal["sst", "sample"]
    part: Literal["full", "head"]
    batch_size: int
    epochs: int
    exponents: tuple[float, float]
    optimizer: Literal["adamw", "sgd"] = "adamw"
    num_train: int | None = None
    fresh: bool = False

    @property
    def rates(self) -> list[float]:
        """Four rates a decade."""
        low, high = self.exponents
        return [float(f"{10 ** (low + k / 4):.4g}") for k in range(round(4 * (high - low)) + 1)]


SETTINGS = [
    Setting("sst-full-b80", "sst", "full", 80, 3, (-4.5, -1.5), num_train=4000),
    Setting("sst-full-b8", "sst", "full", 8, 2, (-5, -2), num_train=2000),
    Setting("sst-full-b160", "sst", "full", 160, 5, (-4, -1), num_train=2000),
    Setting("sst-full-b16-small", "sst", "full", 16, 6, (-5, -2), num_train=400),
    Setting("sst-fresh-b32", "sst", "full", 32, 3, (-4.5, -1.5), num_train=2000, fresh=True),
    Setting("sst-full-sgd-b32", "sst", "full", 32, 3, (-3, 0), "sgd", num_train=2000),
    Setting("sst-head-b80", "sst", "head", 80, 5, (-4, 0.5)),
    Setting("sst-head-b8", "sst", "head", 8, 3, (-5, 0)),
    Setting("sst-head-sgd-b80", "sst", "head", 80, 5, (-3, 1.5), "sgd"),
    Setting("sst-head-b160", "sst", "head", 160, 5, (-4, 0.5)),
    Setting("sst-head-b32-small", "sst", "head", 32, 5, (-4, 0.5), num_train=500),
    Setting("sample-full-b32", "sample", "full", 32, 3, (-4.5, -1)),
    Setting("sample-full-b8-small", "sample", "full", 8, 3, (-5, -1.5), num_train=400),
    Setting("sample-full-sgd-b32", "sample", "full", 32, 3, (-3, 0.5), "sgd"),
    Setting("sample-head-b32", "sample", "head", 32, 5, (-4, 1)),
    Setting("sample-fresh-b32", "sample", "full", 32, 5, (-4.5, -1), fresh=True),
]


def main() -> None:
    """Run what is not there yet, and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/range-truth"))
    options = parser.parse_args()
    target = SHORT if options.short else TRUTH
    for setting in SETTINGS:
        known = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
        if setting.name in known or (options.only and setting.name not in options.only):
            continue
        known[setting.name] = complete_runs(setting, options.work, options.workers, short=options.short)
        target.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        best = best_rates(known[setting.name])
        print(f"{setting.name}: {', '.join(f'{rate:g}' for rate in best)}", flush=True)
    if not options.short:
        add_errors(options.work)


def add_errors(work: Path) -> None:
    """Store the standard errors of the settings whose runs are still there."""
    errors = json.loads(ERRORS.read_text(encoding="utf-8")) if ERRORS.exists() else {}
    truths = json.loads(TRUTH.read_text(encoding="utf-8"))
    for name in truths:
        if name not in errors and (work / name / "study.db").exists():
            with StudyStore.open(work / name) as store:
                errors[name] = paired_errors(store, min(compared(truths[name]), key=lambda row: abs(row[1]))[0])
            ERRORS.write_text(json.dumps(errors, indent=1) + "\n", encoding="utf-8")


def paired_errors(store: StudyStore, best: float) -> dict[str, float]:
    """Return each rate's standard error of its difference in dev log-loss from the best, over seeds and sentences.

    σ²_seed/S + σ²_sentence/n of the differences sentence by sentence, at the seeds that both have.
    """
    scores: dict[float, dict[int, Any]] = {}
    for row in store.trials():
        if row.status == "completed" and row.config.seed < MORE_SEEDS:
            last = store.evaluations(row.id, "dev", with_scores=True)[-1]
            scores.setdefault(row.config.peak_rate, {})[row.config.seed] = np.asarray(last.scores["loss"].values)
    found = {}
    for rate, by_seed in sorted(scores.items()):
        seeds = sorted(set(by_seed) & set(scores[best]))
        if len(seeds) > 1:
            parts = components(np.stack([by_seed[seed] - scores[best][seed] for seed in seeds]))
            found[f"{rate:g}"] = float(np.sqrt(parts.seeds / len(seeds) + parts.examples / parts.num_examples))
    return found


def complete_runs(setting: Setting, work: Path, workers: int, *, short: bool) -> Rates:
    """Run a setting's grid; return dev log-loss by rate and seed, None: diverged.

    Rates near the best get more seeds; short runs are of one epoch, and get none.
    """
    from lrscope.executors.inline import InlineExecutor
    from lrscope.executors.processes import ProcessExecutor
    from lrscope.studies import session
    from lrscope.studies.controller import Controller

    folder = work / (f"{setting.name}-short" if short else setting.name)
    with setting_files(setting) as (data, model):
        # Heads are trained together in this process, other trials one a process.
        config = study_config(setting, data, model, workers if setting.part == "head" else 1)
        if short:
            # At seeds of their own: what they choose is judged on others.
            one = SweepConfig(grid={"peak_rate": setting.rates[:1]}, keep="none")
            config = replace(config, trial=replace(config.trial, epochs=1), sweep=one)
        held = session.resume(folder) if (folder / "study.db").exists() else session.begin(config, folder)
        with held as study:

            def executor() -> Any:
                if setting.part == "head":
                    return InlineExecutor(study.prepared)
                return ProcessExecutor(workers)

            def all_of(rates: list[float], seeds: Iterable[int]) -> None:
                study.store.add_trials(
                    [replace(config.trial, peak_rate=rate, seed=seed) for seed in seeds for rate in rates]
                )

            if short:
                all_of(setting.rates, SHORT_SEEDS)
            for _ in Controller(study.store).run(executor()):
                pass
            if not short:
                all_of(near_best(losses_of(study.store)), range(SEEDS, MORE_SEEDS))
            for _ in Controller(study.store).run(executor()):
                pass
            return losses_of(study.store, SHORT_SEEDS if short else range(MORE_SEEDS))


def study_config(setting: Setting, data: DataConfig, model: ModelConfig, threads: int = 1) -> StudyConfig:
    """Return the study of a setting's grid."""
    return StudyConfig(
        data=data,
        model=model,
        trial=TrialConfig(
            peak_rate=setting.rates[0],
            batch_size=setting.batch_size,
            epochs=setting.epochs,
            optimizer=setting.optimizer,
            train_part=setting.part,
        ),
        numerics=NumericsConfig(device="cpu", precision="float32", threads=threads),
        sweep=SweepConfig(grid={"peak_rate": setting.rates}, seeds=SEEDS, keep="none"),
    )


def trial_of(setting: Setting) -> TrialConfig:
    """Return a setting's complete run."""
    return TrialConfig(
        peak_rate=setting.rates[0],
        batch_size=setting.batch_size,
        epochs=setting.epochs,
        optimizer=setting.optimizer,
        train_part=setting.part,
    )


class setting_files:  # noqa: N801  used as a function
    """A setting's files, in a temporary folder where they are made: a part of the training set, fresh weights."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> tuple[DataConfig, ModelConfig]:
        here, setting = Path(self._folder.name), self.setting
        if setting.data == "sst":
            source, model = SHARED / "data" / "sst", SHARED / "models" / "stories260K-hf"
            train, dev, names = source / "sst-train.txt", source / "sst-dev.txt", source / "sst-label-mapping.json"
        else:
            source = sample_folder()
            train, dev, names, model = (
                source / "train.txt",
                source / "dev.txt",
                source / "label-names.json",
                source / "model",
            )
        if setting.num_train is not None:
            lines = train.read_text(encoding="utf-8").splitlines()
            kept = np.random.default_rng(0).permutation(len(lines))[: setting.num_train]
            train = here / "train.txt"
            train.write_text("\n".join(lines[i] for i in sorted(kept)) + "\n", encoding="utf-8")
        if setting.fresh:
            model = fresh_model(model, here / "fresh")
        data = DataConfig(train=str(train), dev=str(dev), label_names=str(names))
        return data, ModelConfig(model=str(model))

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def fresh_model(source: Path, target: Path) -> Path:
    """Write a model of the same shape with weights drawn anew: normal, 0.02, norms at one."""
    import torch

    from lrscope.models.checkpoint_writer import write_checkpoint
    from lrscope.models.checkpoints import read_checkpoint
    from lrscope.models.tokenizers import read_tokenizer

    checkpoint = read_checkpoint(source)
    generator = torch.Generator().manual_seed(0)
    tensors = {
        name: torch.ones_like(t) if t.ndim == 1 else torch.randn(t.shape, generator=generator) * 0.02
        for name, t in checkpoint.tensors.items()
    }
    write_checkpoint(target, tensors, checkpoint.config, read_tokenizer(None, checkpoint.path))
    return target


def losses_of(store: StudyStore, seeds: Iterable[int] = range(MORE_SEEDS)) -> Rates:
    """Return dev log-loss at the endpoint, by rate and seed."""
    wanted = set(seeds)
    found: Rates = {}
    for row in sorted(store.trials(), key=lambda row: (row.config.peak_rate, row.config.seed)):
        if row.status in ("completed", "diverged") and row.config.seed in wanted:
            loss = store.evaluations(row.id, "dev")[-1].metrics["loss"] if row.status == "completed" else None
            found.setdefault(f"{row.config.peak_rate:g}", {})[str(row.config.seed)] = (
                loss if loss is not None and math.isfinite(loss) else None
            )
    return found


def compared(losses: Rates, errors: Mapping[str, float] | None = None) -> list[tuple[float, float, float]]:
    """Return each rate that never diverged, its mean difference from the best and the paired standard error of that.

    Over seeds and sentences where `errors` are given, over seeds alone where not.
    """
    whole = {float(rate): by for rate, by in losses.items() if all(value is not None for value in by.values())}
    shared = {seed for by in whole.values() for seed in by if all(seed in other for other in whole.values())}
    best = min(whole, key=lambda rate: np.mean([whole[rate][seed] for seed in shared]))
    # The best is settled on all the seeds that the rates near it have.
    near = [rate for rate, by in whole.items() if len(by) == max(len(b) for b in whole.values())]
    best = (
        min(near, key=lambda rate: np.mean([float(v) for v in whole[rate].values() if v is not None])) if near else best
    )
    found = []
    for rate, by in whole.items():
        pairs = [(by[seed], whole[best][seed]) for seed in by if seed in whole[best]]
        differences = np.array([float(a) - float(b) for a, b in pairs if a is not None and b is not None])
        error = float(differences.std(ddof=1) / np.sqrt(len(differences))) if len(differences) > 1 else math.inf
        found.append((rate, float(differences.mean()), (errors or {}).get(f"{rate:g}", error)))
    return found


def near_best(losses: Rates) -> list[float]:
    """Return the rates that deserve more seeds; the best and its neighbours always."""
    rows = compared(losses)
    best = min(range(len(rows)), key=lambda place: rows[place][1])
    return [
        rate
        for place, (rate, difference, error) in enumerate(rows)
        if abs(place - best) <= 1 or difference <= NEAR * max(error, 1e-4)
    ]


def best_rates(losses: Rates, errors: Mapping[str, float] | None = None) -> list[float]:
    """Return the true rates: all within one paired standard error of the best dev log-loss."""
    return [rate for rate, difference, error in compared(losses, errors) if difference <= error]


if __name__ == "__main__":
    main()
