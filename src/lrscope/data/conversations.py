"""Conversations: turns in order, checked once, whatever file they came from.

Texts are kept as the file has them: nothing is trimmed, joined or normalised, but that a Windows line end within a cell
of a CSV file is read as a line feed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lrscope.errors import DataError

SYSTEM, USER, ASSISTANT, TEXT = "system", "user", "assistant", "text"


class Turn(NamedTuple):
    """What one speaker says. An assistant's turn that is `context` is read by the model but never learned."""

    role: str
    text: str
    context: bool = False


class Conversation(NamedTuple):
    """Turns in order, and the line they begin on, from 1. Plain text is one turn of the role "text".

    `number` is its number in the file, from 1, where others begin on the same line, as in JSON without line feeds.
    """

    turns: tuple[Turn, ...]
    line: int
    number: int | None = None

    def where(self, path: Path) -> str:
        """Return file and line, and the number where that does not tell which it is.

        >>> Conversation((), 1, 17).where(Path("a.json"))
        'a.json:1 (example 17)'
        """
        return f"{path}:{self.line}" + ("" if self.number is None else f" (example {self.number})")

    @property
    def is_plain_text(self) -> bool:
        """Return whether this is a text without speakers, which is learned as a whole."""
        return self.turns[0].role == TEXT

    @property
    def prompt(self) -> str:
        """Return the first user's turn, by which conversations are held against one another; or the plain text."""
        return next(turn.text for turn in self.turns if turn.role in (USER, TEXT))


def check_turns(turns: Sequence[Turn], where: str) -> None:
    """Hold turns to their order: a system turn or none, then user and assistant in turn, ending with the assistant.

    `where` names file and line.

    Raises:
        DataError: they are out of order, one is empty, or none of the assistant's is learned.
    """
    if not turns:
        raise DataError(f"{where}: a conversation needs at least one turn: got an empty list; remove it")
    speakers = list(enumerate(turns, 1))[turns[0].role == SYSTEM :]
    for (number, turn), due in zip(speakers, (USER, ASSISTANT) * len(turns), strict=False):
        if turn.role != due:
            raise DataError(f"{where}: {_out_of_order(number, turn.role, due, len(turns))}")
        if not turn.text.strip():
            what = "completion" if turn.role == ASSISTANT else "prompt"
            raise DataError(
                f"{where}: a {what} must not be empty: got none in turn {number}, the {turn.role}'s; write its text or "
                "remove the example"
            )
    if len(speakers) % 2 or not speakers:
        last = speakers[-1][1].role if speakers else SYSTEM
        raise DataError(
            f"{where}: a conversation must end with the assistant, whose turns are learned: got {last} last; add the "
            "reply or remove the turn"
        )
    if all(turn.context for turn in turns if turn.role == ASSISTANT):
        raise DataError(
            f"{where}: an example needs something to learn: got weight 0 for every assistant turn; remove the example"
        )


def _out_of_order(number: int, role: str, due: str, num_turns: int) -> str:
    if role == SYSTEM:
        return f"the system turn must be the first, and one alone: got one as turn {number} of {num_turns}; move it"
    got = f"got {role} as turn {number} of {num_turns}"
    if number <= 2 and due == USER:
        return f"a conversation must begin with the user, after a system turn or none: {got}; add the user's turn"
    return f"user and assistant must take turns: {got}, where the {due} is due; join or remove turns"
