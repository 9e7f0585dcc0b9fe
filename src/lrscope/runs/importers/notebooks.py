"""Notebooks: the runs in the outputs of their cells, with settings that stand as plain values in the source above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lrscope.data.table_rows import json_value
from lrscope.errors import DataError
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported, Importer
from lrscope.runs.importers.collected import Collected
from lrscope.runs.importers.console import ConsoleLog
from lrscope.runs.importers.dictionary_log import tells
from lrscope.runs.importers.dictionary_reader import DictionaryReader
from lrscope.runs.importers.printed_dictionaries import dictionaries_in, is_measured
from lrscope.runs.importers.printed_settings import rate_of
from lrscope.runs.importers.progress_tables import of_html, tables_in
from lrscope.runs.importers.source_settings import SourceSettings, settings_of_source
from lrscope.runs.importers.text import decoded, text_of
from lrscope.runs.measured import Entry
from lrscope.runs.run import Run
from lrscope.runs.settings import RATES, shared_settings

MAX_TEXT = 1 << 24  # characters of one output that are read
# What reads printed lines that are neither dictionaries nor tables.
LINE_READERS: tuple[Importer, ...] = (ConsoleLog(),)


class Notebook:
    """A run an output of a cell."""

    suffixes: tuple[str, ...] = (".ipynb",)

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is a JSON object with cells."""
        text = decoded(head, errors="replace")
        is_named = path.suffix.lower() == ".ipynb" and text.lstrip("\ufeff \t\r\n").startswith("{")
        return is_named or (text.lstrip("\ufeff \t\r\n").startswith("{") and '"cell_type"' in text)

    def read(self, path: Path) -> Imported:
        """Return the runs of a notebook.

        Raises:
            DataError: it is no notebook, or holds no run.
        """
        shown = checked.file_name(path)
        book = json_value(text_of(path), f"a notebook is JSON: {shown} is not", "save it again, as .ipynb")
        reader = _Reader()
        for number, cell in enumerate(_cells(book), 1):
            reader.read(number, cell)
        runs = reader.finished()
        if not runs:
            raise DataError(
                f"a notebook has outputs with a training's progress: got none in {shown}; save it with its outputs"
            )
        return Imported(tuple(runs), shared_settings([run.settings for run in runs]))


