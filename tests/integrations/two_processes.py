"""Range tests in one of two processes that train together: run by test_distributed.py, twice at the same time."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lrscope import RangeTest
from lrscope.integrations.transformers import range_test

hf: Any = transformers


def of_a_trainer(model: Path, out: Path) -> dict[str, Any]:
    """Test a Trainer, and train with it afterwards."""
    hf.set_seed(7)
    subject = hf.AutoModelForSequenceClassification.from_pretrained(model, num_labels=3, pad_token_id=0)
    data = [{"input_ids": [1, *range(3 + i, 9 + i), 2], "labels": i % 3} for i in range(48)]
    arguments = hf.TrainingArguments(
        output_dir=str(out), use_cpu=True, per_device_train_batch_size=4, max_steps=3, save_strategy="no",
        report_to="none", disable_tqdm=True, dataloader_pin_memory=False, ddp_backend="gloo",
    )  # fmt: skip
    trainer = hf.Trainer(subject, arguments, train_dataset=data)
    curve = range_test(trainer, start=1e-3, end=10.0, steps=20).curves[0]
    trainer.train()
    weight = trainer.accelerator.unwrap_model(trainer.model).score.weight
    return {"losses": curve.losses.tolist(), "end": curve.end_reason, "weights": weight.flatten().tolist()}


def of_a_loop(rank: int) -> dict[str, Any]:
    """Test a plain model, whose loss becomes NaN in one of the processes alone."""
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Linear(4, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    draw = torch.Generator().manual_seed(rank)
    batches = [(torch.randn(8, 4, generator=draw), torch.randint(0, 3, (8,), generator=draw)) for _ in range(4 + rank)]
    own: list[float] = []

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        value = nn.functional.cross_entropy(model(batch[0]), batch[1])
        own.append(value.item())
        return value * float("nan") if rank == 1 and optimizer.param_groups[0]["lr"] > 1e-2 else value

    curve = RangeTest(model, optimizer, loss, batches).run(start=1e-4, end=1.0, steps=20).curves[0]
    return {"losses": curve.losses.tolist(), "end": curve.end_reason, "own": own}


if __name__ == "__main__":
    rank, model, out = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    results = {"trainer": of_a_trainer(model, out / "trainer"), "loop": of_a_loop(rank)}
    (out / f"{rank}.json").write_text(json.dumps(results), encoding="utf-8")
    torch.distributed.destroy_process_group()
