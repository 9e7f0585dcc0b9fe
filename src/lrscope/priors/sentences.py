"""What is said of a prior, in English."""

from __future__ import annotations

from collections.abc import Sequence

from lrscope.number_text import counted, format_number
from lrscope.priors.evidence import Landscape
from lrscope.priors.outside import UNKNOWN, Outside
from lrscope.priors.question import Method, Question

TITLES = {"lora": "LoRA", "full": "full fine-tuning", "head": "the head alone"}
TASK_TITLES = {"sft": "supervised fine-tuning", "classification": "classification"}
SHOWN = 6  # measured values that are named one by one


def asked(at: Question) -> str:
    """Return what a prior was asked of."""
    of_adapters = f", rank {at.rank}, alpha {format_number(at.alpha)}" if at.method == "lora" else ""
    model = f"{at.model or 'a model'} ({count_text(at.parameters)} parameters)"
    what = f"{TITLES[at.method]}, {TASK_TITLES[at.task]} of {model}"
    return f"{what} with AdamW: batch size {at.batch_size}, {counted(at.steps, 'step')}{of_adapters}"


def evidence_text(landscapes: Sequence[Landscape], method: Method, coverage: float | None) -> str:
    """Return what a prior rests on; `coverage` is that of families left out, None where it cannot be tested."""
    families = ", ".join(sorted({each.at.family for each in landscapes}))
    data = ", ".join(sorted({each.at.data for each in landscapes}))
    told = f"{counted(len(landscapes), 'landscape')} of {TITLES[method]} ({families}; on {data})"
    if coverage is None:
        return f"{told}; of too few families to test it on those left out"
    return f"{told}; the intervals of families left out held {coverage:.0%} of the best rates"


def outside_text(each: Outside) -> str:
    """Return what was never measured, beside what was."""
    value = _value(each.asked, each.name)
    if value == UNKNOWN:
        return f"the {each.name} of the model is unknown"
    if isinstance(each.asked, str):
        return f"{each.name} {value} was never measured ({', '.join(map(str, each.measured))} were)"
    values = [_value(one, each.name) for one in each.measured]
    were = ", ".join(values) if len(values) <= SHOWN else f"{values[0]} to {values[-1]}"
    return f"{each.name} {value} {'lies beyond' if each.beyond else 'lies between'} what was measured ({were})"


def count_text(number: float) -> str:
    """Return a number of parameters as people write it.

    >>> count_text(8e9), count_text(134_479_872), count_text(259_328)
    ('8B', '134M', '259K')
    """
    units = (("T", 1e12), ("B", 1e9), ("M", 1e6), ("K", 1e3), ("", 1.0))
    unit, size = next(pair for pair in units if number >= pair[1] or not pair[0])
    return f"{float(f'{number / size:.3g}'):g}{unit}"


def _value(value: float | str, name: str) -> str:
    if isinstance(value, str):
        return value
    return count_text(value) if name == "parameters" else format_number(value)
