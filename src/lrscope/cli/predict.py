"""`lrscope predict`: a trained model on what has no label or reply yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.evaluate import Base, Run, WhichCheckpoint, WhichTrial
from lrscope.errors import ConfigError
from lrscope.files import write_text
from lrscope.number_text import counted
from lrscope.terminal.output import echo, print_json


def predict(
    run: Run,
    input_file: Annotated[
        Path,
        typer.Option(
            "--input", help="Sentences or prompts, one a line, a table of them, or conversations.", metavar="FILE"
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="Write a file: TSV of labels and probabilities, or JSONL of prompts and answers.",
            metavar="FILE",
        ),
    ] = None,
    checkpoint: WhichCheckpoint = None,
    trial: WhichTrial = None,
    model: Base = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-new-tokens", help="Maximum length of an answer in tokens [default: as in training, or 256].",
            metavar="N", min=1, show_default=False,
        ),
    ] = None,
    json: opt.Json = False,
) -> None:  # fmt: skip
    """Label sentences with a trained classifier, or answer prompts with a trained language model.

    A classifier gives the most probable class of each sentence and the probability of each class. A language model
    answers each prompt, in its chat template, with the most likely token each time; of a file of conversations the last
    replies are left out.

    Example:

      lrscope predict --run runs/first --input sentences.txt --output predictions.tsv

      lrscope predict --run runs/sft --input prompts.jsonl --output answers.jsonl
    """
    from lrscope.terminal import live
    from lrscope.workflows.trained_model import answer, task_of
    from lrscope.workflows.trained_model import predict as label

    if task_of(run) == "sft":
        with live.shown(quiet=json) as callbacks:
            answered = answer(
                run, input_file, checkpoint=checkpoint, trial=trial, base=model, max_tokens=max_new_tokens,
                callbacks=callbacks,
            )  # fmt: skip
        values = [{"prompt": prompt, "answer": text} for prompt, text in answered.answers]
        told: dict[str, Any] = {"checkpoint": answered.checkpoint, "step": answered.step, "answers": values}
        plain, what = answered.lines, "answers"
    elif max_new_tokens is not None:
        raise ConfigError("--max-new-tokens is for language models: got a classifier; leave it out")
    else:
        with live.shown(quiet=json) as callbacks:
            result = label(run, input_file, checkpoint=checkpoint, trial=trial, base=model, callbacks=callbacks)
        rows = [
            {"label": name, "probabilities": dict(zip(result.names, map(float, row), strict=True))}
            for name, row in zip(result.labels, result.probabilities, strict=True)
        ]
        told = {"checkpoint": result.checkpoint, "step": result.step, "predictions": rows}
        plain, what = result.table, "predictions"
    if json:
        print_json("predict/1", {"run": str(run), **told})
    if output is not None:
        write_text(output, plain)
        are = "is" if len(told[what]) == 1 else "are"
        echo(f"{counted(len(told[what]), what.removesuffix('s'))} {are} in {output}", err=True)
    elif not json:
        echo(plain, nl=False)
