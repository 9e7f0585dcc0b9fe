"""An identified schedule in lrscope's own language."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lrscope.errors import ScheduleError
from lrscope.number_text import format_number
from lrscope.runs.applied.identified import Identified
from lrscope.runs.applied.rounding import roundest
from lrscope.schedules import parse

SHARES = (3, 10, 5, 6, 1, 2, 20, 30, 50, 4, 8, 15, 25, 40, 7, 12, 60, 70, 75, 80, 90, 0.5, 1.5, 2.5, 7.5, 12.5)
NEARLY = 2e-3  # of a share


@dataclass(frozen=True)
class Lengths:
    """Writes lengths that are counted in a log's unit: `suffix` is that of lrscope's, empty where it has none.

    `whole` is whether they are numbers of steps, and `doubt` by how much they are not known.
    """

    total: float
    suffix: str
    doubt: float

    def text(self, length: float) -> str:
        """Return a length as text: as a share that a person would ask for, where it is one.

        >>> lengths = Lengths(375.0, "st", 0.0)
        >>> lengths.text(12.0), lengths.text(17.0)
        ('3%', '17st')
        """
        if math.isfinite(self.total) and self.total > 0.0:
            for share in SHARES:
                exact = self.total * share / 100.0
                if self._is(length, exact):
                    return f"{share:g}%"
        return self.plain(length) if self.suffix else f"{100.0 * length / self.total:.3g}%"

    def plain(self, length: float) -> str:
        """Return a length in its own unit."""
        if self.suffix == "st":
            return f"{round(length)}st"
        found = roundest(length - self.doubt, length + self.doubt) if length > self.doubt > 0.0 else None
        return f"{format_number(found[0] if found else float(f'{length:.4g}'))}{self.suffix}"

    def _is(self, length: float, exact: float) -> bool:
        if self.suffix == "st":
            return any(abs(length - count) < 0.2 for count in (math.ceil(exact - 1e-9), math.floor(exact + 0.5)))
        return abs(length - exact) <= self.doubt + 1e-9


def written(of: Identified, lengths: Lengths) -> str:
    """Return the text of a schedule whose lengths are in a log's unit; empty where lrscope's language has none.

    >>> written(Identified(2e-4, "cosine", warmup=30.0, total=1000.0, floor=0.1), Lengths(1000.0, "st", 0.0))
    'warmup(3%) > cosine(to=0.1)'
    """
    if not lengths.suffix and not math.isfinite(lengths.total):
        return ""
    decay = _decay(of, lengths)
    if not decay or math.isnan(of.warmup):
        return ""
    text = decay
    if of.warmup > max(lengths.doubt, 1e-9):
        begin = f", from={format_number(float(f'{100.0 * of.begin:.2g}'))}%" if of.begin > 1e-4 else ""
        shape = ", shape=cosine" if of.shape == "one-cycle" else ""
        text = f"warmup({lengths.text(of.warmup)}{begin}{shape}) > {decay}"
    try:
        return str(parse(text))
    except ScheduleError:
        return ""


def _decay(of: Identified, lengths: Lengths) -> str:
    floor = f"to={_share(of.floor)}" if of.floor > 5e-4 else ""
    update = ""
    if math.isfinite(of.period) and of.shape != "restarts":
        update = f"update={lengths.plain(of.period)}" if lengths.suffix else ""
    if of.shape == "constant":
        return "constant"
    if of.shape in ("linear", "cosine", "polynomial"):
        power = f"power={of.bend:.3g}" if of.shape == "polynomial" else ""
        return _called(of.shape, power, floor, update)
    if of.shape == "one-cycle":
        return _called("cosine", floor)
    if of.shape == "warmup-stable-decay":
        return f"hold > {_called(of.decay, lengths.text(of.total - of.hold), floor)}"
    if of.shape == "restarts":
        multiplier = f"multiplier={of.multiplier:g}" if of.multiplier != 1.0 else ""
        return _called("restarts", f"period={lengths.plain(of.period)}", multiplier, floor) if lengths.suffix else ""
    if of.shape == "inverse-sqrt" and lengths.suffix:
        is_warmup = abs(of.bend - of.warmup) <= 0.02 * of.bend + lengths.doubt
        return _called("inverse_sqrt", "" if is_warmup else f"timescale={lengths.plain(of.bend)}")
    if of.shape == "exponential" and lengths.suffix:
        return _called("exponential", f"gamma={math.exp(-of.bend):.6g}", f"every=1{lengths.suffix}")
    if of.shape == "step":
        return _steps(of, lengths)
    return ""


def _steps(of: Identified, lengths: Lengths) -> str:
    """Return drops by one factor: every so often, or at the places that are known."""
    ratios = [later / earlier for earlier, later in zip(of.levels, of.levels[1:], strict=False) if earlier > 0.0]
    if not ratios or not lengths.suffix or max(ratios) - min(ratios) > 0.01 * max(ratios) or not 0.0 < ratios[0] < 1.0:
        return ""
    gamma = roundest(min(ratios) * 0.995, max(ratios) * 1.005, 3)
    factor = f"gamma={format_number(gamma[0] if gamma else ratios[0])}"
    low = max(before / number for number, (before, _) in enumerate(of.drops, start=1))
    high = min(after / number for number, (_, after) in enumerate(of.drops, start=1))
    every = roundest(low + 1e-9, high, 2) if high > low else None
    if every is not None:
        return _called("step", f"every={lengths.plain(every[0])}", factor)
    if all(after - before <= 1.0 for before, after in of.drops) and lengths.suffix == "st":
        return _called("multistep", f"at=[{', '.join(f'{round(after)}st' for _, after in of.drops)}]", factor)
    return ""


def _share(value: float) -> str:
    found = roundest(value * (1.0 - NEARLY), value * (1.0 + NEARLY), 3)
    return format_number(found[0] if found else float(f"{value:.3g}"))


def _called(name: str, *arguments: str) -> str:
    given = ", ".join(argument for argument in arguments if argument)
    return f"{name}({given})" if given else name
