"""What to do next: each piece of advice follows from a finding, with the command to type and what it costs."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from lrscope.analysis.conclusions import ArmView, Conclusions
from lrscope.analysis.said import Said
from lrscope.schedules.durations import format_number

INPUTS = ("model", "train", "dev", "batch_size")


@dataclass(frozen=True)
class Advice:
    """One thing to do, the kind of finding it is `because` of, the command, and about how long it takes."""

    said: Said
    because: str
    command: str
    minutes: float


def advice(c: Conclusions, found: Sequence[Said]) -> list[Advice]:
    """Return the advice that the findings give rise to."""
    return list(_advice(c, found))


def _advice(c: Conclusions, found: Sequence[Said]) -> Iterator[Advice]:
    kinds: dict[str, list[Said]] = {}
    for said in found:
        kinds.setdefault(said.kind, []).append(said)
    left = [arm for arm in c.arms if arm.place == "contender"]
    run_minutes = _minutes_a_run(c)
    if (need := c.need) is not None:
        more = sum(max(0, (need.seeds or 0) - len(arm.runs)) for arm in left)
        command = _extended(c, f"{_rates(left)}--seeds {need.seeds}") if need.seeds else ""  # sentences: no command
        minutes = more * run_minutes if need.seeds else math.nan
        yield Advice(Said("more-seeds", asdict(need)), "not-told-apart", command, minutes)
    for kind, factor in (("edge-low", 1 / 3), ("edge-high", 3.0)):
        for said in kinds.get(kind, []):
            rate = float(f"{float(said.values['rate']) * factor:.2g}")
            command = _extended(c, f"--lr {format_number(rate)}")
            yield Advice(Said("wider-grid", {"rate": rate}, said.arm), kind, command, run_minutes)
    contenders = {arm.name for arm in left}
    rising = [said for said in kinds.get("still-rises", []) if said.arm in contenders]
    if rising:
        epochs = max(float(said.values["epoch"]) for said in rising)
        on = [arm for arm in left if arm.name in {said.arm for said in rising}]
        command = _sweep(c, f"{_rates(on)}--epochs {2 * int(epochs)}")
        yield Advice(Said("longer", {"epochs": 2 * int(epochs)}), "still-rises", command, 2 * run_minutes * len(rising))
    if kinds.get("gap") or kinds.get("loss-rises"):
        because = "gap" if kinds.get("gap") else "loss-rises"
        command = _sweep(c, f"{_rates(left)}--dropout 0.3,0.5 --weight-decay 0.01,0.1")
        yield Advice(Said("regularise"), because, command, math.nan)
    if kinds.get("falls"):
        yield Advice(Said("stop-early"), "falls", _sweep(c, f"{_rates(left)}--patience 2"), math.nan)
    if kinds.get("too-high") or kinds.get("diverged"):
        because = "diverged" if kinds.get("diverged") else "too-high"
        larger = [arm for arm in c.arms if arm.place == "too high" or arm.num_diverged]
        yield Advice(Said("warm-up"), because, _sweep(c, f"{_rates([*left, *larger])}--warmup 6%,20%"), math.nan)
    if c.runs.is_imported and "schedule" not in c.runs.settings and len(left) > 1:
        schedules = f"{_rates(left)}--schedule 'constant;linear;cosine'"
        yield Advice(Said("decay"), "not-told-apart", _sweep(c, schedules), math.nan)


def _minutes_a_run(c: Conclusions) -> float:
    seconds = [run.seconds for run in c.runs.runs if not math.isnan(run.seconds) and run.seconds > 0]
    return sum(seconds) / len(seconds) / 60.0 if seconds else math.nan


def _extended(c: Conclusions, options: str) -> str:
    """Return the command that extends this study; an imported one is begun anew."""
    return (
        _sweep(c, options) if c.runs.is_imported else f"lrscope sweep --resume {shlex.quote(c.runs.source)} {options}"
    )


def _sweep(c: Conclusions, options: str) -> str:
    """Return the command for a new sweep on the same inputs."""
    parts = ["lrscope sweep", *_inputs(c)]
    epochs = [config.epochs for config in c.runs.configs.values()]
    if epochs and "--epochs" not in options:
        parts.append(f"--epochs {max(epochs)}")
    seeds = max(len(runs) for runs in c.runs.arms.values())
    if seeds > 1 and "--seeds" not in options:
        parts.append(f"--seeds {seeds}")
    return " ".join([*parts, options])


def _inputs(c: Conclusions) -> list[str]:
    """Return the options that name what was trained on what; capitals stand for what is not known."""
    known = {"model": "MODEL", "train": "TRAIN", "dev": "DEV", **c.runs.settings}
    asked = [name for name in known if name in INPUTS or name.endswith("_names")]
    return [f"--{name.replace('_', '-')} {shlex.quote(known[name])}" for name in asked if known[name]]


def finetune_command(c: Conclusions) -> str:
    """Return the command that trains the chosen arm once more; empty where lrscope did not run it."""
    config = c.runs.configs.get(c.arms[c.choice.first].name)
    if config is None:
        return ""
    rest = f"--lr {format_number(config.peak_rate)} --schedule '{config.schedule}' --epochs {config.epochs}"
    return " ".join(["lrscope finetune", *_inputs(c), rest])


def _rates(arms: Sequence[ArmView]) -> str:
    rates = ",".join(dict.fromkeys(format_number(arm.rate) for arm in arms if arm.rate is not None))
    return f"--lr {rates} " if rates else ""
