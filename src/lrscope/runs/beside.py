"""Runs whose record does not say how they were trained: what a configuration beside it, or its path, tells.

A configuration counts where it lies in the folder of one run alone, under a name that programs give it, and where what
was logged does not contradict it. Pickles (`training_args.bin`) are not opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.runs.importers import checked
from lrscope.runs.importers.base import Imported
from lrscope.runs.importers.configuration import Configuration, configuration_of, flat_yaml
from lrscope.runs.importers.run_names import without_fold
from lrscope.runs.importers.text import text_of
from lrscope.runs.notes import Note, PathsDiffer, SettingsBeside
from lrscope.runs.path_arms import PathArm, arms_of_paths, told_apart
from lrscope.runs.quantities import Names, Setting
from lrscope.runs.run import Run
from lrscope.runs.settings import SETTING

ArmFrom = Literal["path", "config"]
MAX_BYTES, MAX_NAMED = 1 << 20, 5
# Configurations that programs write, the most telling first: Lightning, Ray, Hydra, ms-swift, LLaMA-Factory, Axolotl.
NAMES = (
    "hparams.yaml", "params.json", "training_args.json", "training_args.yaml", "args.json", "args.yaml", "hparams.json",
    "hyperparameters.json", "run_config.json", ".hydra/config.yaml", "config.yaml", "config.yml", "axolotl_config.yml",
    "axolotl_config.yaml", "llamaboard_config.yaml", "config.json", "README.md",
)  # fmt: skip
ADAPTER = "adapter_config.json"  # PEFT's
NEAR = 0.05  # a logged peak is at most so much off the rate that was asked for
_OF_PROGRAMS = ("trainer_state", "metrics", "result", "progress", "lrscope", "meta")
_PART = re.compile(r"^((tmp-)?checkpoint-\d+|runs|logs|tensorboard|tb|files|[A-Z][a-z]{2}\d{2}_\d{2}-\d{2}-\d{2}_.+)$")
_CARD = re.compile(r"^- (\w{1,60}): (.{1,200})$", re.M)  # of a model card that Trainer wrote


def with_arms(files: Sequence[tuple[Path, Imported]], arm_from: ArmFrom | None) -> list[tuple[Path, Imported]]:
    """Return files whose runs are told apart by their configurations, or by their paths where that is asked for.

    Raises:
        DataError: configurations are asked for, and a run has none of its own.
    """
    files = _of_folds(files)
    if arm_from == "path":
        arms = arms_of_paths([checked.file_name(path) for path, _ in files])
        return [(path, _of_path(file, arm)) for (path, file), arm in zip(files, arms, strict=True)]
    found = [_beside(path) if _may_have(file) else None for path, file in files]
    places = [None if each is None else each[0] for each in found]
    result, taken = [], list[Path]()
    for (path, file), each in zip(files, found, strict=True):
        own = each if each is not None and places.count(each[0]) == 1 else None
        if own is None:
            if arm_from == "config" and _may_have(file):
                got = f"{checked.file_name(each[0])} for several runs" if each else f"none, such as {NAMES[0]}"
                name = checked.file_name(path)
                raise DataError(f"--arm-from config takes a configuration beside each run: got {got}, beside {name}")
            result.append((path, file))
        else:
            configured = _configured(file, own[1], is_asked=arm_from == "config")
            taken += [own[0]] if configured.runs != file.runs else []
            result.append((path, configured))
    return _noted(result, [*_paths_differ(result), *_taken_from(taken)])


def _noted(files: list[tuple[Path, Imported]], notes: Sequence[Note]) -> list[tuple[Path, Imported]]:
    """Say what is odd, once for all files."""
    if not notes:
        return files
    (path, first), *rest = files
    return [(path, replace(first, notes=(*first.notes, *notes))), *rest]


def _taken_from(taken: Sequence[Path]) -> Iterator[Note]:
    """Say which configurations were used."""
    if taken:
        yield SettingsBeside(_some(map(checked.file_name, taken)))


def _paths_differ(files: Sequence[tuple[Path, Imported]]) -> Iterator[Note]:
    """Say of runs that name the same rate and settings, and no seeds, that their paths tell settings apart."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for path, file in files:
        if _may_have(file) and file.runs[0].rate is not None and file.runs[0].seed is None:
            (run,) = file.runs
            asked = sorted((name, value) for name, value in run.settings.items() if SETTING.match(name))
            groups.setdefault((run.arm, *asked), []).append(checked.file_name(path))
    for (arm, *_), paths in groups.items():
        if len(paths) > 1 and (parts := told_apart(paths)):
            yield PathsDiffer(Setting(str(arm)), _some(parts))


