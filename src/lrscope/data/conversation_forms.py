"""The forms in which files write conversations, told apart by their keys.

    messages        {"messages": [{"role": "user", "content": "…"}, …]}, OpenAI's; content may be a list of text parts
    conversations   {"conversations": [{"from": "human", "value": "…"}, …]}, ShareGPT's; each key takes either spelling
    alpaca          {"instruction": "…", "input": "…", "output": "…"}; a user's turn of instruction, blank line, input
    pair            {"prompt": "…", "completion": "…"}, or other names where exactly one of each kind is there; the
                    values may be lists of messages, TRL's form, in which the prompt's assistant turns are not learned
    text            {"text": "…"}, learned as a whole; taken only where there is nothing else

`system` or `system_prompt` beside any but the last is the system's turn. A number is taken for the text that Python
writes for it. Other keys are left alone, except those that would change what is learned: they are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from lrscope.data.conversations import ASSISTANT, SYSTEM, TEXT, USER, Turn
from lrscope.data.readers import shorten
from lrscope.errors import DataError

Row = Mapping[str, Any]

TURN_LISTS = ("messages", "conversations", "conversation")
PROMPTS = ("prompt", "question", "query", "input", "instruction")
COMPLETIONS = ("completion", "answer", "response", "output")
INPUTS = ("input", "context")  # beside an instruction; `context` is Dolly's
SYSTEMS = ("system", "system_prompt")
ROLES = {
    "system": SYSTEM, "developer": SYSTEM,
    "user": USER, "human": USER,
    "assistant": ASSISTANT, "gpt": ASSISTANT, "chatgpt": ASSISTANT, "bot": ASSISTANT, "model": ASSISTANT,
}  # fmt: skip
TOOL_ROLES = ("tool", "function", "function_call", "function_response", "observation", "ipython")
REFUSED_BESIDE = {"tools": "tools", "functions": "functions", "history": "a history beside a prompt"}
REFUSED_IN_TURN = {
    "tool_calls": "tool calls", "function_call": "function calls", "reasoning_content": "separate reasoning",
    "reasoning": "separate reasoning", "thinking": "separate reasoning",
}  # fmt: skip
KEYS = frozenset((*TURN_LISTS, *PROMPTS, *COMPLETIONS, *INPUTS, *SYSTEMS, *REFUSED_BESIDE, "text"))
SUPPORTED = "system, user and assistant turns of text are supported"


class Form(NamedTuple):
    """A form and the keys that hold its parts. `read` makes turns of a row, not yet held to their order."""

    name: str
    keys: tuple[str, ...]

    @property
    def described(self) -> str:
        """Return the form for a message."""
        return " and ".join(self.keys)

    def read(self, row: Row, where: str) -> list[Turn]:
        """Return the turns of a row.

        Raises:
            DataError: a part is missing, no text, or of a kind that is not supported; `where` is named.
        """
        if self.name == "text":
            return [Turn(TEXT, text_of(row.get("text"), "text", where))]
        for key, what in REFUSED_BESIDE.items():
            if row.get(key):
                raise DataError(f"{where}: {what} must not be in an example: got {key}; {SUPPORTED}")
        systems = [(key, row[key]) for key in SYSTEMS if row.get(key) not in (None, "")]
        return [
            *(Turn(SYSTEM, text_of(value, key, where)) for key, value in systems),
            *READERS[self.name](self, row, where),
        ]


def form_of(keys: Collection[str], where: str) -> Form:
    """Return the form that a row with these keys has.

    Raises:
        DataError: it has none, or more than one.
    """
    found = [Form("turns", (key,)) for key in TURN_LISTS if key in keys]
    prompts = [key for key in PROMPTS if key in keys]
    completions = [key for key in COMPLETIONS if key in keys]
    if "prompt" in prompts and "completion" in completions:
        found.append(Form("pair", ("prompt", "completion")))
        prompts, completions = prompts[1:], completions[1:]
        if "instruction" in prompts and "output" in completions:
            found.append(Form("alpaca", ("instruction", "output")))
    elif "instruction" in prompts:
        found += [Form("alpaca", ("instruction", completion)) for completion in completions]
    else:
        found += [Form("pair", (prompt, completion)) for prompt in prompts for completion in completions]
    if len(found) == 1:
        return found[0]
    if found:
        told = ", or ".join(form.described for form in found[:4])
        raise DataError(f"{where}: an example has one form: got {told}; remove the keys that are not meant")
    if "text" in keys:
        return Form("text", ("text",))
    got = ", ".join(shorten(key) for key in list(keys)[:8]) or "no keys"
    raise DataError(
        f"{where}: an example has prompt and completion (or question and answer, …), instruction and output, messages, "
        f"conversations, or text: got {got}; rename them"
    )


def text_of(value: object, name: str, where: str) -> str:
    """Return a value that is text, or a finite number as text.

    Raises:
        DataError: it is something else, or holds half of a surrogate pair.

    >>> text_of(18, "answer", "a.jsonl:1")
    '18'
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return str(value)
    if not isinstance(value, str):
        got = "null" if value is None else shorten(value)
        raise DataError(f"{where}: {name} must be text: got {got}; write its text or remove the example")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: {name} must be Unicode: got half of a surrogate pair; write the character itself"
        ) from error
    return value


