"""Numbers as people write them."""

from __future__ import annotations

import re
from decimal import Decimal


def format_number(value: float) -> str:
    """Return the shortest text that reads back as the same number.

    >>> format_number(6.0), format_number(0.1), format_number(1e-06)
    ('6', '0.1', '1e-6')
    """
    if abs(value) < 1e15 and value == int(value):
        return str(int(value))
    return re.sub(r"e([+-])0*", lambda match: "e" + match[1].replace("+", ""), repr(float(value)))


def format_rate(rate: float) -> str:
    """Return a learning rate as people write it: with an exponent below 0.1, so that rates compare at a glance.

    >>> format_rate(0.0001), format_rate(0.00022), format_rate(0.01), format_rate(0.3)
    ('1e-4', '2.2e-4', '1e-2', '0.3')
    """
    if not 0.0 < rate < 0.1:
        return format_number(rate)
    _, digits, exponent = Decimal(repr(float(rate))).as_tuple()
    assert isinstance(exponent, int), "a rate is a finite number"
    text = "".join(map(str, digits)).rstrip("0")
    return f"{text[0]}{'.' if len(text) > 1 else ''}{text[1:]}e{exponent + len(digits) - 1}"


def short_rate(rate: float) -> str:
    """Return a learning rate to two digits: what a range test knows of it.

    >>> short_rate(0.00022345)
    '2.2e-4'
    """
    return format_rate(float(f"{rate:.2g}"))


def as_typed(rate: float) -> float:
    """Return the rate that somebody typed where a program's arithmetic left it a little off, as float32 does.

    >>> as_typed(1.9999999999999998e-05), as_typed(9.999999747378752e-05), as_typed(3.14159e-4)
    (2e-05, 0.0001, 0.000314159)
    """
    short = float(f"{rate:.4g}")
    return short if abs(short - rate) <= 2e-7 * abs(rate) else rate


def counted(number: int, what: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "step"), counted(2, "epoch"), counted(1101, "example")
    ('1 step', '2 epochs', '1,101 examples')
    """
    return f"{number:,} {what}" + "s" * (number != 1)
