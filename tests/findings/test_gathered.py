"""Settings that overfit are named together in a report, and one by one as data."""

from __future__ import annotations

from typing import Any

import pytest

from lrscope.findings import statements as s
from lrscope.findings.gathered import gathered
from lrscope.report.locales import locale
from lrscope.report.wording import Wording
from lrscope.runs.quantities import Epoch, Setting, Value


def overfitting(rate: str, train: float, dev: float) -> s.Overfitting:
    return s.Overfitting(Setting(f"lr {rate}"), Epoch(3), Value(train), Value(dev))


def rise(rate: str, least: float, last: float) -> s.DevLossRises:
    return s.DevLossRises(Setting(f"lr {rate}"), Epoch(2), Value(least), Value(last))


MANY = [
    s.OneSetting(), overfitting("1e-4", 0.60, 0.40), rise("1e-4", 1.0, 1.25), s.TwoPeaks(Value(0.01)),
    overfitting("3e-4", 0.75, 0.45), overfitting("1e-3", 0.70, 0.40), rise("1e-3", 1.0, 1.5),
]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        (
            "en",
            [
                "Overfitting at 1e-4, 3e-4 and 1e-3: at the end, train acc is ahead of dev acc by 0.200 to 0.300.",
                "Overfitting at 1e-4 and 1e-3: dev loss rises again after its lowest value, by 0.250 to 0.500 at the "
                "end.",
            ],
        ),
        (
            "zh",
            [
                "1e-4、3e-4、1e-3 过拟合：结束时，训练准确率比 dev 准确率好 0.200 至 0.300。",
                "1e-4、1e-3 过拟合：dev 损失降到最低后回升，结束时高出 0.250 至 0.500。",
            ],
        ),
    ],
)
def test_several_settings_that_overfit_are_one_sentence_each_way(language: str, sentences: list[str]) -> None:
    told: list[Any] = gathered(MANY)
    wording = Wording(locale(language), "acc")
    assert [each.kind for each in told] == ["one-setting", "several-overfit", "several-dev-losses-rise", "two-peaks"]
    assert [wording.sentence(each) for each in told[1:3]] == sentences


def test_one_setting_that_overfits_is_told_with_its_values() -> None:
    alone = [overfitting("1e-4", 0.6, 0.4), rise("1e-4", 1.0, 1.3)]
    assert gathered(alone) == alone


def test_a_loss_that_is_ahead_is_lower() -> None:
    several: Any = gathered([overfitting("1e-4", 0.5, 0.9), overfitting("1e-3", 0.2, 0.9)])[0]
    assert (round(several.gap.low, 6), round(several.gap.high, 6)) == (0.4, 0.7)
