"""Whether what was asked for reached the user's own training: its rate, its seed, its settings, by what it logged.

Only what is certain is said. A schedule warms up and decays between the steps that are logged, and numbers are printed
to a few digits: a log that never shows the rate that was asked for proves nothing by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from itertools import pairwise

from lrscope.config import AnyTrial, ExternalTrial
from lrscope.config.external import OwnSettings
from lrscope.number_text import format_rate
from lrscope.runs.notes import Note, OtherRates, SameRates, SeedUnused, SettingUnused
from lrscope.runs.quantities import Names, Number, Rate, Rates, Setting, Settings, Text
from lrscope.runs.run import Run

MIN_LOSSES = 4  # so many equal losses, each of so many digits, are not equal by chance
LOSS_DIGITS = 4
FULL_DIGITS = 7  # of float32: a number that was not rounded when it was written
FAR_APART = 20  # last digits that losses of one run lie apart: batches differ by more than what is printed
MIN_RATES, MIN_STEPS = 2, 8
MIN_EQUALITIES = 3  # of final values, which may be equal by chance
ABOVE, BELOW = 1.05, 1.5  # beyond what rounding explains


@dataclass(frozen=True, eq=False)
class _Log:
    """What one run logged, by step."""

    arm: str
    config: ExternalTrial
    rates: Mapping[int, float]
    losses: Mapping[int, float]
    dev: Mapping[tuple[int, str], float]
    last: int


def audit(runs: Iterable[Run], configs: Mapping[str, AnyTrial]) -> list[Note]:
    """Return what was asked for of the user's own training and demonstrably not done; `configs` are the arms'."""
    logs = []
    for run in runs:
        config = configs.get(run.arm)
        if isinstance(config, ExternalTrial) and run.seed is not None:
            logs.append(_log_of(run, replace(config, seed=run.seed)))
    same = _same_rates(logs)
    unused = list(_unused(logs, bool(same)))
    told = {(type(note), getattr(note, "name", "")) for note in unused}
    unused += [note for note in _same_results(logs) if not same and (type(note), getattr(note, "name", "")) not in told]
    return [*same, *_other_rates(logs, {arm for note in same for arm in note.arms}), *unused]


def arms_at_the_same_rates(notes: Iterable[Note], arms: Iterable[str]) -> frozenset[str]:
    """Return those of the arms that were asked for at different rates and trained alike, by what `audit` noted.

    >>> note = SettingUnused(Text("lr"), Names(["0.001", "0.01"]))
    >>> sorted(arms_at_the_same_rates([note], ["lr 0.001", "lr 0.01"])), arms_at_the_same_rates([], ["lr 0.001"])
    (['lr 0.001', 'lr 0.01'], frozenset())
    """
    notes = list(notes)
    same = {arm for note in notes if isinstance(note, SameRates) for arm in note.arms}
    unused = any(isinstance(note, SettingUnused) and note.name == "lr" for note in notes)
    return frozenset(same | ({*arms} if unused else set()))


def _log_of(run: Run, config: ExternalTrial) -> _Log:
    rates: dict[int, float] = {}
    losses: dict[int, float] = {}
    dev: dict[tuple[int, str], float] = {}
    for point in run.points:
        if point.step is None:
            continue
        train = point.splits.get("train", {})
        if math.isfinite(rate := train.get("learning_rate", math.nan)):
            rates[point.step] = rate
        if "loss" in train:
            losses[point.step] = train["loss"]
        dev |= {(point.step, name): value for name, value in point.splits.get("dev", {}).items()}
    return _Log(run.arm, config, rates, losses, dev, max((p.step or 0 for p in run.points), default=0))


# Rates


def _same_rates(logs: Sequence[_Log]) -> list[SameRates]:
    """Name arms whose rates were asked to differ and are logged as the same, wherever two of them were logged."""
    arms: dict[str, float] = {}
    for group in _groups(logs, lambda config: config.with_values({"peak_rate": 1.0})):
        for one, other in pairwise(sorted(group, key=lambda log: log.config.peak_rate)):
            if _log_the_same_rates(one, other):
                arms |= {log.arm: max(log.rates.values()) for log in (one, other)}
    return [SameRates(Settings(arms), Rate(max(arms.values())))] if arms else []


def _log_the_same_rates(one: _Log, other: _Log) -> bool:
    ratio = other.config.peak_rate / one.config.peak_rate
    common = sorted(one.rates.keys() & other.rates.keys())
    if ratio == 1.0 or len(common) < MIN_RATES or any(one.rates[step] != other.rates[step] for step in common):
        return False
    values = [one.rates[step] for step in common]
    top = max(values)
    if len(set(values)) == 1 and (len(common) <= MIN_RATES or common[0] > min(one.last, other.last) / 2):
        return False  # both may have come down to a lowest rate that does not depend on the peak
    error = _rounding(top, values)
    return top > 0.0 and (top - error) * (ratio - 1.0) > 2.0 * error


def _other_rates(logs: Sequence[_Log], known: Iterable[str]) -> Iterator[Note]:
    found: dict[str, tuple[float, float]] = {}
    for log in logs:
        if log.arm not in known and log.arm not in found and _is_another_rate(log):
            found[log.arm] = log.config.peak_rate, max(log.rates.values())
    if found:
        asked, applied = zip(*dict.fromkeys(found.values()), strict=True)
        yield OtherRates(Settings(found), Rates(asked), Rates(applied))


def _is_another_rate(log: _Log) -> bool:
    """Whether the largest rate that was applied is another one than was asked for.

    Above it, wherever it was logged. Below it only where every step from the first was logged, and the peak is among
    them: rates rise to it and fall from it, or are the same all along.
    """
    values = [log.rates[step] for step in sorted(log.rates)]
    if len(values) < MIN_RATES or (top := max(values)) <= 0.0:
        return False
    asked, error = log.config.peak_rate, _rounding(top, values)
    if top - error > ABOVE * asked:
        return True
    steps = sorted(log.rates)
    if len(steps) < MIN_STEPS or steps[0] > 1 or steps[-1] - steps[0] != len(steps) - 1 or steps[-1] < log.last:
        return False
    is_inside = values[0] < top and values[-1] < top
    between = max(abs(after - before) for before, after in pairwise(values))
    return (is_inside or len(set(values)) == 1) and asked > BELOW * (top + between + error)


def _rounding(value: float, printed: Sequence[float]) -> float:
    """Return by how much a number may be off that was printed as these were: to their digits, or to their decimals.

    >>> f"{_rounding(2e-4, [1.25e-4, 2e-4]):.1g}", f"{_rounding(1e-4, [0.0001, 0.0002]):.1g}"
    ('5e-07', '5e-05')
    """
    digits = max(_digits(each) for each in printed)
    decimals = max(-_exponent(each) for each in printed)
    of_digits = 0.5 * 10.0 ** (math.floor(math.log10(value)) - digits + 1) if value > 0.0 else 0.0
    return max(of_digits, 0.5 * 10.0**-decimals)


def _digits(value: float) -> int:
    """Return how many significant digits a number is written with."""
    return len(Decimal(repr(value)).normalize().as_tuple().digits) if math.isfinite(value) else 0


def _exponent(value: float) -> int:
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return exponent if isinstance(exponent, int) and value != 0.0 else 0


# Losses


def _unused(logs: Sequence[_Log], rates_are_the_same: bool) -> Iterator[Note]:
    """Name the seed, and settings, that made no difference between two runs to the last digit of their losses."""
    for group in _groups(logs, lambda config: config.at(0)):
        if (pair := _same_pair(group, is_seed=True)) is not None:
            first, second = sorted(log.config.seed for log in pair)
            yield SeedUnused(Setting(pair[0].arm), Number(first), Number(second))
            break
    if not rates_are_the_same:
        for group in _groups(logs, lambda config: config.with_values({"peak_rate": 1.0})):
            if (pair := _same_pair(group)) is not None:
                values = sorted(log.config.peak_rate for log in pair)
                yield SettingUnused(Text("lr"), Names(map(format_rate, values)))
                break
    for name in dict.fromkeys(name for log in logs for name in log.config.settings):
        of_name = [log for log in logs if name in log.config.settings]
        for group in _groups(of_name, partial(_without, name=name)):
            if (pair := _same_pair(group)) is not None:
                yield SettingUnused(Text(name), Names(str(log.config.settings[name]) for log in pair))
                break


def _same_results(logs: Sequence[_Log]) -> Iterator[Note]:
    """Name the rate or the seed where all results are the same whatever it is, and differ with the other.

    Final values are all that some trainings tell, and may be equal by chance: several equalities are asked for.
    """
    for group in _groups(logs, lambda config: config.with_values({"peak_rate": 1.0, "seed": 0})):
        by_seed: dict[int, list[Mapping[tuple[int, str], float]]] = {}
        by_rate: dict[float, list[Mapping[tuple[int, str], float]]] = {}
        for log in group:
            if log.dev:
                by_seed.setdefault(log.config.seed, []).append(log.dev)
                by_rate.setdefault(log.config.peak_rate, []).append(log.dev)
        if _are_the_same(list(by_seed.values())):
            yield SettingUnused(Text("lr"), Names(map(format_rate, sorted(by_rate))))
        elif _are_the_same(list(by_rate.values())):
            first, second = sorted(by_seed)[:2]
            arm = min(group, key=lambda log: log.config.peak_rate).arm
            yield SeedUnused(Setting(arm), Number(first), Number(second))


def _are_the_same(groups: Sequence[Sequence[Mapping[tuple[int, str], float]]]) -> bool:
    """Whether results are equal within every group, often enough, and not from one group to another."""
    equalities = sum(len(group) - 1 for group in groups)
    within = all(each == group[0] for group in groups for each in group[1:])
    differ = len(groups) > 1 and all(one[0] != other[0] for one, other in pairwise(groups))
    return within and differ and equalities >= MIN_EQUALITIES


def _without(config: ExternalTrial, name: str) -> ExternalTrial:
    others = {each: value for each, value in config.settings.items() if each != name}
    return replace(config, settings=OwnSettings(others))


def _groups(logs: Sequence[_Log], key: Callable[[ExternalTrial], ExternalTrial]) -> list[list[_Log]]:
    groups: dict[ExternalTrial, list[_Log]] = {}
    for log in logs:
        groups.setdefault(key(log.config), []).append(log)
    return list(groups.values())


def _same_pair(group: Sequence[_Log], *, is_seed: bool = False) -> tuple[_Log, _Log] | None:
    return next(((group[0], other) for other in group[1:] if _is_same(group[0], other, is_seed)), None)


def _is_same(one: _Log, other: _Log, is_seed: bool) -> bool:
    """Whether two runs logged the same losses, of so many digits that this is no chance.

    A seed changes the order of the batches: four digits tell, where a run's own losses lie far apart. Another setting
    may have so small an effect that it takes numbers that were not rounded.
    """
    if one.losses.keys() != other.losses.keys() or one.dev.keys() != other.dev.keys():
        return False
    pairs = [(one.losses[step], other.losses[step]) for step in one.losses]
    pairs += [(one.dev[place], other.dev[place]) for place in one.dev]
    if any(a != b and not (math.isnan(a) and math.isnan(b)) for a, b in pairs):
        return False
    losses = {value for value in one.losses.values() if math.isfinite(value)}
    last_digit = 10.0 ** min((_exponent(value) for value in losses), default=0)
    telling = [value for value in losses if abs(value) >= 10 ** (LOSS_DIGITS - 1) * last_digit]
    if len(telling) < MIN_LOSSES:
        return False
    if any(_digits(a) >= FULL_DIGITS for a, _ in pairs):
        return True
    return is_seed and max(losses) - min(losses) >= FAR_APART * last_digit
