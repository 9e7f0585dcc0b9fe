"""What the corpus of landscapes holds: each setting's model, data, trained part and batch size, and which runs it has.

A setting is trained at every rate of its grid, over its whole horizon and over 1/2, 1/4 and 1/8 of it: complete runs
each, whose schedule ends where the run does.
"""

from __future__ import annotations

import os
import random
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lrscope import sample
from lrscope.config import DataConfig, ModelConfig, StudyConfig, TrialConfig
from lrscope.schedules import parse

if TYPE_CHECKING:
    from lrscope.training.study_inputs import StudyInputs

SHARED = Path(os.environ.get("LRSCOPE_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SMOLLM2 = Path(os.environ.get("LRSCOPE_SMOLLM2", "~/.cache/lrscope/smollm2-135m")).expanduser()
LINEAR = "warmup(6%) > linear"
HORIZONS = (Fraction(1), Fraction(1, 2), Fraction(1, 4), Fraction(1, 8))
Part = Literal["lora", "full", "head"]
_DECADES = (0.1, 0.3, 1.0, 1.8, 3.0, 5.6, 10.0, 18.0, 30.0, 56.0, 100.0, 300.0)  # four a decade around the middle
RATES: dict[str, tuple[float, ...]] = {
    "smollm2-lora": (3e-5, 1e-4, 1.8e-4, 3e-4, 5.6e-4, 1e-3, 1.8e-3, 3e-3, 5.6e-3, 1e-2),
    "smollm2-full": (3e-6, 1e-5, 1.8e-5, 3e-5, 5.6e-5, 1e-4, 1.8e-4, 3e-4, 5.6e-4, 1e-3),
    **{
        name: tuple(float(f"{lowest * factor:.2g}") for factor in _DECADES)
        for name, lowest in {
            "full": 1e-4,
            "lora": 1e-3,
            "head": 1e-3,
            "full-sgd": 1e-3,
            "head-sgd": 1e-2,
            "smollm2-head": 3e-4,
            "smollm2-head-sgd": 1e-3,
        }.items()
    },
}


@dataclass(frozen=True)
class Setting:
    """One landscape: everything but the rate, the seed and how much of the horizon is trained."""

    model: str
    data: str
    part: Part
    num_train: int
    batch_size: int
    epochs: int
    rates: tuple[float, ...]
    seeds: int
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: str = LINEAR

    @property
    def name(self) -> str:
        """Return what it is called: what tells it from the others, joined."""
        other = "" if self.optimizer == "adamw" else f"-{self.optimizer}"
        shape = "" if self.schedule == LINEAR else "-" + self.schedule.split(" > ")[-1]
        return f"{self.model}-{self.data}{self.num_train}-{self.part}-b{self.batch_size}{other}{shape}"

    @property
    def is_sft(self) -> bool:
        """Whether it learns answers, not classes."""
        return self.data in ("gsm8k", "alpaca")

    @property
    def total_steps(self) -> int:
        """Return how many steps its whole horizon has."""
        return self.epochs * -(-self.num_train // self.batch_size)

    def steps(self, horizon: Fraction) -> int:
        """Return how many steps a part of the horizon has."""
        return max(1, round(self.total_steps * horizon))

    def trial(self, rate: float, seed: int) -> TrialConfig:
        """Return one run of it."""
        return TrialConfig(
            peak_rate=rate, seed=seed, train_part=self.part, batch_size=self.batch_size, epochs=self.epochs,
            optimizer=self.optimizer, schedule=parse(self.schedule),
        )  # fmt: skip

    def inputs(self, *, device: str = "cpu", threads: int = 1, precision: str = "float32") -> StudyInputs:
        """Read what its runs are trained on. Small models compute in float32 whatever the precision."""
        from lrscope.config.numerics import Numerics
        from lrscope.training.study_inputs import load_inputs

        kept = precision if self.model == "smollm2" else "float32"
        with tempfile.TemporaryDirectory() as folder:
            config = StudyConfig(
                task="sft" if self.is_sft else "classification",
                data=_data(self.data, self.num_train, Path(folder)),
                model=ModelConfig(model=str(model_folder(self.model))),
                trial=self.trial(self.rates[0], 0),
            )
            return load_inputs(config, Numerics(device, kept, threads, "bucketed", "native"))


def model_folder(name: str) -> Path:
    """Return where a model lies."""
    return {"smollm2": SMOLLM2, "stories": SHARED / "models/stories260K-hf", "sample": sample.folder() / "model"}[name]


def _data(name: str, num_train: int, folder: Path) -> DataConfig:
    """Return the first examples of a training set, and a dev set that all sizes share."""
    sources = {
        "gsm8k": ("sft/gsm8k-train.jsonl", "sft/gsm8k-test.jsonl", None, 200),
        "alpaca": ("sft/alpaca-demo.json", None, None, 0),
        "trec": ("trec/train.txt", "trec/dev.txt", "trec/labels.json", 545),
        "subj": ("subj/train.txt", "subj/dev.txt", "subj/labels.json", 600),
        "sst": ("sst/sst-train.txt", "sst/sst-dev.txt", "sst/sst-label-mapping.json", 600),
    }
    if name == "sample":
        return DataConfig(
            train=_head(sample.folder() / "train.txt", num_train, folder),
            dev=str(sample.folder() / "dev.txt"),
            label_names=str(sample.folder() / "label-names.json"),
        )
    train, dev, labels, num_dev = sources[name]
    data = SHARED / "data"
    if dev is None:
        return DataConfig(train=str(data / train), dev="10%")
    return DataConfig(
        train=_head(data / train, num_train, folder),
        dev=_head(data / dev, num_dev, folder),
        label_names=None if labels is None else str(data / labels),
    )


def _head(source: Path, number: int, folder: Path) -> str:
    path = folder / f"{source.parent.name}-{number}-{source.name}"
    lines = source.read_text(encoding="utf-8").splitlines(keepends=True)
    if source.parent.name == "sst":  # which lies sorted by class
        random.Random(0).shuffle(lines)
    path.write_text("".join(lines[:number]), encoding="utf-8")
    return str(path)


def _smollm2(data: str, num_train: int, batch_size: int) -> list[Setting]:
    parts: tuple[Part, Part] = ("lora", "full")
    return [
        Setting("smollm2", data, part, num_train, batch_size, 1, RATES[f"smollm2-{part}"], seeds=3) for part in parts
    ]


def _small(
    model: str, data: str, part: Part, num_train: int = 2000, batch_size: int = 16, *, schedule: str = LINEAR,
    optimizer: Literal["adamw", "sgd"] = "adamw",
) -> Setting:  # fmt: skip
    """Return a setting whose runs take seconds: heads over 8 epochs, small models over as many as make 128 steps."""
    kind = part if optimizer == "adamw" else f"{part}-sgd"
    rates = RATES.get(f"{model}-{kind}", RATES[kind])
    if part != "head":
        num_train = min(num_train, 1000)
    epochs = 8 if part == "head" else max(1, 130 // -(-num_train // batch_size))
    seeds = 10 if part == "head" else 3
    return Setting(model, data, part, num_train, batch_size, epochs, rates, seeds, optimizer, schedule)


SETTINGS = {
    setting.name: setting
    for setting in (
        *_smollm2("gsm8k", 1000, 8),
        *_smollm2("alpaca", 900, 8),
        *_smollm2("trec", 2000, 16),
        *(_small("smollm2", data, "head", num) for data in ("sst", "trec", "subj") for num in (500, 2000)),
        *(_small("stories", data, "head") for data in ("sst", "trec", "subj")),
        _small("sample", "sample", "head"),
        _small("smollm2", "trec", "head", batch_size=80),
        _small("smollm2", "trec", "head", optimizer="sgd"),
        _small("smollm2", "subj", "head", schedule="constant"),
        *(_small("stories", data, "full") for data in ("sst", "trec", "subj")),
        _small("sample", "sample", "full"),
        *(_small("stories", data, "lora") for data in ("sst", "trec", "subj")),
        _small("sample", "sample", "lora"),
        _small("stories", "trec", "full", 500),
        _small("stories", "subj", "full", 500),
        _small("sample", "sample", "full", 500),
        _small("stories", "trec", "full", batch_size=80),
        _small("stories", "subj", "full", optimizer="sgd"),
        _small("stories", "trec", "full", schedule="warmup(6%) > cosine"),
        _small("sample", "sample", "full", schedule="constant"),
        _small("sample", "sample", "lora", batch_size=80),
    )
}
