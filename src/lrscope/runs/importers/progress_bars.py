"""Progress bars in printed lines: how far a training stands, and how many steps it takes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_BAR = re.compile(r"(\d{1,15})/(\d{1,15}) \[((?:\d+:)?\d+:\d\d)<((?:\d+:)?\d+:\d\d|\?)")
_NOT_STEPS = re.compile(
    r"eval|predict|load|download|map|tokeniz|generat|truncat|pack|chat|adding|writing|building|dropping|filter|saving",
    re.I,
)
_NOT_STEPS_A_SECOND = re.compile(r"(examples|samples|files|shards|rows|[kMGT]?i?B)/s\]")  # how a bar's pace is told


@dataclass(frozen=True)
class Progress:
    """How far a progress bar stands: `done` of `total`, and the seconds left as it says, None where it does not."""

    done: int
    total: int
    seconds_left: float | None


def progress_in(part: str) -> Progress | None:
    """Return how far a bar stands; the last one of a line. Bars of evaluations and of reading data are others'.

    >>> progress_in(" 12%|#2        | 12/100 [00:10<01:20,  1.10it/s]")
    Progress(done=12, total=100, seconds_left=80.0)
    """
    matches = list(_BAR.finditer(part)) if "/" in part and "<" in part else []
    if not matches or _NOT_STEPS.search(part[: matches[-1].start()]):
        return None
    if _NOT_STEPS_A_SECOND.search(part, matches[-1].end()):
        return None
    done, total = int(matches[-1][1]), int(matches[-1][2])
    return Progress(done, total, _seconds(matches[-1][4])) if 0 <= done <= total and total else None


def _seconds(clock: str) -> float | None:
    """Return the seconds that a clock shows.

    >>> _seconds("01:20"), _seconds("1:00:05"), _seconds("?")
    (80.0, 3605.0, None)
    """
    if clock == "?":
        return None
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60.0 * seconds + float(part)
    return seconds if math.isfinite(seconds) else None
