"""What tells one function from another, and functions in files."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from lrscope.errors import StudyError
from lrscope.runners.external.carried_function import CarriedFunction, digest_of, load_function

SOURCE = '''
import math
SIZE = 8
calls = 0

class Model:
    """A model."""
    width = 4
    def run(self, x):
        return x * self.width

def helper(x, scale=2.0):
    """Scale."""
    return scale * x + math.pi

def train(trial):
    global calls
    calls += 1
    found = {"b", "a", "c"}
    return helper(trial.lr) + SIZE + Model().run(1) + len([each for each in found])
'''


def made(*changes: tuple[str, str], source: str = SOURCE) -> Any:
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    names: dict[str, Any] = {"__name__": "made"}
    exec(compile(source, "made.py", "exec"), names)
    return names["train"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import math", "# a comment\n\nimport math"),
        ('"""Scale."""', '"""Multiply."""'),
        ('"""A model."""', '"""Another text."""'),
        ("calls = 0", "calls = 7"),  # the function sets it itself
    ],
)
def test_what_does_not_count(old: str, new: str) -> None:
    assert digest_of(made()) == digest_of(made((old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ SIZE", "- SIZE"),
        ("SIZE = 8", "SIZE = 9"),
        ("scale=2.0", "scale=3.0"),
        ("scale * x + math.pi", "scale * x - math.pi"),
        ("width = 4", "width = 5"),
        ("x * self.width", "x + self.width"),
        ('"c"}', '"d"}'),
    ],
)
def test_what_counts(old: str, new: str) -> None:
    assert digest_of(made()) != digest_of(made((old, new)))


def test_closures_methods_and_partials_count() -> None:
    def outer(rate: float) -> Any:
        return lambda trial: rate * trial.lr

    assert digest_of(outer(1.0)) == digest_of(outer(1.0)) != digest_of(outer(2.0))
    assert digest_of(functools.partial(print, end="")) != digest_of(functools.partial(print, end="x"))

    class Trainer:
        def __init__(self, size: int) -> None:
            self.size = size

        def __call__(self, trial: Any) -> int:
            return self.size

    assert digest_of(Trainer(1)) == digest_of(Trainer(1)) != digest_of(Trainer(2))


def test_functions_that_call_each_other_end() -> None:
    source = "def other(n):\n    return train(n)\ndef train(n):\n    return other(n)\n"
    assert len(digest_of(made(source=source))) == 24


def test_a_function_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "function.pkl"
    with pytest.raises(StudyError, match=r"there is no .*function.pkl; call lrscope.sweep again"):
        load_function(path)
    carried = CarriedFunction.of(lambda trial: 3)
    path.write_bytes(carried.pickled())
    loaded = load_function(path)
    assert (loaded.digest, loaded.name, loaded.function(None)) == (carried.digest, "<lambda>", 3)
    assert carried.is_live
    assert not loaded.is_live
    path.write_bytes(b"\x80half")
    with pytest.raises(StudyError, match="cannot read the function in"):
        load_function(path)
