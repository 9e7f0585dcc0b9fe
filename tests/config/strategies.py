"""Any value that a declaration allows."""

from typing import Any

from hypothesis import strategies as st

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, SftConfig, StudyConfig, SweepConfig, TrialConfig
from lrscope.config.base import Section, Setting, settings_of

SCHEDULES = (
    "linear",
    "warmup(6%) > cosine(to=1%)",
    "hold(50%) > linear",
    "step(every=2ep, gamma=0.1)",
    "constant",
    "warmup(500ktok) > hold > linear(1234tok)",
)
# What a path or a name may be: quotes, spaces, letters of other languages, and what shells would run.
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda t: t.strip() == t
)


def values_of(item: Setting) -> st.SearchStrategy[Any]:
    """Return values of a setting, None where it may be left out."""
    return st.none() | _values(item) if item.is_optional else _values(item)


def _values(item: Setting) -> st.SearchStrategy[Any]:
    if item.choices:
        return st.sampled_from(item.choices)
    if item.name == "schedule":
        return st.sampled_from(SCHEDULES)
    if item.name == "eval_every":
        return st.sampled_from(("1ep", "0.25ep", "200st", "5%", "500ktok"))
    if item.name == "lora_targets":
        return st.sampled_from(("all-linear", "q_proj+v_proj"))
    if item.kind is bool:
        return st.booleans()
    if item.kind is int:
        low = int(item.at_least or 0)
        high = item.cap or item.at_most or (item.below - 1 if item.below else None)
        return st.integers(low, None if high is None else int(high))
    if item.kind is float:
        low = item.above if item.above is not None else item.at_least
        high = next((bound for bound in (item.below, item.at_most, item.cap) if bound is not None), None)
        return st.floats(
            low, high, exclude_min=item.above is not None, exclude_max=item.below is not None, allow_nan=False
        )
    return TEXTS


def sections(section: type[Section], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return the values of a section."""
    return st.fixed_dictionaries({**{n: values_of(i) for n, i in settings_of(section).items()}, **fixed})


def of_task(section: type[Section], values: dict[str, Any], task: str) -> dict[str, Any]:
    """Return values of a section with the defaults in the place of what does not belong to a task."""
    declared = settings_of(section)
    return {
        name: value if declared[name].belongs_to(task) else declared[name].default for name, value in values.items()
    }


def of_part(trial: dict[str, Any]) -> dict[str, Any]:
    """Return values of a trial with the defaults in the place of what does not belong to the part that it trains."""
    declared = settings_of(TrialConfig)
    known = ("", trial["train_part"])
    return {name: v if declared[name].of_part in known else declared[name].default for name, v in trial.items()}


TRIALS = (
    sections(TrialConfig).filter(lambda v: v["micro_batch"] is None or v["micro_batch"] <= v["batch_size"]).map(of_part)
)
DATA = sections(DataConfig).filter(lambda v: v["text_column"] is None or v["text_column"] != v["label_column"])
MODELS = sections(ModelConfig)
NUMERICS = sections(NumericsConfig)
GRIDS = st.dictionaries(
    st.sampled_from(["peak_rate", "batch_size", "dropout", "schedule", "optimizer"]), st.just(None), max_size=3
).flatmap(
    lambda names: st.fixed_dictionaries(
        {n: st.lists(_values(settings_of(TrialConfig)[n]), min_size=1, max_size=3, unique=True) for n in names}
    )
)
_RATES = st.lists(_values(settings_of(TrialConfig)["peak_rate"]), min_size=1, max_size=3, unique=True)
PART_RATES = st.just({}) | st.fixed_dictionaries(dict.fromkeys(("full", "lora", "head"), _RATES))
SWEEPS = sections(SweepConfig, grid=GRIDS, part_rates=PART_RATES, seeds=st.integers(1, 50))


def _study(task: str, parts: dict[str, dict[str, Any]]) -> StudyConfig:
    """Return a study of a task; a head is of classification alone, settings of answers of where those are measured."""
    if task == "sft" and parts["trial"]["train_part"] == "head":
        parts["trial"]["train_part"] = "full"
    if parts["sft"].get("generate_metric", "none") == "none":
        parts["sft"] = {name: value for name, value in parts["sft"].items() if not name.startswith("answer_")}
    sections = StudyConfig.sections
    built: Any = {name: sections[name](**of_task(sections[name], v, task)) for name, v in parts.items()}
    return StudyConfig(task=task, **built)  # type: ignore[arg-type]


def studies(**parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[StudyConfig]:
    """Return studies of either task with any values that belong to it; `parts` are sections drawn in other ways."""
    drawn = {"data": DATA, "model": MODELS, "sft": sections(SftConfig), "trial": TRIALS, "numerics": NUMERICS, **parts}
    return st.builds(_study, st.sampled_from(settings_of(StudyConfig)["task"].choices), st.fixed_dictionaries(drawn))