def _turns(form: Form, row: Row, where: str) -> list[Turn]:
    return messages_of(row[form.keys[0]], form.keys[0], where)


def _alpaca(form: Form, row: Row, where: str) -> list[Turn]:
    instruction, completion = form.keys
    parts = [text_of(row[instruction], instruction, where)]
    parts += [text_of(row[key], key, where) for key in INPUTS if row.get(key) is not None]
    user = "\n\n".join(part for part in parts if part.strip())
    return [Turn(USER, user), Turn(ASSISTANT, text_of(row[completion], completion, where))]


def _pair(form: Form, row: Row, where: str) -> list[Turn]:
    (prompt, asked), (completion, answer) = ((key, row[key]) for key in form.keys)
    if not isinstance(asked, list) and not isinstance(answer, list):
        return [Turn(USER, text_of(asked, prompt, where)), Turn(ASSISTANT, text_of(answer, completion, where))]
    given = messages_of(asked, prompt, where)
    context = [turn._replace(context=turn.role == ASSISTANT) for turn in given]
    return [*context, *messages_of(answer, completion, where)]


READERS: Mapping[str, Callable[[Form, Row, str], list[Turn]]] = {"turns": _turns, "alpaca": _alpaca, "pair": _pair}


def messages_of(value: object, name: str, where: str) -> list[Turn]:
    """Return a list of messages as turns.

    Raises:
        DataError: it is no list of messages, or a message is of a kind that is not supported.
    """
    if not isinstance(value, list):
        got = "null" if value is None else shorten(value)
        raise DataError(f"{where}: {name} must be a list of messages: got {got}; write [{{...}}, ...]")
    return [_message(item, f"turn {number} of {name}", where) for number, item in enumerate(value, 1)]


def _message(item: object, name: str, where: str) -> Turn:
    if not isinstance(item, Mapping):
        raise DataError(f"{where}: {name} must be an object: got {shorten(item)}; write its role and content")
    role_key, text_key = ("role", "content") if item.get("role") is not None else ("from", "value")
    written = item.get(role_key)
    role = ROLES.get(written) if isinstance(written, str) else None
    if role is None:
        if written in TOOL_ROLES:
            raise DataError(f"{where}: {name} must not be a tool's or a function's: got {written!r}; {SUPPORTED}")
        got = "none" if written is None else shorten(written)
        raise DataError(
            f"{where}: {name} must have a role (system, user or assistant; from: human or gpt): got {got}; correct it"
        )
    for key, what in REFUSED_IN_TURN.items():
        if item.get(key):
            raise DataError(f"{where}: {what} must not be in a turn: got {key} in {name}; {SUPPORTED}")
    content = item.get(text_key)
    text = (
        _parts(content, name, where) if isinstance(content, list) else text_of(content, f"{text_key} of {name}", where)
    )
    return Turn(role, text, role == ASSISTANT and not _is_learned(item, name, where))


def _parts(parts: list[Any], name: str, where: str) -> str:
    for part in parts:
        if not isinstance(part, Mapping) or part.get("type") != "text":
            kind = part.get("type") if isinstance(part, Mapping) else part
            raise DataError(
                f"{where}: content of {name} must be text or parts of type text: got {shorten(kind)}; remove it"
            )
    return "".join(text_of(part.get("text"), f"a part of {name}", where) for part in parts)


def _is_learned(item: Mapping[str, Any], name: str, where: str) -> bool:
    """Return whether a turn is learned: OpenAI's `weight` 0 and Axolotl's `train` false say that it is not."""
    marks = [(key, item[key]) for key in ("weight", "train") if item.get(key) is not None]
    for key, mark in marks:
        if not isinstance(mark, int | float) or mark not in (0, 1):
            raise DataError(f"{where}: {key} of {name} must be 0 or 1: got {shorten(mark)}; correct it")
    return all(mark == 1 for _, mark in marks)
