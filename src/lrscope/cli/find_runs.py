"""Range tests made, printed and confirmed: what `find`, `finetune --lr find` and `sweep --lr auto` share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrscope.cli.interrupt import INTERRUPTED, graceful_interrupt
from lrscope.cli.output import echo, print_json, table_lines
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, build_executor, with_threads
from lrscope.files import write_text
from lrscope.findings.commands import next_sweep

if TYPE_CHECKING:
    from lrscope.config import StudyConfig
    from lrscope.range_test.result import RangeTestResult
    from lrscope.studies.session import Study

SEEDS = 5  # range tests, where nobody says how many
PICTURE, DATA, CONFIRM = "range-test.png", "range-test.json", "confirm"


@dataclass(frozen=True)
class Confirmation:
    """Short complete runs inside the bracket: how long, at how many rates and seeds."""

    epochs: int
    num_rates: int
    num_seeds: int

    @staticmethod
    def of(length: str | None, num_rates: int, num_seeds: int) -> Confirmation | None:
        """Read what the options ask for; None where no confirmation is asked for.

        Raises:
            ConfigError: it is no whole number of epochs, or there are too few rates or seeds.
        """
        if length is None:
            return None
        from lrscope.schedules import parse_duration

        duration = parse_duration(length)
        if duration.unit != "ep" or duration.value != int(duration.value) or duration.value < 1:
            raise ConfigError(f"--confirm runs complete schedules of whole epochs: got {length}; write --confirm 1ep")
        if num_rates < 2 or num_seeds < 1:
            raise ConfigError(
                f"--confirm-rates are at least 2 and --confirm-seeds at least 1: got {num_rates} and {num_seeds}"
            )
        return Confirmation(int(duration.value), num_rates, num_seeds)


def find_study(base: StudyConfig, options: Mapping[str, Any], execution: ExecutorConfig) -> StudyConfig:
    """Return the study of range tests that a fine-tune's settings and these options ask for."""
    from lrscope.config import FindConfig, SweepConfig

    given = {name: value for name, value in options.items() if value is not None}
    seeds = given.pop("seeds", SEEDS)
    given.setdefault("widen", "end" not in given)
    settings = FindConfig(**given)
    asked = replace(
        base,
        trial=replace(base.trial, peak_rate=settings.end),
        find=settings,
        sweep=SweepConfig(seeds=seeds, keep="none"),
    )
    return with_threads(asked, execution)


def drive(study: Study, execution: ExecutorConfig, confirmation: Confirmation | None, *, as_json: bool) -> int:
    """Run a study of range tests, print what it comes to, confirm where asked for; return the exit code."""
    result = run_tests(study, execution, quiet=as_json)
    if result is None:
        echo(f"stopped; go on with: lrscope find --resume {study.store.folder}", err=True)
        return INTERRUPTED
    if not as_json:
        _print(result, study)
    confirmed = None
    if confirmation is not None and result.bracket.low is not None:
        confirmed = confirm_bracket(study, result, confirmation, execution, quiet=as_json)
        if confirmed is None:
            echo(f"stopped; go on with: lrscope find --resume {study.store.folder} --confirm ...", err=True)
            return INTERRUPTED
    if as_json:
        print_json({"study": str(study.store.folder), **result.to_dict(), "confirmed": confirmed})
    elif confirmed is not None:
        echo(confirmed["sentence"])
    return 0


def run_tests(study: Study, execution: ExecutorConfig, *, quiet: bool) -> RangeTestResult | None:
    """Make the tests that are not made yet, and keep picture and data; None where Ctrl-C stopped it."""
    from lrscope.cli.find_progress import FindProgress
    from lrscope.runs.import_range_test import read_result
    from lrscope.studies.controller import Controller

    controller = Controller(study.store)
    controller.recover()
    controller.pending()  # the tests are planned before they are counted
    with graceful_interrupt(controller.stop), FindProgress(study.store, quiet=quiet) as progress:
        for event in controller.run(build_executor(execution, study.prepared)):
            progress.update(event)
    if controller.stopped:
        return None
    result = read_result(study.store)
    result.plot(study.store.folder / PICTURE)
    write_text(study.store.folder / DATA, json.dumps(result.to_dict(), indent=1) + "\n")
    return result


