"""lrscope: which learning rate and schedule should I use to fine-tune a LLaMA, and how sure can I be?"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Looked up when it is asked for: importing lrscope loads nothing else.
    if name == "load_study":
        from lrscope.studies.frames import load_study

        return load_study
    if name == "RangeTest":
        from lrscope.integrations.range_test import RangeTest

        return RangeTest
    raise AttributeError(f"module 'lrscope' has no attribute {name!r}")
