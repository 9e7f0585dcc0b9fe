"""`lrscope data show`: the text that a model is trained on, and what of it is learned."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.number_text import counted
from lrscope.terminal.output import echo, echo_pieces, marks_explained, print_json

if TYPE_CHECKING:
    from lrscope.workflows.show_data import ShownData, ShownExample, SplitCounts

SHOWN = ("task", "model", "train", "dev", "split_seed", "tokenizer", "max_tokens", "chat_template", "loss_on")


@with_settings(SHOWN, train={"help": "Conversations or texts: JSON, JSONL, Parquet, CSV, TSV or .txt."})
def show(
    settings: Settings,
    number: Annotated[int, typer.Option("-n", "--number", help="Number of examples.", metavar="N", min=0)] = 3,
    from_line: Annotated[
        int, typer.Option("--from-line", help="Line of the file to begin at.", metavar="N", min=1)
    ] = 1,
    json: opt.Json = False,
) -> None:
    """Show the exact text of training examples for supervised fine-tuning, and which of it is learned.

    Text that is read but not learned is dimmed; without colours, learned text stands between marks. Special tokens are
    shown as they are written. The weights are not read.

    Example:

      lrscope data show --model HuggingFaceTB/SmolLM2-135M-Instruct --train gsm8k-train.jsonl -n 3
    """
    from lrscope.data.dev_split import dev_source
    from lrscope.errors import ConfigError
    from lrscope.workflows.show_data import ShowRequest, show_data

    if not {"model", "train"} <= settings.keys():
        raise ConfigError("data show needs --model and --train; see lrscope data show --help for an example")
    if settings.get("task", "sft") != "sft":
        raise ConfigError("data show takes --task sft: got classification, whose sentences are learned as they are")
    shown = show_data(
        ShowRequest(
            model=settings["model"],
            train=Path(settings["train"]),
            dev=dev_source(settings["dev"], settings.get("split_seed", 0)) if "dev" in settings else None,
            tokenizer=Path(settings["tokenizer"]) if settings.get("tokenizer") else None,
            chat_template=settings.get("chat_template"),
            loss_on=settings.get("loss_on", "completion"),
            max_tokens=settings.get("max_tokens"),
            number=number,
            from_line=from_line,
        )
    )
    if json:
        print_json("data-show/1", _as_json(shown))
        return
    template = f"chat template {shown.template}" if shown.template else "plain text"
    echo(f"{template}; {marks_explained()}")
    for example in shown.examples:
        echo("")
        echo(f"--- {example.where}: {_length(example, shown.limit)}")
        echo_pieces(example.pieces)
    echo("")
    for split in shown.splits:
        echo(_summary(split, shown.limit))
    for note in shown.notes:
        echo(f"note: {note}")


def _length(example: ShownExample, limit: int) -> str:
    cut = f", cut at {limit}" if example.is_cut else ""
    return f"{counted(example.num_tokens, 'token')}{cut}, {example.num_learned} learned"


def _summary(split: SplitCounts, limit: int) -> str:
    """Return a split in one line.

    >>> from lrscope.workflows.show_data import SplitCounts
    >>> some = {"num_examples": 1000, "num_tokens": 5000, "num_learned": 1500, "longest": 90, "num_cut": 7}
    >>> _summary(SplitCounts(name="train", path=Path("a.json"), num_dropped=0, **some), 64)
    'train: 1,000 examples, 5,000 tokens, 30.0% of them learned; the longest has 90 tokens, 7 are cut at 64'
    """
    number = f"{split.num_cut:,}" if split.num_cut else "none"
    cut = f"{number} {'are' if split.num_cut > 1 else 'is'} cut at {limit}"
    left = f", {split.num_dropped:,} of them left out with nothing to learn" if split.num_dropped else ""
    share = split.num_learned / max(1, split.num_tokens)
    return (
        f"{split.name}: {counted(split.num_examples, 'example')}, {counted(split.num_tokens, 'token')}, {share:.1%} of "
        f"them learned; the longest has {counted(split.longest, 'token')}, {cut}{left}"
    )


def _as_json(shown: ShownData) -> dict[str, Any]:
    return {
        "template": shown.template,
        "max_tokens": shown.limit,
        "examples": [
            {
                "where": example.where,
                "tokens": example.num_tokens,
                "learned_tokens": example.num_learned,
                "cut": example.is_cut,
                "pieces": [{"text": text, "learned": learned} for text, learned in example.pieces],
            }
            for example in shown.examples
        ],
        "splits": [{**dataclasses.asdict(split), "path": str(split.path)} for split in shown.splits],
        "notes": list(shown.notes),
    }
