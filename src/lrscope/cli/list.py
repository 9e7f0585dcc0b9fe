"""`lrscope list`: the studies in a folder, each in a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.cells import cell_len

from lrscope.cli import options as opt
from lrscope.terminal.output import echo, print_json, room, table_lines, wrapped

if TYPE_CHECKING:
    from lrscope.report.wording import Wording
    from lrscope.workflows.study_list import ListedStudy

NAMES = ("study", "question", "state", "age", "outcome")
UNITS = (("days", 86400), ("hours", 3600), ("minutes-old", 60), ("seconds-old", 1))
NOTHING = "–"


def list(  # noqa: A001
    folder: Annotated[Path, typer.Argument(help="Folder that studies are in.", metavar="[FOLDER]")] = Path("runs"),
    lang: opt.Lang = "en",
    json: opt.Json = False,
) -> None:
    """List the studies in a folder, the newest first: what each compares, how it stands, what it came to, its age.

    Example:

      lrscope list runs
    """
    from lrscope.report.locales import locale
    from lrscope.report.wording import Wording
    from lrscope.workflows.study_list import list_studies

    studies, words = list_studies(folder, lang), Wording(locale(lang), "")
    if json:
        print_json("list/1", {"folder": str(folder), "studies": [_plain(each) for each in studies]})
        return
    now = datetime.now(UTC)
    rows = [_row(each, now, words) for each in studies]
    table, width = table_lines([words.word(name) for name in NAMES], rows, of_text=True), room()
    echo("\n".join(table if width is None or max(map(cell_len, table)) <= width else _blocks(rows, width)))


def _row(study: ListedStudy, now: datetime, words: Wording) -> tuple[str, ...]:
    age = _age(now, study.begun or study.changed, words)
    if study.problem:
        return study.name, NOTHING, words.word("is-unreadable"), age, study.problem
    answer = NOTHING if study.answer is None else study.answer.text
    return study.name, study.question, study.state, age, answer


def _age(now: datetime, then: datetime | None, words: Wording) -> str:
    """Return how long ago something was, in its largest unit."""
    if then is None:
        return NOTHING
    seconds = max(0, int((now - then).total_seconds()))
    unit, length = next((each for each in UNITS if seconds >= each[1]), UNITS[-1])
    return words.word(unit, number=seconds // length)


def _blocks(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the table for a narrow terminal: a study's name and age, below it the rest."""
    for name, asked, state, age, answer in rows:
        yield from wrapped(f"{name} ({age})", width)
        yield from wrapped("" if asked == NOTHING else asked, width, indent="  ")
        yield from wrapped(f"{state}; {answer}", width, indent="  ")


def _plain(study: ListedStudy) -> dict[str, Any]:
    answer, status = study.answer, study.status
    told = {"text": answer.text, "setting": answer.setting, "value": answer.value} if answer is not None else {}
    return {
        "name": study.name,
        "folder": str(study.folder),
        "kind": study.kind,
        "question": study.question or None,
        "state": study.state or None,
        "running": None if status is None else status.running,
        "trials": None if status is None else len(status.trials),
        "left": None if status is None else status.num_left,
        "failed": None if status is None else len(status.failed),
        "metric": study.metric or None,
        "answer": None if answer is None else {**told, "confidence": answer.confidence},
        "begun": None if study.begun is None else study.begun.isoformat(),
        "changed": None if study.changed is None else study.changed.isoformat(timespec="seconds"),
        "problem": study.problem or None,
    }
