"""A range test of any torch model, which it leaves exactly as it was.

result = RangeTest(model, optimizer, loss_fn, loader).run(start=1e-7, end=1e-2, steps=100)
result.plot("range-test.png"), result.suggestions, result.bracket
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.errors import ConfigError
from lrscope.range_test.curve import Curve
from lrscope.range_test.result import RangeTestResult
from lrscope.schedules.ramp import RAMP_ENDED, WIDEN_BY, Ramp
from lrscope.training.preserve import preserved
from lrscope.training.ramped import RampStep, ramped_steps


def require_no_scheduler(optimizer: Optimizer) -> None:
    """Refuse an optimizer whose rates something else sets.

    Raises:
        ConfigError: a scheduler is attached to it.
    """
    if hasattr(optimizer.step, "_wrapped_by_lr_sched") or any("initial_lr" in g for g in optimizer.param_groups):
        raise ConfigError(
            "a range test sets the rates itself: got an optimizer with a scheduler attached; make the scheduler after "
            "the test"
        )


class RangeTest:
    """A range test that is ready to run.

    Args:
        model: any torch model; what trains is what its optimizer holds.
        optimizer: the optimizer that training will use, before a scheduler is attached to it. The ratios of its groups'
            rates are kept.
        loss_fn: (model, batch) → scalar loss; or a criterion, an `nn.Module`, which is given model(inputs) and targets
            of batches (inputs, targets).
        loader: batches to train on; it begins anew where it is too short.

    Raises:
        ConfigError: nothing trains, or the optimizer has a scheduler.

    >>> _ = torch.manual_seed(0)
    >>> model = nn.Linear(4, 1)
    >>> x, y = torch.randn(64, 4), torch.randn(64, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> before = model.weight.clone()
    >>> result = RangeTest(model, optimizer, nn.MSELoss(), [(x, y)]).run(start=1e-4, end=10.0, steps=60)
    >>> bool((model.weight == before).all()), result.curves[0].diverged_at is not None
    (True, True)
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss_fn: Callable[[nn.Module, Any], Tensor] | nn.Module,
        loader: Iterable[Any],
    ) -> None:
        self.model, self.optimizer, self.loss_fn, self.loader = model, optimizer, loss_fn, loader
        if not any(p.requires_grad for group in optimizer.param_groups for p in group["params"]):
            raise ConfigError("a range test trains: got an optimizer with no parameter that requires a gradient")
        require_no_scheduler(optimizer)

    def run(
        self,
        *,
        start: float = 1e-7,
        end: float = 1e-2,
        steps: int = 100,
        kind: Literal["exponential", "linear"] = "exponential",
        widen: bool = True,
        group: int | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        on_step: Callable[[int, float, float], None] | None = None,
    ) -> RangeTestResult:
        """Train under the ramp, put everything back, and return the curve and what it says.

        Args:
            start: first rate of the largest group.
            end: last rate.
            steps: optimizer updates from one to the other.
            kind: how the rate rises.
            widen: where the loss has not risen by `end`, go on at the same pace, two decades at most.
            group: the only parameter group that is ramped, the others keep their rates; None for all.
            accumulate: batches an update.
            clip_norm: largest gradient norm.
            on_step: called after every update with its number, rate and loss.

        Raises:
            ScheduleError: the ramp does not rise.
            ConfigError: the loss is no scalar, a group that does not exist, an empty loader.
        """
        ramp = Ramp(start, end, steps, kind)
        if accumulate < 1:
            raise ConfigError(f"accumulate counts batches an update, at least 1: got {accumulate}")
        notes: list[str] = []
        modules = [self.model] + ([self.loss_fn] if isinstance(self.loss_fn, nn.Module) else [])
        found: list[RampStep] = []
        with preserved(*modules, optimizer=self.optimizer, loader=self.loader):
            self._tie_groups(group)
            course = ramped_steps(
                self.model, self.optimizer, self._batches(accumulate, notes), self._loss, ramp,
                widen_to=end * WIDEN_BY if widen else None, clip_norm=clip_norm,
            )  # fmt: skip
            for step in course:
                found.append(step)
                if on_step is not None:
                    on_step(step.record.step, step.record.learning_rate, step.record.loss)
        if not found:
            raise ConfigError("a range test needs batches: got a loader without any")
        rates, losses = [s.record.learning_rate for s in found], [s.record.loss for s in found]
        why = found[-1].end_reason or "the batches ended"
        rose = bool(found[-1].end_reason) and found[-1].end_reason != RAMP_ENDED
        return RangeTestResult((Curve.of(rates, losses, end_reason=why, rose=rose),), tuple(notes))

    def _tie_groups(self, only: int | None) -> None:
        """Give each group its share of the largest group's rate; all but `only` are held where one is ramped alone."""
        groups = self.optimizer.param_groups
        if only is not None:
            if not 0 <= only < len(groups):
                raise ConfigError(f"group is the number of a parameter group, 0 to {len(groups) - 1}: got {only}")
            for number, settings in enumerate(groups):
                settings["multiplier"] = 1.0 if number == only else None
            return
        largest = max(float(settings["lr"]) for settings in groups)
        for settings in groups:
            settings["multiplier"] = float(settings["lr"]) / largest if largest > 0 else 1.0

    def _batches(self, accumulate: int, notes: list[str]) -> Iterator[Iterator[Any]]:
        """Yield batches, `accumulate` a step, from the beginning again where the loader ends."""
        stream = self._stream(notes)
        while True:
            batches = list(itertools.islice(stream, accumulate))
            if not batches:
                return
            yield iter(batches)

    def _stream(self, notes: list[str]) -> Iterator[Any]:
        while True:
            iterator = iter(self.loader)
            rewinds = iterator is not self.loader
            if not rewinds:
                text = "the loader is an iterator, which cannot be rewound: what the test takes from it is gone"
                warnings.warn(text, stacklevel=2)
                notes.append(text)
            number = 0
            for batch in iterator:
                number += 1
                yield batch
            if not number or not rewinds:
                return

    def _loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, float]:
        if isinstance(self.loss_fn, nn.Module):
            inputs, targets = batch
            loss = self.loss_fn(model(inputs), targets)
        else:
            loss = self.loss_fn(model, batch)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            got = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else type(loss).__name__
            raise ConfigError(f"a loss is one number: got {got}; take its mean")
        return loss.reshape(()), 1.0
