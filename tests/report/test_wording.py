"""Every kind of statement has its sentence in every language, and quantities are written by their type."""

from __future__ import annotations

import dataclasses
import importlib
import re
import string
import types
import typing
from pathlib import Path
from typing import Any

import pytest

from lrscope.findings.answer_statements import NoRecommendation, NoValue
from lrscope.findings.checkup.statements import RateEndedEarly
from lrscope.findings.statements import Finding, RecordedSpread
from lrscope.findings.suggestions import Suggestion
from lrscope.report.locales import NAMES, locale
from lrscope.report.wording import Wording, Written
from lrscope.runs import quantities as q
from lrscope.runs.applied_schedule import AppliedSchedule
from lrscope.runs.notes import Note
from lrscope.runs.statement import Statement, as_plain, statement_classes

for _module in (
    "findings.statements", "findings.checkup.statements", "findings.checkup.loss_statements", "findings.suggestions",
    "findings.answer_statements", "findings.method", "runs.notes",
):  # fmt: skip
    importlib.import_module(f"lrscope.{_module}")
CLASSES = sorted(statement_classes(), key=lambda kind: kind.kind)

EXAMPLES: dict[Any, Any] = {
    q.Rate: q.Rate(2e-5), q.Share: q.Share(0.05), q.Value: q.Value(0.41),
    q.Multiple: q.Multiple(2.1), q.Proportion: q.Proportion(0.04), q.Difference: q.Difference(-0.02),
    q.Epoch: q.Epoch(3), q.Step: q.Step(300), q.Count: q.Count(4), q.Number: q.Number(12),
    q.Setting: q.Setting("lr 2e-5"), q.Settings: q.Settings(["lr 1e-5", "lr 1e-3"]), q.Names: q.Names(["dropout"]),
    q.Rates: q.Rates([1e-5, 3e-5]), q.Text: q.Text("train.txt"), q.Estimate: q.Estimate(0.03, 0.012), bool: True,
    str: "high", q.LogEntry: q.LogEntry(12), AppliedSchedule: AppliedSchedule(2e-4, "linear"),
}  # fmt: skip


def example(hint: Any) -> Any:
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return example(typing.get_args(hint)[0])
    if typing.get_origin(hint) is q.Interval:
        (bound,) = typing.get_args(hint)
        return q.Interval(bound(0.01), bound(0.03))
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    return EXAMPLES[hint]


def made(kind: type[Statement]) -> Statement:
    hints = typing.get_type_hints(kind)
    return kind(**{item.name: example(hints[item.name]) for item in dataclasses.fields(kind)})


def keys(kind: type[Statement]) -> set[str]:
    return {f"{kind.kind}/{wording}" if wording else kind.kind for wording in kind.WORDINGS}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", list(NAMES))
def test_sentences_are_those_of_the_kinds_of_statements_and_no_others(language: str) -> None:
    assert len(CLASSES) > 50
    assert set(locale(language).say) == {key for kind in CLASSES for key in keys(kind)}


@pytest.mark.parametrize("language", list(NAMES))
@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.kind)
def test_every_statement_is_written_with_its_own_fields(kind: type[Statement], language: str) -> None:
    wording = Wording(locale(language), "acc")
    fields = {item.name for item in dataclasses.fields(kind)}
    written = {item: wording.text(value) for item, value in vars(made(kind)).items()}
    for key in keys(kind):
        text = wording.locale.say[key]
        assert places(text) <= fields | {"metric"}, key
        sentence = text.format(metric="acc", **{item: Written(value) for item, value in written.items()})
        assert "{" not in sentence
        assert all(written[name] in sentence for name in places(text) - {"metric"})
    assert made(kind).key in keys(kind)
    assert wording.sentence(made(kind))


def test_a_statement_as_plain_values() -> None:
    statements = importlib.import_module("lrscope.findings.statements")
    finding = statements.StillImproving(q.Setting("a"), q.Estimate(0.03, float("nan")), q.Epoch(3))
    assert as_plain(finding) == {
        "kind": "still-improving", "arm": "a", "gain": {"value": 0.03, "error": None}, "at": 3.0,
    }  # fmt: skip
    low = statements.TooLow(q.Settings(["a", "b"]), q.Interval(q.Value(0.1), q.Value(0.2)))
    assert as_plain(low) == {"kind": "too-low", "arms": ["a", "b"], "gap": [0.1, 0.2]}


