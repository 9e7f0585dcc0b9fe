"""What a benchmark prints, put into a page of the docs: between two comments, the first of which names the script."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

END = "<!-- end -->"


@contextlib.contextmanager
def printed_into(page: Path | None, script: str) -> Iterator[None]:
    """Write what is printed meanwhile into a page, in the place of what the script printed before; None prints it.

    Raises:
        ValueError: the page has no place for what this script prints.
    """
    if page is None:
        yield
        return
    begin = f"<!-- printed by {script} -->"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        yield
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(END)
    if not found or not closed:
        raise ValueError(f"{page} has no {begin} with an {END} after it")
    page.write_text(f"{before}{begin}\n\n{printed.getvalue().strip()}\n\n{END}{after}", encoding="utf-8")
