"""`lrscope demo`: the main job on the bundled sample, from nothing to a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.finetune import drive


def demo(
    out: Annotated[
        Path | None, typer.Option("--out", help="New folder for the study [runs/demo-DATE-TIME].", metavar="FOLDER")
    ] = None,
    lr: opt.LearningRate = None,
    epochs: opt.Epochs = None,
    json: opt.Json = False,
) -> int:
    """Fine-tune the bundled tiny LLaMA on the bundled film reviews: no download, about a minute on two cores.

    Example:

      lrscope demo --out runs/demo
    """
    from datetime import datetime

    from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
    from lrscope.sample import folder
    from lrscope.training import finetune as session

    sample = folder()
    config = StudyConfig(
        data=DataConfig(
            train=str(sample / "train.txt"),
            dev=str(sample / "dev.txt"),
            test=str(sample / "test.txt"),
            label_names=str(sample / "label-names.json"),
        ),
        model=ModelConfig(model=str(sample / "model")),
        trial=TrialConfig(peak_rate=1e-3 if lr is None else lr, epochs=5 if epochs is None else epochs),
    )
    target = out or Path("runs") / f"demo-{datetime.now():%Y%m%d-%H%M%S}"
    with session.begin(config, target) as run:
        return drive(run, as_json=json)
