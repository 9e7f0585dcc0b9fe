"""The model of a study's choice, in a folder that transformers or PEFT loads."""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lrscope.config import TrialConfig
from lrscope.config.build import name_or_path
from lrscope.config.read import built_in, built_in_trial
from lrscope.errors import StudyError
from lrscope.report.trainer_arguments import EqualTraining, equal_training
from lrscope.store.study import StudyStore
from lrscope.store.trials import TrialRow
from lrscope.studies.sealed_test import choice_of, read_choice
from lrscope.workflows.conclusions import conclude_study
from lrscope.workflows.study_folder import compared_study

CHECKPOINTS = ("best", "last")
WEIGHTS = ("model.safetensors", "adapter_model.safetensors")


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What was exported: the trial, its configuration, where its model is, and how Trainer would train the same.

    `loading` is the line of Python that loads it, `precision` that of merged weights, `equal_training` None where
    Trainer has no such schedule or optimizer, `note` what speaks against this model.
    """

    model: Path
    trial: int
    config: TrialConfig
    loading: str
    precision: str
    equal_training: EqualTraining | None
    note: str = ""


def export(
    study: Path, out: Path, *, trial: int | None = None, merge: bool = False, base: str | None = None
) -> ExportResult:
    """Copy a trained model into the new folder `out`: the chosen setting's best seed on dev, or that of `trial`.

    With `merge`, adapters are merged into their base, and `out` is a whole model: sums are computed in float32 and
    rounded once, to the precision of the base. `base` is where that of adapters lies now, if elsewhere.

    Raises:
        ConfigError: the trial has no adapters, and a base is named.
        StudyError: `out` holds something, no model was kept, it has no adapters to merge, or it cannot be copied;
            nothing is left behind then.
        CheckpointError: the base of adapters to merge is not there, or another one.
    """
    if os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise StudyError(f"a model is exported into a new folder: {out} is there already; name another")
    folder = compared_study(study)
    with StudyStore.open(folder) as store:
        row, note = (store.trial(trial), "") if trial is not None else chosen_trial(store)
        source = next((store.trial_folder(row.id) / name for name in CHECKPOINTS if _has_model(store, row, name)), None)
        if source is None:
            raise StudyError(f"trial {row.id} of {folder} has no checkpoint: it is {row.status}; run with --keep best")
        asked, config = built_in(store.config), built_in_trial(row.config)
        precision, base = "", None if base is None else name_or_path(base)
        if not merge and base is None:
            copy_folder(source, out, inside=folder)
        elif not merge:
            from lrscope.training.merging import name_base

            with new_folder(out) as temporary:
                _copy_into(source, temporary, inside=folder)
                name_base(store, row, temporary, str(base))
        elif config.train_part != "lora":
            got = f"trial {row.id}, trained with --train-part {config.train_part}"
            raise StudyError(f"--merge is for adapters: got {got}; leave it out")
        else:
            from lrscope.training.merging import write_merged

            _refuse_links(source, inside=folder)
            with new_folder(out) as temporary:
                precision = write_merged(store, row, source, temporary, base)
        return ExportResult(
            model=out,
            trial=row.id,
            config=config,
            loading=_loading(store, asked.task, out, has_adapters=config.train_part == "lora" and not merge),
            precision=precision,
            equal_training=equal_training(asked, config, str(store.numerics.get("precision", "auto"))),
            note=note,
        )


def _loading(store: StudyStore, task: str, out: Path, *, has_adapters: bool) -> str:
    """Return the line of Python that loads an exported model, or why there is none."""
    auto = "AutoModelForCausalLM" if task == "sft" else "AutoModelForSequenceClassification"
    if not has_adapters:
        return f'{auto}.from_pretrained("{out.as_posix()}")'
    base = json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    if Path(base).is_file():
        return f"nothing of Hugging Face's: its base, {base}, is no folder that transformers loads; export with --merge"
    classes = "" if task == "sft" else f", num_labels={len(store.task_state['names'])}"
    return f'PeftModel.from_pretrained({auto}.from_pretrained("{Path(base).as_posix()}"{classes}), "{out.as_posix()}")'


def chosen_trial(store: StudyStore) -> tuple[TrialRow, str]:
    """Return the trial of the chosen setting that did best on dev, of those whose model was kept, and a note.

    The choice is the one that was stored when test scores were opened, where there is one.

    Raises:
        StudyError: no run has a value, or no model of the chosen setting was kept.
    """
    conclusions, note = conclude_study(store.folder).conclusions, ""
    choice = read_choice(store.folder) or choice_of(conclusions)
    if conclusions.recommended is None:
        note = f"no setting is shown to be better than guessing, so none is recommended; this is {choice.first}"
    kept = [row for row in choice.rows(store) if any(_has_model(store, row, name) for name in CHECKPOINTS)]
    if not kept:
        if all(row.status == "diverged" for row in choice.rows(store)):
            raise StudyError(f"no model of {choice.first} is in {store.folder}: it diverged; train with a lower --lr")
        raise StudyError(
            f"no model of {choice.first} was kept in {store.folder}; name a --trial, or run with --keep best"
        )
    best, value = kept[0], None
    for row in kept:
        dev = store.evaluations(row.id, "dev")
        if dev and store.metric.better(now := dev[-1].metrics.get(store.metric.name, math.nan), value):
            best, value = row, now
    return best, note


def _has_model(store: StudyStore, row: TrialRow, name: str) -> bool:
    return any((store.trial_folder(row.id) / name / file).is_file() for file in WEIGHTS)


def copy_folder(source: Path, out: Path, *, inside: Path) -> None:
    """Copy a folder to `out` whole or not at all; symbolic links from `inside` on are refused, not followed.

    Raises:
        StudyError: there is such a link, or the copy cannot be written.
    """
    with new_folder(out) as temporary:
        _copy_into(source, temporary, inside=inside)


def _copy_into(source: Path, out: Path, *, inside: Path) -> None:
    _refuse_links(source, inside=inside)
    shutil.copytree(source, out, symlinks=True, dirs_exist_ok=True, copy_function=_copy_file)


def _refuse_links(source: Path, *, inside: Path) -> None:
    steps = [source, *(parent for parent in source.parents if inside in parent.parents)]
    for path in (*steps, *source.rglob("*")):
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise StudyError(
                f"a model is copied from the study's own files: {path} is a link or no file; put the file in its place"
            )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside `out`, which becomes `out` when the block ends, whole or not at all.

    Raises:
        StudyError: it cannot be written.
    """
    out = out.absolute()  # so that it has a name, as `.` has none
    temporary, moved = None, list[Path]()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".tmp", dir=out.parent))
        yield temporary
        if not out.is_dir():
            temporary.replace(out)
            return
        for path in list(temporary.iterdir()):  # an empty folder of the user's stays the folder that it is
            moved.append(out / path.name)
            shutil.move(path, out / path.name)
    except OSError as error:
        for path in moved:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise StudyError(f"cannot write {out}: {_reason(error)}; free some space or choose another folder") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _copy_file(source: str, target: str) -> str:
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as reader, Path(target).open("wb") as writer:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{source} is no file")
        shutil.copyfileobj(reader, writer, 1 << 20)
    return target


def _reason(error: OSError) -> str:
    """Return why, in words: an error of `shutil` holds a list of errors, each a triple that ends in words."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1]).partition("] ")[2].partition(":")[0] or "it cannot be copied"
    return error.strerror or str(error)
