"""An applied schedule as people name one: "linear decay, warmup 3%, peak 2e-4 over 1,200 steps"."""

from __future__ import annotations

import math
from collections.abc import Callable

from lrscope.report.locales import Locale
from lrscope.runs.applied_schedule import AppliedSchedule
from lrscope.runs.quantities import Count, Rate, Share

Word = Callable[..., str]
Text = Callable[[object], str]
NOTICED = 0.005  # of the peak
ROUNDED, WHOLE = 1e-3, 0.01  # of the peak: rates that are known no better; of the length
ENDLESS = ("constant", "warming up", "curved")


def schedule_text(schedule: AppliedSchedule, word: Word, text: Text, locale: Locale) -> str:
    """Return a schedule in words; `word` returns a short word of a language, `text` writes a quantity in it."""
    length = schedule.total if schedule.total > 0.0 else math.nan
    if schedule.shape in ENDLESS and not schedule.is_whole:  # the training's own length, which it did not come to
        length = math.nan
    parts = [word(f"shape-{schedule.shape or 'unknown'}")]
    if schedule.warmup > 0.0:
        share = schedule.warmup / length
        if schedule.error > ROUNDED and 2.0 * WHOLE < share <= 1.0:  # rates of few digits tell no more
            share = round(share / WHOLE) * WHOLE
        after = text(Share(share)) if share <= 1.0 else _length(schedule.warmup, schedule.unit, word, text)
        parts.append(word("of-warmup", length=after))
    if not schedule.shape:  # of which the peak may never have been logged
        return locale.comma.join([*parts, word("highest-logged", rate=text(Rate(schedule.peak)))])
    # Where nothing tells how it began, the largest rate of all may have come before what was logged.
    begins = "of-peak" if schedule.has_peak else "highest-logged"
    peak = word("peak-read-back" if schedule.is_read_back else begins, rate=text(Rate(schedule.peak)))
    over = "" if math.isnan(length) else word("over", length=_length(length, schedule.unit, word, text))
    parts.append(locale.space.join(part for part in (peak, over) if part))
    if schedule.floor > NOTICED and schedule.floor < 1.0 - NOTICED:
        parts.append(word("of-floor", share=text(Share(schedule.floor))))
    elif not schedule.is_whole and NOTICED < schedule.ended_at < 1.0 - NOTICED:
        parts.append(word("last-logged", share=text(Share(schedule.ended_at))))
    return locale.comma.join(parts)


def _length(number: float, unit: str, word: Word, text: Text) -> str:
    written = f"{number:.3g}" if unit == "epoch" else text(Count(round(number)))
    return word(f"so-many-{unit}s", number=written)
