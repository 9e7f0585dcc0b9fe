"""Processes that are started without the user's script: it is not run again in each of them.

A process that multiprocessing spawns imports the main module of its parent, so that what is pickled by name is found
there. A script without `if __name__ == "__main__":` would then start its study anew in every worker.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_swapping = threading.Lock()


@contextmanager
def bare_main() -> Iterator[None]:
    """Start processes inside the block that do not import the main module: an empty one stands in its place.

    What they are given must not be made of the main module's own classes.
    """
    with _swapping:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
