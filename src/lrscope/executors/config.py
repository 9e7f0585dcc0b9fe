"""Where a study's trials run: what was asked for, checked, and made an executor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from lrscope.config import AnyStudy
from lrscope.config.execution import ExecutionConfig
from lrscope.errors import ConfigError, Problem
from lrscope.machine import available_cores, visible_gpus
from lrscope.runners.registry import runner_for

if TYPE_CHECKING:
    from lrscope.executors.base import Executor
    from lrscope.runners.base import Prepared

S = TypeVar("S", bound=AnyStudy)
ExecutorName = Literal["inline", "processes", "ray"]


@dataclass(frozen=True)
class ExecutorConfig:
    """Which executor, how many trials at once (0: as many as the cluster has room for), and the GPUs of each.

    `devices` are the GPUs that each worker sees, where trials have GPUs of their own on this machine.
    """

    executor: ExecutorName = "inline"
    workers: int = 1
    gpus_per_trial: float | None = None
    devices: tuple[str, ...] | None = None

    @staticmethod
    def of(
        executor: str | None = None,
        workers: int | None = None,
        gpus_per_trial: float | None = None,
        address: str | None = None,
    ) -> ExecutorConfig:
        """Return what was asked for, with what was not chosen by what was; join the cluster where there is one.

        Raises:
            ConfigError: the settings do not go together.
            ExecutorError: the cluster does not answer.

        >>> ExecutorConfig.of(workers=2)
        ExecutorConfig(executor='processes', workers=2, gpus_per_trial=None, devices=None)
        """
        asked: dict[str, Any] = {"executor": executor, "workers": workers, "address": address}
        ExecutionConfig(**asked, gpus_per_trial=gpus_per_trial)
        name = executor or _default_executor(workers, gpus_per_trial, address)
        if gpus_per_trial is not None and gpus_per_trial < 1 and name != "ray":
            raise ConfigError(
                Problem("{gpus_per_trial} below 1 needs Ray", f"{gpus_per_trial:g} on {name}", "use {executor} ray")
            )
        if gpus_per_trial is not None and gpus_per_trial > 1 and gpus_per_trial != int(gpus_per_trial):
            rule = "{gpus_per_trial} above 1 is a whole number"
            raise ConfigError(Problem(rule, f"{gpus_per_trial:g}", f"write {math.ceil(gpus_per_trial)}"))
        if address is not None and name != "ray":
            raise ConfigError(
                Problem("{address} names a Ray cluster", f"it with the executor {name}", "use {executor} ray")
            )
        if name == "inline" and workers not in (None, 1):
            rule = "the inline executor runs one trial at a time"
            raise ConfigError(Problem(rule, f"{workers} workers", "use {executor} processes"))
        if name == "ray":
            from lrscope.executors.ray_cluster import connect

            connect(address or "auto")
            return ExecutorConfig("ray", workers or 0, gpus_per_trial)
        if gpus_per_trial is None:
            return ExecutorConfig(cast(ExecutorName, name), workers or 1)
        devices = _shares(visible_gpus(), int(gpus_per_trial))
        if not devices:
            rule = "{gpus_per_trial} needs as many GPUs that can be used here"
            raise ConfigError(Problem(rule, f"{gpus_per_trial:g} of {len(visible_gpus())}", "leave it out"))
        return ExecutorConfig("processes", min(workers or len(devices), len(devices)), gpus_per_trial, devices)

    @property
    def own_process(self) -> bool:
        """Return whether trials run in other processes than this one."""
        return self.executor != "inline"


def _default_executor(workers: int | None, gpus_per_trial: float | None, address: str | None) -> str:
    if address is not None:
        return "ray"
    return "processes" if gpus_per_trial or (workers and workers > 1) else "inline"


def _shares(gpus: Sequence[str], each: int) -> tuple[str, ...]:
    """Return GPUs dealt out, so many to each trial, as CUDA_VISIBLE_DEVICES names them.

    >>> _shares(["0", "1", "2"], 1), _shares(["4", "5", "6"], 2)
    (('0', '1', '2'), ('4,5',))
    """
    return tuple(",".join(gpus[first : first + each]) for first in range(0, len(gpus) - each + 1, each))


def require_usable(config: AnyStudy, execution: ExecutorConfig) -> None:
    """Refuse GPUs that a trial would leave idle: the built-in training runs on one.

    Raises:
        ConfigError: more than one was asked for.
    """
    gpus = execution.gpus_per_trial
    if gpus is not None and gpus > runner_for(config).most_gpus:
        rule = "{gpus_per_trial} is at most 1 for the built-in training, which runs on one GPU"
        raise ConfigError(Problem(rule, f"{gpus:g}", "write 1"))


def with_threads(config: S, execution: ExecutorConfig) -> S:
    """Return a study whose threads a trial are settled, where several trials run at once and none were asked for.

    The study's rule: the cores are divided among the workers that it begins with, and stay so.
    """
    if config.threads_asked is not None or execution.workers <= 1:
        return config
    threads = max(1, available_cores() // execution.workers)
    return config.with_threads(threads)


def build_executor(execution: ExecutorConfig, prepared: Prepared) -> Executor:
    """Return the executor that runs a study's trials; `prepared` are the study's inputs, read in this process."""
    if execution.executor == "inline":
        from lrscope.executors.inline import InlineExecutor

        return InlineExecutor(prepared)
    if execution.executor == "ray":
        from lrscope.executors.ray import RayExecutor

        return RayExecutor(workers=execution.workers or None, gpus_per_trial=execution.gpus_per_trial)
    from lrscope.executors.processes import ProcessExecutor

    return ProcessExecutor(execution.workers, devices=execution.devices)


def trials_at_once(execution: ExecutorConfig, threads: int) -> tuple[int, list[str]]:
    """Return how many trials run at a time, and notes for the user: a cluster may have no room for any yet.

    >>> trials_at_once(ExecutorConfig("processes", 2), threads=1)
    (2, [])
    """
    if execution.executor != "ray":
        return execution.workers, []
    from lrscope.executors.ray import RayExecutor

    gpus = execution.gpus_per_trial
    room = RayExecutor(workers=execution.workers or None, gpus_per_trial=gpus).room(threads)
    if room:
        return room, []
    needs = f"{threads} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
    return 1, [f"no node of the cluster has {needs}, which a trial takes: trials wait until one joins"]
