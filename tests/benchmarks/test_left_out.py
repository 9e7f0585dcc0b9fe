"""The prior of a setting whose family of models is left out."""

from __future__ import annotations

import pytest
from left_out import SGD, evidence_without, parameters_of, prior_without

from lrscope.priors import Question, read_evidence

AT = Question(method="lora", parameters=8e9, family="llama-3", model="llama-3.1-8b", data="tulu3", batch_size=128)


def test_nothing_of_the_family_is_left() -> None:
    assert {each.at.family for each in read_evidence().landscapes} >= {"llama-3", "qwen3"}
    assert "llama-3" not in {each.at.family for each in evidence_without("llama-3").landscapes}
    prior = prior_without("llama-3", AT)
    assert "llama-3" not in prior.families
    assert (prior.question.family, prior.question.model, prior.question.data) == ("", "", "")
    assert prior.sd > prior_without("", AT).sd * 0.9
    assert prior_without("", AT).families == ["deepseek-v3", "gpt-oss", *prior_without("", AT).families[2:]]


def test_a_method_that_no_other_family_was_trained_by_is_known_by_its_rule() -> None:
    families = {each.at.family for each in read_evidence().landscapes if each.at.method == "full"}
    (only,) = families if len(families) == 1 else ("smollm2",)
    full = prior_without(only, Question(method="full", parameters=1e9))
    lora = prior_without(only, Question(method="lora", parameters=1e9))
    assert full.center_log10 == pytest.approx(lora.center_log10 - 1.0, abs=0.6)


def test_sgd_is_higher_and_less_sure() -> None:
    adamw, sgd = prior_without("", AT), prior_without("", AT, "sgd")
    assert sgd.center_log10 == adamw.center_log10 + SGD
    assert sgd.sd > 0.7
    assert sgd.start_log10 == sgd.center_log10  # so wide that nothing is to be had from a side


def test_parameters_of_the_corpus_s_models() -> None:
    assert parameters_of("smollm2") == pytest.approx(134.5e6, rel=0.01)
    with pytest.raises(KeyError):
        parameters_of("nobody")
