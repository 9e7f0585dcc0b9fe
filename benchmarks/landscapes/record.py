"""Record runs of the corpus: a line of JSON an evaluation, those that are there already left out.

    python benchmarks/landscapes/record.py --out rows.jsonl [--workers 2] [--device cpu] [--minutes 60] [PLAN …]

A PLAN is NAMES:SEEDS:HORIZONS, such as `smollm2-gsm8k*:0,1:1,1/2`; plans are worked off in their order, so that the
runs that matter most come first. Without one, every run of the corpus that is missing is made. Runs are those of
lrscope's own loop and tasks, with the same bits as `lrscope finetune` on the same machine; nothing but measurements is
kept.
"""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import monotonic, perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from corpus import evaluation_key, read_corpus, run_key
from settings import HORIZONS, SETTINGS

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """A setting at a seed and a part of its horizon: one run at a rate, or heads at many rates, trained together."""

    setting: str
    rates: tuple[float, ...]
    seed: int
    horizon: Fraction

    @property
    def keys(self) -> set[tuple[str, float, int, int]]:
        """Return what tells its runs from the others, as rows have it."""
        total = SETTINGS[self.setting].steps(self.horizon)
        return {(self.setting, rate, self.seed, total) for rate in self.rates}


def jobs_of(plans: list[str]) -> list[Job]:
    """Return the runs that plans name, in their order and without repeats."""
    found: dict[Job, None] = {}
    for plan in plans or ["*::"]:
        names, seeds, horizons = (*plan.split(":"), "", "")[:3]
        for setting in SETTINGS.values():
            if not any(fnmatch.fnmatch(setting.name, name) for name in names.split(",")):
                continue
            for horizon in map(Fraction, horizons.split(",")) if horizons else HORIZONS:
                for seed in map(int, seeds.split(",")) if seeds else range(setting.seeds):
                    together = [setting.rates] if setting.part == "head" else [(rate,) for rate in setting.rates]
                    found |= {Job(setting.name, rates, seed, horizon): None for rates in together}
    return list(found)


def run(job: Job, inputs: Any, deadline: float) -> list[Row]:
    """Train one run and return its rows, one an evaluation; none where the time is over before it ends."""
    from lrscope.training.batches import step_batches
    from lrscope.training.evaluation import outputs_of
    from lrscope.training.loop import steps
    from lrscope.training.numerics import apply
    from lrscope.training.optimizer import build_optimizer

    setting, began = SETTINGS[job.setting], perf_counter()
    (rate,) = job.rates
    apply(inputs.numerics)
    trial, total = setting.trial(rate, job.seed), setting.steps(job.horizon)
    schedule = trial.resolve_schedule(inputs.encoded["train"].size, total_steps=total)
    model = inputs.build_model(trial)
    optimizer = build_optimizer(model, trial)

    def loss(model: Any, batch: Any) -> Any:
        found = inputs.task.loss(model, batch, trial)
        return found.total, found.num_units

    def rate_at(step: int) -> float:
        return trial.peak_rate * schedule(step)

    rows: list[Row] = []
    at = {"setting": job.setting, "rate": rate, "seed": job.seed, "total_steps": total}
    batches, clip = step_batches(inputs, trial), trial.clip_norm or None
    losses, counts = 0.0, 0.0
    for record in steps(model, optimizer, batches, loss, rate_at, clip_norm=clip):
        done = record.step + 1
        if record.diverged:
            rows.append({**at, "step": done, "status": "diverged", "seconds": perf_counter() - began})
            break
        losses, counts = losses + record.loss * record.count, counts + record.count
        if monotonic() > deadline:
            return []
        if done % schedule.steps_per_epoch == 0 or done == total:
            dev = inputs.encoded["dev"]
            metrics = inputs.task.score(outputs_of(model, inputs, dev), dev).metrics
            rows.append({
                **at, "step": done, "status": "completed" if done == total else "running",
                "dev_loss": metrics["loss"], "dev_accuracy": metrics.get("accuracy", metrics.get("token_accuracy")),
                "train_loss": losses / counts, "seconds": perf_counter() - began,
            })  # fmt: skip
            losses = counts = 0.0
        if done == total:
            break
    return rows


def run_heads(job: Job, inputs: Any, features: Any) -> list[Row]:
    """Train heads of all rates on a frozen backbone's features; the horizon is cut to whole epochs."""
    from lrscope.training.heads import HeadBundle
    from lrscope.training.numerics import apply

    setting = SETTINGS[job.setting]
    apply(inputs.numerics)
    trials = [setting.trial(rate, job.seed).with_length(float(setting.epochs * job.horizon)) for rate in job.rates]
    bundle = HeadBundle(inputs, features, trials)
    for _ in bundle.run():
        pass
    rows: list[Row] = []
    for rate, outcome in zip(job.rates, bundle.outcomes(), strict=True):
        at = {"setting": job.setting, "rate": rate, "seed": job.seed, "total_steps": outcome.total_steps}
        seconds = {"seconds": outcome.seconds}
        means: dict[int, float] = {}
        for record in outcome.evaluations:
            if record.split == "train":
                means[record.step] = record.metrics["loss"]
                continue
            last = record.step == outcome.total_steps
            rows.append({
                **at, "step": record.step, "status": "completed" if last else "running",
                "dev_loss": record.metrics["loss"], "dev_accuracy": record.metrics["accuracy"],
                "train_loss": means[record.step], **seconds,
            })  # fmt: skip
        if outcome.status == "diverged":
            rows.append({**at, "step": outcome.step, "status": "diverged", **seconds})
    return rows


