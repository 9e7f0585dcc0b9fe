"""The language model for every architecture that the native LLaMA does not cover: transformers' own, adapters by PEFT.

transformers and PEFT are imported only when this path is taken.

Letters: B examples, T positions, M learned tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lrscope.errors import CheckpointError
from lrscope.models.language_model import ExampleLosses
from lrscope.models.lora import ALL_LINEAR, LoraSettings
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows

SEQUENCES_AT_ONCE = 16  # to generate from


class TransformersLearner(TrainableModel):
    """`AutoModelForCausalLM`, alone or within a `PeftModel`, behind the interface of `LlamaLearner`."""

    def __init__(self, network: Any, dtype: torch.dtype, *, has_adapters: bool) -> None:
        super().__init__()
        self.network = network
        self.compute_dtype = dtype
        self.has_adapters = has_adapters

    def forward(
        self, ids_BT: Tensor, lengths_B: Tensor, learned_BT: Tensor, rows: StepRows | None = None
    ) -> ExampleLosses:
        """Return the losses of the tokens that `learned_BT` marks, each from the tokens before it in its example."""
        mask_BT = (torch.arange(ids_BT.shape[1], device=ids_BT.device) < lengths_B[:, None]).long()
        device = ids_BT.device.type
        autocast = torch.autocast(device, self.compute_dtype, enabled=self.compute_dtype != torch.float32)
        with torch.random.fork_rng(enabled=rows is not None), autocast:
            if rows is not None:
                torch.manual_seed(rows.seed + rows.first_row)
            logits_BTV = self.network(input_ids=ids_BT, attention_mask=mask_BT, use_cache=False).logits
        example_M, place_M = learned_BT.nonzero(as_tuple=True)
        logits_MV = logits_BTV[example_M, place_M - 1].float()
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
    ) -> Iterator[tuple[int, int]]:
        """Yield (number of the prompt, its next most likely token), up to so many a prompt, by the network's own."""
        alike: dict[int, list[int]] = {}
        for number in sorted(range(len(prompts)), key=lambda number: len(prompts[number])):
            alike.setdefault(max_new_tokens[number], []).append(number)
        for limit, numbers in alike.items():
            for first in range(0, len(numbers) if limit else 0, SEQUENCES_AT_ONCE):
                together = numbers[first : first + SEQUENCES_AT_ONCE]
                written = self._continued([prompts[number] for number in together], limit, stop_ids)
                for number, tokens in zip(together, written, strict=True):
                    yield from ((number, token) for token in takewhile(lambda token: token not in stop_ids, tokens))

    def _continued(self, prompts: list[Sequence[int]], limit: int, stop_ids: frozenset[int]) -> list[list[int]]:
        """Return what follows each prompt, padded behind the token that ends it."""
        from transformers import GenerationConfig

        width, device = max(map(len, prompts)), self.network.device
        pad_id = min(stop_ids, default=0)
        ids_BT = torch.tensor([[pad_id] * (width - len(prompt)) + [*prompt] for prompt in prompts], device=device)
        mask_BT = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device)
        # What is passed to generate() is filled up from the model's own, which may punish repetitions.
        inner = self.network.get_base_model() if self.has_adapters else self.network
        inner.generation_config = GenerationConfig(
            do_sample=False, max_new_tokens=limit, eos_token_id=sorted(stop_ids) or None, pad_token_id=pad_id
        )
        autocast = torch.autocast(device.type, self.compute_dtype, enabled=self.compute_dtype != torch.float32)
        with autocast:
            written_BT = self.network.generate(input_ids=ids_BT, attention_mask=mask_BT)
        return written_BT[:, width:].tolist()  # type: ignore[no-any-return]

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the weights to save: by transformers' names, or adapters by PEFT's."""
        if not self.has_adapters:
            return {name: tensor.detach() for name, tensor in self.network.state_dict().items()}
        from peft import get_peft_model_state_dict

        return {name: tensor.detach() for name, tensor in get_peft_model_state_dict(self.network).items()}

    @torch.no_grad()
    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Put weights back that `to_tensors` gave."""
        if not self.has_adapters:
            self.network.load_state_dict(dict(tensors))
            return
        from peft import set_peft_model_state_dict

        set_peft_model_state_dict(self.network, dict(tensors))

    def set_trainable(self, part: str) -> None:
        """Let all weights be trained, in float32, or the adapters alone."""
        for name, parameter in self.named_parameters():
            trained = part == "full" or ".lora_" in name
            parameter.requires_grad_(trained)
            if trained:
                parameter.data = parameter.data.float()

    def set_gradient_checkpointing(self, on: bool) -> None:
        """Recompute each layer in the backward pass rather than keep its activations."""
        if on:
            self.network.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            if self.has_adapters:
                self.network.enable_input_require_grads()


def build_transformers_learner(
    folder: Path, dtype: torch.dtype, adapters: LoraSettings | None, seed: int
) -> TransformersLearner:
    """Load a language model with transformers, with adapters of PEFT's where they are asked for.

    Raises:
        CheckpointError: transformers cannot load it.
    """
    from transformers import AutoModelForCausalLM

    try:
        network = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype if adapters else torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().split("\n")[0]
        raise CheckpointError(f"transformers cannot load {folder}: {reason}; name another model") from error
    if adapters is None:
        return TransformersLearner(network, dtype, has_adapters=False)
    from peft import LoraConfig, get_peft_model

    targets = ALL_LINEAR if adapters.targets == (ALL_LINEAR,) else list(adapters.targets)
    config = LoraConfig(
        task_type="CAUSAL_LM", r=adapters.rank, lora_alpha=adapters.alpha, lora_dropout=adapters.dropout,
        target_modules=targets, use_rslora=adapters.root, bias="none",
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return TransformersLearner(get_peft_model(network, config), dtype, has_adapters=True)
