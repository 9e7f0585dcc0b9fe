"""What a study that is run from Python shows meanwhile, and what Ctrl-C does to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from lrscope.executors.config import ExecutorConfig
from lrscope.sinks.target import checked
from lrscope.terminal.interrupt import graceful_interrupt
from lrscope.terminal.live import Live
from lrscope.terminal.output import echo
from lrscope.workflows.callbacks import Callbacks, StopHandle, Stopped


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or a notebook's stop button, after what was run is kept: no traceback of lrscope is worth reading."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows; how it goes on is printed already."""
        return ["KeyboardInterrupt: stopped"]


@contextmanager
def shown(folder: Path, executor: ExecutorConfig, *, is_shown: bool, log: Sequence[str] = ()) -> Iterator[Callbacks]:
    """Give the callbacks of a run: a table redrawn on a terminal, plain lines in a notebook or where trials run inline.

    `log` says where trials are written as well.

    A trial in this process is ended by Ctrl-C at once. Trials elsewhere are asked to stop first, and ended by a second
    Ctrl-C.

    Raises:
        ConfigError: nothing can be written there.
        KeyboardInterrupt: it was stopped; how to go on is said before.
    """
    is_inline, targets = executor.executor == "inline", checked(log)
    stop, live = StopHandle(), Live(quiet=False, is_plain=is_inline)
    try:
        with nullcontext() if is_inline else graceful_interrupt(stop):
            yield Callbacks(live.show if is_shown else live.show_failures, stop=stop, log=targets)
    except (Stopped, KeyboardInterrupt):
        live.close(None, None, None)
        echo(f"stopped; what was run is in {folder}, and the same call goes on with it", err=True)
        raise Interrupted from None
    finally:
        live.close(*sys.exc_info())
