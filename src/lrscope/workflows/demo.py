"""The study of `lrscope demo`: five learning rates on the bundled film reviews and tiny LLaMA."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.executors.config import ExecutorConfig
from lrscope.machine import available_cores
from lrscope.sample import folder

RATES, EPOCHS, SEEDS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 3, 2


def demo_study(
    executor: ExecutorConfig, rates: Sequence[float] = RATES, *, epochs: int = EPOCHS, seeds: int = SEEDS
) -> StudyConfig:
    """Return a sweep on the bundled sample; the cores are divided among the trials that run at once."""
    sample = folder()
    return StudyConfig(
        data=DataConfig(
            train=str(sample / "train.txt"),
            dev=str(sample / "dev.txt"),
            test=str(sample / "test.txt"),
            label_names=str(sample / "label-names.json"),
        ),
        model=ModelConfig(model=str(sample / "model")),
        trial=TrialConfig(peak_rate=rates[0], epochs=epochs),
        numerics=NumericsConfig(threads=max(1, available_cores() // max(1, executor.workers))),
        sweep=SweepConfig(grid={"peak_rate": rates}, seeds=seeds),
    )
