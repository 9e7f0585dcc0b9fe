"""`lrscope generate`: continue a text with a language model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.evaluate import WhichCheckpoint, WhichTrial
from lrscope.cli.options import Settings, with_settings
from lrscope.errors import ConfigError
from lrscope.terminal.output import echo, print_json

if TYPE_CHECKING:
    from lrscope.training.text_generation import LanguageModel

NUMERICS = ("device", "precision", "threads")


@with_settings(
    ("model", "tokenizer", "chat_template", "seed", *NUMERICS),
    model={
        "help": "Weights: a Hugging Face folder or hub name, a .gguf, a llama2.c .bin, or a .pt checkpoint; beside "
        "--run the base of its adapters, where it lies elsewhere now."
    },
    chat_template={"panel": "Input", "help": "Template of --chat: a name such as chatml or alpaca, or a .jinja file."},
    seed={"help": "Random seed that samples are drawn from."},
    device={"help": "Device to generate on."},
    precision={"help": "Precision of matrix products; auto keeps that of the weights where the processor has it."},
    threads={"help": "Processor threads."},
)
def generate(
    settings: Settings,
    run: Annotated[
        Path | None,
        typer.Option(
            "--run",
            help="Folder of a fine-tune, a sweep, an exported model or adapters, in the place of --model.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    checkpoint: WhichCheckpoint = None,
    trial: WhichTrial = None,
    *,
    prompt: Annotated[str, typer.Option("--prompt", help="Text to continue, or what --chat says.", metavar="TEXT")],
    chat: Annotated[
        bool | None,
        typer.Option(
            "--chat/--no-chat",
            help="Answer the prompt as a user's turn, by the model's chat template [default: so "
            "with --run, where the model was trained on conversations or has a template].",
            show_default=False,
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option("--system", help="System turn before the prompt of --chat.", metavar="TEXT", show_default=False),
    ] = None,
    temperature: Annotated[
        float,
        typer.Option("--temperature", help="0 takes the most likely token; 1 samples from the model.", metavar="X"),
    ] = 0.0,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", help="Maximum length of the continuation in tokens.", metavar="N")
    ] = 200,
    json: opt.Json = False,
) -> None:
    """Continue a prompt, token by token, until the model ends its text; or answer it.

    Example:

      lrscope generate --model stories260K --prompt "Once upon a time" --temperature 0 --max-new-tokens 200

      lrscope generate --model SmolLM2-135M-Instruct --chat --prompt "What is the capital of France?"

      lrscope generate --run runs/sft --prompt "What is the capital of France?"
    """
    from lrscope.data.conversations import SYSTEM, USER, Turn
    from lrscope.training.text_generation import Sampling

    seed = settings.get("seed", 0)
    sampling = Sampling(temperature=temperature, max_new_tokens=max_new_tokens, seed=seed)
    if run is None:
        language_model, chats = _of_model(settings, chat), bool(chat)
    else:
        language_model = _of_run(settings, run, checkpoint, trial, chat=chat)
        chats = language_model.template is not None if chat is None else chat
    if not chats and (system is not None or "chat_template" in settings):
        name = "--chat-template" if system is None else "--system"
        raise ConfigError(f"{name} is for conversations: got none; add --chat")
    if chats:
        turns = [*([] if system is None else [Turn(SYSTEM, system)]), Turn(USER, prompt)]
        pieces = language_model.reply(turns, sampling)
    else:
        pieces = language_model.continue_text(prompt, sampling)
    for note in language_model.notes:
        echo(f"note: {note}", err=True)
    if json:
        asked = {"prompt": prompt, **({} if system is None else {"system": system})}
        print_json("generate/1", {**asked, "text": "".join(pieces), "temperature": temperature, "seed": seed})
        return
    for piece in pieces:
        echo(piece, nl=False)
    echo("")


def _of_model(settings: Settings, chat: bool | None) -> LanguageModel:
    from lrscope.config import NumericsConfig
    from lrscope.training.text_generation import load_language_model
    from lrscope.workflows.trained_model import is_adapter

    if "model" not in settings:
        raise ConfigError("generation needs --model or --run; see lrscope generate --help for an example")
    if is_adapter(Path(settings["model"])):
        return _of_run({**settings, "model": None}, Path(settings["model"]), chat=bool(chat))
    numerics = NumericsConfig(**{name: settings[name] for name in NUMERICS if name in settings})
    return load_language_model(
        settings["model"], settings.get("tokenizer"), numerics,
        chat=bool(chat), chat_template=settings.get("chat_template"),
    )  # fmt: skip


def _of_run(
    settings: Settings, run: Path, checkpoint: str | None = None, trial: int | None = None, *, chat: bool | None
) -> LanguageModel:
    from lrscope.config import NumericsConfig
    from lrscope.workflows.trained_model import language_model

    for name in ("tokenizer", "chat_template"):
        if settings.get(name) is not None:
            flag = "--" + name.replace("_", "-")
            raise ConfigError(f"--run brings its tokenizer and chat template: got {flag}; leave it out")
    numerics = {name: settings[name] for name in NUMERICS if name in settings}
    found = language_model(
        run, checkpoint=checkpoint, trial=trial, base=settings.get("model"),
        numerics=NumericsConfig(**numerics) if numerics else None,
    )  # fmt: skip
    if chat and found.template is None:
        raise ConfigError(f"--chat needs a chat template: got {run}, which has none; take --no-chat")
    return found
