"""What names of runs say: some tell what was tried, others were drawn by a program, or only count."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lrscope.runs.importers.checked import count
from lrscope.runs.importers.headings import rate_in

# W&B's and MLflow's runs: words and a number. Identifiers: hexadecimal digits, a letter and digits, numbers alone.
_DRAWN = re.compile(r"^[a-z]+(?:-[a-z]+){1,3}-\d+$")
_IDENTIFIER = re.compile(r"^(?=.*\d)[0-9a-f]{5,}(?:[-_][0-9a-f]+)*$|^(?=.*\d)(?=.*[a-z])[0-9a-z]{8}$|^[0-9]+$", re.I)
_COUNTED = re.compile(
    r"^(?:run|trial|exp|experiment|job|version|train|train_fn|trainable|objective)?[-_ #]*v?\d+$", re.I
)
_RATE_ALONE = re.compile(r"[\W_]*(?:lr|learning[ _-]?rate)?[\W_]*[\d.]+(?:e[-+]?\d+)?[\W_]*", re.I)
_SEED = re.compile(r"[-_ .,(]*(?<![a-z])seed[-_ =:#]*([0-9]{1,15})\)?", re.I)
_FOLD = re.compile(r"[-_ .,(]*(?<![a-z])fold[-_ =:#]*([0-9]{1,4})(?![0-9])\)?", re.I)


def says_nothing(names: Sequence[str]) -> bool:
    """Return whether names of runs tell nothing of what was tried: a program drew them, or they count.

    >>> says_nothing(["dulcet-sea-12", "vivid-sweep-3"]), says_nothing(["41d2a_00007"]), says_nothing(["run 1", "2"])
    (True, True, True)
    >>> says_nothing(["lora-r8", "lora-r16"]), says_nothing(["baseline"])
    (False, False)
    """
    kinds = (_DRAWN, _IDENTIFIER, _COUNTED)
    known = [name for name in names if name]
    return all(any(kind.match(name) for kind in kinds) for name in known)


def without_seed(name: str) -> tuple[str, int | None]:
    """Return a name of a run without its seed, and the seed.

    >>> without_seed("lr1e-4_seed3"), without_seed("seed 3"), without_seed("seedling")
    (('lr1e-4', 3), ('', 3), ('seedling', None))
    """
    match = _SEED.search(name)
    return (name, None) if match is None else (_SEED.sub("", name).strip("-_ ,"), count(match[1]))


def without_fold(name: str) -> tuple[str, str]:
    """Return a name of a run without its fold of a cross-validation, and the fold; empty where it names none.

    >>> without_fold("lr1e-4_fold3"), without_fold("fold 0"), without_fold("blindfold1"), without_fold("a 5-fold")
    (('lr1e-4', '3'), ('', '0'), ('blindfold1', ''), ('a 5-fold', ''))
    """
    match = _FOLD.search(name)
    return (name, "") if match is None else (_FOLD.sub("", name).strip("-_ ,"), match[1])


def says_rate_alone(name: str) -> bool:
    """Return whether a name of a run says its rate, and nothing else.

    >>> says_rate_alone("lr=1e-4"), says_rate_alone("lr1e-4-r8"), says_rate_alone("12")
    (True, False, False)
    """
    return _RATE_ALONE.fullmatch(name) is not None and rate_in(name) is not None
