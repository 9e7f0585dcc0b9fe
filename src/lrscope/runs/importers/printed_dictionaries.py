"""Dictionaries in printed lines: what Trainer, TRL, Axolotl and loops of one's own print of a step or an evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_PAIRS = 1000  # of one dictionary
MAX_NESTED = 5  # dictionaries in one another; what nests deeper says nothing
# Where a dictionary begins. One that was cut has no end.
_BEGIN = re.compile(r"""\{\s*(?=['"])""")
_FLAT = re.compile(r"""\{\s*(?=['"])[^{}]*\}?""")
# A key and its value in what Python or JSON prints. A value that nothing ends may be cut: it is none. A number may
# stand in a list of one, as `scheduler.get_last_lr()` gives it, or in what NumPy and torch print around theirs.
_AROUND = r"(?:, (?:device|dtype|grad_fn)=[^(){},]{1,60}){0,3}"
_PLAIN = r"[-+\w.]{1,40}"
_PAIR = re.compile(
    r"""(?P<mark>['"])(?P<key>[^'"{}]{1,80})(?P=mark)\s*:\s*"""
    rf"""(?:'(?P<single>[^'{{}}]{{0,40}})'|"(?P<double>[^"{{}}]{{0,40}})"|(?P<bare>{_PLAIN})|\[(?P<listed>{_PLAIN})\]"""
    rf"""|[a-z][\w.]{{0,30}}\((?P<called>{_PLAIN}){_AROUND}\))(?=\s*[,}}])"""
)
_SPLIT = r"train|eval|dev|val|valid|validation|test"
_INNER = re.compile(r"""(?:['"](\w{1,40})['"]\s*:\s*)?\{([^{}]*)\}""")
_OPEN = re.compile(r"\{[^}]*\{")  # one in another, or one that is cut
_OF_SPLIT = re.compile(rf"(?:{_SPLIT})", re.I)
_EPOCH_BEFORE = re.compile(r"epoch\s*[:=#]?\s*(\d{1,9})(?:\s*/\s*\d{1,9})?\W*$", re.I)
# What a dictionary of a training has: a loss, or what was measured on a split that is not for training.
_MEASURED = re.compile(r"^(?:(?:train[_/ .])?loss|(?:eval|dev|val|valid|validation|test)[_/ .].+)$", re.I)


def dictionaries_in(line: str) -> Iterator[dict[str, str]]:
    """Yield the dictionaries of plain values that a line holds, with texts as values.

    Values of a split's own dictionary have its name in front of theirs; an epoch that stands before a dictionary is
    one of its values.

    >>> list(dictionaries_in("{'loss': 0.5, 'epoch': '1'} {'eval_loss': 0.25, 'lr': [1e-4], 'eval_run"))
    [{'loss': '0.5', 'epoch': '1'}, {'eval_loss': '0.25', 'lr': '1e-4'}]
    >>> list(dictionaries_in('Epoch 2/3: {"train": {"loss": 0.5}, "val": {"loss": 0.75}}'))
    [{'train_loss': '0.5', 'val_loss': '0.75', 'epoch': '2'}]
    """
    match = _BEGIN.search(line)
    if match is None:
        return
    begin = match.start()
    found = list(_several(line[begin:])) if "{" in line[match.end() :] else [_pairs(line, begin)]
    before = _EPOCH_BEFORE.search(line[max(begin - 40, 0) : begin]) if begin else None
    for values in found:
        if before is not None:
            values.setdefault("epoch", before[1])
        if values:
            yield values


def _pairs(text: str, begin: int = 0) -> dict[str, str]:
    """Return the pairs of keys and plain values in a text, whatever dictionary they belong to."""
    values: dict[str, str] = {}
    for match in _PAIR.finditer(text, begin):
        found = match.group("bare", "single", "double", "listed", "called")
        values[match["key"]] = next(value for value in found if value is not None)
        if len(values) >= MAX_PAIRS:
            break
    return values


def _several(text: str) -> Iterator[dict[str, str]]:
    """Yield the dictionaries of a text with several braces: one after another, or in one another."""
    of_splits: dict[str, str] = {}

    def taken(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]  # an outermost one
        if _OF_SPLIT.fullmatch(match[1]):
            of_splits.update({f"{match[1]}_{name}": value for name, value in _pairs(match[0]).items()})
        return "'':0"  # a pair without a name, which is none

    for _ in range(MAX_NESTED):
        shorter = _INNER.sub(taken, text)
        if shorter == text:
            break
        text = shorter
    if _OPEN.search(text):
        return
    for match in _FLAT.finditer(text):
        yield {**_pairs(match[0]), **of_splits}
        of_splits = {}


def is_measured(values: dict[str, str]) -> bool:
    """Return whether a dictionary tells of a training: it has a loss, or a value of an evaluation.

    >>> is_measured({"eval_f1": "0.5"}), is_measured({"loss": "1.5"}), is_measured({"lr": "1e-4", "epochs": "3"})
    (True, True, False)
    """
    return any(_MEASURED.match(name) for name in values) or "train_runtime" in values
