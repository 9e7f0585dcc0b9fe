"""Models of every architecture, loaded with transformers: whole, of a size that their weights have, running no code.

transformers is imported only where a function here is called.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lrscope.errors import CheckpointError

HEAD_ROOM = 2**27  # parameters that a new head may have
BUFFERS = ("inv_freq", "position_ids", "masked_bias", "attn.bias")  # constants that older versions stored


@contextmanager
def quiet() -> Iterator[None]:
    """Let transformers and PEFT print neither progress bars nor what they ask each other by former names."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def read_configuration(folder: Path) -> Any:
    """Return a folder's configuration as transformers reads it.

    Raises:
        CheckpointError: it cannot.
    """
    from transformers import AutoConfig

    try:
        with quiet():
            return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # a configuration of wrong types breaks anywhere in transformers
        raise CheckpointError(f"transformers cannot load {folder}: {_reason(error)}; name another model") from error


def own_dropout(folder: Path) -> float:
    """Return the largest share that a model drops inside, by its configuration: 0 where it draws nothing.

    Raises:
        CheckpointError: transformers cannot read the configuration.
    """
    values = read_configuration(folder).to_dict()
    shares = [value for name, value in values.items() if "drop" in name and isinstance(value, int | float)]
    return max(map(float, shares), default=0.0)


def stored_precision(folder: Path) -> torch.dtype:
    """Return the precision that a folder's weights are stored in, by its configuration.

    Raises:
        CheckpointError: transformers cannot read it.
    """
    dtype = getattr(read_configuration(folder), "dtype", None)
    return dtype if isinstance(dtype, torch.dtype) else torch.float32


def empty_network(folder: Path, auto_class: Any, config: Any) -> nn.Module:
    """Return the model that a configuration asks for, without memory for its weights.

    Raises:
        CheckpointError: there is no such model, or it is far larger than the weights in the folder.
    """
    try:
        with quiet(), torch.device("meta"):
            network: nn.Module = auto_class.from_config(config)
    except Exception as error:
        raise CheckpointError(f"transformers cannot load {folder}: {_reason(error)}; name another model") from error
    planned = sum(parameter.numel() for parameter in network.parameters())
    stored = sum(path.stat().st_size for ending in ("safetensors", "bin") for path in folder.glob(f"*.{ending}"))
    if planned > 4 * stored + HEAD_ROOM:  # four parameters a byte: packed weights are read too
        raise CheckpointError(
            f"{folder} must hold the weights of its config.json: it asks for {planned} parameters, and the files have "
            f"{stored} bytes; weights and configuration belong to different models"
        )
    return network


def load_network(folder: Path, auto_class: Any, config: Any, *, dtype: Any, seed: int) -> tuple[Any, Mapping[str, Any]]:
    """Load a folder, with what its weights lack drawn from `seed`; return the model and what it lacked.

    Raises:
        CheckpointError: transformers cannot load it, or its weights are another model's.
    """
    empty_network(folder, auto_class, config)
    try:
        with torch.random.fork_rng(), quiet():
            torch.manual_seed(seed)
            network, loading = auto_class.from_pretrained(
                folder,
                config=config,
                dtype=dtype,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                trust_remote_code=False,
            )
    except MemoryError:
        raise
    except Exception as error:  # a configuration of wrong types breaks anywhere in transformers
        raise CheckpointError(f"transformers cannot load {folder}: {_reason(error)}; name another model") from error
    _require_whole(folder, network, loading)
    return network, loading


def _reason(error: Exception) -> str:
    first, *more = (str(error).strip() or type(error).__name__).splitlines()
    return f"{first} {more[0].strip()}" if first.endswith(":") and more else first


def plain_names(names: Any) -> list[str]:
    """Return names of tensors, with which transformers may list their sizes."""
    return sorted(str(name[0] if isinstance(name, tuple | list) else name) for name in names)


def _require_whole(folder: Path, network: Any, loading: Any) -> None:
    """Hold the backbone to its weights: nothing of it is left random, and none of them is left over.

    Heads and poolers are another task's, and may be fresh or unused.
    """
    prefix = f"{network.base_model_prefix}."

    def of_backbone(key: str) -> list[str]:
        return [name for name in plain_names(loading[key]) if name.startswith(prefix) and "pooler." not in name]

    for what, key in (("lacks", "missing_keys"), ("has other sizes of", "mismatched_keys")):
        names = of_backbone(key)
        if names:
            raise CheckpointError(
                f"{folder} {what} {len(names)} tensors of its model, such as {names[0]}: weights and configuration "
                "belong to different models"
            )
    unused = [name for name in of_backbone("unexpected_keys") if not name.endswith(BUFFERS)]
    if unused:
        raise CheckpointError(
            f"{folder} holds {len(unused)} tensors that a model of its config.json does not have, such as {unused[0]}: "
            "weights and configuration belong to different models"
        )


def recompute_layers(network: Any) -> None:
    """Let a model recompute each layer in the backward pass rather than keep its activations."""
    with quiet():
        network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})


def untied_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return a model's tensors by name, of those that are one tensor the first."""
    seen: set[tuple[int, torch.Size]] = set()
    tensors = {}
    for name, tensor in network.state_dict().items():
        place = (tensor.data_ptr(), tensor.shape)
        if tensor.numel() and place in seen:
            continue
        seen.add(place)
        tensors[name] = tensor.detach()
    return tensors
