"""Tables of progress: Trainer's and fastai's in notebooks, as HTML or as copied text, and those of model cards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

from lrscope.config.metric_names import is_metric
from lrscope.errors import DataError
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.collected import Collected
from lrscope.runs.importers.console_lines import MAX_LINE, chunks_of
from lrscope.runs.importers.dictionary_log import raw_lines
from lrscope.runs.importers.printed_settings import settings_in
from lrscope.runs.importers.progress_bars import Progress
from lrscope.runs.importers.text import decoded
from lrscope.runs.importers.trainer_blocks import is_setting, setting_alone
from lrscope.runs.measured import Entry
from lrscope.runs.settings import shared_settings

MAX_CELLS = 1_000_000
MAX_RUNS = 1000
_TRAIN, _DEV = ("training loss", "train loss"), ("validation loss", "valid loss", "val loss", "eval loss")
_PROGRESS = re.compile(r"\[\s*(\d{1,15})/(\d{1,15})\s[^\[\]]{0,80}?(?:Epoch [\d.]{1,20}/(\d{1,9}))?\]")
_RULE = re.compile(r"[\s|:+-]+")

Rows = list[list[str]]


class _Tables(HTMLParser):
    """The tables of a piece of HTML, as text, and what stands outside of them."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Rows] = []
        self.outside: list[str] = []
        self._cell: list[str] | None = None
        self._num_cells = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif tag in ("td", "th") and self.tables and self._num_cells < MAX_CELLS:
            self._cell = []
            self._num_cells += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell is not None:
            if self.tables[-1]:
                self.tables[-1][-1].append("".join(self._cell).strip())
            self._cell = None

    def handle_data(self, data: str) -> None:
        (self.outside if self._cell is None else self._cell).append(data)


def of_html(html: str) -> Iterator[tuple[list[Entry], Progress | None, int | None]]:
    """Yield the entries of each table of progress in a piece of HTML, with the bar over it and the epochs asked for.

    >>> html = "<p>[6/6 00:10, Epoch 2/2]<table><tr><th>Epoch<th>Training Loss</th></tr><tr><td>1</td><td>0.5</td></tr>"
    >>> html = html.replace("Epoch<th>", "Epoch</th><th>")
    >>> [(entries[0].splits, bar.total, epochs) for entries, bar, epochs in of_html(html)]
    [({'train': {'loss': 0.5}}, 6, 2)]
    """
    parser = _Tables()
    parser.feed(html)
    match = _PROGRESS.search("".join(parser.outside))
    bar = Progress(int(match[1]), int(match[2]), None) if match and 0 < int(match[2]) >= int(match[1]) else None
    epochs = int(match[3]) if match and match[3] else None
    for rows in parser.tables:
        rows = [row for row in rows if row]
        if rows and (names := names_of(rows[0])):
            yield [entry_of(names, row) for row in rows[1:]], bar, epochs


def names_of(header: Sequence[str]) -> list[str] | None:
    """Return what the columns of a table are called in a log; None where it is no table of progress.

    Without a loss of validation, other columns may be of training: they are left out.

    >>> names_of(["Step", "Training Loss", "Validation Loss", "F1 Macro", "Runtime"])
    ['step', 'loss', 'eval_loss', 'eval_f1_macro', '']
    >>> names_of(["Step", "Training Loss", "reward"]), names_of(["Step", "Loss"])
    (['step', 'loss', ''], None)
    """
    plain = [" ".join(name.lower().replace("_", " ").split()) for name in header]
    if not {"step", "epoch"} & set(plain) or not set(plain) & {*_TRAIN, *_DEV}:
        return None
    evaluates = any(name in _DEV for name in plain)
    names = []
    for name in plain:
        words = name.replace(" ", "_")
        if name in ("step", "epoch"):
            names.append(name)
        elif name in _TRAIN or name in _DEV:
            names.append("loss" if name in _TRAIN else "eval_loss")
        else:
            names.append(f"eval_{words}" if evaluates and is_metric(words) else "")
    return names


def entry_of(names: Sequence[str], row: Sequence[str]) -> Entry:
    """Return a row as an entry; `No log` is no value."""
    return Entry.of({name: value.strip() for name, value in zip(names, row, strict=False) if name})


def cells_of(line: str) -> list[str]:
    r"""Return the cells of a line: between bars, tabs, or two spaces and more.

    >>> cells_of("| Step | Training Loss |"), cells_of("Step  Training Loss"), cells_of("10\t0.5")
    (['Step', 'Training Loss'], ['Step', 'Training Loss'], ['10', '0.5'])
    """
    if "|" in line:
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    return re.split(r"\t+| {2,}", line.strip())


class ProgressTable:
    """Tables of progress as text: a model card, or what was copied from a notebook."""

    suffixes: tuple[str, ...] = ()

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether such a table stands among its lines."""
        return bool(tables_in(enumerate(decoded(head, errors="replace").split("\n"), 1)))

    def read(self, path: Path) -> Imported:
        """Return a run a table.

        Raises:
            DataError: it cannot be read, or holds no table.
        """
        collected = tables_in(raw_lines(chunks_of(path)))
        if not collected:
            raise DataError(f"a table of progress has Step or Epoch and losses: got none in {checked.file_name(path)}")
        runs = tuple(each.run(f"run in line {each.line}" if len(collected) > 1 else "") for each in collected)
        return Imported(runs, shared_settings([run.settings for run in runs]))


def tables_in(lines: Iterable[tuple[int, str]]) -> list[Collected]:
    """Return the runs of the tables that stand in lines, each with the settings that were told since the one before."""
    collected: list[Collected] = []
    settings: dict[str, str] = {}
    names: list[str] | None = None
    for number, line in lines:
        line = line[:MAX_LINE].rstrip()
        if _is_head(line):
            names = names_of(cells_of(line))
            if len(collected) < MAX_RUNS:
                collected.append(Collected(number, settings=settings))
            settings = {}
        elif names is not None and collected:
            if _RULE.fullmatch(line):
                continue
            cells = cells_of(line)
            if len(cells) == len(names) + 1 and checked.count(cells[0]) is not None:  # pandas numbers its rows
                cells = cells[1:]
            entry = entry_of(names, cells)
            if len(cells) != len(names) or not entry.splits:
                names = None
            else:
                collected[-1].add(entry, number)
        else:
            settings |= setting_alone(line)
            if "--" in line and (told := settings_in(line)):
                settings |= {name: value for name, value in told.items() if is_setting(name)}
    return [each for each in collected if each.logged]


def _is_head(line: str) -> bool:
    return "oss" in line and len(line) < MAX_LINE and names_of(cells_of(line)) is not None
