"""Configurations are checked when built and come back from TOML as they were."""

import dataclasses
import math
from pathlib import Path

import pytest

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
from lrscope.errors import ConfigError, ScheduleError

FULL = StudyConfig(
    data=DataConfig(train="a\\b", dev="ü", test="t", label_names="n", text_column="x", label_column="y", max_tokens=9),
    model=ModelConfig(model="m", tokenizer="t", train="head", implementation="native", gradient_checkpointing=True),
    trial=TrialConfig(
        peak_rate=1e-3, schedule="cosine(to=1%)", epochs=2, batch_size=4, micro_batch=2, seed=3, clip_norm=0.0,
        patience=2, train_metrics="full",
    ),
    numerics=NumericsConfig(device="cpu", precision="float32", threads=2, batching="random"),
    score_test=True,
)  # fmt: skip


@pytest.mark.parametrize(
    "config",
    [
        FULL,
        StudyConfig(data=DataConfig(train="a", dev="b"), model=ModelConfig(model="m"), trial=TrialConfig(peak_rate=1)),
    ],
)
def test_toml_round_trips(config: StudyConfig, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(config.to_toml(), encoding="utf-8")
    assert StudyConfig.from_toml(tmp_path / "c.toml") == config


def test_schedules_are_kept_in_canonical_text() -> None:
    assert (
        TrialConfig(peak_rate=1e-3, schedule=" warmup( 6% )>cosine( to = 1% )").schedule
        == "warmup(6%) > cosine(to=0.01)"
    )
    with pytest.raises(ScheduleError):
        TrialConfig(peak_rate=1e-3, schedule="cosin")


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        TrialConfig(peak_rate=math.nan, epochs=0, batch_size=0, dropout=1.0)
    for name in ("learning rate", "--epochs", "--batch-size", "--dropout"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "not TOML"),
        ("[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n[trial]\npeak_rate = 1\nepoch = 3\n", "unknown epoch"),
        ("[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n[trial]\npeak_rate = 'x'\n", "peak_rate must be float"),
        ("[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n[trial]\nepochs = true\n", "epochs must be int"),
        ("[data]\ntrain = 'a'\n[model]\nmodel = 'm'\n[trial]\npeak_rate = 1\n", "dev"),
        ("data = 3", "must be a table"),
    ],
)  # fmt: skip
def test_files_that_cannot_be(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        StudyConfig.from_toml(tmp_path / "c.toml")


def test_configurations_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.trial.epochs = 5  # type: ignore[misc]
