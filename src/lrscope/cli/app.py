"""The command line: one thin file a command. Nothing heavy is imported until a command needs it.

Exit codes: 0 done, 2 the request cannot be served (one line says why), 130 stopped by Ctrl-C, 143 by SIGTERM and 129
by SIGHUP, each with a snapshot to go on from.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from lrscope import __version__
from lrscope.cli.hints import hint
from lrscope.config.catalogue import flag_of
from lrscope.errors import ConfigError, LrscopeError
from lrscope.machine import limit_spinning
from lrscope.terminal.interrupt import INTERRUPTED, exit_code
from lrscope.terminal.output import echo
from lrscope.workflows.callbacks import Stopped

_SETTINGS: dict[str, Any] = {
    # --batch_size is --batch-size, and run_llama is run-llama
    "context_settings": {
        "token_normalize_func": lambda name: name.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
    "add_completion": False,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}
# Where each command lives: a function of the command's name in a module of its own.
COMMANDS = {
    name: f"lrscope.cli.{name.replace('-', '_')}"
    for name in (
        "demo", "prior", "find", "finetune", "sweep", "tune", "status", "serve", "list", "report", "compare", "log",
        "export", "evaluate", "predict", "generate", "run-llama",
    )
}  # fmt: skip
# Commands of two words: what the first is for, and where the second lives.
GROUPS = {
    "schedule": ("See and check learning-rate schedules before anything is trained.", ("show", "check")),
    "data": ("See the text that is trained on, and what of it is learned.", ("show",)),
}


def _show_version(asked: bool) -> None:
    if asked:
        echo(f"lrscope {__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        echo(context.get_help(), err=True)
        raise typer.Exit(2)


def _help(command: Callable[..., Any]) -> str:
    """Return a command's docstring as its help, each example on one line of its own, to be pasted anywhere."""
    about, _, example = inspect.cleandoc(command.__doc__ or "").partition("Example:\n\n")
    keep = "\b\n"  # typer wraps a paragraph unless it begins so
    lines = [" ".join(paragraph.split()) for paragraph in example.split("\n\n")]
    return f"{about}{keep}Example:\n\n" + "\n\n".join(f"{keep}  {line}" for line in lines)


OTHERS = "Options"
LAST_PANELS = {OTHERS: 1, "Output": 2}


class _Command(typer.core.TyperCommand):
    """A command whose help lists options under their headings, and names arguments without their Python types."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in its usage."""
        arguments = [item for item in self.get_params(ctx) if item.param_type_name == "argument"]
        return ["[OPTIONS]", *(str(item.metavar) for item in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, those of one panel together."""
        panels: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for item in self.get_params(ctx):
            record, panel = item.get_help_record(ctx), getattr(item, "rich_help_panel", None)
            if item.param_type_name == "argument" and record is not None:
                record, panel = (str(item.metavar), record[1]), "Arguments"
            if record is not None:
                panels.setdefault(panel or OTHERS, []).append(record)
        for name, records in sorted(panels.items(), key=lambda panel: LAST_PANELS.get(panel[0], 0)):
            if not records:
                continue
            with formatter.section(name):
                formatter.write_dl(records)


def make_app(names: Iterable[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """Return the command line with these commands; their modules are imported here."""
    about = "Which learning rate and schedule should I use to fine-tune a LLaMA, and how sure can I be?"
    app = typer.Typer(name="lrscope", help=about, **_SETTINGS)
    app.callback(invoke_without_command=True)(_root)
    for name in names:
        if name in GROUPS:
            purpose, commands = GROUPS[name]
            group = typer.Typer(help=purpose, short_help=purpose, **_SETTINGS)
            for each in commands:
                _add(group, each, f"lrscope.cli.{name}")
            app.add_typer(group, name=name)
        else:
            _add(app, name, COMMANDS[name])
    return app


def _add(app: typer.Typer, name: str, module: str) -> None:
    command = getattr(import_module(module), name.replace("-", "_"))
    about = " ".join(inspect.cleandoc(command.__doc__ or "").partition("\n\n")[0].split())
    app.command(name, help=_help(command), short_help=about, cls=_Command)(command)


OUT_OF_MEMORY = ("out of memory", "allocate memory")
# What the extra `train` brings, by the names that are imported.
TRAINING_PACKAGES = ("torch", "transformers", "safetensors", "tokenizers", "sentencepiece", "huggingface_hub", "google")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: bad input is one line on standard error and code 2, never a traceback."""
    limit_spinning()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a code page that lacks a character must not end a run
            stream.reconfigure(errors="replace")
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        # Only the command that was asked for is loaded, which a small report would wait for. Help shows them all.
        name = next((each.replace("_", "-") for each in given if not each.startswith("-")), "")
        app = make_app([name]) if name in (*COMMANDS, *GROUPS) else make_app()
        if name == "report":
            given = import_module(COMMANDS[name]).with_value(given)
        code = app(args=given, prog_name="lrscope", standalone_mode=False)
    except typer.TyperException as error:
        command = getattr(getattr(error, "ctx", None), "command_path", "lrscope")
        message = error.format_message()
        _refuse(f"{message}{_what_was_got(error)}{hint(message)} (see {command} --help)")
    except ConfigError as error:  # a configuration's file names settings by their keys
        _refuse(str(error) if error.source else error.text(flag_of))
    except LrscopeError as error:
        _refuse(error.text(flag_of))
    except Stopped as stopped:
        echo(f"{'nothing was run' if stopped.was_declined else 'stopped'}; {stopped}", err=True)
        sys.exit(0 if stopped.was_declined else exit_code(INTERRUPTED))
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in TRAINING_PACKAGES:
            raise
        _refuse(f'this command needs {error.name}, which the built-in training brings: pip install "lrscope[train]"')
    except MemoryError as error:
        what = str(error).rstrip(".") or "no more to be had"
        _refuse(f"the memory is full: {what}; close other programs, or use smaller files or a larger machine")
    except RecursionError:
        _refuse("something that was named is nested too deeply to be read")
    except RuntimeError as error:  # torch says in words that memory ran out
        if not any(words in str(error) for words in OUT_OF_MEMORY):
            raise
        _refuse("the memory is full; use a smaller model, cut examples with --max-tokens, or --gradient-checkpointing")
    except (KeyboardInterrupt, typer.Abort):
        echo("stopped", err=True)
        sys.exit(exit_code(INTERRUPTED))
    except SystemExit as end:
        # 1 is what the parser makes of a closed pipe, as of `| head`: whoever read had enough of what is finished.
        # A run that its pipe stops is a StudyError before it comes here (terminal/interrupt.py).
        sys.exit(0 if end.code == 1 else end.code)
    except BrokenPipeError:
        # Python flushes standard output once more when it ends: into nothing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # a disk or a file system that fails where no part of lrscope expected it
        _refuse(f"{error.filename or 'the system'}: {error.strerror or error}; what was done is kept")
    sys.exit(exit_code(code) if isinstance(code, int) else 0)


def _what_was_got(error: typer.TyperException) -> str:
    """Return the value that an option was given in vain: typer's message leaves it out, its cause has it."""
    errors = getattr(error.__cause__, "errors", None)
    if not callable(errors):
        return ""
    return "".join(f": got {item['input']!r}" for item in errors())


def _refuse(message: str) -> None:
    echo("lrscope: " + " ".join(message.split("\n")), err=True)
    sys.exit(2)
