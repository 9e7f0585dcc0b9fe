"""English."""

COMMA, SEMICOLON, ASIDE = ", ", "; ", " ({})"

WORDS = {
    "title": "Which learning rate, and how sure?",
    "answer": "The answer",
    "by-rate": "{metric} on dev by learning rate",
    "table": "Key figures",
    "curves": "The course of every arm",
    "findings": "What the runs show",
    "advice": "What to do next",
    "method": "How this was judged",
    "reproduce": "How to reproduce it",
    "unread": "Lines that could not be read",
    "arm": "arm",
    "seeds": "seeds",
    "dev-end": "dev {metric}, at the end",
    "dev-best": "dev {metric}, best epoch",
    "train-loss": "train loss, at the end",
    "train-metric": "train {metric}, at the end",
    "dev-loss": "dev loss, at the end",
    "test": "test {metric} (not used to choose)",
    "ahead": "first choice ahead by (95%)",
    "place": "verdict",
    "contender": "may be the best",
    "too low": "too low",
    "too high": "too high",
    "worse": "not the best",
    "no value": "no value",
    "first": "first choice",
    "second": "second choice",
    "epoch": "epoch",
    "step": "step",
    "rate": "learning rate",
    "line": "line",
    "because": "because",
    "minutes": "about {minutes} min",
    "minutes-unknown": "time not known",
    "dev": "dev {metric}",
    "train": "train loss",
    "toggle": "Show or hide",
    "interval": "95% interval",
    "source": "from {source}, by lrscope {version}",
    "settings": "Settings in the source",
}

