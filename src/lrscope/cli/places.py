"""Where a study's trials run: options made a place, and a place made an executor."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from lrscope.cli import options as opt
from lrscope.errors import ConfigError

if TYPE_CHECKING:
    from lrscope.config import StudyConfig
    from lrscope.executors.base import Executor
    from lrscope.studies.session import Study

EXECUTORS = ("inline", "processes", "ray")

Workers = Annotated[
    int | None,
    typer.Option("--workers", help="Trials at once [1].", metavar="N", show_default=False, rich_help_panel=opt.MACHINE),
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor", help="Where trials run [inline, or processes with --workers].", metavar="inline|processes|ray",
        show_default=False, rich_help_panel=opt.MACHINE,
    ),
]  # fmt: skip

Address = Annotated[
    str | None,
    typer.Option(
        "--address", help="A Ray cluster: auto, HOST:PORT, or local for one on this machine [auto].", metavar="ADDRESS",
        show_default=False, rich_help_panel=opt.MACHINE,
    ),
]  # fmt: skip
GpusPerTrial = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-trial", help="Give each trial so many GPUs of its own; on Ray also a fraction.", metavar="N",
        show_default=False, rich_help_panel=opt.MACHINE,
    ),
]  # fmt: skip


class Place(NamedTuple):
    """Which executor, how many trials at once (0: as many as fit), and which accelerators each place sees."""

    executor: str
    workers: int
    devices: list[str] | None = None
    gpus_per_trial: float | None = None


def placing(executor: str | None, workers: int | None, gpus_per_trial: float | None, address: str | None) -> Place:
    """Make a place of options, and join the cluster where it is one.

    Raises:
        ConfigError: the options do not go together.
        ExecutorError: the cluster is not there.
    """
    if workers is not None and workers < 1:
        raise ConfigError(f"--workers must be at least 1: got {workers}; leave it out to run one trial at a time")
    name = executor or _usual(workers, gpus_per_trial, address)
    if name not in EXECUTORS:
        raise ConfigError(f"--executor is one of {', '.join(EXECUTORS)}: got {name!r}")
    if gpus_per_trial is not None and not (math.isfinite(gpus_per_trial) and gpus_per_trial > 0):
        raise ConfigError(f"--gpus-per-trial must be above 0: got {gpus_per_trial:g}; leave it out to use the CPU")
    if address is not None and name != "ray":
        raise ConfigError(f"--address names a Ray cluster: got it with --executor {name}; use --executor ray")
    if name == "inline" and workers not in (None, 1):
        raise ConfigError(f"the inline executor runs one trial at a time: got --workers {workers}; use processes")
    if name == "ray":
        from lrscope.executors.ray_cluster import connect

        connect(address or "auto")
        return Place("ray", workers or 0, gpus_per_trial=gpus_per_trial)
    if gpus_per_trial is None:
        return Place(name, workers or 1)
    if gpus_per_trial != int(gpus_per_trial):
        raise ConfigError(f"fractions of a GPU need Ray: got --gpus-per-trial {gpus_per_trial:g}; use --executor ray")
    import torch

    devices = device_groups(torch.cuda.device_count(), int(gpus_per_trial))
    return Place("processes", min(workers or len(devices), len(devices)), devices)


def _usual(workers: int | None, gpus_per_trial: float | None, address: str | None) -> str:
    if address is not None:
        return "ray"
    return "processes" if gpus_per_trial or (workers and workers > 1) else "inline"


def device_groups(num_devices: int, each: int) -> list[str]:
    """Return which devices each worker sees.

    Raises:
        ConfigError: there are not enough for one.

    >>> device_groups(5, 2)
    ['0,1', '2,3']
    """
    if num_devices < each:
        raise ConfigError(f"--gpus-per-trial needs as many GPUs as a trial gets: got {each} of {num_devices}; lower it")
    return [",".join(map(str, range(first, first + each))) for first in range(0, num_devices - each + 1, each)]


def with_threads(asked: StudyConfig, place: Place) -> StudyConfig:
    """Return a study whose threads a trial are settled, where several run at once and none were asked for.

    The study's rule: the cores are divided among the workers that it begins with, and stay so.
    """
    if asked.numerics.threads is not None or place.workers <= 1:
        return asked
    from lrscope.training.numerics import available_cores

    threads = max(1, available_cores() // place.workers)
    return replace(asked, numerics=replace(asked.numerics, threads=threads))


def executor_for(study: Study, place: Place) -> Executor:
    """Make the executor that runs a study's trials at a place."""
    config = study.store.config
    assert config.sweep is not None
    if heads_together(study, place):
        from lrscope.executors.heads import HeadExecutor

        return HeadExecutor(study.inputs, study.store.folder, config.sweep.keep)
    if place.executor == "inline":
        from lrscope.executors.inline import InlineExecutor

        return InlineExecutor(study.inputs)
    if place.executor == "ray":
        from lrscope.executors.ray import RayExecutor

        return RayExecutor(workers=place.workers or None, gpus_per_trial=place.gpus_per_trial, keep=config.sweep.keep)
    from lrscope.executors.processes import ProcessExecutor

    return ProcessExecutor(place.workers, devices=place.devices)


def heads_together(study: Study, place: Place) -> bool:
    """Return whether only heads are trained, here, on features that can be computed once."""
    config = study.store.config
    head_alone = config.model.train == "head" and study.inputs.numerics.implementation == "native"
    return head_alone and config.find is None and place.executor == "inline"


def num_at_once(study: Study, place: Place) -> tuple[int, list[str]]:
    """Return how many trials run at a time, and sentences for the user: a cluster may have no room for any yet."""
    if place.executor != "ray":
        return place.workers, []
    from lrscope.executors.ray import RayExecutor

    threads = study.inputs.numerics.threads
    room = RayExecutor(workers=place.workers or None, gpus_per_trial=place.gpus_per_trial).room(threads)
    if room:
        return room, []
    needs = f"{threads} CPUs" + (f" and {place.gpus_per_trial:g} GPUs" if place.gpus_per_trial else "")
    return 1, [f"no node of the cluster has {needs}, which a trial takes: trials wait until one joins"]
