"""Which runner a study takes: a look-up from its configuration. A runner's own packages are loaded when it is taken."""

from __future__ import annotations

from lrscope.config import AnyStudy, ExternalStudy
from lrscope.config.read import built_in
from lrscope.runners.base import Runner


def runner_for(config: AnyStudy) -> Runner:
    """Return what runs a study's trials: a command, the built-in training, heads trained together, or range tests."""
    if config.find is not None:
        from lrscope.runners.range_test import RangeTestRunner

        return RangeTestRunner()
    if isinstance(config, ExternalStudy):
        if config.trainer.function is not None:
            from lrscope.runners.function import FunctionRunner

            return FunctionRunner()
        from lrscope.runners.command import CommandRunner

        return CommandRunner()
    study = built_in(config)
    grid = {} if study.sweep is None else study.sweep.grid
    if set(grid.get("train_part", (study.trial.train_part,))) == {"head"}:
        from lrscope.runners.heads import HeadsRunner
        from lrscope.tasks.registry import task_named

        if task_named(study.task).has_linear_head:
            return HeadsRunner()
    from lrscope.runners.native import NativeRunner

    return NativeRunner()
