"""What a log says of the set that its runs were evaluated on: a file among the settings, numbers of examples."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lrscope.runs.dev_set import UNKNOWN, DevSet
from lrscope.runs.importers import checked

_DEV = r"dev|development|val|valid|validation|eval|evaluation"
_SETTING = re.compile(
    rf"^(?:path_?to_?)?(?:{_DEV})(?:_?(?:file|files|path|data|dataset|set|dir|csv|json|split|filename))*$", re.I
)
_IN_NAME = re.compile(rf"(?:^|[^a-z])(?:{_DEV})(?:[^a-z]|$)", re.I)
_NOT_DEV = re.compile(r"(?:^|[^a-z])(?:train|training|test)(?:[^a-z]|$)", re.I)
_LONGEST = 200
_EXAMPLES = r"(?:examples|samples|sentences|instances|rows|items|images|documents|pairs|records|conversations)"
_COUNT = r"(\d{1,3}(?:,\d{3}){1,4}|\d{1,12})"
_LOADED = re.compile(
    rf"\bload(?:ed|ing)?:?\s+{_COUNT}\s+(?:[a-z]\w{{0,20}}\s+){{0,2}}(?:from|in|at)\s+(\S{{1,300}})", re.I
)
_FOLD = re.compile(
    r"^\W{0,40}(?:(?:train|training|start|starting|begin|run|running|cv|k)\W{1,5}){0,2}fold\W{0,5}(\d{1,6})"
    r"(?:\s*(?:/|of)\s*\d{1,6})?(?:\W{1,5}(?:train|training|start|started|starts|begin|begins|results?))?\W{0,40}$",
    re.I,
)
_DATA_SET = re.compile(
    r"^\W{0,20}(?:data ?set|task)\s{0,4}[:=]\s{0,4}['\"]?([A-Za-z][\w./-]{1,60})['\"]?\W{0,20}$", re.I
)
_SET = r"(?:set|data|dataset|split)"
_NUMBERED = (
    re.compile(rf"\b(?:{_DEV})[ _]?{_SET}?(?: size)?\s*[:=]\s*{_COUNT}\s+{_EXAMPLES}\b", re.I),
    re.compile(rf"\b(?:{_DEV})[ _](?:{_SET}|{_EXAMPLES})(?:[ _]size)?\s*[:=]\s*{_COUNT}\s*{_EXAMPLES}?$", re.I),
    re.compile(rf"\bnum(?:ber)?[ _](?:of[ _])?(?:{_DEV})[ _]{_EXAMPLES}\s*[:=]\s*{_COUNT}$", re.I),
    re.compile(rf"(?<![\w.,]){_COUNT}\s+(?:{_DEV})\s+{_EXAMPLES}\b", re.I),
    re.compile(rf"\bvalidate on {_COUNT} samples\b", re.I),
)  # fmt: skip


def dev_set_of(settings: Mapping[str, str]) -> DevSet:
    """Return the evaluation set that settings name.

    >>> dev_set_of({"train": "a.txt", "dev": "data/sst-dev.txt"}), dev_set_of({"eval": "True", "val": "0.1"})
    (DevSet(name='data/sst-dev.txt', low=None, high=None), DevSet(name='', low=None, high=None))
    """
    for name, value in settings.items():
        if (
            _SETTING.match(name)
            and re.search(r"[A-Za-z]{2}", value)
            and value.lower() not in ("true", "false", "none", "null")
        ):
            return DevSet(value)
    return UNKNOWN


def dev_set_in(line: str, known: DevSet = UNKNOWN) -> DevSet:
    """Return the evaluation set that a line of a log tells of; one of a file that is `known` as that set.

    >>> dev_set_in("load 1101 data from data/sst-dev.txt"), dev_set_in("load 2210 data from data/sst-test.txt").low
    (DevSet(name='data/sst-dev.txt', low=1101, high=1101), None)
    >>> dev_set_in("Validation set: 1,000 examples").low, dev_set_in("dev acc: 3").low
    (1000, None)
    >>> dev_set_in("===== Fold 2/5 =====").name, dev_set_in("== fold: 2 training ==").name
    ('fold 2', 'fold 2')
    >>> dev_set_in("Dataset: sst2").name, dev_set_in("set: 3").name
    ('sst2', '')
    """
    if (of_run := set_of_run(line)) is not None:
        return of_run
    lower = line.lower()
    if not ("load" in lower or "dev" in lower or "val" in lower):
        return UNKNOWN
    if (match := _LOADED.search(line)) is not None:
        found = DevSet(match[2].strip("'\"`,;()"), *_both(match[1]))
        is_known = bool(known.name) and not DevSet(known.name).contradicts(DevSet(found.name))
        of_dev = _IN_NAME.search(_file(found.name)) and not _NOT_DEV.search(_file(found.name))
        return found if is_known or of_dev else UNKNOWN
    for pattern in _NUMBERED:
        if (match := pattern.search(line)) is not None:
            return DevSet("", *_both(match[1]))
    return UNKNOWN


def set_of_run(line: str) -> DevSet | None:
    """Return the fold, or the data set, that a line of its own names for the run under it; None where it names none."""
    lower = line[:_LONGEST].lower()
    if "fold" in lower and (match := _FOLD.match(line)) is not None:
        return DevSet(f"fold {int(match[1])}")
    if ("set" in lower or "task" in lower) and (match := _DATA_SET.match(line)) is not None:
        return DevSet(match[1])
    return None


def _file(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def _both(number: str) -> tuple[int | None, int | None]:
    size = checked.count(number.replace(",", ""))
    return size, size
