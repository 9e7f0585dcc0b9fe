"""`lrscope.sweep`: compare learning rates and settings of one's own training, a Python function or a command."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from lrscope.api.sweep_study import SweepStudy
from lrscope.config.base import settings_of
from lrscope.config.build_external import study_of
from lrscope.config.external import ExternalStudy, ExternalSweep, ExternalTrial, OwnSettings, TrainerConfig
from lrscope.config.times import parse_time
from lrscope.errors import ConfigError
from lrscope.executors.config import ExecutorConfig, with_threads
from lrscope.runners.external.carried_function import TrainFunction, name_of
from lrscope.runners.external.placeholders import split_command
from lrscope.studies.plan import parse_rates

Values = Mapping[str, Any]


class More(TypedDict, total=False):
    """What is seldom asked for: see `lrscope.sweep`."""

    template: str | Path
    inputs: Sequence[str | Path]
    threads: int
    gpus_per_trial: float
    address: str
    retry_failed: bool
    log: str | Sequence[str]


def sweep(
    train: TrainFunction | None = None,
    *,
    command: str | Sequence[str] | None = None,
    lr: str | float | Iterable[float],
    seeds: int = 3,
    settings: Values | None = None,
    epochs: float | Sequence[float] | None = None,
    steps: int | Sequence[int] | None = None,
    out: str | Path | None = None,
    executor: Literal["inline", "processes", "ray"] | None = None,
    workers: int | None = None,
    metric: str | None = None,
    direction: Literal["maximize", "minimize"] | None = None,
    keep: Literal["all", "best", "none"] = "all",
    timeout: str | float | None = None,
    progress: bool = True,
    **more: Unpack[More],
) -> SweepStudy:
    """Train at every learning rate and setting, every one at the same seeds, and say which to use and how sure that is.

    The same call with the same `out` goes on with what was begun; with more seeds, rates or values it extends it.

    Args:
        train: a function of one argument, a `lrscope.Trial`. It returns a number, a dict such as
            `{"dev_accuracy": 0.41, "scores": per_example}`, a `transformers.Trainer`, which is then trained and
            evaluated, or None where it reported values of dev.
        command: a command instead of a function, with placeholders:
            `"python train.py --lr {lr} --seed {seed} --out {out}"`.
        lr: learning rates: a list, `"1e-5,1e-4"`, or evenly spaced on the log axis, `"log:1e-5:1e-2:7"`.
        seeds: how many seeds; every setting runs at the same ones, 0, 1, 2 and so on.
        settings: settings of one's own, by name; a list is compared, a single value is the same in all runs.
        epochs: passes over the training set, as `trial.epochs`; a list is compared.
        steps: optimizer steps, as `trial.steps`; a list is compared.
        out: the study's folder; `runs/` with the function's name where it is left out.
        executor: where trials run: `"inline"` in this process, `"processes"` of their own, or on a `"ray"` cluster.
            Inline where it is left out, processes with `workers`.
        workers: how many trials run at a time.
        metric: what runs are compared by, and what a plain number that `train` returns is called.
        direction: which way of the metric is better, where its name does not tell.
        keep: output folders to keep: of all runs, of the best run of each setting, or none.
        timeout: the longest time of a run, `"2h"` or seconds; what takes longer has failed.
        progress: whether progress is shown, on standard error.
        **more: `inputs`, files or folders that must not change while the study goes on; `template` of a command;
            `threads` a trial; `gpus_per_trial`; `address` of a Ray cluster;
            `retry_failed` runs trials again that have failed; `log`, where trials and the verdict are written as well:
            `"tensorboard"`, `["csv", "wandb:project"]`, `"mlflow"`, `"trackio"`.

    Raises:
        ConfigError: something asked for cannot be.
        StudyError: `out` holds a study of other settings, or of another function.
        KeyboardInterrupt: Ctrl-C; what was run is kept, and the same call goes on with it.
    """
    grid = {"peak_rate": _rates(lr), **_listed("epochs", epochs), **_listed("steps", steps)}
    for name, values in (settings or {}).items():
        grid |= _listed(name, values)
    given: dict[str, Any] = {"metric": metric, "direction": direction, "timeout": timeout}
    config = own_study(train, command, grid, given, more, ExternalSweep(seeds=seeds, keep=keep), names=settings or {})
    execution = ExecutorConfig.of(executor, workers, more.get("gpus_per_trial"), more.get("address"))
    logs = logs_of(more)
    folder = Path(out) if out is not None else default_folder(config)
    study = SweepStudy(folder, with_threads(config, execution), execution, function=train, progress=progress, log=logs)
    study.run(retry_failed=bool(more.get("retry_failed")))
    return study


def own_study(
    train: TrainFunction | None,
    command: str | Sequence[str] | None,
    grid: Mapping[str, tuple[Any, ...]],
    given: Mapping[str, Any],
    more: Mapping[str, Any],
    sweep: ExternalSweep,
    *,
    names: Iterable[str],
) -> ExternalStudy:
    """Return the study of a function or of a command; `names` are those of settings of one's own.

    Raises:
        ConfigError: something asked for cannot be.
    """
    if (train is None) == (command is None):
        raise ConfigError(f"what trains is a function or a command: got {'neither' if train is None else 'both'}")
    if train is not None and not callable(train):
        raise ConfigError(f"what trains is a function: got {type(train).__name__}; of a command, write command=")
    own: dict[str, Any] = {**given, "timeout": _seconds(given["timeout"]), "threads": more.get("threads")}
    own["inputs"] = [_absolute(path) for path in more.get("inputs", ())]
    if (template := more.get("template")) is not None:
        own["template"] = _absolute(template)
    if train is not None:
        own["function"] = name_of(train)
    else:
        own |= {"command": _arguments(command), "folder": str(Path.cwd())}
    if unknown := sorted(set(more) - set(More.__annotations__)):
        raise TypeError(f"there is no argument {unknown[0]!r}; settings of one's own are settings={{...}}")
    OwnSettings(dict.fromkeys(names, 0))  # their names are checked
    if declared := [name for name in names if name in settings_of(ExternalTrial)]:
        raise ConfigError(
            f"{declared[0]} has an argument of its own: got it in settings; write {_argument(declared[0])}="
        )
    return study_of(TrainerConfig(**own), grid, sweep)


def _rates(lr: str | float | Iterable[float]) -> tuple[Any, ...]:
    if isinstance(lr, str):
        return tuple(parse_rates(lr))
    return _listed("lr", lr)["lr"]


def _argument(name: str) -> str:
    return "lr" if name == "peak_rate" else name


def _listed(name: str, values: Any) -> dict[str, tuple[Any, ...]]:
    """Return the values of a setting, each once; nothing where there is none."""
    if values is None:
        return {}
    if isinstance(values, str) or not isinstance(values, Iterable):
        values = (values,)
    found = tuple(dict.fromkeys(_plain(value) for value in values))
    if not found:
        raise ConfigError(f"{name} is a value or a list of values: got an empty list; leave it out")
    return {name: found}


def _plain(value: Any) -> Any:
    """Return a number of numpy as one of Python."""
    return value.item() if isinstance(value, numbers.Number) and hasattr(value, "item") else value


def logs_of(more: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where trials are written as well."""
    logs = more.get("log", ())
    return (logs,) if isinstance(logs, str) else tuple(logs)


def _seconds(timeout: str | float | None) -> float | None:
    return parse_time(timeout, "timeout") if isinstance(timeout, str) else timeout


def _arguments(command: str | Sequence[str] | None) -> tuple[str, ...]:
    return split_command(command) if isinstance(command, str) else tuple(map(str, command or ()))


def _absolute(path: str | Path) -> str:
    return str(Path(path).expanduser().resolve())


def default_folder(config: ExternalStudy, kind: str = "sweep") -> Path:
    """Return where a study lies that was given no folder."""
    name = config.trainer.function
    if name is None or not name.isidentifier():  # a lambda
        return Path("runs") / f"{kind}-{datetime.now():%Y%m%d-%H%M%S}"
    return Path("runs") / (name if kind == "sweep" else f"{name}-{kind}")
