"""`lrscope serve`: the report's page of studies as they run, for a browser on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lrscope.cli import options as opt
from lrscope.terminal.output import echo


def serve(
    folder: Annotated[
        Path,
        typer.Argument(help="A study's folder, or one that holds studies.", metavar="FOLDER", show_default=False),
    ],
    port: Annotated[int, typer.Option("--port", help="Port of 127.0.0.1; 0 takes a free one.", metavar="N")] = 0,
    lang: opt.Lang = "en",
) -> None:
    """Show the page of a study while it runs, in a browser on this machine; of a folder of studies, all of them.

    The page renews itself when the study goes on. Nothing is written. Ctrl-C ends it.

    Example:

      lrscope serve runs
    """
    from lrscope.workflows.live_pages import LivePages
    from lrscope.workflows.page_server import address_of, make_server

    with make_server(LivePages(folder, lang), port) as server:
        try:
            echo(f"{folder} is shown at {address_of(server)} (on this machine alone); Ctrl-C ends it")
            server.serve_forever()
        except KeyboardInterrupt:
            echo("ended")
