"""`lrscope report`: what runs show, as a page, as Markdown, and in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lrscope.cli import options as opt
from lrscope.number_text import counted
from lrscope.terminal.output import echo, print_json, print_table

if TYPE_CHECKING:
    from lrscope.report.document import Document
    from lrscope.report.locales import Locale
    from lrscope.workflows.report import ReportResult


def report(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="A study's folder; or records of runs: folders that hold some, logs, tables, databases.",
            metavar="SOURCE...",
            show_default=False,
        ),
    ],
    lang: opt.Lang = "en",
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="Dev metric to compare by [default: the study's own].", metavar="NAME", show_default=False
        ),
    ] = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="A smaller value of the metric is better.")] = False,
    maximize: Annotated[bool, typer.Option("--maximize", help="A larger value of the metric is better.")] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            help="Smallest difference you care about, in units of the metric [default: 0.02, or what was planned].",
            metavar="X",
            show_default=False,
        ),
    ] = None,
    best_epoch: Annotated[
        bool,
        typer.Option("--best-epoch", help="Compare best epochs, with a correction for picking the best."),
    ] = False,
    seed_sd: Annotated[
        float | None,
        typer.Option(
            "--seed-sd",
            help="Standard deviation over seeds to assume where each setting ran at one "
            "[default: 0.014 for metrics from 0 to 1].",
            metavar="X",
        ),
    ] = None,
    dev_size: Annotated[
        int | None, typer.Option("--dev-size", help="Number of dev examples, where the logs do not say.", metavar="N")
    ] = None,
    test_size: Annotated[
        int | None, typer.Option("--test-size", help="Number of test examples, where the logs do not say.", metavar="N")
    ] = None,
    arm_from: Annotated[
        str | None,
        typer.Option(
            "--arm-from",
            help="Where to take settings from that records do not name: names of folders and files, or configurations "
            "beside them.",
            metavar="path|config",
            show_default=False,
        ),
    ] = None,
    open_test: Annotated[
        str | None,
        typer.Option(
            "--open-test",
            help="Score the sealed test predictions of the recommended setting, or of all; it is recorded.",
            metavar="[all]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for the report [default: the study's own; of logs a new one in runs].",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    json: opt.Json = False,
) -> int:
    """Report which settings may be best, and why: the verdict, findings, advice; as report.html and report.md.

    Example:

      lrscope report runs/sweep

      lrscope report training.log --dev-size 1101 --lang zh --out runs/imported
    """
    from lrscope.json_text import with_schema
    from lrscope.terminal import live
    from lrscope.workflows.conclusions import ReportConfig
    from lrscope.workflows.report import reports
    from lrscope.workflows.report_values import REPORT

    direction = opt.one_direction(minimize=minimize, maximize=maximize)
    config = ReportConfig(
        metric=metric, direction=direction, margin=margin, seed_sd=seed_sd, best_epoch=best_epoch, dev_size=dev_size,
        test_size=test_size, arm_from=arm_from,
    )  # fmt: skip
    with live.shown(quiet=json) as callbacks:
        results = reports(sources, config, lang=lang, folder=out, open_test=open_test, callbacks=callbacks)
    for note in dict.fromkeys(note for result in results for note in result.notes):
        echo(f"note: {note}", err=True)
    if (opened := results[0].opened) is not None:
        scores = f"opened the test scores of {counted(opened.num_trials, 'trial')}"
        choice = f"{opened.choice.first} was chosen {opened.choice.chosen}"
        echo(f"{scores if opened.num_trials else 'these test scores were open already'}; {choice}", err=True)
    if json:
        values = [result.values for result in results]
        if len(values) == 1:
            print_json(REPORT, values[0])
        else:
            print_json("reports/1", {"comparisons": [with_schema(REPORT, each) for each in values]})
        return 0
    if len(results) > 1:
        sets = [str(result.conclusions.runs.dev_set) for result in results]
        echo(results[0].language.words["several-dev-sets"].format(sets="; ".join(sets)))
    for result in results:
        if len(results) > 1:
            echo("\n" + result.language.words["on-dev-set"].format(dev_set=result.conclusions.runs.dev_set))
        print_summary(result.document, result.language)
        files = {"page": result.page.name, "text": result.text.name, "folder": result.page.parent}
        echo(result.language.words["written"].format(**files))
    return 0


def print_answer(result: ReportResult) -> None:
    """Print what a report that was just written concludes, and where it is."""
    from lrscope.report.wording import Wording

    wording = Wording(result.language, result.document.metric)
    echo("\n".join(wording.answer(result.document.answer)))
    echo(wording.word("report-at", page=result.page))


def with_value(arguments: Sequence[str]) -> list[str]:
    """Give `--open-test` its value where it has none.

    >>> with_value(["report", "s", "--open-test"]), with_value(["report", "s", "--open-test", "all"])
    (['report', 's', '--open-test=chosen'], ['report', 's', '--open-test=all'])
    """
    words: list[str] = []
    for argument in arguments:
        if words and words[-1] == "--open-test=chosen" and argument == "all":
            words[-1] = "--open-test=all"
        else:
            words.append("--open-test=chosen" if argument in ("--open-test", "--open_test") else argument)
    return words


def print_summary(doc: Document, language: Locale) -> None:
    """Print the answer and the table, in which long names of settings are short; of one run its check-up."""
    from lrscope.report.short_names import short_names
    from lrscope.report.wording import Wording
    from lrscope.runs.quantities import Setting

    w = Wording(language, doc.metric)
    echo("\n".join(w.answer(doc.head)))
    _print_list(w.word("checkup"), [w.sentence(each) for each in doc.checkup if each not in doc.head])
    # Intervals and times are in the report.
    shown = [place for place, column in enumerate(doc.columns) if column not in ("gap", "gap-that-ran", "time")]
    heads = [w.word(doc.columns[place]) for place in shown]
    named = [w.text(row.cells[0].value) for row in doc.rows if isinstance(row.cells[0].value, Setting)]
    shared, short = short_names(named)
    if shared:  # what stands in the table are the dots
        echo(f"{heads[0]}: …, {shared}")
    by_name = dict(zip(named, short, strict=True))
    rows = []
    for row in doc.rows:
        cells = [w.text(row.cells[place].value) for place in shown]
        cells[0] = by_name.get(cells[0], cells[0])
        rows.append([*cells[:-1], f"{cells[-1]}{language.comma}{w.word(row.mark)}" if row.mark else cells[-1]])
    print_table(heads, rows)
    if not doc.checkup and doc.advice:
        echo(w.next_step(doc))
        if doc.advice[0].command is not None:
            echo(f"  {doc.advice[0].command}")
    if doc.checkup:
        _print_list(w.word("advice"), [w.sentence(each.suggestion) for each in doc.advice])


def _print_list(heading: str, sentences: Sequence[str]) -> None:
    if sentences:
        echo(f"{heading}:")
    for sentence in sentences:
        echo(f"- {sentence}")
