"""Dictionaries that are printed over several lines, as `json.dumps(metrics, indent=2)` and `pprint` do, as one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

MAX_JOINED = 100  # lines of one dictionary
# A line that opens a dictionary and does not close it: a brace alone, or pairs that a comma ends.
_OPENS = re.compile(r"""\{\s*$|\{\s*['"][^{}]*,\s*$""")
_GOES_ON = re.compile(r"""\s*(?:['"][^'"{}]{1,80}['"]\s*:|[}\]],?\s*\}?\s*$)""")


def joined(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield numbered lines, a dictionary of several as one line; one that something else interrupts stays as it is.

    >>> list(joined([(1, "{"), (2, '  "eval_loss": 0.5,'), (3, '  "epoch": 1.0'), (4, "}"), (5, "{'loss': 1, 'le")]))
    [(1, '{ "eval_loss": 0.5, "epoch": 1.0 }'), (5, "{'loss': 1, 'le")]
    """
    held: list[tuple[int, str]] = []
    depth = 0
    for number, line in lines:
        if held:
            if len(held) < MAX_JOINED and _GOES_ON.match(line):
                held.append((number, line))
                depth += line.count("{") - line.count("}")
                if depth <= 0:
                    yield held[0][0], " ".join([held[0][1].rstrip(), *(each.strip() for _, each in held[1:])])
                    held = []
                continue
            yield from held
            held = []
        if "{" in line and line.rfind("}") < line.rfind("{") and _OPENS.search(line, line.rfind("{")):
            held, depth = [(number, line)], line.count("{") - line.count("}")
        else:
            yield number, line
    yield from held