_INPUTS: dict[str, Any] = {}  # of every setting that is recorded; worker processes share the parent's pages
_FEATURES: dict[str, Any] = {}  # of those whose heads alone are trained
_DEADLINE = [float("inf")]


def _work(job: Job) -> tuple[Job, list[Row]]:
    import torch

    if monotonic() > _DEADLINE[0]:
        return job, []
    for _ in range(3):
        try:
            inputs = _INPUTS[job.setting]
            if SETTINGS[job.setting].part == "head":
                return job, run_heads(job, inputs, _FEATURES[job.setting])
            return job, run(job, inputs, _DEADLINE[0])
        except torch.OutOfMemoryError:  # of a GPU, which other runs fill at the moment
            torch.cuda.empty_cache()
        except Exception:  # noqa: BLE001  one run of a thousand: the others go on, and it is missing then
            traceback.print_exc()
            break
    return job, []


def results(jobs: list[Job], options: argparse.Namespace) -> Iterator[tuple[Job, list[Row]]]:
    """Yield each run as it ends, setting by setting, from so many processes."""
    for name, group in itertools.groupby(jobs, lambda job: job.setting):
        if monotonic() > _DEADLINE[0]:
            return
        _load(name, options)
        if options.workers == 1:
            yield from map(_work, group)
            continue
        context = multiprocessing.get_context("fork")  # nothing has touched a GPU yet
        with context.Pool(options.workers) as pool:
            yield from pool.imap_unordered(_work, list(group))


def _load(name: str, options: argparse.Namespace) -> None:
    """Read a setting's inputs, and compute the features of those whose heads alone are trained: once a data set."""
    from lrscope.training.features import features_of

    setting = SETTINGS[name]
    _INPUTS[name] = setting.inputs(device=options.device, threads=options.threads, precision=options.precision)
    if setting.part == "head":
        kept = options.features / f"{setting.model}-{setting.data}{setting.num_train}"
        kept.mkdir(parents=True, exist_ok=True)
        _FEATURES[name] = features_of(_INPUTS[name], kept)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, none where there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def check(options: argparse.Namespace) -> None:
    """Record runs of the corpus again, and print how many of their evaluations have the same loss, bit for bit."""
    known = {evaluation_key(row): row["dev_loss"] for row in read_corpus()}
    runs = {key[:4] for key in known}
    jobs = [job for job in jobs_of(options.plans) if job.keys <= runs]
    rows = [row for _, found in results(jobs, options) for row in found]
    equal = sum(row.get("dev_loss") == known.get(evaluation_key(row)) for row in rows)
    print(f"{equal:,} of {len(rows):,} evaluations of {len(jobs):,} jobs have the same bits")


def main() -> None:
    """Record what is missing until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plans", nargs="*", metavar="PLAN")
    parser.add_argument("--out", type=Path, default=Path("rows.jsonl"))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--check", action="store_true", help="record runs of the corpus again and compare their bits")
    parser.add_argument("--features", type=Path, default=Path("runs/features"), help="where features are kept")
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    began = monotonic()
    _DEADLINE[0] = began + 60.0 * options.minutes
    if options.check:
        check(options)
        return
    done = {run_key(row) for row in (*read_rows(options.out), *read_corpus()) if row["status"] != "running"}
    jobs = [job for job in jobs_of(options.plans) if not job.keys <= done]
    made = 0
    with options.out.open("a", encoding="utf-8") as file:
        for job, rows in results(jobs, options):
            if not rows:
                continue
            made += 1
            file.writelines(json.dumps({**row, "machine": options.device}) + "\n" for row in rows)
            file.flush()
            last = rows[-1]
            rates = ", ".join(f"{rate:g}" for rate in job.rates[:2]) + (", …" if len(job.rates) > 2 else "")
            print(
                f"{monotonic() - began:5.0f} s  {made:,} of {len(jobs):,}  {job.setting} rate {rates} "
                f"seed {job.seed} steps {last['step']} dev log-loss {last.get('dev_loss', float('nan')):.4f} "
                f"{last['seconds']:.1f} s",
                flush=True,
            )  # fmt: skip
    print(f"{made:,} runs recorded, {len(jobs) - made:,} left", flush=True)


if __name__ == "__main__":
    main()
