"""`lrscope report`: what a study's runs carry, as a page, as Markdown, and in the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lrscope.cli import options as opt
from lrscope.cli.output import echo, print_json, table_lines
from lrscope.errors import ConfigError
from lrscope.statistics.defaults import MARGIN

if TYPE_CHECKING:
    from lrscope.report.document import Document
    from lrscope.report.locales import Locale
    from lrscope.statistics.conclusions import Conclusions


def report(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="A study's folder, console logs, trainer_state.json files, or tables.",
            metavar="SOURCE...",
            show_default=False,
        ),
    ],
    lang: opt.Lang = "en",
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric", help="Metric of dev to compare by [the study's own].", metavar="NAME", show_default=False
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option("--margin", help="A difference that matters, in the metric's own units.", metavar="X")
    ] = MARGIN,
    best_epoch: Annotated[
        bool,
        typer.Option("--best-epoch", help="Judge runs at their best epoch on dev, and pay for that choice."),
    ] = False,
    seed_sd: Annotated[
        float | None,
        typer.Option(
            "--seed-sd", help="Spread over seeds to assume where each arm has one [0.014 for shares].", metavar="X"
        ),
    ] = None,
    dev_size: Annotated[
        int | None, typer.Option("--dev-size", help="Sentences of dev, for logs that do not say.", metavar="N")
    ] = None,
    test_size: Annotated[
        int | None, typer.Option("--test-size", help="Sentences of test, for logs that do not say.", metavar="N")
    ] = None,
    open_test: Annotated[
        str | None,
        typer.Option(
            "--open-test",
            help="Score the sealed test predictions of the chosen arm, or of all; it is recorded.",
            metavar="[all]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the report [the study's own].", metavar="FOLDER", show_default=False),
    ] = None,
    json: opt.Json = False,
) -> int:
    """Say what the runs carry: which arms may be the best, a choice, findings, advice; as report.html and report.md.

    Example:

      lrscope report runs/sweep

      lrscope report training.log --dev-size 1101 --lang zh --out runs/imported
    """
    from lrscope.report.locales import locale

    for name, value in (("--margin", margin), ("--seed-sd", seed_sd)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{name} is a positive number: got {value:g}")
    sizes = {name: size for name, size in (("dev", dev_size), ("test", test_size)) if size is not None}
    for name, size in sizes.items():
        if size < 1:
            raise ConfigError(f"--{name}-size is a number of sentences: got {size}")
    if out is not None and out.is_file():
        raise ConfigError(f"a report is written into a folder: {out} is a file; name another with --out")
    language = locale(lang)
    if best_epoch and open_test is not None:
        raise ConfigError("test predictions are of the end of training: got --open-test with --best-epoch; take one")

    def conclude() -> Conclusions:
        return concluded(sources, sizes, margin, seed_sd, metric, best_epoch=best_epoch)

    conclusions = conclude()
    if open_test is not None:
        open_sealed(sources, conclusions, open_test)
        conclusions = conclude()
    own = Path("runs") / f"report-{datetime.now():%Y%m%d-%H%M%S}"
    folder = out or (own if conclusions.runs.is_imported else sources[0])
    from lrscope.report.document import document
    from lrscope.report.files import write_report

    doc = document(conclusions)
    written = write_report(doc, language, folder)
    if json:
        print_json({"report": str(written[0]), **as_values(conclusions)})
        return 0
    print_summary(doc, language)
    echo(f"{written[0].name} and {written[1].name} are in {folder}")
    return 0


def concluded(
    sources: list[Path],
    sizes: dict[str, int],
    margin: float,
    seed_sd: float | None,
    metric: str | None = None,
    *,
    best_epoch: bool = False,
) -> Conclusions:
    """Return the conclusions from sources, at the error of the last planned look where there are any."""
    from lrscope.runs.sources import read_runs
    from lrscope.statistics.conclusions import Conclusions
    from lrscope.studies.interim_looks import read_looks

    looks = read_looks(sources[0])
    return Conclusions(
        read_runs(sources, sizes, metric, at_best=best_epoch),
        margin,
        seed_sd,
        looks=() if looks is None else looks.so_far,
    )


def write_and_say(
    folder: Path, margin: float = MARGIN, *, lang: str = "en", quiet: bool = False
) -> tuple[Conclusions, Path]:
    """Write the report of a study that has just ended, and say the answer; return its conclusions and its page."""
    from lrscope.report.document import document
    from lrscope.report.files import write_report
    from lrscope.report.locales import locale
    from lrscope.report.wording import Wording

    conclusions, language = concluded([folder], {}, margin, None), locale(lang)
    doc = document(conclusions)
    wording = Wording(language, doc.metric)
    written = write_report(doc, language, folder)
    if not quiet:
        for sentence in wording.answer(doc):
            echo(sentence)
        echo(f"the report is {written[0]}")
    return conclusions, written[0]


def open_sealed(sources: list[Path], conclusions: Conclusions, which: str) -> None:
    """Store the choice, then open the test scores of the chosen arm's trials, or of all."""
    from lrscope.config.arms import arm_key
    from lrscope.store.lock import study_lock
    from lrscope.store.study import StudyStore
    from lrscope.studies.sealed_test import chosen_rows, open_test, store_choice

    if which not in ("chosen", "all"):
        raise ConfigError(
            f"--open-test opens the chosen arm's test scores, --open-test all those of all: got {which!r}"
        )
    if conclusions.runs.is_imported:
        raise ConfigError("--open-test is for a study of lrscope: what was imported has no sealed test scores")
    folder = sources[0]
    with study_lock(folder), StudyStore.open(folder) as store:
        chosen = as_values(conclusions)["choice"]
        config = arm_key(conclusions.runs.configs[chosen["first"]]).to_dict()
        choice = store_choice(folder, {**chosen, "config": config})
        rows = store.trials() if which == "all" else chosen_rows(store, choice)
        number = open_test(store, rows, f"report --open-test {which}")
    opened = f"opened the test scores of {number} trials" if number else "these test scores were open already"
    echo(f"{opened}; {choice['first']} was chosen {choice['chosen']}", err=True)


