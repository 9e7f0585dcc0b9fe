"""A share of train as dev: drawn by a seed, by whole groups, with something left on each side."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrscope.data.dev_share import parse_share
from lrscope.data.dev_split import DevShare, split_off
from lrscope.data.guessing import guessing, guessing_of_file
from lrscope.data.splits import load_dev, load_split, load_splits
from lrscope.errors import ConfigError, DataError


def test_shares_and_paths() -> None:
    assert [parse_share(text) for text in ("10%", " 12.5 % ", ".5%", "dev.txt", "10%/dev.txt", "")] == [
        0.1, 0.125, 0.005, None, None, None
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["0%", "100%", "abc%", "150%", "-5%", "%", "nan%", "inf%"])
def test_no_shares(text: str) -> None:
    with pytest.raises(ConfigError, match=r"a share of the training examples lies between 0% and 100%.*write 10%"):
        parse_share(text)


@given(
    groups=st.lists(st.sampled_from("abcdefghij"), min_size=2, max_size=60).filter(lambda items: len(set(items)) > 1),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**40),
)
def test_groups_stay_together_and_both_sides_have_some(groups: list[str], share: float, seed: int) -> None:
    train, dev = split_off(groups, DevShare(share, seed), Path("x"))
    assert sorted([*train, *dev]) == list(range(len(groups)))
    assert len(train)
    assert len(dev)
    assert not {groups[place] for place in train} & {groups[place] for place in dev}
    assert all((side[1:] > side[:-1]).all() for side in (train, dev))
    largest = max(groups.count(group) for group in groups)
    assert abs(len(dev) - max(1, round(share * len(groups)))) <= largest


def test_a_share_is_exact_where_groups_allow_and_follows_its_seed() -> None:
    groups = [str(number) for number in range(1000)]
    chosen = [tuple(split_off(groups, DevShare(0.1, seed), Path("x"))[1]) for seed in (0, 0, 1)]
    assert [len(dev) for dev in chosen] == [100, 100, 100]
    assert chosen[0] == chosen[1] != chosen[2]


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(DataError, match=r"x: dev 50% of train needs examples that differ.*got 3 examples, 1 different"):
        split_off(["a", "a", "a"], DevShare(0.5), Path("x"))


def test_sentences(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    lines = [f"{number % 2} ||| sentence {number // 3}\n" for number in range(60)]
    path.write_text("".join(lines) + "rare ||| once\n".replace("rare", "7"), encoding="utf-8")
    for seed in range(20):  # the class that is there once stays in train
        splits = load_splits(path, DevShare(0.5, seed), None)
        assert splits.train.num_examples + splits.dev.num_examples == 61
        assert abs(splits.dev.num_examples - 30) <= 2
        assert splits.overlaps == {("train", "dev"): 0}
        assert 2 in splits.train.labels
        assert splits.notes == (
            f"dev is {splits.dev.num_examples} of the 61 examples in {path}, drawn with split seed {seed}",
        )
    assert splits.dev.where(0) == f"{path}:{splits.dev.lines[0]}"
    assert splits.dev.texts[0] == lines[splits.dev.lines[0] - 1].split(" ||| ")[1].strip()
    again = load_dev(path, DevShare(0.5, 19), splits.labels)
    assert again.fingerprint == splits.dev.fingerprint
    data = {"train": str(path), "dev": "50%", "split_seed": 19}
    assert guessing_of_file(data, splits.labels.state, again.fingerprint) == guessing(splits.dev.labels) != {}
    assert guessing_of_file({**data, "split_seed": 18}, splits.labels.state, again.fingerprint) == {}
    whole = load_split(path, splits.labels, "data")
    assert whole.fingerprint not in (splits.train.fingerprint, splits.dev.fingerprint)
