"""Range tests: where to look for a learning rate, and short complete runs inside what was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lrscope.config import FindConfig, StudyConfig, SweepConfig
from lrscope.config.command_line import CommandLine, resume
from lrscope.config.find import SEEDS
from lrscope.config.read import built_in
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig
from lrscope.files import write_text
from lrscope.findings.commands import next_sweep
from lrscope.number_text import short_rate
from lrscope.priors.of_study import prior_of
from lrscope.priors.prior import LEVEL, Prior
from lrscope.priors.range_tests import read_range_tests
from lrscope.range_test.result import RangeTestResult
from lrscope.runs.import_range_test import read_result
from lrscope.runs.import_study import read_study
from lrscope.statistics.confirmation import Confirmed, confirm, rates_within
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies import session
from lrscope.studies.interim_looks import conclude
from lrscope.studies.same_settings import INPUT_PATHS, require_same_settings
from lrscope.studies.session import Study
from lrscope.visible_text import paragraphs, visible
from lrscope.workflows.callbacks import Callbacks, Note
from lrscope.workflows.run_study import run_study

PICTURE, DATA, CONFIRM = "range-test.png", "range-test.json", "confirm"


@dataclass(frozen=True)
class Confirmation:
    """Short complete runs inside the bracket: how many epochs, at how many rates and seeds.

    >>> Confirmation(1, num_rates=1)
    Traceback (most recent call last):
    lrscope.errors.ConfigError: --confirm-rates are at least 2 and --confirm-seeds at least 1: got 1 and 2
    """

    epochs: int
    num_rates: int = 5
    num_seeds: int = 2

    @property
    def options(self) -> dict[str, Any]:
        """The options of `lrscope find` that ask for it."""
        return {"confirm": f"{self.epochs}ep", "confirm_rates": self.num_rates, "confirm_seeds": self.num_seeds}

    def __post_init__(self) -> None:
        if self.num_rates < 2 or self.num_seeds < 1:
            raise ConfigError(
                "--confirm-rates are at least 2 and --confirm-seeds at least 1: got "
                f"{self.num_rates} and {self.num_seeds}"
            )


class NoRateError(ConfigError):
    """The curves of a range test have no answer."""


@dataclass(frozen=True, eq=False, repr=False)
class FindResult:
    """What range tests found: `test` holds the curves and the bracket, `confirmed` what runs inside it show.

    `next_command` is None where there is no bracket. `prior` is what was known before; None where it is too wide.
    """

    folder: Path
    test: RangeTestResult
    next_command: CommandLine | None
    confirmed: Confirmed | None = None
    prior: Prior | None = None

    @property
    def rate(self) -> float | None:
        """The rate to use: the confirmed one, or the middle of the bracket."""
        if self.confirmed is not None:
            return self.confirmed.rate
        bracket = self.test.bracket
        return None if bracket.low is None or bracket.high is None else (bracket.low * bracket.high) ** 0.5

    def plot(self, path: Path | str | None = None) -> Any:
        """Draw the range tests; return matplotlib's figure, and write it where a path is given."""
        return self.test.plot(path)

    def __repr__(self) -> str:
        return f"<{visible(str(self.folder))}: {repr(self.test)[1:-1]}>"

    def _repr_html_(self) -> str:
        confirmed = [] if self.confirmed is None else [self.confirmed.sentence]
        return self.test._repr_html_() + paragraphs([*confirmed, f"The study is in {self.folder}."])

    def rates(self, number: int) -> tuple[float, ...]:
        """Return so many rates within the bracket, evenly spaced on the logarithm; none where there is none."""
        low, high = self.test.bracket.low, self.test.bracket.high
        if low is None or high is None:
            return ()
        return tuple(float(f"{rate:.3g}") for rate in rates_within(low, high, number))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        confirmed = None
        if (c := self.confirmed) is not None:
            losses = {f"{rate:.6g}": loss for rate, loss in c.dev_loss.items()}
            confirmed = {"rate": c.rate, "among": list(c.among), "dev_loss": losses, "sentence": c.sentence}
        prior = None
        if self.prior is not None:
            told = {"start": self.prior.rate, "interval": list(self.prior.interval()), "level": LEVEL}
            prior = {**told, "sentence": read_range_tests().sentence}
        return {"study": str(self.folder), **self.test.to_dict(), "confirmed": confirmed, "prior": prior}


def range_test_study(base: StudyConfig, find: FindConfig | None = None, seeds: int = SEEDS) -> StudyConfig:
    """Return the study of range tests of a fine-tune's settings."""
    find = find or FindConfig()
    trial = replace(base.trial, peak_rate=find.end)
    sweep, sft = SweepConfig(seeds=seeds, keep="none"), base.sft.without_answers()
    return replace(base, trial=trial, find=find, sweep=sweep, sft=sft, score_test=False)


def find(
    config: StudyConfig,
    folder: Path,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    confirmation: Confirmation | None = None,
) -> FindResult:
    """Make range tests in the new `folder`, as `range_test_study` asks for them; draw and keep what they show.

    Raises:
        StudyError: the folder is not empty, or cannot be written.
        DataError, CheckpointError, ConfigError: an input or a setting cannot be used.
        Stopped: it was asked to stop.
    """
    with session.begin(config, folder) as study:
        return _find(study, executor or ExecutorConfig(), callbacks or Callbacks(), confirmation)