def test_lists_of_settings() -> None:
    english, chinese = (Wording(locale(name), "acc") for name in ("en", "zh"))
    assert english.text(q.Settings(["lr 1e-5", "lr 1e-3", "lr 1e-2"])) == "1e-5, 1e-3 and 1e-2"
    assert english.text(q.Settings(["lr 1e-5", "lr 1e-3, batch size 8"])) == "lr 1e-5 and lr 1e-3, batch size 8"
    assert chinese.text(q.Settings(["lr 1e-5", "lr 1e-3"])) == "1e-5、1e-3"
    assert chinese.word("train-metric") == "训练准确率（结束时）"
    assert chinese.word("dev-end") == "dev 准确率（训练结束时）"
    assert english.text(q.Settings([f"lr {n}" for n in range(9)])) == "0 … 8 (9 settings)"
    assert english.text(q.Setting("a\nb\x1b[2J")) == "a\\u000ab\\u001b[2J"


def test_docs_list_every_kind_with_its_fields() -> None:
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    listed = {
        line.split("|")[1].strip(" `"): line.split("|")[2] for line in text.splitlines() if line.startswith("| `")
    }
    for kind in (each for each in CLASSES if issubclass(each, Finding | Note | Suggestion)):
        assert kind.kind in listed, kind.kind
        assert re.findall(r"`(\w+)`", listed[kind.kind]) == [item.name for item in dataclasses.fields(kind)]


def test_a_metric_that_no_run_measured_is_called_so() -> None:
    said = Wording(locale("en"), "").answer([NoRecommendation(), NoValue()])
    assert said == ["No setting can be recommended. No run produced a dev metric."]


def test_every_finding_has_its_section() -> None:
    text = (Path(__file__).parents[2] / "docs" / "findings.md").read_text(encoding="utf-8")
    sections = re.findall(r"^#### (.+)$", text, re.M)
    kinds = {kind.kind for kind in CLASSES if issubclass(kind, Finding | Note)}
    assert len(sections) == len(set(sections))
    assert set(sections) == kinds


def test_a_finding_of_some_runs_names_them() -> None:
    share = q.Interval(q.Share(0.3), q.Share(0.5))
    low = q.Interval(q.Step(100.0), q.Step(100.0))
    found = RateEndedEarly(share, low, q.Interval(q.Share(0.0), q.Share(0.0)), arms=q.Settings(["lr 1e-3", "lr 1e-2"]))
    english = Wording(locale("en"), "acc")
    assert english.finding(found).startswith("1e-3 and 1e-2: The learning rate is 0 from step 100 on, 30% to 50% of")
    some = dataclasses.replace(found, number=q.Count(2), of=q.Count(6))
    assert english.finding(some).startswith("1e-3 and 1e-2 (2 of 6 runs): The learning rate is 0")
    assert english.sentence(found).startswith("The learning rate is 0")


NOUNS = "run|seed|step|epoch|example|entrie|evaluation|update|line|record|setting"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.kind)
def test_one_of_something_is_no_plural(kind: type[Statement]) -> None:
    """English: "1 steps" is never said."""
    wording = Wording(locale("en"), "acc")
    ones = {q.Count: q.Count(1), q.Interval[q.Count]: q.Interval(q.Count(1), q.Count(1))}
    values = {}
    for name, hint in typing.get_type_hints(kind).items():
        if own := [ones[each] for each in (hint, *typing.get_args(hint)) if each in ones]:
            values[name] = own[0]
    one = dataclasses.replace(made(kind), **values)
    written = {item.name: Written(wording.text(getattr(one, item.name))) for item in dataclasses.fields(kind)}
    for key in keys(kind):
        sentence = wording.locale.say[key].format(metric="acc", **written)
        assert not re.search(rf"\b1 (log |more )?({NOUNS})s\b", sentence), sentence


@pytest.mark.parametrize(
    ("lead", "english", "chinese"),
    [
        (0.0, "the lead of 0.000 is less than a tenth of that.", "目前的领先 0.000 不到它的十分之一。"),
        (0.0019, "the lead of 0.002 is less than a tenth of that.", "目前的领先 0.002 不到它的十分之一。"),
        (0.03, "the lead of 0.030 is 1.5 times that.", "目前的领先 0.030 是它的 1.5 倍。"),
    ],
)
def test_a_lead_beside_the_noise_is_said_as_people_do(lead: float, english: str, chinese: str) -> None:
    spread = RecordedSpread(
        q.Count(9), q.Text("135M"), q.Share(0.01), q.Share(0.03), q.Value(0.02), q.Value(lead),
        q.Proportion(lead / 0.02), None,
    )  # fmt: skip
    assert english in Wording(locale("en"), "loss").sentence(spread)
    assert chinese in Wording(locale("zh"), "loss").sentence(spread)
