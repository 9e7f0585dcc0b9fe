"""Optuna's storage as an SQLite file: a trial is a run, its intermediate values the curve, its study the comparison."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lrscope.errors import DataError
from lrscope.number_text import format_number, format_rate
from lrscope.records import EvaluationRecord, Metric, Status
from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.history import run_of
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.configuration import Configuration, configuration_of
from lrscope.runs.importers.databases import opened, tables_of
from lrscope.runs.run import Run
from lrscope.runs.settings import shared_settings, without_split

TABLES = frozenset({"studies", "study_directions", "trials", "trial_params", "trial_values", "version_info"})
SCHEMA = 12  # of Optuna 3 to 5; its migrations within it changed no column that is read here
OBJECTIVE = "objective"
MAX_TRIALS = 20_000
_ENDINGS: Mapping[str, Status] = {"COMPLETE": "completed", "PRUNED": "interrupted", "FAIL": "failed"}


class OptunaStorage:
    """One run a trial."""

    suffixes: tuple[str, ...] = (".db",)

    def claims(self, path: Path, head: bytes) -> bool:
        """Return whether it is a database with the tables of Optuna."""
        return tables_of(path, head) >= TABLES

    def read(self, path: Path) -> Imported:
        """Return the runs of all studies in a storage. What a study optimizes is its metric, and its own dev set.

        Raises:
            DataError: it is damaged, of another version, without a finished trial, or its studies differ in what is
                better.
        """
        with opened(path) as database:
            _require_schema(database, path)
            studies = [study for study in _studies(database) if study.trials]
        if not studies:
            raise DataError(f"a storage of Optuna has studies with trials: got none in {checked.file_name(path)}")
        if len({tuple(study.metrics) for study in studies}) > 1:
            for study in studies:  # a name that only some of them give tells them apart no further
                study.metrics = [metric._replace(name=OBJECTIVE) for metric in study.metrics[:1]] + study.metrics[1:]
        metrics = {tuple(study.metrics) for study in studies}
        if len(metrics) > 1:
            each = "; ".join(f"{study.name} ({', '.join(map(_said, study.metrics))})" for study in studies)
            raise DataError(
                f"runs are compared by one metric: got studies of several in {checked.file_name(path)}: {each}; export "
                f"one: optuna trials --storage sqlite:///{path.name} --study-name NAME -f csv"
            )
        runs = tuple(run for study in studies for run in study.runs(is_alone=len(studies) == 1))
        (measured,) = metrics
        return Imported(
            runs, shared_settings([run.settings for run in runs]), metric=measured[0] if len(measured) == 1 else None
        )


def _said(metric: Metric) -> str:
    return f"{metric.direction} {metric.name}"


@dataclass
class _Trial:
    number: int
    state: str
    seconds: float
    params: dict[str, Any] = field(default_factory=dict)
    values: dict[int, float] = field(default_factory=dict)  # by objective
    curve: dict[int, float] = field(default_factory=dict)  # by step

    @property
    def configuration(self) -> Configuration:
        return configuration_of(self.params)


@dataclass
class _Study:
    name: str
    metrics: list[Metric]
    trials: list[_Trial]

    def runs(self, *, is_alone: bool) -> list[Run]:
        """Return its trials as runs; the value that the study compares by stands at the end of each curve."""
        varied = [name for name in _names(self.trials) if len({str(each.params.get(name)) for each in self.trials}) > 1]
        short = {each.number: _arm(each, varied, digits=4) for each in self.trials}
        if len(set(short.values())) < len({_arm(each, varied) for each in self.trials}):
            short = {each.number: _arm(each, varied) for each in self.trials}
        has_own_end = any(
            each.state == "COMPLETE" and each.curve and not _is(each.curve[max(each.curve)], each.values.get(0))
            for each in self.trials
        )
        dev_set = UNKNOWN if is_alone else DevSet(self.name)
        return [self._run(each, short[each.number], dev_set, has_own_end=has_own_end) for each in self.trials]

    def _run(self, trial: _Trial, arm: str, dev_set: DevSet, *, has_own_end: bool) -> Run:
        first = self.metrics[0].name
        records = [
            EvaluationRecord(step, math.nan, "dev", {first: value}, 0.0) for step, value in sorted(trial.curve.items())
        ]
        final = {self.metrics[place].name: value for place, value in trial.values.items() if place < len(self.metrics)}
        if final and trial.state == "COMPLETE" and (has_own_end or not records or len(self.metrics) > 1):
            last = records[-1].step if records else 0
            records.append(EvaluationRecord(last + 1, math.nan, "dev", final, 0.0))
        told = trial.configuration.told(
            name=arm, status=_ENDINGS.get(trial.state, "interrupted"), seconds=trial.seconds, dev_set=dev_set,
            reason="pruned" if trial.state == "PRUNED" else "", total_steps=math.nan, total_epochs=math.nan,
            settings={**trial.configuration.settings, **_own(trial)}, names_all_settings=True,
            is_summed_up=not trial.curve,
        )  # fmt: skip
        return run_of(records, told, is_counted=not trial.curve)


def _is(value: float, other: float | None) -> bool:
    return other is not None and (math.isclose(value, other, rel_tol=1e-9) or (math.isnan(value) and math.isnan(other)))


def _names(trials: Iterable[_Trial]) -> list[str]:
    return list(dict.fromkeys(name for trial in trials for name in trial.params))


def _arm(trial: _Trial, varied: Sequence[str], *, digits: int = 17) -> str:
    """Return what names a trial: its rate, and what else varies in its study."""
    rate = trial.configuration.rate
    parts = [] if rate is None else [f"lr {format_rate(float(f'{rate:.{digits}g}'))}"]
    for name in varied:
        known = configuration_of({name: trial.params.get(name)})
        if known.rate is None and known.seed is None and name in trial.params:
            parts.append(f"{name} {_text(trial.params[name], digits)}")
    return ", ".join(parts) or f"trial {trial.number}"


def _own(trial: _Trial) -> dict[str, str]:
    """Return the parameters that no known setting stands for."""
    return {
        name: _text(value) for name, value in trial.params.items() if configuration_of({name: value}).is_empty
    }  # fmt: skip


def _text(value: Any, digits: int = 17) -> str:
    if isinstance(value, float) and math.isfinite(value):
        return format_number(float(f"{value:.{digits}g}"))
    return checked.text(value)[:80]


def _require_schema(database: sqlite3.Connection, path: Path) -> None:
    with closing(database.execute("select schema_version, library_version from version_info")) as found:
        version, library = found.fetchone() or (None, "")
    if version != SCHEMA:
        raise DataError(
            f"a storage of Optuna is of schema {SCHEMA}, as of Optuna 3 and later: got {checked.text(version)} of "
            f"{checked.text(library)[:20]} in {checked.file_name(path)}; run optuna storage upgrade on a copy"
        )


def _studies(database: sqlite3.Connection) -> list[_Study]:
    names = {row[0]: checked.text(row[1])[:80] for row in database.execute("select study_id, study_name from studies")}
    directions: dict[int, dict[int, str]] = {}
    for study, objective, direction in database.execute("select study_id, objective, direction from study_directions"):
        directions.setdefault(study, {})[checked.count(objective) or 0] = checked.text(direction)
    given = {
        study: _json(text)
        for study, text in database.execute(
            "select study_id, value_json from study_system_attributes where key = 'study:metric_names'"
        )
    }
    trials = _trials(database)
    return [
        _Study(name, _metrics(directions.get(study, {}), given.get(study)), trials.get(study, []))
        for study, name in names.items()
    ]


def _metrics(directions: Mapping[int, str], given: Any) -> list[Metric]:
    metrics = []
    for place in sorted(directions):
        named = given[place] if isinstance(given, list) and place < len(given) else None
        plain = OBJECTIVE if len(directions) == 1 else f"{OBJECTIVE} {place}"
        name = without_split(checked.text(named)[:80]) if isinstance(named, str) and named else plain
        metrics.append(Metric(name, "maximize" if directions[place] == "MAXIMIZE" else "minimize"))
    return metrics or [Metric(OBJECTIVE, "minimize")]


def _trials(database: sqlite3.Connection) -> dict[int, list[_Trial]]:
    """Return the trials of each study, but for those that have not begun."""
    trials: dict[int, _Trial] = {}
    by_study: dict[int, list[_Trial]] = {}
    rows = database.execute(
        "select trial_id, number, study_id, state, datetime_start, datetime_complete from trials "
        "where state != 'WAITING' order by study_id, number limit ?",
        (MAX_TRIALS,),
    )
    for trial, number, study, state, begun, ended in rows:
        trials[trial] = _Trial(checked.count(number) or 0, checked.text(state), _seconds(begun, ended))
        by_study.setdefault(study, []).append(trials[trial])
    for trial, name, value, distribution in database.execute(
        "select trial_id, param_name, param_value, distribution_json from trial_params order by param_id"
    ):
        if trial in trials:
            trials[trial].params[checked.text(name)[:80]] = _parameter(value, _json(distribution))
    for trial, objective, value, kind in database.execute(
        "select trial_id, objective, value, value_type from trial_values"
    ):
        if trial in trials:
            trials[trial].values[checked.count(objective) or 0] = _value(value, kind)
    for trial, step, value, kind in database.execute(
        "select trial_id, step, intermediate_value, intermediate_value_type from trial_intermediate_values"
    ):
        if trial in trials and (at := checked.count(step)) is not None:
            trials[trial].curve[at] = _value(value, kind)
    return by_study


def _value(value: Any, kind: Any) -> float:
    return checked.measured(value) if kind == "FINITE" else math.nan


def _parameter(value: Any, distribution: Any) -> Any:
    """Return what a parameter was: a choice is stored by its place, an integer as a float."""
    number = checked.number(value)
    if not isinstance(distribution, dict) or not math.isfinite(number):
        return value
    kind, attributes = checked.text(distribution.get("name")), distribution.get("attributes")
    if kind == "CategoricalDistribution" and isinstance(attributes, dict):
        choices = attributes.get("choices")
        in_range = isinstance(choices, list) and 0 <= number < len(choices)
        return choices[int(number)] if isinstance(choices, list) and in_range else value
    return int(number) if kind.startswith("Int") and number == int(number) else number


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def _seconds(begun: Any, ended: Any) -> float:
    try:
        return (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
    except (TypeError, ValueError):
        return math.nan
