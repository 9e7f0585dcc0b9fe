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

from lrscope.integrations.scheduled_lr import ScheduledLR
from lrscope.integrations.scheduler_lint import lint_scheduler, preview

__all__ = ["ScheduledLR", "lint_scheduler", "preview"]
