"""Where chat templates come from: a model's files, a name, a file; held to the vocabulary that they write for.

As transformers reads them, the first of these that is there:

    chat_template.jinja            with additional_chat_templates/NAME.jinja beside it
    tokenizer_config.json          `chat_template`: a template, or a list of {"name": ..., "template": ...}
    chat_template.json             `chat_template`, as older processors have it

and `tokenizer.chat_template` within a GGUF file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.errors import CheckpointError, ConfigError, Problem
from lrscope.files import write_text
from lrscope.models.chat_template import (
    DATE_NOTE,
    ChatTemplate,
    compile_source,
    one_line,
    special_token_texts,
    with_fixed_date,
)
from lrscope.models.checkpoints import read_json
from lrscope.models.gguf_header import is_gguf
from lrscope.models.gguf_tokenizer import DEFAULT, gguf_chat_templates
from lrscope.models.named_templates import NAMES, TEMPLATES
from lrscope.models.tokenizers import TextTokenizer, folder_of, tokenizer_settings

# What is written like a special token, as `<|im_start|>`.
LIKE_A_TOKEN = re.compile(r"<\|\w+\|>")


def read_chat_template(
    asked: str | None, tokenizer: TextTokenizer, model_path: Path, tokenizer_path: Path | None = None
) -> ChatTemplate | None:
    """Return the template that was asked for by name or file, or else the model's own; None where it has none.

    Raises:
        ConfigError: there is no template of that name, or it does not fit the vocabulary.
        CheckpointError: the model's own cannot be read, or does not fit the vocabulary.
    """
    folders = [folder_of(path) for path in (tokenizer_path, model_path) if path is not None]
    settings = tokenizer_settings(folders[0])
    ends = {name: text for name, text in _ends_of(tokenizer).items() if name not in settings}
    tokens = ends | special_token_texts(settings)
    own, folder = next(((found, folder) for folder in folders if (found := own_templates(folder))), ({}, folders[0]))
    if asked is None:
        if not own:
            return None
        source = own.get(DEFAULT) or (next(iter(own.values())) if len(own) == 1 else None)
        if source is None:
            rule = "{chat_template} must name one of the model's templates, none of which is its default"
            raise ConfigError(Problem(rule, "none", f"choose one of {', '.join(sorted(own))}"))
        return _checked(ChatTemplate(f"of {folder}", source, tokens), settings, tokenizer, CheckpointError)
    if asked in TEMPLATES:
        return _named(asked, tokens, tokenizer)
    if asked in own:
        return _checked(ChatTemplate(asked, own[asked], tokens), settings, tokenizer, CheckpointError)
    return _checked(ChatTemplate(asked, _read_file(asked, own), tokens), settings, tokenizer, ConfigError)


def own_templates(folder: Path) -> dict[str, str]:
    """Return the templates in a model's folder, or in a GGUF file, by name, the usual one as "default".

    Raises:
        CheckpointError: a file cannot be read.
    """
    if is_gguf(folder):
        return gguf_chat_templates(folder)
    found: dict[str, str] = {}
    file = folder / "chat_template.jinja"
    for path in sorted((folder / "additional_chat_templates").glob("*.jinja")):
        found[path.stem] = _text(path)
    if file.is_file():
        return {**found, DEFAULT: _text(file)}
    for name in ("tokenizer_config.json", "chat_template.json"):
        path = folder / name
        value = read_json(path).get("chat_template") if path.is_file() else None
        if value is not None:
            return {**found, **_named_in(path, value)}
    return found


def write_chat_template(template: ChatTemplate, folder: Path) -> None:
    """Write `chat_template.jinja` beside a model, where transformers and `read_chat_template` find it.

    A template that writes the day is written as it was used, with its fixed day.
    """
    write_text(folder / "chat_template.jinja", with_fixed_date(template.source))


def _named_in(path: Path, value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {DEFAULT: value}
    items = value if isinstance(value, list) else [None]
    named = [(item.get("name"), item.get("template")) for item in items if isinstance(item, Mapping)]
    if len(named) < len(items) or not all(isinstance(part, str) for pair in named for part in pair):
        raise CheckpointError(
            f"{path}: chat_template must be a text or a list of names and templates: it is not; copy the file anew"
        )
    return {str(name): str(template) for name, template in named}


def _read_file(asked: str, own: Mapping[str, str]) -> str:
    path = Path(asked).expanduser()
    try:
        is_there = path.is_file()
    except OSError:  # too long for a name, as a template itself is
        is_there = False
    if not is_there:
        names = ", ".join([*sorted(name for name in own if name != DEFAULT), NAMES])
        rule = "{chat_template} must be a template's name or a Jinja file"
        got = repr(asked) if len(asked) <= 60 else repr(asked[:57]) + "..."
        raise ConfigError(Problem(rule, got, f"choose one of {names}"))
    return _text(path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a template that can be read: {error}; copy it anew") from error


def _ends_of(tokenizer: TextTokenizer) -> dict[str, str]:
    ends = {"bos_token": tokenizer.bos_id, "eos_token": tokenizer.eos_id}
    return {name: str(tokenizer.backend.id_to_token(token)) for name, token in ends.items() if token >= 0}


def _named(name: str, tokens: dict[str, str], tokenizer: TextTokenizer) -> ChatTemplate:
    source, needed = TEMPLATES[name]
    ends = {
        **_ends_of(tokenizer),
        "begin": "".join(str(tokenizer.backend.id_to_token(token)) for token in tokenizer.first_ids),
    }
    words = {"BOS": ends.get("bos_token", ""), "EOS": ends.get("eos_token", ""), "BEGIN": ends["begin"]}
    missing = [word for word in needed if not is_token(tokenizer, words.get(word, word))]
    if missing:
        what = {"BOS": "a beginning token", "EOS": "an end token"}.get(missing[0], missing[0])
        raise ConfigError(
            Problem(
                f"{{chat_template}} {name} needs {what} as a token of the vocabulary",
                "a tokenizer that has none",
                "choose another template, such as plain or alpaca, or a .jinja file",
            )
        )
    for word, text in words.items():
        source = source.replace(word, text.replace("\\", "\\\\").replace("'", "\\'"))
    return ChatTemplate(name, source, tokens)


def is_token(tokenizer: TextTokenizer, text: str) -> bool:
    """Return whether a text is one token, whatever stands around it."""
    if not text or tokenizer.backend.token_to_id(text) is None:
        return False
    return tokenizer.backend.encode(f"a{text}b", add_special_tokens=False).tokens.count(text) == 1


def _checked(
    template: ChatTemplate,
    settings: Mapping[str, Any],
    tokenizer: TextTokenizer,
    kind: type[CheckpointError] | type[ConfigError],
) -> ChatTemplate:
    """Hold a template to Jinja and to the vocabulary, and note what is odd about it."""
    try:
        compile_source(template.source)
    except Exception as error:  # Jinja's own, and what transformers asks of Jinja
        rule = f"the chat template {template.name} must be Jinja"
        raise kind(Problem(rule, one_line(error), "correct it, or choose another with {chat_template}")) from error
    for text in _special_tokens_in(template, settings):
        if not is_token(tokenizer, text):
            rule = f"the vocabulary must have {text}, which the chat template {template.name} writes, as a token"
            way_out = "name the tokenizer that it belongs to with {tokenizer}, or choose another with {chat_template}"
            raise kind(Problem(rule, "none of its tokens", way_out))
    notes = [DATE_NOTE] if "strftime_now" in template.source else []
    for text in dict.fromkeys(LIKE_A_TOKEN.findall(template.source)):
        if not is_token(tokenizer, text):
            number = len(tokenizer.backend.encode(text, add_special_tokens=False).ids)
            notes.append(f"the chat template writes {text}, which is {number} tokens of this vocabulary and not one")
    return ChatTemplate(template.name, template.source, template.special_tokens, tuple(notes))


def _special_tokens_in(template: ChatTemplate, settings: Mapping[str, Any]) -> list[str]:
    """Return the special tokens of a tokenizer's settings that a template writes, by name or as text."""
    named = {text for name, text in template.special_tokens.items() if re.search(rf"\b{name}\b", template.source)}
    listed = json.dumps([settings.get(name) for name in ("additional_special_tokens", "extra_special_tokens")])
    texts = {*template.special_tokens.values(), *_texts_in(json.loads(listed))}
    return sorted(named | {text for text in texts if text and text in template.source})


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        items = [value["content"]] if "content" in value else list(value.values())
        return [text for item in items for text in _texts_in(item)]
    return [text for item in value for text in _texts_in(item)] if isinstance(value, list) else []
