"""Models that lie outside of a study: in a folder that `lrscope export` wrote, transformers, or PEFT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lrscope.config import DataConfig, ModelConfig, NumericsConfig, StudyConfig, TrialConfig
from lrscope.errors import CheckpointError, Problem
from lrscope.models.adapter_files import CONFIG, StoredAdapter, read_adapter_config
from lrscope.models.chat_template_files import read_chat_template
from lrscope.models.checkpoint_writer import metadata_in
from lrscope.models.checkpoints import read_configuration, read_json
from lrscope.models.tokenizers import has_tokenizer, read_tokenizer
from lrscope.tasks.sft_inputs import template_state
from lrscope.training.inference import TrainedModel, load_network, on_base, trained_steps


def load_exported(folder: Path, numerics: NumericsConfig | None = None, *, base: str | None = None) -> TrainedModel:
    """Load a classifier, a language model or a language model's adapters; `numerics` are those that `auto` settles.

    `base` is where that of adapters lies now, if not where their configuration says.

    Raises:
        ConfigError: it holds a whole model, and a base is named.
        CheckpointError: the folder holds none of these, or the base of adapters is not there.
    """
    if (folder / CONFIG).is_file():
        return _load_adapters(folder, read_adapter_config(folder), numerics, base)
    on_base(_study(folder, "sft", numerics), base, folder)
    if exported_task(folder) == "sft":
        return _load(folder, _study(folder, "sft", numerics), _template_of(folder, folder))
    names = _class_names(folder, read_json(folder / "config.json"))
    state = {"names": names, "keys": names, "keys_known": False}
    return _load(folder, _study(folder, "classification", numerics), state)


def exported_task(folder: Path) -> str:
    """Return the task of what a folder holds, by its configuration alone.

    Raises:
        CheckpointError: it is of none.
    """
    if (folder / CONFIG).is_file():
        return "sft"
    architectures = [str(name) for name in read_json(folder / "config.json").get("architectures") or []]
    for ending, task in (("ForCausalLM", "sft"), ("ForSequenceClassification", "classification")):
        if any(ending in name for name in architectures):
            return task
    raise CheckpointError(
        f"{folder} holds no classifier and no language model: its config.json names "
        f"{', '.join(architectures) or 'none'}; name the folder of a run, or one that lrscope export wrote"
    )


def _load_adapters(
    folder: Path, adapter: StoredAdapter, numerics: NumericsConfig | None, moved: str | None
) -> TrainedModel:
    if adapter.kind != "CAUSAL_LM":
        raise CheckpointError(
            f"{folder / CONFIG} must be of a language model, CAUSAL_LM: got {adapter.kind}; name the folder of its run"
        )
    settings = adapter.settings
    trial = TrialConfig(
        peak_rate=1.0, train_part="lora", lora_rank=settings.rank, lora_alpha=settings.alpha,
        lora_targets="+".join(settings.targets), lora_scaling="sqrt-rank" if settings.root else "rank",
    )  # fmt: skip
    try:
        _, base = read_configuration(moved or adapter.base)
    except CheckpointError as error:
        way_out = f"name where it lies with --run {folder} and {{model}}, or correct it in {CONFIG}"
        raise CheckpointError(
            Problem(f"{folder} holds adapters, whose base must be there", str(error).partition(";")[0], way_out)
        ) from error
    trained_on = metadata_in(folder).get("lrscope.base")
    return _load(folder, _study(moved or adapter.base, "sft", numerics, trial), _template_of(folder, base), trained_on)


def _study(
    model: Path | str, task: str, numerics: NumericsConfig | None, trial: TrialConfig | None = None
) -> StudyConfig:
    # A configuration names what was trained on, which nobody knows here and nothing reads.
    data = DataConfig(train=str(model), dev=str(model))
    return StudyConfig(
        task=task,  # type: ignore[arg-type]
        data=data, model=ModelConfig(model=str(model)), trial=trial or TrialConfig(peak_rate=1.0),
        numerics=numerics or NumericsConfig(),
    )  # fmt: skip


def _load(folder: Path, config: StudyConfig, state: Mapping[str, Any], base: str | None = None) -> TrainedModel:
    inputs, network = load_network(folder, config, state, numerics=None, base=base)
    return TrainedModel(None, 1, trained_steps(folder), inputs, network)


def _template_of(folder: Path, base: Path) -> dict[str, Any]:
    tokenizer = read_tokenizer(None, folder if has_tokenizer(folder) else base)
    template = read_chat_template(None, tokenizer, base, folder)
    return template_state(template, is_chat=template is not None)


def _class_names(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Return the names of a classifier's classes."""
    names = config.get("id2label")
    if not isinstance(names, dict) or sorted(names) != sorted(map(str, range(len(names)))) or len(names) < 2:
        raise CheckpointError(f"{folder}: config.json must name the classes: got id2label {names!r:.60}")
    return [str(names[str(index)]) for index in range(len(names))]
