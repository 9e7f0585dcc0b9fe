"""Seconds a step, real tokens a second and peak memory of a fine-tune: Hugging Face Trainer beside lrscope.

    python benchmarks/throughput.py [--shapes 260K,15M,42M] [--threads 2] [--out table.md]

Every figure comes from a process of its own, on the same SST sentences (../shared), tokenised to the same ids, in
batches of 80, from the same random weights. Trainer is measured as it comes, and in every combination of
{random, grouped by length} × {float32, bfloat16}; the fastest is its best. The processor's matrix-product peak is
measured in the same run. "Useful" operations are those of the real tokens alone, with the last layer's queries,
output and feed-forward counted for one token a sentence: the least that this task needs, whoever computes it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

SHARED = Path(__file__).resolve().parents[2] / "shared"
BATCH = 80
CLASSES = 5
WARMUP_STEPS = 2
SHAPES: dict[str, dict[str, int]] = {
    "260K": dict(vocab_size=512, dim=64, num_layers=5, num_heads=8, num_kv_heads=4, hidden_dim=172, batches=107),
    "15M": dict(vocab_size=32000, dim=288, num_layers=6, num_heads=6, num_kv_heads=6, hidden_dim=768, batches=52),
    "42M": dict(vocab_size=32000, dim=512, num_layers=8, num_heads=8, num_kv_heads=8, hidden_dim=1376, batches=26),
    "135M": dict(vocab_size=49152, dim=576, num_layers=30, num_heads=9, num_kv_heads=3, hidden_dim=1536, batches=6),
}
TRAINER = {
    "trainer, defaults": ("random", "float32"),
    "trainer, bfloat16": ("random", "bfloat16"),
    "trainer, grouped": ("grouped", "float32"),
    "trainer, grouped, bfloat16": ("grouped", "bfloat16"),
}


def sentences(shape: str) -> tuple[list[list[int]], list[int]]:
    """Return token ids (beginning, text, end) and labels of the first sentences of SST's training set."""
    rows = [line.split(" ||| ", 1) for line in (SHARED / "data/sst/sst-train.txt").open(encoding="utf-8")]
    rows = rows[: SHAPES[shape]["batches"] * BATCH]
    texts, labels = [text.strip() for _, text in rows], [int(label) for label, _ in rows]
    from lrscope.models.tokenizers import read_tokenizer

    folder = "stories260K-hf/tokenizer.json" if shape == "260K" else "llama2-tokenizer/tokenizer.model"
    path = SHARED / "models" / folder
    return read_tokenizer(path, path).encode(texts), labels


def useful_flops(shape: str, tokens: float, rows: float) -> float:
    """Return the multiply-add operations × 2 that a forward and backward pass over these tokens needs at least."""
    s = SHAPES[shape]
    kv = s["dim"] * s["num_kv_heads"] * (s["dim"] // s["num_heads"]) * 2
    layer = 2 * s["dim"] ** 2 + kv + 3 * s["dim"] * s["hidden_dim"]
    last = tokens * kv + rows * (layer - kv)
    return 6.0 * (tokens * layer * (s["num_layers"] - 1) + last)


def measure_peak(threads: int) -> dict[str, float]:
    """Return the fastest of many 2048³ products, in operations a second, by precision."""
    import torch

    torch.set_num_threads(threads)
    n, found = 2048, {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a, b = torch.randn(n, n).to(dtype), torch.randn(n, n).to(dtype)
        seconds = []
        for _ in range(25):
            began = perf_counter()
            a @ b
            seconds.append(perf_counter() - began)
        found[name] = 2 * n**3 / min(seconds)
    return found


def measure_trainer(shape: str, sampling: str, precision: str, threads: int) -> dict[str, float]:
    """Train with Hugging Face Trainer; everything not named here is at its default."""
    import torch

    torch.set_num_threads(threads)
    from transformers import LlamaConfig, LlamaForSequenceClassification, Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_pt_utils import get_length_grouped_indices

    ids, labels = sentences(shape)
    s = SHAPES[shape]
    torch.manual_seed(0)
    model = LlamaForSequenceClassification(
        LlamaConfig(
            vocab_size=s["vocab_size"],
            hidden_size=s["dim"],
            intermediate_size=s["hidden_dim"],
            num_hidden_layers=s["num_layers"],
            num_attention_heads=s["num_heads"],
            num_key_value_heads=s["num_kv_heads"],
            max_position_embeddings=512,
            tie_word_embeddings=True,
            num_labels=CLASSES,
            pad_token_id=0,
        )
    )

    def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        width = max(len(row["input_ids"]) for row in rows)
        padded = torch.zeros(len(rows), width, dtype=torch.long)
        mask = torch.zeros_like(padded)
        for place, row in enumerate(rows):
            padded[place, : len(row["input_ids"])] = torch.tensor(row["input_ids"])
            mask[place, : len(row["input_ids"])] = 1
        return {"input_ids": padded, "attention_mask": mask, "labels": torch.tensor([row["labels"] for row in rows])}

    ends: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(perf_counter())

    class Sampled(Trainer):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            if sampling == "random":
                return super()._get_train_sampler(train_dataset)
            # Trainer's own grouping, with the mega-batch of 26 that it would use on the whole of SST.
            order = get_length_grouped_indices([len(row) for row in ids], BATCH, mega_batch_mult=26)
            return _Fixed(order)

    class _Fixed(torch.utils.data.Sampler):  # type: ignore[type-arg]
        def __init__(self, order: list[int]) -> None:
            self.order = order

        def __iter__(self) -> Any:
            return iter(self.order)

        def __len__(self) -> int:
            return len(self.order)

    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            use_cpu=True,
            bf16=precision == "bfloat16",
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=1e-4,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        data = [{"input_ids": row, "labels": label} for row, label in zip(ids, labels, strict=True)]
        Sampled(model, arguments, data_collator=collate, train_dataset=data, callbacks=[Clock()]).train()
    return _figures(ends, ids)


def measure_lrscope(shape: str, threads: int) -> dict[str, float]:
    """Train with lrscope's own loop, task, batches and `auto` precision."""
    import numpy as np
    import torch

    from lrscope.config import NumericsConfig, TrialConfig
    from lrscope.data.batches import plan_epoch
    from lrscope.models.classifier import LlamaClassifier
    from lrscope.models.precision import dtype_named
    from lrscope.models.shape import LlamaShape
    from lrscope.randomness import StepRows
    from lrscope.tasks.base import EncodedSplit
    from lrscope.tasks.classification import Classification, padded_batch
    from lrscope.training.host_memory import keep_freed_memory
    from lrscope.training.loop import steps
    from lrscope.training.numerics import apply, decide
    from lrscope.training.optimizer import build_optimizer

    keep_freed_memory()
    ids, labels = sentences(shape)
    s = {name: value for name, value in SHAPES[shape].items() if name != "batches"}
    llama = LlamaShape(
        **s,
        head_dim=s["dim"] // s["num_heads"],
        max_positions=512,
        norm_eps=1e-5,
        rope_theta=1e4,
        tied=True,
        rope_scaling=None,
    )
    numerics = decide(NumericsConfig(threads=threads, device="cpu"), llama, "native")
    apply(numerics)
    torch.manual_seed(0)
    model = LlamaClassifier(llama, CLASSES, 0.3, dtype_named(numerics.precision))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.02)
    config = TrialConfig(peak_rate=1e-4, batch_size=BATCH, epochs=1)
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in ids])))
    flat = np.concatenate([np.array(row, dtype=np.int32) for row in ids])
    split = EncodedSplit("train", flat, offsets, np.array(labels))
    task = Classification()
    plan = plan_epoch(split.lengths, BATCH, seed=0, epoch=0, batching=numerics.batching)
    batches = ([padded_batch(split, rows, 0, "cpu", StepRows(step, 0, len(rows)))] for step, rows in enumerate(plan))
    schedule = config.schedule.resolve(total_steps=len(plan), steps_per_epoch=len(plan))

    def loss(model: torch.nn.Module, batch: Any) -> tuple[torch.Tensor, float]:
        return task.loss(model, batch, config)[:2]

    optimizer = build_optimizer(model, config)
    run = steps(model, optimizer, batches, loss, lambda t: 1e-4 * schedule(t), clip_norm=config.clip_norm)
    ends = [perf_counter() for _ in run]
    return {**_figures(ends, ids), "bfloat16": float(numerics.precision == "bfloat16")}


