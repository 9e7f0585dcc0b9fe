"""The language model for every architecture that the native LLaMA does not cover: transformers' own, adapters by PEFT.

transformers and PEFT are imported only when this path is taken.

Letters: B examples, T positions, K those whose logits anyone needs, M learned tokens, V vocabulary.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.models.generation import choose_tokens
from lrscope.models.language_model import ExampleLosses
from lrscope.models.lora import Adapters
from lrscope.models.peft_adapters import (
    add_peft_adapters,
    is_trained,
    load_peft_tensors,
    matrix_sizes,
    merge,
    peft_tensors,
)
from lrscope.models.trainable import TrainableModel
from lrscope.models.transformers_loading import (
    empty_network,
    load_network,
    plain_names,
    read_configuration,
    recompute_layers,
    untied_tensors,
)
from lrscope.randomness import StepRows

SEQUENCES_AT_ONCE = 16  # to generate from
# Models whose tokens see those behind them: what they make of a text is no prediction of it.
LOOKING_AHEAD = ("ForMaskedLM", "ForPreTraining", "ForSequenceClassification", "ForTokenClassification")


class TransformersLearner(TrainableModel):
    """`AutoModelForCausalLM`, alone or within a `PeftModel`, behind the interface of `LlamaLearner`."""

    def __init__(self, network: Any, dtype: torch.dtype, *, has_adapters: bool) -> None:
        super().__init__()
        self.network = network
        self.compute_dtype = dtype
        self.has_adapters = has_adapters
        self._chooses_logits = "logits_to_keep" in inspect.signature(self._inner.forward).parameters

    @property
    def _inner(self) -> Any:
        return self.network.get_base_model() if self.has_adapters else self.network

    def forward(
        self, ids_BT: Tensor, lengths_B: Tensor, learned_BT: Tensor, rows: StepRows | None = None
    ) -> ExampleLosses:
        """Return the losses of the tokens that `learned_BT` marks, each from the tokens before it in its example."""
        mask_BT = (torch.arange(ids_BT.shape[1], device=ids_BT.device) < lengths_B[:, None]).long()
        before_K = learned_BT.any(0).nonzero()[:, 0] - 1
        kept = {"logits_to_keep": before_K} if self._chooses_logits else {}
        device = ids_BT.device.type
        autocast = torch.autocast(device, self.compute_dtype, enabled=self.compute_dtype != torch.float32)
        # What these models and PEFT drop is drawn from torch's global generator, for the rows that they are given.
        with torch.random.fork_rng(enabled=rows is not None), autocast:
            if rows is not None:
                torch.manual_seed(rows.seed + rows.first_row)
            logits_BKV = self._inner(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False, **kept).logits
        if not kept:
            logits_BKV = logits_BKV[:, before_K]
        example_M, place_M = learned_BT.nonzero(as_tuple=True)
        logits_MV = logits_BKV[example_M, torch.searchsorted(before_K, place_M - 1)].float()
        targets_M = ids_BT[example_M, place_M]
        losses_M = F.cross_entropy(logits_MV, targets_M, reduction="none")
        loss_B, count_B, right_B = (torch.zeros(len(lengths_B), device=ids_BT.device) for _ in range(3))
        loss_B.index_add_(0, example_M, losses_M.detach())
        count_B.index_add_(0, example_M, torch.ones_like(losses_M))
        right_B.index_add_(0, example_M, (logits_MV.detach().argmax(-1) == targets_M).float())
        return ExampleLosses(losses_M.sum(), loss_B, count_B, right_B)

    @torch.inference_mode()
    def generate_tokens(
        self, prompts: Sequence[Sequence[int]], max_new_tokens: Sequence[int], stop_ids: frozenset[int]
    ) -> Iterator[tuple[int, int | None]]:
        """Yield (number of the prompt, its next most likely token, None where it has ended), by the network's own."""
        alike: dict[int, list[int]] = {}
        for number in sorted(range(len(prompts)), key=lambda number: len(prompts[number])):
            alike.setdefault(max_new_tokens[number], []).append(number)
        for limit, numbers in alike.items():
            for first in range(0, len(numbers) if limit else 0, SEQUENCES_AT_ONCE):
                together = numbers[first : first + SEQUENCES_AT_ONCE]
                written = self._continued([prompts[number] for number in together], limit, stop_ids)
                for number, tokens in zip(together, written, strict=True):
                    yield from ((number, token) for token in takewhile(lambda token: token not in stop_ids, tokens))
                    yield number, None

    @torch.inference_mode()
    def stream(
        self, prompt: Sequence[int], *, max_new_tokens: int, temperature: float = 0.0, seed: int = 0,
        stop_ids: frozenset[int] = frozenset(),
    ) -> Iterator[int]:  # fmt: skip
        """Yield the tokens of a prompt's continuation as they come, drawn as `generation.stream` draws them."""
        device, kept = self.network.device, None
        read, autocast_to = torch.tensor([list(prompt)], device=device), self.compute_dtype
        for number in range(max_new_tokens):
            with torch.autocast(device.type, autocast_to, enabled=autocast_to != torch.float32):
                output = self.network(input_ids=read, past_key_values=kept, use_cache=True)
            logits_1V, kept = output.logits[:, -1].float(), output.past_key_values
            (token,) = choose_tokens(logits_1V, [(0, number)], temperature=temperature, seed=seed)
            if token in stop_ids:
                return
            yield token
            read = torch.tensor([[token]], device=device)

    def _continued(self, prompts: list[Sequence[int]], limit: int, stop_ids: frozenset[int]) -> list[list[int]]:
        """Return what follows each prompt, padded behind the token that ends it."""
        from transformers import GenerationConfig

        width, device = max(map(len, prompts)), self.network.device
        pad_id = min(stop_ids, default=0)
        ids_BT = torch.tensor([[pad_id] * (width - len(prompt)) + [*prompt] for prompt in prompts], device=device)
        mask_BT = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
        # What is passed to generate() is filled up from the model's own, which may punish repetitions.
        self._inner.generation_config = GenerationConfig(
            do_sample=False, max_new_tokens=limit, eos_token_id=sorted(stop_ids) or None, pad_token_id=pad_id
        )
        autocast = torch.autocast(device.type, self.compute_dtype, enabled=self.compute_dtype != torch.float32)
        with autocast:
            written_BT = self.network.generate(input_ids=ids_BT, attention_mask=mask_BT)
        return written_BT[:, width:].tolist()  # type: ignore[no-any-return]

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save: by transformers' names, or adapters by PEFT's. Of tied weights there is one."""
        return peft_tensors(self.network) if self.has_adapters else untied_tensors(self.network)

    def merged_tensors(self) -> dict[str, Tensor]:
        """Return the weights of the whole model with its adapters in it, in float32. The model is given up."""
        return merge(self.network)

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave.

        Raises:
            CheckpointError: they are another model's.
        """
        if self.has_adapters:
            load_peft_tensors(self.network, tensors)
            return
        expected = untied_tensors(self.network)
        if set(expected) != set(tensors):
            name = sorted(set(expected) ^ set(tensors))[0]
            raise CheckpointError(f"weights must be those of this model: {name} is in one alone; run anew")
        self.network.load_state_dict(dict(tensors), strict=False)  # what is tied has one of its names

    def set_trainable(self, part: str) -> None:
        """Let all weights be trained, in float32, or the adapters alone."""
        self.train_where(lambda name: part == "full" or is_trained(name))

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
        if on:
            recompute_layers(self._inner)


