"""Dev log-loss after the same LoRA fine-tune by TRL's SFTTrainer and by lrscope: eight paired seeds, with an interval.

    python benchmarks/sft_equivalence.py [--seeds 8] [--steps 24] [--rate 3e-4] [--threads 2]

A seed fixes the order of the examples and the adapters' initial values, the same for both. Each trains SmolLM2-135M on
alpaca-demo (../shared), its shorter examples, in batches of 8 at a constant rate in bfloat16; TRL in a process of its
own. Both adapters are measured on the same dev examples by lrscope.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

SHARED = Path(__file__).resolve().parents[2] / "shared"
MODEL = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()
LONGEST, BATCH, NUM_DEV = 160, 8, 48


def inputs_of(options: argparse.Namespace, seed: int) -> Any:
    """Return a study's inputs with the shorter examples, and its configuration at a seed."""
    from dataclasses import replace

    from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
    from lrscope.schedules import Constant
    from lrscope.training.study_inputs import load_inputs

    config = StudyConfig(
        task="sft",
        data=DataConfig(train=str(SHARED / "data/sft/alpaca-demo.json"), dev="30%"),
        model=ModelConfig(model=str(MODEL)),
        trial=TrialConfig(
            peak_rate=options.rate, seed=seed, train_part="lora", batch_size=BATCH, epochs=1, schedule=Constant(),
        ),
        numerics=NumericsConfig(device="cpu", threads=options.threads, precision="bfloat16", batching="random"),
    )  # fmt: skip
    inputs = load_inputs(config)
    short = {name: split.take(np.flatnonzero(split.lengths <= LONGEST)) for name, split in inputs.encoded.items()}
    short["dev"] = short["dev"].take(np.arange(min(NUM_DEV, short["dev"].num_examples)))
    return replace(inputs, data=replace(inputs.data, splits=short))


def batches_of(inputs: Any, steps: int) -> list[Any]:
    """Return the examples of the first steps, in the order that the seed gives."""
    from lrscope.data.batches import plan_epoch

    trial = inputs.config.trial
    plan = plan_epoch(inputs.encoded["train"].lengths, BATCH, seed=trial.seed, epoch=0, batching="random")
    full = [batch for batch in plan if len(batch) == BATCH]
    if len(full) < steps:
        sys.exit(f"one pass has {len(full)} full batches: ask for so many --steps at most")
    return full[:steps]


def ours(inputs: Any, steps: int) -> tuple[float, Any]:
    """Train with lrscope; return the dev log-loss and the model as it was before."""
    from lrscope.randomness import StepRows
    from lrscope.training.loop import steps as loop
    from lrscope.training.optimizer import build_optimizer

    trial, train = inputs.config.trial, inputs.encoded["train"]
    model = inputs.build_model(trial)
    initial = {name: tensor.clone() for name, tensor in model.to_tensors().items()}
    batches = (
        [inputs.batch(train, rows, StepRows(step, 0, len(rows)))] for step, rows in enumerate(batches_of(inputs, steps))
    )
    run = loop(
        model, build_optimizer(model, trial), batches, lambda m, b: inputs.task.loss(m, b, trial)[:2],
        lambda _: trial.peak_rate, clip_norm=trial.clip_norm,
    )  # fmt: skip
    for _ in run:
        pass
    return dev_loss(inputs, model), initial


def dev_loss(inputs: Any, model: Any) -> float:
    """Return a model's log-loss on dev."""
    from lrscope.training.evaluation import outputs_of

    split = inputs.encoded["dev"]
    return float(inputs.task.score(outputs_of(model, inputs, split), split).metrics["loss"])


def trl(inputs: Any, initial: Any, options: argparse.Namespace) -> float:
    """Train with TRL in a process of its own, from the same adapters; return the dev log-loss."""
    from lrscope.models.checkpoint_writer import read_weights, write_tensors

    train, trial = inputs.encoded["train"], inputs.config.trial
    rows = []
    for example in (int(i) for batch in batches_of(inputs, options.steps) for i in batch):
        place = slice(train.offsets[example], train.offsets[example + 1])
        rows.append(
            {"input_ids": train.ids[place].tolist(), "completion_mask": train.learned[place].astype(int).tolist()}
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
        write_tensors(folder, "initial.safetensors", initial)
        command = [sys.executable, __file__, "--train-trl", temporary, "--rate", repr(options.rate)]
        command += ["--steps", str(options.steps), "--threads", str(options.threads), "--alpha", repr(trial.lora_alpha)]
        command += ["--rank", str(trial.lora_rank), "--decay", repr(trial.weight_decay)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"TRL failed:\n{done.stderr[-3000:]}")
        model = inputs.build_model(trial)
        model.load_tensors(read_weights(folder))
        return dev_loss(inputs, model)


def train_trl(options: argparse.Namespace) -> None:
    """Train adapters with SFTTrainer in the order of the rows, and save them."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig, set_peft_model_state_dict
    from safetensors.torch import load_file
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    torch.set_num_threads(options.threads)
    folder = Path(options.train_trl)
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))

    class InOrder(SFTTrainer):  # type: ignore[misc]
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(self.train_dataset)

    arguments = SFTConfig(
        output_dir=str(folder / "out"), use_cpu=True, bf16=True, per_device_train_batch_size=BATCH,
        max_steps=options.steps, learning_rate=options.rate, lr_scheduler_type="constant", save_strategy="no",
        completion_only_loss=True, gradient_checkpointing=False, weight_decay=options.decay, report_to="none",
        disable_tqdm=True,
    )  # fmt: skip
    trainer = InOrder(
        AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.bfloat16),
        args=arguments,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(MODEL),
        peft_config=LoraConfig(
            r=options.rank, lora_alpha=options.alpha, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    set_peft_model_state_dict(trainer.model, load_file(folder / "initial.safetensors"))
    trainer.model.to(torch.bfloat16)
    for name, parameter in trainer.model.named_parameters():
        if "lora_" in name:
            parameter.data = parameter.data.float()
    trainer.train()
    trainer.model.save_pretrained(folder)


def main() -> None:
    """Print a row a seed, and the mean difference with its 95% interval."""
    from scipy import stats

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--threads", type=int, default=2)
    for name in ("--train-trl", "--alpha", "--rank", "--decay"):
        parser.add_argument(name, help=argparse.SUPPRESS, type=str if name == "--train-trl" else float)
    options = parser.parse_args()
    if options.train_trl:
        options.rank = int(options.rank)
        train_trl(options)
        return
    differences = []
    print("| seed | TRL | lrscope | lrscope − TRL |\n| --- | --- | --- | --- |")
    for seed in range(options.seeds):
        inputs = inputs_of(options, seed)
        mine, initial = ours(inputs, options.steps)
        theirs = trl(inputs, initial, options)
        differences.append(mine - theirs)
        print(f"| {seed} | {theirs:.4f} | {mine:.4f} | {mine - theirs:+.4f} |", flush=True)
    mean, error = float(np.mean(differences)), float(stats.sem(differences))
    half = error * float(stats.t.ppf(0.975, len(differences) - 1))
    print(f"\nmean difference {mean:+.4f}, 95% interval {mean - half:+.4f} to {mean + half:+.4f}")


if __name__ == "__main__":
    main()
