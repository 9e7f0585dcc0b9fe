"""What is known of metrics by their names: which way of them is better, which come first, and what is no metric at all.

Less is better, where one of these words stands in a name: loss, perplexity, ppl, nll, error(s), err, mse, rmse, mae,
mape, bpb, bpc, bits per byte, wer, cer, ter, brier, ece, fid, distance, hallucination(s), toxicity.

More is better: accuracy, accuracies, acc, top1, top5, f1, precision, recall, auc, auroc, aupr, bleu, sacrebleu, chrf,
rouge (with its kinds), meteor, bertscore, comet, exact match, em, mcc, matthews (correlation), pearson(r), spearman(r),
kappa, r2, iou, miou, dice, ndcg, mrr, map, pass@k, win rate, reward(s), margins.

A name with words of both, or of neither, is not known; nor is a change or the negative of a metric (drop, gap, diff,
delta, reduction, improvement, gain, neg, minus, 1 - x), which may turn it around. Directions are those of Hugging
Face's `evaluate` (huggingface.co/docs/evaluate) and, for preferences, of TRL's `DPOTrainer`
(huggingface.co/docs/trl/dpo_trainer).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

_LESS = (
    "perplexity|ppl|nll|errors?|err|mse|rmse|mae|mape|bpb|bpc|bits_per_(?:byte|char(?:acter)?)|wer|cer|ter|brier|ece|fid"
    "|distance|hallucinations?|toxicity"
)
_MORE = (
    "accurac(?:y|ies)|acc|top_?[15]|f1|precision|recall|(?:roc_)?auc|auroc|aupr|(?:sacre)?bleu|chrf|rouge_?(?:[12l]|lsum)?"
    "|meteor|bertscore|comet|exact_match|em|mcc|matthews(?:_corr(?:elation|coef)?)?|pearsonr?|spearmanr?|kappa|r2|m?iou"
    r"|dice|ndcg|mrr|map|pass@\d+|win_?rate|rewards?|margins"
)
_ENDS = r"(?:[_ /.-]|@\d|\d*$)"
_TURNED = re.compile(
    r"(?:^|[_ /.-])(?:drops?|gaps?|diffs?|differences?|delta|decrease|degradation|reduction|improvement|gain|change|neg"
    r"|negative|negated|minus|inverse|inverted)(?:[_ /.-]|$)|^1 ?[-–−]", re.I
)  # fmt: skip
_LESS_IS_BETTER = re.compile(rf"loss$|(?:^|[_ /.-])(?:loss|{_LESS}){_ENDS}", re.I)
_MORE_IS_BETTER = re.compile(rf"(?:^|[_ /.-])(?:{_MORE}){_ENDS}", re.I)

# What stands among measurements and measures no quality: counters, clocks, settings of the evaluation, what a model
# says of itself (entropy, logits, log probabilities, the length of what it wrote), spreads over seeds.
_NO_METRIC = re.compile(
    r"(?:^|[_ /.-])(?:runtime|time|seconds?|second|sec|timestamp|duration|throughput|mfu|flops|total_flos|memory|mem"
    r"|epochs?|steps?|iters?|iterations?|global_step|samples|num_samples|num_tokens|tokens|num_input_tokens_seen|seen_tokens"
    r"|batch(?:_?size)?|batches|interval|every|frequency|freq|size|seeds?|num_seeds|count|entropy|gen_len(?:gth)?|mean_length"
    r"|max_length|min_length|length|logits|logps|clip_ratio|kl|lr|learning_rate|grad_norm|weight_norm|std|stdev|stderr|var"
    r"|min|max)$"
    r"|(?:^|[_ /.-])(?:logits|logps|completions?|entropy)[/_]"
    r"|per_second|rewards/(?:chosen|rejected)$|(?:^|_)(?:strategy|only|delay|accumulation)|_time$|__(?:MIN|MAX)$",
    re.I,
)
# Which of several metrics runs are compared by, the first kind that there is: what the task is scored by; then the
# loss, which says the same as a perplexity and more than a share of right tokens.
_ORDER = tuple(
    re.compile(rf"(?:^|[_ /.-])(?:{words}){_ENDS}", re.I)
    for words in (
        "accuracy|acc|top_?1", "exact_match|em|pass@1", "f1", "rewards/accuracies",
        "matthews(?:_corr(?:elation|coef)?)?|mcc", "rouge_?1", "rouge_?l(?:sum)?", "rouge_?2?", "sacrebleu|bleu",
        "chrf|meteor|bertscore|comet", "wer", "cer", "(?:roc_)?auc|auroc|aupr", "pearsonr?|spearmanr?|kappa|r2",
    )
)  # fmt: skip
SHORT_NAMES = {"acc": "accuracy", "ppl": "perplexity"}  # what some programs call a metric that others write out
_SHARE = re.compile(
    rf"(?:^|[_ /.-])(?:accurac(?:y|ies)|acc|top_?[15]|f1|precision|recall|exact_match|em|pass@\d+|win_?rate){_ENDS}",
    re.I,
)
_BEST = re.compile(r"(?:best|max|min)[_ /.-]", re.I)  # of all epochs of a run
_OF_TOKENS = re.compile(r"token", re.I)


_TITLES: Mapping[str, Mapping[str, str]] = {
    "classification": {"macro_f1": "macro-F1"},
    "sft": {
        "loss": "log-loss", "token_accuracy": "token accuracy", "bits_per_byte": "bits per byte",
        "exact_match": "exact match",
    },
}  # fmt: skip


def less_is_better(name: str) -> bool:
    """Return whether a word of a metric's name says that less of it is better.

    >>> less_is_better("eval_loss"), less_is_better("dev ppl"), less_is_better("f1")
    (True, True, False)
    """
    return bool(_LESS_IS_BETTER.search(name))


def known_direction(name: str) -> Literal["maximize", "minimize"] | None:
    """Return which way of a metric is better where its name says so, None where it does not.

    >>> known_direction("mean_token_accuracy"), known_direction("rougeL"), known_direction("wer")
    ('maximize', 'maximize', 'minimize')
    >>> known_direction("recall@10"), known_direction("mAP@0.5")
    ('maximize', 'maximize')
    >>> known_direction("score"), known_direction("reward_error")
    (None, None)
    >>> known_direction("neg_mean_squared_error"), known_direction("acc_drop"), known_direction("1-acc")
    (None, None, None)
    """
    if _TURNED.search(name):
        return None
    less, more = less_is_better(name), bool(_MORE_IS_BETTER.search(name))
    if less == more:
        return None
    return "minimize" if less else "maximize"


def is_metric(name: str) -> bool:
    """Return whether runs could be compared by what has this name: not by a counter, a clock, a setting, an entropy.

    >>> [is_metric(name) for name in ("loss", "f1", "score", "rewards/accuracies", "rewards/margins")]
    [True, True, True, True, True]
    >>> [is_metric(name) for name in ("entropy", "num_tokens", "gen_len", "logits/chosen", "runtime", "interval")]
    [False, False, False, False, False, False]
    >>> [is_metric(name) for name in ("samples_per_second", "loss_std", "rewards/chosen", "epoch", "batch_size")]
    [False, False, False, False, False]
    """
    return bool(name) and not _NO_METRIC.search(name)


def is_share(name: str) -> bool:
    """Return whether a metric is a share of right answers, or made of such shares as F1 is, by its name.

    >>> [is_share(name) for name in ("accuracy", "macro_f1", "exact_match", "rewards/accuracies", "top1")]
    [True, True, True, True, True]
    >>> [is_share(name) for name in ("objective", "score", "rougeL", "matthews_correlation", "loss")]
    [False, False, False, False, False]
    """
    return bool(_SHARE.search(name)) and known_direction(name) == "maximize"


def is_best_of_epochs(name: str) -> bool:
    """Return whether a metric is the best of all evaluations of a run, by its name.

    >>> is_best_of_epochs("best_acc"), is_best_of_epochs("max_f1"), is_best_of_epochs("acc")
    (True, True, False)
    """
    return _BEST.match(name) is not None


def is_mean(name: str) -> bool:
    """Return whether a metric is a mean, over seeds perhaps, by its name.

    >>> is_mean("loss_mean"), is_mean("mean_acc"), is_mean("mean_token_accuracy"), is_mean("acc")
    (True, True, False, False)
    """
    return bool(re.search(r"[_ /.-](?:mean|avg|average)$|^(?:mean|avg|average)[_ /.-]", name, re.I)) and not (
        _OF_TOKENS.search(name)
    )


def preference(name: str) -> tuple[int, int, str]:
    """Return where a metric stands among those that runs may be compared by: what sorts first comes first.

    >>> sorted(["loss", "f1", "accuracy", "perplexity", "mean_token_accuracy", "precision"], key=preference)
    ['accuracy', 'f1', 'precision', 'loss', 'mean_token_accuracy', 'perplexity']
    >>> sorted(["macro_f1", "f1", "loss_mean", "score"], key=preference)
    ['f1', 'macro_f1', 'loss_mean', 'score']
    >>> sorted(["best_acc", "final_acc"], key=preference)  # the best of several evaluations is too good by chance
    ['final_acc', 'best_acc']
    """
    direction, length = known_direction(name), len(name) + (100 if _BEST.match(name) else 0)
    if _OF_TOKENS.search(name):
        return (len(_ORDER) + 2, length, name)
    for place, words in enumerate(_ORDER):
        if words.search(name) and not _TURNED.search(name):
            return (place, length, name)
    if name == "loss":
        return (len(_ORDER) + 1, 0, name)
    after = {"maximize": 0, "minimize": 3, None: 4}[direction]
    return (len(_ORDER) + after, length, name)


def metric_titles(task: str) -> Mapping[str, str]:
    """Return what people call metrics of a task, of those that records call otherwise.

    So that records join those of other programs, which call every loss a loss, and options need no spaces.

    >>> metric_titles("sft")["loss"], metric_titles("sft")["token_accuracy"], metric_titles("classification")
    ('log-loss', 'token accuracy', {'macro_f1': 'macro-F1'})
    """
    return _TITLES.get(task, {})
