"""Whether the statistics are honest: synthetic studies whose truth is known, judged as `lrscope report` judges.

    python benchmarks/calibration.py [--studies 400] [--seed 0] [--only plateau ...] [--tables order ...]

A study has K arms at up to eight seeds on 1,100 shared examples. A score is the sum of the arm's true value, what a
seed does to all arms and to this one, what an example does to all arms and to this one, and the rest; in "right or
wrong" it is whether such a sum is above a threshold. Between looks only contenders are given more seeds.
Printed, as Markdown, with simulation errors: how often anything false was said, at one look and stopping at any of the
planned looks; how often the contenders held the true best; coverage of intervals; power beside an oracle that knows the
variances, at the same error and looks; the bias of the chosen arm's predicted value beside that of the largest one; and
what picking the best score does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lrscope.runs.score_table import Floats, ScoreTable
from lrscope.statistics.choice import choose, chooser
from lrscope.statistics.defaults import ERROR
from lrscope.statistics.evidence import Evidence, evidence_of
from lrscope.statistics.multiplicity import best_critical, effective_freedoms, spent
from lrscope.statistics.selection import bounded_noise, corrected, epoch_noise, expecting, optimism, over_epochs
from lrscope.statistics.verdict import Verdict, errors_by_look

LOOKS = (3, 5, 8)
NUM_EXAMPLES = 1100
TABLES = ("honesty", "order", "power", "bias", "choices", "epochs")


@dataclass(frozen=True)
class Scenario:
    """A truth: each arm's value and its standard deviation over seeds; what examples do."""

    name: str
    values: Sequence[float]
    seed_sd: Sequence[float] | float = 0.014
    common_seed_sd: float = 0.01
    example_sd: float = 0.35
    arm_example_sd: float = 0.15
    rest_sd: float = 0.3
    is_binary: bool = False

    @property
    def seed_sds(self) -> Floats:
        """The standard deviations over seeds, by arm."""
        return np.broadcast_to(np.asarray(self.seed_sd, dtype=np.float64), (len(self.values),))

    @property
    def is_null(self) -> bool:
        """Whether all arms are equal."""
        return len(set(self.values)) == 1

    def draw(self, generator: np.random.Generator, num_seeds: int) -> ScoreTable:
        """Draw a study."""
        k, s, n = len(self.values), num_seeds, NUM_EXAMPLES
        normal = generator.standard_normal
        centres = np.asarray(self.values)
        if self.is_binary:
            from scipy.stats import norm

            parts = (self.common_seed_sd, self.example_sd, self.arm_example_sd, self.rest_sd)
            centres = norm.ppf(centres) * np.sqrt(self.seed_sds**2 + sum(part**2 for part in parts))
        x = centres[:, None, None] + self.common_seed_sd * normal((1, s, 1))
        x = x + self.seed_sds[:, None, None] * normal((k, s, 1)) + self.example_sd * normal((1, 1, n))
        x = x + self.arm_example_sd * normal((k, 1, n)) + self.rest_sd * normal((k, s, n))
        x = (x > 0.0).astype(np.float64) if self.is_binary else x
        return ScoreTable(tuple(f"arm {a}" for a in range(k)), x, np.ones(n))

    def errors(self, num_seeds: int) -> Floats:
        """The true standard errors of all differences."""
        own = self.seed_sds**2 / num_seeds + self.arm_example_sd**2 / NUM_EXAMPLES
        own = own + self.rest_sd**2 / (num_seeds * NUM_EXAMPLES)
        return np.sqrt(own[:, None] + own[None, :])


