"""What is said of a range test beside the prior."""

from lrscope.priors.range_tests import RangeTestsMeasured, read_range_tests


def test_find_says_that_the_test_adds_nothing_as_long_as_that_was_measured() -> None:
    measured = read_range_tests()
    assert measured.settings >= 15
    assert not measured.adds, "the measured gain is beyond doubt: find must state prior and test together"
    assert f"in {measured.settings} recorded fine-tunes" in measured.sentence
    assert f"by a factor of {10**measured.prior:.1f} on average" in measured.sentence
    assert (
        f"interval by {10**measured.test:.1f}, both weighed together by {10**measured.together:.1f}:"
        in measured.sentence
    )


def test_a_gain_is_beyond_doubt_where_its_whole_interval_is() -> None:
    assert RangeTestsMeasured(30, 0.5, 0.6, 0.3, (-0.2, -0.3, -0.1)).adds
    assert not RangeTestsMeasured(30, 0.5, 0.6, 0.45, (-0.05, -0.2, 0.01)).adds
