"""What paths tell of runs: the rates, seeds and settings in the names of folders and files, and what else differs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from lrscope.number_text import format_rate
from lrscope.runs.importers import checked
from lrscope.runs.importers.configuration import NAMES

# Short names that people give in paths; those of one letter count only where they stand alone (`s1`, not `gpus1`).
_SHORT: Mapping[str, tuple[str, ...]] = {
    "lr": ("lr", "rate"), "seed": ("seed", "sd", "s"), "epochs": ("ep", "epoch", "epochs"),
    "batch_size": ("bs", "bsz", "batch", "b"), "weight_decay": ("wd",), "warmup_ratio": ("warmup", "wu"),
    "lora_rank": ("rank", "r"), "lora_alpha": ("alpha",), "max_steps": ("steps", "iters"),
    "gradient_accumulation_steps": ("ga", "accum", "gas"),
}  # fmt: skip
_KEYS = {name: key for table in (NAMES, _SHORT) for key, names in table.items() for name in names}
_NUMBER = r"\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_ANY_KEY = "|".join(sorted(map(re.escape, _KEYS), key=len, reverse=True))
_NAMED = re.compile(rf"(?<![A-Za-z0-9])({_ANY_KEY})[-_=: ]?({_NUMBER})(?![A-Za-z0-9.])", re.I)
_KEY_BEHIND = re.compile(rf"[_.]({_ANY_KEY})$", re.I)
_PAIR = re.compile(rf"(?<![A-Za-z0-9])([A-Za-z][A-Za-z0-9_.]*)=({_NUMBER}(?![A-Za-z0-9])|[^,;=\s_/]+)", re.I)
_BARE_RATE = re.compile(r"(?<![A-Za-z0-9.])(\d(?:\.\d+)?e-\d{1,2}|0\.0\d*[1-9]\d*)(?![A-Za-z0-9.])", re.I)
_SEPARATORS = re.compile(r"[_,;+ \[\]()-]+")
# What tells nothing of how a run was trained: dates, numbers of runs, digests, and names that programs give.
_NOTHING = re.compile(r"^(\d+|\d{2,4}[-.]\d{2}.*|(?=.*\d)[0-9a-f]{6,}|v\d+|)$", re.I)
# What numbers runs, or is too short to name a setting.
_OF_RUNS = re.compile(
    r"^(.{1,2}|(run|seed|trial|try|exp|experiment|rep|repeat|replica|fold|job|gpu|node|rank|out|output|result|log|state|train|train_?log"
    r"|new|old|copy|first|second|third|one|two|three|again|rerun)s?[-_.]?\d*)$", re.I
)  # fmt: skip
_OF_PROGRAMS = re.compile(
    r"^(trainer_state\.json|lrscope\.json|metrics\.csv|result\.json|progress\.csv|meta\.yaml|trainer_log\.jsonl|.*tfevents.*"
    r"|.*\.wandb|(tmp-)?checkpoint-\d+|version_\d+|lightning_logs|files|std(out|err)|nohup\.out)$"
)


@dataclass(frozen=True)
class PathArm:
    """What a path tells of its run; `rest` are parts of its names that others do not have."""

    rate: float | None = None
    seed: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    rest: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the run is called: its rate, and what else tells it from others but for known settings."""
        return ", ".join([*([] if self.rate is None else [f"lr {format_rate(self.rate)}"]), *self.rest])


def arms_of_paths(paths: Sequence[str]) -> list[PathArm]:
    """Return what each path tells of its run, without what all of them have in common.

    >>> each = arms_of_paths(["out/lr1e-4_bs16_s1/train.log", "out/lr3e-4_bs16_s2/train.log"])
    >>> [(arm.name, arm.seed, arm.settings) for arm in each]
    [('lr 1e-4', 1, {'batch_size': '16'}), ('lr 3e-4', 2, {'batch_size': '16'})]
    >>> [arm.name for arm in arms_of_paths(["cosine-2e-5/a.json", "linear-2e-5/a.json"])]
    ['lr 2e-5, cosine', 'lr 2e-5, linear']
    """
    read = [_read(path) for path in paths]
    parts = [set(arm.rest) for arm in read]
    shared = set.intersection(*parts) if parts else set()
    return [replace(arm, rest=tuple(part for part in arm.rest if part not in shared)) for arm in read]


def told_apart(paths: Sequence[str]) -> list[str]:
    """Return what in the names of paths tells that their runs were trained differently; numbers of runs do not.

    >>> told_apart(["out/beta0.1/trainer_state.json", "out/beta0.5/trainer_state.json"])
    ['beta0.1', 'beta0.5']
    >>> told_apart(["run1/a.log", "run2/b.log"]), told_apart(["seed1_lr1e-4.log", "seed2_lr1e-4.log"])
    ([], [])
    """
    arms = arms_of_paths(paths)
    parts = [f"{key} {value}" for arm in arms for key, value in arm.settings.items()]
    each = dict.fromkeys([*parts, *(part for arm in arms for part in arm.rest if not _OF_RUNS.match(part))])
    everywhere = [{f"{key} {value}" for key, value in arm.settings.items()} | set(arm.rest) for arm in arms]
    return [part for part in each if not all(part in own for own in everywhere)]


def _read(path: str) -> PathArm:
    found: dict[str, str] = {}
    own: list[str] = []
    parts = [part for part in PurePath(path).parts if not _OF_PROGRAMS.match(part)]
    for place, part in enumerate(parts):
        text = re.sub(r"\.[A-Za-z][A-Za-z0-9]{1,6}$", "", part) if place == len(parts) - 1 else part
        text, pairs = _taken(_PAIR, text, found)
        text, named = _taken(_NAMED, text, found)
        if "lr" not in found and len(rates := _BARE_RATE.findall(text)) == 1:
            found["lr"] = rates[0]
            text = _BARE_RATE.sub(" ", text)
        own += [word for word in _SEPARATORS.split(text) if not _NOTHING.match(word) and word.strip("./\\")]
        own += [*pairs, *named]
    rate, seed = checked.rate(found.pop("lr", None)), checked.count(found.pop("seed", None))
    return PathArm(rate, seed, found, tuple(dict.fromkeys(own)))


def _taken(pattern: re.Pattern[str], text: str, found: dict[str, str]) -> tuple[str, list[str]]:
    """Take in the values that have names: as settings that are known; return the rest, and what else has a name."""
    rest, others, at = "", list[str](), 0
    for match in pattern.finditer(text):
        behind = _KEY_BEHIND.search(match[1])
        key = _KEYS.get((behind[1] if behind else match[1]).lower())
        rest += text[at : match.start()] + (match[1][: behind.start()] if behind else "") + " "
        at = match.end()
        if key is None or (key == "lr" and not 0.0 < checked.number(match[2]) < 1.0):  # `lr1` is the first of several
            others.append(f"{match[1]} {match[2]}" if pattern is _PAIR else match[0])
        else:
            found[key] = match[2]
    return rest + text[at:], others