def resume_find(
    folder: Path,
    executor: ExecutorConfig | None = None,
    callbacks: Callbacks | None = None,
    *,
    confirmation: Confirmation | None = None,
) -> FindResult:
    """Go on with the range tests in `folder`.

    Raises:
        StudyError: there are none, another process runs them, or an input is no longer what it was.
        Stopped: it was asked to stop.
    """
    with session.resume(folder, what="find") as study:
        return _find(study, executor or ExecutorConfig(), callbacks or Callbacks(), confirmation)


def find_for(
    base: StudyConfig,
    folder: Path,
    executor: ExecutorConfig,
    callbacks: Callbacks,
    *,
    seeds: int = SEEDS,
    confirmation: Confirmation | None = None,
    resume_command: str,
) -> FindResult:
    """Find the rates for a command that goes on with them: by range tests in `folder`, or by those there already.

    Raises:
        NoRateError: the curves have no answer.
        StudyError: the range tests there are of other settings or inputs.
        Stopped: it was asked to stop.
    """
    callbacks.on_progress(Note(f"the range test is in {folder}"))
    asked = range_test_study(base, seeds=seeds)
    with _held(asked, folder, what="find") as study:
        result = _find(study, executor, callbacks, confirmation, resume_command)
    bracket, sentences = result.test.bracket, [result.test.bracket.sentence]
    if result.confirmed is not None:
        sentences.append(result.confirmed.sentence)
    if result.rate is None or bracket.low is None or bracket.high is None:
        raise NoRateError(f"the range test found no rate: {sentences[-1]}; name one with --lr")
    callbacks.on_progress(
        Note(f"search {short_rate(bracket.low)} to {short_rate(bracket.high)}: {'; '.join(sentences)}")
    )
    return result


def _held(asked: StudyConfig, folder: Path, *, what: Any) -> Any:
    """Hold the study in `folder` where one was begun with the same settings and inputs, or begin it."""
    if not (folder / DATABASE).is_file():
        return session.begin(asked, folder)
    with StudyStore.open(folder) as store:
        way_out = f"remove {folder} to begin anew, or choose another --out"
        require_same_settings(folder, store.config, asked, moved=INPUT_PATHS, way_out=way_out)
    return session.resume(folder, moved=_paths(asked), what=what)


def _paths(config: StudyConfig) -> Mapping[str, Any]:
    """Return where a study's inputs lie; their contents are compared when it is resumed."""
    data, model = config.data, config.model
    return {
        "train": data.train, "dev": data.dev, "test": data.test, "label_names": data.label_names,
        "model": model.model, "tokenizer": model.tokenizer,
    }  # fmt: skip


def _find(
    study: Study,
    executor: ExecutorConfig,
    callbacks: Callbacks,
    confirmation: Confirmation | None,
    resume_command: str = "",
) -> FindResult:
    store = study.store
    command = resume_command or str(resume("find", store.folder))
    run_study(study, executor, callbacks, resume_command=command)
    test = read_result(store)
    test.plot(store.folder / PICTURE)
    write_text(store.folder / DATA, json.dumps(test.to_dict(), indent=1) + "\n")
    bracket, confirmed, following = test.bracket, None, None
    if bracket.low is not None and bracket.high is not None:
        following = next_sweep(built_in(store.config), bracket.low, bracket.high)
        if confirmation is not None:
            again = resume_command or str(resume("find", store.folder, **confirmation.options))
            rates = rates_within(bracket.low, bracket.high, confirmation.num_rates)
            confirmed = _confirm(study, rates, confirmation, executor, callbacks, again)
    prior = prior_of(built_in(store.config), study.prepared.training_size.num_examples)
    return FindResult(store.folder, test, following, confirmed, prior if prior and prior.is_narrow else None)


def _confirm(
    study: Study,
    rates: list[float],
    confirmation: Confirmation,
    executor: ExecutorConfig,
    callbacks: Callbacks,
    resume_command: str,
) -> Confirmed:
    """Run short complete schedules at these rates, and return what dev loss says."""
    config, numerics = built_in(study.store.config), study.prepared.numerics
    # What the range test decided on holds for the runs that follow it.
    decided: Any = {"device": numerics.device, "precision": numerics.precision, "threads": numerics.threads}
    asked = replace(
        config,
        find=None,
        trial=replace(config.trial, epochs=confirmation.epochs, peak_rate=rates[0]),
        sweep=SweepConfig(grid={"peak_rate": rates}, seeds=confirmation.num_seeds, keep="none"),
        numerics=replace(config.numerics, **decided),
    )
    with _held(asked, study.store.folder / CONFIRM, what="sweep") as inner:
        run_study(inner, executor, callbacks, resume_command=resume_command)
        conclusions = conclude(read_study(inner.store, "loss"), None)
        return confirm(conclusions, confirmation.epochs, config.metric_title("loss"))
