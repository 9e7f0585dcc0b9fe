"""A range test of a head alone, on the features of its frozen backbone: the same steps, without the backbone."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lrscope.data.batches import plan_epoch
from lrscope.randomness import derive_seed
from lrscope.runners.range_test import RangeTrial

Batch = tuple[Tensor, Tensor]  # features of a step's examples, (B, D), and their classes


@dataclass
class HeadRangeTrial(RangeTrial):
    """A range test whose head reads `features`, (N, D) of each split. All that differs between seeds does."""

    features: Mapping[str, Tensor] = field(default_factory=dict)

    def _batches(self) -> Iterator[Iterator[Batch]]:
        train, trial, step = self.inputs.encoded["train"], self.trial, 0
        targets = torch.from_numpy(train.targets)
        for epoch in itertools.count():
            plan = plan_epoch(
                train.lengths, trial.batch_size, seed=trial.seed, epoch=epoch, batching=self.inputs.numerics.batching
            )
            for rows in map(torch.from_numpy, plan):
                x = self.features["train"][rows]
                generator = torch.Generator().manual_seed(derive_seed(trial.seed, "dropout", step))
                draws = torch.rand(x.shape, generator=generator)
                kept = (draws >= trial.dropout).float() / (1.0 - trial.dropout)
                yield iter([(x * kept, targets[rows])])
                step += 1

    def _loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, float]:
        x, targets = batch
        return nn.functional.cross_entropy(model(x), targets, reduction="sum"), float(len(targets))

    def _make_probe(self, model: nn.Module) -> Callable[[], float] | None:
        if self.config.probed == "none":
            return None
        split = self.inputs.encoded[self.config.probed]
        size = min(self.config.probe_size, split.num_examples)
        draw = np.random.default_rng(derive_seed(0, "probe"))
        rows = torch.from_numpy(np.sort(draw.choice(split.num_examples, size, replace=False)))
        x, targets = self.features[self.config.probed][rows], torch.from_numpy(split.targets)[rows]

        def probe() -> float:
            with torch.no_grad():
                return float(nn.functional.cross_entropy(model(x), targets))

        return probe

    def _build_model(self) -> nn.Module:
        (weight,) = (each.detach().float() for each in super()._build_model().parameters() if each.requires_grad)
        head = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        head.weight.data.copy_(weight)
        return head
