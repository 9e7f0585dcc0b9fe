"""Rules on curves whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.range_test.bracket import bracket_of, largest_stable
from lrscope.range_test.curve import Curve, mean_of, noise, smooth
from lrscope.range_test.suggest import RULES, falls, longest_fall, minimum_divided, slide, steepest, valley

RATES = np.geomspace(1e-6, 1.0, 121)


def hill(
    least: float = 1e-2, fall_at: float = 1e-3, level: float = 0.0, scale: float = 1.0, noise: float = 0.0
) -> Curve:
    """A loss that falls around `fall_at` by `scale`, and rises from `least` on."""
    u = np.log10(RATES)
    losses = (
        level - scale / (1 + np.exp(-6 * (u - np.log10(fall_at)))) + scale * np.maximum(0, u - np.log10(least)) ** 2
    )
    losses += np.random.default_rng(0).normal(0, noise, len(u)) if noise else 0.0
    return Curve.of(RATES, losses, rose=True, end_reason="the loss rose")


@pytest.mark.parametrize("level", [2.0, 0.0, -5.0])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_the_steepest_point_is_where_the_loss_falls_fastest(level: float, noise: float) -> None:
    found = steepest(hill(level=level, noise=noise))
    assert found is not None
    assert abs(np.log10(found) + 3) < 0.25


def test_rules_do_not_depend_on_level_or_scale() -> None:
    plain, moved = hill(), hill(level=-7.0, scale=40.0)
    for name, rule in RULES.items():
        one, other = rule(plain), rule(moved)
        assert one is not None, name
        assert other == pytest.approx(one, rel=1e-6), name


def test_rules_in_their_order_along_the_curve() -> None:
    curve = hill()
    least = float(curve.rates[int(curve.smoothed.argmin())])
    assert minimum_divided(curve) == pytest.approx(least / 10)
    fall, middle, window = steepest(curve), valley(curve), slide(curve)
    assert fall is not None
    assert middle is not None
    assert window is not None
    assert middle < fall < least
    assert window < least * 2


@pytest.mark.parametrize(
    "losses",
    [
        np.full(121, 1.6),
        np.linspace(1.0, 2.0, 121),
        1.6 + np.random.default_rng(1).normal(0, 0.1, 121),
        np.full(121, 0.0),
    ],
    ids=["constant", "rising", "noise", "zero"],
)
def test_curves_that_never_fall_have_no_answer(losses: np.ndarray) -> None:
    curve = Curve.of(RATES, losses, rose=False)
    assert not falls(curve)
    assert all(rule(curve) is None for rule in RULES.values())
    assert bracket_of([curve]).low is None
    assert bracket_of([curve]).sentence.startswith("no confident answer")


@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_short_curves_have_no_answer(length: int) -> None:
    curve = Curve.of(RATES[:length], hill().losses[:length], rose=True)
    assert all(rule(curve) is None for rule in RULES.values())
    assert bracket_of([curve]).low is None


def test_what_is_not_finite_ends_a_curve() -> None:
    losses = hill().losses.copy()
    losses[100:] = np.nan
    curve = Curve.of(RATES, losses)
    assert len(curve.rates) == 100
    assert curve.diverged_at == RATES[100]
    assert np.isfinite(curve.smoothed).all()


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60))
def test_the_longest_fall_is_a_longest_one(values: list[int]) -> None:
    best = [1] * len(values)
    for i in range(len(values)):
        best[i] = max([1, *(best[j] + 1 for j in range(i) if values[j] > values[i])])
    first, last = longest_fall([float(v) for v in values])
    assert best[last] == max(best)
    assert values[first] > values[last] or first == last
    # As many points lie on a fall between the two.
    inside = [v for v in values[first : last + 1] if values[last] <= v <= values[first]]
    assert len(inside) >= max(best)


def test_smoothing_has_no_lag_and_keeps_a_line() -> None:
    u = np.log10(RATES)
    assert np.allclose(smooth(RATES, u), u)
    bump = np.exp(-(((u + 3) / 0.3) ** 2))
    assert abs(u[int(smooth(RATES, bump).argmax())] + 3) < 0.06


def test_noise_is_that_of_the_steps_not_of_the_trend() -> None:
    draws = np.random.default_rng(3).normal(0, 0.2, 4000)
    rates = np.geomspace(1e-6, 1, 4000)
    assert noise(Curve.of(rates, draws + np.linspace(0, 5, 4000))) == pytest.approx(0.2, rel=0.05)


def test_the_largest_stable_rate_is_the_end_of_the_least_loss() -> None:
    found = largest_stable(hill(least=1e-2))
    assert found is not None
    assert 5e-3 < found < 2e-2
    noisy = [largest_stable(hill(least=least, noise=0.02)) for least in (1e-3, 1e-2, 1e-1)]
    assert all(rate is not None for rate in noisy)
    assert noisy == sorted(noisy, key=float)  # type: ignore[type-var]
    u = np.log10(RATES)
    flat = Curve.of(RATES, 1.6 + np.maximum(0, u + 2) ** 2, rose=True)
    assert not falls(flat)
    found = largest_stable(flat)
    assert found is not None
    assert 2e-3 < found < 5e-2, "it never fell: the last rate at which it is not above its beginning"
    assert largest_stable(Curve.of(RATES, np.full(121, 1.6))) is None


def test_an_explosion_at_the_end_does_not_hide_that_the_loss_fell() -> None:
    draws = np.random.default_rng(2)
    u = np.log10(RATES)
    losses = 1.63 - 0.05 / (1 + np.exp(-3 * (u + 4.5))) + draws.normal(0, 0.02, len(u)) + 2 * np.maximum(0, u + 1) ** 2
    curve = Curve.of(RATES, losses, rose=True)
    assert falls(curve)
    assert noise(curve) == pytest.approx(0.02, rel=0.35)


def test_a_bracket_says_how_far_seeds_agree() -> None:
    alike = bracket_of([hill(), hill(level=1.0)])
    assert alike.sentence.startswith("seeds agree within 1.0×")
    assert alike.low is not None
    assert alike.high is not None
    assert alike.high / alike.low == pytest.approx(10**1.5)
    assert bracket_of([hill(), hill(least=1e-1)]).sentence.startswith("seeds differ by")
    assert "one seed" in bracket_of([hill()]).sentence


def test_the_mean_of_seeds_that_begin_elsewhere_has_no_step() -> None:
    short = Curve.of(RATES[:90], hill(level=3.0).losses[:90])
    whole = mean_of([hill(), short])
    assert len(whole.rates) == 90
    assert np.allclose(np.diff(whole.losses), np.diff(hill().losses[:90]), atol=1e-9)


def runs(*losses: float, rose: bool = False) -> Curve:
    return Curve.of([10.0 ** -(len(losses) - i) for i in range(len(losses))], losses, rose=rose, independent_rates=True)


def test_of_runs_that_began_anew_the_least_loss_is_in_the_middle_of_the_bracket() -> None:
    found = bracket_of([runs(1.6, 1.4, 1.2, 1.5, 2.0, rose=True)])
    assert found.low is not None
    assert found.high is not None
    assert (found.low * found.high) ** 0.5 == pytest.approx(1e-3)
    assert found.high / found.low == pytest.approx(10**1.5)
    assert found.largest_stable == pytest.approx(1e-2), "still better than the smallest rate"
    assert "one seed" in found.sentence
    apart = bracket_of([runs(1.6, 1.4, 1.2, 1.5, 2.0), runs(1.6, 1.4, 1.3, 1.25, 2.0)])
    assert apart.sentence == "seeds differ by 10.0×"


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (runs(1.2, 1.3, 1.4), "try a smaller start"),
        (runs(1.4, 1.3, 1.2), "try a larger end"),
        (runs(1.4, 1.3), "before a curve could be read"),
    ],
)
def test_runs_whose_least_loss_is_at_an_end_have_no_answer(curve: Curve, said: str) -> None:
    found = bracket_of([curve])
    assert found.low is None
    assert said in found.sentence


def test_runs_whose_next_rate_diverged_have_their_answer_at_the_end() -> None:
    found = bracket_of([runs(1.4, 1.3, 1.2, rose=True)])
    assert found.low is not None
