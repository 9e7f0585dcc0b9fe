"""English: what a check-up of one run says."""

WORDS = {
    "checkup": "Check-up",
    "checkup-title": "Check-up of a training run",
    "log-loss": "loss while training",
    "log-rate": "learning rate while training",
    "applied-rate": "learning rate",
    "log-entry": "log entry",
    "at-entry": "entry {entry} of the log",
    "of-arms": "{arms}: {sentence}",
    "of-some-runs": "{arms} ({number} of {of:run|runs}): {sentence}",
    "shape-linear": "linear decay",
    "shape-cosine": "cosine decay",
    "shape-polynomial": "polynomial decay",
    "shape-inverse-sqrt": "inverse square root decay",
    "shape-exponential": "exponential decay",
    "shape-step": "decay in steps",
    "shape-warmup-stable-decay": "constant, then a decay",
    "shape-constant": "constant",
    "shape-restarts": "decay with restarts",
    "shape-one-cycle": "one cycle",
    "shape-warming up": "rising",
    "shape-curved": "no known shape",
    "shape-unknown": "shape unknown (too little of it was logged)",
    "of-warmup": "warmup {length}",
    "of-peak": "peak {rate}",
    "highest-logged": "highest rate logged {rate}",
    "peak-read-back": "peak {rate} (read back: it was not logged itself)",
    "over": "over {length}",
    "of-floor": "down to {share} of the peak",
    "last-logged": "{share} of the peak in the last log entry",
    "so-many-steps": "{number:step|steps}",
    "so-many-epochs": "{number:epoch|epochs}",
    "so-many-entrys": "{number:log entry|log entries}",
}

