"""Weights from wherever people keep them, as tensors by transformers' names.

a Hugging Face folder     config.json and model.safetensors (sharded too), or pytorch_model.bin
a hub name                the same, fetched with huggingface_hub
llama2.c                  a version-0 .bin, or a folder that holds one
llama2.c, CMU minLLaMA    a .pt checkpoint, or a folder that holds one
llama.cpp                 a .gguf, or a folder or hub repository that holds one
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.models.gguf_files import read_gguf, read_gguf_config
from lrscope.models.gguf_header import is_gguf
from lrscope.models.llama2c import read_llama2c
from lrscope.models.minllama import load_pickle, read_minllama
from lrscope.models.shape import LlamaShape, check_config, unsupported_reason

HUB_FILES_BUT_WEIGHTS = ["*.json", "*.jinja", "tokenizer.model"]
HUB_FILES = [*HUB_FILES_BUT_WEIGHTS, "*.safetensors", "pytorch_model*.bin"]
FILES = (".bin", ".pt", ".pth", ".gguf")
ADAPTER_CONFIG = "adapter_config.json"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A model as it was read. `path` is the local file or folder, `source` what the user called it.

    `tensors` are empty and `shape` is None where only transformers can run the model; it reads the folder itself.
    `notes` are what a user should know of the weights.
    """

    config: Mapping[str, Any]
    shape: LlamaShape | None
    tensors: Mapping[str, Tensor]
    source: str
    path: Path
    fingerprint: str
    metadata: Mapping[str, str]
    notes: tuple[str, ...] = ()


def read_checkpoint(source: str | Path) -> Checkpoint:
    """Read weights and configuration.

    Raises:
        CheckpointError: there is nothing there, or it cannot be read; the message says what to do.
    """
    name, path = str(source), _locate(source, HUB_FILES)
    if path.is_dir():
        return _read_folder(path, name)
    if is_gguf(path):
        config, shape, tensors, notes = read_gguf(path)
        return Checkpoint(config, shape, _checked(path, shape, tensors), name, path, _digest([path]), {}, notes)
    read = {".bin": read_llama2c, ".pt": read_minllama, ".pth": read_minllama}.get(path.suffix.lower())
    if read is None:
        raise CheckpointError(f"a model is a folder, a .gguf, a llama2.c .bin or a .pt: got {name}; name one of these")
    shape, tensors = read(path)
    tensors = _checked(path, shape, tensors)
    return Checkpoint(shape.to_config(), shape, tensors, name, path, _digest([path]), {})


def read_configuration(source: str | Path) -> tuple[Mapping[str, Any], Path]:
    """Return a model's configuration and where it lies, without its weights where they stand in files of their own.

    Raises:
        CheckpointError: there is nothing there, or it cannot be read; the message says what to do.
    """
    path = _locate(source, HUB_FILES_BUT_WEIGHTS)
    if is_gguf(path):
        return read_gguf_config(path), path
    if not path.is_dir():
        checkpoint = read_checkpoint(path)
        return checkpoint.config, checkpoint.path
    config = read_json(path / "config.json")
    check_config(config)
    return config, path


def _locate(source: str | Path, hub_files: list[str]) -> Path:
    """Return the folder or the file of a model, with these of its files where it comes from the hub."""
    name = str(source)
    path = Path(name).expanduser()
    if not path.exists():
        if isinstance(source, Path) or _is_path(name):
            raise CheckpointError(f"no such model: {name}; name a folder, a file, or a model on the Hugging Face hub")
        path = _from_hub(name, hub_files)
    if path.is_dir() and not (path / "config.json").is_file():
        if (path / ADAPTER_CONFIG).is_file():
            base = read_json(path / ADAPTER_CONFIG).get("base_model_name_or_path")
            named = f"{base!s:.200}" if base else "the model that they were trained on"
            raise CheckpointError(
                f"a model is more than adapters: got {name}; name their base, {named}, or merge them into it with "
                "lrscope export --merge"
            )
        path = _only_model_in(path)
    return path


def _is_path(name: str) -> bool:
    # A hub name is `name` or `owner/name`, and has no ending.
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or Path(name).suffix.lower() in FILES


def _from_hub(name: str, wanted: list[str]) -> Path:
    from huggingface_hub import hf_hub_download, list_repo_files, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        folder = Path(snapshot_download(name, allow_patterns=wanted))
        if (folder / "config.json").is_file():
            return folder
        # Repositories of GGUF files have the same weights in many sizes: only one that is alone is meant.
        files = [file for file in list_repo_files(name) if file.endswith(".gguf")]
        if len(files) == 1:
            return Path(hf_hub_download(name, files[0]))
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise CheckpointError(
            f"{name} is no local folder, and the Hugging Face hub does not give it: {reason}"
        ) from error
    if not files:
        return folder
    raise CheckpointError(f"{name} has {len(files)} GGUF files, such as {files[0]}; download one, and name that file")


