"""One run in several formats counts once; two runs that happen to agree here and there stay two."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lrscope.runs.history import Told, run_of_entries
from lrscope.runs.importers.base import Imported
from lrscope.runs.measured import Entry
from lrscope.runs.notes import RecordsLeftOut
from lrscope.runs.recorded_twice import is_same, once
from lrscope.runs.run import Run

LOSSES = (1.23456789, 1.10234567, 0.98765432, 0.95432109)


def run(losses: Sequence[float] = LOSSES, *, name: str = "loss", steps: bool = True, told: Told | None = None) -> Run:
    entries = [
        Entry.of({f"eval_{name}": loss, "epoch": float(place), **({"step": place * 10} if steps else {})})
        for place, loss in enumerate(losses, start=1)
    ]
    return run_of_entries(entries, told)


def in_single(losses: Sequence[float]) -> list[float]:
    return [float(f"{loss:.7g}") for loss in losses]


@pytest.mark.parametrize(
    "other",
    [
        run(in_single(LOSSES)),
        run([round(loss, 3) for loss in LOSSES]),
        run([float(f"{loss:.4g}") for loss in LOSSES], steps=False),
        run(LOSSES[:3]),  # an earlier checkpoint, in another format
        run(told=Told(rate=1e-4, seed=3)),
    ],
)
def test_one_run_in_two_formats(other: Run) -> None:
    assert is_same(run(), other)
    assert is_same(other, run())


@pytest.mark.parametrize(
    "other",
    [
        run([loss + 1e-4 for loss in LOSSES]),
        run([*LOSSES[:3], LOSSES[3] * 1.0001]),
        run([0.5, 0.5, 0.25, 0.25]),
        run(name="f1"),
        run(LOSSES[:2]),  # too few to tell
        run([round(loss, 1) for loss in LOSSES]),
    ],
)
def test_other_runs(other: Run) -> None:
    assert not is_same(run(), other)


def test_runs_that_say_that_they_differ() -> None:
    assert not is_same(run(told=Told(seed=1)), run(told=Told(seed=2)))
    assert not is_same(run(told=Told(rate=1e-3)), run(told=Told(rate=2e-3)))


def test_the_richer_record_stays_and_the_other_is_named() -> None:
    def file(name: str, each: Run, kind: str) -> tuple[Path, Imported]:
        return Path(name), Imported((each,), kind=kind)

    state, log = file("a.json", run(), "TrainerState"), file("a.log", run(LOSSES[:3]), "ConsoleLog")
    (kept,) = once([log, state])
    assert kept[0] == Path("a.json")
    assert kept[1].notes == (RecordsLeftOut(1, ("a.log",)),)
    copies = [state, file("b.json", run(), "TrainerState")]
    assert once(copies) == copies, "copies in one format are found where arms are made"
    several = [state, (Path("c.csv"), Imported((run(), run()), kind="MetricTable"))]
    assert once(several) == several
