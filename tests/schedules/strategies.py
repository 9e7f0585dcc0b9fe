"""Schedules of every kind, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from lrscope.errors import ScheduleError
from lrscope.schedules import (
    Constant,
    Cosine,
    Duration,
    Exponential,
    Hold,
    InverseSqrt,
    Level,
    Linear,
    MultiStep,
    Piecewise,
    Plateau,
    Polynomial,
    Restarts,
    Schedule,
    Segment,
    Sqrt,
    Step,
    Warmup,
)
from lrscope.schedules.warmup import SHAPES

lengths = st.one_of(
    st.builds(Duration, st.integers(1, 10_000), st.just("st")),
    st.builds(Duration, st.floats(0.01, 100, allow_subnormal=False), st.just("%")),
    st.builds(Duration, st.floats(0.01, 1000, allow_subnormal=False), st.just("ep")),
)
shares = st.builds(Level, st.floats(0, 1, allow_subnormal=False))
levels = shares | st.builds(Level, st.floats(1e-9, 1e-4), st.just("rate"))
gammas = st.floats(1e-3, 1.0)
options: dict[str, Any] = {"length": st.none() | lengths, "update": st.none() | lengths}


def rising(places: list[Duration]) -> tuple[Duration, ...]:
    return tuple({(place.unit, place.value): place for place in sorted(places, key=lambda d: d.value)}.values())


places = st.lists(st.builds(Duration, st.integers(1, 500), st.just("st")), min_size=1, max_size=4).map(rising)


@st.composite
def pointwise(draw: st.DrawFn, options: dict[str, Any]) -> Schedule:
    at = draw(places)
    values = draw(st.lists(levels, min_size=len(at), max_size=len(at)))
    return Piecewise(at=at, values_at=tuple(values), **{name: draw(value) for name, value in options.items()})


warmups = st.builds(
    Warmup, length=lengths | st.just(Duration(0, "st")), start=st.none() | levels, shape=st.sampled_from(SHAPES),
    update=options["update"],
)  # fmt: skip


def _decays(options: dict[str, Any]) -> st.SearchStrategy[Schedule]:
    return st.one_of(
    st.builds(Constant, **options),
    st.builds(Hold, **options),
    st.builds(Linear, to=levels, **options),
    st.builds(Cosine, to=levels, **options),
    st.builds(Sqrt, to=levels, **options),
    st.builds(Polynomial, power=st.floats(0.1, 5), to=levels, **options),
    st.builds(Exponential, to=st.builds(Level, st.floats(1e-6, 1.0)), **options),
    st.builds(Exponential, gamma=gammas, every=lengths, to=levels, **options),
    st.builds(InverseSqrt, timescale=st.none() | lengths, to=levels, **options),
    st.builds(Step, every=lengths, gamma=gammas, to=levels, **options),
    st.builds(MultiStep, at=places, gamma=gammas, to=levels, **options),
    st.builds(
        Restarts, period=lengths, multiplier=st.floats(1, 3), decay=gammas, to=levels, **options
    ),
    st.builds(
        Plateau, patience=st.integers(0, 5), gamma=gammas, threshold=st.floats(0, 1), cooldown=st.integers(0, 3),
        to=levels, **options,
    ),
    pointwise(options),
)  # fmt: skip


decays = _decays(options)
whole_decays = _decays({})


@st.composite
def joined(draw: st.DrawFn, inner: st.SearchStrategy[Schedule]) -> Schedule:
    """Phases after one another or times one another; a sequence that cannot be built is drawn again."""
    parts = draw(st.lists(inner, min_size=2, max_size=3))
    if draw(st.booleans()):
        parts = [draw(warmups), *parts]
    result = parts[0]
    for part in parts[1:]:
        try:
            result = result * part if draw(st.booleans()) and not isinstance(result, Warmup) else result >> part
        except ScheduleError:
            return parts[-1]
    return result


@st.composite
def excerpts(draw: st.DrawFn, inner: st.SearchStrategy[Schedule]) -> Schedule:
    return Segment(
        whole=draw(inner), of=Duration(draw(st.integers(10, 500)), "st"), start=Duration(draw(st.integers(0, 5)), "st"),
        length=draw(st.none() | lengths),
    )  # fmt: skip


schedules: st.SearchStrategy[Schedule] = st.recursive(
    decays, lambda inner: joined(inner) | excerpts(inner), max_leaves=5
)

# Of which most fit into a run: phases of a few steps, and at their end one that fills what is left.
short = st.builds(Duration, st.integers(1, 20), st.just("st")) | st.builds(Duration, st.floats(1, 25), st.just("%"))
phases = _decays({"length": short, "update": options["update"]})


@st.composite
def _filling(draw: st.DrawFn, inner: st.SearchStrategy[Schedule]) -> Schedule:
    last, before = draw(inner), draw(st.lists(phases, max_size=2))
    if draw(st.booleans()):
        before = [Warmup(length=draw(short), shape=draw(st.sampled_from(SHAPES))), *before]
    try:
        for part in reversed(before):
            last = part >> last
        return last * draw(inner) if draw(st.booleans()) else last
    except ScheduleError:
        return last


filling: st.SearchStrategy[Schedule] = st.recursive(
    _decays({"update": options["update"]}), lambda inner: _filling(inner) | excerpts(inner), max_leaves=5
)
