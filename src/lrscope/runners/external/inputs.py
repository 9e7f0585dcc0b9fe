"""What a study of the user's own training is made of, checked before anything runs, with a digest of each input."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from lrscope.config import ExternalStudy
from lrscope.errors import ConfigError, DataError
from lrscope.runners.external.placeholders import names_in, render_template
from lrscope.runs.metric import ARGUMENTS, OPTIONS, Asking, choose_metric

OWN_NAMES = ("lr", "seed", "out", "checkpoint", "port")  # placeholders that lrscope always fills in
# What people write for a placeholder of ours.
MEANT = {
    "lr": ("learning_rate", "rate", "peak_rate", "lrs", "lrr", "learningrate"),
    "seed": ("sed", "random_seed", "rng", "seeds"),
    "out": ("output_dir", "output", "outdir", "out_dir", "output_folder"),
}
SCRIPTS = (".py", ".sh", ".yaml", ".yml", ".json", ".toml")
LARGE_BYTES = 2**28  # of larger files the size, the beginning and the end are compared
END_BYTES = 2**20


def asking_of(study: ExternalStudy) -> Asking:
    """Return how whoever began a study asks for what its runs are compared by."""
    return OPTIONS if study.trainer.function is None else ARGUMENTS


def check_direction(study: ExternalStudy, asking: Asking | None = None) -> None:
    """Refuse a metric whose direction nobody knows, before hours are spent on it; `asking` is how it is asked for.

    Raises:
        ConfigError: its name does not tell, and nobody says.
    """
    trainer = study.trainer
    if trainer.metric is not None:
        try:
            choose_metric([trainer.metric], trainer.metric, trainer.direction, asking or asking_of(study))
        except DataError as error:
            raise ConfigError(str(error)) from None


def check_command(study: ExternalStudy) -> tuple[str, ...]:
    """Return notes on a command; what it names must be there, and every setting must reach it.

    Raises:
        ConfigError: a placeholder is unknown or missing, a setting is not used, the program is not there.
    """
    command, trial, sweep = study.trainer.command, study.trial, study.sweep
    assert command is not None
    settings = {*trial.settings, *(name for name in (sweep.grid if sweep else {}) if name != "peak_rate")}
    length = {name for name in ("epochs", "steps") if getattr(trial, name) is not None}
    known = {*OWN_NAMES, *settings, *length, *(["config"] if study.trainer.template else [])}
    used = frozenset[str]().union(*map(names_in, command))
    if unknown := sorted(used - known):
        raise ConfigError(_unknown(unknown[0], known))
    if study.trainer.template is not None:
        if "config" not in used:
            raise ConfigError("a command is given its --template as {config}: got a command without it; add {config}")
        used |= render_template(Path(study.trainer.template), dict.fromkeys(known, "")).used
    where = "the command or its template" if study.trainer.template else "the command"
    if "lr" not in used:
        raise ConfigError(f"{where} says where the learning rate goes: got no {{lr}}; write --learning_rate {{lr}}")
    for name in sorted((settings | length) - used):
        raise ConfigError(
            f"a setting is used by the training: got no {{{name}}} in {where}; add it, or leave {name} out"
        )
    _check_program(study, command[0])
    return (*_notes(study, used),)


def _unknown(name: str, known: set[str]) -> str:
    meant = next((each for each, names in MEANT.items() if name.lower() in names), None)
    if meant is not None and meant in known:
        way_out = f"write {{{meant}}}"
    elif name in ("epochs", "steps"):
        way_out = f"add --{name} N"
    elif name == "config":
        way_out = "add --template FILE"
    else:
        way_out = f"add --set {name}=VALUE, or write {{{{{name}}}}} for the text {{{name}}}"
    return f"a placeholder has a value ({', '.join(sorted(known))}): got {{{name}}}; {way_out}"


def _check_program(study: ExternalStudy, program: str) -> None:
    if names_in(program):
        return
    folder = Path(study.trainer.folder or ".")
    if not folder.is_dir():
        raise ConfigError(f"a command runs in a folder: got {folder}, which is not there")
    path = folder / program
    found = path.exists() if Path(program).parent != Path() else shutil.which(program) is not None
    if not found:
        raise ConfigError(f"a command begins with a program: got {program!r}, which is not found; correct its path")


def _notes(study: ExternalStudy, used: frozenset[str]) -> list[str]:
    notes = []
    if "seed" not in used:
        notes.append(
            "THE SEED DOES NOT REACH THE TRAINING: there is no {seed} in the command or its template, so runs at other "
            "seeds may be the same run again; add --seed {seed}"
        )
    if "out" not in used:
        notes.append(
            "there is no {out} in the command: results are read from what it prints alone; add --output_dir {out}"
        )
    return notes


def fingerprint(study: ExternalStudy) -> dict[str, str]:
    """Return a digest of the command, of the scripts in it, of its template and of each input that was named.

    Raises:
        DataError: an input cannot be read.
    """
    words = json.dumps(study.trainer.command)
    named = {"command": hashlib.blake2b(words.encode(), digest_size=16).hexdigest()}
    return {
        **named,
        **{name: digest(Path(path)) for name, path in study.input_paths.items()},
        **{word: digest(path) for word, path in _scripts(study).items()},
    }


def _scripts(study: ExternalStudy) -> dict[str, Path]:
    """Return the scripts and configuration files that stand in the command, by the words that they are there."""
    folder = Path(study.trainer.folder or ".")
    words = [word for word in study.trainer.command or () if Path(word).suffix in SCRIPTS and not names_in(word)]
    return {word: folder / word for word in words if (folder / word).is_file()}


def digest(path: Path) -> str:
    """Return a digest of a file, or of a folder by the names and contents of its files.

    Raises:
        DataError: it cannot be read.
    """
    total = hashlib.blake2b(digest_size=16)
    try:
        files: Mapping[str, Path] = {"": path}
        if path.is_dir():
            files = {each.relative_to(path).as_posix(): each for each in sorted(path.rglob("*")) if each.is_file()}
        for name, file in files.items():
            size = file.stat().st_size
            total.update(f"{name}\0{size}\0".encode())
            with file.open("rb") as stream:
                if size <= LARGE_BYTES:
                    while block := stream.read(END_BYTES):
                        total.update(block)
                else:
                    total.update(stream.read(END_BYTES))
                    stream.seek(size - END_BYTES)
                    total.update(stream.read(END_BYTES))
    except OSError as error:
        raise DataError(f"an input of the command must be readable: got {path}: {error.strerror or error}") from error
    return total.hexdigest()
