"""`lrscope generate`: continue a text with a language model."""

from __future__ import annotations

from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.cli.options import Settings, with_settings
from lrscope.terminal.output import echo, print_json

NUMERICS = ("device", "precision", "threads")


@with_settings(
    ("model", "tokenizer", "chat_template", "seed", *NUMERICS),
    chat_template={"panel": "Input", "help": "Template of --chat: a name such as chatml or alpaca, or a .jinja file."},
    seed={"help": "Random seed that samples are drawn from."},
    device={"help": "Device to generate on."},
    precision={"help": "Precision of matrix products; auto keeps that of the weights where the processor has it."},
    threads={"help": "Processor threads."},
)
def generate(
    settings: Settings,
    prompt: Annotated[str, typer.Option("--prompt", help="Text to continue, or what --chat says.", metavar="TEXT")],
    chat: Annotated[
        bool, typer.Option("--chat", help="Answer the prompt as a user's turn, by the model's chat template.")
    ] = False,
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
    """
    from lrscope.config import NumericsConfig
    from lrscope.data.conversations import SYSTEM, USER, Turn
    from lrscope.errors import ConfigError
    from lrscope.training.text_generation import Sampling, load_language_model

    if "model" not in settings:
        raise ConfigError("generation needs --model; see lrscope generate --help for an example")
    template = settings.get("chat_template")
    if not chat and (system is not None or template is not None):
        name = "--chat-template" if system is None else "--system"
        raise ConfigError(f"{name} is for conversations: got none; add --chat")
    seed = settings.get("seed", 0)
    sampling = Sampling(temperature=temperature, max_new_tokens=max_new_tokens, seed=seed)
    numerics = NumericsConfig(**{name: settings[name] for name in NUMERICS if name in settings})
    language_model = load_language_model(
        settings["model"], settings.get("tokenizer"), numerics, chat=chat, chat_template=template
    )
    if chat:
        turns = [*([] if system is None else [Turn(SYSTEM, system)]), Turn(USER, prompt)]
        pieces = language_model.reply(turns, sampling)
    else:
        pieces = language_model.continue_text(prompt, sampling)
    for note in language_model.notes:
        echo(f"note: {note}", err=True)
    if json:
        asked = {"prompt": prompt, **({} if system is None else {"system": system})}
        print_json({**asked, "text": "".join(pieces), "temperature": temperature, "seed": seed})
        return
    for piece in pieces:
        echo(piece, nl=False)
    echo("")
