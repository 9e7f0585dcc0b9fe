"""What to do next: each piece of advice follows from a finding, with the command to type and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

from lrscope.findings.commands import extension, sweep, takes_warmup
from lrscope.runs.said import Said
from lrscope.schedules.durations import format_number
from lrscope.statistics.conclusions import ArmView, Conclusions

FAR_APART = 3.0  # rates between which others are worth trying
SOME_SEEDS = 8  # that a person may run to see


@dataclass(frozen=True)
class Advice:
    """One thing to do, the kind of finding it is `because` of, the command, and about how long it takes."""

    said: Said
    because: str
    command: str
    minutes: float


def advice(c: Conclusions, found: Sequence[Said]) -> list[Advice]:
    """Return the advice that the findings give rise to."""
    advisor = _Advisor(c, found)
    return [*advisor.seeds(), *advisor.rates(), *advisor.epochs(), *advisor.training()]


class _Advisor:
    """Knows the findings by kind, the arms that may be the best, and what an arm takes at all its seeds."""

    def __init__(self, c: Conclusions, found: Sequence[Said]) -> None:
        self.c = c
        self.left = [arm for arm in c.arms if arm.standing == "contender"]
        self._kinds: dict[str, list[Said]] = {}
        for said in found:
            self._kinds.setdefault(said.kind, []).append(said)

    def found(self, *kinds: str) -> str | None:
        """Return the first of these kinds that was found."""
        return next((kind for kind in kinds if kind in self._kinds), None)

    def of(self, *kinds: str) -> list[Said]:
        """Return the findings of these kinds."""
        return [said for kind in kinds for said in self._kinds.get(kind, [])]

    @cached_property
    def run_minutes(self) -> float:
        seconds = [run.seconds for run in self.c.runs.runs if not math.isnan(run.seconds) and run.seconds > 0]
        return sum(seconds) / len(seconds) / 60.0 if seconds else math.nan

    def minutes(self, num_arms: int) -> float:
        """Return what so many arms more would take, at as many seeds."""
        return num_arms * self.run_minutes * max(len(arm.runs) for arm in self.c.arms)

    def seeds(self) -> Iterator[Advice]:
        need = self.c.need
        most = max(len(arm.runs) for arm in self.left) if self.left else 0
        # As many seeds as there are would tell such a difference: these differ by less, for which no number is named.
        if need is None or (need.seeds is not None and need.seeds <= most):
            return
        command, minutes = "", math.nan  # where only more sentences would do
        said, tried = Said("more-seeds", asdict(need)), need.seeds or 0
        if tried > 2 * max(SOME_SEEDS, most):
            tried = SOME_SEEDS if most < SOME_SEEDS else 2 * most
            said = Said("more-seeds-many", {**asdict(need), "tried": tried, "lead": self._lead()})
        if tried and self.c.runs.study is not None and not self.c.looks:
            command = extension(self.c.runs, f"--until-decided {self.c.margin:g} --max-seeds {tried}")
            minutes = sum(max(0, tried - len(arm.runs)) for arm in self.left) * self.run_minutes
        elif tried and _rates(self.left):
            command = sweep(self.c.runs, f"{_rates(self.left)}--seeds {tried}")
            minutes = tried * len(self.left) * self.run_minutes
        yield Advice(said, "not-told-apart", command, minutes)

    def _lead(self) -> float:
        """Return by how much the best of the arms that are left is ahead of the next."""
        first, second = sorted((float(self.c.evidence.values[a]) for a in self.c.verdict.contenders), reverse=True)[:2]
        return first - second

    def rates(self) -> Iterator[Advice]:
        for kind, factor in (("edge-low", 1 / 3), ("edge-high", 3.0)):
            for said in self.of(kind):
                rate = float(f"{float(said.values['rate']) * factor:.2g}")
                command = extension(self.c.runs, f"--lr {format_number(rate)}")
                yield Advice(Said("wider-grid", {"rate": rate}, said.arm), kind, command, self.minutes(1))
        if self.found("edge-low", "edge-high", "confounded"):
            return
        # The best rate is bounded: by a curve's top, or by arms that are out on both sides.
        because = self.found("peak") or (self.found("too-low") if self.found("too-high") else None)
        if because is None:
            return
        chosen = self.c.arms[self.c.choice.first].rate or 0.0
        top = self.c.peak
        between = [
            rate
            for rate in _between(chosen, (arm.rate for arm in self.c.arms if not math.isnan(arm.value)))
            if top is None or not (top.low and top.high) or top.low <= rate <= top.high
        ]
        if between:
            shown = ",".join(map(format_number, between))
            command = extension(self.c.runs, f"--lr {shown}")
            yield Advice(Said("finer-grid", {"rates": shown}), because, command, self.minutes(len(between)))
        batch = self.c.runs.settings.get("batch_size", "")
        if batch.isdigit():
            scaled = f"--lr {format_number(chosen)} --batch-size {batch},{4 * int(batch)} --scale-lr sqrt"
            command = sweep(self.c.runs, scaled)
            yield Advice(Said("scale-batch", {"batch": batch}), because, command, self.minutes(2))

    def epochs(self) -> Iterator[Advice]:
        rising = {said.arm: float(said.values["epoch"]) for said in self.of("still-rises")}
        on = [arm for arm in self.left if arm.name in rising]
        if on:
            epochs = 2 * max(1, math.ceil(max(rising[arm.name] for arm in on) - 1e-6))
            command = sweep(self.c.runs, f"{_rates(on)}--epochs {epochs}")
            yield Advice(Said("longer", {"epochs": epochs}), "still-rises", command, self.minutes(2 * len(on)))
        if self.found("falls"):
            command = sweep(self.c.runs, f"{_rates(self.left)}--patience 2")
            yield Advice(Said("stop-early"), "falls", command, self.minutes(len(self.left)))

    def training(self) -> Iterator[Advice]:
        if because := self.found("gap", "loss-rises"):
            command = sweep(self.c.runs, f"{_rates(self.left)}--dropout 0.3,0.5 --weight-decay 0.01,0.1")
            yield Advice(Said("regularise"), because, command, self.minutes(4 * len(self.left)))
        if because := self.found("diverged", "unstable", "too-high"):
            shaken = {said.arm for said in self.of("unstable")}
            larger = [
                arm for arm in self.c.arms if arm.standing == "too high" or arm.num_diverged or arm.name in shaken
            ]
            tried = [*self.left, *(arm for arm in larger if arm not in self.left)]
            command = sweep(self.c.runs, f"{_rates(tried)}--warmup 6%,20%") if takes_warmup(self.c.runs) else ""
            yield Advice(Said("warm-up"), because, command, self.minutes(2 * len(tried)))
        if self.c.runs.is_imported and "schedule" not in self.c.runs.settings and len(self.left) > 1:
            command = sweep(self.c.runs, f"{_rates(self.left)}--schedule 'constant;linear;cosine'")
            yield Advice(Said("decay"), "not-told-apart", command, self.minutes(3 * len(self.left)))


def _between(chosen: float, rates: Iterable[float | None]) -> list[float]:
    """Return rates halfway from the chosen one to its neighbours, where those are far apart.

    >>> _between(1e-3, [1e-4, 1e-3, 2e-3])
    [0.00032]
    """
    known = sorted({rate for rate in rates if rate})
    at = known.index(chosen) if chosen in known else 0
    pairs = [(known[place], known[place + 1]) for place in (at - 1, at) if 0 <= place < len(known) - 1]
    return [float(f"{math.sqrt(low * high):.2g}") for low, high in pairs if high / low > FAR_APART]


def _rates(arms: Sequence[ArmView]) -> str:
    rates = ",".join(dict.fromkeys(format_number(arm.rate) for arm in arms if arm.rate is not None))
    return f"--lr {rates} " if rates else ""
