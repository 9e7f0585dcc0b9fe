"""`lrscope find`: a learning-rate range test at several seeds, and where to search."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import find_options as find_opt
from lrscope.cli import options as opt
from lrscope.cli.executor_options import Address, ExecutorName, GpusPerTrial, Workers
from lrscope.cli.find_runs import Confirmation, drive, find_study
from lrscope.cli.settings import build_config
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig


def find(
    model: opt.Model = None,
    train: opt.Train = None,
    dev: opt.Dev = None,
    label_names: opt.LabelNames = None,
    tokenizer: opt.Tokenizer = None,
    text_column: opt.TextColumn = None,
    label_column: opt.LabelColumn = None,
    on_long: opt.OnLong = None,
    max_tokens: opt.MaxTokens = None,
    method: find_opt.Method = None,
    start: find_opt.Start = None,
    end: find_opt.End = None,
    steps: find_opt.Steps = None,
    kind: find_opt.Kind = None,
    steps_each: find_opt.StepsEach = None,
    per_decade: find_opt.PerDecade = None,
    seeds: find_opt.Seeds = None,
    vary: find_opt.Vary = None,
    probe: find_opt.Probe = None,
    probe_size: find_opt.ProbeSize = None,
    warm_head: find_opt.WarmHead = None,
    confirm: find_opt.Confirm = None,
    confirm_rates: find_opt.ConfirmRates = 5,
    confirm_seeds: find_opt.ConfirmSeeds = 2,
    schedule: opt.ScheduleText = None,
    warmup: opt.Warmup = None,
    batch_size: opt.BatchSize = None,
    micro_batch: opt.MicroBatch = None,
    layer_decay: opt.LayerDecay = None,
    head_multiplier: opt.HeadMultiplier = None,
    dropout: opt.Dropout = None,
    weight_decay: opt.WeightDecay = None,
    optimizer: opt.Optimizer = None,
    beta1: opt.Beta1 = None,
    beta2: opt.Beta2 = None,
    epsilon: opt.Epsilon = None,
    clip_norm: opt.ClipNorm = None,
    label_smoothing: opt.LabelSmoothing = None,
    device: opt.Device = None,
    precision: opt.Precision = None,
    threads: opt.Threads = None,
    batching: opt.Batching = None,
    implementation: opt.Implementation = None,
    gradient_checkpointing: opt.GradientCheckpointing = None,
    executor: ExecutorName = None,
    workers: Workers = None,
    address: Address = None,
    gpus_per_trial: GpusPerTrial = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", help="Go on with the range test in this folder.", metavar="FOLDER")
    ] = None,
    out: opt.Out = None,
    json: opt.Json = False,
) -> int:
    """Find where to look for a learning rate: the loss under a rising rate, at several seeds, read by every rule.

    Example:

      lrscope find --model stories260K-hf --train train.txt --dev dev.txt --batch-size 80 --confirm 1ep --out runs/find
    """
    given = dict(locals())
    execution = ExecutorConfig.of(executor, workers, gpus_per_trial, address)
    wanted = Confirmation.of(confirm, confirm_rates, confirm_seeds)
    if resume is not None:
        beyond = [name for name in (*_SETTINGS, *find_opt.NAMES, "schedule", "warmup") if given[name] is not None]
        if beyond or out is not None:
            name = (beyond or ["out"])[0].replace("_", "-")
            raise ConfigError(f"a resumed range test keeps its settings: got --{name}; leave it out, or start anew")
        from lrscope.studies.session import resume as resume_study

        with resume_study(resume, what="find") as study:
            return drive(study, execution, wanted, as_json=json)
    asked = find_study(
        build_config(
            {**{name: given[name] for name in _SETTINGS}, "lr": end or 1e-2}, config=None, schedule=schedule,
            warmup=warmup, score_test=False, what="find",
        ),
        {name: given[name] for name in find_opt.NAMES},
        execution,
    )  # fmt: skip
    from lrscope.studies.session import begin

    with begin(asked, out or Path("runs") / f"find-{datetime.now():%Y%m%d-%H%M%S}") as study:
        return drive(study, execution, wanted, as_json=json)


_SETTINGS = (
    "model", "train", "dev", "label_names", "tokenizer", "text_column", "label_column", "on_long", "max_tokens",
    "batch_size", "micro_batch", "layer_decay", "head_multiplier", "dropout", "weight_decay", "optimizer", "beta1",
    "beta2", "epsilon", "clip_norm", "label_smoothing", "device", "precision", "threads", "batching", "implementation",
    "gradient_checkpointing",
)  # fmt: skip
