"""A schedule of lrscope as a torch scheduler."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lrscope.errors import ScheduleError
from lrscope.number_text import format_rate
from lrscope.schedules import ResolvedSchedule, Schedule, parse
from lrscope.schedules.phase import phases


class ScheduledLR(LRScheduler):
    """A schedule as a torch scheduler: each group's learning rate is its base rate × the factor of the update to come.

    It counts the optimizer's updates, not its own calls: a call after a step that a gradient scaler skipped, two calls
    after one update, or one call an epoch, all leave every update at the rate that the schedule gives it or gave it
    last. Group rates keep their ratio. In torch's `SequentialLR` it begins at its milestone, as torch's own do, and
    `total_steps` are those of its part of the run.

    Without `total_steps` it waits for `resolve_schedule_over`, which the callback for Hugging Face Trainer calls.

    Args:
        optimizer: its groups' rates are the peak rates.
        schedule: a schedule or its text.
        total_steps: optimizer updates of the run.
        steps_per_epoch: updates per epoch; needed where a length is written in epochs or in tokens.
        tokens_per_epoch: tokens that the model reads in an epoch; needed where a length is written in tokens.

    Raises:
        ScheduleError: the schedule does not fit, or depends on a metric.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> scheduler = ScheduledLR(optimizer, "linear", total_steps=4, steps_per_epoch=4)
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    >>> scheduler.get_last_lr()
    [0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: Schedule | str,
        *,
        total_steps: int | None = None,
        steps_per_epoch: int | None = None,
        tokens_per_epoch: int | None = None,
    ) -> None:
        self.schedule = parse(schedule)
        self._tokens_per_epoch = tokens_per_epoch
        if self.schedule.depends_on_metric:
            raise ScheduleError(
                f"a torch scheduler sees no metric: got {self.schedule}; use lrscope's own loop, or torch's "
                "ReduceLROnPlateau"
            )
        self.resolved: ResolvedSchedule | None = None
        self._kept: dict[str, Any] | None = None
        self._updates = 0
        self._start = 0  # how many updates had been made when its first step began
        self._peak = float(optimizer.param_groups[0].get("initial_lr", optimizer.param_groups[0]["lr"]))
        if total_steps is not None:
            self.resolved = self._over(total_steps, steps_per_epoch)
        super().__init__(optimizer)
        optimizer.register_step_post_hook(self._count)

    def resolve_schedule_over(self, total_steps: int, steps_per_epoch: int | None = None) -> None:
        """Set how many updates the run makes, before its first one.

        Raises:
            ScheduleError: the schedule does not fit, or a state was loaded that was made over another run.
        """
        self.resolved = self._over(total_steps, steps_per_epoch)
        if self._kept is not None:
            self._require_same(self._kept)
        self._set_rates()

    def get_lr(self) -> list[float | torch.Tensor]:
        """Return each group's rate for the update to come."""
        factor = 1.0 if self.resolved is None else self.resolved(max(self.last_epoch, 0))
        return [base * factor for base in self.base_lrs]

    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the update to come; `epoch` is what SequentialLR gives, up to torch 2.8, when it begins."""
        if epoch is not None:
            self._begin(epoch)
            return
        if self._is_initial:
            super().step()
            return
        self._require_horizon()
        self.last_epoch = self._updates - self._start - 1
        with warnings.catch_warnings():
            # torch warns of a call without an update before it; here such a call changes nothing.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            super().step()

    def state_dict(self) -> dict[str, Any]:
        """Return the step, the text and the horizon: plain values, as `torch.load(weights_only=True)` wants them."""
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        return {
            "step": self._updates,
            "start": self._start if self.last_epoch >= 0 else None,  # SequentialLR leaves -1 in those that wait
            "applies": rates == [float(rate) for rate in self._last_lr],
            **self._identity(),
            "base_rates": [float(base) for base in self.base_lrs],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            ScheduleError: it was made under another schedule or horizon.
        """
        self._require_same(state_dict)
        self._kept = dict(state_dict)
        self._updates = int(state_dict["step"])
        self.base_lrs = list(state_dict["base_rates"])
        start = state_dict.get("start", 0)
        if start is None:
            return
        self._start = int(start)
        self.last_epoch = self._updates - self._start
        if state_dict.get("applies", True):  # in a SequentialLR, another one's rates may be in force
            self._set_rates()

    def __repr__(self) -> str:
        if self.resolved is None:
            return f"<ScheduledLR {self.schedule}: the length of the run is not known yet>"
        rates = ", ".join(format_rate(float(f"{float(rate):.3g}")) for rate in self._last_lr)
        return f"<ScheduledLR {self.schedule}: step {self._updates:,} of {self.resolved.total_steps:,}, rate {rates}>"

    def _over(self, total_steps: int, steps_per_epoch: int | None) -> ResolvedSchedule:
        units = {duration.unit for phase in phases(self.schedule) for _, _, duration in phase.durations()}
        if steps_per_epoch is None and units & {"ep", "tok"}:
            counts = "epochs" if "ep" in units else "tokens"
            raise ScheduleError(
                f"{self.schedule} counts in {counts}: the steps per epoch are missing; give steps_per_epoch="
            )
        if self._tokens_per_epoch is None and "tok" in units:
            raise ScheduleError(
                f"{self.schedule} counts in tokens: the tokens per epoch are missing; give tokens_per_epoch="
            )
        return self.schedule.resolve(
            total_steps=total_steps,
            steps_per_epoch=steps_per_epoch or total_steps,
            peak_rate=self._peak,
            tokens_per_epoch=self._tokens_per_epoch,
        )

    def _identity(self) -> dict[str, Any]:
        resolved = self.resolved
        return {
            "schedule": str(self.schedule),
            "total_steps": None if resolved is None else resolved.total_steps,
            "steps_per_epoch": None if resolved is None else resolved.steps_per_epoch,
            "tokens_per_epoch": self._tokens_per_epoch,
        }

    def _require_same(self, state: dict[str, Any]) -> None:
        ours = self._identity()
        theirs = {name: state.get(name) for name in ours}
        if self.resolved is None:  # the horizon is compared when it is known
            ours, theirs = {"schedule": ours["schedule"]}, {"schedule": theirs["schedule"]}
        if ours != theirs:
            raise ScheduleError(
                f"a resumed run keeps the schedule and the length that it began with: got {self.schedule} over "
                f"{ours.get('total_steps')} steps, the state has {state.get('schedule')} over "
                f"{state.get('total_steps')}; build the same scheduler, or start a new run"
            )

    def _update_lr(self, epoch: int | None = None) -> None:
        """Set the rates; SequentialLR gives `epoch` when it begins."""
        if epoch is None:
            super()._update_lr()
        else:
            self._begin(epoch)

    def _begin(self, epoch: int) -> None:
        """Begin in a SequentialLR, at this one of its own steps."""
        self._require_horizon()
        self._start = self._updates - epoch
        self._set_rates()

    def _require_horizon(self) -> None:
        if self.resolved is None:
            raise ScheduleError(
                "a schedule needs the length of the run before its first step: it is missing; give total_steps=, or "
                "add lrscope.integrations.transformers.ScheduleCallback to the Trainer"
            )

    def _set_rates(self) -> None:
        self.last_epoch = self._updates - self._start
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _count(self, optimizer: Optimizer, *_: Any) -> None:
        # A fused optimizer is called even where the scaler found infinities, and skips the update itself.
        found_inf = getattr(optimizer, "found_inf", None)
        if found_inf is None or not float(found_inf):
            self._updates += 1
