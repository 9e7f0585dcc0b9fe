"""Seconds a step, trained tokens a second and peak memory of supervised fine-tuning: TRL's SFTTrainer beside lrscope.

    python benchmarks/sft.py [--shapes 42M,135M] [--batches 8,32] [--parts lora,full] [--threads 2] [--out table.md]

Every figure comes from a process of its own, on the same GSM8K examples (../shared), tokenised to the same ids with the
same learned tokens, from the same weights: SmolLM2-135M as ../shared/models/smollm2-135m/make.py makes it, or random
ones of the 42M shape. TRL is measured as it comes, and in combinations of {float32, bfloat16} × {in any order, grouped
by length, packed, free of padding} × {gradient checkpointing or not}; the fastest by tokens is its best. The
processor's matrix-product peak is measured in the same run. "Useful" operations are those that the tokens need at
least: of frozen matrices no gradient is counted, and of the vocabulary only rows that are learned.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from throughput import measure_peak

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODEL = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()
WARMUP, TIMED = 2, 3
RANK = 16
SHAPE_42M: dict[str, int] = dict(
    vocab_size=32000, dim=512, num_layers=8, num_heads=8, num_kv_heads=8, head_dim=64, hidden_dim=1376,
    max_positions=2048,
)  # fmt: skip
ORDERS = ("plain", "grouped", "packed", "padding-free")
Example = tuple[list[int], int]  # ids, and how many of them are the prompt


def examples(shape: str, number: int) -> list[Example]:
    """Return the first examples of GSM8K as token ids, with the length of their prompts."""
    rows = [json.loads(line) for line in (SHARED / "data/sft/gsm8k-train.jsonl").open(encoding="utf-8")][:number]
    if shape == "135M":
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(MODEL)
        found = []
        for row in rows:
            chat = [{"role": "user", "content": row["prompt"]}]
            prompt = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
            chat.append({"role": "assistant", "content": row["completion"]})
            found.append((tokenizer.apply_chat_template(chat, return_dict=False), len(prompt)))
        return found
    from lrscope.models.tokenizers import read_tokenizer

    path = SHARED / "models/llama2-tokenizer/tokenizer.model"
    tokenizer = read_tokenizer(path, path)
    prompts = tokenizer.encode([row["prompt"] + "\n" for row in rows], eos=False)
    completions = tokenizer.encode([row["completion"] for row in rows], bos=False)
    return [(prompt + completion, len(prompt)) for prompt, completion in zip(prompts, completions, strict=True)]


def useful_flops(shape: str, part: str, tokens: float, learned: float) -> float:
    """Return the multiply-add operations × 2 that a forward and backward pass over these tokens needs at least."""
    dim, hidden, layers, vocab = (576, 1536, 30, 49152) if shape == "135M" else (512, 1376, 8, 32000)
    kv = 192 if shape == "135M" else 512
    a_token = layers * (2 * dim * dim + 2 * dim * kv + 3 * dim * hidden)
    return (4.0 if part == "lora" else 6.0) * (a_token * tokens + vocab * dim * learned)


def measure_trl(shape: str, part: str, batch: int, how: dict[str, Any]) -> dict[str, float]:
    """Train with TRL; what `how` does not name is at its default."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    steps = WARMUP + TIMED
    rows = examples(shape, batch * steps * (4 if how.get("order") == "packed" else 1))
    # Both train the same examples: as many batches as steps, so that grouping has something to sort.
    torch.manual_seed(0)
    half = how.get("precision") == "bfloat16"
    dtype = torch.bfloat16 if half and part == "lora" else torch.float32
    if shape == "135M":
        model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=dtype)
    else:
        s = SHAPE_42M
        config = LlamaConfig(
            vocab_size=s["vocab_size"], hidden_size=s["dim"], intermediate_size=s["hidden_dim"],
            num_hidden_layers=s["num_layers"], num_attention_heads=s["num_heads"], tie_word_embeddings=True,
            num_key_value_heads=s["num_kv_heads"], max_position_embeddings=s["max_positions"],
        )  # fmt: skip
        model = LlamaForCausalLM(config).to(dtype)
    ticks: list[tuple[float, float]] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            ticks.append((perf_counter(), 0.0))

        def on_step_end(self, *_: Any, **__: Any) -> None:
            ticks[-1] = (ticks[-1][0], perf_counter())

    counted: list[tuple[int, int]] = []
    options: dict[str, Any] = {}
    if "precision" in how:
        options["bf16"] = half
    if "checkpointing" in how:
        options["gradient_checkpointing"] = how["checkpointing"]
    order = how.get("order", "plain")
    if order == "grouped":
        options["train_sampling_strategy"] = "group_by_length"
    elif order == "packed":
        options["packing"] = True
    elif order == "padding-free":
        options |= {"padding_free": True, "max_length": None}
    with tempfile.TemporaryDirectory() as folder:
        arguments = SFTConfig(
            output_dir=folder, use_cpu=True, completion_only_loss=True, per_device_train_batch_size=batch,
            max_steps=steps, learning_rate=1e-4, save_strategy="no", report_to="none", disable_tqdm=True, **options,
        )  # fmt: skip
        data = Dataset.from_list(
            [{"input_ids": ids, "completion_mask": [0] * n + [1] * (len(ids) - n)} for ids, n in rows]
        )
        lora = LoraConfig(r=RANK, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
        trainer = SFTTrainer(
            model, args=arguments, train_dataset=data, processing_class=_tokenizer(shape), callbacks=[Clock()],
            peft_config=lora if part == "lora" else None,
        )  # fmt: skip
        inner = trainer.data_collator

        def collate(rows: list[dict[str, Any]]) -> Any:
            made = inner(rows)
            labels = made["labels"]
            real = made["attention_mask"].sum() if "attention_mask" in made else made["input_ids"].numel()
            counted.append((int(real), int((labels != -100).sum())))
            return made

        trainer.data_collator = collate
        trainer.train()
    seconds = [end - begin for begin, end in ticks]
    return _figures(seconds, counted)


def _tokenizer(shape: str) -> Any:
    from transformers import AutoTokenizer

    path = MODEL if shape == "135M" else SHARED / "models/stories260K-hf"  # for its padding token alone
    tokenizer = AutoTokenizer.from_pretrained(path)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def measure_lrscope(shape: str, part: str, batch: int, threads: int, checkpointing: bool) -> dict[str, float]:
    """Train with lrscope's own loop, task, batches and `auto` precision."""
    import numpy as np
    import torch

    from lrscope.config import NumericsConfig, TrialConfig
    from lrscope.models.checkpoints import read_checkpoint
    from lrscope.models.frozen import shared_tensors
    from lrscope.models.language_model import build_learner
    from lrscope.models.precision import dtype_named
    from lrscope.models.shape import LlamaShape
    from lrscope.randomness import StepRows
    from lrscope.tasks.adapters import lora_settings
    from lrscope.tasks.sft import SupervisedFineTuning
    from lrscope.tasks.token_batch import padded_batch
    from lrscope.tasks.token_split import TokenSplit
    from lrscope.training.host_memory import keep_freed_memory
    from lrscope.training.loop import steps
    from lrscope.training.numerics import apply, decide
    from lrscope.training.optimizer import build_optimizer

    keep_freed_memory()
    rows = examples(shape, batch * (WARMUP + TIMED))
    config = TrialConfig(peak_rate=1e-4, batch_size=batch, epochs=1, train_part="lora" if part == "lora" else "full")
    if shape == "135M":
        checkpoint = read_checkpoint(MODEL)
        llama = checkpoint.shape
        assert llama is not None
    else:
        llama = LlamaShape(**SHAPE_42M, norm_eps=1e-5, rope_theta=1e4, tied=True, rope_scaling=None)
    numerics = decide(NumericsConfig(threads=threads, device="cpu"), llama, "native")
    apply(numerics)
    dtype = dtype_named(numerics.precision)
    if shape == "135M":
        tensors = shared_tensors(checkpoint, dtype) if part == "lora" else checkpoint.tensors
    else:
        generator = torch.Generator().manual_seed(0)
        tensors = {
            name: torch.ones(size) if len(size) == 1 else torch.randn(size, generator=generator) * 0.02
            for name, size in llama.tensor_shapes().items()
        }
        if part == "lora":
            tensors = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    model = build_learner(llama, tensors, dtype, copies=part == "full")
    if (settings := lora_settings(config)) is not None:
        model.add_adapters(settings, 0)
    model.set_trainable(config.train_part)
    model.set_gradient_checkpointing(checkpointing)
    offsets = np.concatenate(([0], np.cumsum([len(ids) for ids, _ in rows]))).astype(np.int64)
    learned = np.concatenate([np.arange(len(ids)) >= n for ids, n in rows])
    split = TokenSplit(
        "train", np.concatenate([np.array(ids, dtype=np.int32) for ids, _ in rows]), offsets,
        np.zeros(len(rows), dtype=np.int64), learned=learned, num_bytes=np.ones(len(rows), dtype=np.int64),
    )  # fmt: skip
    task = SupervisedFineTuning()
    plan = [np.arange(first, first + batch) for first in range(0, len(rows), batch)]
    counted = [(int(split.lengths[p].sum()), int(split.take(p).learned.sum())) for p in plan]
    batches = ([padded_batch(split, p, 0, "cpu", StepRows(step, 0, batch))] for step, p in enumerate(plan))
    optimizer = build_optimizer(model, config)
    run = steps(model, optimizer, batches, lambda m, b: task.loss(m, b, config)[:2], lambda _: 1e-4, clip_norm=1.0)
    return _figures([record.seconds for record in run], counted)


def _figures(seconds: list[float], counted: list[tuple[int, int]]) -> dict[str, float]:
    import resource

    tokens, learned = (sum(each[i] for each in counted[WARMUP : WARMUP + TIMED]) / TIMED for i in (0, 1))
    return {
        "seconds": sum(seconds[WARMUP:]) / len(seconds[WARMUP:]),
        "tokens": tokens,
        "learned": learned,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def child(arguments: dict[str, Any], threads: int, limit: float | None = None) -> dict[str, float] | str:
    """Measure one figure in a process of its own; why there is none, where TRL does not run or exceeds the limit."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false"}
    command = [sys.executable, __file__, "--threads", str(threads), "--measure", json.dumps(arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"{WARMUP + TIMED} steps took over {limit:.0f} s"
    if done.returncode:
        if arguments.get("who") != "trl":
            sys.exit(f"{arguments} failed:\n{done.stderr[-3000:]}")
        return "does not run"
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def measure(arguments: dict[str, Any], threads: int) -> dict[str, float]:
    """Run inside the process that `child` starts."""
    import torch

    torch.set_num_threads(threads)
    if arguments["who"] == "peak":
        return measure_peak(threads)
    where = arguments["shape"], arguments["part"], arguments["batch"]
    if arguments["who"] == "lrscope":
        return measure_lrscope(*where, threads, arguments["checkpointing"])
    return measure_trl(*where, arguments["how"])


def ways(quick: bool, orders: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return how TRL is measured, by a name: its defaults, then the combinations."""
    found: dict[str, dict[str, Any]] = {"TRL, defaults": {}}
    precisions = ("bfloat16",) if quick else ("float32", "bfloat16")
    for precision, order, checkpointing in itertools.product(precisions, orders, (False, True)):
        name = f"TRL, {precision}, {order}" + (", checkpointing" if checkpointing else "")
        found[name] = {"precision": precision, "order": order, "checkpointing": checkpointing}
    return found


def table(
    shape: str, part: str, batch: int, options: argparse.Namespace, peaks: dict[str, float],
    report: Callable[[str], None],
) -> None:  # fmt: skip
    """Measure one shape, part and batch size and report its rows, ratios last."""
    found: dict[str, dict[str, float]] = {}
    where = {"shape": shape, "part": part, "batch": batch}
    for name, how in ways(options.quick, options.orders.split(",")).items():
        figures = child({"who": "trl", **where, "how": how}, options.threads, options.limit)
        if isinstance(figures, str):
            report(f"| {shape} | {part} | {batch} | {name} | {figures} | | | |")
            continue
        found[name] = figures
        report(_row(where, name, figures, peaks))
    for checkpointing in (False, True):
        name = "lrscope" + (", checkpointing" if checkpointing else "")
        figures = child({"who": "lrscope", **where, "checkpointing": checkpointing}, options.threads)
        assert not isinstance(figures, str)
        found[name] = figures
        report(_row(where, name, figures, peaks))
    speed = {name: figures["tokens"] / figures["seconds"] for name, figures in found.items()}
    best = max((name for name in found if name.startswith("TRL")), key=lambda name: speed[name])
    memory = found["lrscope"]["megabytes"] / found[best]["megabytes"]
    over = {name: speed["lrscope"] / speed[name] for name in ("TRL, defaults", best)}
    report(
        f"| {shape} | {part} | {batch} | **ratios** | **{over['TRL, defaults']:.1f}×** its defaults, "
        f"**{over[best]:.1f}×** its fastest ({best}) | | **{memory:.2f}** of its memory | |"
    )


def _row(where: dict[str, Any], name: str, figures: dict[str, float], peaks: dict[str, float]) -> str:
    flops = useful_flops(where["shape"], where["part"], figures["tokens"], figures["learned"]) / figures["seconds"]
    return (
        f"| {where['shape']} | {where['part']} | {where['batch']} | {name} | {figures['seconds']:.2f} | "
        f"{figures['tokens'] / figures['seconds']:,.0f} | {figures['megabytes']:,.0f} | "
        f"{100 * flops / peaks['bfloat16']:.0f}% |"
    )


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default="42M,135M")
    parser.add_argument("--batches", default="8,32")
    parser.add_argument("--parts", default="lora,full")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="leave out TRL in float32")
    parser.add_argument("--orders", default=",".join(ORDERS), help="orders that TRL is measured in")
    parser.add_argument("--limit", type=float, help="seconds after which a figure of TRL's is given up")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(json.loads(options.measure), options.threads)))
        return
    if not SHARED.is_dir() or ("135M" in options.shapes and not MODEL.is_dir()):
        sys.exit(f"the benchmark reads {SHARED} and {MODEL}; make the latter with models/smollm2-135m/make.py there")
    lines: list[str] = []

    def report(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    peaks = child({"who": "peak"}, options.threads)
    assert not isinstance(peaks, str)
    report(
        f"Matrix-product peak in this run, {options.threads} threads: {peaks['float32'] / 1e9:.0f} GFLOP/s in float32, "
        f"{peaks['bfloat16'] / 1e9:.0f} in bfloat16. LoRA of rank {RANK} on all matrices.\n"
    )
    report("| shape | part | batch | who | s a step | tokens/s | peak MB | useful share of the bfloat16 peak |")
    report("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for shape, part, batch in itertools.product(
        options.shapes.split(","), options.parts.split(","), map(int, options.batches.split(","))
    ):
        table(shape, part, batch, options, peaks, report)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
