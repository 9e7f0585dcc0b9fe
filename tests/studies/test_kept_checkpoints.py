"""Checkpoints that a study keeps have one file for the tokenizer that is the same in all of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.sft import SftToy

from lrscope.config import SweepConfig
from lrscope.workflows.sweep import resume_sweep, sweep

GRID = {"train_part": ["lora"], "lora_rank": [2, 4], "peak_rate": [1e-2]}


def swept(toy: SftToy, folder: Path, **settings: Any) -> Path:
    asked = SweepConfig(**{"grid": GRID, "seeds": 2, "keep": "all", **settings})
    sweep(replace(toy.config(epochs=1), sweep=asked), folder)
    return folder


def disk(folder: Path) -> int:
    """Return the bytes that the trials' files take, each counted once however many names it has."""
    files = {path.stat().st_ino: path.stat().st_size for path in files_in(folder)}
    return sum(files.values())


def files_in(folder: Path) -> Iterator[Path]:
    return (path for path in (folder / "trials").rglob("*") if path.is_file())


def tokenizers(folder: Path) -> list[Path]:
    return sorted(path for path in files_in(folder) if path.name == "tokenizer.json")


def test_a_tokenizer_is_kept_once(sft_toy: SftToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = swept(sft_toy, tmp_path / "shared")
    assert len(tokenizers(shared)) == 8
    assert len({path.stat().st_ino for path in tokenizers(shared)}) == 1
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        copied = swept(sft_toy, tmp_path / "copied")
    assert [path.read_bytes() for path in tokenizers(copied)] == [path.read_bytes() for path in tokenizers(shared)]
    assert [path.relative_to(copied) for path in sorted(files_in(copied))] == [
        path.relative_to(shared) for path in sorted(files_in(shared))
    ]
    size = tokenizers(shared)[0].stat().st_size
    assert disk(copied) - disk(shared) == 7 * size


def refuse(*_: Any) -> None:
    raise OSError("this file system has no links")


def test_what_a_better_run_takes_the_place_of_is_no_loss(sft_toy: SftToy, tmp_path: Path) -> None:
    folder = swept(sft_toy, tmp_path / "best", keep="best", seeds=1)
    text = tokenizers(folder)[0].read_bytes()
    resume_sweep(folder, extension={"seeds": 4})
    kept = tokenizers(folder)
    assert len(kept) == 2, "one of each setting"
    assert len({path.stat().st_ino for path in kept}) == 1
    assert kept[0].read_bytes() == text
