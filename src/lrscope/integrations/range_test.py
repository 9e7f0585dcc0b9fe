"""A range test of any torch model, which it leaves exactly as it was.

result = RangeTest(model, optimizer, loss_fn, loader).run(start=1e-7, end=1e-2, steps=100)
result.plot("range-test.png"), result.suggestions, result.bracket
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lrscope.errors import ConfigError
from lrscope.integrations.batch_loss import LossFunction, batch_loss
from lrscope.integrations.ranks import mean_over_ranks, on_any_rank
from lrscope.number_text import counted
from lrscope.range_test.curve import Curve
from lrscope.range_test.result import RangeTestResult
from lrscope.schedules.ramp import RAMP_ENDED, WIDEN_BY, Ramp
from lrscope.training.preserve import preserved, seed_generators
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


def require_rates(optimizer: Optimizer) -> None:
    """Refuse an optimizer whose groups have no rates of their own: their ratios are kept under the ramp.

    Raises:
        ConfigError: a rate is None or no positive number, or all of them are 0.
    """
    rates = [group.get("lr") for group in optimizer.param_groups]
    if None in rates or any(group.get("relative_step") for group in optimizer.param_groups):
        raise ConfigError(
            f"a range test sets the learning rate: got {type(optimizer).__name__}, which computes its own; build it "
            "with lr=1e-3, relative_step=False"
        )
    numbers = [float(rate) for rate in rates if rate is not None]
    if not all(math.isfinite(rate) and rate >= 0 for rate in numbers) or max(numbers, default=0.0) == 0:
        got = ", ".join(f"{rate:g}" for rate in numbers)
        raise ConfigError(
            f"a range test keeps the ratios of the groups' learning rates: got {got}; give the optimizer one above 0, "
            "such as lr=1e-3"
        )


def ended_early(num_steps: int, steps: int) -> ConfigError:
    """Return the error of batches that ended before the ramp did."""
    return ConfigError(
        f"a range test needs batches for all of its steps: the batches ended after {counted(num_steps, 'step')} of "
        f"{steps}; pass what can be iterated again, such as a DataLoader, or set fewer steps"
    )


def require_seeds(seeds: int) -> None:
    """Refuse a number of seeds below 1."""
    if seeds < 1:
        raise ConfigError(f"seeds counts repetitions, at least 1: got {seeds}; write seeds=3")


class RangeTest:
    """A range test that is ready to run.

    Args:
        model: any torch model; what trains is what its optimizer holds.
        optimizer: the optimizer that training will use, before a scheduler is attached to it. The ratios of its groups'
            rates are kept.
        loss_fn: (model, batch) → scalar loss; or a criterion, an `nn.Module`, which is given model(inputs) and targets
            of batches (inputs, targets).
        loader: batches to train on; it begins anew where it is too short.

    Under torch.distributed every process makes the same test on its own batches: losses are means over all of them, and
    they stop together.

    Raises:
        ConfigError: nothing trains, the optimizer has a scheduler or no learning rate, or the loss function takes other
            arguments.

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
        loss_fn: LossFunction | nn.Module,
        loader: Iterable[Any],
    ) -> None:
        self.model, self.optimizer, self.loss_fn, self.loader = model, optimizer, loss_fn, loader
        if not any(p.requires_grad for group in optimizer.param_groups for p in group["params"]):
            raise ConfigError("a range test trains: got an optimizer with no parameter that requires a gradient")
        require_no_scheduler(optimizer)
        require_rates(optimizer)
        self._batch_loss = batch_loss(loss_fn)

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
        seeds: int = 1,
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
            accumulate: batches per update; the loss of an update is their mean.
            clip_norm: largest gradient norm.
            seeds: how often the test is made, each time from the same weights. One test draws from the generators as
                they stand. Of several, each sets them to its number, 0, 1, ..., so that the order of batches and
                dropout differ, and the result says how far the tests disagree.
            on_step: called after every update with its number, rate and loss.

        Raises:
            ScheduleError: the ramp does not rise.
            ConfigError: the loss is no scalar, a group that does not exist, too few batches.
        """
        ramp = Ramp(start, end, steps, kind)
        if accumulate < 1:
            raise ConfigError(f"accumulate counts batches per update, at least 1: got {accumulate}; write accumulate=1")
        require_seeds(seeds)
        notes: list[str] = []
        if isinstance(self.loader, Iterator):
            text = "the loader is an iterator, which cannot be rewound: what the test takes from it is gone"
            if seeds > 1:
                raise ConfigError(f"several seeds need the same batches again: {text}; pass a DataLoader")
            warnings.warn(text, stacklevel=2)
            notes.append(text)
        modules = [self.model] + ([self.loss_fn] if isinstance(self.loss_fn, nn.Module) else [])
        curves = []
        for seed in range(seeds):
            with preserved(*modules, optimizer=self.optimizer, loader=self.loader):
                if seeds > 1:
                    seed_generators(seed, self.loader)
                self._tie_groups(group)
                course = ramped_steps(
                    self.model, self.optimizer, self._batches(accumulate), self._loss, ramp,
                    widen_to=end * WIDEN_BY if widen else None, clip_norm=clip_norm,
                )  # fmt: skip
                curves.append(_curve(self._together(course, on_step), steps, seed))
        return RangeTestResult(tuple(curves), tuple(notes))

    def _together(
        self, course: Iterator[RampStep], on_step: Callable[[int, float, float], None] | None
    ) -> Iterator[RampStep]:
        """Yield the steps until the test is over on one of the processes."""
        for step in course:
            if on_step is not None:
                on_step(step.record.step, step.record.learning_rate, step.record.loss)
            yield step
            if on_any_rank(bool(step.end_reason), self._device):
                return

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
            settings["multiplier"] = float(settings["lr"]) / largest

    def _batches(self, accumulate: int) -> Iterator[Iterator[Any]]:
        """Yield batches, `accumulate` a step, from the beginning again where the loader ends."""
        stream = self._stream()
        while True:
            batches = list(itertools.islice(stream, accumulate))
            if on_any_rank(not batches, self._device):
                return
            yield iter(batches)

    def _stream(self) -> Iterator[Any]:
        while True:
            number = 0
            for batch in self.loader:
                number += 1
                yield batch
            if not number or isinstance(self.loader, Iterator):
                return

    def _loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, float]:
        return mean_over_ranks(self._batch_loss(model, batch)), 1.0

    @property
    def _device(self) -> torch.device:
        parameter: Tensor = next(p for group in self.optimizer.param_groups for p in group["params"])
        return parameter.device


def _curve(course: Iterator[RampStep], steps: int, seed: int) -> Curve:
    """Return the curve of a test.

    Raises:
        ConfigError: there were no batches, or too few.
    """
    made = list(course)
    if not made:
        raise ConfigError("a range test needs batches: got a loader without any; pass one that yields batches")
    why = made[-1].end_reason
    if not why and len(made) < steps:
        raise ended_early(len(made), steps)
    rates, losses = [step.record.learning_rate for step in made], [step.record.loss for step in made]
    rose = why not in ("", RAMP_ENDED)
    why = why or f"the batches ended after {counted(len(made), 'step')}"
    return Curve.of(rates, losses, end_reason=why, seed=seed, rose=rose)