def _print(result: RangeTestResult, study: Study) -> None:
    def shown(rate: float | None) -> str:
        return "–" if rate is None else f"{rate:.2g}"

    seeds = [f"seed {curve.seed}" for curve in result.curves]
    if result.is_independent:
        longest = max(result.curves, key=lambda curve: len(curve.rates))
        by_rate = [
            [f"{rate:.2g}", *(f"{c.losses[place]:.4f}" if place < len(c.rates) else "–" for c in result.curves)]
            for place, rate in enumerate(longest.rates)
        ]
        echo("\n".join(table_lines(["rate", *seeds], by_rate)))
    rows = [
        [
            item.rule,
            *map(shown, item.by_seed),
            shown(item.median),
            f"{item.spread:.1f}×" if item.known else "–",
        ]
        for item in result.table
    ]
    echo("\n".join(table_lines(["rule", *seeds, "median", "spread"], rows)))
    bracket, folder = result.bracket, study.store.folder
    if bracket.low is None or bracket.high is None:
        echo(bracket.sentence)
    else:
        echo(f"largest stable rate {bracket.largest_stable:.2g}; search from {bracket.low:.2g} to {bracket.high:.2g}")
        echo(bracket.sentence)
        echo(f"next: {next_sweep(study.store.config, bracket.low, bracket.high)}")
    echo(f"{PICTURE} and {DATA} are in {folder}")


def confirm_bracket(
    study: Study, result: RangeTestResult, asked: Confirmation, execution: ExecutorConfig, *, quiet: bool
) -> dict[str, Any] | None:
    """Run short complete schedules inside the bracket; return what dev loss says, None where it was stopped."""
    from lrscope.cli.study_progress import StudyProgress
    from lrscope.config import SweepConfig
    from lrscope.runs.arm_summary import summarize
    from lrscope.statistics.confirmation import confirmed, rates_within
    from lrscope.store.storage import DATABASE
    from lrscope.studies import session
    from lrscope.studies.controller import Controller

    assert result.bracket.low is not None
    assert result.bracket.high is not None
    rates = rates_within(result.bracket.low, result.bracket.high, asked.num_rates)
    config, numerics = study.store.config, study.prepared.numerics
    # What the range test decided on holds for the runs that follow it.
    decided: Any = {"device": numerics.device, "precision": numerics.precision, "threads": numerics.threads}
    trial = replace(config.trial, epochs=asked.epochs, peak_rate=rates[0])
    sweep = SweepConfig(grid={"peak_rate": rates}, seeds=asked.num_seeds, keep="none")
    runs = replace(config, find=None, trial=trial, sweep=sweep, numerics=replace(config.numerics, **decided))
    folder = study.store.folder / CONFIRM
    held = session.resume(folder) if (folder / DATABASE).is_file() else session.begin(runs, folder)
    with held as inner:
        controller = Controller(inner.store)
        with graceful_interrupt(controller.stop), StudyProgress(inner.store, quiet=quiet) as progress:
            for event in controller.run(build_executor(execution, inner.prepared)):
                progress.update(event)
        return None if controller.stopped else confirmed(summarize(inner.store), asked.epochs)


@dataclass(frozen=True)
class Found:
    """What a range test found for a command that goes on with it: an interval, and the rate to take."""

    low: float
    high: float
    rate: float


def found(
    base: StudyConfig,
    folder: Path,
    execution: ExecutorConfig,
    confirmation: Confirmation | None,
    *,
    quiet: bool,
    seeds: int = SEEDS,
) -> Found | None:  # fmt: skip
    """Make range tests of a fine-tune's settings in a folder of their own, or go on with those there.

    Returns None where Ctrl-C stopped it; what was made is kept, and the same command goes on with it.

    Raises:
        ConfigError: the curves have no answer.
    """
    from lrscope.store.storage import DATABASE
    from lrscope.studies import session

    if not quiet:
        echo(f"the range test is in {folder}", err=True)
    begun = (folder / DATABASE).is_file()
    held = (
        session.resume(folder, what="find")
        if begun
        else session.begin(find_study(base, {"seeds": seeds}, execution), folder)
    )
    with held as study:
        result = run_tests(study, execution, quiet=quiet)
        if result is None:
            return None
        bracket = result.bracket
        if bracket.low is None or bracket.high is None:
            raise ConfigError(f"the range test found no rate: {bracket.sentence}; name one with --lr")
        rate, said = (bracket.low * bracket.high) ** 0.5, bracket.sentence
        if confirmation is not None:
            confirmed = confirm_bracket(study, result, confirmation, execution, quiet=quiet)
            if confirmed is None:
                return None
            if confirmed["rate"] is None:
                raise ConfigError(f"the range test found no rate: {confirmed['sentence']}; name one with --lr")
            rate, said = confirmed["rate"], f"{said}; {confirmed['sentence']}"
        if not quiet:
            echo(f"bracket {bracket.low:.2g} to {bracket.high:.2g}; {said}", err=True)
        return Found(bracket.low, bracket.high, float(f"{rate:.3g}"))
