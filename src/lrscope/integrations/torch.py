"""Schedules in a torch loop of your own, and a look at torch's own schedulers.

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = ScheduledLR(optimizer, "warmup(6%) > cosine", total_steps=535, steps_per_epoch=107)
    for batch in batches:
        ...
        optimizer.step()
        scheduler.step()

In Lightning, `configure_optimizers` returns `{"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler,
"interval": "step"}}`, with `total_steps=int(self.trainer.estimated_stepping_batches)`.
"""

from __future__ import annotations

import copy
import itertools
import warnings
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lrscope.errors import ScheduleError
from lrscope.schedules import ResolvedSchedule, Schedule, parse
from lrscope.schedules.lint import Finding, horizon
from lrscope.schedules.phase import phases


class ScheduledLR(LRScheduler):
    """A schedule as a torch scheduler: each group's learning rate is its base rate × the factor of the update to come.

    It counts the optimizer's updates, not its own calls: a call after a step that a gradient scaler skipped, two calls
    after one update, or one call an epoch, all leave every update at the rate that the schedule gives it or gave it
    last. Group rates keep their ratio.

    Without `total_steps` it waits for `lay_over`, as the callback for Hugging Face Trainer calls it.

    Args:
        optimizer: its groups' rates are the peak rates.
        schedule: a schedule or its text.
        total_steps: optimizer updates of the run.
        steps_per_epoch: of them an epoch; needed where a length is written in epochs.

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
    ) -> None:
        self.schedule = parse(schedule)
        if self.schedule.depends_on_metric:
            raise ScheduleError(
                f"a torch scheduler sees no metric: got {self.schedule}; use lrscope's own loop, or torch's "
                "ReduceLROnPlateau"
            )
        self.resolved: ResolvedSchedule | None = None
        self._kept: dict[str, Any] | None = None
        self._updates = 0
        self._peak = float(optimizer.param_groups[0].get("initial_lr", optimizer.param_groups[0]["lr"]))
        if total_steps is not None:
            self.resolved = self._over(total_steps, steps_per_epoch)
        super().__init__(optimizer)
        optimizer.register_step_post_hook(self._count)

    def resolve_schedule_over(self, total_steps: int, steps_per_epoch: int | None = None) -> None:
        """Say how many updates the run makes, before its first one.

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
        """Set the rates of the update to come."""
        if self._is_initial:
            super().step()
            return
        if self.resolved is None:
            raise ScheduleError(
                "a schedule is laid over a run before its first step: its length is missing; give total_steps=, or add "
                "lrscope.integrations.transformers.ScheduleCallback to the Trainer"
            )
        self.last_epoch = self._updates - 1
        with warnings.catch_warnings():
            # torch warns of a call without an update before it; here such a call changes nothing.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step")
            super().step()

    def state_dict(self) -> dict[str, Any]:
        """Return the step, the text and the horizon: plain values, as `torch.load(weights_only=True)` wants them."""
        return {"step": self._updates, **self._identity(), "base_rates": [float(base) for base in self.base_lrs]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a state.

        Raises:
            ScheduleError: it was made under another schedule or horizon.
        """
        self._require_same(state_dict)
        self._kept = dict(state_dict)
        self._updates = int(state_dict["step"])
        self.base_lrs = list(state_dict["base_rates"])
        self._set_rates()

    def _over(self, total_steps: int, steps_per_epoch: int | None) -> ResolvedSchedule:
        units = {duration.unit for phase in phases(self.schedule) for _, _, duration in phase.durations()}
        if steps_per_epoch is None and "ep" in units:
            raise ScheduleError(
                f"{self.schedule} counts in epochs: the steps an epoch are missing; give steps_per_epoch="
            )
        return self.schedule.resolve(
            total_steps=total_steps, steps_per_epoch=steps_per_epoch or total_steps, peak_rate=self._peak
        )

    def _identity(self) -> dict[str, Any]:
        resolved = self.resolved
        return {
            "schedule": str(self.schedule),
            "total_steps": None if resolved is None else resolved.total_steps,
            "steps_per_epoch": None if resolved is None else resolved.steps_per_epoch,
        }

    def _require_same(self, state: dict[str, Any]) -> None:
        ours = self._identity()
        theirs = {name: state.get(name) for name in ours}
        if self.resolved is None:  # the horizon is compared when it is known
            ours, theirs = {"schedule": ours["schedule"]}, {"schedule": theirs["schedule"]}
        if ours != theirs:
            raise ScheduleError(
                f"a run goes on under the schedule and horizon it began with: got {self.schedule} over "
                f"{ours.get('total_steps')} steps, the state has {state.get('schedule')} over "
                f"{state.get('total_steps')}; build the same scheduler, or start a new run"
            )

    def _set_rates(self) -> None:
        self.last_epoch = self._updates
        for group, rate in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _count(self, optimizer: Optimizer, *_: Any) -> None:
        # A fused optimizer is called even where the scaler found infinities, and skips the update itself.
        found = getattr(optimizer, "found_inf", None)
        if found is None or not float(found):
            self._updates += 1


def preview(scheduler: LRScheduler, num_steps: int) -> list[float]:
    """Return the first group's rates that a torch scheduler will give to the next updates, stepped once an update.

    The scheduler and its optimizer stay as they are.
    """
    if isinstance(scheduler, ReduceLROnPlateau):
        raise ScheduleError("ReduceLROnPlateau depends on a metric: its rates cannot be known before; watch it instead")
    groups = scheduler.optimizer.param_groups
    stand_in = torch.optim.SGD([dict(params=[torch.zeros(1, requires_grad=True)], lr=0.0) for _ in groups])
    for stand, group in zip(stand_in.param_groups, groups, strict=True):
        # Some schedulers keep their own figures in the groups.
        stand.update({name: value for name, value in group.items() if name == "lr" or name not in stand})
    twin = copy.deepcopy(scheduler, {id(scheduler.optimizer): stand_in})
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(num_steps):
            rates.append(float(stand_in.param_groups[0]["lr"]))
            stand_in.step()
            twin.step()
    return rates


def lint_scheduler(scheduler: LRScheduler, num_steps: int) -> list[Finding]:
    """Return what is likely wrong with a torch scheduler that will be stepped once in each of `num_steps` updates.

    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.5)
    >>> cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
    >>> print(lint_scheduler(cosine, 535)[0])
    error: CosineAnnealingLR(T_max=5) is periodic and will rise again 53 times in 535 steps; did you mean T_max=535?
    """
    name = type(scheduler).__name__
    rates = preview(scheduler, num_steps)
    rises = _rises(rates)
    period = getattr(scheduler, "T_max", None)
    findings = []
    if isinstance(period, int) and period != num_steps:
        called = f"{name}(T_max={period})"
        if rises:
            sentence = f"{called} is periodic and will rise again {rises} times in {num_steps} steps"
            findings.append(Finding("error", "rises again", sentence, f"did you mean T_max={num_steps}?"))
        else:
            findings += horizon(period, num_steps, called)
    elif rises and name not in ("CosineAnnealingWarmRestarts", "CyclicLR"):
        sentence = f"{name} will rise again {rises} times in {num_steps} steps after it fell"
        findings.append(Finding("warning", "rises again", sentence, "lengthen its period to the run"))
    zero = [step for step, rate in enumerate(rates) if rate == 0.0]
    if zero:
        sentence = f"{len(zero)} of {num_steps} steps run at rate 0, the first one at step {zero[0]}"
        findings.append(Finding("warning", "rate zero", sentence, "they cost time and change nothing"))
    return findings


def _rises(rates: list[float]) -> int:
    """Return how often the rate turns upwards after it has fallen."""
    count, falling = 0, False
    for before, after in itertools.pairwise(rates):
        if after < before:
            falling = True
        elif after > before and falling:
            count, falling = count + 1, False
    return count
