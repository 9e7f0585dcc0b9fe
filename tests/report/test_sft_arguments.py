"""The arguments of TRL's SFTTrainer that are printed for an arm: they are its own, and train the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from tests.sft import SftToy
from tests.training.test_trial import series, straight

from lrscope.config import SftConfig
from lrscope.models.lora import initial_values
from lrscope.randomness import derive_seed
from lrscope.report.trainer_arguments import equal_training

LORA = {"train_part": "lora", "lora_rank": 4, "lora_alpha": 8.0, "peak_rate": 1e-2}


def test_they_are_of_sft(sft_toy: SftToy) -> None:
    study = sft_toy.config(**LORA, lora_plus_ratio=4.0, schedule="linear", batching="random")
    equal = equal_training(study, study.trial, "bfloat16")
    assert equal is not None
    assert equal.name == "SFTConfig"
    assert equal.arguments["bf16"] is True
    assert "label_smoothing_factor" not in equal.arguments
    config = "LoraConfig(task_type='CAUSAL_LM', r=4, lora_alpha=8.0, lora_dropout=0.0, target_modules='all-linear')"
    assert f"peft_config={config}" in equal.beside
    assert isinstance(eval(config, {"LoraConfig": LoraConfig}), LoraConfig)
    assert any("loraplus_lr_ratio=4.0" in step for step in equal.beside)
    assert equal.differences == (
        "other initial values of the adapters", "of several turns only the last reply is learned",
        "another order of examples",
    )  # fmt: skip
    assert not any("dropout" in difference for difference in equal.differences)
    everything = sft_toy.config(**LORA)
    object.__setattr__(everything, "sft", SftConfig(loss_on="all"))
    told = equal_training(everything, everything.trial)
    assert told is not None
    assert told.arguments["completion_only_loss"] is False
    assert "bf16" not in told.arguments


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")  # of TRL asking transformers by former names
@pytest.mark.parametrize("part", ["lora", "full"])
def test_trl_trains_the_same_with_them(part: str, sft_toy: SftToy, tmp_path: Path) -> None:
    """Of one batch an epoch, so that no order counts."""
    import datasets
    import transformers
    import trl

    changes: dict[str, Any] = LORA if part == "lora" else {"peak_rate": 1e-3}
    study = sft_toy.config(**changes, batch_size=50, epochs=4, schedule="linear", weight_decay=0.1)
    straight(study, tmp_path / "run")
    ours = [row[1] for row in series(tmp_path / "run")["steps"]]
    equal = equal_training(study, study.trial, "float32")
    assert equal is not None
    rows = [json.loads(line) for line in sft_toy.train.read_text().splitlines()]
    examples = [
        {"prompt": [{"role": "user", "content": row["prompt"]}],
         "completion": [{"role": "assistant", "content": row["completion"]}]}
        for row in rows
    ]  # fmt: skip
    arguments = trl.SFTConfig(
        output_dir=str(tmp_path / "trl"), logging_steps=1, report_to=[], save_strategy="no", use_cpu=True,
        disable_tqdm=True, **equal.arguments,
    )  # fmt: skip
    config = LoraConfig(task_type="CAUSAL_LM", r=4, lora_alpha=8.0, target_modules="all-linear")
    trainer = trl.SFTTrainer(
        transformers.AutoModelForCausalLM.from_pretrained(sft_toy.model), arguments,
        train_dataset=datasets.Dataset.from_list(examples), peft_config=config if part == "lora" else None,
        processing_class=transformers.AutoTokenizer.from_pretrained(sft_toy.model),
    )  # fmt: skip
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if ".lora_A." in name:  # what is not equal: the initial values
                matrix = name.removeprefix("base_model.model.").partition(".lora_A.")[0]
                parameter.copy_(initial_values(parameter.shape, derive_seed(derive_seed(0, "adapter"), matrix)))
    trainer.train()
    theirs = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(theirs) == 4
    assert ours[-1] < ours[0] - 0.05
    assert ours == pytest.approx(theirs, abs=2e-3)