SAY = {
    "one-run": "One run. There is nothing to compare it with: this is its check-up.",
    # The schedule
    "schedule-applied": "Schedule applied: {schedule}.",
    "schedule-known": "Schedule applied: {schedule}, peak {peak}, over {steps:step|steps}.",
    "rates-not-logged": "No learning rates were logged step by step, so the schedule cannot be checked.",
    "rate-always-zero/untrained": (
        "Every learning rate in the log is 0, and the loss does not fall: the optimizer changed nothing. A schedule whose length "
        "is 0, or a scheduler that was set up before the optimizer had its rate, does that."
    ),
    "rate-always-zero/rounded": (
        "Every learning rate in the log is 0, but the loss falls, so the rates were rounded when they were written. Log more digits."
    ),
    "rate-always-zero/unclear": (
        "Every learning rate in the log is 0. Either the rates were rounded when they were written, or nothing was trained: the losses "
        "do not tell which. Log more digits."
    ),
    "rate-zero-at-first": (
        "The learning rate is 0 at {at}. This is harmless: the warmup starts at 0, so the first update changes nothing."
    ),
    "rate-zero-until": (
        "The learning rate is 0 up to {at}: nothing was trained until then. Updates that are skipped while a float16 loss scale is "
        "found, or a warmup that counts something other than updates, do that."
    ),
    "rate-still-high/unfinished": (
        "The log ends at {at}, where training was planned to {length}, with the learning rate still at {share} of its highest value. "
        "Training was stopped or cut short, or still runs, so the last scores are not those of a finished schedule."
    ),
    "rate-still-high/longer": (
        "Training was complete at {at}, with the learning rate still at {share} of its peak: the schedule goes on to {length}, beyond "
        "the training. Its number of steps was computed for more epochs, or without gradient accumulation or the number of devices."
    ),
    "rate-still-high/log-ends": (
        "The log ends at {at} with the learning rate still at {share} of its peak; the schedule goes on to {length}. Either training "
        "or its log was cut off there, or the schedule is longer than the training."
    ),
    "rate-ended-early/zero": (
        "The learning rate is 0 from {at} on, {share} of the way through training: nothing was learned after that. The schedule is "
        "shorter than the training, as when it is stepped once per micro-batch or per device, or computed for fewer epochs."
    ),
    "rate-ended-early/floor": (
        "The learning rate reaches its lowest value, {floor} of the peak, at {at}, {share} of the way through training, and stays "
        "there. If that floor is not meant, the decay is shorter than the training."
    ),
    "rate-jumps": (
        "The learning rate jumps at {at} ({before} before, {after} after), in the middle of a smooth schedule, as after resuming with another "
        "schedule, length or learning rate."
    ),
    "warmup-unfinished/complete": (
        "The warmup never finished: the learning rate still rose at the end of training ({rate} at {at}). The warmup is longer than "
        "the training."
    ),
    "warmup-unfinished/log-ends": (
        "The learning rate still rises where the log ends ({rate} at {at}): the peak is not in the log."
    ),
    "decay-not-applied": (
        "The settings ask for the schedule {asked}, but the learning rate was {rate} all along: the scheduler was not stepped, or "
        "another one was used."
    ),
    "trained-twice/same": (
        "The log has {low} to {high} twice, as after resuming from an earlier checkpoint. The learning rates were the same the second "
        "time; the second values count."
    ),
    "trained-twice/other": (
        "The log has {low} to {high} twice, as after resuming from an earlier checkpoint. The learning rate was another one the second "
        "time ({second} instead of {first}): the state of the scheduler was not restored, or the schedule was changed."
    ),
    "steps-differ": (
        "An epoch took {steps:update|updates}, but {examples:example|examples} in batches of {batch} make {expected}. Examples were packed or "
        "filtered, or the batch is not what the settings say."
    ),
    "nothing-odd/some": (
        "Nothing else is odd in the {entries:log entry|log entries}, as far as learning rates, losses and gradient norms were logged."
    ),
    "nothing-odd/few": (
        "There are too few log entries ({entries}) for most checks. Log more often next time, such as every 10 steps."
    ),
    "nothing-odd/short": "The run took {entries:step|steps}, too few for most checks.",
    # Losses and gradients
    "loss-unmoved/equal": (
        "The training loss is {first} in all {entries:entry|entries}: nothing is being trained. The parameters are frozen or not in the "
        "optimizer, or the learning rate is far too low."
    ),
    "loss-unmoved/level": (
        "The training loss did not move: {first} over the first third, {last} over the last. The learning rate is far too low, what "
        "should be trained is frozen, or the model had nothing left to learn from this data."
    ),
    "dev-unmoved": (
        "The dev loss is {value} to the last digit in all {evaluations:evaluation|evaluations}: the evaluated parameters do not change."
    ),
    "gradient-zero": (
        "The gradient norm is 0 in {entries} of {all_entries:entry|entries}: the loss does not depend on what is trained. Frozen parameters "
        "and labels that are all masked do that."
    ),
    "gradient-not-finite/half": (
        "The gradient norm is not finite in {entries} of {all_entries:entry|entries} (first at {at}), while the loss is. With float16, the "
        "loss scaler skips such updates; a few at the beginning are normal."
    ),
    "gradient-not-finite/unknown": (
        "The gradient norm is not finite in {entries} of {all_entries:entry|entries} (first at {at}), while the loss is. With float16, the "
        "loss scaler skips such updates, and a few are normal; in any other precision they damage the parameters."
    ),
    "always-clipped/known": (
        "The gradient norm is around {norm}, and gradients are clipped at {clip}: nearly every update is clipped, so clipping "
        "sets the length of the gradient."
    ),
    "always-clipped/default": (
        "The gradient norm is around {norm}. If gradients are clipped at {clip}, as Trainer does by default, nearly every update "
        "is clipped, so clipping sets the length of the gradient."
    ),
    # Divergence
    "loss-broke/nan": "Training diverged: the loss is not a number from {at} on.",
    "loss-broke/nan-start": "The loss is not a number from the first log entry ({at}) on.",
    "loss-broke/zero": (
        "Training diverged, by {at}: the loss is 0.0 and evaluations or gradient norms are not numbers. "
        "Trainer replaces losses that are not numbers when it logs (logging_nan_inf_filter), and writes 0.0 when all of "
        "them are."
    ),
    "loss-broke/zero-start": (
        "The loss is 0.0 from the first log entry ({at}) on, and evaluations or gradient norms are not numbers. Trainer replaces losses "
        "that are not numbers when it logs (logging_nan_inf_filter), and writes 0.0 when all of them are."
    ),
    "loss-broke/gradient": "Training diverged: the gradient is not a number at {at}, where the loss was {first}; no update was made with it.",
    "loss-broke/rose": (
        "Training diverged: the loss, {first} at its lowest, rose by {at} and did not come back. It ended at {last}."
    ),
    "loss-rose-alone": (
        "The training loss rose from {first} to {last} by {at} and stayed there, but the dev loss did not rise with it. Training did not "
        "diverge: harder data, or another way to compute or log the loss, would do that."
    ),
    "broke-at-rate": "The last learning rate logged before that was {rate}, {share} of the highest.",
    "loss-zero/norm-zero": (
        "The loss is exactly 0 from {at} on, and so is the gradient norm: nothing is trained there. Labels that are all masked do that."
    ),
    "loss-zero/unclear": (
        "The loss is exactly 0 from {at} on. Without an evaluation or gradient norms the log does not tell why: Trainer writes 0.0 for "
        "losses that are not numbers (logging_nan_inf_filter), and labels that are all masked give 0, too."
    ),
    "loss-not-finite": (
        "The loss is not a number in {entries:log entry|log entries} (first at {at}), and is one again later: single batches without a label, or "
        "overflows whose update was skipped."
    ),
    "dev-not-finite": (
        "The dev loss is not a number in {evaluations} of {all_evaluations:evaluation|evaluations} (first at {at}), but the training loss is. Look at "
        "the evaluation: a batch without a label, or float16 at evaluation."
    ),
    "loss-spikes/recovered": (
        "The loss jumped far above its usual level and came back ({times}×), most at {at}: {top}, where it was around {usual}."
    ),
    "loss-spikes/log-ends": (
        "The loss jumped far above its usual level ({times}×), most at {at}: {top}, where it was around {usual}. "
        "The log ends before it came back."
    ),
    "divergence-cause/rate-runs": (
        "Likely cause: the learning rate. Every run at this rate or above diverged, and none below did."
    ),
    "divergence-cause/rate-norm": (
        "Likely cause: the learning rate. The gradient norm grew before training broke (from around {norm_before}; at the end "
        "{norm_after}), which is how too large a rate usually ends."
    ),
    "divergence-cause/rate-loss": (
        "Likely cause: the learning rate. The loss rose steadily over the {entries:entry|entries} before training broke."
    ),
    "divergence-cause/precision": (
        "Likely cause: float16. The gradient norm overflowed in {entries:entry|entries} while the loss was still a number."
    ),
    "divergence-cause/precision-unknown": (
        "The cause cannot be told for certain. The gradient norm stopped being a number ({entries:entry|entries}) before the loss did, as "
        "with an overflow in float16; the log does not say in which precision it was trained."
    ),
    "divergence-cause/batch": (
        "Likely cause: a batch. The gradient norm was level (around {norm_before}) and exploded within one log entry; too large a rate "
        "usually shows in a norm that grows over many updates."
    ),
    "divergence-cause/sudden": (
        "The cause cannot be told for certain. Nothing led up to it: the gradient norm was level (around {norm_before}) until the loss "
        "broke. That points to a batch or to the precision rather than to the learning rate."
    ),
    "divergence-cause/low-rate": (
        "The learning rate is not the likely cause: training had run at rates more than ten times as high, and broke at {share} of the "
        "peak. Look at the batches there, and at the precision."
    ),
    "divergence-cause/highest-rate": (
        "The cause cannot be told for certain. Training broke where the learning rate was near its highest until then ({share} of "
        "the peak), so the rate is the first suspect; the log has no gradient norms, or too few, to confirm it."
    ),
    "divergence-cause/start": (
        "The cause cannot be told from this log, which has no entry before that. The schedule is not the first suspect: look for batches "
        "without a label, for the precision, and for the weights that were loaded."
    ),
    "divergence-cause/coarse": (
        "The cause cannot be told from this log: nothing led up to it, but {apart:update lies|updates lie} between two entries, which may hide "
        "a rise."
    ),
    "divergence-cause/coarse-entries": (
        "The cause cannot be told from this log: nothing led up to it, but how many updates lie between two entries is not known, "
        "which may hide a rise."
    ),
    "divergence-cause/rate-huge": "The cause is the learning rate: it is far above any that models are trained with.",
    "divergence-cause/unknown": "The cause cannot be told from this log: too few entries or gradient norms come before it.",
    # Next steps
    "lower-rate/usual": "Try lr {rate}, a usual rate to begin with; lrscope find looks for the range that suits the model.",
    "lower-rate/third": "Try lr {rate}, a third of this rate; if that diverges too, the learning rate is not the cause.",
    "use-bfloat16": "Train in bfloat16 instead of float16 (--bf16): it has the range of float32 and needs no loss scale.",
    "inspect-batch": (
        "Look at the batches around {at} (very long or empty examples, labels that are all masked), or resume before it and skip them."
    ),
    "keep-best/own": "Use the checkpoint at {at}, where the dev loss is lowest, or train for fewer epochs.",
    "keep-best/trainer": (
        "Keep the checkpoint at {at}, where the dev loss is lowest (--load_best_model_at_end), or train for fewer epochs."
    ),
    "match-length": (
        "Give the schedule as many steps as training makes updates: epochs × examples / (batch × accumulation × devices), and step it "
        "once an update."
    ),
    "log-more": "Log every step with its gradient norm (--logging_steps 1): the steps before it broke tell the cause.",
    "check-trainable": "Check that what should be trained is in the optimizer and not frozen; then try lr {rate}.",
}
