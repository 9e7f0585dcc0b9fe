"""Ways to spend a budget on finding a learning rate, replayed on landscapes of known truth at equal cost.

    python benchmarks/tune_policies.py [--quick] [--replays 200] [--policies NAME …] [--save scores.json]
    python benchmarks/tune_policies.py --read scores.json more.json [--write docs/tune.md]    # of saved ones

Score: by how much the recommended rate's dev log-loss lies above the best rate's, at budgets of 1 to 32 full runs, as a
mean over settings with a 95% bootstrap interval over settings. All that need a range search the same: three decades
around the prior's centre, as far as was recorded. The public landscapes have runs of the whole length alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "landscapes"))
sys.path.insert(0, str(Path(__file__).parent / "tune"))

from knowledge import Beforehand, fitted_responses
from optuna_peers import OPTUNA
from ours import ours
from peers import PEERS
from player import Policy, Told
from scores import Scores, tables
from world import Replay, World, corpus_worlds, public_worlds, range_worlds

from page_tables import printed_into

BUDGETS = (1, 2, 4, 8, 16, 32)
PUBLIC = Path(__file__).resolve().parents[2] / "shared/data/landscapes/lora-sft-tulu3.csv"
OURS = "the policy"
GROUPS = {
    "corpus": "The corpus, and the settings that range tests were judged on",
    "public": "The public landscapes: LoRA on Tulu 3",
}
FEWER = {"Optuna": 5, "Optuna GP": 20}  # replays of these are so many times fewer: each asks Optuna for every run


def replayed(world: World, told: Told, name: str, policy: Policy, replays: int) -> Iterator[list[list[float]]]:
    """Yield a replay's scores: for each budget regret, relative, in the metric, spent, whether held, width."""
    for number in range(replays):
        rng = np.random.default_rng([number, zlib.crc32(world.name.encode())])
        answers = policy(Replay(world, rng), told, BUDGETS, np.random.default_rng([number, zlib.crc32(name.encode())]))
        yield [
            [*world.regret(each.rate), each.spent, float(each.low <= world.best <= each.high), each.high - each.low]
            for each in answers
        ]


def main() -> None:
    """Replay and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replays", type=int, default=200)
    parser.add_argument("--quick", action="store_true", help="10 replays, no Optuna")
    parser.add_argument("--policies", nargs="*", help="only these")
    parser.add_argument("--public", type=Path, default=PUBLIC, help="the public sweep's CSV")
    parser.add_argument("--save", type=Path, help="write the mean scores of each setting")
    parser.add_argument("--read", type=Path, nargs="+", help="print the tables of saved scores, and stop")
    parser.add_argument("--write", type=Path, help="put the tables of saved scores into this page")
    parser.add_argument("--fit", type=Path, help="write the priors of responses, fitted to the whole corpus, and stop")
    options = parser.parse_args()
    if options.read:
        with printed_into(options.write, "benchmarks/tune_policies.py"):
            report(*read_scores(options.read))
        return
    worlds = [*corpus_worlds(), *range_worlds(), *(public_worlds(options.public) if options.public.is_file() else ())]
    if options.fit:
        options.fit.write_text(json.dumps(fitted_responses(worlds), indent=1) + "\n", encoding="utf-8")
        return
    scores: Scores = {}
    numbers: dict[str, int] = {}
    beforehand = Beforehand(worlds)
    for name, policy in {OURS: ours(beforehand.prior), **PEERS, **OPTUNA}.items():
        if (options.policies and name not in options.policies) or (options.quick and name in OPTUNA):
            continue
        began = perf_counter()
        fewer = FEWER["Optuna GP"] if "GP" in name else FEWER["Optuna"] if name in OPTUNA else 1
        replays = max(2, (10 if options.quick else options.replays) // fewer)
        numbers[name] = replays
        for world in worlds:
            found = np.array(list(replayed(world, beforehand.told(world), name, policy, replays)))
            scores.setdefault(name, {})[f"{world.group}: {world.name}"] = found.mean(0)
        print(f"{name}: {replays} replays, {perf_counter() - began:.0f} s", file=sys.stderr)
    report(scores, numbers)
    if options.save:
        plain = {
            name: {"replays": numbers[name], "settings": {of: each.tolist() for of, each in by.items()}}
            for name, by in scores.items()
        }
        options.save.write_text(json.dumps(plain), encoding="utf-8")


def report(scores: Scores, numbers: dict[str, int]) -> None:
    """Print how often each was replayed, and the tables of the corpus and of the public landscapes."""
    by_number: dict[int, list[str]] = {}
    for name, number in numbers.items():
        by_number.setdefault(number, []).append(name)
    counts = [f"{number} of {', '.join(f'“{name}”' for name in names)}" for number, names in by_number.items()]
    print(f"Replays of each setting: {'; '.join(counts)}.")
    settings = list(dict.fromkeys(name for by in scores.values() for name in by))
    for group, title in GROUPS.items():
        chosen = [name for name in settings if name.startswith(group)]
        if chosen:
            print(f"\n### {title}: {len(chosen)} settings")
            tables(scores, chosen, BUDGETS, OURS)


def read_scores(paths: list[Path]) -> tuple[Scores, dict[str, int]]:
    """Return what several calls saved, as one, and how often each policy was replayed."""
    scores: Scores = {}
    numbers: dict[str, int] = {}
    for path in paths:
        for name, kept in json.loads(path.read_text(encoding="utf-8")).items():
            numbers[name] = kept["replays"]
            scores[name] = {of: np.array(each) for of, each in kept["settings"].items()}
    return scores, numbers


if __name__ == "__main__":
    main()
