"""Which run a row of a table belongs to: its arm, its rate, its seed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from lrscope.errors import DataError
from lrscope.number_text import format_rate
from lrscope.runs.importers import checked
from lrscope.runs.importers.columns import Table
from lrscope.runs.importers.headings import rate_in
from lrscope.runs.settings import RATES

MAX_SEED = 2**53  # whole numbers beyond it are not told apart in a column of numbers


@dataclass(frozen=True)
class Arms:
    """The arms of a table's rows; those that one name is given to at several rates have names of their own."""

    table: Table
    _rates: dict[str, set[float | None]] = field(default_factory=dict)

    def look_at(self, rows: Iterable[int]) -> Arms:
        """Take note of the rates that each name has in these rows."""
        for row in rows:
            self._rates.setdefault(self.table.text("arm", row), set()).add(self._rate(row))
        return self

    def of(self, row: int) -> tuple[str, float | None]:
        """Return a row's arm, by its name or its rate, and the rate where there is one.

        Raises:
            DataError: it has neither, or a rate that is none.
        """
        given, rate = self.table.text("arm", row), self._rate(row)
        if not given:
            return f"lr {format_rate(rate or 0.0)}", rate
        if rate is not None and len(self._rates.get(given, ())) > 1:
            return f"{given}, lr {format_rate(rate)}", rate
        return given, rate

    def _rate(self, row: int) -> float | None:
        given = self.table.text("arm", row)
        name = next((key for key in RATES if self.table.text(key, row)), None)
        if name is None:
            rate = rate_in(given)
            if rate is None and not given:
                raise DataError(f"{self.table.at(row)}: a run has an arm, or a learning rate: got neither")
            return rate
        rate = checked.rate(self.table.number(name, row))
        if rate is None:
            raise DataError(f"{self.table.at(row)}: a learning rate is above 0: got {self.table.text(name, row)!r}")
        return rate

    def seed(self, row: int) -> int:
        """Return a row's seed, 0 where none is named.

        Raises:
            DataError: it is no whole number.
        """
        seed = self.table.number("seed", row)
        if not math.isnan(seed) and (abs(seed) > MAX_SEED or seed != int(seed)):
            raise DataError(f"{self.table.at(row)}: a seed is a whole number: got {self.table.text('seed', row)!r}")
        return 0 if math.isnan(seed) else int(seed)
