"""Numbers in printed lines and what their names mean: "epoch 3/10 | train loss: 1.9, val_acc=0.31 - lr 1e-4".

A number's name is what stands before it. Only names that are surely a position, a split or a metric mean anything: a
name with a word that is none of those ("best val loss", "eval_interval") means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from lrscope.config.metric_names import is_metric, known_direction

MAX_NAME = 80  # characters before a number that are looked at
MAX_WORDS = 4  # of a metric's name without its split
Kind = Literal["epoch", "step", "iter", "value", "split", ""]

_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?|[-+]?(?:nan|inf(?:inity)?)"
_VALUE = re.compile(
    rf"(?<![\w.+/@-])({_NUMBER})(?![\w])(?!\.\w)(?![,:-]\d)"
    r"(?:(?:[ ]{0,8}/[ ]{0,8}|[ ]of[ ])(\d{1,12})(?![\w.]))?",
    re.I,
)
_SPLIT_WORDS = {
    "train": "train", "training": "train", "trn": "train",
    "dev": "dev", "development": "dev", "val": "dev", "valid": "dev", "validation": "dev", "validate": "dev",
    "validating": "dev", "eval": "dev", "evaluation": "dev", "evaluate": "dev", "evaluating": "dev",
    "test": "test", "testing": "test",
}  # fmt: skip
# A split that stands for itself, as in "Val: loss 0.5, acc 0.7" or "[Validation] Epoch 3": what follows is of it.
_SECTION = re.compile(
    rf"(?:^|(?<=[\s|,;\[(/]))({'|'.join(_SPLIT_WORDS)})\.?(?: (?:set|phase|results?|metrics))?\s{{0,4}}"
    r"(?:[:|\])]|-(?=\s))",
    re.I,
)
_WRAPPED = re.compile(r"(?:tensor|array|(?:np\.|numpy\.)?float\d\d)\($")
_DELIMITERS = re.compile(r"[,;|\t()\[\]{}:<>\"'`]|\s[-–—•·>]+\s|^[-–—•·>*\s]+")
_WORD = re.compile(r"[^\W_]+(?:@[^\W_]+)?")
_ENDS = " \t:=([<|\"'#~≈>-–—"
_POSITIONS: dict[str, Kind] = {
    "epoch": "epoch", "ep": "epoch", "step": "step", "global step": "step", "update": "step", "num updates": "step",
    "optimizer step": "step", "optimization step": "step", "iter": "iter", "iteration": "iter", "it": "iter",
    "batch": "iter",
}  # fmt: skip
_BESIDE_POSITIONS = frozenset({"end", "of", "after", "at", "loss", "finished", "current", *_SPLIT_WORDS})
_BESIDE_METRICS = frozenset({
    "avg", "average", "mean", "epoch", "set", "final", "current", "running", "total", "lm", "value",
})  # fmt: skip
_BESIDE_SCORES = frozenset({"score", "avg", "micro", "macro", "weighted"})
_RATES = frozenset({"lr", "learning rate", "current lr", "current learning rate", "last lr"})
_GRADIENT_NORMS = frozenset({"grad norm", "gradient norm", "gradnorm", "gnorm"})
# What makes a number something else than a measurement of now.
_OTHERS = re.compile(
    r"best|lowest|highest|min(?:imum)?|max(?:imum)?|least|target|threshold|patience|weights?|scaler?|coef|alpha|beta|delta"
    r"|prev|previous|last|old|from|to|initial|was|is|baseline|improve(?:d|ment)|difference|gap|every|interval|iters|per|times?"
    r"|ms|sec|seconds|smoothing|heads?|layers?|index|id|ratio|factor|tol(?:erance)?"
    r"|examples?|sentences?|instances?|rows?|images?|documents?|records?|sequences?|lines?|words?|data|dataset|split|files?"
    r"|path|num|fraction|percent|frequency|freq|delay|check|limit"
)


@dataclass(frozen=True, slots=True)
class Name:
    """What a number's name means. Of a position the split is that of its line; of a value empty where none is named.

    `section` is a split that stands for itself before the name, `is_assigned` whether a colon or an equals sign stands
    between them, `is_metric` whether runs can be compared by it.
    """

    kind: Kind
    split: str = ""
    metric: str = ""
    section: str = ""
    is_assigned: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """A number in a line, the total that stands behind a slash, and where it ends."""

    name: Name
    text: str
    total: int | None
    end: int


def printed_in(line: str) -> Iterator[Printed]:
    """Yield the numbers of a line with their names.

    >>> [(p.name.kind, p.name.split, p.name.metric, p.text) for p in printed_in("Epoch 3/10 | Val. Loss: 0.5 best 0.4")]
    [('epoch', '', '', '3'), ('value', 'dev', 'loss', '0.5'), ('', '', '', '0.4')]
    """
    end = 0
    for match in _VALUE.finditer(line):
        before = line[max(end, match.start() - MAX_NAME) : match.start()]
        end = match.end()
        total = match[2]
        yield Printed(name_in(before), match[1], None if total is None else int(total), end)


@lru_cache(maxsize=4096)
def name_in(before: str) -> Name:
    """Return what the text before a number names.

    >>> name_in(" - val_f1: "), name_in("eval_iters = ").kind, name_in("Training loss ").split
    (Name(kind='value', split='dev', metric='f1', section='', is_assigned=True), '', 'train')
    """
    text = before.rstrip()
    is_assigned = text.endswith((":", "="))
    sections = _SECTION.findall(before)
    section = _SPLIT_WORDS[sections[-1].lower()] if sections else ""
    text = _WRAPPED.sub("", text).rstrip(_ENDS)
    if text.endswith(")"):  # "loss (train): 0.5"
        start = text.rfind("(")
        text = f"{text[:start]} {text[start + 1 : -1]}" if start >= 0 else text[:-1]
    words = tuple(_WORD.findall(_DELIMITERS.split(text)[-1].lower()))
    kind, split, metric = _meaning(words, is_assigned=is_assigned)
    if section == split and kind in ("value", "split"):  # "loss train: 1.2": the split is part of the name
        section = ""
    return Name(kind, split, metric, section, is_assigned)


def _meaning(words: tuple[str, ...], *, is_assigned: bool) -> tuple[Kind, str, str]:
    """Return what a name's words mean: its kind, its split and its metric."""
    splits = {_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS}
    if not words or len(splits) > 1:
        return "", "", ""
    split = next(iter(splits), "")
    position = None
    if "loss" not in words or "at" in words:  # "train_loss_epoch" is no position, "validation loss at step" is one
        position = _POSITIONS.get(" ".join(word for word in words if word not in _BESIDE_POSITIONS))
    if position is not None:
        return position, split, ""
    rest = [word for word in words if word not in _SPLIT_WORDS]
    if not rest:
        return "split", split, ""
    name = " ".join(rest)
    if name in _RATES:
        return "value", "train", "learning_rate"
    if name in _GRADIENT_NORMS:
        return "value", "train", "grad_norm"
    core = [word for word in rest if word not in _BESIDE_METRICS]
    if not core:
        return "", "", ""
    rest = core if len(core) == 1 else rest
    metric = "_".join(rest)
    if len(rest) > MAX_WORDS or any(map(_OTHERS.fullmatch, rest)) or not is_metric(metric):
        return "", "", ""
    if known_direction(metric) is None and not (split in ("dev", "test") and is_assigned and len(words) == 2):
        return "", "", ""
    named = [word for word in rest if word not in _BESIDE_SCORES]
    if not is_assigned and not (named and known_direction(named[-1])):  # "dev acc reached 0.5" is prose
        return "", "", ""
    return "value", split, metric


def column_in(heading: str) -> Name:
    """Return what the heading of a table's column names.

    >>> column_in("Validation Loss").metric, column_in("time").kind
    ('loss', '')
    """
    return name_in(f"{heading[:MAX_NAME]}:")