SCENARIOS = [
    Scenario("two equal arms", [0.4] * 2),
    Scenario("six equal arms", [0.4] * 6),
    Scenario("six equal arms, seeds apart", [0.4] * 6, seed_sd=[0.005, 0.005, 0.01, 0.01, 0.02, 0.03]),
    Scenario("six equal arms, quiet seeds", [0.4] * 6, seed_sd=0.003),
    Scenario("twelve equal arms", [0.4] * 12),
    Scenario("six equal arms, right or wrong", [0.4] * 6, is_binary=True),
    Scenario("plateau, right or wrong", [0.27, 0.29, 0.40, 0.41, 0.41, 0.40], is_binary=True),
    Scenario("plateau", [0.27, 0.29, 0.40, 0.41, 0.41, 0.40]),
    Scenario("peak", [0.36, 0.38, 0.40, 0.42, 0.40, 0.38]),
    Scenario("cliff", [0.36, 0.38, 0.40, 0.42, 0.25, 0.22], seed_sd=[0.01, 0.01, 0.01, 0.014, 0.04, 0.05]),
    Scenario("noisy best", [0.38, 0.40, 0.41, 0.42, 0.39, 0.36], seed_sd=[0.008, 0.008, 0.01, 0.025, 0.02, 0.03]),
]

# What the order of the rates adds is measured on these: rates side by side, whose values rise to one peak or do not.
SHAPES = [
    Scenario("null", [0.4] * 6),
    Scenario("null, seeds apart", [0.4] * 6, seed_sd=[0.04, 0.01, 0.01, 0.01, 0.02, 0.05]),
    Scenario("peak", [0.36, 0.38, 0.40, 0.42, 0.40, 0.38]),
    Scenario("peak, seeds apart", [0.36, 0.38, 0.40, 0.42, 0.40, 0.38], seed_sd=[0.04, 0.02, 0.01, 0.01, 0.02, 0.04]),
    Scenario("plateau", [0.27, 0.29, 0.40, 0.41, 0.41, 0.40]),
    Scenario("cliff", [0.36, 0.38, 0.40, 0.42, 0.25, 0.22], seed_sd=[0.01, 0.01, 0.01, 0.014, 0.04, 0.05]),
    Scenario("slow start, noisy", [0.265, 0.343, 0.40, 0.42, 0.41, 0.38], seed_sd=[0.06, 0.01, 0.01, 0.01, 0.01, 0.02]),
    Scenario("monotone", [0.36, 0.37, 0.38, 0.39, 0.40, 0.41]),
    Scenario("monotone, nearly flat", [0.4000, 0.4001, 0.4002, 0.4003, 0.4004, 0.4005]),
    Scenario("nearly flat, noisy end", [0.4000, 0.4001, 0.4002, 0.4003, 0.4004, 0.4005], seed_sd=[0.01] * 5 + [0.05]),
    Scenario("two peaks", [0.37, 0.42, 0.37, 0.37, 0.419, 0.37]),
    Scenario("two peaks, a low valley", [0.37, 0.42, 0.30, 0.30, 0.419, 0.37]),
]


@dataclass
class Tally:
    """What happened in the studies of one scenario at one plan of looks."""

    false: list[bool] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    alone: list[bool] = field(default_factory=list)
    picked: list[bool] = field(default_factory=list)
    number: list[int] = field(default_factory=list)
    contradicted: list[bool] = field(default_factory=list)


def judge(scenario: Scenario, looks: Sequence[int], generator: np.random.Generator, studies: int) -> Tally:
    """Judge studies that may stop at any of these numbers of seeds, once one arm is left."""
    return judge_twice(scenario, looks, generator, studies)[0]


def judge_twice(
    scenario: Scenario, looks: Sequence[int], generator: np.random.Generator, studies: int, *, ordered: bool = False
) -> tuple[Tally, Tally]:
    """Judge studies without the order of the arms and, if `ordered`, the same with it."""
    tallies = Tally(), Tally()
    for _ in range(studies):
        whole = scenario.draw(generator, looks[-1])
        known: dict[tuple[int, tuple[int, ...]], Evidence] = {}
        judge_one(scenario, whole, looks, None, tallies[0], known)
        if ordered:
            judge_one(scenario, whole, looks, range(len(scenario.values)), tallies[1], known)
    return tallies


