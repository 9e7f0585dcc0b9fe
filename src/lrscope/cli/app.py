"""The command line: one thin file a command. Nothing heavy is imported until a command needs it.

Exit codes: 0 done, 2 the request cannot be served (one line says why), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import click
import typer

from lrscope import __version__
from lrscope.cli import demo, evaluate, finetune, generate, predict, run_llama
from lrscope.errors import LrscopeError

app = typer.Typer(
    name="lrscope",
    help="Which learning rate and schedule should I use to fine-tune a LLaMA, and how sure can I be?",
    # --batch_size is --batch-size, and run_llama is run-llama
    context_settings={
        "token_normalize_func": lambda name: name.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"lrscope {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None: ...


app.command("demo")(demo.demo)
app.command("finetune")(finetune.finetune)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("generate")(generate.generate)
app.command("run-llama")(run_llama.run_llama)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: bad input is one line on standard error and code 2, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a code page that lacks a character must not end a run
            stream.reconfigure(errors="replace")
    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="lrscope", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as help_text:
        sys.stderr.write(f"{help_text.format_message()}\n")
        sys.exit(2)
    except click.ClickException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "lrscope")
        _refuse(f"{error.format_message()} (see {command} --help)")
    except LrscopeError as error:
        _refuse(str(error))
    except MemoryError:
        _refuse("the computer's memory is full; lower --batch-size, or compute it in parts with --micro-batch")
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("stopped\n")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(message: str) -> None:
    sys.stderr.write("lrscope: " + " ".join(message.split("\n")) + "\n")
    sys.exit(2)
