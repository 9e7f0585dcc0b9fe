"""What is known of metrics by their names: which way of them is better.

Less is better, where one of these words stands in a name: loss, perplexity, ppl, nll, error(s), err, mse, rmse, mae,
mape, bpb, bpc, bits per byte, wer, cer, ter, brier, ece, fid, distance, hallucination(s), toxicity.

More is better: accuracy, accuracies, acc, f1, precision, recall, auc, auroc, aupr, bleu, sacrebleu, chrf, rouge (with
its kinds), meteor, bertscore, comet, exact match, em, mcc, matthews (correlation), pearson(r), spearman(r), kappa, r2,
iou, miou, dice, ndcg, mrr, map, pass@k, win rate, reward(s), margins.

A name with words of both, or of neither, is not known.
"""

from __future__ import annotations

import re
from typing import Literal

_LESS = (
    "perplexity|ppl|nll|errors?|err|mse|rmse|mae|mape|bpb|bpc|bits_per_(?:byte|char(?:acter)?)|wer|cer|ter|brier|ece|fid"
    "|distance|hallucinations?|toxicity"
)
_MORE = (
    "accurac(?:y|ies)|acc|f1|precision|recall|(?:roc_)?auc|auroc|aupr|(?:sacre)?bleu|chrf|rouge(?:[12l]|lsum)?|meteor"
    "|bertscore|comet|exact_match|em|mcc|matthews(?:_correlation)?|pearsonr?|spearmanr?|kappa|r2|m?iou|dice|ndcg|mrr|map"
    r"|pass@\d+|win_?rate|rewards?|margins"
)
_ENDS = r"(?:[_ /.-]|\d*$)"
_LESS_IS_BETTER = re.compile(rf"loss$|(?:^|[_ /.-])(?:loss|{_LESS}){_ENDS}", re.I)
_MORE_IS_BETTER = re.compile(rf"(?:^|[_ /.-])(?:{_MORE}){_ENDS}", re.I)


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
    >>> known_direction("score"), known_direction("reward_error")
    (None, None)
    """
    less, more = less_is_better(name), bool(_MORE_IS_BETTER.search(name))
    if less == more:
        return None
    return "minimize" if less else "maximize"
