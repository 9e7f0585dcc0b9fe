"""Plans: every example exactly once, drawn from (seed, epoch) alone, with little padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.data.batches import padding_share, plan_epoch, plan_evaluation

LENGTHS = np.random.default_rng(0).integers(3, 60, 8544)


@given(st.integers(1, 400), st.integers(1, 50), st.sampled_from(["bucketed", "random"]), st.integers(0, 3))
def test_every_example_exactly_once(num: int, size: int, batching: str, epoch: int) -> None:
    plan = plan_epoch(LENGTHS[:num], size, seed=0, epoch=epoch, batching=batching)
    assert sorted(np.concatenate(plan).tolist()) == list(range(num))
    assert len(plan) == -(-num // size)
    assert sorted(len(batch) for batch in plan)[1:] == [size] * (len(plan) - 1)


def test_order_depends_on_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(plan_epoch(LENGTHS, 80, seed=seed, epoch=epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_bucketing_leaves_little_padding_and_does_not_sort_the_epoch() -> None:
    random = plan_epoch(LENGTHS, 80, seed=0, epoch=0, batching="random")
    bucketed = plan_epoch(LENGTHS, 80, seed=0, epoch=0)
    assert padding_share(LENGTHS, random) > 0.4
    assert padding_share(LENGTHS, bucketed) < 0.06
    means = [LENGTHS[batch].mean() for batch in bucketed]
    assert abs(np.corrcoef(means, range(len(means)))[0, 1]) < 0.3


def test_the_smaller_batch_is_not_always_the_longest_or_the_last() -> None:
    places, means = [], []
    for epoch in range(20):
        plan = plan_epoch(LENGTHS[:170], 80, seed=0, epoch=epoch)
        place = int(np.argmin([len(batch) for batch in plan]))
        places.append(place)
        means.append(LENGTHS[plan[place]].mean())
    assert len(set(places)) > 1
    assert abs(np.mean(means) - LENGTHS[:170].mean()) < 8


@pytest.mark.parametrize("size", [1, 64, 100_000])
def test_an_evaluation_takes_the_longest_first(size: int) -> None:
    plan = plan_evaluation(LENGTHS[:300], size)
    assert sorted(np.concatenate(plan).tolist()) == list(range(300))
    ordered = LENGTHS[np.concatenate(plan)]
    assert (np.diff(ordered) <= 0).all()
