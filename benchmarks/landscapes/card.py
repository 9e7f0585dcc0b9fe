"""What the corpus holds, a line a setting: its runs, best rate, seed noise, and the shape of its top.

python benchmarks/landscapes/card.py
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
from landscape import Landscape, landscapes


def line(by_horizon: dict[Fraction, Landscape]) -> str:
    """Return the row of a setting."""
    whole = by_horizon[max(by_horizon)]
    best, low, high = whole.best()
    first, last = whole.stretch()
    interval = "" if np.isnan(low) else f" ({low:.2g} to {high:.2g})"
    edge = " (edge)" if np.isnan(low) else ""
    drift = ", ".join(f"{h}: {by_horizon[h].best()[0]:.2g}" for h in sorted(by_horizon, reverse=True) if h != 1)
    seeds = "/".join(str(len(by_horizon[h].seeds)) for h in sorted(by_horizon, reverse=True))
    cells = (
        whole.setting.name, str(whole.setting.total_steps), f"{len(whole.rates)} × {seeds}",
        f"{best:.2g}{interval}{edge}",
        f"{whole.mean.min():.4f}", f"{whole.noise():.4f}", f"{first:.2g} to {last:.2g}", drift,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    found: dict[str, dict[Fraction, Landscape]] = defaultdict(dict)
    for each in landscapes():
        found[each.setting.name][each.horizon] = each
    print(
        "| setting | steps | rates × seeds at 1, 1/2, 1/4, 1/8 | best rate (95%) | log-loss | between seeds |", end=""
    )
    print(" within half a percent | best rate of shorter runs |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    for by_horizon in found.values():
        print(line(by_horizon))


if __name__ == "__main__":
    main()
