"""The studies in a folder: what each compares, how it stands, what it came to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Literal

from lrscope.config import AnyStudy, StudyConfig
from lrscope.config.catalogue import title_of
from lrscope.errors import LrscopeError, StudyError
from lrscope.findings.confidence import confidence
from lrscope.number_text import format_rate, short_rate
from lrscope.report.locales import Locale, locale
from lrscope.report.wording import Wording
from lrscope.runs.folder_walk import FolderWalk
from lrscope.runs.import_range_test import read_result
from lrscope.statistics.conclusions import Conclusions
from lrscope.store.storage import DATABASE
from lrscope.store.study import StudyStore
from lrscope.studies.budget import PLAN, is_tune_folder
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.status import StudyStatus, study_status
from lrscope.workflows.study_folder import begun_study
from lrscope.workflows.sweep import MAX_ARMS

MAX_DEPTH, MAX_ENTRIES = 6, 100_000  # folders in one another, names looked at
MAX_NAMED = 3  # values of a setting

Kind = Literal["finetune", "find", "sweep", "tune"]


@dataclass(frozen=True)
class StudyAnswer:
    """What a study came to: in words, and where there is one the setting to use, its dev value, how sure that is."""

    text: str
    setting: str | None = None
    value: float | None = None
    confidence: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListedStudy:
    """One study. `problem` says why it cannot be read, where it cannot; then the rest is not known.

    `question` is what it compares, `begun` and `changed` when.
    """

    folder: Path
    name: str
    kind: Kind | None = None
    question: str = ""
    state: str = ""
    metric: str = ""
    answer: StudyAnswer | None = None
    begun: datetime | None = None
    changed: datetime | None = None
    status: StudyStatus | None = None
    problem: str = ""


def list_studies(folder: Path, lang: str = "en") -> list[ListedStudy]:
    """Return the studies in a folder, the newest first, in words of a language; what tune made is one study.

    Raises:
        ConfigError: there is no such language.
        StudyError: there is no such folder, or no study in it.
    """
    if not folder.is_dir():
        raise StudyError(f"studies are listed in a folder: there is no {folder}; name the one that --out was in")
    found = [_listed(path, folder, locale(lang)) for path in study_folders(folder)]
    if not found:
        raise StudyError(
            f"no study is in {folder}: none of its folders has a {DATABASE}; name the one that --out was in"
        )
    never = datetime.fromtimestamp(0, UTC)
    return sorted(found, key=lambda study: study.begun or study.changed or never, reverse=True)


def study_folders(folder: Path) -> list[Path]:
    """Return the folders of studies, each once; those of one tune under its own."""
    if (folder / DATABASE).is_file() or is_tune_folder(folder):
        return [folder]
    walk = FolderWalk(folder, MAX_DEPTH, MAX_ENTRIES, not_below=DATABASE, skips_hidden=True)
    of_tune = dict.fromkeys(path.parent for path in walk.files() if path.name == PLAN)
    return [*of_tune, *(path for path in walk.skipped if path.parent not in of_tune)]


def _listed(folder: Path, top: Path, language: Locale) -> ListedStudy:
    name = folder.resolve().name if folder == top else folder.relative_to(top).as_posix()
    changed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    try:
        home = begun_study(folder)
        changed = datetime.fromtimestamp((home / DATABASE).stat().st_mtime, UTC)
        status = study_status(folder)
        with StudyStore.open(home) as store:
            config, metric, begun = store.config, store.config.metric_title(store.metric.name), _time(store.created)
        kind, w = "tune" if is_tune_folder(folder) else status.kind, Wording(language, metric)
        return ListedStudy(
            folder=folder, name=name, kind=kind, question=question(config, kind, w), state=_state(status, w),
            metric=metric, answer=_answer(home, status, w), begun=begun, changed=changed, status=status,
        )  # fmt: skip
    except (LrscopeError, OSError) as error:
        return ListedStudy(folder=folder, name=name, changed=changed, problem=str(error))


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def question(config: AnyStudy, kind: str, w: Wording) -> str:
    """Return what a study compares, of what."""
    of = _subject(config)
    if kind in ("find", "tune"):
        return w.word("asks-range" if kind == "find" else "asks-budget", of=of)
    grid: Mapping[str, Any] = {} if config.sweep is None else config.sweep.grid
    each = [f"{title_of(name)} {_values(name, values, w)}" for name, values in grid.items() if len(values) > 1]
    compared = " × ".join(each or [f"lr {format_rate(config.trial.peak_rate)}"])
    if config.sweep is not None:
        compared = w.word("over-seeds", compared=compared, seeds=config.sweep.seeds)
    return w.word("asks-grid", compared=compared, of=of)


def _values(name: str, values: tuple[Any, ...], w: Wording) -> str:
    shown = [format_rate(each) if name == "peak_rate" else str(each) for each in values]
    if len(shown) > MAX_NAMED:
        return f"{shown[0]} … {shown[-1]} ({len(shown)})"
    return (w.word("or") if any("," in each for each in shown) else ",").join(shown)


def _subject(config: AnyStudy) -> str:
    """Return what is trained, on what; of a command that is the script in it, else its first word."""
    named = config.inputs_named
    if isinstance(config, StudyConfig):
        return f"{PurePath(named['model']).name}, {PurePath(named['train']).name}"
    if "command" not in named:
        return str(named["function"])
    words = str(named["command"]).split()
    script = next((word for word in words[1:] if PurePath(word).suffix), words[0])
    return PurePath(script).name


def _state(status: StudyStatus, w: Wording) -> str:
    first = "is-running" if status.running else "is-stopped" if status.num_left else "is-done"
    told = [w.word(first)]
    told += [w.word("num-left", left=status.num_left, all=len(status.trials))] if status.num_left else []
    told += [w.word("num-failed", number=len(status.failed))] if status.failed else []
    return w.locale.comma.join(told)


def status_word(status: str, w: Wording) -> str:
    """Return how a run stands, in words of a language; as it is where that has none."""
    words = w.locale.words
    return words.get(f"is-{status.replace(' ', '-')}", words.get(status, status))


def _answer(home: Path, status: StudyStatus, w: Wording) -> StudyAnswer | None:
    """Return what a study came to so far; None where no run has ended."""
    try:
        if status.kind == "find":
            return _bracket(home, w)
        if len({trial.row.config.at(0) for trial in status.trials}) > MAX_ARMS:
            return StudyAnswer(w.word("came-to-much", runs=len(status.trials)))
        return _concluded(conclude_study(home).conclusions, w)
    except StudyError:  # no run has ended
        return None


def _bracket(home: Path, w: Wording) -> StudyAnswer:
    with StudyStore.open(home) as store:
        bracket = read_result(store).bracket
    if bracket.low is None or bracket.high is None:
        return StudyAnswer(w.word("came-to-no-range"))
    return StudyAnswer(w.word("came-to-range", low=short_rate(bracket.low), high=short_rate(bracket.high)))


def _concluded(c: Conclusions, w: Wording) -> StudyAnswer:
    first = c.arms[c.choice.first]
    value = None if math.isnan(first.value) else first.value
    if len(c.runs.runs) == 1:
        (run,) = c.runs.runs
        said = status_word(run.status, w) if value is None else w.word("value", value=f"{value:.3f}")
        return StudyAnswer(said, first.name, value)
    if c.recommended is None:
        return StudyAnswer(w.word("came-to-nothing"))
    level, _ = confidence(c)
    told = w.word(level)
    if c.follows_search:
        setting = f"lr {short_rate(c.recommended_rate or 0.0)}"
        return StudyAnswer(w.word("came-to", setting=setting, level=told), first.name, value, level)
    name = w.setting(first.name)
    said = w.word("came-to", setting=name, level=told)
    if value is not None:
        said = w.word("came-to-value", setting=name, value=f"{value:.3f}", level=told)
    return StudyAnswer(said, first.name, value, level)
