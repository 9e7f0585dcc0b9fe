"""English: notes on the records that were read, and on runs that are still to come."""

WORDS = {
    "own-training": "with your own training command in its place; {{lr}}, {{seed}} and {{out}} are filled in",
}

SAY = {
    "overlap": "{first} holds {number:example|examples} of {second} too, so {second} scores may be too good.",
    "seal-opened": "Test scores of {number:run|runs} were opened on {when} UTC by lrscope {command}.",
    "unread-omitted": "Not listed: {number:more line|more lines} of the log that could not be read.",
    "nearly-finished": "{arms}: the last evaluation stands at {share} of the training or later; it counts as the end.",
    "earlier-checkpoint": (
        "{arm}: {number} of its records are the beginning of another one, as an earlier checkpoint of the same run is: each run "
        "counts once."
    ),
    "records-left-out": "Further records of the same runs are left out ({number}): {files}. Report one by itself to see it.",
    "record-not-read": "{file} could not be read: {reason}.",
    "folders-unlisted": "Folders that could not be listed, so that nothing in them was read: {folders}.",
    "folder-cut": "{folder} holds more than was looked at ({number} files at most). Report folders in it to see the rest.",
    "seeds-unnamed": (
        "{arms}: several runs name no seed and count as seeds of one setting. If they differ in anything else (the data, the model, a "
        "setting that is not in the record), their spread is not that of seeds: report them separately."
    ),
    "peak-unknown": (
        "{arms}: this is the highest learning rate in the log, which does not show the peak. The rate that was asked for may be higher."
    ),
    "paths-differ": (
        "Runs at {arm} count as seeds of one setting, but lie under names that differ: {parts}. If these are settings, take them from the "
        "names with --arm-from path."
    ),
    "settings-beside": "Settings that the records do not name are those of the configurations beside them: {files}.",
    "never-evaluated": "{arms}: never evaluated on dev, so without a result.",
    "rate-groups": (
        "Groups of parameters have learning rates of their own: those shown are of {chosen}; {others} differ from them."
    ),
    "best-of-epochs": (
        "{chosen} is the best of each run's evaluations, by its name. The best of several is too good by chance, and more so for runs "
        "that were evaluated more often."
    ),
    "mean-of-runs": (
        "{chosen} is a mean, by its name. If it is one over several seeds, its noise is not that of a single run, which is assumed here: "
        "report every run in a row of its own, with its seed."
    ),
    "other-metrics": "Settings are compared by {chosen}. The dev set was also scored by {others}: choose another with --metric.",
    "duplicate-run": "Two runs of {arm} have the same {number} values; they look like one run given twice and count once.",
    "settings-unnamed": (
        "{number} of {of:run|runs} at {arm} do not say their {settings}, which the others do. They count as seeds of one setting; "
        "if they were trained differently, report them separately."
    ),
    "unfinished": (
        "{arm}: {number} of {of:run|runs} ended before others did, or before their planned end, and are left out where others are complete. "
        "The records do not say whether early stopping ended them."
    ),
    "heading-differs": (
        "The heading in line {heading_line} says {heading}, but the settings in line {line} say {rate}; runs are named by their own "
        "headings."
    ),
    "cut-off": "{arm} (line {line}): the log has {epochs} of {of:epoch|epochs}.",
    "epoch-repeated": "{arm} (line {line}): {epoch} appears again; the last one counts.",
    "curve-elsewhere": "{file} holds the totals of one run: its evaluation at the end is used. For the curve and the learning rates, give trainer_state.json of the same folder.",
    "summary-differs": (
        "{arm} (line {line}): the summary gives dev {final}, which matches no epoch (the last has {last}); the epochs are used."
    ),
    "peak-estimated": "{arms}: peak learning rates were read back from those logged beside them, because none was logged at the peak.",
    "schedule-differs": "{arms}: the learning rates applied differ from the schedule by up to {share} of the peak.",
    "rate-rises": (
        "{arms}: the learning rate fell and rose again ({number}×). A schedule that should decay once does that when its period is "
        "in epochs but it is stepped every batch."
    ),
    "schedule-cut": "{arms}: training ended with the learning rate still at {share} of its peak, before the schedule was complete.",
    "other-rates": (
        "Asked for lr {asked}, applied {applied}, as the logs show: the command or its configuration sets its own learning rate or "
        "scales it, or logs that of other parameters."
    ),
    "same-rates": (
        "{arms}: the logs show the same learning rates for all of them, at most {applied}. The command or its configuration sets its "
        "own learning rate, or logs that of other parameters."
    ),
    "scores-ignored": "Not all runs have scores of the same examples, so they are compared by their values alone.",
    "seed-unused": (
        "{arm}: seeds {first} and {second} gave the same losses to the last digit. The seed does not reach the training, or nothing in "
        "it depends on the seed, so these runs say nothing about seed noise."
    ),
    "setting-unused": (
        "{name} does not reach the training, or has no effect in it: {values} gave the same losses to the last digit."
    ),
    "study-unfinished/left": "{ended} of {planned:run|runs} have ended; the others have not run, or not to their end. What is said here is provisional.",
    "study-unfinished/running": "{ended} of {planned:run|runs} have ended; the others are running or still to run. What is said here is provisional.",
    "finish-study": "Run what is left of this study first ({number:run|runs}).",
    "finish-tune": "Go on with this tune: some of its time budget is left, and more runs may move the learning rate.",
    "more-budget": "Go on with this tune on a larger time budget: more runs may move the learning rate, and narrow where the best one lies.",
}
