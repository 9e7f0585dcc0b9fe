"""The schedule that was applied, and what is odd about it: its length, its beginning, a jump, a decay that never came.

What logged rates cannot tell is not said: between two entries, and after the last one, a schedule may do anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lrscope.findings.checkup import statements as s
from lrscope.findings.checkup.log_view import LogView, exactly, setting_of
from lrscope.findings.imported_options import SCHEDULES
from lrscope.runs.quantities import Count, Rate, Share, Text
from lrscope.runs.score_table import Floats

NOTICED = 0.02  # of the length: a schedule that is longer than its training by less is not
LINEAR_FLOOR = 0.2  # of the peak: a linear decay that ends higher was meant to go on
LOW = 0.1  # of the peak: a rate that ended lower has come down
EARLY = 0.95  # of the training: a rate that was at its end by then, and stayed there
JUMP = 0.1  # of the peak: a smaller step is none
MIN_ENTRIES = 8
UNSHOWN = ("", "curved", "warming up")  # what rates are called that show no shape, or only its beginning
FEW_FALLING = 5  # losses each of which is less than the one before: they fall
STAYS = 0.05  # of the loss: a change that is surely smaller is none
# Shapes that are flat for a while, or fall or rise in steps, by intention.
STEPPED = ("step", "restarts", "one-cycle", "warmup-stable-decay", "constant", "")
ENDLESS = ("constant", "inverse-sqrt", "exponential", "step", "restarts", "warming up", "curved", "")
DECAYING = ("linear", "cosine", "polynomial", "inverse_sqrt", "cosine_with_min_lr", "reduce")


def schedule_findings(log: LogView) -> Iterator[s.CheckFinding]:
    """Yield what a log shows of its schedule, first what it was."""
    known = np.isfinite(log.rates)
    if not known.any():
        yield s.RatesNotLogged()
        return
    at, rates = log.at[known], log.rates[known]
    if log.schedule is None:
        yield s.RateAlwaysZero(False if log.followed else None if log.is_rewarded else _falls(log.losses))
        return
    if log.followed and log.schedule.shape in UNSHOWN:
        text, peak = log.followed
        yield s.ScheduleKnown(Text(text), exactly(Rate(peak)), exactly(Count(round(log.total))))
        return
    yield s.ScheduleApplied(log.schedule)
    if log.is_planned:  # its schedule is known, and is held against what was applied elsewhere
        return
    yield from _first_rates(log, at, rates)
    yield from _end(log, at, rates)
    yield from _jumps(log, at, rates)
    yield from _decay_asked(log, at, rates)


def _falls(losses: Floats) -> bool | None:
    """Return whether losses fall beyond their scatter, from the first third to the last; None where that is not sure.

    >>> _falls(np.array([2.0, 1.0, 0.7, 0.5, 0.4])), _falls(np.array([0.5, 0.501] * 6)), _falls(np.array([2.0, 1.9]))
    (True, False, None)
    """
    known = losses[np.isfinite(losses)]
    third = len(known) // 3
    if len(known) >= FEW_FALLING and (np.diff(known) < 0.0).all():
        return True
    if third < 2:
        return None
    first, last = known[:third], known[-third:]
    error = math.sqrt((first.var(ddof=1) + last.var(ddof=1)) / third)
    fall = float(first.mean() - last.mean())
    if fall > max(4.0 * error, 1e-3 * abs(first.mean())):
        return True
    stays = len(known) >= MIN_ENTRIES and abs(fall) + 2.0 * error < STAYS * abs(float(first.mean()))
    return False if stays or (len(known) >= MIN_ENTRIES and fall < -4.0 * error) else None


def _first_rates(log: LogView, at: Floats, rates: Floats) -> Iterator[s.CheckFinding]:
    num_zero = int(np.argmax(rates > 0.0))
    if num_zero == 1:
        yield s.RateZeroAtFirst(log.place(float(at[0])))
    elif num_zero > 1:
        yield s.RateZeroUntil(log.place(float(at[num_zero - 1])))


def _end(log: LogView, at: Floats, rates: Floats) -> Iterator[s.CheckFinding]:
    """Hold the schedule's length against the training's."""
    schedule = log.schedule
    assert schedule is not None
    if schedule.shape == "warming up":
        if len(rates) >= MIN_ENTRIES and rates[-1] > 1.2 * rates[0] and rates[-1] == rates.max():
            yield s.WarmupUnfinished(log.place(log.end), exactly(Rate(rates[-1])), log.is_complete)
        return
    if early := _ended_early(log, at, rates):
        yield early
        return
    is_short = log.status in ("interrupted", "stopped") and log.end < (1.0 - NOTICED) * log.total
    if is_short and (schedule.shape not in ENDLESS or schedule.shape in ("", "curved")):
        left = float(rates[-1]) / float(rates.max())
        if LOW + _floor(log) < left < 1.0:
            yield s.RateStillHigh(exactly(Share(left)), log.place(log.end), log.place(log.total), "unfinished")
        return
    length = schedule.total
    if schedule.shape == "linear" and _floor(log) > LINEAR_FLOOR and rates[-1] < rates.max():
        # Nobody asks for a line that ends this high: it is one to 0, of which the training is a part.
        top = int(np.argmax(rates))
        left, fallen = float(rates[-1]), float(rates[top] - rates[-1])
        length = float(at[-1] + left * (at[-1] - at[top]) / fallen)
        how: s.End = "longer" if log.is_complete else "log-ends"
        yield s.RateStillHigh(
            exactly(Share(left / schedule.peak)), log.place(log.end), log.place(float(f"{length:.3g}")), how
        )  # fmt: skip
        return
    if schedule.shape in ENDLESS or not math.isfinite(length) or not schedule.ended_at > LOW + _floor(log):
        return
    end = max(log.end, log.total if log.is_complete else 0.0)
    if end + (0.0 if log.is_complete else 2.0 * log.spacing) >= length * (1.0 - NOTICED):
        return  # what was left after the last entry is less than lies between entries, or the log says that it was made
    share = _share_at(at, rates, end, length) / schedule.peak
    if not share > LOW + _floor(log):
        return
    how = "longer" if log.is_complete and log.total < length else "log-ends"
    yield s.RateStillHigh(exactly(Share(share)), log.place(end), log.place(round(length)), how)


def _floor(log: LogView) -> float:
    floor = math.nan if log.schedule is None else log.schedule.floor
    return floor if math.isfinite(floor) else 0.0


def _share_at(at: Floats, rates: Floats, end: float, length: float) -> float:
    """Return the rate at the end of the training: the last one, or on the line from it to the end of its schedule."""
    if end <= at[-1] or length <= at[-1]:
        return float(rates[-1])
    return float(rates[-1] * (length - end) / (length - at[-1]))


def _ended_early(log: LogView, at: Floats, rates: Floats) -> s.RateEndedEarly | None:
    """Return that a decay was over well before the training, where its last rates are all the same, and its lowest."""
    assert log.schedule is not None
    lowest, peak = float(rates[-1]), log.schedule.peak
    flat = np.abs(rates - lowest) <= 1e-6 * peak
    num_flat = len(rates) if flat.all() else int(np.argmin(flat[::-1]))
    is_lowest = lowest <= float(rates[int(np.argmax(rates)) :].min()) * (1 + 1e-6) + 1e-12 * peak
    end = max(log.end, 0.0 if math.isnan(log.total) else log.total)
    is_explained = num_flat <= 2 * _level_before(rates, num_flat)  # by rounding
    if is_explained or not is_lowest or not end > 0.0 or lowest > 0.5 * peak:
        return None
    # The decay may have ended anywhere between the last entry above its lowest rate and the first one at it.
    share, before = float(at[-num_flat]) / end, float(at[-num_flat - 1]) / end
    falls_smoothly = len(rates) - num_flat - int(np.argmax(rates)) >= 3
    is_zero = lowest <= 1e-3 * peak
    if share > EARLY or (share - before > 0.2 and not is_zero) or not falls_smoothly:
        return None
    if not is_zero and (log.schedule.shape in STEPPED or _is_level_before(rates, num_flat)):
        return None
    return s.RateEndedEarly(
        exactly(Share(share)), log.place(float(at[-num_flat])), exactly(Share(lowest / peak))
    )  # fmt: skip


def _level_before(rates: Floats, num_flat: int) -> int:
    """Return how many entries stand at the level before the last one: several where rates were rounded."""
    if num_flat == len(rates):
        return num_flat
    before = rates[: len(rates) - num_flat]
    other = before != before[-1]
    return len(before) if not other.any() else int(np.argmax(other[::-1]))


def _is_level_before(rates: Floats, num_flat: int) -> bool:
    """Whether the rates before the last level stand on levels, too: a decay in steps."""
    before = rates[int(np.argmax(rates)) : len(rates) - num_flat]
    return bool((np.diff(before) == 0.0).mean() > 0.3)


def _jumps(log: LogView, at: Floats, rates: Floats) -> Iterator[s.CheckFinding]:
    """Name the largest jump down or up where the rate runs smoothly on both sides of it."""
    assert log.schedule is not None
    if len(rates) < MIN_ENTRIES or log.schedule.shape in STEPPED or log.before is not None:
        return
    gaps = np.diff(at)
    slopes = np.diff(rates) / np.where(gaps > 0.0, gaps, np.nan)
    usual = float(np.nanmedian(np.abs(slopes)))
    for index in np.argsort(-np.abs(np.diff(rates))):
        around = [n for n in (index - 2, index - 1, index + 1, index + 2) if 0 <= n < len(slopes)]
        size, beside = abs(rates[index + 1] - rates[index]), np.abs(slopes[around])
        if size <= JUMP * log.schedule.peak:
            return
        turns = all(np.sign(slopes[n]) == -np.sign(slopes[index]) for n in around)  # up, in the middle of a fall
        is_alone = abs(slopes[index]) > (2.0 if turns else 8.0) * max(usual, float(np.nanmax(beside)))
        if is_alone and len(around) == 4 and float(np.nanmin(beside)) > 0.0:
            place = log.place(float(at[index + 1]))
            yield s.RateJumps(place, exactly(Rate(rates[index])), exactly(Rate(rates[index + 1])))
            return


def _decay_asked(log: LogView, at: Floats, rates: Floats) -> Iterator[s.CheckFinding]:
    """Compare the schedule's name among the settings with rates that never changed."""
    asked = setting_of({n: v for n, v in (log.settings or {}).items() if n != "schedule"}, SCHEDULES)
    names_decay = any(asked.lower().replace("-", "_").startswith(name) for name in DECAYING)
    length = log.total if log.total > 0.0 else math.nan
    after = rates[int(np.argmax(rates)) :]
    covered = float(at[-1] - at[-len(after)]) / length
    if names_decay and len(after) >= MIN_ENTRIES and bool((after == after[0]).all()) and covered > 0.3:
        yield s.DecayNotApplied(Text(asked), exactly(Rate(after[0])))
