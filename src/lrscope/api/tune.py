"""`lrscope.tune`: spend a budget of time on finding the learning rate of one's own training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

from lrscope.api.shown import shown
from lrscope.api.sweep import More, default_folder, logs_of, own_study
from lrscope.api.sweep_study import SweepStudy
from lrscope.config.external import ExternalSweep
from lrscope.config.times import parse_time
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.runners.external.carried_function import TrainFunction
from lrscope.studies.kept_tune import SWEEP
from lrscope.studies.tune_plan import parse_range
from lrscope.workflows.tune_command import tune_command


def tune(
    train: TrainFunction | None = None,
    *,
    command: str | Sequence[str] | None = None,
    lr: str | tuple[float, float],
    budget: str | float,
    settings: Mapping[str, Any] | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    out: str | Path | None = None,
    executor: Literal["inline", "processes", "ray"] | None = None,
    workers: int | None = None,
    metric: str | None = None,
    direction: Literal["maximize", "minimize"] | None = None,
    timeout: str | float | None = None,
    progress: bool = True,
    **more: Unpack[More],
) -> SweepStudy:
    """Spend a budget of time on runs at the learning rates that tell most, and say which rate to use.

    It begins in the middle of `lr`, goes outward until the best rate has a worse one on both sides, and spends the rest
    on seeds and on rates between, until the budget is spent or more runs cannot matter. The rate to use is
    `study.best["lr"]`, which is `study.conclusions.recommended_rate`: where all runs put the least loss, which need
    not have run. The same call with the same `out` goes on with what was begun.

    What is not described here is as of `lrscope.sweep`, one value of each.

    Args:
        lr: the rates to search, `"1e-5:1e-3"` or a pair; at most one step beyond them is tried.
        budget: seconds, or a time with its unit, such as `"2h"`; in all, where a call goes on.
        out: the folder of the tune, whose runs are the study in `sweep/`; `runs/NAME-tune` of a function called NAME
            where none is named.

    Raises:
        ConfigError: something asked for cannot be, or the budget does not hold three runs.
        StudyError: `out` holds something else, or no run came to a value.
        KeyboardInterrupt: Ctrl-C; what was run is kept, and the same call goes on with it.
    """
    search = parse_range(lr if isinstance(lr, str) else ":".join(map(str, lr)))
    seconds = parse_time(budget, "budget") if isinstance(budget, str) else float(budget)
    if not seconds > 0.0:
        raise ConfigError(f"a budget is a time above 0: got {budget!r}; write '2h'")
    own = dict(settings or {})
    grid: dict[str, tuple[Any, ...]] = {"peak_rate": (search.low,)}
    for name, value in {"epochs": epochs, "steps": steps, **own}.items():
        if isinstance(value, list | tuple):
            raise ConfigError(f"tune searches the learning rate alone: got {name}={value!r}; give one value")
        if value is not None:
            grid[name] = (value,)
    given = {"metric": metric, "direction": direction, "timeout": timeout}
    execution = ExecutorConfig.of(executor, workers, more.get("gpus_per_trial"), more.get("address"))
    study = own_study(train, command, grid, given, more, ExternalSweep(seeds=1, keep="best"), names=own)
    config = with_threads(study, execution)
    folder = Path(out) if out is not None else default_folder(config, "tune")
    with shown(folder, execution, is_shown=progress, log=logs_of(more)) as callbacks:
        tune_command(config, search, folder, seconds, execution, callbacks, function=train)
    return SweepStudy(folder / SWEEP, config, execution, function=train, progress=progress, log=logs_of(more))
