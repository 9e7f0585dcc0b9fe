"""English."""

COMMA, CONJUNCTION, SEMICOLON, ASIDE, SPACE = ", ", " and ", "; ", " ({})", " "

METRICS = {"": "metric"}  # names of metrics that are written otherwise than files write them; none was measured: ""
SETTINGS: dict[str, str] = {}

WORDS = {
    "title": "Which learning rate, and how sure?",
    "answer": "Recommendation",
    "by-rate": "dev {metric} by learning rate",
    "comparison": "Learning rates compared",
    "table": "Results",
    "curves": "Training curves",
    "findings": "Findings",
    "advice": "Next steps",
    "method": "Method",
    "reproduce": "Train it again",
    "unread": "Lines that could not be read",
    "settings": "Settings found in the source",
    "setting": "setting",
    "seeds": "seeds",
    "dev-end": "dev {metric} (final)",
    "dev-best": "dev {metric} (best epoch)",
    "train-loss": "train loss (final)",
    "train-metric": "train {metric} (final)",
    "dev-exact-match": "dev exact match (final)",
    "dev-loss": "dev loss (final)",
    "test": "test {metric} (not used to choose)",
    "gap": "gap to recommended (95% CI)",
    "gap-that-ran": "gap to first choice that ran (95% CI)",
    "verdict": "verdict",
    "contender": "may be the best",
    "too low": "too low",
    "too high": "too high",
    "worse": "ruled out",
    "no value": "no result",
    "diverged": "diverged",
    "interrupted": "unfinished",
    "failed": "failed",
    "guessing": "guessing",
    "guessing-level": "guessing ({value})",
    "first": "recommended",
    "first-that-ran": "first choice of those that ran",
    "second": "second choice",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "epoch": "epoch",
    "step": "step",
    "at-epoch": "epoch {epoch}",
    "at-step": "step {step}",
    "rate": "peak learning rate",
    "line": "line",
    "minutes": "about {minutes} min",
    "minutes-unknown": "duration unknown",
    "dev-metric": "dev {metric}",
    "dev": "dev",
    "train": "train",
    "loss": "loss",
    "interval": "95% interval",
    "one-seed": "one seed",
    "seed-range": "range over seeds",
    "seed-range-of-best": "range over seeds (the leading {number})",
    "num-diverged": "{number} diverged",
    "toggle": "Show or hide",
    "source": "Source: {source}. Written by lrscope {version}.",
    "written": "{page} and {text} are in {folder}",
    "several-dev-sets": "No winner: the runs were measured on different dev sets, which cannot be compared: {sets}.",
    "on-dev-set": "Measured on {dev_set}:",
    "report-at": "the report is {page}",
    "legend-spread": "± is the standard deviation over seeds.",
    "legend-gap": "A positive gap means that the recommended setting is better.",
    "legend-gap-that-ran": "A positive gap means that the first choice of those that ran is better.",
    "legend-interval": "A gap whose interval contains 0 leaves open which of the two is better; the verdict also counts the comparisons with other settings.",
    "times-as-large": "{times} times",
    "under-a-tenth": "less than a tenth of",
    "estimate": "{value} ({ratio} standard errors)",
    "range": "{low} to {high}",
    "many-settings": "{first} … {last} ({number} settings)",
}

_RECORDED = (
    "One seed each, so the seed noise is not measured but taken from {settings:recorded setting|recorded settings} of this kind (models of "
    "up to {largest} parameters). There, runs that differ only in the seed differ by a standard deviation of about {usual} of the {metric}, "
    "and by less than {high} in 95% of such settings: here that is {sd}, and the lead of {lead} is {times} that. "
)