def _figures(ends: list[float], ids: list[list[int]]) -> dict[str, float]:
    import resource

    seconds = (ends[-1] - ends[WARMUP_STEPS - 1]) / (len(ends) - WARMUP_STEPS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "tokens": sum(map(len, ids)) / len(ends), "megabytes": peak, "steps": len(ends)}


def child(arguments: list[str], threads: int) -> dict[str, float]:
    """Measure one figure in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, "--threads", str(threads), "--measure", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def measure(arguments: list[str], threads: int) -> dict[str, float]:
    """Run inside the process that `child` starts."""
    if arguments[0] == "peak":
        return measure_peak(threads)
    shape, subject = arguments
    if subject == "lrscope":
        return measure_lrscope(shape, threads)
    return measure_trainer(shape, *TRAINER[subject], threads)


def table(shape: str, threads: int, peaks: dict[str, float], report: Callable[[str], None]) -> None:
    """Measure one shape and report its rows, ratios last."""
    found = {}
    for subject in (*TRAINER, "lrscope"):
        figures = found[subject] = child([shape, subject], threads)
        flops = useful_flops(shape, figures["tokens"], BATCH) / figures["seconds"]
        precision = "bfloat16" if "bfloat16" in subject or figures.get("bfloat16") else "float32"
        report(
            f"| {shape} | {subject} | {precision} | {figures['seconds']:.3f} | "
            f"{figures['tokens'] / figures['seconds']:,.0f} | {figures['megabytes']:,.0f} | "
            f"{100 * flops / peaks['bfloat16']:.0f}% |"
        )
    ours, default = found["lrscope"]["seconds"], found["trainer, defaults"]["seconds"]
    best = min((name for name in TRAINER), key=lambda name: found[name]["seconds"])
    report(
        f"| {shape} | **ratios** | | **{default / ours:.1f}×** its defaults, "
        f"**{found[best]['seconds'] / ours:.1f}×** its fastest ({best}) | | | |"
    )


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.threads)))
        return
    if not SHARED.is_dir():
        sys.exit(f"the benchmark reads {SHARED}, which is not there")
    lines: list[str] = []

    def report(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    peaks = child(["peak"], options.threads)
    report(
        f"Matrix-product peak in this run, {options.threads} threads: {peaks['float32'] / 1e9:.0f} GFLOP/s in float32, "
        f"{peaks['bfloat16'] / 1e9:.0f} in bfloat16. Batch {BATCH}.\n"
    )
    report("| shape | who | precision | s a step | real tokens/s | peak MB | useful share of the bfloat16 peak |")
    report("| --- | --- | --- | --- | --- | --- | --- |")
    for shape in options.shapes.split(","):
        table(shape, options.threads, peaks, report)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