def judge_one(
    scenario: Scenario, whole: ScoreTable, looks: Sequence[int], positions: Sequence[float] | None, tally: Tally,
    known: dict[tuple[int, tuple[int, ...]], Evidence],
) -> None:  # fmt: skip
    """Judge one study; `known` keeps evidence by its look and the arms that are given no more seeds, look by look."""
    truth = np.asarray(scenario.values)
    values = whole.values.copy()
    false, held_all, left_out = False, True, (0,) * len(truth)
    taken: list[tuple[int, float]] = []
    for look, error in zip(looks, spent([look / looks[-1] for look in looks], ERROR), strict=True):
        taken.append((look, error))
        table = replace(whole, values=values[:, :look])
        levels = errors_by_look(table.there.sum(axis=1).tolist(), taken)
        if (look, left_out) not in known:
            known[look, left_out] = evidence_of(table, seed_sd=float(scenario.seed_sds.mean()))
        verdict = Verdict(known[look, left_out], error=error, pair_errors=levels, positions=positions)
        false |= any(truth[a] <= truth[b] for a, b in statements(verdict))
        held_all &= bool((truth[list(verdict.contenders)] == truth.max()).any())
        if len(verdict.contenders) == 1 or look == looks[-1]:
            break
        out = [arm for arm in range(len(truth)) if arm not in verdict.contenders]
        values[out, look:] = np.nan  # as `sweep --until-decided` does
        left_out = tuple(np.isnan(values[:, :, 0]).sum(axis=1).tolist())
    tally.false.append(false)
    tally.held.append(held_all)
    tally.covered.append(coverage(verdict, truth))
    best = int(np.argmax(verdict.evidence.values))
    tally.number.append(len(verdict.contenders))
    tally.contradicted.append(verdict.single_peak == "contradicted")
    tally.alone.append(verdict.contenders == (int(truth.argmax()),))
    tally.picked.append(bool(truth[best] == truth.max()))


def statements(verdict: Verdict) -> Iterator[tuple[int, int]]:
    """Yield every "a is better than b" that is said."""
    k = verdict.evidence.num_arms
    for a in range(k):
        for b in range(a):
            pair = verdict.between(a, b)
            if pair.outcome == "better":
                yield a, b
            elif pair.outcome == "worse":
                yield b, a


def coverage(verdict: Verdict, truth: Floats) -> float:
    """Return the share of single intervals, each at its own 95%, that hold the true difference."""
    from scipy.special import stdtrit

    e = verdict.evidence
    pairs = np.tril_indices(e.num_arms, -1)
    errors = np.full(len(pairs[0]), verdict.error) if verdict.pair_errors is None else verdict.pair_errors[pairs]
    freedoms = effective_freedoms(e.shares[pairs].round(3), e.freedom[pairs], errors)
    reach = stdtrit(np.minimum(freedoms, 1e9), 1.0 - errors / 2) * e.errors[pairs]
    return float(np.mean(np.abs(e.differences[pairs] - (truth[pairs[0]] - truth[pairs[1]])) <= reach))


def print_honesty(studies: int, only: Sequence[str], seed: int) -> None:
    """Print how often what was said was false."""
    print(
        "| scenario | looks at seeds | false, at any | contenders hold the best | intervals cover | best mean is best |"
    )
    print("| --- " * 6 + "|")
    for scenario in SCENARIOS:
        if only and scenario.name not in only:
            continue
        for looks in ((1,), (3,), (5,), (8,), LOOKS):
            tally = judge(scenario, looks, np.random.default_rng(seed), studies)
            cells = [share(values) for values in (tally.false, tally.held, tally.covered, tally.picked)]
            print(f"| {scenario.name} | {', '.join(map(str, looks))} | {' | '.join(cells)} |", flush=True)
    print()


def print_order(studies: int, only: Sequence[str], seed: int) -> None:
    """Print what the order of the rates adds, on the same studies: without it → with it."""
    heads = (
        "shape",
        "looks at seeds",
        "hold the best",
        "false, at any",
        "contenders",
        "the best alone",
        "single peak contradicted",
    )
    print(f"| {' | '.join(heads)} |\n" + "| --- " * len(heads) + "|")
    for scenario in SHAPES:
        if only and scenario.name not in only:
            continue
        for looks in ((1,), (2,), (3,), (5,), (8,), LOOKS):
            before, after = judge_twice(scenario, looks, np.random.default_rng(seed), studies, ordered=True)
            cells = [
                f"{np.mean(before.held):.1%} → {share(after.held)}",
                share(after.false),
                f"{np.mean(before.number):.2f} → {np.mean(after.number):.2f}",
                "–" if scenario.is_null else f"{np.mean(before.alone):.1%} → {np.mean(after.alone):.1%}",
                share(after.contradicted),
            ]
            print(f"| {scenario.name} | {', '.join(map(str, looks))} | {' | '.join(cells)} |", flush=True)
    print()