SAY = {
    # The answer
    "no-recommendation": "No setting can be recommended.",
    "no-value": "No run produced a dev {metric}.",
    "all-diverged": "Training diverged in every run: try lower learning rates.",
    "all-failed": "Every run failed, so there is no result to compare.",
    "no-evaluation/how": (
        "No evaluation on a dev set was found in {source}: runs are compared by what they score on a dev set. Evaluate while training next "
        "time: {how}."
    ),
    "no-evaluation/bare": (
        "No evaluation on a dev set was found in {source}: runs are compared by what they score on a dev set. Evaluate while training next "
        "time, and log the dev loss."
    ),
    "other-dev-sets": (
        "These runs were measured on {here}. Others in the same files were measured on {others}: they cannot be compared with "
        "these, and have a report of their own."
    ),
    "nothing-learned": "None is shown to be better than guessing: the best dev {metric} is {value}, for {arm}; guessing gets {baseline}.",
    "rates-not-applied": "The learning rate did not reach the training: {arms} were trained alike.",
    "use": "Use {arm}.",
    "use-rate": "Use lr {rate}.",
    "searched/bracketed": "The dev losses of {runs:run|runs} are lowest there: the best rate lies in {interval} (95%), and this one is expected to cost {cost} of the loss against it.",
    "searched/open": "The best rate so far is at an end of those that ran, so this goes by {runs:run|runs} and by what was known before: the best rate lies in {interval} (95%), and this one is expected to cost {cost} of the loss against it.",
    "searched/bracketed-errors": "The wrong answers of {runs:run|runs} are fewest there: the best rate lies in {interval} (95%), and this one is expected to give {cost} more of them.",
    "searched/open-errors": "The best rate so far is at an end of those that ran, so this goes by {runs:run|runs} and by what was known before: the best rate lies in {interval} (95%), and this one is expected to give {cost} more wrong answers.",
    "searched/bare": "The results of {runs:run|runs} are best there.",
    "best-that-ran": "Of the rates that were run, {arm} is the first choice.",
    "searched-elsewhere": "All runs together put the best rate near lr {rate}, which this metric does not bear out.",
    "winner/measured": "All other settings were ruled out.",
    "winner/assumed": "All other settings were ruled out, if seeds differ no more than assumed.",
    "winner/measured-part": "All other settings that have a result were ruled out.",
    "winner/assumed-part": "All other settings that have a result were ruled out, if seeds differ no more than assumed.",
    "tie/close": "Not a proven winner: {close} did about as well.",
    "tie/behind": "Not a proven winner: {behind} did worse here, but cannot be ruled out yet.",
    "tie/both": "Not a proven winner: {close} did about as well; {behind} did worse here, but cannot be ruled out yet.",
    "equivalent": "{others} did equally well: the difference is less than {margin}.",
    "only-one": "Only {arm} has a result at the end of training.",
    "not-compared": "There is nothing to compare it with.",
    "not-comparable": "Not a proven winner: with no measure of seed noise, no other setting can be ruled out.",
    "confidence/winner": "Confidence: {level}. All other settings were ruled out, with the seed noise measured.",
    "confidence/equivalent": (
        "Confidence: {level}. The settings still in the running are equivalent within the margin, with the seed noise measured."
    ),
    "confidence/firm": "Confidence: {level}. The seed noise was assumed, not measured, but even ten times as much would not change this.",
    "confidence/recorded": (
        "Confidence: {level}. The seed noise was taken from recorded runs of other settings, not measured here, but even ten times what is "
        "usual there would not change this."
    ),
    "confidence/undecided": "Confidence: {level}. The seed noise was measured, but several settings are still in the running.",
    "confidence/none-ruled-out": "Confidence: {level}. None of the settings you tried can be ruled out yet.",
    "confidence/edge": "Confidence: {level}. The best learning rate may lie beyond the edge of your grid.",
    "confidence/unmeasured": "Confidence: {level}. Settings that have no result may be the best.",
    "confidence/few-seeds": "Confidence: {level}. There are fewer than three runs per setting.",
    "confidence/assumed": "Confidence: {level}. The seed noise was assumed, not measured: run each setting with several seeds.",
    "confidence/unknown": "Confidence: {level}. Nothing is known about the seed noise: run each setting with several seeds.",
    "confidence/same-seeds": "Confidence: {level}. The seed makes no difference to the training, so seed noise was not measured.",
    "confidence/unfinished": "Confidence: {level}. The answer is provisional until all runs of the study have ended.",
    "confidence/alone": "Confidence: {level}. There is no other setting to compare it with.",
    "at-edge/low": "{arm} is the lowest learning rate that was measured: the best one may lie below.",
    "at-edge/high": "{arm} is the highest learning rate that was measured: the best one may lie above.",
    "chosen-below/expected": (
        "{best} has the better mean (dev {metric} {best_value}, against {value} for {arm}), but not by more than noise; {arm} is "
        "closest to where the best learning rate is expected."
    ),
    "chosen-below/middle": (
        "{best} has the better mean (dev {metric} {best_value}, against {value} for {arm}), but not by more than noise; {arm} is in "
        "the middle of the learning rates that may be the best."
    ),
    "chosen-below/cheaper": (
        "{best} has the better mean (dev {metric} {best_value}, against {value} for {arm}), but not by more than noise; {arm} took "
        "less time to train."
    ),
    "expected/higher": (
        "Expected dev {metric} on new examples: {expected} (observed {observed}, minus about {correction} because picking the best of "
        "{number} flatters the score)."
    ),
    "expected/lower": (
        "Expected dev {metric} on new examples: {expected} (observed {observed}, plus about {correction} because picking the best of "
        "{number} flatters the score)."
    ),
    "expected/equal": "Expected dev {metric} on new examples: {expected}, as observed.",
    "expected/equal-these": "Expected {metric} on this dev set with new seeds: {expected}, as observed.",
    "expected/higher-these": (
        "Expected {metric} on this dev set with new seeds: {expected} (observed {observed}, minus about {correction} because picking "
        "the best of {number} flatters the score)."
    ),
    "expected/lower-these": (
        "Expected {metric} on this dev set with new seeds: {expected} (observed {observed}, plus about {correction} because picking "
        "the best of {number} flatters the score)."
    ),
    "of-epochs": "Of that correction, {correction} is for picking the best epoch of each run.",
    "all-the-same": (
        "All {number} results are the same to the last digit ({value}): nothing here tells the settings apart. A model that gives every "
        "example the same answer would do that, or rates that did not reach the training."
    ),
    "also-differ": "These settings differ in {settings} as well as in the learning rate, so gaps are not the learning rate's alone.",
    "without-value": "No result at the end of training: {arms}.",
    # Findings
    "too-low": "Too low: {arms}. Another setting is significantly better, by {gap}.",
    "too-high": "Too high: {arms}. Another setting is significantly better, by {gap}.",
    "not-best": "Ruled out: {arms}. Another setting is significantly better, by {gap}.",
    "not-above-guessing": "Not shown to be better than guessing ({baseline}): {arms}.",
    "ruled-out-by-order": (
        "Ruled out by its neighbours: {arms}. A learning rate between it and the better ones is significantly worse, and beyond "
        "that the score only falls."
    ),
    "two-peaks": (
        "These results contradict a single peak along the learning rate (p = {p}), so no learning rate is ruled out by its neighbours."
    ),
    "undecided": "{arms} cannot be told apart: a gap of {needed} would be needed to rule one of them out.",
    "one-setting": "There is only one setting, so there is nothing to compare it with.",
    "confounded": (
        "Settings differ in {settings} as well as in the learning rate, so a difference cannot be attributed to the learning rate."
    ),
    "peak": "A smooth curve through the results is best at lr {rate} (95% CI {interval}).",
    "peak-open": (
        "A smooth curve through the results is best at lr {rate}, but the best may lie outside the range you tried ({tried})."
    ),
    "prior-held": "Before training, the best learning rate was expected at {expected} (80% interval); these results put it at {rate}, inside.",
    "prior-missed": (
        "Before training, the best learning rate was expected at {expected} (80% interval); these results put it at {rate}, "
        "{deviation} standard deviations from the middle of what was expected."
    ),
    "edge-low": "{arm} is the lowest learning rate you tried and may be the best, so the best one may lie below your grid.",
    "edge-high": "{arm} is the highest learning rate you tried and may be the best, so the best one may lie above your grid.",
    "still-improving": "{arm} was still improving at {at}: by {gain} over the last third of training.",
    "unstable": "{arm} is unstable: dev {metric} got worse and recovered ({number}×), by up to {fall}.",
    "worse-after-best": "{arm} was best at {at} and then got worse by {fall}.",
    "overfitting": "{arm} overfits: train {metric} {train}, dev {metric} {dev}. The gap opens at {at}.",
    "dev-loss-rises": "{arm} overfits: dev loss is lowest at {at} ({least}) and {last} at the end.",
    "several-overfit": "Overfitting at {arms}: at the end, train {metric} is ahead of dev {metric} by {gap}.",
    "several-dev-losses-rise": "Overfitting at {arms}: dev loss rises again after its lowest value, by {rise} at the end.",
    "dev-test-gap": "{arm}: test {metric} {test}; dev minus test {gap} (95% CI {interval}).",
    "diverged": "{arm} diverged in {number} of {of:run|runs} (95% CI of the divergence rate: {interval}).",
    "failed": "{arm} failed in {number} of {of:run|runs} (95% CI of the failure rate: {interval}).",
    "seed-collapsed": "{arm} with seed {seed} ended at {value}, while its other seeds are around {middle}: that run collapsed.",
    "assumed-spread/default": (
        "The seed-to-seed standard deviation cannot be measured from these runs and is assumed to be {sd} (measured with a 42M model on "
        "SST-5). If it were {flips}, a different set of settings would still be in the running. Set it with --seed-sd."
    ),
    "assumed-spread/default-firm": (
        "The seed-to-seed standard deviation cannot be measured from these runs and is assumed to be {sd} (measured with a 42M model on "
        "SST-5). Any value from a tenth to ten times that gives the same verdict. Set it with --seed-sd."
    ),
    "assumed-spread/asked": (
        "The seed-to-seed standard deviation cannot be measured from these runs and is assumed to be {sd}, as you set it. If it were "
        "{flips}, a different set of settings would still be in the running."
    ),
    "assumed-spread/asked-firm": (
        "The seed-to-seed standard deviation cannot be measured from these runs and is assumed to be {sd}, as you set it. Any value from a "
        "tenth to ten times that gives the same verdict."
    ),
    "recorded-spread/more": (
        _RECORDED
        + "If seeds differed by more than {flips}, a different set of settings would still be in the running. Set it with --seed-sd."
    ),
    "recorded-spread/less": (
        _RECORDED
        + "If seeds differed by less than {flips}, a different set of settings would still be in the running. Set it with --seed-sd."
    ),
    "recorded-spread/firm": _RECORDED + "Even ten times as much would give the same verdict. Set it with --seed-sd.",
    "unknown-spread": (
        "These runs do not show how {metric} differs between seeds, so no setting can be ruled out. Run more seeds, or "
        "set it with --seed-sd."
    ),
    "unknown-size": "The size of the dev set is unknown, so the results hold for this dev set only. Pass --dev-size to include its noise.",
    "means-only": (
        "Only the mean {metric} of each run is known, not how it varies between examples, so the results hold for this dev set only."
    ),
    # Next steps
    "more-seeds": "Run {seeds:seed|seeds} of each of these settings: that detects a difference of {difference} with 80% power.",
    "try-some-seeds": (
        "Detecting a difference of {difference} with 80% power would take {seeds:seed|seeds} of each of these settings. The current lead is "
        "{lead}: adding up to {tried:seed|seeds} may be enough."
    ),
    "more-examples": (
        "The dev set is too small to detect a difference of {difference}: you would need about {examples:example|examples} and {seeds:seed|seeds} "
        "(80% power)."
    ),
    "undetectable": "A difference of {difference} cannot be detected with {seeds:seed|seeds}, however large the dev set.",
    "measure-seeds": "Run {seeds:seed|seeds} of each setting, to measure how far runs differ by their seed alone.",
    "retry-failed": "Run what failed again, once its cause is mended ({number:run|runs}).",
    "wider-grid": "Try lr {rate} as well: the best learning rate may lie beyond the edge of your grid.",
    "finer-grid": "Try lr {rates} as well: the learning rates around the best one are far apart.",
    "scale-batch": (
        "This learning rate is for batch size {batch}. For larger batches, compare scaling by the square root of the ratio (usual for "
        "Adam) with linear scaling (usual for SGD; --scale-lr linear)."
    ),
    "train-longer": "Train for {epochs:epoch|epochs}: dev scores were still improving at the end, so what they show may be premature.",
    "regularise": "Try more dropout or weight decay against overfitting.",
    "stop-early": "Use early stopping: these runs got worse after their best epoch.",
    "longer-warmup": "Try a longer warmup, which often makes larger learning rates stable.",
    "compare-schedules": "Compare a constant learning rate with schedules that decay, over the same number of epochs.",
    # Method
    "by-example": (
        "Settings are compared example by example on the seeds they share. The variance from seeds and from examples is estimated "
        "separately, so the results hold for new seeds and new examples."
    ),
    "by-share": (
        "Only mean scores are known. The noise of a dev set of {size:example|examples} is taken as binomial, p(1 − p)/n, and independent between "
        "settings, which is conservative."
    ),
    "by-value": "Only one value per run is known, so the results hold for this dev set only.",
    "ruling-out": (
        "A setting is ruled out when another is significantly better (at {error}, corrected for multiple comparisons). We are at least "
        "{level} confident that the best setting is among those that are left."
    ),
    "single-peak": (
        "Along the learning rate the score is assumed to have a single peak, unless the results contradict it: a learning rate is also "
        "ruled out when one between it and the better ones is significantly worse."
    ),
    "intervals": (
        "The intervals of the gaps hold for all pairs of settings at once. Ruling a setting out takes less, so one whose interval contains "
        "0 can be ruled out."
    ),
    "choosing/expected": (
        "Among the settings that are left and whose mean is within one standard error of the best of them, the first choice is "
        "closest, on the log of the learning rate, to where the best is expected "
        "(the mean position of the best over simulated repetitions of the study); then the cheaper; then the one with the better mean."
    ),
    "choosing/middle": (
        "Among the settings that are left and whose mean is close to the best of them, the first choice is closest to their middle "
        "on the log of the learning rate; then the cheaper; then the one with the better mean."
    ),
    "choosing/cheaper": (
        "Among the settings that are left and whose mean is within one standard error of the best of them, the first choice is the "
        "cheaper; then the one with the better mean. They differ in more than the learning rate, so there is no middle to choose."
    ),
    "confidence-rule": (
        "Confidence is high when one setting is left, or those left are equivalent within the margin, with the seed noise measured over at "
        "least three seeds, and the best is neither at an edge of the grid nor where a setting has no result, and all planned runs have ended. It is medium when several are left, or when the seed noise is assumed "
        "but any value from a tenth to ten times the usual one gives the same verdict. Otherwise it is low."
    ),
    "looks": "The study is checked several times, as planned: the checks share an error of {error}, and this one spends {nominal}.",
    "at-end": "Scores are taken at the end of training. The best epoch is shown but not used: the best of several is too good by chance.",
    "at-best-epoch": (
        "As requested, scores are taken at each run's best epoch on dev. The best of several epochs is too good by chance; the expected "
        "score is corrected for that."
    ),
    "test-unused": "Test scores are shown where known and are never used to choose.",
}
