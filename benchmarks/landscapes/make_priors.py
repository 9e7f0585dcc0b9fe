"""Write the evidence of `lrscope prior`: src/lrscope/priors/{evidence,curves}.csv and fit.json.

    python benchmarks/landscapes/make_priors.py [--tulu3 ../shared/data/landscapes/lora-sft-tulu3.csv]

Evidence is
- every landscape of the corpus (corpus.parquet) that was trained with AdamW, at each length of its runs;
- the public sweep of LoRA on Tulu 3: tinker-cookbook, recipes/chat_sl/results/sft_sweep.md at 9dfcc3a2, Apache-2.0;
  which of its runs diverged, which its notes tell, is in tulu3-diverged.csv;
- the rules below.
A landscape of fewer than three rates that did not diverge is none. When the corpus has grown, run it again, and then
`python benchmarks/priors.py --write docs/priors.md`.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from corpus import read_corpus
from settings import SETTINGS, SHARED, Setting, model_folder

from lrscope.config import TrialConfig
from lrscope.priors.evidence import FOLDER, Evidence, Landscape, Rule, read_evidence
from lrscope.priors.fitting import REGIME_METHODS, fitted, held_out, scores
from lrscope.priors.model import Posterior
from lrscope.priors.model_names import base_name, family_in_name, parameters_in_name, read_model
from lrscope.priors.peak import find_peak
from lrscope.priors.question import Question

TINKER = "tinker-cookbook, recipes/chat_sl/results/sft_sweep.md at 9dfcc3a2 (Apache-2.0)"
OURS = "benchmarks/landscapes/corpus.parquet"
FEWEST_STEPS = 100  # of a model whose weights are trained
NOISE = 0.0005  # of a relative loss: the middle of 66 pairs of repeated runs of the public sweep lies at 0.0002
RULES = (
    Rule("base", -3.5, 1.0, "anywhere between 3e-6 and 3e-2 for LoRA of 1B parameters, batches of 32 and 200 steps"),
    Rule("full", -1.0, 0.2, "LoRA wants 10 times the rate of full fine-tuning: LoRA Without Regret, Schulman 2025"),
    Rule("head", 0.0, 1.0, "nothing is known of heads beforehand"),
    Rule("classification", 0.0, 0.3, "a factor of two either way"),
    Rule("size", -0.15, 0.2, "rates fall with size: by 0 for constant rates, as width^-0.78 in tinker-cookbook's rule"),
    Rule("small_size", -0.1, 0.2, "below 100M parameters rates may rise faster as the size falls"),
    Rule("small_full", 0.0, 0.3, "nor is it known whether LoRA wants 10 times the rate there"),
    Rule("rank", 0.0, 0.2, "alpha / rank makes the best rate nearly independent of the rank: Schulman 2025"),
    Rule("alpha", -0.75, 0.15, "alpha scales the product of A and B: -1 while B alone moves, -1/2 when both do"),
    Rule("batch", 0.0, 0.2, "1/2 where noise limits (Malladi et al. 2205.10287), 0 where curvature does; 1/2 foretold "
         "worse what was left out"),
    Rule("steps", 0.0, 0.15, "no universal exponent of the horizon; public data give 0.02"),
)  # fmt: skip
COLUMNS = (
    "kind", "name", "method", "task", "family", "model", "parameters", "rank", "alpha", "data", "batch", "steps",
    "optimizer", "estimate", "se", "edge", "source",
)  # fmt: skip


def landscape(name: str, source: str, at: Question, losses: Mapping[float, float], noise: float) -> Landscape | None:
    """Return a landscape of losses by rate, infinite where a run diverged; None where too few did not."""
    rates = sorted(losses)
    x = [math.log10(rate) for rate in rates]
    peak = find_peak(x, [losses[rate] for rate in rates], noise)
    if peak is None:
        return None
    excess = tuple(round(losses[rate] / peak.loss - 1.0, 5) for rate in rates)
    return Landscape(
        name=name, source=source, at=at, best=round(peak.best, 3), se=round(peak.se, 3), edge=peak.edge,
        rates=tuple(round(each, 4) for each in x), excess=excess,
    )  # fmt: skip


def of_tulu3(path: Path) -> Iterator[Landscape]:
    """Yield the landscapes of the public sweep: a model at a rank each. Of repeated runs the mean counts."""
    runs: dict[tuple[str, int], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(path):
        runs[row["model"], int(row["LoRA Rank"])][float(row["LR"])].append(float(row["Test NLL"]))
    for row in rows_of(Path(__file__).with_name("tulu3-diverged.csv")):
        runs[row["model"], int(row["rank"])][float(row["rate"])].append(math.inf)
    for (model, rank), found in sorted(runs.items()):
        losses = {rate: float(np.mean(values)) for rate, values in found.items()}
        parameters = parameters_in_name(model)
        assert parameters is not None, model
        at = Question(
            method="lora", task="sft", parameters=parameters, family=family_in_name(model), model=base_name(model),
            data="tulu3", batch_size=128, steps=780, rank=rank, alpha=32.0,
        )  # fmt: skip
        name = f"{base_name(model)}-tulu3-lora-r{rank}"
        noise = NOISE * min(losses.values())
        if (made := landscape(name, TINKER, at, losses, noise)) is not None:
            yield made


def of_corpus() -> Iterator[Landscape]:
    """Yield our own landscapes: a setting at a length of its runs each. Of seeds the mean counts."""
    runs: dict[tuple[str, int], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in read_corpus():
        if row["status"] != "running":
            loss = math.inf if row["status"] == "diverged" or row["dev_loss"] is None else row["dev_loss"]
            runs[row["setting"], row["total_steps"]][row["rate"]].append(loss)
    for (name, steps), found in sorted(runs.items()):
        setting = SETTINGS.get(name)
        if setting is None or setting.optimizer != "adamw":
            continue
        if setting.part != "head" and steps < FEWEST_STEPS:
            continue  # a small model that ends before it has learned: its best rate is that of another task
        losses = {rate: float(np.mean(values)) for rate, values in found.items()}
        spreads = [np.var(values, ddof=1) for values in found.values() if len(values) > 1 and max(values) < math.inf]
        best = min(losses.values())
        noise = float(np.sqrt(np.median(spreads))) if spreads else NOISE * best
        noise /= math.sqrt(min(len(values) for values in found.values()))
        if (made := landscape(f"{name}-s{steps}", OURS, question(setting, steps), losses, noise)) is not None:
            yield made


def question(setting: Setting, steps: int) -> Question:
    """Return what a setting of the corpus asks."""
    facts = read_model(str(model_folder(setting.model)))
    named = facts.family not in ("", "llama")  # the folder's name tells; else it is the setting's
    return Question(
        method=setting.part, task="sft" if setting.is_sft else "classification", parameters=round(facts.parameters),
        family=facts.family if named else setting.model, model=facts.name if named else setting.model,
        data=setting.data, batch_size=setting.batch_size, steps=steps, rank=TrialConfig.lora_rank,
        alpha=TrialConfig.lora_alpha,
    )  # fmt: skip


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_tables(evidence: Evidence) -> None:
    """Write evidence.csv and curves.csv."""
    with (FOLDER / "evidence.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for rule in evidence.rules:
            table.writerow(["rule", rule.coefficient, *[""] * 11, rule.mean, rule.sd, "", rule.source])
        for each in evidence.landscapes:
            at = each.at
            adapters = [at.rank, f"{at.alpha:g}"] if at.method == "lora" else ["", ""]
            of_model = [at.method, at.task, at.family, at.model, f"{at.parameters:.6g}", *adapters]
            found = [each.best, each.se, each.edge, each.source]
            table.writerow(["landscape", each.name, *of_model, at.data, at.batch_size, at.steps, "adamw", *found])
    with (FOLDER / "curves.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("name", "log10_rate", "excess"))
        for each in evidence.landscapes:
            for rate, excess in zip(each.rates, each.excess, strict=True):
                table.writerow((each.name, rate, "" if math.isinf(excess) else excess))


def write_fit(evidence: Evidence) -> None:
    """Write fit.json: variances, coefficients for readers, and how families that were left out were foretold."""
    told = {kind: asdict(score) for kind, score in scores(list(held_out(evidence))).items()}
    coefficients = {
        regime: {
            name: {"mean": round(each.mean, 4), "sd": round(each.sd, 4)}
            for name, each in Posterior(evidence, method).coefficients().items()
        }
        for regime, method in REGIME_METHODS.items()
    }
    variances = {method: asdict(each) for method, each in evidence.variances.items()}
    fit = {"variances": variances, "coefficients": coefficients, "held_out": told}
    (FOLDER / "fit.json").write_text(json.dumps(fit, indent=2) + "\n", encoding="utf-8")


def made(landscapes: Iterable[Landscape]) -> Evidence:
    """Return the evidence of these landscapes and the rules, with the variances fitted."""
    return fitted(Evidence(tuple(landscapes), RULES, {}))


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tulu3", type=Path, default=SHARED / "data" / "landscapes" / "lora-sft-tulu3.csv")
    options = parser.parse_args()
    evidence = made([*of_tulu3(options.tulu3), *of_corpus()])
    write_tables(evidence)
    write_fit(evidence)
    read_evidence.cache_clear()
    written = read_evidence()
    print(f"{len(written.landscapes)} landscapes, {len(written.rules)} rules")
    print(json.dumps(json.loads((FOLDER / "fit.json").read_text(encoding="utf-8")), indent=2))


if __name__ == "__main__":
    main()