class _Reader:
    def __init__(self) -> None:
        self._runs: list[tuple[int, Collected | Run]] = []  # with the number of the cell
        self._settings = SourceSettings()  # of the nearest cell that names a rate

    def read(self, number: int, cell: Mapping[str, Any]) -> None:
        """Take in a cell: its source, then what it printed."""
        source = _text(cell.get("source", cell.get("input")))
        found = settings_of_source(source) if source else SourceSettings()
        if found.names_rate:
            self._settings = found
        outputs = [each for each in _list(cell.get("outputs")) if isinstance(each, dict)]
        printed = "".join(_text(each.get("text")) for each in outputs if each.get("output_type") == "stream")
        before = len(self._runs)
        self._printed(number, printed[:MAX_TEXT])
        for output in outputs:
            data = output.get("data", output)  # version 3 has no data
            if not isinstance(data, dict) or output.get("output_type") == "stream":
                continue
            html, plain = _text(data.get("text/html", data.get("html"))), _text(data.get("text/plain"))
            if "<table" in html and len(html) <= MAX_TEXT:
                self._tables(number, html, printed_runs=len(self._runs) - before)
            elif len(plain) <= MAX_TEXT:
                self._shown(plain)

    def finished(self) -> list[Run]:
        """Return the runs; one that nothing names is called by its cell where there are several."""
        several = len(self._runs) > 1
        runs = []
        for number, each in self._runs:
            name = f"run in cell {number}" if several else ""
            run = each if isinstance(each, Run) else each.run(name)
            runs.append(run if run.arm else replace(run, arm=name))
        return runs

    def _printed(self, number: int, text: str) -> None:
        """Take in what a cell printed, by whichever reader of lines it is for."""
        if tells(text):
            for each in DictionaryReader().read(enumerate(text.split("\n"), 1)):
                if _continues(self._last, each):
                    _add_evaluations(self._last, each.logged_entries, number)
                else:
                    self._begin(number, each)
        elif tables := tables_in(enumerate(text.split("\n"), 1)):
            for each in tables:
                self._begin(number, each)
        elif text.strip():
            self._runs += [(number, self._configured(run)) for run in _of_lines(text)]

    def _tables(self, number: int, html: str, *, printed_runs: int) -> None:
        """Take in a table of progress. Where the same cell printed dictionaries, those tell the same, and more."""
        for entries, bar, epochs in of_html(html):
            facts = {} if bar is None else {"max_steps": bar.total}
            if epochs is not None:
                facts["epochs"] = epochs
            run = Collected(number, facts=facts)
            for entry in entries:
                run.add(entry, number)
            if bar is not None:
                run.see(bar)
            if len(entries) == 1 and bar is None and _continues(self._last, run):  # evaluate(), after a training
                _add_evaluations(self._last, run.logged_entries, number)
            elif run.logged and not printed_runs:
                self._begin(number, run)

    def _shown(self, text: str) -> None:
        """Take in the value of a cell: what train() or evaluate() returned, for the run before it."""
        run = self._last
        for values in dictionaries_in(" ".join(text.split())[:10_000]):
            if run is None or not is_measured(values):
                continue
            if "train_runtime" in values:
                run.end(values)
            elif "dev" in Entry.of(values).splits:
                _add_evaluations(run, [Entry.of(values)], run.line)

    @property
    def _last(self) -> Collected | None:
        last = self._runs[-1][1] if self._runs else None
        return last if isinstance(last, Collected) else None

    def _begin(self, number: int, run: Collected) -> None:
        if not run.settings:
            run.settings = dict(self._settings.told)
        self._runs.append((number, run))

    def _configured(self, run: Run) -> Run:
        """Give a run of a line reader the settings of the source, where it has none."""
        told = self._settings.told
        if run.settings or run.rate is not None:
            return run
        settings = {name: value for name, value in told.items() if name not in RATES}
        return replace(run, rate=rate_of(told), settings=settings)


def _continues(last: Collected | None, run: Collected) -> bool:
    """Whether evaluations alone belong to the training before them."""
    if last is None or any("dev" not in entry.splits for entry in run.logged_entries):
        return False
    return all(entry.epoch is None or entry.epoch >= last.last - 1e-6 for entry in run.logged_entries)


def _add_evaluations(run: Collected | None, entries: Sequence[Entry], number: int) -> None:
    """Add evaluations that were made after a training, but for those that contradict what it measured."""
    if run is None:
        return
    for entry in entries:
        dev = {split: metrics for split, metrics in entry.splits.items() if split != "train"}
        run.ended_at = entry.epoch if run.ended_at is None and entry.epoch is not None else run.ended_at
        epoch = run.last if entry.epoch is None else entry.epoch
        run.add(Entry(None, epoch, dev, entry.dev_size), number)


def _of_lines(text: str) -> Sequence[Run]:
    """Return the runs that other readers of lines find in a text."""
    head = text[: 1 << 16].encode("utf-8", "replace")
    with TemporaryDirectory(prefix="lrscope-") as folder:
        path = Path(folder) / "output.log"
        for reader in LINE_READERS:
            if reader.claims(path, head):
                path.write_bytes(text.encode("utf-8", "replace"))
                try:
                    return reader.read(path).runs
                except DataError:
                    continue
    return ()


def _cells(book: Any) -> Sequence[Mapping[str, Any]]:
    """Return the cells of a notebook of version 4, or of version 3."""
    if not isinstance(book, dict):
        return ()
    sheets = [each for each in _list(book.get("worksheets")) if isinstance(each, dict)]
    cells = [*_list(book.get("cells")), *(cell for sheet in sheets for cell in _list(sheet.get("cells")))]
    return [cell for cell in cells if isinstance(cell, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    """Return a text that may be in pieces."""
    if isinstance(value, list):
        return "".join(each for each in value if isinstance(each, str))
    return value if isinstance(value, str) else ""