def causal_matrices(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the matrices of a folder's language model that may have an adapter, as (F, D) by name.

    Raises:
        CheckpointError: it is no causal language model that transformers can load.
    """
    from transformers import AutoModelForCausalLM

    return matrix_sizes(empty_network(folder, AutoModelForCausalLM, _causal_configuration(folder)))


def _causal_configuration(folder: Path) -> Any:
    config = read_configuration(folder)
    named = [str(name) for name in getattr(config, "architectures", None) or []]
    if any(name.endswith(LOOKING_AHEAD) for name in named):
        raise CheckpointError(
            f"fine-tuning on completions needs a causal language model: {folder} is {', '.join(named)}; name another "
            "model"
        )
    return config


def load_causal(folder: Path, dtype: Any) -> Any:
    """Return a folder's `AutoModelForCausalLM`, every weight of which it holds.

    Raises:
        CheckpointError: it is none, or lacks some.
    """
    from transformers import AutoModelForCausalLM

    network, loading = load_network(folder, AutoModelForCausalLM, _causal_configuration(folder), dtype=dtype, seed=0)
    if lacking := plain_names(loading["missing_keys"]) + plain_names(loading["mismatched_keys"]):
        raise CheckpointError(
            f"a language model needs {lacking[0]}, which {folder} lacks; name the language model, not a classifier"
        )
    return network


def build_transformers_learner(folder: Path, dtype: torch.dtype, adapters: Adapters | None) -> TransformersLearner:
    """Load a language model with transformers, with adapters of PEFT's where they are asked for.

    Raises:
        CheckpointError: transformers cannot load it.
        ConfigError: the adapters do not fit it.
    """
    network = load_causal(folder, dtype if adapters else torch.float32)
    if adapters is not None:
        network = add_peft_adapters(network, *adapters, kind="CAUSAL_LM")
    return TransformersLearner(network, dtype, has_adapters=adapters is not None)
