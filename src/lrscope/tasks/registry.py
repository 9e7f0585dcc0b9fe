"""The tasks by their names in a configuration."""

from __future__ import annotations

from lrscope.errors import ConfigError
from lrscope.tasks.base import Task
from lrscope.tasks.classification import Classification
from lrscope.tasks.sft import SupervisedFineTuning

TASKS: dict[str, Task] = {"classification": Classification(), "sft": SupervisedFineTuning()}


def task_named(name: str) -> Task:
    """Return the task of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TASKS:
        raise ConfigError(f"task is one of {', '.join(TASKS)}: got {name!r}")
    return TASKS[name]