def share(values: Sequence[float]) -> str:
    """Write a share with its simulation error."""
    mean = float(np.mean(values))
    return f"{mean:.1%} ± {float(np.std(values)) / np.sqrt(len(values)):.1%}"


def print_bias(studies: int, seed: int) -> None:
    """Print by how much the chosen arm's predicted value is too high, beside the value seen and the largest."""
    print("| scenario | seeds | predicted − true | seen − true | the largest − true |\n" + "| --- " * 5 + "|")
    worst = [0.0, 0.0, 0.0]
    for scenario in SCENARIOS:
        truth, positions = np.asarray(scenario.values), [float(a) for a in range(len(scenario.values))]
        for num_seeds in (1, 3, 8):
            generator = np.random.default_rng(seed)
            errors = []
            for _ in range(studies):
                table = scenario.draw(generator, num_seeds)
                verdict = Verdict(evidence_of(table, seed_sd=float(scenario.seed_sds.mean())), positions=positions)
                values = verdict.evidence.values
                expected = expecting(verdict.evidence, positions)
                first, top = choose(verdict, positions, centre=expected(values)).first, int(values.argmax())
                less = optimism(verdict.evidence, chooser(verdict, positions, centre=expected), draws=200)
                expects = corrected(float(values[first]), max(0.0, less), NUM_EXAMPLES)
                errors.append([expects - truth[first], values[first] - truth[first], values[top] - truth[top]])
            means, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(studies)
            worst = [max(w, abs(float(m))) for w, m in zip(worst, means, strict=True)]
            cells = " | ".join(f"{m:+.4f} ± {s:.4f}" for m, s in zip(means, spread, strict=True))
            print(f"| {scenario.name} | {num_seeds} | {cells} |", flush=True)
    print(f"| **the worst** | | {' | '.join(f'{value:.4f}' for value in worst)} |\n")


def print_power(studies: int, seed: int) -> None:
    """Print how often the one best arm is left alone, beside an oracle that knows the variances."""
    print("| arms | better by | looks at seeds | alone | the oracle | share |\n" + "| --- " * 6 + "|")
    for k in (2, 6):
        for by in (0.01, 0.02, 0.04):
            for looks in ((3,), (5,), (8,), LOOKS):
                scenario = Scenario("", [0.4 + by] + [0.4] * (k - 1))
                ours = float(np.mean(judge(scenario, looks, np.random.default_rng(seed), studies).alone))
                oracle = oracle_power(scenario, looks, np.random.default_rng(seed), 20 * studies)
                ratio = f"{ours / oracle:.0%}" if oracle > 0.02 else "–"
                print(
                    f"| {k} | {by} | {', '.join(map(str, looks))} | {ours:.1%} | {oracle:.1%} | {ratio} |", flush=True
                )
    print()


def oracle_power(scenario: Scenario, looks: Sequence[int], generator: np.random.Generator, studies: int) -> float:
    """Return how often the best arm is left alone by normal critical values and the true variances."""
    k = len(scenario.values)
    alone = np.zeros(studies, dtype=bool)
    done = np.zeros(studies, dtype=bool)
    truth = np.asarray(scenario.values)
    examples = scenario.arm_example_sd / np.sqrt(NUM_EXAMPLES) * generator.standard_normal((studies, k))
    sds = np.sqrt(scenario.seed_sds**2 + scenario.rest_sd**2 / NUM_EXAMPLES)
    seeds = sds[None, :, None] * generator.standard_normal((studies, k, looks[-1]))
    for look, error in zip(looks, spent([look / looks[-1] for look in looks], ERROR), strict=True):
        means = truth + examples + seeds[:, :, :look].mean(axis=2)
        reach = best_critical(k, float("inf"), error) * scenario.errors(look)
        beaten = ((means[:, :, None] - means[:, None, :]) > reach).any(axis=1)
        now = ~beaten[:, 0] & beaten[:, 1:].all(axis=1)
        stops = (~beaten).sum(axis=1) == 1
        alone |= now & ~done
        done |= stops
    return float(alone.mean())


