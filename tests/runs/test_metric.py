"""Which metric runs of anyone's training are compared by: never by the alphabet, never guessed."""

from __future__ import annotations

import pytest

from lrscope.errors import DataError
from lrscope.records import Direction, Metric
from lrscope.runs.metric import choose_metric, direction_of, passed_over

MORE = [
    "accuracy", "eval_accuracy", "acc", "macro_f1", "rougeL", "rouge1", "sacrebleu", "exact_match", "top_1_accuracy",
    "rewards/accuracies", "matthews_correlation", "pass@1", "roc_auc", "mean_token_accuracy",
]  # fmt: skip
LESS = ["loss", "eval_loss", "easy_loss", "perplexity", "val_ppl", "wer", "rmse", "bits_per_byte", "calibration_error"]
UNKNOWN = ["score", "entropy", "length", "reward_loss", "accuracy_error", "", "accelerate", "terse"]


@pytest.mark.parametrize(
    ("names", "direction"), [(MORE, "maximize"), (LESS, "minimize"), (UNKNOWN, None)]
)  # fmt: skip
def test_directions_are_known_by_name_or_not_at_all(names: list[str], direction: Direction | None) -> None:
    assert {name: direction_of(name) for name in names} == dict.fromkeys(names, direction)


@pytest.mark.parametrize(
    ("names", "wanted", "direction", "chosen"),
    [
        ({"loss"}, None, None, ("loss", "minimize")),
        ({"loss", "accuracy"}, None, None, ("accuracy", "maximize")),
        ({"loss", "score"}, None, None, ("loss", "minimize")),
        ({"loss", "f1", "accuracy"}, None, None, ("accuracy", "maximize")),
        ({"loss", "score"}, None, "maximize", ("score", "maximize")),
        ({"loss", "mean_token_accuracy", "entropy", "num_tokens"}, None, None, ("loss", "minimize")),
        (
            {"loss", "rewards/chosen", "rewards/accuracies", "logps/chosen"},
            None,
            None,
            ("rewards/accuracies", "maximize"),
        ),
        ({"score"}, None, "maximize", ("score", "maximize")),
        ({"loss", "b", "a"}, "eval_loss", None, ("loss", "minimize")),
        ({"loss", "b", "a"}, "val_a", "minimize", ("a", "minimize")),
        ({"eval_a"}, "eval_a", "minimize", ("eval_a", "minimize")),
        ({"loss"}, None, "maximize", ("loss", "maximize")),
    ],
)
def test_what_is_meant_is_chosen(
    names: set[str], wanted: str | None, direction: Direction | None, chosen: tuple[str, str]
) -> None:
    assert choose_metric(names, wanted, direction) == chosen


@pytest.mark.parametrize(
    ("names", "wanted", "words"),
    [
        (set(), None, "got none"),
        ({"score", "grade"}, None, "measured were grade, score; name one with --metric NAME"),
        ({"entropy", "gen_len"}, None, "got only entropy, gen_len"),
        ({"loss", "score"}, "score", "whether a larger score is better is not known: add --minimize or --maximize"),
        ({"loss"}, "test_f1", "got 'test_f1'; it has loss"),
    ],
)
def test_what_is_not_known_is_asked_for(names: set[str], wanted: str | None, words: str) -> None:
    with pytest.raises(DataError, match=words):
        choose_metric(names, wanted)


def test_what_a_metric_sums_up_is_noted() -> None:
    for name, kind in (("best_acc", "best-of-epochs"), ("acc_mean", "mean-of-runs")):
        (note,) = passed_over([name], Metric(name, "maximize"))
        assert note.kind == kind
    assert passed_over(["acc", "loss"], Metric("acc", "maximize")) == ()
