"""Records of runs in a folder that is no study: which files stand for runs, each run once.

A program leaves several records of one run: checkpoints, events for TensorBoard, what it printed. The richest stands
for the run, the others are named. Files with names of their own (`trainer_state.json`, events, …) stand for the folder
that a run wrote to; other tables, databases and logs are runs by themselves, where nothing below them is richer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lrscope.runs.folder_walk import FolderWalk
from lrscope.runs.importers.tensorboard_events import part_of_run
from lrscope.runs.importers.trainer_state import STATE, steps_of_state
from lrscope.runs.recorded_run import RECORD
from lrscope.store.storage import DATABASE

MAX_DEPTH, MAX_ENTRIES = 6, 100_000  # folders in one another, names looked at
MAX_OPENED = 2_000  # files whose beginnings are read to see what they are
MAX_FOUND = 1_000  # records that are read
HEAD_BYTES = 65_536  # of a report, in which it says who wrote it

# Names that programs give to records, the richest first.
_NAMED = (
    re.compile(rf"^{re.escape(RECORD)}$"),
    re.compile(rf"^{re.escape(STATE)}$"),
    re.compile(r"^(meta\.yaml|.+\.wandb)$"),  # MLflow's run, where metrics lie beside it; W&B's
    re.compile(r"^result\.json$"),  # Ray
    re.compile(r"^progress\.csv$"),
    re.compile(r"^metrics\.csv$"),  # Lightning
    re.compile(r"tfevents"),
    re.compile(r"^trainer_log\.jsonl$"),  # LLaMA-Factory
)
_STATE, _EVENTS = 1, 6
# What else is looked into: by suffix, the richest first. Parquet only where there is nothing else.
_LOOSE = (
    {".db", ".sqlite", ".sqlite3"}, {".csv", ".tsv", ".jsonl", ".json"}, {".ipynb"}, {".log", ".txt", ".out", ".err"},
    {".md"}, {".parquet"},
)  # fmt: skip
_PARQUET = len(_LOOSE) - 1
# What programs write at the end, without the curve: one of them stands for a run where nothing else does.
_TOTALS = ("all_results.json", "eval_results.json", "wandb-summary.json", "train_results.json", "test_results.json")
_TOTAL = len(_LOOSE)
_WITHOUT_SUFFIX = re.compile(r"^(std(out|err)|(train(ing)?_?)?log|output)$", re.I)
_CHECKPOINT = re.compile(r"^(tmp-)?checkpoint-[0-9]+$")
# Folders within a run's own that a program makes for its records.
_PART = re.compile(
    r"^(runs|logs?|tb|tensorboard([_-]logs?)?|events|wandb|((offline-)?run-[0-9]{8}_[0-9]{6}-.+)|files|metrics|results"
    r"|(lightning_logs|version_[0-9]+)|[A-Z][a-z]{2}[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}_.+)$"
)


@dataclass(frozen=True)
class Found:
    """A record of a run, or of several, and what names it: the folder that the run wrote to, or the file itself."""

    path: Path
    home: Path


@dataclass(frozen=True)
class FolderRecords:
    """What a folder holds: records, one a run; further records of the same runs; what was not looked at.

    `studies` are folders in it that are studies, `unlisted` those that cannot be listed; `seen` has some names of files
    that are no records. `is_cut` says that there was more than was looked at.
    """

    found: tuple[Found, ...] = ()
    left_out: tuple[Path, ...] = ()
    studies: tuple[Path, ...] = ()
    unlisted: tuple[Path, ...] = ()
    seen: tuple[Path, ...] = ()
    is_cut: bool = False


Claims = Callable[[Path], bool]


def files_in(folder: Path, claims: Claims) -> FolderRecords:
    """Return the records that stand for the runs in a folder, in the order of their names.

    Args:
        folder: a folder that is no study.
        claims: whether a file is a record of runs, by its content.
    """
    walk = FolderWalk(folder, MAX_DEPTH, MAX_ENTRIES, not_below=DATABASE, skips_hidden=True)
    files = _without_reports(list(walk.files()))
    opened = _Opened(claims)
    found, left_out = chosen(files, opened, folder)
    found.sort(key=lambda each: _natural(each.path.relative_to(folder)))
    return FolderRecords(
        tuple(found[:MAX_FOUND]), tuple(left_out), tuple(walk.skipped), tuple(walk.unlisted), tuple(files[:MAX_FOUND]),
        walk.is_cut or opened.is_spent or len(found) > MAX_FOUND,
    )  # fmt: skip


def _without_reports(files: list[Path]) -> list[Path]:
    """Leave out the reports that lrscope wrote: their tables are of runs that lie elsewhere."""
    pages = {path.parent for path in files if path.name == "report.html"}
    return [path for path in files if not (path.name == "report.md" and path.parent in pages and _is_own(path))]


def _is_own(report: Path) -> bool:
    try:
        with report.open("rb") as file:
            return b" lrscope " in file.read(HEAD_BYTES)
    except OSError:
        return False


class _Opened:
    """Whether files are records; only so many are opened."""

    def __init__(self, claims: Claims) -> None:
        self.claims, self.known, self.is_spent = claims, dict[Path, bool](), False

    def __call__(self, path: Path) -> bool:
        if path not in self.known:
            if len(self.known) >= MAX_OPENED:
                self.is_spent = True
                return False
            self.known[path] = self.claims(path)
        return self.known[path]


def chosen(files: Sequence[Path], claims: Claims, top: Path) -> tuple[list[Found], list[Path]]:
    """Return which of a folder's files stand for runs, and which other records of the same runs are left out.

    >>> names = ["lr1/trainer_state.json", "lr1/train.log", "lr2/checkpoint-9/trainer_state.json", "all.log"]
    >>> found, left_out = chosen([Path("out", name) for name in names], lambda path: True, Path("out"))
    >>> [str(each.home) for each in found], [str(each) for each in left_out]
    (['out/lr1', 'out/lr2'], ['out/lr1/train.log', 'out/all.log'])
    """
    ranked, loose = _by_home(files, top), _by_folder(files)
    homes = {home: rank for home, each in ranked.items() if (rank := _best(each, claims)) is not None}
    found, left_out = [], list[Path]()
    for home, rank in homes.items():
        is_part = any(homes.get(above, rank) < rank for above in _above(home, top))
        of_run = [path for other, path in ranked[home] if other == rank]
        further = [path for other, path in ranked[home] if other > rank and claims(path)]
        if is_part:
            left_out += [*of_run[:1], *further]
        else:
            found.append(Found(of_run[-1] if rank != _EVENTS else of_run[0], home))
            left_out += further
    below = {parent for each in found for parent in each.home.parents}
    for with_parquet in (False, True) if not found else (False,):
        for folder, names in loose.items():
            kinds = _kinds(names, claims, with_parquet=with_parquet)
            is_told = folder in below or any(above in homes for above in (folder, *_above(folder, top)))
            kept = [] if is_told or not kinds else _stand_for_runs(kinds)
            found += [Found(path, path if len(kept) > 1 else _own_folder(path, top)) for path in kept]
            left_out += [path for each in kinds.values() for path in each if path not in kept]
        if found:
            break
    return found, left_out


def _by_home(files: Sequence[Path], top: Path) -> dict[Path, list[tuple[int, Path]]]:
    """Return the named records of each run's folder, with their ranks; of Trainer's states the last one is last."""
    of_mlflow = {above.parent for path in files for above in path.parents[:3] if above.name == "metrics"}
    of_events = {path.parent for path in files if _NAMED[_EVENTS].search(path.name)}
    ranked: dict[Path, list[tuple[int, Path]]] = {}
    for path in files:
        rank = next((place for place, name in enumerate(_NAMED) if name.search(path.name)), None)
        if rank is None or (path.name == "meta.yaml" and path.parent not in of_mlflow):
            continue
        home = path.parent
        belongs = (rank == _STATE and _CHECKPOINT.match(home.name)) or (
            rank == _EVENTS and part_of_run(home.name, beside_events=home.parent in of_events) is not None
        )
        ranked.setdefault(home.parent if belongs and home != top else home, []).append((rank, path))
    for each in ranked.values():
        if sum(rank == _STATE for rank, _ in each) > 1:
            each.sort(key=lambda item: (steps_of_state(item[1]), -len(item[1].parts)) if item[0] == _STATE else (-1, 0))
    return ranked


def _best(ranked: Iterable[tuple[int, Path]], claims: Claims) -> int | None:
    """Return the rank of the richest record that is one."""
    for rank in sorted({rank for rank, _ in ranked}):
        if any(claims(path) for other, path in ranked if other == rank):
            return rank
    return None


def _by_folder(files: Iterable[Path]) -> Mapping[Path, list[Path]]:
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        if _loose_rank(path) is not None and not any(name.search(path.name) for name in _NAMED):
            by_folder.setdefault(path.parent, []).append(path)
    return by_folder


def _kinds(files: Iterable[Path], claims: Claims, *, with_parquet: bool) -> dict[int, list[Path]]:
    """Return the records among files by their kinds, the richest first."""
    kinds: dict[int, list[Path]] = {}
    for path in files:
        rank = _loose_rank(path)
        if rank is not None and (rank == _PARQUET) == with_parquet and claims(path):
            kinds.setdefault(rank, []).append(path)
    return dict(sorted(kinds.items()))


def _stand_for_runs(kinds: Mapping[int, list[Path]]) -> list[Path]:
    """Return the records of the kind that there are most of, of equals the richest; of totals one, where all are."""
    curves = [each for rank, each in kinds.items() if rank != _TOTAL]
    return max(curves, key=len) if curves else sorted(kinds[_TOTAL], key=lambda path: _TOTALS.index(path.name))[:1]


def _loose_rank(path: Path) -> int | None:
    if path.name in _TOTALS:
        return _TOTAL
    suffix = path.suffix.lower()
    if not suffix and _WITHOUT_SUFFIX.match(path.name):
        suffix = ".log"
    return next((rank for rank, suffixes in enumerate(_LOOSE) if suffix in suffixes), None)


def _above(home: Path, top: Path) -> Iterator[Path]:
    """Yield the folders that a folder may be a part of: those above it, as long as programs name it and them."""
    while home != top and _PART.match(home.name):
        home = home.parent
        yield home


def _own_folder(path: Path, top: Path) -> Path:
    """Return what names the only record of a folder: the folder, unless it is the one that was asked for."""
    return path if path.parent == top else path.parent


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in names by their values.

    >>> sorted([Path("run-10"), Path("run-9")], key=_natural)
    [PosixPath('run-9'), PosixPath('run-10')]
    """
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]{1,15})", str(path))]