def with_value(arguments: Sequence[str]) -> list[str]:
    """Give `--open-test` its value where it has none.

    >>> with_value(["report", "s", "--open-test"]), with_value(["report", "s", "--open-test", "all"])
    (['report', 's', '--open-test=chosen'], ['report', 's', '--open-test=all'])
    """
    found: list[str] = []
    for argument in arguments:
        if found and found[-1] == "--open-test=chosen" and argument == "all":
            found[-1] = "--open-test=all"
        else:
            found.append("--open-test=chosen" if argument in ("--open-test", "--open_test") else argument)
    return found


def print_summary(doc: Document, language: Locale) -> None:
    """Print the answer and the table."""
    from lrscope.report.wording import Wording

    w = Wording(language, doc.metric)
    for sentence in w.answer(doc):
        echo(sentence)
    shown = [place for place, column in enumerate(doc.columns) if column != "gap"]  # its interval is in the report
    heads = [w.word(doc.columns[place]) for place in shown]
    rows = []
    for row in doc.rows:
        cells = [w.text(row.cells[place].value) for place in shown]
        rows.append([*cells[:-1], f"{cells[-1]}{language.comma}{w.word(row.mark)}" if row.mark else cells[-1]])
    echo("\n".join(table_lines(heads, rows)))


def as_values(c: Conclusions) -> dict[str, Any]:
    """Return everything that is concluded as plain values."""
    from lrscope.findings.advice import advice
    from lrscope.findings.findings import findings
    from lrscope.runs.statement import as_plain

    found = findings(c)
    metric = c.runs.metric
    left = c.verdict.contenders
    return {
        "source": c.runs.source,
        "metric": {"name": metric.name, "direction": metric.direction},
        "runs": [
            {
                "arm": run.arm, "seed": run.seed, "rate": run.rate, "status": run.status,
                "epochs": [{"step": point.step, "epoch": point.epoch, **point.splits} for point in run.points],
                "final": run.final,
            }
            for run in c.runs.runs
        ],
        "arms": [
            {
                "name": arm.name, "rate": arm.rate, "value": _plain(arm.value), "sd": _plain(arm.sd),
                "verdict": arm.standing, "beaten_by": arm.beaten_by,
                "diverged": arm.num_diverged, "failed": arm.num_failed,
            }
            for arm in c.arms
        ],
        "contenders": [c.evidence.names[arm] for arm in left],
        "choice": {
            "first": c.arms[c.choice.first].name,
            "second": None if c.choice.second is None else c.arms[c.choice.second].name,
            "is_default": c.choice.is_default,
            "optimism": c.optimism,
            "metric": metric.name,
            "at": "best epoch" if c.runs.at_best else "end",
        },
        "pairs": [
            {**asdict(pair), "first": c.evidence.names[pair.first], "second": c.evidence.names[pair.second]}
            for pair in c.verdict.against_best()
        ],
        "findings": [as_plain(finding) for finding in found],
        "advice": [
            {
                **as_plain(each.suggestion), "because": each.because.kind, "command": each.command,
                "minutes": _plain(each.minutes),
            }
            for each in advice(c, found)
        ],
        "unread": [{"line": number, "text": text} for number, text in c.runs.unread],
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None
