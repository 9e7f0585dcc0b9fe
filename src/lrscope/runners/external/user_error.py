"""An exception of the user's own code, in one line: what it says, and where in their code it happened."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

MAX_TEXT = 300
_PICKLED = "<dynamic-code>"
_OWN = str(Path(__file__).resolve().parents[2])


def traceback_of(error: BaseException, source: str = "") -> str:
    """Return the traceback of an exception; `source` as in `place_of`."""
    text = "".join(traceback.format_exception(error))
    return text.replace(f'"{_PICKLED}"', f'"{source}"') if source else text


def says_what(error: BaseException) -> str:
    r"""Return an exception's type and message on one line.

    >>> says_what(ValueError("no such\n file"))
    'ValueError: no such file'
    """
    text = " ".join(str(error).split())
    text = text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def place_of(error: BaseException, source: str = "") -> str:
    """Return the innermost place of an exception in the user's own code, such as `train.py:12`.

    `source` is the file of a function that was pickled by value: cloudpickle leaves its name out.
    """
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not _is_of_a_package(frame.filename)]
    frame = (theirs or list(frames) or [traceback.FrameSummary("?", 0, "?")])[-1]
    file = source if source and frame.filename == _PICKLED else frame.filename
    if "ipykernel_" in file or file.startswith("<ipython-input"):
        return f"line {frame.lineno} of a notebook cell"
    return f"{_shown(file)}:{frame.lineno}"


def _is_of_a_package(file: str) -> bool:
    paths = sysconfig.get_paths()
    installed = (paths["stdlib"], paths["platstdlib"], paths["purelib"], paths["platlib"])
    return file.startswith((_OWN, "<frozen ", *installed))


def _shown(file: str) -> str:
    path = Path(file)
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return path.name
