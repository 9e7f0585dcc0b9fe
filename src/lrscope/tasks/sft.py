"""Supervised fine-tuning: the log-loss of completions given their prompts, in nats a token.

Arms are compared by it on dev. Each example's score is its mean loss, with its learned tokens as weight, so that two
runs are compared example by example and the mean is one over tokens.

Letters: B batch, T positions, N examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lrscope.config import DataConfig, StudyConfig, TrialConfig
from lrscope.data.conversation_readers import read_conversations
from lrscope.data.conversation_splits import ConversationSplit, load_conversation_splits
from lrscope.data.conversations import Conversation
from lrscope.errors import DataError, StudyError
from lrscope.models.chat_template import ChatTemplate
from lrscope.models.chat_template_files import read_chat_template, write_chat_template
from lrscope.models.language_model import LlamaLearner
from lrscope.models.language_model_transformers import TransformersLearner, causal_matrices
from lrscope.models.tokenizers import has_tokenizer, read_tokenizer
from lrscope.models.trainable import TrainableModel
from lrscope.randomness import StepRows
from lrscope.records import Answered, Metric, Scores, Unit
from lrscope.tasks.adapters import check_adapters
from lrscope.tasks.answering import Answering
from lrscope.tasks.base import EncodedSplit, Endpoint, Evaluation, LinearHead, Loss, TaskInputs
from lrscope.tasks.checkpoint import read_trained, save_weights
from lrscope.tasks.exact_match import AnswerSettings, check_questions, measure, question_of
from lrscope.tasks.sft_encoding import EncodedConversations, encode_conversations
from lrscope.tasks.sft_inputs import SftInputs, template_state
from lrscope.tasks.sft_model import build_learner_for
from lrscope.tasks.text import choose_implementation, dev_of, dropout_notes, read_model, token_limit
from lrscope.tasks.token_batch import TokenBatch, padded_batch
from lrscope.tasks.token_split import TokenSplit

LOSS, TOKENS, RIGHT = range(3)  # columns of outputs
TEST_BYTES = "test_bytes"  # what a study keeps of its test split, to score outputs without encoding it again


class SupervisedFineTuning:
    """The task of continuing prompts as their completions do."""

    metric = Metric("loss", "minimize")
    unit: Unit = "tokens"
    has_linear_head = False

    def prepare(self, config: StudyConfig) -> SftInputs:
        """Read conversations, weights, tokenizer and chat template."""
        data = config.data
        conversations = load_conversation_splits(Path(data.train), dev_of(data), Path(data.test) if data.test else None)
        checkpoint, tokenizer = read_model(config.model)
        implementation, why = choose_implementation(config.model, checkpoint)
        tokenizer_path = Path(config.model.tokenizer) if config.model.tokenizer else None
        template = read_chat_template(config.sft.chat_template, tokenizer, checkpoint.path, tokenizer_path)
        splits = conversations.by_name
        inputs = SftInputs(
            splits={},
            checkpoint=checkpoint,
            tokenizer=tokenizer,
            implementation=implementation,
            fingerprint={
                **{name: split.fingerprint for name, split in splits.items()},
                "weights": checkpoint.fingerprint,
                "tokenizer": tokenizer.fingerprint,
                "template": "" if template is None else template.fingerprint,
            },
            state=template_state(template, is_chat=not splits["train"].conversations[0].is_plain_text),
            overlaps=tuple((first, second, number) for (first, second), number in conversations.overlaps.items()),
            template=template,
            limit=token_limit(checkpoint, data.max_tokens),
            on_long=data.on_long,
            loss_on=config.sft.loss_on,
            answers=AnswerSettings.of(config.sft),
            is_chat=not splits["train"].conversations[0].is_plain_text,
        )
        encoded = {name: self._encode(inputs, split) for name, split in splits.items()}
        notes = [
            *checkpoint.notes,
            *conversations.notes,
            *([why] if why else []),
            *(() if template is None else template.notes),
        ]
        notes += [note for split in encoded.values() for note in split.notes(inputs.limit)]
        notes += check_adapters(config, checkpoint, implementation, causal_matrices)
        notes += dropout_notes(config, checkpoint, implementation)
        counts = ", ".join(f"{split.num_examples} {name}" for name, split in encoded.items())
        learned = sum(int(split.learned.sum()) for split in encoded.values())
        tokens = sum(len(split.ids) for split in encoded.values())
        summary = f"{counts} examples; {learned:,} of {tokens:,} tokens are learned or measured"
        state = {**inputs.state, **({TEST_BYTES: encoded["test"].num_bytes.tolist()} if "test" in encoded else {})}
        return replace(inputs, splits=encoded, state=state, summary=summary, notes=tuple(notes))

    def baseline(self, split: EncodedSplit) -> dict[str, float]:
        """Return nothing: no answer that ignores the examples has a log-loss worth naming."""
        return {}

    def restore(self, config: StudyConfig, state: Mapping[str, Any], checkpoint: Path) -> SftInputs:
        """Return what is needed to use a checkpoint of a finished study."""
        weights = read_trained(config, checkpoint)
        implementation, _ = choose_implementation(config.model, weights)
        kept = state.get("template")
        return SftInputs(
            splits={},
            checkpoint=weights,
            tokenizer=read_tokenizer(None, checkpoint if has_tokenizer(checkpoint) else weights.path),
            implementation=implementation,
            fingerprint={},
            state=state,
            template=None if kept is None else ChatTemplate(**kept),
            limit=token_limit(weights, config.data.max_tokens),
            on_long=config.data.on_long,
            loss_on=config.sft.loss_on,
            answers=AnswerSettings.of(config.sft),
            is_chat=kept is not None and state.get("is_chat") is not False,
        )

    def read(self, inputs: TaskInputs, data: DataConfig, path: Path) -> ConversationSplit:
        """Read conversations, or plain texts."""
        split = ConversationSplit("data", path, read_conversations(path))
        if _of_sft(inputs).template is None and not split.conversations[0].is_plain_text:
            beside = f"put a chat_template.jinja into {inputs.checkpoint.path}"
            raise DataError(f"{path}: conversations need a chat template: got a model without one; {beside}")
        return split

    def encode(self, inputs: TaskInputs, split: ConversationSplit) -> TokenSplit:
        """Return conversations as token ids with what is learned of them."""
        return self._encode(_of_sft(inputs), split)

    def _encode(self, inputs: SftInputs, split: ConversationSplit) -> EncodedConversations:
        encoded = encode_conversations(
            split.name, split.conversations, inputs.template, inputs.tokenizer, limit=inputs.limit,
            on_long=inputs.on_long, loss_on=inputs.loss_on, where=split.where,
        )  # fmt: skip
        if inputs.answers is None or split.name in ("train", "test"):
            return encoded
        check_questions(split.conversations, inputs.answers, split.path)
        return replace(encoded, conversations=tuple(split.conversations[place] for place in encoded.kept))

    def build_model(self, inputs: TaskInputs, trial: TrialConfig, precision: str) -> TrainableModel:
        """Return a fresh language model; the initial values of adapters depend on the seed alone."""
        return build_learner_for(inputs, trial, precision)

    def collate(
        self,
        inputs: TaskInputs,
        split: EncodedSplit,
        indices: NDArray[np.int64],
        device: str,
        rows: StepRows | None = None,
    ) -> TokenBatch:
        """Return these examples padded to the longest of them."""
        return padded_batch(split, indices, inputs.tokenizer.pad_id, device, rows)

    def loss(self, model: nn.Module, batch: TokenBatch, trial: TrialConfig) -> Loss:
        """Return the summed cross-entropy of learned tokens, and each example's share of right ones."""
        losses = model(batch.ids_BT, batch.lengths_B, batch.learned_BT, batch.rows)
        right_B = losses.right_B / losses.count_B
        return Loss(losses.total, float(losses.count_B.sum()), {"token_accuracy": (right_B, losses.count_B)})

    def outputs(self, model: nn.Module, batch: TokenBatch) -> Tensor:
        """Return each example's mean loss, learned tokens and share of right ones, (B, 3) in float32."""
        losses = model(batch.ids_BT, batch.lengths_B, batch.learned_BT, None)
        count_B = losses.count_B
        return torch.stack((losses.loss_B / count_B, count_B, losses.right_B / count_B), 1)

    def score(self, outputs: NDArray[np.float32], split: EncodedSplit) -> Evaluation:
        """Return the log-loss a token, its perplexity, bits a byte and token accuracy; scores of examples by tokens."""
        assert isinstance(split, TokenSplit)
        tokens_N = outputs[:, TOKENS]
        scores = {
            "loss": Scores(outputs[:, LOSS], tokens_N),
            "token_accuracy": Scores(outputs[:, RIGHT], tokens_N),
        }
        loss = scores["loss"].mean()
        num_bytes = int(split.num_bytes.sum())
        nats = loss * float(tokens_N.sum(dtype=np.float64))
        metrics = {
            "loss": loss,
            "perplexity": math.exp(min(loss, 700.0)),
            "bits_per_byte": nats / math.log(2.0) / num_bytes if num_bytes else math.nan,
            "token_accuracy": scores["token_accuracy"].mean(),
        }
        return Evaluation(metrics, scores)

    def endpoint(self, model: TrainableModel, inputs: TaskInputs, split: EncodedSplit) -> Iterator[Endpoint | Answered]:
        """Measure the answers that the model generates, where the study asks for that."""
        inputs = _of_sft(inputs)
        if inputs.answers is None:
            return iter(())
        writer = inputs.writer(inputs.answers.max_tokens)
        return measure(answering(model), _conversations(split), inputs.answers, writer)

    def endpoint_seconds(self, model: TrainableModel, inputs: TaskInputs, split: EncodedSplit) -> float:
        """Return about how long the model takes to answer, as long as the references are."""
        inputs = _of_sft(inputs)
        if inputs.answers is None:
            return 0.0
        asked, like = zip(*map(question_of, _conversations(split)), strict=True)
        return inputs.writer(inputs.answers.max_tokens).seconds(answering(model), asked, like)

    def sealed_targets(self, config: StudyConfig, state: Mapping[str, Any], digest: str | None) -> EncodedSplit:
        """Return what stored outputs of the test split are scored by: the bytes of each example."""
        assert config.data.test is not None
        path = Path(config.data.test)
        if ConversationSplit("test", path, read_conversations(path)).fingerprint != digest:
            raise StudyError(f"test scores are of the examples that were measured: {path} has changed since then")
        num_bytes = np.array(state.get(TEST_BYTES, ()), dtype=np.int64)
        nothing = np.zeros(len(num_bytes) + 1, dtype=np.int64)
        return TokenSplit(
            "test", np.empty(0, dtype=np.int32), nothing, nothing[1:],
            learned=np.empty(0, dtype=np.bool_), num_bytes=num_bytes,
        )  # fmt: skip

    def save(
        self, inputs: TaskInputs, tensors: Mapping[str, Tensor], folder: Path, metadata: Mapping[str, str],
        trial: TrialConfig,
    ) -> None:  # fmt: skip
        """Write a checkpoint that `AutoModelForCausalLM` loads, or adapters that PEFT loads."""
        save_weights(inputs, tensors, folder, metadata, trial, config=inputs.checkpoint.config, kind="CAUSAL_LM")
        template = _of_sft(inputs).template
        if template is not None:
            write_chat_template(template, folder)

    def linear_head(self, inputs: TaskInputs) -> LinearHead | None:
        """Return none: the vocabulary's matrix is part of the model."""
        return None


def answering(model: TrainableModel) -> Answering:
    """Return a model of this task as one that answers."""
    assert isinstance(model, LlamaLearner | TransformersLearner)
    return model.eval()


def _conversations(split: EncodedSplit) -> tuple[Conversation, ...]:
    assert isinstance(split, EncodedConversations)
    return split.conversations


def _of_sft(inputs: TaskInputs) -> SftInputs:
    assert isinstance(inputs, SftInputs)
    return inputs
