"""Record range tests on the corpus' settings: a line of JSON each, those that are there already left out.

    python benchmarks/landscapes/record_ramps.py --out rows.jsonl [--only 'stories-*'] [--ramps default] [--seeds 5]

Heads alone are tested on their backbone's features. A ramp around the prior is laid around what the prior says without
the setting's own model.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic
from typing import Any

from left_out import prior_of
from ramp_curves import RecordedRamp, read_ramps
from settings import SETTINGS, Setting

from lrscope.config import FindConfig

BELOW, ABOVE = 2.5, 1.5  # decades around the prior's centre
WARM = "around the prior, warm head"


def ramps(centre: float) -> dict[str, FindConfig]:
    """Return the ramps that are compared; some are laid around the prior's centre."""
    near = FindConfig(start=10 ** (centre - BELOW), end=10 ** (centre + ABOVE))
    return {
        "default": FindConfig(),
        "around the prior": near,
        "around the prior, 40 steps": replace(near, steps=40),
        WARM: replace(near, warm_head=50),
        "around the prior, 32 dev examples": replace(near, probe="dev", probe_size=32),
        "around the prior, 128 dev examples": replace(near, probe="dev", probe_size=128),
    }


def record(setting: Setting, seed: int, name: str, inputs: Any, features: Any) -> RecordedRamp:
    """Make a range test of a setting."""
    from head_ramp import HeadRangeTrial

    from lrscope.runners.range_test import RangeTrial

    test, trial = ramps(prior_of(setting).center_log10)[name], setting.trial(setting.rates[0], seed)
    made = (
        RangeTrial(inputs, test, trial) if features is None else HeadRangeTrial(inputs, test, trial, features=features)
    )
    for _ in made.run():
        pass
    losses = [each.metrics["loss"] for each in made.probes[1:]] or [each.loss for each in made.records]
    losses += [math.nan] * (len(made.records) - len(losses))
    first, last = (made.records[place].learning_rate for place in (0, -1))
    rounded = tuple(float(f"{loss:.6g}") for loss in losses)
    return RecordedRamp(setting.name, name, seed, first, last, rounded, made.end_reason)


def main() -> None:
    """Record what is missing."""
    from lrscope.training.features import features_of

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", default="*", help="settings, by pattern, with commas between")
    parser.add_argument("--ramps", default="*", help="ramps, likewise, with semicolons between")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--features", type=Path, default=Path("runs/features"), help="where features are kept")
    options = parser.parse_args()
    done = {ramp.key for path in (options.out, None) for ramp in (read_ramps(path) if path else read_ramps())}
    began = monotonic()
    for setting in SETTINGS.values():
        if not any(fnmatch.fnmatch(setting.name, name) for name in options.only.split(",")):
            continue
        no_warm_head = setting.part == "head" or setting.is_sft
        missing = [
            (name, seed) for name in ramps(-3.0) for seed in range(options.seeds)
            if any(fnmatch.fnmatch(name, each) for each in options.ramps.split(";"))
            and (setting.name, name, seed) not in done and not (name == WARM and no_warm_head)
        ]  # fmt: skip
        if not missing:
            continue
        # The features were computed in bfloat16, as those of the corpus.
        inputs = setting.inputs(threads=options.threads, precision="bfloat16" if setting.part == "head" else "float32")
        features = None
        if setting.part == "head":
            kept = options.features / f"{setting.model}-{setting.data}{setting.num_train}"
            kept.mkdir(parents=True, exist_ok=True)
            features = features_of(inputs, kept)
        with options.out.open("a", encoding="utf-8") as file:
            for name, seed in missing:
                made = record(setting, seed, name, inputs, features)
                file.write(json.dumps(asdict(made)) + "\n")
                file.flush()
                steps = len(made.losses)
                print(f"{monotonic() - began:5.0f} s  {setting.name}, {name}, seed {seed}: {steps} steps", flush=True)


if __name__ == "__main__":
    main()