def _only_model_in(folder: Path) -> Path:
    models = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in FILES and path.is_file() and not path.name.startswith("tok")
    )
    if len(models) != 1:
        got = ", ".join(path.name for path in models[:5]) or "none of these"
        raise CheckpointError(
            f"a model folder holds a config.json, or one .bin, .pt or .gguf: {folder} has {got}; name the file"
        )
    return models[0]


def _read_folder(folder: Path, source: str) -> Checkpoint:
    config = read_json(folder / "config.json")
    check_config(config)
    files = _weight_files(folder)
    fingerprint = _digest([folder / "config.json", *files])
    metadata: dict[str, str] = {}
    tensors: dict[str, Tensor] = {}
    shape = LlamaShape.from_config(config) if unsupported_reason(config) is None else None
    for path in files:
        if path.suffix == ".safetensors":
            loaded, described = read_safetensors(path, with_tensors=shape is not None)
            metadata |= described
        elif shape is not None:
            loaded = _tensors_of(path, load_pickle(path))
        else:
            loaded = {}
        tensors |= loaded
    if shape is not None:
        tensors = _checked(folder, shape, _with_prefix(tensors))
    return Checkpoint(config, shape, tensors, source, folder, fingerprint, metadata)


def _tensors_of(path: Path, content: Any) -> dict[str, Tensor]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} must hold tensors by name: got {type(content).__name__}; copy it anew")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _weight_files(folder: Path) -> list[Path]:
    for single, index in (
        ("model.safetensors", "model.safetensors.index.json"),
        ("pytorch_model.bin", "pytorch_model.bin.index.json"),
    ):
        if (folder / single).is_file():
            return [folder / single]
        if (folder / index).is_file():
            content = read_json(folder / index).get("weight_map")
            if not isinstance(content, Mapping):
                raise CheckpointError(f"{folder / index} must hold a weight_map: it does not; copy it anew")
            files = [folder / Path(str(name)).name for name in sorted(set(content.values()))]
            missing = [path.name for path in files if not path.is_file()]
            if missing:
                raise CheckpointError(f"{folder} must hold all of its shards: {missing[0]} is missing; copy it anew")
            return files
    raise CheckpointError(f"{folder} must hold model.safetensors: it does not; copy the weights beside config.json")


def read_safetensors(path: Path, *, with_tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return a file's tensors and metadata.

    Raises:
        CheckpointError: it is cut short or corrupt.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys()) if with_tensors else []
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        reason = str(error).split("\n")[0]
        raise CheckpointError(f"{path} is not safetensors that can be read: {reason}; copy it anew") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file.

    Raises:
        CheckpointError: the file is missing or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON that can be read: {error}; copy it anew") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} must hold a JSON object: got {type(value).__name__}; copy it anew")
    return value


def _with_prefix(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name tensors of a bare `LlamaModel` as within a `LlamaForCausalLM`."""
    if any(name.startswith("model.") for name in tensors):
        return dict(tensors)
    return {
        name if name.startswith(("lm_head.", "score.")) else f"model.{name}": value for name, value in tensors.items()
    }


FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def _checked(path: Path, shape: LlamaShape, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Hold weights to the configuration: every tensor of the backbone is there, and none is left over.

    Heads (`lm_head`, `score` and others outside of `model.`) are left to those who use them.
    """
    expected = shape.tensor_shapes()
    for name, size in expected.items():
        tensor = tensors.get(name)
        if tensor is None:
            raise CheckpointError(f"{path} must hold {name}: it does not; its weights belong to another model")
        if tuple(tensor.shape) != size:
            raise CheckpointError(
                f"{path}: {name} must have the shape {size}, as the configuration says: got {tuple(tensor.shape)}; "
                "weights and configuration belong to different models"
            )
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS and name in (*expected, "lm_head.weight", "score.weight"):
            raise CheckpointError(f"{path}: {name} must hold floats: got {tensor.dtype}; save the weights as float32")
        if tensor.layout != torch.strided or tensor.is_meta:
            raise CheckpointError(f"{path}: {name} must be a plain tensor: got {tensor.layout}; save it as one")
    unused = [
        name
        for name in tensors
        if name.startswith("model.") and name not in expected and not name.endswith("rotary_emb.inv_freq")
    ]
    if unused:
        raise CheckpointError(
            f"{path} holds {len(unused)} tensors that a model of this config.json does not have, such as {unused[0]}; "
            "weights and configuration belong to different models"
        )
    return tensors


def _digest(paths: list[Path]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        for piece in _pieces(path):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(2**22):
            yield piece
