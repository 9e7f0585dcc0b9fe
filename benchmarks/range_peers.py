"""What torch-lr-finder, Lightning and fastai suggest on the settings of `range_settings.py`: each package's own code.

    pip install torch-lr-finder==0.2.2 lightning==2.6.6 fastai==2.8.12
    python benchmarks/range_peers.py [--only SETTING ...] [--seeds 3]

Each drives our model, our batches and our optimizer with its own defaults. The rates, with the versions they came from,
go to benchmarks/range_peers.json, so that `range_test.py` needs none of the packages. What is there is not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import io
import itertools
import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from range_settings import SETTINGS, TRUTH, Setting, setting_files, study_config

PEERS = TRUTH.with_name("range_peers.json")
NUM_STEPS = 100  # the default of all three
CLIP_NORM = 1.0
Rates = dict[str, float | None]


class Indexed(nn.Module):
    """A model that is given a batch's number and returns its loss: what every package can drive."""

    def __init__(self, model: nn.Module, loss: Callable[..., Any], batches: list[Any]) -> None:
        super().__init__()
        self.model, self.loss, self.batches = model, loss, batches

    def forward(self, number: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        batch = self.batches[int(number)]
        total, weight, _ = self.loss(self.model, batch)
        mean: Tensor = total / weight
        return mean


def as_is(loss: Tensor, _: Tensor) -> Tensor:
    """The criterion of a model that returns its loss."""
    return loss


def torch_lr_finder(model: Indexed, optimizer: Callable[[], Any]) -> Rates:
    """Return torch-lr-finder's suggestion: start at the optimizer's rate, up to 10."""
    import matplotlib.pyplot as plt
    from torch_lr_finder import LRFinder

    finder = LRFinder(model, optimizer(), as_is, device="cpu")
    finder.range_test(_loader(), start_lr=1e-7, num_iter=NUM_STEPS)
    _, figure = plt.subplots()
    rate = None
    with contextlib.suppress(RuntimeError):  # fewer steps than it needs
        _, rate = finder.plot(ax=figure)
    plt.close("all")
    return {"torch-lr-finder": rate}


def lightning(model: Indexed, optimizer: Callable[[], Any]) -> Rates:
    """Return Lightning's suggestion: from 1e-8 to 1."""
    import lightning.pytorch as pl
    from lightning.pytorch.tuner import Tuner

    class Module(pl.LightningModule):  # type: ignore[misc]  # its types are not read
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def training_step(self, batch: Any, _: int) -> Tensor:
            loss: Tensor = self.inner(batch[0])
            return loss

        def configure_optimizers(self) -> Any:
            return optimizer()

    with tempfile.TemporaryDirectory() as folder:
        trainer = pl.Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, enable_model_summary=False,
            gradient_clip_val=CLIP_NORM, default_root_dir=folder, max_epochs=1,
        )  # fmt: skip
        found = Tuner(trainer).lr_find(Module(), train_dataloaders=_loader(), num_training=NUM_STEPS, update_attr=False)
        return {"Lightning": None if found is None else found.suggestion()}


def fastai(model: Indexed, optimizer: Callable[[], Any]) -> Rates:
    """Return fastai's four suggestions: from 1e-7 to 10."""
    from fastai.callback.schedule import minimum, slide, steep, valley
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    with tempfile.TemporaryDirectory() as folder:
        learner = Learner(
            DataLoaders(_loader(), _loader()), model, loss_func=as_is, path=folder,
            opt_func=lambda *_, **__: OptimWrapper(opt=optimizer()),
        )  # fmt: skip
        found: Rates = {}
        learner.lr_find(num_it=NUM_STEPS, show_plot=False, suggest_funcs=None)
        lrs, losses = learner.recorder.lrs, learner.recorder.losses
        # As lr_find itself cuts them, rule by rule: one that fails does not take the others along.
        rates = torch.tensor(lrs[NUM_STEPS // 10 : -5])
        values = torch.tensor([float(loss) for loss in losses[NUM_STEPS // 10 : -5]])
        if (bad := torch.nonzero(torch.isnan(values))).numel():
            rates, values = rates[: bad[0]], values[: bad[0]]
        for rule in (valley, slide, minimum, steep):
            name = f"fastai {rule.__name__}"
            found[name] = None
            with contextlib.suppress(IndexError, RuntimeError, ValueError):
                found[name] = float(rule(rates, values, NUM_STEPS)[0])
        return found


def _loader() -> Any:
    numbers = torch.arange(NUM_STEPS + 20)
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(numbers, numbers), batch_size=None)


def suggestions(setting: Setting, seeds: int) -> dict[str, Rates]:
    """Return what every package suggests, by seed."""
    from lrscope.training.batches import step_batches
    from lrscope.training.numerics import apply
    from lrscope.training.optimizer import build_optimizer
    from lrscope.training.study_inputs import load_inputs

    found: dict[str, Rates] = {}
    with setting_files(setting) as (data, base):
        config = study_config(setting, data, base)
        inputs = load_inputs(config)
        apply(inputs.numerics)
        for seed in range(seeds):
            trial = replace(config.trial, seed=seed, peak_rate=1e-7)
            plan = step_batches(inputs, trial, endless=True)
            batches = [next(iter(step)) for step in itertools.islice(plan, NUM_STEPS + 20)]
            found[str(seed)] = {}
            for peer in (torch_lr_finder, lightning, fastai):
                inner = inputs.build_model(trial)
                model = Indexed(inner, partial(inputs.task.loss, trial=trial), batches)
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    rates = peer(model, partial(build_optimizer, inner, trial))
                found[str(seed)] |= {
                    name: rate if rate is None else float(f"{rate:.4g}") for name, rate in rates.items()
                }
    return found


def main() -> None:
    """Run what is not there yet, and store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    for setting in SETTINGS:
        known: dict[str, Any] = json.loads(PEERS.read_text(encoding="utf-8")) if PEERS.exists() else {}
        known["versions"] = {
            name: importlib.metadata.version(name) for name in ("torch-lr-finder", "lightning", "fastai")
        }
        if setting.name in known or (options.only and setting.name not in options.only):
            continue
        known[setting.name] = suggestions(setting, options.seeds)
        PEERS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        print(f"{setting.name}: {known[setting.name]}", flush=True)


if __name__ == "__main__":
    main()
