"""Hugging Face Trainer: runs that are recorded, and schedules in shares and epochs of the steps that it counts itself.

Trainer(..., callbacks=[Recorder("runs/a", per_example_losses=True)]).train()    # then: lrscope report runs/a runs/b

optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = ScheduledLR(optimizer, "warmup(6%) > cosine(to=0.01)")
Trainer(..., optimizers=(optimizer, scheduler), callbacks=[ScheduleCallback()]).train()
"""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from lrscope.errors import ScheduleError
from lrscope.integrations.torch import ScheduledLR
from lrscope.integrations.trainer_range_test import range_test
from lrscope.runners.external.trainer_recorder import Recorder

__all__ = ["Recorder", "ScheduleCallback", "range_test"]


class ScheduleCallback(TrainerCallback):  # type: ignore[misc]
    """Sets the length of a `ScheduledLR` when training begins: `state.max_steps` updates, accumulation counted in."""

    def on_train_begin(
        self, args: Any, state: Any, control: Any, lr_scheduler: Any = None, train_dataloader: Any = None, **_: Any
    ) -> None:
        """Set the length of the run.

        Raises:
            ScheduleError: the Trainer has another scheduler, or the schedule does not fit its run.
        """
        scheduler = getattr(lr_scheduler, "scheduler", lr_scheduler)  # accelerate may have wrapped it
        if not isinstance(scheduler, ScheduledLR):
            raise ScheduleError(
                f"ScheduleCallback sets the length of a ScheduledLR: the Trainer has {type(scheduler).__name__}; pass "
                "optimizers=(optimizer, ScheduledLR(optimizer, ...))"
            )
        steps_per_epoch = None
        if train_dataloader is not None and hasattr(train_dataloader, "__len__"):
            # Trainer makes an update of an epoch's last, shorter accumulation too.
            steps_per_epoch = max(-(-len(train_dataloader) // args.gradient_accumulation_steps), 1)
        scheduler.resolve_schedule_over(state.max_steps, steps_per_epoch)
