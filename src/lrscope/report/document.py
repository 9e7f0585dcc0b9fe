"""What a report says, in order and in no language: blocks that renderers turn into pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lrscope.findings.advice import Advice, advice
from lrscope.findings.commands import finetune_command
from lrscope.findings.findings import findings
from lrscope.report.trainer_arguments import as_call, differences, extra_steps, trainer_arguments
from lrscope.runs.said import Said
from lrscope.statistics.conclusions import ArmView, Conclusions


@dataclass(frozen=True)
class Cell:
    """A number with its digits, or a word by its key, or plain text; a note beside it, and the epoch that it is of."""

    value: Any
    digits: int = 3
    is_word: bool = False
    note: str = ""
    epoch: str = ""


@dataclass(frozen=True)
class Row:
    """One arm's row; `mark` is "first" or "second" for the choices, else empty."""

    cells: tuple[Cell, ...]
    mark: str = ""


@dataclass(frozen=True, eq=False)
class Document:
    """The whole report. `columns` are keys of words."""

    conclusions: Conclusions
    answer: tuple[Said, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    findings: tuple[Said, ...]
    advice: tuple[Advice, ...]
    method: tuple[Said, ...]
    unread: tuple[tuple[int, str], ...] = field(default_factory=tuple)
    commands: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The name of the decision metric."""
        return self.conclusions.runs.metric.name


def document(c: Conclusions) -> Document:
    """Return the report of these conclusions."""
    found = findings(c)
    columns, rows = _table(c)
    steps = tuple(advice(c, found))
    return Document(
        c, tuple(_answer(c)), columns, rows, tuple(found), steps, tuple(_method(c)), c.runs.unread, _commands(c)
    )


def _commands(c: Conclusions) -> tuple[str, ...]:
    """Return how to train the choice again: with lrscope, and with Trainer where it can."""
    first = c.arms[c.choice.first].name
    command = finetune_command(c.runs, first)
    if not command:
        return ()
    config, study = c.runs.configs[first], c.runs.study
    batching = study.numerics.batching if study else "bucketed"
    arguments = trainer_arguments(config, batching)
    if arguments is None:
        return (command,)
    more = extra_steps(config, study.model.train if study else "full")
    comment = "; ".join([*([more] if more else []), f"not equal: {', '.join(differences(config, batching))}"])
    return (command, f"{as_call(arguments)}  # {comment}")


def _answer(c: Conclusions) -> list[Said]:
    known = [arm for arm in c.arms if not math.isnan(arm.value)]
    if not known:
        return [Said("answer-none")]
    first = c.arms[c.choice.first]
    values = {"first": first.name, "value": first.value, "metric": c.runs.metric.name}
    if len(c.arms) == 1:
        return [Said("answer-one", values)]
    left = [arm for arm in c.arms if arm.standing == "contender"]
    level = {"error": f"{c.error:.0%}", "level": f"{1 - c.error:.0%}"}
    alone = "answer-alone" if len(known) == len(c.arms) else "answer-alone-known" if len(known) > 1 else "answer-only"
    said = [Said(alone, values), Said("sure-alone", level)]
    if len(known) == 1:
        del said[1]
    if len(left) > 1:
        second = c.arms[c.choice.second].name if c.choice.second is not None else ""
        kind = "answer-tie-two" if len(left) == 2 else "answer-tie"
        if c.verdict.is_decided:
            kind = "answer-equivalent-two" if len(left) == 2 else "answer-equivalent"
        if len(left) > 2 and c.centre is None:
            kind += "-middle" if c.has_log_rates else "-plain"
        values |= {"arms": [arm.name for arm in left], "second": second, "margin": c.margin}
        said = [Said(kind, values), Said("sure-all" if len(left) == len(known) else "sure-tie", level)]
    if c.is_assumed and c.knows_spread and len(known) > 1:
        said.append(Said("answer-assumes", {"sd": c.assumed_sd}))
    if len(known) < len(c.arms):
        said.append(Said("without-value", {"arms": [arm.name for arm in c.arms if math.isnan(arm.value)]}))
    if len(known) < 2:
        return said
    if not c.knows_spread:
        return [*said, Said("no-spread")]
    if c.is_of_these:
        said.append(Said("answer-these"))
    number = {"value": first.value, "optimism": c.optimism, "number": len(known)}
    of_epochs = [Said("of-epochs", {"optimism": c.epoch_optimism})] if c.runs.at_best else []
    sign = c.runs.metric.sign
    kind = "expected" if sign > 0.0 else "expected-more"
    kind += "-these" if c.is_of_these else ""
    return [*said, Said(kind, {**number, "expected": first.value - sign * c.optimism}), *of_epochs]


def _table(c: Conclusions) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    metric = c.runs.metric
    several = any(len(arm.runs) > 1 for arm in c.arms)
    optional = {
        "test": [_mean([run.final.get("test", {}).get(metric.name, math.nan) for run in arm.done]) for arm in c.arms],
        "dev-loss": [_mean([run.last("dev", "loss") for run in arm.done]) for arm in c.arms],
        "train-loss": [_mean([run.last("train", "loss") for run in arm.done]) for arm in c.arms],
        "train-metric": [_mean([run.last("train", metric.name) for run in arm.done]) for arm in c.arms],
    }
    if metric.name == "loss":
        optional = {name: optional[name] for name in ("test", "train-loss")}
    shown = [name for name, values in optional.items() if not all(math.isnan(value) for value in values)]
    ahead = _ahead(c)
    columns = [
        "arm",
        *(["seeds"] if several else []),
        "dev-best",
        "dev-end",
        *(["ahead"] if ahead else []),
        *shown,
        "place",
    ]
    rows = []
    for number, arm in enumerate(c.arms):
        best = [run.best("dev", metric) for run in arm.done]
        epoch = _mean([epoch for epoch, _ in best])
        cells = [Cell(arm.name)]
        cells += [
            Cell(f"{len(arm.done)}/{len(arm.runs)}" if len(arm.done) < len(arm.runs) else len(arm.runs), 0)
        ] * several
        spread = "" if math.isnan(arm.sd) else f"± {arm.sd:.3f}"
        at = "" if math.isnan(epoch) else f"{epoch:.3g}"
        end = _mean([run.last("dev", metric.name) for run in arm.done])
        cells.append(Cell(_mean([value for _, value in best]), epoch=at, note=spread if c.runs.at_best else ""))
        cells.append(Cell(end, note="" if c.runs.at_best else spread))
        cells += ahead[number : number + 1]
        cells += [Cell(optional[name][number]) for name in shown]
        cells.append(Cell(arm.standing, is_word=True))
        rows.append(Row(tuple(cells), _mark(c, number)))
    return tuple(columns), tuple(rows)


def _ahead(c: Conclusions) -> list[Cell]:
    """Return by how much the first choice is better than each arm, with intervals; nothing where one has a value."""
    first = c.choice.first
    if sum(not math.isnan(arm.value) for arm in c.arms) < 2:
        return []
    cells = []
    for number, arm in enumerate(c.arms):
        if number == first or math.isnan(arm.value):
            cells.append(Cell(math.nan))
        else:
            pair = c.verdict.between(first, number)
            known = math.isfinite(pair.low)
            cells.append(Cell(pair.difference, note=f"({pair.low:+.3f} … {pair.high:+.3f})" if known else ""))
    return cells


def _mark(c: Conclusions, number: int) -> str:
    if sum(not math.isnan(arm.value) for arm in c.arms) < 2:
        return ""
    return {c.choice.first: "first", c.choice.second: "second"}.get(number, "")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _method(c: Conclusions) -> list[Said]:
    level = {"error": f"{c.error:.0%}", "level": f"{1 - c.error:.0%}"}
    size = c.runs.sizes.get("dev", 0)
    how = (
        "method-scores" if c.runs.scores is not None else "method-rates" if c.evidence.num_examples else "method-values"
    )
    said = [Said(how, {"size": size})]
    if len(c.arms) > 1:
        said += [Said("method-contenders", level), Said("method-pairs")]
        said.append(Said(_rule(c)))
    if c.nominal < c.error:
        said.append(Said("method-looks", {**level, "nominal": f"{c.nominal:.2%}"}))
    said.append(Said("method-best" if c.runs.at_best else "method-endpoint"))
    return [*said, Said("method-test")] if any(_has_test(arm) for arm in c.arms) else said


def _rule(c: Conclusions) -> str:
    """Return the rule by which a choice was made."""
    if c.centre is not None:
        return "method-choice"
    return "method-choice-middle" if c.has_log_rates else "method-choice-plain"


def _has_test(arm: ArmView) -> bool:
    return any("test" in run.final for run in arm.runs)
