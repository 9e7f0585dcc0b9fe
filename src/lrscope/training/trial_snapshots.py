"""A trial's snapshots: taken under its schedule and horizon, and given back under no others."""

from __future__ import annotations

import shutil
from pathlib import Path
from time import monotonic

from torch import nn
from torch.optim import Optimizer

from lrscope.errors import UnusableStudyError
from lrscope.schedules import ResolvedSchedule
from lrscope.training.running_mean import RunningMean
from lrscope.training.snapshot import capture, load_snapshot, read_snapshots, restore, write_snapshot


class TrialSnapshots:
    """The snapshots in a trial's folder."""

    def __init__(self, folder: Path, schedule: ResolvedSchedule, seconds: float) -> None:
        self.folder, self.schedule, self.seconds = folder / "snapshots", schedule, seconds
        self._last = monotonic()
        self.step = 0  # of the last one

    def write(self, done: int, model: nn.Module, optimizer: Optimizer, means: RunningMean) -> None:
        """Write the state after so many steps, and the means that are being gathered.

        Raises:
            StudyError: the folder cannot be written, or the disk is full.
        """
        progress = {
            "schedule": self.schedule.text,
            "total_steps": self.schedule.total_steps,
            "epoch_means": means.state,
        }
        write_snapshot(self.folder, done, capture(model, optimizer), progress)
        self._last, self.step = monotonic(), done

    @property
    def is_due(self) -> bool:
        """Return whether the last one was taken so long ago that another is due."""
        return monotonic() - self._last > self.seconds

    def restore_latest(self, model: nn.Module, optimizer: Optimizer) -> tuple[int, RunningMean]:
        """Restore the newest whole snapshot, if any; return how many steps are done, and the means so far.

        Raises:
            UnusableStudyError: it was taken under another schedule or horizon, or from another model.
        """
        self._last, self.step = monotonic(), 0
        for path in read_snapshots(self.folder):
            snapshot = load_snapshot(path)
            progress = snapshot["progress"]
            kept = (progress["schedule"], progress["total_steps"])
            if kept != (self.schedule.text, self.schedule.total_steps):
                raise UnusableStudyError(
                    f"a run goes on under the schedule and horizon it began with: got {self.schedule.text} over "
                    f"{self.schedule.total_steps} steps, the snapshot has {kept[0]} over {kept[1]}; start a new run "
                    "with --out"
                )
            restore(snapshot, model, optimizer)
            self.step = int(snapshot["step"])
            return self.step, RunningMean(progress["epoch_means"])
        return 0, RunningMean()

    def remove(self) -> None:
        """Remove them all: the trial has ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
