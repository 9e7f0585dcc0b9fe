"""What a study that is run from Python shows meanwhile, and what Ctrl-C does to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lrscope.executors.config import ExecutorConfig
from lrscope.terminal.interrupt import graceful_interrupt
from lrscope.terminal.live import Live
from lrscope.terminal.output import echo
from lrscope.workflows.callbacks import Callbacks, StopHandle, Stopped


@contextmanager
def shown(folder: Path, executor: ExecutorConfig, *, is_shown: bool) -> Iterator[Callbacks]:
    """Give the callbacks of a run: a table redrawn on a terminal, plain lines in a notebook or where trials run inline.

    A trial in this process is ended by Ctrl-C at once. Trials elsewhere are asked to stop first, and ended by a second
    Ctrl-C.

    Raises:
        KeyboardInterrupt: it was stopped; how to go on is said before.
    """
    is_inline = executor.executor == "inline"
    stop, live = StopHandle(), Live(quiet=False, is_plain=is_inline)
    try:
        with nullcontext() if is_inline else graceful_interrupt(stop):
            yield Callbacks(live.show, stop=stop) if is_shown else Callbacks(stop=stop)
    except (Stopped, KeyboardInterrupt):
        live.close(None, None, None)
        echo(f"stopped; what was run is in {folder}, and the same call goes on with it", err=True)
        raise KeyboardInterrupt from None
    finally:
        live.close(*sys.exc_info())
