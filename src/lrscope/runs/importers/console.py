"""Console logs of training runs, read as a person reads them: headings, settings, epochs, steps, final values.

What is known for certain is read; progress bars and blank lines are skipped; everything else is listed, never guessed.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.console_lines import chunks_of, lines_of
from lrscope.runs.importers.console_reader import ConsoleReader
from lrscope.runs.importers.console_run import notes_of, run_of
from lrscope.runs.importers.headings import rate_in_name
from lrscope.runs.importers.measured_lines import MeasuredLines
from lrscope.runs.importers.text import decoded
from lrscope.runs.notes import UnreadOmitted
from lrscope.runs.quantities import Count
from lrscope.runs.settings import shared_settings

MAX_CLAIM = 5000  # lines of a file's beginning that are looked at for a measurement


class ConsoleLog:
    """What a program printed while it trained."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether a line tells of an epoch, or of a step."""
        lines, reader = lines_of(iter([decoded(head, errors="replace")])), MeasuredLines()
        return any(
            found is not None and found.is_placed and bool(found.values)
            for found in (reader.take(line) for _, line, _ in islice(lines, MAX_CLAIM))
        )

    def read(self, path: Path) -> Imported:
        """Return the runs of a log.

        Raises:
            DataError: the file cannot be read, or holds no run.
        """
        reader, shown = ConsoleReader(), checked.file_name(path)
        for number, line, is_whole in lines_of(chunks_of(path), reader.skips):
            if is_whole or not reader.is_cut(line):
                reader.read(number, line)
            else:
                reader.leave(number, line)
        reader.end()
        begun = [each for each in reader.runs if each.is_named or each.num_new or not each.epochs]
        if not begun:
            raise DataError(
                "a log of training runs has lines such as 'epoch 0: train loss :: 1.9, dev acc :: 0.3' or 'step 200: "
                f"train loss 2.4, val loss 2.5': got none in {shown}"
            )
        zero = 0 if any(each.first_epoch == 0 for each in begun) else 1
        runs, notes = [], reader.notes
        for each in begun:
            run = run_of(each, zero, is_alone=len(begun) == 1)
            runs.append(run)
            notes += notes_of(each, run, zero)
        if len(runs) == 1 and runs[0].rate is None and (rate := rate_in_name(path.stem)) is not None:
            runs = [replace(runs[0], rate=rate, arm=runs[0].arm or f"lr {format_rate(rate)}")]
        if reader.num_unread > len(reader.unread):
            notes.append(UnreadOmitted(Count(reader.num_unread - len(reader.unread))))
        settings = shared_settings([each.settings for each in begun])
        return Imported(tuple(runs), settings, tuple(notes), tuple(reader.unread))
