"""The look of every figure: colours that colour-blind readers tell apart, also in grey (Okabe and Ito, 2008)."""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
STYLE: Any = {
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "figure.dpi": 150,
    "svg.fonttype": "none",
}
