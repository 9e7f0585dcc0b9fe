"""What studies are of: whether their runs may be compared, and what tells apart those of one name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from lrscope.config import StudyConfig
from lrscope.data.dev_share import parse_share
from lrscope.records import Metric
from lrscope.runs.import_study import DIFFERENT, EXAMPLES
from lrscope.store.study import StudyStore

OWN_TRAINING = "a training of your own"
# Beside the examples themselves, what a token's log-loss is of.
_OF_TEXT, _OF_TEXT_SETTINGS = ("tokenizer", "template"), ("loss_on", "max_tokens", "on_long")


@dataclass(frozen=True)
class StudyFacts:
    """What a study is of.

    `dev` is what its dev set is called, `examples` a digest of all that its scores are of, empty where that is not
    known. `inputs` are what its trials read and train by the names of settings, `digests` the contents of that.
    """

    folder: str
    task: str
    metric: Metric
    dev: str = ""
    examples: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)


def facts_of(store: StudyStore) -> StudyFacts:
    """Return what a study is of."""
    config = store.config
    task = config.task if isinstance(config, StudyConfig) else OWN_TRAINING
    named = {name: str(value) for name, value in config.inputs_named.items() if value not in (None, "")}
    inputs = {name: value for name, value in named.items() if name not in ("dev", "test", "batch_size")}
    digests = {name: str(value) for name, value in store.fingerprint.items() if name not in ("dev", "test")}
    return StudyFacts(str(store.folder), task, store.metric, _dev_name(named), _examples(store), inputs, digests)


def _dev_name(named: Mapping[str, str]) -> str:
    name = named.get("dev", "")
    if parse_share(name) is not None:  # of train, and drawn by a seed: another draw is another set
        return f"{named['train']}, {name} of it drawn with split seed {named['split_seed']}"
    return name


def _examples(store: StudyStore) -> str:
    if not isinstance(store.config, StudyConfig):
        known = str(store.task_state.get(EXAMPLES, ""))
        return "" if known == DIFFERENT else known
    dev = store.fingerprint.get("dev")
    if not dev:
        return ""
    told: list[object] = [store.config.task, dev]
    if store.config.task == "sft":
        settings = store.config.inputs_named
        told += [store.fingerprint.get(name) for name in _OF_TEXT]
        told += [settings.get(name) for name in _OF_TEXT_SETTINGS]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def differences(one: StudyFacts, two: StudyFacts, *, by_own_metric: bool = True) -> Iterator[str]:
    """Yield in words what keeps the runs of two studies from being compared; nothing where they may be.

    Args:
        one: a study.
        two: another one.
        by_own_metric: whether they are compared by their own metrics, not by one that was asked for.
    """
    if one.task != two.task:
        yield f"the task ({one.task} and {two.task})"
        return
    if by_own_metric and one.metric != two.metric:
        yield f"the metric ({_told(one.metric)} and {_told(two.metric)})"
    if one.examples != two.examples and one.dev != two.dev:
        yield f"the dev data ({one.dev or 'not named'} and {two.dev or 'not named'})"
    elif one.examples != two.examples:
        yield f"the dev data (what {one.dev or 'their scores are of'} held, or how it was read)"
    elif not one.examples and (one.inputs, one.digests) != (two.inputs, two.digests):
        yield "what is trained (another command or other inputs), and nothing tells whether on one dev set"


def _told(metric: Metric) -> str:
    return metric.name or "not known yet"


def apart(each: Sequence[StudyFacts]) -> list[dict[str, str]]:
    """Return for each study settings that tell its runs from those of the others: where inputs differ.

    >>> metric, files = Metric("loss", "minimize"), ("a/llama", "b/llama", "c/gemma")
    >>> apart([StudyFacts(name[0], "sft", metric, inputs={"model": name}) for name in files[1:]])
    [{'model': 'llama'}, {'model': 'gemma'}]
    >>> apart([StudyFacts(name[0], "sft", metric, inputs={"model": name}) for name in files[:2]])
    [{'model': 'a/llama'}, {'model': 'b/llama'}]
    """
    by_name = [{name: facts.inputs.get(name, "") for name in ("model", "train")} for facts in each]
    told: list[dict[str, str]] = [{} for _ in each]
    for name in ("model", "train"):
        values = [own[name] for own in by_name]
        if len(set(values)) > 1 and all(values):
            for own, value in zip(told, _short(values), strict=True):
                own[name] = value
    rest = [({**facts.inputs, **dict.fromkeys(own, "")}, facts.digests) for facts, own in zip(each, told, strict=True)]
    named = {tuple(own.items()) for own in told}
    if any(own != rest[0][0] for own, _ in rest) or (len(named) < len(each) and _differ_unnamed(told, rest)):
        for own, name in zip(told, _short([facts.folder for facts in each]), strict=True):
            own["study"] = name
    return told


def _differ_unnamed(told: Sequence[Mapping[str, str]], rest: Sequence[tuple[object, object]]) -> bool:
    """Whether two studies that nothing tells apart so far read other contents, as of a file that was changed."""
    known: dict[tuple[tuple[str, str], ...], object] = {}
    return any(known.setdefault(tuple(own.items()), of) != of for own, (_, of) in zip(told, rest, strict=True))


def _short(names: Sequence[str]) -> list[str]:
    """Return the last parts of paths, where those still tell them apart."""
    last = [PurePath(name).name or name for name in names]
    return last if len(set(last)) == len(set(names)) else list(names)