SAY = {
    # The answer
    "answer-alone": "Take {first}: no other arm may still be the best. Its dev {metric} is {value}.",
    "answer-tie": (
        "{arms} cannot be told apart on this evidence. As a default, not a winner, take {first}, nearest to where the best is to be "
        "expected; the second choice is {second}."
    ),
    "answer-tie-plain": (
        "{arms} cannot be told apart on this evidence. As a default, not a winner, take {first}; the second choice is {second}."
    ),
    "answer-equivalent-plain": (
        "{arms} are equivalent: they differ by less than {margin}. As a default, take {first}; the second choice is {second}."
    ),
    "answer-tie-middle": (
        "{arms} cannot be told apart on this evidence. As a default, not a winner, take {first}, nearest to their middle; "
        "the second choice is {second}."
    ),
    "answer-equivalent-middle": (
        "{arms} are equivalent: they differ by less than {margin}. As a default, take {first}, nearest to their middle; the second "
        "choice is {second}."
    ),
    "answer-alone-known": "Take {first}: of the arms with a value, no other may still be the best. Its dev {metric} is {value}.",
    "answer-tie-two": "{arms} cannot be told apart on this evidence. As a default, not a winner, take {first}.",
    "without-value": "Nothing can be said of {arms}: there is no value at the end of training.",
    "expected-more": "Expect {expected} on new sentences: the {value} that was seen, and {optimism} for having been chosen among {number}.",
    "answer-equivalent": (
        "{arms} are equivalent: they differ by less than {margin}. As a default, take {first}, nearest to where the best is to be "
        "expected; the second choice is {second}."
    ),
    "answer-equivalent-two": "{arms} are equivalent: they differ by less than {margin}. As a default, take {first}.",
    "answer-only": "Only {first} has a value: its dev {metric} is {value}, and there is nothing to compare it with.",
    "answer-assumes": "That takes seeds to spread by {sd}, which these runs do not show.",
    "answer-these": "It holds for these dev sentences: how others would differ is not known.",
    "answer-one": "There is one arm, {first}: its dev {metric} is {value}, and there is nothing to compare it with.",
    "answer-none": "No run has come to a value, so there is nothing to choose from.",
    "sure-alone": "A study like this one names a wrong arm in at most {error} of cases.",
    "sure-tie": "With a probability of at least {level} the best arm is among them; the others are out.",
    "sure-all": "With a probability of at least {level} the best arm is among them, which here excludes none.",
    "expected-these": "Expect {expected} on them at new seeds: the {value} that was seen, less {optimism} for having been chosen among {number}.",
    "expected-more-these": "Expect {expected} on them at new seeds: the {value} that was seen, and {optimism} for having been chosen among {number}.",
    "expected": (
        "Expect {expected} on new sentences: the {value} that was seen, less {optimism} for having been chosen among "
        "{number}."
    ),
    "of-epochs": "Of that, {optimism} is for having taken each run's best epoch.",
    # Findings
    "too-low": "Too low: {arms}; another arm is clearly better, by {gaps}.",
    "too-high": "Too high: {arms}; another arm is clearly better, by {gaps}.",
    "worse": "Not the best: {arms}; another arm is clearly better, by {gaps}.",
    "not-told-apart": (
        "{arms} cannot be told apart: one would have to lead another by {widest} for that one to be out."
    ),
    "peak": "A smooth curve through the rates has its top at {rate} ({low_rate} … {high_rate}, 95%).",
    "peak-open": "A smooth curve through the rates has its top at {rate}; the rates tried, {low_rate} … {high_rate}, do not bound it on both sides.",
    "one-arm": "One arm alone: nothing can be said of what it should be compared with.",
    "edge-low": "{arm} is the smallest rate that was tried, and may be the best: the best rate may lie below the grid.",
    "edge-high": "{arm} is the largest rate that was tried, and may be the best: the best rate may lie above the grid.",
    "still-rises": (
        "{arm} was still improving when training ended at epoch {epoch}: by {rise} over its last third, {ratio} standard "
        "errors."
    ),
    "falls": "{arm} was best at epoch {epoch} and fell by {fall} from there, {ratio} standard errors.",
    "unstable": "{arm} is unstable: dev fell and came back, {number} times beyond noise, by up to {fall}, {ratio} standard errors.",
    "gap": "{arm} fits its training set better than dev from epoch {epoch} on: {train} against {dev} at the end.",
    "loss-rises": "{arm} has its least dev loss at epoch {epoch}, {least}, and {last} at the end: it overfits from there.",
    "generalises": "{arm} has {test} on test, {gap} below dev ({from} … {to}, 95%).",
    "test-above": "{arm} has {test} on test, {gap} above dev ({from} … {to}, 95%).",
    "no-spread": (
        "With so few seeds nothing is known of how {metric} differs from seed to seed, and what is assumed of shares (0.014) "
        "does not fit it: no arm is told from another. Run more seeds, or name a spread with --seed-sd."
    ),
    "size-unused": "How {metric} scatters over dev sentences is not known from its means: the statements hold for these sentences.",
    "confounded": "The arms differ in {settings} as well as in the rate: what is said is of them as a whole, not of their rates.",
    "unfinished": "{arm}: {number} of {of} runs ended before their last epoch, and count for nothing where others are complete.",
    "rate-read-back": "{arms}: rates had come down before they were first logged; these are the peaks that they are read back to.",
    "diverged": "{arm} diverged at {number} of {of} seeds; its true share lies between {low} and {high}.",
    "failed": "{arm} failed at {number} of {of} seeds; its true share lies between {low} and {high}.",
    "seed-fell": "{arm} at seed {seed} ended at {value}, far from the {middle} of its other seeds: it failed where they did not.",
    "assumed-sd": (
        "With so few seeds, how far they differ is not known. A standard deviation of {sd} is assumed, {sd_source}; "
        "at {flips} the arms that may be the best would be others. Change it with --seed-sd."
    ),
    "assumed-sd-firm": (
        "With so few seeds, how far they differ is not known. A standard deviation of {sd} is assumed, {sd_source}; "
        "none from a tenth to ten times of it would change which arms may be the best. Change it with --seed-sd."
    ),
    "sd-named": "as was asked for",
    "sd-source": "the spread of a 42M model's seeds on SST-5",
    "no-sizes": (
        "How many sentences dev holds is not known, so only the noise of seeds is counted: the statements hold for these "
        "sentences. Name the number with --dev-size."
    ),
    "heading-differs": (
        "The heading in line {heading_line} says {heading}, the settings under it, in line {line}, say {rate}: the runs "
        "are taken by their own headings."
    ),
    "opened": "Test scores of {number} runs were opened at {when} UTC, by lrscope {by}.",
    "overlap": "{number} sentences of {second} are in {first} too: values on {second} may be too good for that.",
    "rate-differs": "{arms}: the rates that were applied are not those of the schedule; they differ by up to {share} of the peak.",
    "rate-rises": (
        "{arms}: the learning rate fell and rose again, {number} times. A schedule that is meant to decay once does that "
        "where it is stepped per batch with its period in epochs."
    ),
    "rate-left": "{arms}: training ended while the rate was at {share} of its peak, before its schedule had run its course.",
    "other-metrics": "Compared by {chosen}; dev was measured by {others} too: name another with --metric.",
    "same-run": "Two runs of {arm} have the same {number} values: they look like one run given twice, and count once.",
    "epoch-again": "{arm}, line {line}: epoch {epoch} stands again; the last time counts.",
    "final-differs": (
        "{arm}, line {line}: the summary says {final} on dev, and no epoch does (the last: {last}); the epochs are used."
    ),
    "cut-off": "{arm}, line {line}: {epochs} of {of} epochs are there.",
    # Advice
    "more-seeds": "{seeds} seeds of each of these would tell a difference of {difference}, in four of five studies.",
    "more-seeds-many": (
        "To tell a difference of {difference} in four of five studies would take {seeds} seeds of each of these. The lead that is "
        "seen is {lead}: planned looks at up to {tried} seeds may settle it."
    ),
    "more-sentences": (
        "No number of seeds tells a difference of {difference} on so few dev sentences; with {at_seeds} seeds an arm, "
        "{examples} sentences would, in four of five studies."
    ),
    "no-telling": "A difference of {difference} cannot be told with {at_seeds} seeds, however many sentences there are.",
    "wider-grid": "Try {rate} too: the grid ends where the best may be.",
    "finer-grid": "Look closer, at {rates}: the best rate lies between rates that are far apart.",
    "scale-batch": (
        "This rate is that of batches of {batch}. For larger ones compare the square root of their ratio, as Adam's steps "
        "suggest, with the ratio itself, as SGD's: neither is certain (the same with --scale-lr linear)."
    ),
    "longer": "Train for {epochs} epochs: what is still improving is judged too early.",
    "regularise": "Try more dropout, or more weight decay: the training set is fitted better than dev.",
    "stop-early": "Stop early: what falls after its best epoch is trained too long.",
    "warm-up": "Try a longer warmup: it lets larger rates train.",
    "decay": "Compare a constant rate with schedules that decay, over the same epochs.",
    # Method
    "method-scores": (
        "Arms are compared sentence by sentence at the seeds they share. What seeds and what sentences add to a "
        "difference is estimated separately, so that statements hold for new seeds and new sentences."
    ),
    "method-rates": (
        "Only shares of right answers are known. The noise of {size} dev sentences is that of a coin (p(1 − p)/n), as if "
        "two arms were right independently of each other, which is cautious."
    ),
    "method-values": "One value a seed is known and no more: statements hold for these sentences.",
    "method-contenders": (
        "An arm is out when another is better by more than chance allows at {error}, all comparisons with the best counted "
        "together. What is left contains the best arm with a probability of at least {level}."
    ),
    "method-pairs": (
        "By how much the first choice is ahead of an arm is given with an interval that holds for all pairs of arms at once. "
        "Where it holds zero, neither is said to be better. That an arm is not the best takes less to show, so that one may be "
        "out whose interval holds zero."
    ),
    "method-choice": (
        "Among arms that are left, a rule chooses: the one nearest, on the logarithm of the rate, to where the best is to be expected, "
        "then the cheaper, then the one with the better mean. What is expected is the mean over repetitions of the study, drawn from "
        "the noise of the arms: the middle of a plateau, the top of a peak."
    ),
    "method-choice-middle": (
        "Among arms that are left, a rule chooses: the one nearest to their middle on the logarithm of the rate, then the "
        "cheaper, then the one with the better mean. Far from both ends of what may be best, it is least likely to be far "
        "off."
    ),
    "method-choice-plain": (
        "Among arms that are left, a rule chooses: the one that was cheaper, then the one with the better mean. They do not lie "
        "along the rate alone, so that there is no middle to take."
    ),
    "method-endpoint": (
        "Values are those at the end of training. The best epoch is shown, and not used: the best of several epochs is "
        "too good by chance."
    ),
    "method-best": (
        "Values are those of each run's best epoch on dev, as was asked for. The best of several epochs is too good by "
        "chance: what is expected is corrected for that too, as far as an epoch's noise is its own."
    ),
    "method-looks": (
        "The study is looked at more than once, as planned: the looks share the {error}, and this one spends {nominal}."
    ),
    "method-test": "Test values are shown where they are known, and are never used to choose.",
}
