"""What range tests search, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrscope.number_text import short_rate
from lrscope.priors.range_tests import read_range_tests
from lrscope.terminal.output import echo, print_json, print_table

if TYPE_CHECKING:
    from lrscope.workflows.range_tests import FindResult


def print_find(search: FindResult, *, as_json: bool) -> None:
    """Print every rule's rate by seed, the bracket, and the command that searches it."""
    if as_json:
        print_json("find/1", search.to_dict())
        return
    result, bracket = search.test, search.test.bracket
    seeds = [f"seed {curve.seed}" for curve in result.curves]
    if result.is_independent:
        longest = max(result.curves, key=lambda curve: len(curve.rates))
        by_rate = [
            [_shown(rate), *(f"{c.losses[index]:.4f}" if index < len(c.rates) else "–" for c in result.curves)]
            for index, rate in enumerate(longest.rates)
        ]
        print_table(["rate", *seeds], by_rate)
    rows = [
        [item.rule, *map(_shown, item.by_seed), _shown(item.median), f"{item.spread:.1f}×" if item.known else "–"]
        for item in result.table
    ]
    print_table(["rule", *seeds, "median", "spread"], rows)
    if search.next_command:
        if bracket.largest_stable != bracket.high:
            echo(f"largest rate at which the loss still fell: {_shown(bracket.largest_stable)}")
        echo(f"search from {_shown(bracket.low)} to {_shown(bracket.high)}: {bracket.sentence}")
        echo(f"next: {search.next_command}")
    else:
        echo(bracket.sentence)
    if search.prior is not None:
        low, high = search.prior.interval()
        echo(f"before the test, the best rate was expected at {_shown(low)} to {_shown(high)} (80%); see lrscope prior")
        echo(read_range_tests().sentence)
    echo(f"range-test.png and range-test.json are in {search.folder}")
    if search.confirmed is not None:
        echo(search.confirmed.sentence)


def _shown(rate: float | None) -> str:
    return "–" if rate is None else short_rate(rate)
