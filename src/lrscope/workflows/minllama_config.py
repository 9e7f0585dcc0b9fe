"""The settings of `run_llama.py` in neubig/minllama-assignment, by its names and with its defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lrscope.config.base import Section, setting


@dataclass(frozen=True, kw_only=True)
class MinllamaConfig(Section):
    """The settings of that program, with its names and its defaults, and what lrscope adds to them."""

    option: Literal["generate", "prompt", "finetune", "find"] = setting(
        "generate", help="generate, prompt (zero-shot), finetune; or find, lrscope's addition: a range test."
    )
    train: str = setting("data/cfimdb-train.txt", help="Training examples.", metavar="FILE")
    dev: str = setting("data/cfimdb-dev.txt", help="Dev examples.", metavar="FILE")
    test: str = setting("data/cfimdb-test.txt", help="Test examples.", metavar="FILE")
    label_names: str = setting("data/cfimdb-label-mapping.json", help="Names of the classes.", metavar="FILE")
    pretrained_model_path: str = setting("stories42M.pt", help="Weights.", metavar="PATH")
    max_sentence_len: int | None = setting(
        None, help="Longest sentence in tokens.", metavar="N", at_least=1, cap=100_000_000, way_out="leave it out",
        shown_default="the model's context",
    )  # fmt: skip
    seed: int = setting(1337, help="Random seed.", metavar="N", at_least=0, below=2**63, way_out="try 1337")
    epochs: int = setting(5, help="Passes over the training set.", metavar="N", at_least=1, way_out="try 5")
    use_gpu: bool = setting(False, help="Compute on the GPU.")
    generated_sentence_low_temp_out: str = setting(
        "generated-sentence-temp-0.txt", help="Where generate writes its text at temperature 0.", metavar="FILE"
    )
    generated_sentence_high_temp_out: str = setting(
        "generated-sentence-temp-1.txt", help="Where generate writes its text at temperature 1.", metavar="FILE"
    )
    dev_out: str = setting("cfimdb-dev-prompting-output.txt", help="Predictions for dev.", metavar="FILE")
    test_out: str = setting("cfimdb-test-prompting-output.txt", help="Predictions for test.", metavar="FILE")
    batch_size: int = setting(8, help="Examples per optimizer step.", metavar="N", at_least=1, way_out="try 8")
    hidden_dropout_prob: float = setting(
        0.3, help="Dropout probability before the classification head.", metavar="P", at_least=0, below=1,
        way_out="try 0.3",
    )  # fmt: skip
    lr: float = setting(2e-5, help="Learning rate.", metavar="RATE", above=0, way_out="try 2e-5")
    schedule: str = setting("constant", help="lrscope's addition: any schedule; the rate was constant.", metavar="TEXT")
    warmup: str = setting("0", help="lrscope's addition: 6%, 1ep or 100st; there was none.", metavar="DURATION")
    tokenizer: str | None = setting(
        None, help="Tokenizer file or folder, where it does not lie beside the weights.", metavar="PATH",
        shown_default="beside the weights",
    )  # fmt: skip
    threads: int | None = setting(
        None, help="Processor threads.", metavar="N", at_least=1, cap=1024, way_out="leave it out to use all cores",
        shown_default="all cores",
    )  # fmt: skip
    precision: Literal["auto", "float32", "bfloat16"] | None = setting(
        None, help="Precision of matrix products; auto chooses by processor and shapes.", shown_default="auto"
    )