def _some(names: Iterable[str]) -> Names:
    each = list(names)
    return Names([*each[:MAX_NAMED], *(["…"] if len(each) > MAX_NAMED else [])])


def _of_folds(files: Sequence[tuple[Path, Imported]]) -> Sequence[tuple[Path, Imported]]:
    """Return files with the folds of a cross-validation that paths name, where these differ, as dev sets.

    A fold is no seed: its runs were measured on other examples.
    """
    folds = [next((fold for part in reversed(path.parts) if (fold := without_fold(part)[1])), "") for path, _ in files]
    if len({fold for fold in folds if fold}) < 2:
        return files
    return [
        (path, replace(file, runs=tuple(_of_fold(run, fold) for run in file.runs)) if fold else file)
        for (path, file), fold in zip(files, folds, strict=True)
    ]


def _of_fold(run: Run, fold: str) -> Run:
    name = run.dev_set.name
    named = name if re.search(r"fold[-_ ]?\d", name, re.I) else ", ".join([*([name] if name else []), f"fold {fold}"])
    return replace(run, dev_set=replace(run.dev_set, name=named))


def _may_have(file: Imported) -> bool:
    return len(file.runs) == 1 and file.scores is None


def _of_path(file: Imported, arm: PathArm) -> Imported:
    if not _may_have(file):
        return file
    (run,) = file.runs
    rate = run.rate if arm.rate is None else arm.rate
    name = replace(arm, rate=rate).name or run.arm
    seed = run.seed if arm.seed is None else arm.seed
    named = replace(run, arm=name, rate=rate, seed=seed, settings={**run.settings, **arm.settings})
    return replace(file, runs=(named,), settings=named.settings)


def _configured(file: Imported, configuration: Configuration, *, is_asked: bool) -> Imported:
    """Return a file whose run has what its configuration tells beside what its record does."""
    (run,) = file.runs
    told = configuration.rate
    contradicts = run.rate is not None and told is not None and abs(told - run.rate) > NEAR * told and not _rises(run)
    if contradicts and not is_asked:
        return file
    rate = run.rate if told is None else told
    is_named_by_rate = not run.arm or (run.rate is not None and run.arm == f"lr {format_rate(run.rate)}")
    name = f"lr {format_rate(rate)}" if rate is not None and is_named_by_rate else run.arm
    seed = configuration.seed if run.seed is None else run.seed
    settings = {**configuration.settings, **run.settings}
    named = replace(run, arm=name, rate=rate, seed=seed, settings=settings)
    return replace(file, runs=(named,), settings=settings)


def _rises(run: Run) -> bool:
    """Whether a run ended while its rate still rose: its peak was never logged."""
    rates = [] if run.log is None else list(run.log.known_rates)
    return len(rates) > 1 and rates[-1] == max(rates) and rates[-1] > rates[0]


def _beside(path: Path) -> tuple[Path, Configuration] | None:
    """Return the configuration that is a run's own, and where it lies: its adapter's settings are added to it."""
    for folder, names in _places(path):
        found = [(folder / name, read) for name in names if not (read := _read(folder / name)).is_empty]
        adapter = _read(folder / ADAPTER)
        if found:
            place, first = found[0]
            return place, replace(first, settings={**adapter.settings, **first.settings})
        if not adapter.is_empty:
            return folder / ADAPTER, adapter
    return None


def _places(path: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """Yield where a run's configuration may lie: under the record's own name, in its folder, in the run's folder."""
    if path.stem not in _OF_PROGRAMS:
        yield path.parent, [f"{path.stem}{suffix}" for suffix in (".yaml", ".yml", ".json") if path.suffix != suffix]
    folder = path.parent
    yield folder, NAMES
    while _PART.match(folder.name):
        folder = folder.parent
        yield folder, NAMES


def _read(path: Path) -> Configuration:
    """Return what a configuration tells, nothing where it is none."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            return Configuration()
        text = text_of(path)
        if path.suffix == ".json":
            values: Any = json.loads(text)
        elif path.suffix == ".md":
            values = dict(_CARD.findall(text))
        else:
            values = flat_yaml(text)
    except (OSError, DataError, ValueError, RecursionError):
        return Configuration()
    if not isinstance(values, dict) or _is_of_model(values):
        return Configuration()
    if path.name == ADAPTER:
        values = {f"lora_{name}": values.get(f"lora_{name}", values.get(name)) for name in ("r", "alpha", "dropout")}
    return configuration_of(values)


def _is_of_model(values: Mapping[str, Any]) -> bool:
    """Whether a configuration is a model's own, as it lies beside its weights."""
    return "architectures" in values or ("model_type" in values and "hidden_size" in values)
