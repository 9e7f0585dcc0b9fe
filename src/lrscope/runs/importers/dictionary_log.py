"""Console logs with printed dictionaries: Hugging Face Trainer, TRL, Axolotl, Unsloth, loops with accelerate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from lrscope.errors import DataError
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.console_lines import MAX_LINE, chunks_of
from lrscope.runs.importers.dictionary_reader import LIKE_MEASURED, DictionaryReader
from lrscope.runs.importers.joined_lines import joined
from lrscope.runs.importers.printed_dictionaries import dictionaries_in, is_measured
from lrscope.runs.importers.text import decoded
from lrscope.runs.importers.trainer_state import TO_EVALUATE
from lrscope.runs.measured import Entry
from lrscope.runs.notes import EpochRepeated, Note, UnreadOmitted
from lrscope.runs.quantities import Count, Epoch, Number, Setting
from lrscope.runs.settings import shared_settings

SEARCHED = 1 << 25  # bytes at the head of a file in which a dictionary must stand


def raw_lines(chunks: Iterable[str]) -> Iterator[tuple[int, str]]:
    r"""Yield a text's lines with their numbers; one that goes on without end is cut where a bar was redrawn.

    >>> list(raw_lines(["a\nb", "c\n"]))
    [(1, 'a'), (2, 'bc'), (3, '')]
    """
    number, rest = 1, ""
    for chunk in chunks:
        lines = (rest + chunk).split("\n")
        rest = lines.pop()
        for line in lines:
            yield number, line
            number += 1
        if len(rest) > 20 * MAX_LINE:
            before, _, after = rest.rpartition("\r")
            yield number, before or rest[:MAX_LINE]
            rest = after[-MAX_LINE:]
    yield number, rest


class DictionaryLog:
    """What Trainer and its like print."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether a dictionary of measurements stands in a line; warnings may go before it."""
        if tells(decoded(head, errors="replace")):
            return True
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") or (
            b"\0" in head[:1024] and head[:1] not in b"\xff\xfe"
        ):
            return False  # JSON of another kind, or no text
        try:
            searched = 0
            for chunk in chunks_of(path):
                if tells(chunk):
                    return True
                searched += len(chunk)
                if searched > SEARCHED:
                    break
        except DataError:
            return False
        return False

    def read(self, path: Path) -> Imported:
        """Return the runs of a log.

        Raises:
            DataError: the file cannot be read, or holds no run.
        """
        return runs_of_lines(raw_lines(chunks_of(path)), checked.file_name(path))


def tells(text: str) -> bool:
    """Return whether a text holds a dictionary of measurements in one line, or a block of an evaluation's metrics."""
    at = 0
    while (match := LIKE_MEASURED.search(text, at)) is not None:
        line = text[match.start() : match.start() + MAX_LINE].partition("\n")[0]
        if any(is_measured(values) and Entry.of(values).splits for values in dictionaries_in(line)):
            return True
        at = match.start() + max(len(line), 1)
    return "***** eval metrics *****" in text


def runs_of_lines(lines: Iterable[tuple[int, str]], shown: str) -> Imported:
    """Return the runs that numbered lines tell of; `shown` names where they are from.

    Raises:
        DataError: they tell of none.
    """
    reader = DictionaryReader()
    collected = reader.read(joined(lines))
    if not collected:
        raise DataError(
            "a console log of Trainer's has lines such as {'loss': 1.9, 'learning_rate': 1e-4, 'epoch': 0.5}: got none "
            f"in {shown}"
        )
    names = [f"run in line {each.line}" if len(collected) > 1 else "" for each in collected]
    runs = tuple(each.run(name) for each, name in zip(collected, names, strict=True))
    notes: list[Note] = [
        EpochRepeated(Setting(run.arm), Number(line), Epoch(position))
        for run, each in zip(runs, collected, strict=True)
        for line, position in each.repeated
    ]
    if reader.num_unread > len(reader.unread):
        notes.append(UnreadOmitted(Count(reader.num_unread - len(reader.unread))))
    is_trainer = any(each.has_ended or each.facts for each in collected)
    return Imported(
        runs, shared_settings([run.settings for run in runs]), tuple(notes), tuple(reader.unread),
        to_evaluate=TO_EVALUATE if is_trainer else "",
    )  # fmt: skip