def print_choices(studies: int, seed: int) -> None:
    """Print what the choice by rule gives up against the true best, beside what the best mean does."""
    heads = (
        "scenario",
        "seeds",
        "the first choice gives up",
        "the best mean does",
        "the first's mean is behind, at most",
    )
    print(f"| {' | '.join(heads)} |\n" + "| --- " * len(heads) + "|")
    for scenario in SCENARIOS:
        if scenario.is_null:
            continue
        truth, positions = np.asarray(scenario.values), [float(a) for a in range(len(scenario.values))]
        for num_seeds in (1, 3, 8):
            generator = np.random.default_rng(seed)
            lost, behind = [], 0.0
            for _ in range(studies):
                evidence = evidence_of(scenario.draw(generator, num_seeds), seed_sd=float(scenario.seed_sds.mean()))
                verdict = Verdict(evidence, positions=positions)
                centre = expecting(verdict.evidence, positions)(verdict.evidence.values)
                choice = choose(verdict, positions, centre=centre)
                first, top = choice.first, int(verdict.evidence.values.argmax())
                behind = max(behind, choice.behind)
                lost.append([truth.max() - truth[first], truth.max() - truth[top]])
            means, spread = np.mean(lost, axis=0), np.std(lost, axis=0) / np.sqrt(studies)
            cells = " | ".join(f"{m:.4f} ± {s:.4f}" for m, s in zip(means, spread, strict=True))
            print(f"| {scenario.name} | {num_seeds} | {cells} | {behind:.3f} |", flush=True)
    print()


def print_epochs(studies: int, seed: int) -> None:
    """Print by how much the best of five epochs is too high, and what is left of it once it is paid for."""
    print("| true values of the epochs | best epoch − true | predicted − true |\n" + "| --- " * 3 + "|")
    for courses in ([0.4] * 5, [0.30, 0.36, 0.39, 0.40, 0.40], [0.38, 0.40, 0.40, 0.39, 0.37]):
        generator = np.random.default_rng(seed)
        errors = []
        for _ in range(studies):
            # Epochs share what examples do to the run, and part of what is left.
            table = Scenario("", courses, seed_sd=0.007, arm_example_sd=0.2, rest_sd=0.2, is_binary=True)
            scores = table.draw(generator, 1).values[:, 0]
            values = scores.mean(axis=1)
            best = int(values.argmax())
            neighbour = best - 1 if best else 1
            least = float((scores[best] - scores[neighbour]).std(ddof=1)) / np.sqrt(2.0 * NUM_EXAMPLES)
            most = float(np.sqrt(values[best] * (1.0 - values[best]) / NUM_EXAMPLES))
            noise = bounded_noise(epoch_noise([values.tolist()]), least, most)
            seen = values[best] - courses[best]
            errors.append([seen, seen - over_epochs(values.tolist(), noise)])
        means, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(studies)
        cells = " | ".join(f"{m:+.4f} ± {s:.4f}" for m, s in zip(means, spread, strict=True))
        print(f"| {', '.join(map(str, courses))} | {cells} |", flush=True)
    print()


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--tables", nargs="*", default=TABLES, choices=TABLES)
    options = parser.parse_args()
    for table in options.tables:
        if table == "honesty":
            print_honesty(options.studies, options.only, options.seed)
        elif table == "order":
            print_order(options.studies, options.only, options.seed)
        else:
            PRINTERS[table](options.studies, options.seed)


PRINTERS = {"power": print_power, "bias": print_bias, "choices": print_choices, "epochs": print_epochs}


if __name__ == "__main__":
    main()
