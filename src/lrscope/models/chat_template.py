"""A conversation as text: rendered by a chat template, with the spans that are learned.

What is learned of an assistant's turn is what the template adds to the text once the turn is there: from behind the
generation prompt (what precedes a reply and what a model is prompted with) to the beginning of the next turn. The
token that ends the turn is within, and so is what the template writes behind it. This is TRL's rule for a prompt and
its completion, applied to every turn.

The spans are found by rendering the conversation as far as each turn. A template that writes the beginning of a
conversation differently once it goes on has no such spans; then those count that it marks with `{% generation %}`.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Protocol

from lrscope.errors import DataError, Problem

Span = tuple[int, int]


class Turn(Protocol):
    """A turn of the role "system", "user" or "assistant". The assistant's that are context are not learned."""

    @property
    def role(self) -> str: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def context(self) -> bool: ...  # noqa: D102


class Rendered(NamedTuple):
    """Text, and the spans of it, in characters, that are learned."""

    text: str
    learned: tuple[Span, ...]

    @property
    def pieces(self) -> list[tuple[str, bool]]:
        """Return the text in pieces, each with whether it is learned.

        >>> Rendered("Q: hi A: yo.", ((9, 12),)).pieces
        [('Q: hi A: ', False), ('yo.', True)]
        """
        pieces, place = [], 0
        for first, last in self.learned:
            pieces += [(self.text[place:first], False), (self.text[first:last], True)]
            place = last
        pieces.append((self.text[place:], False))
        return [piece for piece in pieces if piece[0]]


# Some templates write the day on which they are rendered. Llama 3's fall back to this one.
WRITTEN_DATE = date(2024, 7, 26)
USUAL_FORMAT = "%d %b %Y"
DATE_NOTE = (
    f"the chat template writes the day on which it is used: {WRITTEN_DATE} is written instead, so that a text stays "
    "the same"
)


@dataclass(frozen=True, eq=False)
class ChatTemplate:
    """A Jinja template, rendered as transformers does, with the special tokens that it may name.

    `name` is how messages call it; `notes` are for the user.
    """

    name: str
    source: str
    special_tokens: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Return a digest of what decides a text."""
        content = json.dumps([self.source, dict(self.special_tokens)], sort_keys=True)
        return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()

    def prompt(self, turns: Sequence[Turn], where: str = "this conversation") -> str:
        """Return the text that a model is given to go on from, the generation prompt last.

        Raises:
            DataError: the template fails; `where` is named.
        """
        return self._render(turns, where, add_generation_prompt=True)[0]

    def text(self, turns: Sequence[Turn], where: str) -> str:
        """Return the text of a conversation.

        Raises:
            DataError: the template fails; `where` is named.
        """
        return self._render(turns, where)[0]

    def render(self, turns: Sequence[Turn], where: str) -> Rendered:
        """Return the text of a conversation, with what is learned of it.

        Raises:
            DataError: the template fails, or does not tell what is learned; `where` is named.
        """
        text, spans = self.text(turns, where), []
        for place, turn in enumerate(turns):
            if turn.role != "assistant" or turn.context:
                continue
            before = self.prompt(turns[:place], where)
            after = text if place + 1 == len(turns) else self.text(turns[: place + 1], where)
            if not text.startswith(after) or not after.startswith(before):
                return self._by_marks(turns, where)
            if len(after) > len(before):
                spans.append((len(before), len(after)))
        return Rendered(text, tuple(spans))

    def _by_marks(self, turns: Sequence[Turn], where: str) -> Rendered:
        """Return the text and what the template marks as generated."""
        replies = [turn for turn in turns if turn.role == "assistant"]
        if re.search(r"\{%-?\+?\s*generation\s*[-+]?%\}", self.source):
            text, spans = self._render(turns, where, return_assistant_tokens_mask=True)
            if len(spans) == len(replies):
                return Rendered(
                    text, tuple(span for span, turn in zip(spans, replies, strict=True) if not turn.context)
                )
        problem = Problem(
            f"the chat template {self.name} must write turns the same whatever follows, or mark replies with "
            "{% generation %}, so that what is learned can be told",
            "other text once more turns follow",
            "choose another with {chat_template}",
        )
        raise DataError(problem, source=where)

    def _render(self, turns: Sequence[Turn], where: str, **options: bool) -> tuple[str, list[Span]]:
        from transformers.utils.chat_template_utils import render_jinja_template

        messages = [{"role": turn.role, "content": turn.text} for turn in turns]
        try:
            texts, spans = render_jinja_template(
                conversations=[messages], chat_template=self._dated_source, **self.special_tokens, **options
            )
        except Exception as error:  # whatever a template does, and however it does it
            raise DataError(
                Problem(
                    f"the chat template {self.name} must take this conversation",
                    one_line(error),
                    "correct the example, or choose another template with {chat_template}",
                ),
                source=where,
            ) from error
        return texts[0], spans[0] if spans else []

    @functools.cached_property
    def _dated_source(self) -> str:
        return with_fixed_date(self.source)


def with_fixed_date(source: str) -> str:
    """Return a template in which `strftime_now` says one day, whatever day it is."""
    if "strftime_now" not in source:
        return source
    formats = {found[1] for found in re.findall(r"""strftime_now\(\s*(['"])(.*?)\1""", source)}
    days = {each: WRITTEN_DATE.strftime(each) for each in sorted({*formats, USUAL_FORMAT})}
    says = f"{json.dumps(days)}.get(format, {json.dumps(days[USUAL_FORMAT])})"
    # The line feed at its end is eaten as one behind a block, so the template still begins a line.
    return f"{{% macro strftime_now(format) %}}{{{{ {says} }}}}{{% endmacro %}}\n{source}"


def one_line(error: Exception) -> str:
    """Return what an error says, on one line and not at length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."


def compile_source(source: str) -> None:
    """Parse a template without rendering it.

    Raises:
        Exception: Jinja's own for what is no template, or transformers' for a Jinja that is too old.
    """
    from transformers.utils.chat_template_utils import render_jinja_template

    render_jinja_template(conversations=[], chat_template=with_fixed_date(source))


def special_token_texts(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the special tokens that a tokenizer's settings name, by their name, as templates know them.

    >>> special_token_texts({"bos_token": {"content": "<s>"}, "pad_token": None, "tokenizer_class": "x"})
    {'bos_token': '<s>'}
    """
    tokens = {}
    for name, value in settings.items():
        text = value.get("content") if isinstance(value, Mapping) else value
        if name.endswith("_token") and isinstance(text, str):
            tokens[name] = text
    return tokens
