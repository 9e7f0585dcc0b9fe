"""Checkpoints that transformers loads: config.json, the tokenizer, and the weights last, whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from lrscope.errors import StudyError
from lrscope.files import replacing, write_text
from lrscope.models.checkpoints import read_safetensors
from lrscope.models.tokenizers import TextTokenizer

WEIGHTS = "model.safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
FILES = (WEIGHTS, ADAPTER_WEIGHTS)


def write_checkpoint(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any], tokenizer: TextTokenizer, *,
    metadata: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Write a checkpoint, in place of an older one of the same study if there is one.

    Raises:
        StudyError: the folder cannot be written, or the disk is full; the older weights are untouched.
    """
    make_folder(folder)
    write_text(folder / "config.json", json.dumps(dict(config), indent=2) + "\n")
    if not (folder / "tokenizer.json").is_file():
        tokenizer.save(folder)
    write_tensors(folder, WEIGHTS, tensors, metadata)


def write_tensors(
    folder: Path, name: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write a file of tensors, whole or not at all.

    Raises:
        StudyError: it cannot be written; an older one is untouched.
    """
    from safetensors.torch import save_file

    make_folder(folder)
    stored = {key: tensor.contiguous().cpu() for key, tensor in tensors.items()}
    with replacing(folder / name) as temporary:
        try:
            save_file(stored, temporary, {"format": "pt", **(metadata or {})})
        except Exception as error:  # safetensors raises its own kind where the disk is full
            raise OSError(str(error)) from error


def link_checkpoint(source: Path, target: Path) -> None:
    """Make `target` a folder with the same files: hard links where the file system has them, copies elsewhere.

    Raises:
        StudyError: it cannot be written.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        # The weights come last: a reader who sees them sees what belongs to them.
        for path in sorted(source.iterdir(), key=lambda path: path.name in FILES):
            if path.name.startswith("."):
                continue
            temporary = target / f".{path.name}.{os.getpid()}.tmp"
            temporary.unlink(missing_ok=True)
            try:
                os.link(path, temporary)
            except OSError:
                shutil.copyfile(path, temporary)
            temporary.replace(target / path.name)
            # Renaming a link over another link to the same file does nothing, and leaves it behind.
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StudyError(f"cannot write {target}: {error.strerror or error}; free some space") from error


def weights_in(folder: Path) -> Path | None:
    """Return the file of a checkpoint's weights or adapters, None where there is none."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def read_weights(folder: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint, of a whole model or of adapters.

    Raises:
        CheckpointError: there are none.
    """
    return read_safetensors(weights_in(folder) or folder / WEIGHTS)[0]


def metadata_in(folder: Path) -> dict[str, str]:
    """Return what the file of a checkpoint's weights says of itself.

    Raises:
        CheckpointError: there are none.
    """
    return read_safetensors(weights_in(folder) or folder / WEIGHTS, with_tensors=False)[1]


def make_folder(folder: Path) -> None:
    """Make a folder for a checkpoint.

    Raises:
        StudyError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot write {folder}: {error.strerror or error}; choose another folder") from error
