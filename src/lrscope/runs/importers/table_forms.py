"""Forms of tables made one: a column a metric, with its split in its name.

Some have objects in their cells (W&B's API: `summary`, `config`), some a row a metric (`step,metric,value`), some a
column that says which split a row is of (`phase` is "val").
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from lrscope.runs.importers.checked import number
from lrscope.runs.importers.column_roles import EPOCHS, SPLITS_BY_NAME, STEPS, roles_of
from lrscope.runs.importers.column_values import Column, Numbers, Texts
from lrscope.runs.importers.columns import Table
from lrscope.runs.importers.filled_columns import MAX_COLUMNS, flat

METRIC_NAMES = frozenset({"metric", "metric_name", "key", "tag"})
OBJECT_NAMES = frozenset({"summary", "config", "params", "hparams", "metrics", "hyperparameters", "results"})
SPLIT_NAMES = frozenset({"split", "phase", "mode", "stage", "subset", "type", "set", "event", "data_split"})
MAX_OBJECT, MAX_METRICS = 100_000, 200  # characters of a cell that is an object, names of metrics in one column
_NO_LITERAL = re.compile(r"(?<=[:,\[ ])(-?)(nan|inf|Infinity|NaN)(?=[,}\] ])")


def plain(table: Table) -> Table:
    """Return a table with a column a metric."""
    return _by_split(_by_metric(_without_objects(table)))


def has_other_form(names: frozenset[str]) -> bool:
    """Return whether columns are those of a table that has a row a metric, or objects in its cells.

    >>> has_other_form(frozenset({"step", "metric", "value"})), has_other_form(frozenset({"step", "loss"}))
    (True, False)
    """
    lower = {name.lower() for name in names}
    is_long = bool(lower & METRIC_NAMES and "value" in lower and lower & (STEPS | EPOCHS))
    return is_long or {"summary", "config"} <= lower


def _without_objects(table: Table) -> Table:
    columns: dict[str, Column] = {}
    for name, column in table.columns.items():
        objects = _objects(column) if name.lower() in OBJECT_NAMES else None
        if objects is None:
            columns[name] = column
            continue
        parts = dict.fromkeys(part for each in objects for part in each)
        for part in list(parts)[: MAX_COLUMNS - len(columns)]:
            own = Texts.of(each.get(part) for each in objects)
            columns.setdefault(f"{name}/{part}", Texts(own.texts, own.codes[column.codes]))
    return table.part(columns)


def _objects(column: Column) -> list[Mapping[str, Any]] | None:
    """Return the objects that a column's texts spell, None where they do not."""
    texts = column.texts
    if not any(texts) or not all(text[:1] == "{" and text[-1:] == "}" for text in texts if text):
        return None
    objects = [_object(text) if text else {} for text in texts]
    return None if any(each is None for each in objects) else [flat(each or {}) for each in objects]


def _object(text: str) -> Mapping[str, Any] | None:
    if len(text) > MAX_OBJECT:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text if read is json.loads else _NO_LITERAL.sub(r"'\1\2'", text))
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, dict) else None
    return None


def _by_metric(table: Table) -> Table:
    """Return a table with a row a metric as one with a column a metric."""
    lower = {name.lower(): name for name in table.names}
    of_names = next((lower[name] for name in METRIC_NAMES if name in lower), None)
    if of_names is None or "value" not in lower or not lower.keys() & (STEPS | EPOCHS):
        return table
    named, values = table.columns[of_names], table.columns[lower["value"]]
    texts = named.texts
    if len(texts) > MAX_METRICS or all(number(text) == number(text) for text in texts if text):
        return table
    columns = {name: each for name, each in table.columns.items() if name not in (of_names, lower["value"])}
    numbers, given = table.numbers(lower["value"]), values.given
    for code, text in enumerate(texts):
        if text:
            columns.setdefault(text, Numbers(numbers, given & (named.codes == code)))
    return table.part(columns)


def _by_split(table: Table) -> Table:
    """Return a table with a column that says which split a row is of as one that names splits in front of metrics."""
    for name, column in table.columns.items():
        texts = [text.lower() for text in column.texts] if name.lower() in SPLIT_NAMES else []
        splits = {text for text in texts if text}
        if len(splits) > 1 and splits <= SPLITS_BY_NAME.keys():
            return _split_by(table, name, texts)
    return table


def _split_by(table: Table, name: str, texts: list[str]) -> Table:
    bare = roles_of(table.names).bare
    codes = table.columns[name].codes
    columns: dict[str, Column] = {}
    for each, column in table.columns.items():
        if each not in bare:
            columns.update({} if each == name else {each: column})
            continue
        numbers, given = table.numbers(each), column.given
        for split in dict.fromkeys(SPLITS_BY_NAME[text] for text in texts if text):
            own = np.array([SPLITS_BY_NAME.get(text) == split for text in texts], np.bool_)
            columns[f"{split}_{bare[each]}"] = Numbers(numbers, given & own[codes])
    return table.part(columns)
