"""lrscope: which learning rate and schedule should I use to fine-tune a LLaMA, and how sure can I be?

>>> import lrscope
>>> "load_study" in dir(lrscope)
True
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

# The public names and where each lives. Loaded when they are asked for: importing lrscope loads nothing else.
_PUBLIC = {
    "Diverged": "lrscope.runners.external.running_trial",
    "RangeTest": "lrscope.integrations.range_test",
    "ScheduledLR": "lrscope.integrations.scheduled_lr",
    "Trial": "lrscope.runners.external.running_trial",
    "load_study": "lrscope.api.loaded_study",
    "sweep": "lrscope.api.sweep",
    "tune": "lrscope.api.tune",
    "write_report": "lrscope.api.written_report",
}
__all__ = [
    "Diverged",
    "RangeTest",
    "ScheduledLR",
    "Trial",
    "__version__",
    "load_study",
    "sweep",
    "tune",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lrscope' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
