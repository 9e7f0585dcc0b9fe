"""`lrscope run-llama`: the command line of `run_llama.py` in neubig/minllama-assignment, on lrscope's own loop.

docs/run-llama.md says what is the same, to the letter, and what is put right.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.config.base import settings_of
from lrscope.terminal.interrupt import output_until_done
from lrscope.terminal.live import shown
from lrscope.terminal.output import echo, print_json
from lrscope.workflows.minllama_config import MinllamaConfig

if TYPE_CHECKING:
    from lrscope.config import StudyConfig


@with_settings(settings_of(MinllamaConfig).values())
def run_llama(
    settings: Settings,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="New folder for the study [default: runs/OPTION-EPOCHS-LR-TIME].", metavar="FOLDER"),
    ] = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with a stopped run.", metavar="FOLDER")] = None,
    json: opt.Json = False,
) -> int:
    """Run minLLaMA's program: the same flags, lines and output files.

    Example:

      lrscope run-llama --option finetune --epochs 5 --lr 1e-3 --batch_size 80 --train sst-train.txt --dev sst-dev.txt
      --test sst-test.txt --label-names sst-label-mapping.json --dev_out sst-dev-finetuning-output.txt
      --test_out sst-test-finetuning-output.txt --pretrained-model-path stories42M.pt
    """
    from lrscope.workflows import minllama

    asked = MinllamaConfig(**settings)
    arguments = {**asked.to_dict(), "out": out, "resume": resume, "json": json}
    minllama.check_output_names(asked)
    told = {name: str(value) if isinstance(value, Path) else value for name, value in arguments.items()}
    tell = partial(echo, err=json)
    with output_until_done():  # a pipe that closes leaves files unwritten
        tell(f"args: {told}")
        if asked.option == "generate":
            result: dict[str, Any] = {"texts": minllama.generate(asked, tell)}
        elif asked.option == "prompt":
            result = {"accuracy": minllama.prompt(asked, tell)}
        elif asked.option == "find":
            return _find(minllama.minllama_study(asked), out, resume, as_json=json)
        else:
            folder = resume or out or _new_folder(f"finetune-{asked.epochs}-{asked.lr}")
            with shown() as callbacks:
                done = minllama.finetune(asked, folder, callbacks, tell, go_on=resume is not None, arguments=arguments)
            result = {"run": str(done.folder), "epochs": list(done.epochs), "accuracy": done.accuracy}
        if json:
            print_json("run-llama/1", {"option": asked.option, **result})
    return 0


def _new_folder(name: str) -> Path:
    return Path("runs") / f"{name}-{datetime.now():%Y%m%d-%H%M%S}"


def _find(base: StudyConfig, out: Path | None, resume: Path | None, *, as_json: bool) -> int:
    """Make a range test, which that program lacks."""
    from lrscope.cli.find_table import print_find
    from lrscope.workflows.range_tests import find, range_test_study, resume_find

    with shown(quiet=as_json) as callbacks:
        if resume is not None:
            result = resume_find(resume, callbacks=callbacks)
        else:
            result = find(range_test_study(base), out or _new_folder("find"), callbacks=callbacks)
    print_find(result, as_json=as_json)
    return 0
