"""Snapshots: exact, whole or not at all, the last two kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lrscope.config import TrialConfig
from lrscope.errors import StudyError, UnusableStudyError
from lrscope.training.optimizer import build_optimizer
from lrscope.training.snapshot import KEPT, capture, load_snapshot, read_snapshots, restore, write_snapshot

CONFIG = TrialConfig(peak_rate=1e-2)


def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(model, CONFIG)
    for step in range(steps):
        optimizer.zero_grad()
        model(torch.full((2, 3), float(step + 1))).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model, optimizer


def test_what_is_restored_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    model, optimizer = trained(3)
    path = write_snapshot(tmp_path, 3, capture(model, optimizer), {"note": "x"})
    snapshot = load_snapshot(path)
    fresh, other = trained(0)
    restore(snapshot, fresh, other)
    assert (snapshot["step"], snapshot["progress"]) == (3, {"note": "x"})
    for one, two in ((model, optimizer), (fresh, other)):
        two.zero_grad()
        one(torch.full((2, 3), 7.0)).sum().backward()  # type: ignore[no-untyped-call]
        two.step()
    assert torch.equal(model.weight, fresh.weight)  # type: ignore[arg-type]


def test_the_last_ones_are_kept_and_a_spoilt_one_is_passed_over(tmp_path: Path) -> None:
    state = capture(*trained(1))
    paths = [write_snapshot(tmp_path, step, state, {}) for step in (1, 2, 3)]
    assert read_snapshots(tmp_path) == [paths[2], paths[1]]
    assert len(list(tmp_path.iterdir())) == KEPT
    paths[2].write_bytes(paths[2].read_bytes()[:-1])
    assert read_snapshots(tmp_path) == [paths[1]]
    assert read_snapshots(tmp_path / "none") == []


def test_another_model_is_refused() -> None:
    state = capture(*trained(1))
    bigger = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(UnusableStudyError, match="goes on with the model it was taken from"):
        restore(state, bigger, build_optimizer(bigger, CONFIG))


def test_a_full_disk_leaves_the_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = capture(*trained(1))
    first = write_snapshot(tmp_path, 1, state, {})

    def full(*_: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file: No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(StudyError, match="free some space"):
        write_snapshot(tmp_path, 2, state, {})
    assert read_snapshots(tmp_path) == [first]
