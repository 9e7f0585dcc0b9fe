"""Configurations are checked when built and come back from TOML as they were."""

import dataclasses
import json
import math
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.config.build import build_config
from lrscope.errors import ConfigError, ScheduleError
from lrscope.schedules import Cosine, Linear, Warmup

OLD = Path(__file__).parents[1] / "fixtures" / "v0.1"
FULL = StudyConfig(
    data=DataConfig(train="a\\b", dev="ü", test="t", label_names="n", text_column="x", label_column="y", max_tokens=9),
    model=ModelConfig(
        model="m", tokenizer="t", implementation="native", gradient_checkpointing=True
    ),
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


def test_a_schedule_is_a_value_in_memory_and_text_at_the_edges() -> None:
    schedule = Warmup(length="6%") >> Cosine(to=0.01)
    given = TrialConfig(peak_rate=1e-3, schedule=schedule)
    read = TrialConfig(peak_rate=1e-3, schedule=" warmup( 6% )>cosine( to = 1% )")
    assert given == read
    assert hash(given) == hash(read)
    assert read.schedule == schedule
    assert read.to_dict()["schedule"] == "warmup(6%) > cosine(to=0.01)"
    assert TrialConfig(**json.loads(json.dumps(read.to_dict()))) == read
    grid = SweepConfig(grid={"schedule": ["linear ", "cosine(to=1%)"]})
    assert grid.grid["schedule"] == (Linear(), Cosine(to=0.01))
    assert grid.to_dict()["grid"]["schedule"] == ("linear", "cosine(to=0.01)")
    with pytest.raises(ScheduleError, match="did you mean cosine"):
        TrialConfig(peak_rate=1e-3, schedule="cosin")
    with pytest.raises(ScheduleError, match="a schedule is a text or a Schedule: got 3"):
        TrialConfig(peak_rate=1e-3, schedule=3)


def test_ten_thousand_stored_trials_read_fast() -> None:
    texts = [f"warmup({share}%) > cosine(to=0.01)" for share in range(1, 21)]
    kept = [json.dumps(TrialConfig(peak_rate=1e-3, schedule=text).to_dict()) for text in texts]
    began = process_time()
    read = {TrialConfig(**json.loads(kept[number % 20])) for number in range(10_000)}
    assert len(read) == 20
    assert process_time() - began < 2.0  # 0.3 s; parsing each anew took 1.8 s more


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        TrialConfig(peak_rate=math.nan, epochs=0, batch_size=0, dropout=1.0)
    for name in ("peak_rate", "epochs", "batch_size", "dropout"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "not TOML that can be read"),
        ("[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n[trial]\npeak_rate = 1\nepoch = 3\n", "unknown epoch"),
        ("[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n[trial]\npeak_rate = 'x'\n", "must be a number"),
        ("[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n[trial]\nepochs = true\n", "must be a whole number"),
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


@pytest.mark.parametrize("path", sorted(OLD.glob("*/config.toml")), ids=lambda path: path.parent.name)
def test_configurations_of_version_0_1_are_read(path: Path) -> None:
    config = StudyConfig.from_toml(path)
    assert config.trial.train_part == "full"
    assert StudyConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("place", ["[model]", "[trial]"])
def test_what_is_trained_is_read_where_it_stood_before(place: str, tmp_path: Path) -> None:
    head = {"[model]": "", "[trial]": "", place: "train_part = 'head'\n"}
    (tmp_path / "c.toml").write_text(
        f"[data]\ntrain = 'a'\ndev = 'b'\n[model]\nmodel = 'm'\n{head['[model]']}[trial]\npeak_rate = 1\n"
        f"{head['[trial]']}"
    )
    config = StudyConfig.from_toml(tmp_path / "c.toml")
    assert config.trial.train_part == "head"
    assert StudyConfig.from_dict(config.to_dict()) == config


BASE = {"data": {"train": "a", "dev": "b"}, "model": {"model": "m"}}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"trial": {"lora_rank": 4}}, "lora_rank belongs to train_part lora: got full; add train_part lora"),
        ({"trial": {"lora_alpha": 4, "train_part": "head"}}, "lora_alpha belongs to train_part lora: got head"),
        ({"task": "sft", "trial": {"dropout": 0.1}}, "dropout belongs to task classification: got sft"),
        ({"task": "sft", "trial": {"train_part": "head"}}, "train_part head belongs to task classification: got sft"),
        ({"sft": {"loss_on": "all"}}, "loss_on belongs to task sft: got classification"),
        ({"task": "sft", "data": {**BASE["data"], "text_column": "t"}}, "text_column belongs to task classification"),
        ({"sweep": {"grid": {"lora_rank": [4, 8]}}}, "lora_rank belongs to train_part lora: got full"),
        (
            {"sweep": {"grid": {"lora_rank": [4, 8], "train_part": ["full", "head"]}}},
            "lora_rank belongs to train_part lora: got full and head",
        ),
        ({"task": "sft", "sweep": {"grid": {"dropout": [0.1, 0.2]}}}, "dropout belongs to task classification"),
        ({"task": "sft", "sweep": {"grid": {"train_part": ["lora", "head"]}}}, "train_part head belongs to task"),
        ({"trial": {"train_part": "lora", "lora_rank": 0}}, "lora_rank must be at least 1: got 0; try 16"),
        ({"trial": {"train_part": "lora", "lora_targets": "a b;c"}}, "lora_targets are names of matrices joined with"),
    ],
)  # fmt: skip
def test_a_setting_is_of_its_task_and_of_its_part(values: dict[str, Any], says: str) -> None:
    trial = {"peak_rate": 1e-3, **values.get("trial", {})}
    with pytest.raises(ConfigError, match=says) as error:
        StudyConfig.from_dict({**BASE, **values, "trial": trial})
    assert "\n" not in str(error.value)


def test_a_template_in_a_file_is_an_input_and_one_with_a_name_is_not(tmp_path: Path) -> None:
    asked = {"task": "sft", "model": "m", "train": "a", "dev": "10%", "peak_rate": 1e-3}
    assert build_config({**asked, "chat_template": "chatml"}).sft.chat_template == "chatml"
    assert "chat_template" not in build_config({**asked, "chat_template": "chatml"}).input_paths
    (tmp_path / "t.jinja").write_text("{{ messages }}")
    config = build_config({**asked, "chat_template": str(tmp_path / "." / "t.jinja")})
    assert config.input_paths["chat_template"] == str(tmp_path / "t.jinja")
    assert config.reading({"chat_template": "/elsewhere/t.jinja"}).sft.chat_template == "/elsewhere/t.jinja"
