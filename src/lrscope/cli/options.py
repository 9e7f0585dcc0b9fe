"""Options that several commands share, each named once. Heavy imports happen inside commands, never here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

INPUT, TRAINING, MACHINE, OUTPUT = "Input", "Training", "Machine", "Output"


def _option(name: str, about: str, panel: str, metavar: str | None = None) -> typer.models.OptionInfo:
    return typer.Option(name, help=about, rich_help_panel=panel, metavar=metavar, show_default=False)  # type: ignore[no-any-return]


Model = Annotated[
    str | None,
    _option(
        "--model", "Weights: a Hugging Face folder or hub name, a llama2.c .bin, or a .pt checkpoint.", INPUT, "PATH"
    ),
]
Tokenizer = Annotated[
    str | None,
    _option("--tokenizer", "Tokenizer file or folder, where it does not lie beside the weights.", INPUT, "PATH"),
]
Train = Annotated[
    list[str] | None,
    _option(
        "--train",
        "Training examples: `label ||| sentence` text, CSV, TSV, JSONL or Parquet. "
        "Given once more as `full` or `head`: what is trained [full].",
        INPUT,
        "FILE",
    ),
]
Dev = Annotated[str | None, _option("--dev", "Examples that rates and epochs are compared on.", INPUT, "FILE")]
Test = Annotated[
    str | None, _option("--test", "Examples kept sealed: predicted, but scored only with --score-test.", INPUT, "FILE")
]
LabelNames = Annotated[
    str | None, _option("--label-names", "Names of the classes: a JSON list (index = label) or map.", INPUT, "FILE")
]
TextColumn = Annotated[
    str | None, _option("--text-column", "Column of the sentences [text or sentence].", INPUT, "NAME")
]
LabelColumn = Annotated[str | None, _option("--label-column", "Column of the labels [label].", INPUT, "NAME")]
OnLong = Annotated[
    str | None,
    _option("--on-long", "Sentences longer than the context: cut (counted) or error [cut].", INPUT, "cut|error"),
]
MaxTokens = Annotated[
    int | None, _option("--max-tokens", "Longest sentence in tokens [the model's context].", INPUT, "N")
]

LearningRate = Annotated[
    str | None, _option("--lr", "Peak learning rate, such as 3e-4; find: by a range test first.", TRAINING, "RATE|find")
]
ScheduleText = Annotated[
    str | None,
    _option(
        "--schedule",
        'linear, cosine, "step(every=2ep, gamma=0.1)", "warmup(6%) > hold > sqrt(20%)", ...; see lrscope schedule '
        "show [linear].",
        TRAINING,
        "TEXT",
    ),
]
Warmup = Annotated[
    str | None,
    _option("--warmup", "Linear warmup: a share 6%, epochs 1ep or steps 100st; 0 for none [6%].", TRAINING, "DURATION"),
]
Epochs = Annotated[int | None, _option("--epochs", "Passes over the training set [5].", TRAINING, "N")]
BatchSize = Annotated[int | None, _option("--batch-size", "Sentences an update [32].", TRAINING, "N")]
MicroBatch = Annotated[
    int | None,
    _option("--micro-batch", "Sentences computed at a time; their gradients are added up [the batch].", TRAINING, "N"),
]
Seed = Annotated[int | None, _option("--seed", "Head, order and dropout are drawn from it [0].", TRAINING, "N")]
WeightDecay = Annotated[float | None, _option("--weight-decay", "AdamW's, on matrices only [0.01].", TRAINING, "X")]
Optimizer = Annotated[str | None, _option("--optimizer", "AdamW, or SGD with momentum [adamw].", TRAINING, "adamw|sgd")]
Beta1 = Annotated[float | None, _option("--beta1", "AdamW's first-moment decay, SGD's momentum [0.9].", TRAINING, "X")]
Beta2 = Annotated[float | None, _option("--beta2", "AdamW's second-moment decay [0.999].", TRAINING, "X")]
Epsilon = Annotated[float | None, _option("--epsilon", "AdamW's epsilon [1e-8].", TRAINING, "X")]
ClipNorm = Annotated[
    float | None, _option("--clip-norm", "Largest gradient norm; 0 for no clipping [1.0].", TRAINING, "X")
]
LayerDecay = Annotated[
    float | None,
    _option(
        "--layer-decay", "Each layer's rate as a share of the next one's, down to the embeddings [1].", TRAINING, "X"
    ),
]
HeadMultiplier = Annotated[
    float | None, _option("--head-multiplier", "The head's rate is so many times the rest's [1].", TRAINING, "X")
]
Dropout = Annotated[float | None, _option("--dropout", "Dropout before the head [0.3].", TRAINING, "SHARE")]
LabelSmoothing = Annotated[
    float | None, _option("--label-smoothing", "Probability spread over all classes [0].", TRAINING, "SHARE")
]
Patience = Annotated[
    int | None,
    _option("--patience", "Stop early after so many epochs without a better dev metric [never].", TRAINING, "N"),
]
TrainMetrics = Annotated[
    str | None,
    _option(
        "--train-metrics",
        "Train metrics from the training pass, or from a full pass as well [running].",
        TRAINING,
        "running|full",
    ),
]
Device = Annotated[str | None, _option("--device", "Where to compute [auto].", MACHINE, "auto|cpu|cuda")]
Precision = Annotated[
    str | None,
    _option("--precision", "Of matrix products; auto times both once [auto].", MACHINE, "auto|float32|bfloat16"),
]
Threads = Annotated[int | None, _option("--threads", "Processor threads [all cores].", MACHINE, "N")]
Batching = Annotated[
    str | None,
    _option("--batching", "Batches of like length, or drawn at random [bucketed].", MACHINE, "bucketed|random"),
]
Implementation = Annotated[
    str | None,
    _option("--implementation", "Which code runs the model [auto].", MACHINE, "auto|native|transformers"),
]
GradientCheckpointing = Annotated[
    bool | None,
    typer.Option(
        "--gradient-checkpointing",
        help="Recompute activations: less memory, a third more time.",
        rich_help_panel=MACHINE,
        show_default=False,
    ),
]

Lang = Annotated[str, typer.Option("--lang", help="Language of the report.", metavar="en|zh")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)]
Out = Annotated[Path | None, _option("--out", "New folder for the study [runs/COMMAND-DATE-TIME].", OUTPUT, "FOLDER")]
