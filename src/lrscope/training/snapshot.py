"""Exact capture and restore: all that a run needs to go on as if it had never stopped.

A snapshot holds the trained weights, the buffers, the optimizer's state and the step. Random generators need no
place in it: each is derived from (seed, purpose, step). Its file is named `step-<steps done>-<digest>.pt`, and is
used only if its bytes still have that digest; the last two are kept, so one spoilt file costs one interval.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from lrscope.errors import StudyError, UnusableStudyError
from lrscope.files import replacing

KEPT = 2
_NAME = re.compile(r"step-(\d{8})-([0-9a-f]{16})\.pt")


def capture(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Return the state of a model and its optimizer at a step boundary. Tensors are shared, not copied."""
    return {
        "weights": {name: p.detach() for name, p in model.named_parameters() if p.requires_grad},
        "buffers": dict(model.named_buffers()),
        "optimizer": optimizer.state_dict(),
    }


@torch.no_grad()
def restore(state: dict[str, Any], model: nn.Module, optimizer: Optimizer) -> None:
    """Put a captured state back, exactly.

    Raises:
        UnusableStudyError: it was captured from a model with other trained weights.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if set(trained) != set(state["weights"]):
        raise UnusableStudyError(
            "a snapshot goes on with the model it was taken from: these weights are others; run anew"
        )
    for name, parameter in trained.items():
        parameter.copy_(state["weights"][name])
    for name, buffer in model.named_buffers():
        buffer.copy_(state["buffers"][name])
    optimizer.load_state_dict(state["optimizer"])


def write_snapshot(folder: Path, step: int, state: dict[str, Any], progress: dict[str, Any]) -> Path:
    """Write a snapshot of the state after `step` updates, whole or not at all; older ones but the last go.

    `progress` is plain values (numbers, texts, lists) that the caller wants back.

    Raises:
        StudyError: the folder cannot be written, or the disk is full; older snapshots are untouched.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudyError(f"cannot write {folder}: {error.strerror or error}; free some space") from error
    with replacing(folder / "writing.pt") as temporary:
        try:
            torch.save({**state, "step": step, "progress": progress}, temporary)
        except RuntimeError as error:  # what torch's writer makes of a full disk
            raise OSError(str(error).splitlines()[0]) from error
        digest = _digest(temporary)
    path = folder / f"step-{step:08d}-{digest}.pt"
    (folder / "writing.pt").replace(path)
    for old in _snapshots(folder)[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def read_snapshots(folder: Path) -> list[Path]:
    """Return the snapshots in `folder` whose bytes are whole, the newest first."""
    return [path for path in _snapshots(folder) if _digest(path) == _NAME.fullmatch(path.name)[2]]  # type: ignore[index]


def load_snapshot(path: Path) -> dict[str, Any]:
    """Return a snapshot's content, tensors on the processor. Nothing in the file is executed."""
    return torch.load(path, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]


def _snapshots(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
